//! What users do at each kind of step: promote, skip, undo, retry, pause by the spec, and a third template.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Gate};
use crate::manifests::{paused, rollout, running};

/// One step of each kind that waits for something, each between two that do not.
fn kinds() -> Vec<(&'static str, Value)> {
    vec![
        ("setWeight", json!({"setWeight": 40})),
        ("pause", json!({"pause": {}})),
        ("setCanaryScale", json!({"setCanaryScale": {"replicas": 5}})),
        (
            "setHeaderRoute",
            json!({"setHeaderRoute": {
                "name": "beta", "match": [{"headerName": "x", "headerValue": {"exact": "y"}}],
            }}),
        ),
        ("setMirrorRoute", json!({"setMirrorRoute": {"name": "beta", "match": [{"path": {"prefix": "/"}}]}})),
    ]
}

/// At that step, which is the second of three and not done: its pods or its routers are missing.
fn held_at(step: &Value) -> Cluster {
    let mut manifest = rollout(json!([{"setWeight": 20}, step, {"setWeight": 60}]));
    manifest["spec"]["strategy"]["canary"]["trafficRouting"]["managedRoutes"] = json!([{"name": "beta"}]);
    let mut cluster = running(manifest);
    cluster.deploy("v2");
    for _ in 0..50 {
        if cluster.index() == Some(1) {
            break;
        }
        cluster.pass();
    }
    assert_eq!((cluster.index(), cluster.weight()), (Some(1), Some(20)), "{step}");
    cluster.ready.insert("v2".into(), 2);
    cluster.follow_all();
    if step.get("setHeaderRoute").is_some() || step.get("setMirrorRoute").is_some() {
        cluster.set_gate(Gate::Unverified);
    }
    cluster.settle();
    assert_eq!((cluster.index(), cluster.weight()), (Some(1), Some(20)), "{step}");
    cluster
}

fn healthy(mut cluster: Cluster, image: &str, what: &str) {
    cluster.ready.clear();
    cluster.set_gate(Gate::Verified);
    for _ in 0..3 {
        cluster.run(60);
        if cluster.phase() == "Paused" {
            cluster.promote();
        }
    }
    assert_eq!(cluster.phase(), "Healthy", "{what}: {:#}", cluster.rollout["status"]);
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash(image)), "{what}");
}

#[test]
fn promote_goes_on_from_each_kind_of_step() {
    for (kind, step) in kinds() {
        let mut cluster = held_at(&step);
        cluster.promote();
        cluster.settle();
        assert_eq!(cluster.index(), Some(2), "{kind}");
        // No step's weight comes before its pods.
        assert_eq!(cluster.weight(), Some(20), "{kind}");
        healthy(cluster, "v2", kind);
    }
}

#[test]
fn weights_that_are_skipped_wait_for_pods() {
    let mut cluster = paused();
    cluster.ready.insert("v2".into(), 2);
    let skip = json!({"currentStepIndex": 3, "pauseConditions": null, "controllerPause": null});
    cluster.edit(json!({"status": skip}));
    cluster.settle();
    assert_eq!(
        (cluster.replicas("v2"), cluster.weight()),
        (Some(6), Some(20)),
        "two pods of six do not carry 60"
    );
    cluster.ready.clear();
    cluster.settle();
    assert_eq!(cluster.weight(), Some(60));
    // To the end.
    let mut cluster = paused();
    cluster.ready.insert("v2".into(), 9);
    cluster.edit(json!({"status": {"currentStepIndex": 4, "pauseConditions": null}}));
    cluster.settle();
    assert_eq!(
        (cluster.replicas("v2"), cluster.weight()),
        (Some(10), Some(60)),
        "nine carry 60, and not 100"
    );
    healthy(cluster, "v2", "to the end");
    // Pods that are lost take no weight with them.
    let mut cluster = paused();
    cluster.promote();
    cluster.settle();
    assert_eq!(cluster.weight(), Some(60));
    cluster.ready.insert("v2".into(), 4);
    cluster.follow_all();
    cluster.settle();
    assert_eq!(cluster.weight(), Some(60));
}

#[test]
fn promote_full_goes_to_the_end_from_each_kind_of_step() {
    for (kind, step) in kinds() {
        let mut cluster = held_at(&step);
        cluster.promote_full();
        cluster.was_forced = false;
        cluster.settle();
        assert_eq!((cluster.replicas("v2"), cluster.weight()), (Some(10), Some(20)), "{kind}");
        healthy(cluster, "v2", kind);
    }
}

#[test]
fn abort_and_retry_at_each_kind_of_step() {
    for (kind, step) in kinds() {
        let mut cluster = held_at(&step);
        cluster.abort();
        cluster.set_gate(Gate::Verified);
        cluster.settle();
        assert_eq!(
            (cluster.phase(), cluster.index(), cluster.weight()),
            ("Degraded", Some(0), Some(0)),
            "{kind}"
        );
        cluster.retry();
        cluster.settle();
        assert!(cluster.index() >= Some(1) && cluster.weight() == Some(20), "{kind}");
        healthy(cluster, "v2", kind);
    }
}

#[test]
fn undo_at_each_kind_of_step_and_back_again() {
    for (kind, step) in kinds() {
        let mut cluster = held_at(&step);
        cluster.deploy("v1");
        cluster.set_gate(Gate::Verified);
        cluster.settle();
        assert_eq!(
            (cluster.phase(), cluster.index(), cluster.weight()),
            ("Healthy", Some(3), Some(0)),
            "{kind}"
        );
        assert!(cluster.written.as_ref().unwrap().managed_routes.iter().all(|route| route.rule.is_none()));
        // And the undone one once more, whose ReplicaSet is there.
        cluster.deploy("v2");
        cluster.settle();
        assert_eq!(cluster.sets.len(), 2);
        assert!(cluster.index() >= Some(1) && cluster.weight() == Some(20), "{kind}");
        healthy(cluster, "v2", kind);
    }
}

#[test]
fn a_third_template_at_each_kind_of_step() {
    for (kind, step) in kinds() {
        let mut cluster = held_at(&step);
        cluster.deploy("v3");
        cluster.set_gate(Gate::Verified);
        cluster.settle();
        assert_eq!(cluster.selected("web-canary").as_deref(), Some("v3"), "{kind}");
        healthy(cluster, "v3", kind);
    }
}

#[test]
fn spec_paused_holds_each_kind_of_step_and_whatever_else_is_under_way() {
    for (kind, step) in kinds() {
        let mut cluster = held_at(&step);
        cluster.edit(json!({"spec": {"paused": true}}));
        cluster.ready.clear();
        cluster.set_gate(Gate::Verified);
        cluster.run(300);
        assert_eq!((cluster.phase(), cluster.index()), ("Paused", Some(1)), "{kind}");
        assert_eq!(cluster.status("/message"), "manually paused");
        // A full promotion goes on where the pause ends.
        let mut full = cluster.clone();
        full.edit(json!({"status": {"promoteFull": true}}));
        full.run(300);
        assert_eq!(full.status("/stableRS"), &json!(full.hash("v1")), "{kind}");
        full.edit(json!({"spec": {"paused": false}}));
        healthy(full, "v2", kind);
        // A third template waits, too.
        let mut third = cluster.clone();
        third.deploy("v3");
        third.run(60);
        assert_eq!(
            (third.phase(), third.replicas("v3"), third.weight()),
            ("Paused", Some(0), Some(0)),
            "{kind}"
        );
        third.edit(json!({"spec": {"paused": false}}));
        healthy(third, "v3", kind);
        // So does the way back to the stable one, which needs nothing but the traffic.
        cluster.deploy("v1");
        cluster.run(60);
        assert_eq!((cluster.phase(), cluster.weight()), ("Paused", Some(0)), "{kind}");
        cluster.edit(json!({"spec": {"paused": false}}));
        healthy(cluster, "v1", kind);
    }
}
