//! What a Rollout tells as events, from its first revision to an abort: Argo Rollouts' reasons and messages.

use serde_json::json;
use tidegate_api::object;
use tidegate_core::NoteKind;

use crate::cluster::Cluster;
use crate::manifests::{paused, rollout, service, trace};

/// What was told since the last time, as `reason: message`, without what is about single writes.
fn told(cluster: &mut Cluster) -> Vec<String> {
    let notes = std::mem::take(&mut cluster.notes);
    let aside = ["ScalingReplicaSet", "SwitchService"];
    notes
        .iter()
        .filter(|note| !aside.contains(&note.reason))
        .map(|note| format!("{}: {}", note.reason, note.message))
        .collect()
}

fn names(cluster: &Cluster, image: &str) -> (String, String) {
    (object::name(cluster.set(image).unwrap()).to_owned(), cluster.hash(image).to_owned())
}

#[test]
fn of_a_whole_life() {
    let mut cluster = Cluster::new(rollout(trace()), [service("web-canary"), service("web-stable")]);
    cluster.settle();
    let (name, hash) = names(&cluster, "v1");
    assert_eq!(
        told(&mut cluster),
        [
            format!("RolloutNotCompleted: Rollout not completed, started update to revision 1 ({hash})"),
            format!("NewReplicaSetCreated: Created ReplicaSet {name} (revision 1)"),
            "RolloutUpdated: Rollout updated to revision 1".to_owned(),
            format!("RolloutCompleted: Rollout completed update to revision 1 ({hash}): Initial deploy"),
            "TrafficWeightUpdated: Traffic weight updated to 0".to_owned(),
        ]
    );
    cluster.deploy("v2");
    cluster.settle();
    let (name, hash) = names(&cluster, "v2");
    assert_eq!(
        told(&mut cluster),
        [
            format!("RolloutNotCompleted: Rollout not completed, started update to revision 2 ({hash})"),
            format!("NewReplicaSetCreated: Created ReplicaSet {name} (revision 2)"),
            "RolloutUpdated: Rollout updated to revision 2".to_owned(),
            "RolloutStepCompleted: Rollout step 1/4 completed (setWeight: 20)".to_owned(),
            "RolloutPaused: Rollout is paused (CanaryPauseStep)".to_owned(),
            "TrafficWeightUpdated: Traffic weight updated from 0 to 20".to_owned(),
        ]
    );
    cluster.promote();
    cluster.run(11);
    assert_eq!(
        told(&mut cluster),
        [
            "RolloutResumed: Rollout is resumed".to_owned(),
            "RolloutStepCompleted: Rollout step 2/4 completed (pause)".to_owned(),
            "RolloutStepCompleted: Rollout step 3/4 completed (setWeight: 60)".to_owned(),
            "RolloutPaused: Rollout is paused (CanaryPauseStep)".to_owned(),
            "TrafficWeightUpdated: Traffic weight updated from 20 to 60".to_owned(),
            "RolloutStepCompleted: Rollout step 4/4 completed (pause: 10s)".to_owned(),
            "RolloutResumed: Rollout is resumed".to_owned(),
            "TrafficWeightUpdated: Traffic weight updated from 60 to 100".to_owned(),
            format!(
                "RolloutCompleted: Rollout completed update to revision 2 ({hash}): Completed all 4 canary steps"
            ),
            "TrafficWeightUpdated: Traffic weight updated from 100 to 0".to_owned(),
        ]
    );
}

#[test]
fn of_an_abort_a_full_promotion_and_a_way_back() {
    let mut cluster = paused();
    told(&mut cluster);
    cluster.abort();
    cluster.settle();
    let abort = cluster.notes.iter().find(|note| note.reason == "RolloutAborted").unwrap();
    assert_eq!(
        (abort.kind, abort.message.as_str()),
        (NoteKind::Warning, "Rollout aborted update to revision 2")
    );
    assert!(!told(&mut cluster).iter().any(|line| line.starts_with("RolloutResumed")), "nothing goes on");

    let mut cluster = paused();
    let (_, hash) = names(&cluster, "v2");
    told(&mut cluster);
    cluster.promote_full();
    cluster.settle();
    let lines = told(&mut cluster);
    let completed = format!(
        "RolloutCompleted: Rollout completed update to revision 2 ({hash}): Full promotion requested"
    );
    assert!(lines.contains(&completed), "{lines:?}");

    let mut cluster = paused();
    told(&mut cluster);
    cluster.deploy("v1");
    cluster.settle();
    let lines = told(&mut cluster);
    assert!(lines.contains(&"SkipSteps: Rollback to stable ReplicaSets".to_owned()), "{lines:?}");
    assert!(lines.contains(&"RolloutResumed: Rollout is resumed".to_owned()), "{lines:?}");
}

#[test]
fn pauses_are_told_as_they_are_written() {
    for (duration, text) in
        [(json!("1h30m"), "pause: 1h30m"), (json!(30), "pause: 30"), (json!("30"), "pause: 30")]
    {
        let steps = json!([{"pause": {"duration": duration}}, {"setWeight": 50}, {"pause": {}}]);
        let mut cluster = crate::manifests::running(rollout(steps));
        cluster.deploy("v2");
        cluster.run(6000);
        let line = format!("RolloutStepCompleted: Rollout step 1/3 completed ({text})");
        let lines = told(&mut cluster);
        assert!(lines.contains(&line), "{lines:?}");
    }
}
