//! Which changes are allowed.

use serde_json::{Value, json};
use tidegate_contract::{Change, Edit, Kind, KindUse, ObjectRef, Verb};
use tidegate_route::{Answer, apply, reason};

use crate::plugin::{
    Plugin, WEIGHT, description, outcome, pass_on, patched, query, reference, route, steady,
};

/// What becomes of this patch of the route `web` when these fields are granted.
fn judged(fields: &[&str], web: &Value, patch: &Value) -> Result<(), &'static str> {
    let pass = pass_on(20, web);
    let changes = vec![patched("web", patch)];
    let first = outcome(changes, steady(&pass.traffic, &pass.seen).shares);
    match Plugin::once(first).fields(fields).run(&pass) {
        Answer::Refused(refusal) => Err(refusal.reason),
        Answer::Routed(routed) => {
            let [write] = routed.writes.as_slice() else { panic!("{routed:?}") };
            let wanted = apply(patch.as_array().unwrap(), web).unwrap();
            assert_eq!(apply(write.patch().unwrap(), web), Ok(wanted));
            Ok(())
        }
        other => panic!("{other:?}"),
    }
}

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!([{"op": "replace", "path": path, "value": value.into()}])
}

fn add(path: &str, value: impl Into<Value>) -> Value {
    json!([{"op": "add", "path": path, "value": value.into()}])
}

fn remove(path: &str) -> Value {
    json!([{"op": "remove", "path": path}])
}

const OURS: &str = "/spec/rules/0/backendRefs/1";
const FOREIGN: &str = "/spec/rules/1/backendRefs/0";

#[test]
fn only_granted_fields_change() {
    let forbidden = Err(reason::FORBIDDEN_CHANGE);
    let foreign = Err(reason::FOREIGN_ELEMENT);
    let backend = json!({"name": "web-canary", "port": 81, "weight": 5});
    let web = route("web");
    for (patch, expected) in [
        (replace(&format!("{OURS}/weight"), 20), Ok(())),
        (remove(&format!("{OURS}/weight")), Ok(())),
        (replace(&format!("{OURS}/weight"), Value::Null), Ok(())),
        (replace(&format!("{FOREIGN}/weight"), 2), foreign),
        (remove(&format!("{FOREIGN}/weight")), foreign),
        (replace(&format!("{OURS}/port"), 81), forbidden),
        (replace(&format!("{OURS}/name"), "web-stable"), forbidden),
        (add(&format!("{OURS}/filters"), json!([])), forbidden),
        // A field becomes no list: an element of it would have come.
        (replace(&format!("{OURS}/weight"), json!([1])), forbidden),
        (replace(&format!("{OURS}/weight"), json!({"a": [1]})), forbidden),
        (replace(&format!("{OURS}/weight"), json!({"a": 1})), Ok(())),
        (add("/spec/rules/0/backendRefs/2", backend.clone()), forbidden),
        (add("/spec/rules/0/backendRefs/0", backend.clone()), forbidden),
        (remove(OURS), forbidden),
        (remove("/spec/rules/1"), forbidden),
        (remove("/spec/rules"), forbidden),
        (remove("/spec"), forbidden),
        (add("/spec/rules/3", json!({"backendRefs": [backend]})), forbidden),
        (add("/spec/rules/3", json!({})), forbidden),
        (add("/spec/hostnames", json!(["a"])), forbidden),
        (add("/spec/hostnames", json!([])), forbidden),
        (add("/spec/hostnames", json!({})), forbidden),
        (replace("/spec/rules/0/backendRefs", json!({})), forbidden),
        (replace("/spec/rules/0/backendRefs", json!([])), forbidden),
        (replace("/spec/rules/0/filters".trim_end_matches("/filters"), Value::Null), forbidden),
        (json!([{"op": "move", "from": "/spec/rules/0", "path": "/spec/rules/2"}]), forbidden),
        (
            json!([{"op": "move", "from": "/spec/rules/0/backendRefs/0", "path": "/spec/rules/0/backendRefs/1"}]),
            forbidden,
        ),
        // A good change does not hide a bad one.
        (
            json!([
                {"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 20},
                {"op": "replace", "path": "/spec/parentRefs/0/name", "value": "evil"},
            ]),
            forbidden,
        ),
    ] {
        assert_eq!(judged(&[WEIGHT], &web, &patch), expected, "{patch}");
    }
}

#[test]
fn what_an_object_is_never_changes() {
    let web = route("web");
    for patch in [
        replace("/apiVersion", "v2"),
        remove("/apiVersion"),
        replace("/kind", "Gateway"),
        replace("/metadata/name", "other"),
        replace("/metadata/namespace", "other"),
        replace("/metadata/uid", "other"),
        replace("/metadata/resourceVersion", "1"),
        replace("/metadata/generation", 1),
        add("/metadata/ownerReferences", json!([{"uid": "x"}])),
        add("/metadata/finalizers", json!(["example.com/x"])),
        add("/metadata/managedFields", json!([])),
        add("/metadata/deletionTimestamp", "2026-01-01T00:00:00Z"),
        remove("/metadata"),
        replace("/metadata", json!({})),
        add("/status/parents/0", json!({"name": "web-canary"})),
        remove("/status"),
        replace("", json!({})),
    ] {
        let all = ["/*", "/metadata", "/metadata/*", "/status", "/status/parents/*"];
        assert_eq!(judged(&all, &web, &patch), Err(reason::FORBIDDEN_CHANGE), "{patch}");
    }
}

#[test]
fn labels_and_annotations_change_where_they_are_granted() {
    let web = route("web");
    let label = "/metadata/labels/rollouts.argoproj.io~1gatewayapi-canary";
    let key = "rollouts.argoproj.io/gatewayapi-canary";
    let forbidden = Err(reason::FORBIDDEN_CHANGE);
    // There are no labels yet: the map comes with its first one.
    for (labels, expected) in [
        (json!({key: "in-progress"}), Ok(())),
        (json!({}), Ok(())),
        (json!({key: "in-progress", "app": "x"}), forbidden),
        (json!({"app": "x"}), forbidden),
        (json!([key]), forbidden),
        (json!("in-progress"), forbidden),
    ] {
        assert_eq!(judged(&[label], &web, &add("/metadata/labels", labels.clone())), expected, "{labels}");
    }
    let mut labelled = web.clone();
    labelled["metadata"]["labels"] = json!({key: "in-progress"});
    assert_eq!(judged(&[label], &labelled, &remove("/metadata/labels")), Ok(()));
    assert_eq!(judged(&[label], &labelled, &remove(label)), Ok(()));
    labelled["metadata"]["labels"]["app"] = json!("web");
    assert_eq!(judged(&[label], &labelled, &remove("/metadata/labels")), forbidden);
    assert_eq!(judged(&[label], &labelled, &remove(label)), Ok(()));
    assert_eq!(judged(&["/metadata/labels/*"], &web, &remove("/metadata/annotations")), forbidden);
}

#[test]
fn of_all_labels_only_those_that_the_configuration_names() {
    let mut web = route("web");
    web["metadata"]["labels"] = json!({"app": "web"});
    let forbidden = Err(reason::FORBIDDEN_CHANGE);
    // The configuration of the tests' Rollout names `web`, and nothing else.
    for (patch, expected) in [
        (add("/metadata/labels/web", "x"), Ok(())),
        (add("/metadata/labels/app", "x"), forbidden),
        (add("/metadata/labels/other", "x"), forbidden),
        (remove("/metadata/labels"), forbidden),
        (json!([{"op": "replace", "path": "/metadata/labels", "value": {"app": "web", "web": "x"}}]), Ok(())),
        (json!([{"op": "replace", "path": "/metadata/labels", "value": {"web": "x"}}]), forbidden),
    ] {
        for fields in ["/metadata/labels/*", "/metadata/labels", "/metadata/*"] {
            assert_eq!(judged(&[fields], &web, &patch), expected, "{fields}: {patch}");
        }
        assert_eq!(judged(&["/metadata/labels/app"], &web, &remove("/metadata/labels/app")), Ok(()));
    }
}

#[test]
fn every_element_on_the_way_must_have_to_do_with_the_rollout() {
    let fields = ["/spec/groups/*/entries/*/weight", "/spec/groups/*/note"];
    let object = json!({"spec": {"groups": [
        {"entries": [{"to": "web-canary", "weight": 1}, {"to": "other", "weight": 2}]},
        {"entries": [{"to": "other", "weight": 3}]},
    ]}});
    let foreign = Err(reason::FOREIGN_ELEMENT);
    for (path, expected) in [
        ("/spec/groups/0/entries/0/weight", Ok(())),
        ("/spec/groups/0/entries/1/weight", foreign),
        ("/spec/groups/1/entries/0/weight", foreign),
        ("/spec/groups/0/note", Ok(())),
        ("/spec/groups/1/note", foreign),
    ] {
        assert_eq!(judged(&fields, &object, &add(path, 9)), expected, "{path}");
    }
}

#[test]
fn host_names_and_configured_names_are_ours_too() {
    let fields = ["/spec/http/*/route/*/weight"];
    let object = |destination: Value| json!({"spec": {"http": [{"route": [{"destination": destination, "weight": 1}]}]}});
    for (destination, expected) in [
        (json!({"host": "web-canary"}), Ok(())),
        (json!({"host": "web-canary.shop.svc.cluster.local"}), Ok(())),
        // Named in the configuration.
        (json!({"host": "other", "subset": "web"}), Ok(())),
        (json!({"host": "web-canary.other.svc.cluster.local"}), Err(reason::FOREIGN_ELEMENT)),
        (json!({"host": "web-canary", "namespace": "other"}), Err(reason::FOREIGN_ELEMENT)),
        (json!({"host": "web-canary-2"}), Err(reason::FOREIGN_ELEMENT)),
        (json!({"host": "xweb-canary"}), Err(reason::FOREIGN_ELEMENT)),
        (json!({"web-canary": "host"}), Err(reason::FOREIGN_ELEMENT)),
    ] {
        let patch = replace("/spec/http/0/route/0/weight", 2);
        assert_eq!(judged(&fields, &object(destination.clone()), &patch), expected, "{destination}");
    }
}

#[test]
fn kinds_are_changed_only_where_that_is_described_and_possible() {
    for (kind, verbs) in [
        (Kind::new("gateway.networking.k8s.io", "Gateway"), vec![Verb::Read]),
        (Kind::new("example.com", "Thing"), vec![Verb::Read, Verb::Create, Verb::Delete]),
        (Kind::new("apps", "Deployment"), vec![Verb::Read, Verb::Update]),
        (Kind::new("argoproj.io", "Rollout"), vec![Verb::Read, Verb::Update]),
        (Kind::new("", "Pod"), vec![Verb::Read, Verb::Update]),
    ] {
        let mut pass = pass_on(20, &route("web"));
        let reference = ObjectRef { kind: kind.clone(), ..reference("web") };
        pass.seen[0].query.kind = kind.clone();
        pass.seen[0].objects[0].reference = reference.clone();
        let asked = pass.seen[0].query.clone();
        let edit = Edit::JsonPatch(replace("/spec/rules/0/backendRefs/1/weight", 20).to_string());
        let shares = steady(&pass.traffic, &[]).shares;
        let mut plugin = Plugin::once(outcome(vec![Change { reference, edit }], shares))
            .locate(move |_| Ok(vec![asked.clone()]));
        let fields = vec!["/spec".to_owned()];
        plugin.description.kinds = vec![KindUse {
            kind: kind.clone(),
            versions: vec!["v1".into()],
            verbs,
            fields,
            elements: Vec::new(),
        }];
        assert_eq!(crate::plugin::refused(plugin.run(&pass)), reason::FORBIDDEN_KIND, "{kind}");
    }
}

#[test]
fn a_description_with_an_impossible_pattern_grants_nothing() {
    let patch = replace("/spec/rules/0/backendRefs/1/weight", 20);
    for fields in [["", WEIGHT], ["spec", WEIGHT], ["/~x", WEIGHT]] {
        assert_eq!(judged(&fields, &route("web"), &patch), Err(reason::INVALID_DESCRIPTION));
    }
    assert_eq!(judged(&[], &route("web"), &patch), Err(reason::FORBIDDEN_CHANGE));
    assert_eq!(description(&[WEIGHT]).kinds[0].kind, query("web").kind);
}
