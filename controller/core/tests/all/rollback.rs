//! Going back within `rollbackWindow`: straight to the end, by all pods and then all traffic.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Gate};
use crate::manifests::{rollout, running, trace};

/// `v1`, `v2`, … up to this one were promoted one after the other, with a window of so many revisions.
fn promoted(last: u8, revisions: i64, steps: Value) -> Cluster {
    let mut manifest = rollout(steps);
    manifest["spec"]["rollbackWindow"] = json!({"revisions": revisions});
    let mut cluster = running(manifest);
    for image in 2..=last {
        cluster.run(100);
        cluster.deploy(&format!("v{image}"));
        cluster.settle();
        cluster.promote_full();
        cluster.was_forced = false;
        cluster.run(100);
        assert_eq!(cluster.phase(), "Healthy");
    }
    cluster.notes.clear();
    cluster
}

fn told(cluster: &Cluster, reason: &str) -> Vec<String> {
    cluster.notes.iter().filter(|note| note.reason == reason).map(|note| note.message.clone()).collect()
}

#[test]
fn it_is_fast_within_the_window_and_not_outside() {
    // From v4: v3 is next to it, v2 has one between, v1 two.
    for (image, revisions, is_fast) in [
        ("v3", 1, true),
        ("v2", 1, false),
        ("v2", 2, true),
        ("v1", 2, false),
        ("v1", 3, true),
        ("v3", 0, false),
    ] {
        let mut cluster = promoted(4, revisions, trace());
        cluster.deploy(image);
        cluster.settle();
        let expected = if is_fast { ("Healthy", Some(4), Some(0)) } else { ("Paused", Some(1), Some(20)) };
        assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), expected, "{image} of {revisions}");
        assert_eq!(cluster.count_told("SkipSteps"), usize::from(is_fast));
        assert_eq!(cluster.count_told("RolloutCompleted"), usize::from(is_fast));
    }
}

#[test]
fn a_new_template_is_no_rollback() {
    let mut cluster = promoted(2, 5, trace());
    cluster.deploy("v3");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index()), ("Paused", Some(1)));
}

#[test]
fn all_pods_come_before_all_traffic() {
    let mut cluster = promoted(2, 1, trace());
    cluster.ready.insert("v1".into(), 9);
    cluster.deploy("v1");
    cluster.settle();
    assert_eq!((cluster.replicas("v1"), cluster.weight(), cluster.index()), (Some(10), Some(0), Some(4)));
    assert_eq!(cluster.phase(), "Progressing");
    cluster.ready.clear();
    cluster.set_gate(Gate::Unverified);
    cluster.settle();
    assert_eq!(cluster.weight(), Some(100));
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v2")), "not in force yet");
    cluster.set_gate(Gate::Verified);
    cluster.settle();
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v1")));
    assert_eq!(told(&cluster, "SkipSteps"), ["Rollback to ReplicaSets within RollbackWindow"]);
    let hash = cluster.hash("v1").to_owned();
    let completed = format!("Rollout completed update to revision 3 ({hash}): Rollback within window");
    assert_eq!(told(&cluster, "RolloutCompleted"), [completed]);
}

#[test]
fn pods_that_are_still_there_are_told_of() {
    let mut cluster = promoted(1, 1, trace());
    cluster.run(10);
    cluster.deploy("v2");
    cluster.settle();
    cluster.promote_full();
    cluster.was_forced = false;
    cluster.settle();
    assert!(cluster.deadline("v1").is_some());
    cluster.deploy("v1");
    cluster.settle();
    assert_eq!(told(&cluster, "SkipSteps"), ["Rollback to active ReplicaSets within RollbackWindow"]);
    assert_eq!((cluster.phase(), cluster.deadline("v1")), ("Healthy", None));
}

#[test]
fn pauses_and_aborts_do_not_hold_it_and_spec_paused_does() {
    let mut cluster = promoted(2, 1, json!([{"pause": {}}, {"setWeight": 50}, {"pause": {}}]));
    cluster.ready.insert("v1".into(), 1);
    cluster.deploy("v1");
    cluster.settle();
    let pause = json!([{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}]);
    cluster.edit(json!({"status": {"abort": true, "controllerPause": true, "pauseConditions": pause}}));
    cluster.settle();
    assert!(cluster.status("/abort").is_null() && cluster.status("/pauseConditions").is_null());
    assert_eq!((cluster.phase(), cluster.index()), ("Progressing", Some(3)));
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.ready.clear();
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index()), ("Paused", Some(3)));
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v2")));
    cluster.edit(json!({"spec": {"paused": false}}));
    cluster.settle();
    assert_eq!(cluster.phase(), "Healthy");
}

#[test]
fn the_deadline_does_not_give_it_up() {
    let mut cluster = promoted(2, 1, trace());
    cluster.edit(json!({"spec": {"progressDeadlineAbort": true, "progressDeadlineSeconds": 60}}));
    cluster.ready.insert("v1".into(), 1);
    cluster.deploy("v1");
    cluster.run(300);
    assert_eq!(cluster.condition("Progressing").as_deref(), Some("False=ProgressDeadlineExceeded"));
    assert_eq!((cluster.phase(), cluster.status("/abort")), ("Degraded", &json!(null)));
    cluster.ready.clear();
    cluster.run(10);
    assert_eq!(cluster.phase(), "Healthy");
}

#[test]
fn it_makes_no_managed_routes_and_no_steps_count() {
    let header = json!({"setHeaderRoute": {
        "name": "beta", "match": [{"headerName": "x", "headerValue": {"exact": "y"}}],
    }});
    let mut manifest = rollout(json!([{"setWeight": 10}, header, {"setCanaryScale": {"replicas": 1}}]));
    manifest["spec"]["strategy"]["canary"]["trafficRouting"]["managedRoutes"] = json!([{"name": "beta"}]);
    manifest["spec"]["rollbackWindow"] = json!({"revisions": 1});
    let mut cluster = running(manifest);
    cluster.run(100);
    cluster.deploy("v2");
    cluster.settle();
    cluster.run(100);
    assert_eq!(cluster.phase(), "Healthy", "{:#}", cluster.rollout["status"]);
    cluster.ready.insert("v1".into(), 5);
    cluster.deploy("v1");
    cluster.settle();
    let traffic = cluster.written.clone().unwrap();
    assert!(traffic.managed_routes.iter().all(|route| route.rule.is_none()));
    assert_eq!((traffic.canary.weight, cluster.replicas("v1")), (0, Some(10)));
}
