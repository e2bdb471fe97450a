//! The conditions of a Rollout: types, statuses, reasons and messages as Argo Rollouts has them.

use serde_json::{Value, json};
use tidegate_api::object;

use crate::cluster::{Cluster, Gate};
use crate::manifests::{paused, rollout, running, service, trace};

/// `type status reason: message` of each condition, in their order, without Tidegate's own.
fn all(cluster: &Cluster) -> Vec<String> {
    let conditions = cluster.status("/conditions").as_array().cloned().unwrap_or_default();
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    let mut lines: Vec<String> = conditions
        .iter()
        .filter(|one| one["type"] != "TrafficRouterReady")
        .map(|one| {
            let [kind, status, reason, message] =
                ["type", "status", "reason", "message"].map(|field| text(one, field));
            format!("{kind} {status} {reason}: {message}")
        })
        .collect();
    lines.sort();
    lines
}

fn one<'a>(cluster: &'a Cluster, kind: &str) -> &'a Value {
    cluster.status("/conditions").as_array().unwrap().iter().find(|one| one["type"] == kind).unwrap()
}

fn name_of(cluster: &Cluster, image: &str) -> String {
    object::name(cluster.set(image).unwrap()).to_owned()
}

#[test]
fn of_a_first_revision() {
    let mut cluster = Cluster::new(rollout(trace()), [service("web-canary"), service("web-stable")]);
    cluster.ready.insert("v1".into(), 3);
    cluster.settle();
    let name = name_of(&cluster, "v1");
    assert_eq!(
        all(&cluster),
        [
            "Available False AvailableReason: Rollout does not have minimum availability".to_owned(),
            "Completed True RolloutCompleted: RolloutCompleted".to_owned(),
            format!("Progressing True ReplicaSetUpdated: ReplicaSet \"{name}\" is progressing."),
        ]
    );
    cluster.ready.clear();
    cluster.settle();
    assert_eq!(
        all(&cluster),
        [
            "Available True AvailableReason: Rollout has minimum availability".to_owned(),
            "Completed True RolloutCompleted: RolloutCompleted".to_owned(),
            "Healthy True RolloutHealthy: Rollout is healthy".to_owned(),
            format!(
                "Progressing True NewReplicaSetAvailable: ReplicaSet \"{name}\" has successfully progressed."
            ),
        ]
    );
}

#[test]
fn of_an_update() {
    let mut cluster = running(rollout(trace()));
    cluster.deploy("v2");
    // Notes the new template; makes its ReplicaSet.
    assert!(cluster.pass());
    assert_eq!(cluster.condition("Progressing").as_deref(), Some("True=ReplicaSetUpdated"));
    assert!(cluster.pass());
    let name = name_of(&cluster, "v2");
    assert_eq!(one(&cluster, "Progressing")["message"], format!("Created new replica set \"{name}\""));
    assert_eq!(one(&cluster, "Progressing")["reason"], "NewReplicaSetCreated");
    cluster.settle();
    assert_eq!(
        all(&cluster),
        [
            "Available True AvailableReason: Rollout has minimum availability",
            "Completed False RolloutCompleted: RolloutCompleted",
            "Healthy False RolloutHealthy: Rollout is not healthy",
            "Paused True RolloutPaused: Rollout is paused",
            "Progressing Unknown RolloutPaused: Rollout is paused",
        ]
    );
    cluster.ready.insert("v2".into(), 4);
    cluster.promote();
    cluster.settle();
    assert_eq!(cluster.condition("Progressing").as_deref(), Some("True=ReplicaSetUpdated"));
    assert_eq!(cluster.condition("Paused").as_deref(), Some("False=RolloutPaused"));
}

#[test]
fn of_a_user_who_resumes_where_nothing_else_moves() {
    let mut cluster = running(rollout(trace()));
    cluster.deploy("v2");
    cluster.ready.insert("v2".into(), 1);
    cluster.settle();
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.settle();
    assert_eq!(cluster.condition("Progressing").as_deref(), Some("Unknown=RolloutPaused"));
    cluster.edit(json!({"spec": {"paused": false}}));
    cluster.settle();
    assert_eq!(one(&cluster, "Progressing")["message"], "Rollout is resumed");
    assert_eq!(cluster.condition("Progressing").as_deref(), Some("Unknown=RolloutResumed"));
}

#[test]
fn of_an_idle_rollout_that_a_user_pauses() {
    let mut cluster = running(rollout(trace()));
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.settle();
    assert_eq!(cluster.condition("Progressing").as_deref(), Some("True=NewReplicaSetAvailable"));
    assert_eq!(cluster.condition("Paused").as_deref(), Some("True=RolloutPaused"));
    assert_eq!(cluster.condition("Healthy").as_deref(), Some("False=RolloutHealthy"));
    cluster.edit(json!({"spec": {"paused": false}}));
    cluster.settle();
    assert_eq!(cluster.condition("Healthy").as_deref(), Some("True=RolloutHealthy"));
}

#[test]
fn of_an_abort_and_a_retry() {
    let mut cluster = paused();
    cluster.abort();
    cluster.settle();
    assert_eq!(one(&cluster, "Progressing")["message"], "Rollout aborted update to revision 2");
    assert_eq!(cluster.condition("Progressing").as_deref(), Some("False=RolloutAborted"));
    // In Argo Rollouts it stays true, with nothing that is paused.
    assert_eq!(cluster.condition("Paused").as_deref(), Some("False=RolloutPaused"));
    cluster.ready.insert("v2".into(), 0);
    cluster.run(60);
    cluster.set_gate(Gate::Unverified);
    cluster.retry();
    cluster.decide();
    let status = cluster.decide().status;
    let progressing =
        status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == "Progressing").unwrap();
    assert_eq!((&progressing["status"], &progressing["reason"]), (&json!("Unknown"), &json!("RolloutRetry")));
    assert_eq!(progressing["message"], "Retrying Rollout after abort");
}

#[test]
fn of_an_invalid_spec_until_it_is_valid() {
    let mut cluster = paused();
    cluster.canary(&json!({"canaryService": "elsewhere"}));
    cluster.settle();
    assert_eq!(cluster.condition("InvalidSpec").as_deref(), Some("True=InvalidSpec"));
    cluster.canary(&json!({"canaryService": "web-canary"}));
    cluster.settle();
    assert_eq!(cluster.condition("InvalidSpec"), None);
    assert_eq!(cluster.phase(), "Paused");
}

#[test]
fn of_a_replica_set_that_cannot_make_pods() {
    let mut cluster = paused();
    let failure =
        json!({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"});
    cluster.edit_set("v2", &json!({"status": {"conditions": [failure]}}));
    let status = cluster.decide().status;
    let found =
        status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == "ReplicaFailure").unwrap();
    assert_eq!(
        (&found["status"], &found["reason"], &found["message"]),
        (&json!("True"), &json!("FailedCreate"), &json!("quota"))
    );
    cluster.settle();
    assert_eq!(cluster.condition("ReplicaFailure"), None, "pods follow, so it is gone");
}

#[test]
fn of_a_rollout_that_has_none_yet() {
    let mut cluster = paused();
    cluster.edit(json!({"status": {"conditions": null, "pauseConditions": null, "controllerPause": null, "currentStepIndex": 0}}));
    cluster.ready.insert("v2".into(), 1);
    cluster.follow_all();
    cluster.edit(json!({"status": {"updatedReplicas": 2, "readyReplicas": 11, "availableReplicas": 11}}));
    let status = cluster.decide().status;
    let progressing =
        status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == "Progressing").unwrap();
    let name = name_of(&cluster, "v2");
    assert_eq!(progressing["reason"], "FoundNewReplicaSet");
    assert_eq!(progressing["message"], format!("Found new replica set \"{name}\""));
}

#[test]
fn times_tell_since_when_and_as_of_when() {
    let mut cluster = running(rollout(trace()));
    let start = one(&cluster, "Available")["lastTransitionTime"].clone();
    cluster.run(100);
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!(one(&cluster, "Available")["lastTransitionTime"], start, "available all the time");
    assert_eq!(one(&cluster, "Available")["lastUpdateTime"], start);
    assert_ne!(one(&cluster, "Completed")["lastTransitionTime"], start);
    let before = cluster.status("/conditions").clone();
    cluster.run(1000);
    assert_eq!(cluster.status("/conditions"), &before, "nothing is written for what holds on");
}
