//! Rollouts that take their template from a Deployment, a ReplicaSet or a PodTemplate.

use serde_json::{Value, json};
use tidegate_api::builtin;
use tidegate_shell::{Report, Settings};

use crate::canary::finish;
use crate::manifests;
use crate::rig::{Rig, minutes, seconds};

fn template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": image}]},
    })
}

fn workload(kind: &str) -> Value {
    let selector = json!({"matchLabels": {"app": "web"}});
    let metadata = json!({"name": "source", "namespace": "shop"});
    match kind {
        "PodTemplate" => {
            json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "template": template("web:1")})
        }
        _ => json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": metadata,
            "spec": {"replicas": if kind == "Deployment" { 2 } else { 0 }, "selector": selector, "template": template("web:1")},
        }),
    }
}

/// The shop's Rollout, but with its template elsewhere.
fn referring(kind: &str, scale_down: Option<&str>) -> Vec<Value> {
    let mut objects = manifests::shop("web");
    let rollout = objects.last_mut().unwrap();
    let spec = rollout["spec"].as_object_mut().unwrap();
    spec.remove("template");
    if kind != "PodTemplate" {
        spec.remove("selector");
    }
    let version = if kind == "PodTemplate" { "v1" } else { "apps/v1" };
    let mut reference = json!({"apiVersion": version, "kind": kind, "name": "source"});
    if let Some(when) = scale_down {
        reference["scaleDown"] = when.into();
    }
    spec.insert("workloadRef".into(), reference);
    objects
}

fn running(kind: &str, scale_down: Option<&str>) -> Rig {
    let mut rig = Rig::empty(Settings::default());
    rig.create(workload(kind));
    rig.apply_all(referring(kind, scale_down));
    rig.start();
    rig.run(minutes(1));
    assert!(rig.is_healthy("web"), "{kind}: {}", rig.phase("web"));
    rig
}

fn set_image(rig: &mut Rig, kind: &str, image: &str) {
    let resource = rig.cluster.resources().find(|one| &*one.kind == kind).unwrap().clone();
    let template = template(image);
    let patch = if kind == "PodTemplate" {
        json!({"template": template})
    } else {
        json!({"spec": {"template": template}})
    };
    rig.patch(&resource, "source", None, patch);
}

fn watched(rig: &Rig, kind: &str) -> i32 {
    rig.watched.get(kind).copied().unwrap_or_default()
}

#[test]
fn a_change_of_the_workloads_template_is_an_update() {
    for kind in ["Deployment", "ReplicaSet", "PodTemplate"] {
        let mut rig = running(kind, None);
        set_image(&mut rig, kind, "web:2");
        rig.run(minutes(2));
        assert_eq!(rig.weights("web"), (50, 50), "{kind}: {}", rig.phase("web"));
        finish(&mut rig);
        rig.run(minutes(5));
        let rollout = rig.rollout("web");
        assert_eq!(rollout["spec"].get("template"), None, "{kind}");
        let observed = rollout["status"]["workloadObservedGeneration"].as_str();
        let noted = rollout["metadata"]["annotations"]["rollout.argoproj.io/workload-generation"].as_str();
        assert_eq!((observed, noted), (Some("2"), Some("2")), "{kind}");

        rig.forget_requests();
        rig.run(minutes(60));
        assert!(rig.requests.is_empty(), "{kind}: {:?}", rig.requests);
        rig.restart(0);
        rig.run(minutes(5));
        assert!(rig.requests.is_empty(), "{kind}: a new process says nothing new: {:?}", rig.requests);
    }
}

#[test]
fn workloads_are_watched_only_while_somebody_refers_to_them() {
    let mut rig = Rig::new();
    rig.create(workload("Deployment"));
    rig.run(minutes(1));
    assert_eq!(watched(&rig, "Deployment"), 0);
    let reference = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "source"});
    let spec =
        |template: Value, reference: Value| json!({"spec": {"template": template, "workloadRef": reference}});
    rig.patch(&builtin::rollouts(), "web", None, spec(Value::Null, reference));
    rig.run(minutes(5));
    assert_eq!(watched(&rig, "Deployment"), 1, "one watch, not another one for each pass");
    assert!(rig.is_healthy("web"), "the template is the same: {}", rig.phase("web"));
    rig.patch(&builtin::rollouts(), "web", None, spec(template("web:1"), Value::Null));
    rig.run(minutes(1));
    assert_eq!(watched(&rig, "Deployment"), 0);
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));

    let mut rig = running("ReplicaSet", None);
    assert_eq!(watched(&rig, "ReplicaSet"), 2, "that of all, and one of this name");
    rig.delete(&builtin::rollouts(), "web");
    rig.run(minutes(1));
    assert_eq!(watched(&rig, "ReplicaSet"), 1);
}

#[test]
fn a_workload_that_is_missing_is_said_and_taken_when_it_comes() {
    let mut rig = Rig::empty(Settings::default());
    rig.apply_all(referring("Deployment", None));
    rig.start();
    rig.run(minutes(1));
    let expected =
        "Degraded InvalidSpec: The Rollout \"web\" is invalid: deployments.apps \"shop/source\" not found";
    assert_eq!(rig.phase("web"), expected);
    let passes = rig.reports.iter().filter(|report| matches!(report, Report::Pass { .. })).count();
    assert!((3..=6).contains(&passes), "every 20 seconds: {passes}");
    rig.create(workload("Deployment"));
    rig.run(seconds(15));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));

    // Gone in the middle of an update: nothing moves.
    set_image(&mut rig, "Deployment", "web:2");
    rig.run(minutes(2));
    rig.delete(&builtin::deployments(), "source");
    rig.run(minutes(5));
    assert_eq!((rig.weights("web"), rig.phase("web").as_str()), ((50, 50), expected));
    let mut again = workload("Deployment");
    again["spec"]["template"] = template("web:2");
    rig.create(again);
    rig.run(minutes(1));
    assert!(rig.phase("web").starts_with("Paused"), "{}", rig.phase("web"));
    finish(&mut rig);
}

#[test]
fn one_that_may_not_be_watched_is_said_with_what_to_allow() {
    let mut rig = Rig::empty(Settings::default());
    rig.forbidden.push("Deployment".to_owned());
    rig.create(workload("Deployment"));
    rig.apply_all(referring("Deployment", None));
    rig.start();
    rig.run(minutes(1));
    let phase = rig.phase("web");
    assert!(
        phase.contains("cannot watch Deployment") && phase.contains("resources: [\"deployments\"]"),
        "{phase}"
    );
}

#[test]
fn a_deployment_gives_its_pods_up_as_it_is_asked_to() {
    for (scale_down, size) in
        [(None, 2), (Some("never"), 2), (Some("onsuccess"), 0), (Some("progressively"), 0)]
    {
        let mut rig = running("Deployment", scale_down);
        let replicas = |rig: &Rig| {
            rig.cluster.object(&builtin::deployments(), "shop", "source").unwrap()["spec"]["replicas"].clone()
        };
        assert_eq!(replicas(&rig), size, "{scale_down:?}");
        assert!(rig.writes_of("Deployment") <= 2, "{scale_down:?}");
        rig.forget_requests();
        rig.run(minutes(60));
        assert!(rig.requests.is_empty(), "{scale_down:?}: {:?}", rig.requests);
    }
}

#[test]
fn replica_sets_that_nobody_controls_are_adopted_by_a_borrowed_selector() {
    let mut rig = Rig::empty(Settings::default());
    rig.create(workload("Deployment"));
    let mut labelled = template("web:1");
    labelled["metadata"]["labels"]["rollouts-pod-template-hash"] = "abc".into();
    let labels = labelled["metadata"]["labels"].clone();
    rig.create(json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "web-abc", "namespace": "shop", "labels": labels},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": labelled},
    }));
    rig.apply_all(referring("Deployment", None));
    rig.start();
    rig.run(minutes(1));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    assert_eq!(rig.rollout("web")["status"]["stableRS"], "abc");
}
