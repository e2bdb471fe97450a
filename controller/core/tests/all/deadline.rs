//! The progress deadline: what counts as progress, what stops the clock, and what happens when it has run out.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Gate};
use crate::manifests::{paused, rollout, running, trace};

const LATE: Option<&str> = Some("False=ProgressDeadlineExceeded");

fn progressing(cluster: &Cluster) -> Option<String> {
    cluster.condition("Progressing")
}

/// When `Progressing` was last confirmed.
fn confirmed(cluster: &Cluster) -> Value {
    let conditions = cluster.status("/conditions").as_array().unwrap();
    conditions.iter().find(|one| one["type"] == "Progressing").unwrap()["lastUpdateTime"].clone()
}

/// A canary of which so many of two pods are ready.
fn updating(ready: i64) -> Cluster {
    let mut cluster = running(rollout(trace()));
    cluster.deploy("v2");
    cluster.ready.insert("v2".into(), ready);
    cluster.settle();
    cluster
}

#[test]
fn pods_that_come_are_progress() {
    let mut cluster = updating(0);
    let first = confirmed(&cluster);
    cluster.run(500);
    assert_eq!(confirmed(&cluster), first);
    cluster.ready.insert("v2".into(), 1);
    cluster.run(500);
    assert_ne!(confirmed(&cluster), first);
    assert_eq!(progressing(&cluster).as_deref(), Some("True=ReplicaSetUpdated"));
    cluster.run(101);
    assert_eq!(progressing(&cluster).as_deref(), LATE, "600 s after the last pod");
}

#[test]
fn pods_that_go_are_none() {
    let mut cluster = updating(1);
    let first = confirmed(&cluster);
    cluster.run(300);
    cluster.ready.insert("v2".into(), 0);
    cluster.run(10);
    assert_eq!(confirmed(&cluster), first);
}

#[test]
fn it_stays_late_until_there_is_progress() {
    let mut cluster = updating(1);
    cluster.run(601);
    assert_eq!(progressing(&cluster).as_deref(), LATE);
    cluster.run(5000);
    assert_eq!(progressing(&cluster).as_deref(), LATE);
    cluster.ready.clear();
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index()), ("Paused", Some(1)));
}

#[test]
fn a_pause_step_stops_the_clock() {
    let mut cluster = paused();
    cluster.run(100_000);
    assert_eq!(progressing(&cluster).as_deref(), Some("Unknown=RolloutPaused"));
    cluster.ready.insert("v2".into(), 3);
    cluster.promote();
    cluster.run(590);
    assert_ne!(progressing(&cluster).as_deref(), LATE, "it begins when the pause ends");
    cluster.run(20);
    assert_eq!(progressing(&cluster).as_deref(), LATE);
}

#[test]
fn a_users_pause_stops_the_clock() {
    let mut cluster = updating(1);
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.run(5000);
    assert_eq!(progressing(&cluster).as_deref(), Some("Unknown=RolloutPaused"));
    cluster.edit(json!({"spec": {"paused": false}}));
    cluster.run(590);
    assert_eq!(progressing(&cluster).as_deref(), Some("Unknown=RolloutResumed"));
    cluster.run(20);
    assert_eq!(progressing(&cluster).as_deref(), LATE);
}

#[test]
fn pods_of_earlier_templates_that_stay_for_their_delay_stop_the_clock() {
    let mut cluster = paused();
    cluster.canary(&json!({"scaleDownDelaySeconds": 2000}));
    cluster.ready.insert("v3".into(), 1);
    cluster.deploy("v3");
    cluster.run(1900);
    assert!(cluster.deadline("v2").is_some());
    assert_ne!(progressing(&cluster).as_deref(), LATE);
    cluster.run(800);
    assert_eq!((cluster.replicas("v2"), progressing(&cluster).as_deref()), (Some(0), LATE));
}

#[test]
fn waiting_for_routers_does_not_stop_the_clock() {
    let mut cluster = running(rollout(trace()));
    cluster.set_gate(Gate::Unverified);
    cluster.deploy("v2");
    cluster.run(620);
    assert_eq!((cluster.index(), progressing(&cluster).as_deref()), (Some(0), LATE));
}

#[test]
fn a_finished_update_that_loses_pods_starts_the_clock_with_the_loss() {
    let mut cluster = running(rollout(trace()));
    cluster.run(100_000);
    cluster.ready.insert("v1".into(), 8);
    cluster.run(500);
    assert_eq!(progressing(&cluster).as_deref(), Some("True=ReplicaSetNotAvailable"));
    cluster.run(120);
    assert_eq!(progressing(&cluster).as_deref(), LATE);
    cluster.ready.clear();
    cluster.settle();
    assert_eq!(progressing(&cluster).as_deref(), Some("True=NewReplicaSetAvailable"));
}

#[test]
fn a_scaled_rollout_starts_the_clock_anew() {
    let mut cluster = running(rollout(trace()));
    cluster.run(100_000);
    cluster.ready.insert("v1".into(), 10);
    cluster.scale(12);
    cluster.run(590);
    assert_ne!(progressing(&cluster).as_deref(), LATE);
    assert_eq!(cluster.phase(), "Progressing");
}

#[test]
fn an_update_is_given_up_at_its_deadline_when_the_spec_asks_for_it() {
    let mut cluster = running(rollout(trace()));
    cluster.edit(json!({"spec": {"progressDeadlineAbort": true}}));
    cluster.deploy("v2");
    cluster.ready.insert("v2".into(), 1);
    cluster.run(650);
    let name = cluster.set("v2").unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    let message =
        format!("Rollout aborted update to revision 2: ReplicaSet \"{name}\" has timed out progressing.");
    assert_eq!(progressing(&cluster).as_deref(), Some("False=RolloutAborted"));
    assert_eq!(cluster.status("/message"), &json!(format!("RolloutAborted: {message}")));
    assert_eq!((cluster.status("/abort"), cluster.index()), (&json!(true), Some(0)));
    let told: Vec<&str> = cluster
        .notes
        .iter()
        .filter(|note| note.reason == "RolloutAborted")
        .map(|note| note.message.as_str())
        .collect();
    assert_eq!(told, [message.as_str()]);
}

#[test]
fn what_is_finished_or_paused_is_never_given_up_at_a_deadline() {
    let mut idle = running(rollout(trace()));
    idle.edit(json!({"spec": {"progressDeadlineAbort": true}}));
    idle.ready.insert("v1".into(), 3);
    idle.run(5000);
    assert_eq!((progressing(&idle).as_deref(), idle.status("/abort")), (LATE, &Value::Null));
    let mut waiting = paused();
    waiting.edit(json!({"spec": {"progressDeadlineAbort": true}}));
    waiting.run(5000);
    assert_eq!((waiting.phase(), waiting.status("/abort")), ("Paused", &Value::Null));
}
