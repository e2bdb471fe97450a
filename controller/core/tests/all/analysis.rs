//! Analyses decide: as a step, and beside the steps.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_analysis::{Reference, UNRESOLVED_ANNOTATION};
use tidegate_core::decide;

use crate::cluster::Cluster;
use crate::manifests::{rollout, running};

fn analysis() -> Value {
    json!({"templates": [{"templateName": "errors"}], "args": [{"name": "service", "value": "web"}]})
}

fn steps() -> Value {
    json!([{"setWeight": 20}, {"analysis": analysis()}, {"setWeight": 60}, {"pause": {}}])
}

/// With a template, in the middle of an update.
fn updating(steps: Value) -> Cluster {
    let mut cluster = running(rollout(steps));
    let template = json!({"metadata": {"name": "errors"}, "spec": {
        "args": [{"name": "service"}],
        "metrics": [{"name": "errors", "provider": {"web": {"url": "http://{{args.service}}", "jsonPath": "{$.x}"}}}],
    }});
    let reference = Reference { cluster: false, name: "errors".to_owned() };
    cluster.evidence.templates.insert(reference, Arc::new(template));
    cluster.deploy("v2");
    cluster.settle();
    cluster
}

fn names(cluster: &Cluster) -> Vec<String> {
    cluster.evidence.runs.keys().cloned().collect()
}

fn set_phase(cluster: &mut Cluster, name: &str, phase: &str, message: &str) {
    let run = Arc::make_mut(cluster.evidence.runs.get_mut(name).unwrap());
    run["status"] = json!({"phase": phase, "message": message});
    run["metadata"]["resourceVersion"] = json!(format!("{phase}-{}", cluster.now));
}

fn is_ended(cluster: &Cluster, name: &str) -> bool {
    cluster.evidence.runs[name].pointer("/spec/terminate") == Some(&json!(true))
}

/// Something that a person does.
type Act = fn(&mut Cluster);

#[test]
fn a_step_waits_for_its_analysis_and_goes_on_when_it_is_good() {
    let mut cluster = updating(steps());
    let name = format!("web-{}-2-1", cluster.hash("v2"));
    assert_eq!((cluster.index(), cluster.weight(), names(&cluster)), (Some(1), Some(20), vec![name.clone()]));
    let run = cluster.evidence.runs[&name].clone();
    assert_eq!(run["spec"]["args"], json!([{"name": "service", "value": "web"}]));
    assert_eq!(run["metadata"]["labels"]["rollout-type"], "Step");
    assert_eq!(cluster.status("/canary/currentStepAnalysisRunStatus"), &json!({"name": name, "status": ""}));
    set_phase(&mut cluster, &name, "Running", "");
    cluster.run(3600);
    assert_eq!((cluster.index(), cluster.weight()), (Some(1), Some(20)), "it takes as long as it takes");
    assert_eq!(cluster.status("/canary/currentStepAnalysisRunStatus/status"), "Running");
    set_phase(&mut cluster, &name, "Successful", "");
    cluster.settle();
    assert_eq!((cluster.index(), cluster.weight()), (Some(3), Some(60)));
    assert_eq!(cluster.status("/canary/currentStepAnalysisRunStatus"), &Value::Null);
    assert_eq!(
        (cluster.count_told("AnalysisRunRunning"), cluster.count_told("AnalysisRunSuccessful")),
        (1, 1)
    );
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.phase(), names(&cluster)), ("Healthy", vec![name]));
}

#[test]
fn a_bad_analysis_gives_the_update_up_and_a_retry_runs_another() {
    for phase in ["Failed", "Error"] {
        let mut cluster = updating(steps());
        let name = names(&cluster).remove(0);
        set_phase(&mut cluster, &name, phase, "Metric \"errors\" assessed Failed");
        cluster.settle();
        assert_eq!((cluster.phase(), cluster.weight()), ("Degraded", Some(0)));
        let message = cluster.status("/message").as_str().unwrap().to_owned();
        assert!(
            message.ends_with(
                "to revision 2: Step-based analysis phase error/failed: Metric \"errors\" assessed Failed"
            ),
            "{message}"
        );
        assert_eq!(cluster.count_told("RolloutAborted"), 1);
        cluster.run(3600);
        assert_eq!(names(&cluster), [name.as_str()], "none is made meanwhile");
        cluster.retry();
        cluster.settle();
        assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Progressing", Some(1), Some(20)));
        assert_eq!(names(&cluster), [name.clone(), format!("{name}.1")]);
        set_phase(&mut cluster, &format!("{name}.1"), "Successful", "");
        cluster.settle();
        assert_eq!(cluster.index(), Some(3));
    }
}

#[test]
fn without_a_conclusion_a_person_decides() {
    let mut cluster = updating(steps());
    let name = names(&cluster).remove(0);
    set_phase(&mut cluster, &name, "Inconclusive", "");
    cluster.run(3600);
    assert_eq!((cluster.phase(), cluster.weight()), ("Paused", Some(20)));
    assert_eq!(cluster.status("/pauseConditions/0/reason"), "InconclusiveAnalysisRun");
    assert_eq!(names(&cluster), [name.as_str()]);
    // Resumed: it is analysed again.
    let mut status = cluster.rollout["status"].clone();
    status.as_object_mut().unwrap().remove("pauseConditions");
    cluster.rollout["status"] = status;
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index()), ("Progressing", Some(1)));
    assert_eq!(names(&cluster), [name.clone(), format!("{name}.1")]);
    set_phase(&mut cluster, &format!("{name}.1"), "Successful", "");
    cluster.settle();
    assert_eq!(cluster.index(), Some(3));
}

#[test]
fn one_in_the_background_begins_at_its_step_and_ends_with_the_update() {
    let mut steps = crate::manifests::trace();
    steps[1]["pause"] = json!({"duration": "1h"});
    let mut cluster = updating(json!([{"setWeight": 10}, {"pause": {}}]));
    assert_eq!(names(&cluster), Vec::<String>::new());
    let mut analysis = analysis();
    analysis["startingStep"] = json!(2);
    cluster.canary(&json!({"steps": steps, "analysis": analysis}));
    cluster.settle();
    assert_eq!((cluster.index(), names(&cluster).len()), (Some(1), 0), "not yet");
    cluster.run(3700);
    assert_eq!(
        (cluster.index(), cluster.weight()),
        (Some(4), Some(100)).min((cluster.index(), cluster.weight()))
    );
    let name = format!("web-{}-2", cluster.hash("v2"));
    assert_eq!(names(&cluster), [name.as_str()]);
    cluster.run(60);
    assert_eq!(cluster.phase(), "Healthy");
    assert!(is_ended(&cluster, &name));
    assert_eq!(cluster.status("/canary/currentBackgroundAnalysisRunStatus"), &Value::Null);
}

#[test]
fn a_bad_one_in_the_background_ends_the_update_also_at_a_pause() {
    let mut cluster = updating(json!([{"setWeight": 10}, {"pause": {}}]));
    cluster.canary(&json!({"analysis": analysis()}));
    cluster.settle();
    assert_eq!(cluster.phase(), "Paused");
    let name = names(&cluster).remove(0);
    set_phase(&mut cluster, &name, "Failed", "");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight()), ("Degraded", Some(0)));
    let message = cluster.status("/message").as_str().unwrap().to_owned();
    assert!(message.ends_with("Background analysis phase error/failed"), "{message}");
}

#[test]
fn once_one_is_bad_nothing_more_is_done_for_the_update() {
    let mut cluster = running(rollout(json!([{"setWeight": 10}, {"setWeight": 60}, {"pause": {}}])));
    let template = json!({"metadata": {"name": "errors"}, "spec": {
        "metrics": [{"name": "errors", "provider": {"web": {"url": "http://web", "jsonPath": "{$.x}"}}}],
    }});
    let reference = Reference { cluster: false, name: "errors".to_owned() };
    cluster.evidence.templates.insert(reference, Arc::new(template));
    cluster.canary(&json!({"analysis": {"templates": [{"templateName": "errors"}]}}));
    cluster.deploy("v2");
    while cluster.index() != Some(1) {
        assert!(cluster.pass());
    }
    let name = names(&cluster).remove(0);
    set_phase(&mut cluster, &name, "Failed", "");
    let decision = decide(&cluster.world(), cluster.now);
    // The weight of the second step is not given any more, not even for a moment.
    assert_eq!((decision.traffic, decision.writes), (None, vec![]));
    assert_eq!(decision.status["abort"], json!(true));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight()), ("Degraded", Some(0)));
}

#[test]
fn what_is_not_wanted_any_more_is_ended() {
    let actions: [(&str, Act); 4] = [
        ("abort", |cluster| cluster.abort()),
        ("promote full", |cluster| cluster.promote_full()),
        ("another image", |cluster| cluster.deploy("v3")),
        ("skip", |cluster| cluster.rollout["status"]["currentStepIndex"] = json!(2)),
    ];
    for (what, act) in actions {
        let mut cluster = updating(steps());
        let name = names(&cluster).remove(0);
        set_phase(&mut cluster, &name, "Running", "");
        cluster.settle();
        assert!(!is_ended(&cluster, &name), "{what}");
        act(&mut cluster);
        cluster.settle();
        assert!(is_ended(&cluster, &name), "{what}");
        // It ends; what it says then is about an update that is not there any more.
        set_phase(&mut cluster, &name, "Failed", "late");
        let before = cluster.phase().to_owned();
        cluster.settle();
        assert_eq!(cluster.phase(), before, "{what}");
    }
}

#[test]
fn templates_that_cannot_be_put_together_make_a_run_that_says_why() {
    for (analysis, why) in [
        (json!({"templates": [{"templateName": "gone"}]}), "AnalysisTemplate \"gone\" does not exist"),
        (json!({"templates": [{"templateName": "gone", "clusterScope": true}]}), "ClusterAnalysisTemplate"),
        (
            json!({"templates": [{"templateName": "errors"}], "args": [{"name": "service", "valueFrom":
                {"fieldRef": {"fieldPath": "spec.nothing"}}}]}),
            "spec.strategy.canary.steps[1].analysis.args",
        ),
    ] {
        let cluster = updating(json!([{"setWeight": 20}, {"analysis": analysis}, {"setWeight": 60}]));
        assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Progressing", Some(1), Some(20)));
        let run = cluster.evidence.runs.values().next().unwrap();
        let said = run["metadata"]["annotations"][UNRESOLVED_ANNOTATION].as_str().unwrap();
        assert!(said.contains(why), "{said}");
        assert_eq!(run["spec"]["metrics"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn while_nothing_is_known_of_analyses_nothing_moves() {
    let mut cluster = updating(steps());
    let name = names(&cluster).remove(0);
    set_phase(&mut cluster, &name, "Successful", "");
    cluster.evidence.is_known = false;
    let evidence = cluster.evidence.clone();
    cluster.evidence.runs.clear();
    cluster.run(600);
    assert_eq!((cluster.index(), cluster.weight()), (Some(1), Some(20)));
    assert_eq!(cluster.status("/canary/currentStepAnalysisRunStatus/name"), name.as_str());
    assert!(cluster.evidence.runs.is_empty());
    cluster.evidence = evidence;
    cluster.evidence.is_known = true;
    cluster.settle();
    assert_eq!(cluster.index(), Some(3));
}

#[test]
fn only_so_many_runs_are_kept() {
    let mut cluster = updating(steps());
    cluster.edit(
        json!({"spec": {"analysis": {"successfulRunHistoryLimit": 2, "unsuccessfulRunHistoryLimit": 1}}}),
    );
    let name = names(&cluster).remove(0);
    let made = cluster.evidence.runs[&name].clone();
    for (index, phase) in
        [(0, "Failed"), (1, "Successful"), (2, "Successful"), (3, "Failed"), (4, "Successful")]
    {
        let mut run = made.as_ref().clone();
        let old = format!("old-{index}");
        run["metadata"]["name"] = json!(old);
        run["metadata"]["creationTimestamp"] = json!(format!("2026-01-01T00:0{index}:00Z"));
        run["status"] = json!({"phase": phase});
        cluster.evidence.runs.insert(old, run.into());
    }
    let mut foreign = made.as_ref().clone();
    foreign["metadata"]["ownerReferences"] = json!([]);
    cluster.evidence.runs.insert("somebody-elses".to_owned(), foreign.into());
    cluster.settle();
    assert_eq!(names(&cluster), ["old-2", "old-3", "old-4", "somebody-elses", &name]);
}
