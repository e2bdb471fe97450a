//! Objects that a plugin makes, changes and removes as its own.

use serde_json::{Value, json};
use tidegate_contract::{
    Change, Edit, Object, ObjectRef, Observation, Outcome, Query, Selection, Share, Traffic, Verdict,
};
use tidegate_route::{Answer, Pass, Purpose, WriteAction, apply, reason};

use crate::plugin::{Plugin, made_kind, observation, outcome, pass, refused, route, routed, share, steady};

fn made(name: &str) -> ObjectRef {
    ObjectRef { kind: made_kind(), namespace: Some("shop".into()), name: name.into() }
}

fn by_name(name: &str) -> Query {
    Query { kind: made_kind(), namespace: None, select: Selection::Name(name.into()), optional: false }
}

fn seen(query: &Query, objects: &[Value]) -> Observation {
    let objects = objects
        .iter()
        .map(|value| Object {
            reference: made(value["metadata"]["name"].as_str().unwrap()),
            api_version: "example.com/v1".into(),
            json: value.to_string().into(),
        })
        .collect();
    Observation { query: query.clone(), served: true, objects }
}

/// As a plugin writes it.
fn wanted(name: &str, weight: u32) -> Value {
    json!({
        "apiVersion": "example.com/v1", "kind": "Made",
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"weight": weight},
    })
}

/// As the server has it, owned by the Rollout.
fn owned(name: &str, weight: u32) -> Value {
    let mut object = wanted(name, weight);
    object["metadata"] = json!({
        "name": name, "namespace": "shop", "uid": format!("uid-{name}"), "resourceVersion": "7", "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"app": "web", "app.kubernetes.io/managed-by": "tidegate"},
        "ownerReferences": [{
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "uid-rollout",
            "controller": true, "blockOwnerDeletion": true,
        }],
    });
    object["status"] = json!({"ready": true});
    object
}

/// A Rollout with the route `web`, and these queries and objects of the kind of which a plugin makes some.
fn seeing(observations: Vec<Observation>) -> Pass {
    let mut all = vec![observation("web", &route("web"))];
    all.extend(observations);
    pass(20, all)
}

/// What becomes of these changes; the plugin says nothing more when it is asked again.
fn judged(pass: &Pass, changes: Vec<Change>) -> Answer {
    let first = outcome(changes, steady_about_routes(&pass.traffic).shares);
    once(pass, first).run(pass)
}

fn steady_about_routes(traffic: &Traffic) -> Outcome {
    steady(traffic, &[observation("web", &route("web"))])
}

fn once(pass: &Pass, first: Outcome) -> Plugin<'_> {
    let mut first = Some(first);
    Plugin::new(move |_, traffic, _| Ok(first.take().unwrap_or_else(|| steady_about_routes(traffic))))
        .locate(|_| Ok(pass.seen.iter().map(|seen| seen.query.clone()).collect()))
}

fn replace(reference: ObjectRef, value: &Value) -> Vec<Change> {
    vec![Change { reference, edit: Edit::Replace(value.to_string()) }]
}

#[test]
fn what_is_made_gets_namespace_owner_and_label_from_the_host() {
    let pass = seeing(vec![seen(&by_name("m"), &[])]);
    let mut value = wanted("m", 20);
    // What typed languages write for what they leave out.
    value["metadata"]["creationTimestamp"] = Value::Null;
    value["status"] = json!({"loadBalancer": {}});
    let routed = routed(judged(&pass, replace(made("m"), &value)));
    let [write] = routed.writes.as_slice() else { panic!("{routed:?}") };
    assert_eq!((&write.reference, write.api_version.as_str()), (&made("m"), "example.com/v1"));
    let mut expected = owned("m", 20);
    let metadata = expected["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| ["name", "namespace", "labels", "ownerReferences"].contains(&key.as_str()));
    expected.as_object_mut().unwrap().remove("status");
    assert_eq!(write.action, WriteAction::Create(expected));
}

#[test]
fn what_was_made_is_seen_when_the_plugin_is_asked_again() {
    let by_label = |labels: &str| Query { select: Selection::Labels(labels.into()), ..by_name("x") };
    let queries = [by_label("app=api"), by_label("app.kubernetes.io/managed-by=tidegate"), by_name("m")];
    let pass = seeing(vec![
        seen(&queries[0], &[]),
        seen(&queries[1], &[owned("a", 1), owned("z", 1)]),
        seen(&queries[2], &[]),
    ]);
    let mut asked = 0;
    let plugin = Plugin::new(|_, traffic, seen| {
        asked += 1;
        let mut outcome = steady_about_routes(traffic);
        let names = |query: &Query| {
            let objects = &seen.iter().find(|seen| seen.query == *query).unwrap().objects;
            objects.iter().map(|object| object.reference.name.clone()).collect::<Vec<_>>()
        };
        if asked == 1 {
            outcome.changes = replace(made("m"), &wanted("m", 20));
        } else {
            assert_eq!(names(&queries[0]), [""; 0]);
            assert_eq!(names(&queries[1]), ["a", "m", "z"]);
            assert_eq!(names(&queries[2]), ["m"]);
            let found =
                seen.iter().flat_map(|seen| &seen.objects).find(|object| object.reference == made("m"));
            let value: Value = serde_json::from_str(&found.unwrap().json).unwrap();
            assert!(value["metadata"]["uid"].is_string());
            assert_eq!(value["metadata"]["ownerReferences"][0]["uid"], "uid-rollout");
            // One that always answers with what it wants says nothing new.
            outcome.changes = replace(made("m"), &wanted("m", 20));
        }
        Ok(outcome)
    });
    let plugin = plugin.locate(|_| Ok(pass.seen.iter().map(|seen| seen.query.clone()).collect()));
    assert_eq!(routed(plugin.run(&pass)).writes.len(), 1);
    assert_eq!(asked, 2);
}

#[test]
fn only_what_was_looked_for_by_name_in_its_own_namespace_is_made() {
    let by_label = Query { select: Selection::Labels("app=web".into()), ..by_name("m") };
    let unserved = Observation { query: by_name("m"), served: false, objects: Vec::new() };
    let optional = Query { optional: true, ..by_name("m") };
    let create = Err(reason::FORBIDDEN_CREATE);
    let edit = Err(reason::INVALID_EDIT);
    let with = |pointer: &str, value: Value| {
        let mut object = wanted("m", 20);
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[key] = value;
        object
    };
    let fine = wanted("m", 20);
    let mut status = fine.clone();
    status["status"] = json!({"ready": true});
    let elsewhere = ObjectRef { namespace: Some("other".into()), ..made("m") };
    let nowhere = ObjectRef { namespace: None, ..made("m") };
    let looked = seen(&by_name("m"), &[]);
    for (observation, reference, value, expected) in [
        (looked.clone(), made("m"), fine.clone(), Ok(())),
        (seen(&by_label, &[]), made("m"), fine.clone(), create),
        (Observation { query: optional, ..unserved }, made("m"), fine.clone(), create),
        (looked.clone(), made("other"), wanted("other", 20), create),
        (looked.clone(), elsewhere, fine.clone(), create),
        (looked.clone(), nowhere, fine.clone(), create),
        (seen(&by_name("M"), &[]), made("M"), wanted("M", 20), create),
        (looked.clone(), made("m"), with("/apiVersion", json!("example.com/v2")), create),
        (looked.clone(), made("m"), with("/apiVersion", json!("other.com/v1")), create),
        (looked.clone(), made("m"), with("/apiVersion", json!("v1")), create),
        (looked.clone(), made("m"), with("/kind", json!("Other")), edit),
        (looked.clone(), made("m"), with("/metadata/name", json!("n")), edit),
        (looked.clone(), made("m"), with("/metadata/namespace", json!("other")), edit),
        (looked.clone(), made("m"), with("/metadata/namespace", json!("shop")), Ok(())),
        (looked.clone(), made("m"), with("/metadata/generateName", json!("m-")), edit),
        (looked.clone(), made("m"), with("/metadata/finalizers", json!(["x"])), edit),
        (looked.clone(), made("m"), with("/metadata/ownerReferences", json!([{"uid": "x"}])), edit),
        (looked.clone(), made("m"), with("/metadata/labels", json!("x")), edit),
        (looked.clone(), made("m"), with("/metadata", json!([])), edit),
        (looked.clone(), made("m"), status, edit),
        (looked.clone(), made("m"), json!([]), create),
    ] {
        let pass = seeing(vec![observation]);
        let answer = judged(&pass, replace(reference, &value));
        match expected {
            Ok(()) => assert_eq!(routed(answer).writes.len(), 1, "{value}"),
            Err(expected) => assert_eq!(refused(answer), expected, "{value}"),
        }
    }
    let mut value = fine;
    value["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("Helm");
    assert_eq!(refused(judged(&seeing(vec![looked]), replace(made("m"), &value))), reason::INVALID_EDIT);
}

#[test]
fn own_objects_change_in_everything_but_what_the_host_gave_them() {
    let patch = |operations: Value| {
        vec![Change { reference: made("m"), edit: Edit::JsonPatch(operations.to_string()) }]
    };
    let old = owned("m", 0);
    let pass = seeing(vec![seen(&by_name("m"), std::slice::from_ref(&old))]);
    let after = |changes| {
        let routed = routed(judged(&pass, changes));
        let [write] = routed.writes.as_slice() else { panic!("{routed:?}") };
        apply(write.patch().unwrap(), &old).unwrap()
    };
    // Left out is not taken away.
    assert_eq!(after(replace(made("m"), &wanted("m", 20))), owned("m", 20));
    let mut more = owned("m", 0);
    more["spec"]["rules"] = json!([{"name": "anything"}]);
    more["metadata"]["annotations"] = json!({"any": "thing"});
    assert_eq!(after(replace(made("m"), &more)), more);
    assert!(routed(judged(&pass, replace(made("m"), &wanted("m", 0)))).writes.is_empty());
    for operations in [
        json!([{"op": "replace", "path": "/apiVersion", "value": "example.com/v2"}]),
        json!([{"op": "replace", "path": "/status/ready", "value": false}]),
        json!([{"op": "replace", "path": "/metadata/name", "value": "n"}]),
        json!([{"op": "replace", "path": "/metadata/namespace", "value": "n"}]),
        json!([{"op": "replace", "path": "/metadata/uid", "value": "n"}]),
        json!([{"op": "replace", "path": "/metadata/ownerReferences/0/controller", "value": false}]),
        json!([{"op": "add", "path": "/metadata/ownerReferences/1", "value": {"uid": "x"}}]),
        json!([{"op": "add", "path": "/metadata/finalizers", "value": ["x"]}]),
        json!([{"op": "replace", "path": "/metadata/labels/app.kubernetes.io~1managed-by", "value": "x"}]),
        json!([{"op": "replace", "path": "/metadata", "value": []}]),
    ] {
        assert_eq!(
            refused(judged(&pass, patch(operations.clone()))),
            reason::FORBIDDEN_CHANGE,
            "{operations}"
        );
    }
}

#[test]
fn what_the_rollout_controls_is_adopted_by_the_next_write() {
    for label in [None, Some("argo-rollouts")] {
        let mut old = owned("m", 0);
        let labels = old["metadata"]["labels"].as_object_mut().unwrap();
        labels.remove("app.kubernetes.io/managed-by");
        labels.extend(label.map(|label| ("app.kubernetes.io/managed-by".to_owned(), json!(label))));
        let pass = seeing(vec![seen(&by_name("m"), std::slice::from_ref(&old))]);
        assert!(routed(judged(&pass, replace(made("m"), &wanted("m", 0)))).writes.is_empty());
        let routed = routed(judged(&pass, replace(made("m"), &wanted("m", 20))));
        assert_eq!(apply(routed.writes[0].patch().unwrap(), &old), Ok(owned("m", 20)));
    }
}

#[test]
fn what_the_rollout_does_not_control_is_foreign() {
    let remove = || vec![Change { reference: made("m"), edit: Edit::Remove }];
    let owner = |key: &str, value: Value| {
        let mut object = owned("m", 0);
        object["metadata"]["ownerReferences"][0][key] = value;
        object
    };
    let mut orphan = owned("m", 0);
    orphan["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    for object in [
        orphan,
        owner("uid", json!("other")),
        owner("controller", json!(false)),
        owner("controller", Value::Null),
    ] {
        let pass = seeing(vec![seen(&by_name("m"), std::slice::from_ref(&object))]);
        let mut new = object.clone();
        new["spec"]["weight"] = json!(20);
        assert_eq!(refused(judged(&pass, replace(made("m"), &new))), reason::FOREIGN_OBJECT, "{object}");
        assert_eq!(refused(judged(&pass, remove())), reason::FORBIDDEN_REMOVE, "{object}");
    }
}

#[test]
fn own_objects_are_removed_by_their_uid() {
    let remove = || vec![Change { reference: made("m"), edit: Edit::Remove }];
    let pass = seeing(vec![seen(&by_name("m"), &[owned("m", 0)])]);
    let mut asked = 0;
    let plugin = Plugin::new(|_, traffic, seen| {
        asked += 1;
        let mut outcome = steady_about_routes(traffic);
        let is_there = seen.iter().flat_map(|seen| &seen.objects).any(|object| object.reference == made("m"));
        assert_eq!(is_there, asked == 1);
        outcome.changes = if is_there { remove() } else { Vec::new() };
        Ok(outcome)
    });
    let answer = plugin.locate(|_| Ok(pass.seen.iter().map(|seen| seen.query.clone()).collect())).run(&pass);
    let routed_once = routed(answer);
    assert_eq!(routed_once.writes[0].action, WriteAction::Delete { uid: "uid-m".into() });
    // It is under way already: it is waited for.
    let mut going = owned("m", 0);
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let pass = seeing(vec![seen(&by_name("m"), &[going])]);
    let routed = routed(judged(&pass, remove()));
    assert!(routed.writes.is_empty());
    assert!(matches!(routed.verdict, Verdict::Pending(_)), "{:?}", routed.verdict);
}

#[test]
fn own_objects_need_no_shares_and_others_do_where_their_kind_has_some() {
    let at = |name: &str, weight: u32, destination: &str| Share {
        about: made(name),
        ..share("x", "/spec", destination, weight, 100)
    };
    let mut foreign = owned("m", 0);
    foreign["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    let mut foreign_after = foreign.clone();
    foreign_after["spec"]["weight"] = json!(20);
    for (old, new, others_divide, expected) in [
        (owned("m", 0), owned("m", 20), true, Ok(1)),
        (owned("m", 0), owned("m", 20), false, Ok(1)),
        (foreign.clone(), foreign_after.clone(), false, Ok(1)),
        (foreign, foreign_after, true, Err(reason::WRONG_SHARES)),
    ] {
        let pass = seeing(vec![seen(&by_name("m"), &[old]), seen(&by_name("n"), &[owned("n", 0)])]);
        let mut changes = replace(made("m"), &new);
        let plugin = Plugin::new(|_, traffic, _| {
            let mut answer = steady_about_routes(traffic);
            answer.changes = std::mem::take(&mut changes);
            if others_divide {
                answer.shares.extend([at("n", 80, "stable"), at("n", 20, "canary")]);
            }
            Ok(answer)
        });
        let mut plugin = plugin.locate(|_| Ok(pass.seen.iter().map(|seen| seen.query.clone()).collect()));
        let used = plugin.description.kinds.iter_mut().find(|used| used.kind == made_kind());
        used.unwrap().fields = vec!["/spec/weight".into()];
        match plugin.run(&pass) {
            Answer::Routed(routed) => assert_eq!(Ok(routed.writes.len()), expected),
            other => assert_eq!(Err(refused(other)), expected),
        }
    }
}

#[test]
fn a_release_removes_what_was_made() {
    let mut pass = seeing(vec![seen(&by_name("m"), &[owned("m", 20)])]);
    pass.purpose = Purpose::Release;
    let first = outcome(vec![Change { reference: made("m"), edit: Edit::Remove }], Vec::new());
    let mut first = Some(first);
    let plugin = Plugin::new(|_, _, _| Ok(first.take().unwrap_or_else(|| outcome(Vec::new(), Vec::new()))));
    let answer = plugin.locate(|_| Ok(pass.seen.iter().map(|seen| seen.query.clone()).collect())).run(&pass);
    assert_eq!(routed(answer).writes[0].action, WriteAction::Delete { uid: "uid-m".into() });
}
