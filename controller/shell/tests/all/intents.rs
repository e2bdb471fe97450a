//! What users ask for, by the very patches that `kubectl argo rollouts` sends (1.10). All but the template and `spec.paused` is
//! written into the status.

use serde_json::{Value, json};
use tidegate_api::{builtin, object};
use tidegate_cluster::{PodOutcome, PodRule};

use crate::canary::{paused, updating};
use crate::rig::{Rig, minutes, seconds};

/// A patch of the status.
fn status(rig: &mut Rig, patch: &str) {
    let patch: Value = serde_json::from_str(patch).unwrap();
    assert!(patch.get("status").is_some());
    rig.patch(&builtin::rollouts(), "web", Some("status"), patch);
}

/// A patch of the spec.
fn spec(rig: &mut Rig, patch: &str) {
    rig.patch(&builtin::rollouts(), "web", None, serde_json::from_str(patch).unwrap());
}

fn step(rig: &Rig) -> &Value {
    &rig.rollout("web")["status"]["currentStepIndex"]
}

/// What Argo's clients call the phase: they do not believe one that is older than what a user wants.
fn is_answered(rig: &Rig) -> bool {
    let rollout = rig.rollout("web");
    let observed = rollout["status"]["observedGeneration"].as_str().map(str::to_owned);
    let is_unpausing = rollout["status"]["controllerPause"] == true
        && rollout["status"]["pauseConditions"].as_array().is_none_or(Vec::is_empty);
    observed == object::generation(rollout).map(|generation| generation.to_string()) && !is_unpausing
}

fn expect(rig: &Rig, phase: &str, weights: (u64, u64)) {
    assert_eq!((rig.phase("web").as_str(), rig.weights("web")), (phase, weights));
    assert!(is_answered(rig), "{}", rig.rollout("web")["status"]);
}

#[test]
fn abort_and_retry() {
    let mut rig = paused();
    status(&mut rig, r#"{"status":{"abort":true}}"#);
    rig.run(seconds(10));
    expect(&rig, "Degraded RolloutAborted: Rollout aborted update to revision 2", (100, 0));
    assert_eq!(step(&rig), 0);
    status(&mut rig, r#"{"status":{"abort":false}}"#);
    rig.run(seconds(15));
    expect(&rig, "Paused CanaryPauseStep", (80, 20));
    assert_eq!(step(&rig), 1);
    assert!(rig.rollout("web")["status"]["abortedAt"].is_null());
}

#[test]
fn promote_at_a_pause_without_end() {
    let mut rig = paused();
    assert_eq!(step(&rig), 3);
    status(&mut rig, r#"{"status":{"pauseConditions":null}}"#);
    rig.run(minutes(2));
    expect(&rig, "Healthy", (100, 0));
}

#[test]
fn promote_at_a_pause_with_an_end() {
    let mut rig = updating();
    rig.run(seconds(12));
    assert_eq!((step(&rig), rig.phase("web").as_str()), (&json!(1), "Paused CanaryPauseStep"));
    status(&mut rig, r#"{"status":{"pauseConditions":null}}"#);
    rig.run(seconds(6));
    assert_eq!((step(&rig), rig.weights("web")), (&json!(3), (50, 50)), "before its 20 s are over");
}

#[test]
fn promote_where_a_user_paused() {
    let mut rig = paused();
    spec(&mut rig, r#"{"spec":{"paused":true}}"#);
    rig.run(seconds(5));
    expect(&rig, "Paused manually paused", (50, 50));
    // Both at once, the status first.
    status(&mut rig, r#"{"status":{"pauseConditions":null}}"#);
    rig.run(seconds(5));
    assert_eq!(rig.phase("web"), "Paused manually paused");
    spec(&mut rig, r#"{"spec":{"paused":false}}"#);
    rig.run(minutes(2));
    expect(&rig, "Healthy", (100, 0));
}

#[test]
fn promote_where_nothing_is_paused_skips_the_step() {
    let mut rig = updating();
    rig.run(seconds(2));
    assert_eq!(step(&rig), 0, "{}", rig.phase("web"));
    status(&mut rig, r#"{"status":{"pauseConditions":null, "currentStepIndex":1}}"#);
    rig.run(seconds(10));
    assert_eq!((step(&rig), rig.weights("web")), (&json!(1), (80, 20)), "{}", rig.phase("web"));
}

#[test]
fn promote_after_an_inconclusive_analysis() {
    // Argo's analysis left these behind.
    let mut rig = paused();
    status(
        &mut rig,
        r#"{"status":{"canary":{"currentStepAnalysisRunStatus":{"name":"a","status":"Inconclusive"}},
            "pauseConditions":[{"reason":"InconclusiveAnalysisRun","startTime":"2026-01-01T00:00:00Z"}],"controllerPause":true}}"#,
    );
    rig.run(seconds(30));
    assert_eq!(rig.phase("web"), "Paused InconclusiveAnalysisRun");
    status(&mut rig, r#"{"status":{"pauseConditions":null, "controllerPause":false, "currentStepIndex":4}}"#);
    rig.run(minutes(2));
    expect(&rig, "Healthy", (100, 0));
}

#[test]
fn promote_full() {
    for is_paused in [false, true] {
        let mut rig = updating();
        rig.run(seconds(12));
        if is_paused {
            spec(&mut rig, r#"{"spec":{"paused":true}}"#);
            rig.run(seconds(3));
        }
        status(&mut rig, r#"{"status":{"promoteFull":true}}"#);
        if is_paused {
            rig.run(seconds(30));
            assert_eq!(rig.phase("web"), "Paused manually paused");
            spec(&mut rig, r#"{"spec":{"paused":false}}"#);
        }
        rig.run(minutes(1));
        expect(&rig, "Healthy", (100, 0));
        assert_eq!(step(&rig), 4);
        let gone = &rig.rollout("web")["status"];
        assert!(gone["promoteFull"].is_null() && gone["pauseConditions"].is_null(), "{gone}");
    }
}

#[test]
fn of_an_abort_and_a_full_promotion_the_later_one_holds() {
    let mut rig = paused();
    status(&mut rig, r#"{"status":{"abort":true}}"#);
    rig.run(minutes(2));
    status(&mut rig, r#"{"status":{"promoteFull":true}}"#);
    rig.run(minutes(2));
    expect(&rig, "Healthy", (100, 0));
    assert_eq!(rig.rollout("web")["status"]["stableRS"], rig.rollout("web")["status"]["currentPodHash"]);

    let mut rig = paused();
    rig.cluster.settings_mut().pods.rules =
        vec![PodRule { outcome: PodOutcome::NeverReady, ..PodRule::default() }];
    status(&mut rig, r#"{"status":{"promoteFull":true}}"#);
    rig.run(seconds(10));
    assert_eq!(rig.weights("web"), (50, 50));
    // In Argo Rollouts it does nothing then.
    status(&mut rig, r#"{"status":{"abort":true}}"#);
    rig.run(minutes(2));
    expect(&rig, "Degraded RolloutAborted: Rollout aborted update to revision 2", (100, 0));
    assert!(rig.rollout("web")["status"]["promoteFull"].is_null());
}

#[test]
fn skip_the_current_step_and_all_steps() {
    let mut rig = updating();
    rig.run(seconds(12));
    // The deprecated `--skip-current-step` leaves the pause condition where it is.
    status(&mut rig, r#"{"status":{"currentStepIndex":2}}"#);
    rig.run(seconds(6));
    assert_eq!((step(&rig), rig.weights("web")), (&json!(3), (50, 50)), "{}", rig.phase("web"));
    status(&mut rig, r#"{"status":{"currentStepIndex":4}}"#);
    rig.run(minutes(1));
    expect(&rig, "Healthy", (100, 0));
}

#[test]
fn undo() {
    let mut rig = paused();
    let sets: Vec<Value> =
        rig.cluster.objects(&builtin::replica_sets(), Some("shop")).map(|set| set.as_ref().clone()).collect();
    let first = sets
        .iter()
        .find(|set| set["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "1")
        .unwrap();
    // The whole template of the ReplicaSet, defaults included, without the hash.
    let mut template = first["spec"]["template"].clone();
    template["metadata"]["labels"].as_object_mut().unwrap().remove("rollouts-pod-template-hash");
    template["spec"]["restartPolicy"] = json!("Always");
    template["spec"]["dnsPolicy"] = json!("ClusterFirst");
    template["metadata"]["creationTimestamp"] = Value::Null;
    rig.patch(
        &builtin::rollouts(),
        "web",
        None,
        json!([{"op": "replace", "path": "/spec/template", "value": template}]),
    );
    rig.run(minutes(2));
    expect(&rig, "Healthy", (100, 0));
    assert_eq!(rig.cluster.objects(&builtin::replica_sets(), Some("shop")).count(), 2, "the old one again");
    assert_eq!(object::annotation(rig.rollout("web"), "rollout.argoproj.io/revision"), Some("3"));
    assert!(rig.events.iter().any(|event| event.reason == "SkipSteps"));
}

#[test]
fn set_image_and_pause() {
    let mut rig = paused();
    // The CLI updates the whole object; what it read of the status does not count.
    rig.set_image("web", "web:3");
    rig.run(seconds(15));
    expect(&rig, "Paused CanaryPauseStep", (80, 20));
    spec(&mut rig, r#"{"spec":{"paused":true}}"#);
    rig.run(minutes(5));
    expect(&rig, "Paused manually paused", (80, 20));
    assert_eq!(step(&rig), 1, "no pause ends meanwhile");
    spec(&mut rig, r#"{"spec":{"paused":false}}"#);
    rig.run(minutes(1));
    expect(&rig, "Paused CanaryPauseStep", (50, 50));
}
