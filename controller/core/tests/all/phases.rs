//! `status.phase` and `status.message`: the first of Argo Rollouts' tests that holds. Health checks and the CLI show the
//! messages, so they are compared to the letter.

use serde_json::{Value, json};
use tidegate_api::object;

use crate::cluster::{Cluster, Gate};
use crate::manifests::{paused, rollout, running, service, trace};

fn says(cluster: &Cluster) -> (String, String) {
    let text = |field: &str| cluster.status(field).as_str().unwrap_or_default().to_owned();
    (text("/phase"), text("/message"))
}

fn expect(cluster: &Cluster, phase: &str, message: &str) {
    assert_eq!(says(cluster), (phase.to_owned(), message.to_owned()), "{:#}", cluster.rollout["status"]);
}

fn name_of(cluster: &Cluster, image: &str) -> String {
    object::name(cluster.set(image).unwrap()).to_owned()
}

/// One whose canary does not come up.
fn late() -> Cluster {
    let mut cluster = running(rollout(trace()));
    cluster.deploy("v2");
    cluster.ready.insert("v2".into(), 1);
    cluster.run(700);
    cluster
}

#[test]
fn an_invalid_spec_comes_first() {
    let mut cluster = paused();
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.canary(&json!({"stableService": "elsewhere"}));
    cluster.settle();
    let (phase, message) = says(&cluster);
    assert_eq!(phase, "Degraded");
    assert!(
        message
            .starts_with("InvalidSpec: The Rollout \"web\" is invalid: spec.strategy.canary.stableService: "),
        "{message}"
    );
}

#[test]
fn an_abort_comes_before_pauses() {
    let mut cluster = paused();
    cluster.abort();
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.settle();
    expect(&cluster, "Degraded", "RolloutAborted: Rollout aborted update to revision 2");
}

#[test]
fn a_passed_deadline_comes_before_pauses() {
    let cluster = late();
    let name = name_of(&cluster, "v2");
    let message = format!("ProgressDeadlineExceeded: ReplicaSet \"{name}\" has timed out progressing.");
    expect(&cluster, "Degraded", &message);
}

#[test]
fn a_users_pause_comes_before_that_of_a_step() {
    let mut cluster = paused();
    expect(&cluster, "Paused", "CanaryPauseStep");
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.settle();
    expect(&cluster, "Paused", "manually paused");
}

#[test]
fn the_first_pause_condition_is_named() {
    let mut cluster = paused();
    let start = "2026-01-01T00:00:00Z";
    let pauses = ["InconclusiveAnalysisRun", "CanaryPauseStep"]
        .map(|reason| json!({"reason": reason, "startTime": start}));
    cluster.edit(json!({"status": {"pauseConditions": pauses}}));
    cluster.settle();
    expect(&cluster, "Paused", "InconclusiveAnalysisRun");
}

#[test]
fn fewer_pods_of_the_newest_template_than_replicas() {
    let mut cluster = running(rollout(trace()));
    cluster.deploy("v2");
    cluster.ready.insert("v2".into(), 1);
    cluster.settle();
    expect(&cluster, "Progressing", "more replicas need to be updated");
}

#[test]
fn fewer_available_than_updated() {
    let mut cluster = Cluster::new(rollout(trace()), [service("web-canary"), service("web-stable")]);
    cluster.ready.insert("v1".into(), 9);
    cluster.settle();
    expect(&cluster, "Progressing", "updated replicas are still becoming available");
}

#[test]
fn old_pods_without_traffic_routing() {
    let mut manifest = rollout(json!([{"setWeight": 50}]));
    let canary = manifest["spec"]["strategy"]["canary"].as_object_mut().unwrap();
    canary.remove("trafficRouting");
    let mut cluster = running(manifest);
    cluster.deploy("v2");
    cluster.settle();
    expect(&cluster, "Healthy", "");
    // A pod of the old ReplicaSet that is still terminating.
    cluster.edit_set("v1", &json!({"status": {"replicas": 1, "observedGeneration": 99}}));
    let status = cluster.decide().status;
    assert_eq!(
        (&status["phase"], &status["message"]),
        (&json!("Progressing"), &json!("old replicas are pending termination"))
    );
}

#[test]
fn steps_that_are_left() {
    let mut cluster = paused();
    cluster.promote();
    cluster.settle();
    cluster.set_gate(Gate::Unverified);
    cluster.run(11);
    assert_eq!((cluster.index(), cluster.replicas("v2")), (Some(4), Some(10)));
    expect(&cluster, "Progressing", "waiting for all steps to complete");
}

#[test]
fn healthy_says_nothing() {
    let cluster = running(rollout(trace()));
    expect(&cluster, "Healthy", "");
    assert_eq!(cluster.status("/message"), &Value::Null);
}

#[test]
fn old_pods_that_stay_for_their_delay_do_not_matter() {
    let mut cluster = paused();
    cluster.promote_full();
    cluster.settle();
    assert_eq!((cluster.replicas("v1"), cluster.status("/replicas")), (Some(10), &json!(20)));
    expect(&cluster, "Healthy", "");
}

#[test]
fn the_generation_is_the_one_that_was_looked_at() {
    let mut cluster = paused();
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.settle();
    let generation = object::generation(&cluster.rollout).unwrap();
    assert_eq!(
        cluster.status("/observedGeneration"),
        &json!(generation.to_string()),
        "a text, since Argo's first days"
    );
}
