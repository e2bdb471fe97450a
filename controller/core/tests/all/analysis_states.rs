//! Analyses where it is not plain what to do: without a conclusion, while something else holds the update up, when something was
//! lost.

use std::sync::Arc;

use serde_json::json;

use crate::cluster::Cluster;
use crate::evidence::{analysis, updating};

fn stepping() -> Cluster {
    updating(
        json!([{"setWeight": 20}, {"analysis": analysis()}, {"setWeight": 60}, {"pause": {}}]),
        &json!({}),
    )
}

/// With an analysis beside the steps, from the second one on.
fn in_background() -> Cluster {
    let mut background = analysis();
    background["startingStep"] = json!(1);
    updating(
        json!([{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]),
        &json!({"analysis": background}),
    )
}

const NONE: [&str; 0] = [];

#[test]
fn a_retry_of_an_analysis_that_is_the_first_step_is_a_new_run() {
    let mut cluster = updating(json!([{"analysis": analysis()}, {"pause": {}}]), &json!({}));
    cluster.judge("web-v2-2-0", "Failed");
    assert_eq!(cluster.phase(), "Degraded");
    cluster.retry();
    cluster.settle();
    assert_eq!(cluster.noted()[0].as_deref(), Some("web-v2-2-0.1 "));
    cluster.judge("web-v2-2-0.1", "Successful");
    assert_eq!(cluster.index(), Some(1));
}

#[test]
fn an_inconclusive_run_pauses_until_somebody_decides() {
    let paused = || {
        let mut cluster = stepping();
        cluster.judge("web-v2-2-1", "Inconclusive");
        cluster.run(3600);
        assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Paused", Some(1), Some(20)));
        assert_eq!(cluster.status("/message"), &json!("InconclusiveAnalysisRun"));
        assert_eq!(cluster.noted()[0].as_deref(), Some("web-v2-2-1 Inconclusive"));
        cluster
    };
    let mut resumed = paused();
    resumed.promote();
    resumed.settle();
    assert_eq!((resumed.index(), resumed.phase()), (Some(1), "Progressing"));
    assert_eq!(resumed.runs(), ["web-v2-2-1", "web-v2-2-1.1"], "measured again");
    resumed.judge("web-v2-2-1.1", "Inconclusive");
    assert_eq!(resumed.phase(), "Paused", "and paused again");
    let mut skipped = paused();
    skipped
        .edit(json!({"status": {"pauseConditions": null, "controllerPause": false, "currentStepIndex": 2}}));
    skipped.settle();
    assert_eq!((skipped.index(), skipped.weight()), (Some(3), Some(60)));
    let mut aborted = paused();
    aborted.abort();
    aborted.settle();
    assert_eq!((aborted.phase(), aborted.weight()), ("Degraded", Some(0)));
}

#[test]
fn the_background_fails_whatever_the_update_waits_for() {
    let mut cluster = in_background();
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.settle();
    cluster.judge("web-v2-2", "Failed");
    assert_eq!((cluster.phase(), cluster.weight(), cluster.index()), ("Degraded", Some(0), Some(0)));
    assert!(cluster.says("Progressing").ends_with(": it Failed"));
    // The pause by hand stays, and nothing begins under it.
    cluster.retry();
    cluster.settle();
    assert_eq!(cluster.runs(), ["web-v2-2"]);
    cluster.edit(json!({"spec": {"paused": false}}));
    cluster.settle();
    assert_eq!(
        (cluster.index(), cluster.runs()),
        (Some(1), vec!["web-v2-2".to_owned(), "web-v2-2.1".to_owned()])
    );
}

#[test]
fn the_background_fails_also_while_the_spec_is_invalid() {
    let mut cluster = in_background();
    cluster.edit(json!({"spec": {"minReadySeconds": -1}}));
    cluster.settle();
    assert_eq!(cluster.condition("InvalidSpec").as_deref(), Some("True=InvalidSpec"));
    assert_eq!(cluster.weight(), Some(20), "where it was");
    cluster.judge("web-v2-2", "Failed");
    assert_eq!((cluster.weight(), cluster.status("/abort")), (Some(0), &json!(true)));
    assert!(cluster.says("Progressing").ends_with(": it Failed"), "{}", cluster.says("Progressing"));
    cluster.edit(json!({"spec": {"minReadySeconds": 0}}));
    cluster.settle();
    assert_eq!(cluster.phase(), "Degraded");
    assert!(cluster.says("Progressing").ends_with(": it Failed"));
}

#[test]
fn an_inconclusive_background_holds_all_steps_and_the_promotion() {
    let mut cluster = in_background();
    cluster.judge("web-v2-2", "Inconclusive");
    let reasons = |cluster: &Cluster| -> Vec<String> {
        let pauses = cluster.status("/pauseConditions").as_array().cloned().unwrap_or_default();
        pauses.iter().map(|one| one["reason"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(reasons(&cluster), ["CanaryPauseStep", "InconclusiveAnalysisRun"]);
    assert_eq!((cluster.index(), cluster.runs().len()), (Some(1), 1));
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.index(), cluster.runs().len()), (Some(3), 2), "resumed, and measured again");
    cluster.judge("web-v2-2.1", "Running");
    cluster.edit(json!({"status": {"currentStepIndex": 4, "pauseConditions": null}}));
    cluster.run_ends(&cluster.long("web-v2-2.1"), "Inconclusive", "");
    cluster.run(60);
    assert_eq!((cluster.phase(), cluster.index()), ("Paused", Some(4)));
    assert_eq!(cluster.selected("web-stable").as_deref(), Some("v1"));
    cluster.promote();
    cluster.run(60);
    assert_eq!(cluster.phase(), "Healthy");
}

#[test]
fn a_run_that_is_lost_is_made_again_and_one_that_has_ended_counts() {
    // The write is lost, the note is not; and the other way round.
    let fresh = || {
        let mut cluster = updating(json!([{"analysis": analysis()}, {"pause": {}}]), &json!({}));
        cluster.evidence.runs.clear();
        cluster
    };
    let mut lost = fresh();
    lost.settle();
    assert_eq!(lost.runs(), ["web-v2-2-0"]);
    let mut unnoted = stepping();
    unnoted.edit(json!({"status": {"canary": {"currentStepAnalysisRunStatus": null}}}));
    unnoted.settle();
    assert_eq!(
        (unnoted.runs(), unnoted.noted()[0].as_deref()),
        (vec!["web-v2-2-1".to_owned()], Some("web-v2-2-1 "))
    );
    // Somebody else has the name.
    let mut taken = fresh();
    let name = taken.long("web-v2-2-0");
    taken.evidence.runs.insert(name, Arc::new(json!({"metadata": {"name": "x"}})));
    taken.edit(json!({"status": {"canary": {"currentStepAnalysisRunStatus": null}}}));
    taken.settle();
    assert_eq!(taken.runs(), ["web-v2-2-0", "web-v2-2-0.1"]);
    // Deleted when it was over (`ttlStrategy`).
    let mut background = in_background();
    background.judge("web-v2-2", "Successful");
    background.evidence.runs.clear();
    background.settle();
    assert_eq!(background.runs(), NONE);
    assert_eq!(background.noted()[1].as_deref(), Some("web-v2-2 Successful"));
}

#[test]
fn nothing_is_done_before_everything_is_known() {
    let mut cluster = stepping();
    cluster.evidence.is_known = false;
    let before = cluster.rollout["status"].clone();
    let runs = std::mem::take(&mut cluster.evidence.runs);
    cluster.run(100);
    assert_eq!((cluster.runs().len(), &cluster.rollout["status"]), (0, &before));
    cluster.promote();
    cluster.settle();
    cluster.evidence.runs = runs;
    cluster.settle();
    assert_eq!(cluster.runs(), ["web-v2-2-1"], "not ended either");
    cluster.evidence.is_known = true;
    cluster.settle();
    assert_eq!(cluster.runs(), ["web-v2-2-1!"]);
}

#[test]
fn who_resumes_a_pause_has_not_judged_what_comes_to_no_conclusion_only_then() {
    let mut cluster = in_background();
    cluster.promote();
    cluster.judge("web-v2-2", "Inconclusive");
    assert_eq!((cluster.phase(), cluster.runs()), ("Paused", vec!["web-v2-2".to_owned()]));
    assert!(cluster.status("/pauseConditions").to_string().contains("InconclusiveAnalysisRun"));
}

#[test]
fn a_run_of_an_earlier_spec_says_nothing_about_this_one() {
    let mut cluster = updating(json!([{"analysis": analysis()}, {"pause": {}}]), &json!({}));
    cluster.template("t", json!({"metrics": [crate::evidence::metric("other")]}));
    cluster.canary(&json!({"steps": [{"analysis": analysis()}, {"setWeight": 30}, {"pause": {}}]}));
    cluster.settle();
    assert_eq!(
        (cluster.index(), cluster.runs()),
        (Some(0), vec!["web-v2-2-0!".to_owned(), "web-v2-2-0.1".to_owned()])
    );
}

#[test]
fn nothing_begins_during_a_pause_by_hand() {
    let mut cluster =
        updating(json!([{"setWeight": 20}, {"pause": {}}, {"analysis": analysis()}]), &json!({}));
    cluster
        .edit(json!({"spec": {"paused": true}, "status": {"currentStepIndex": 2, "pauseConditions": null}}));
    cluster.run(600);
    assert_eq!(cluster.runs(), NONE);
    cluster.edit(json!({"spec": {"paused": false}}));
    cluster.settle();
    assert_eq!(cluster.runs(), ["web-v2-2-2"]);
}
