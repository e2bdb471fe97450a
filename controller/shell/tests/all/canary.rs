//! A canary from its start to its end, and the silence after it.

use std::collections::BTreeMap;

use serde_json::json;
use tidegate_api::builtin;
use tidegate_shell::{Event, Report};

use crate::manifests;
use crate::rig::{Rig, minutes, seconds};

/// Settles the first revision, then starts an update.
pub(crate) fn updating() -> Rig {
    let mut rig = Rig::new();
    rig.run(minutes(1));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    rig.set_image("web", "web:2");
    rig
}

/// An update that waits at its indefinite pause, at weight 50.
pub(crate) fn paused() -> Rig {
    let mut rig = updating();
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
    rig.forget_requests();
    rig
}

/// Lets an update go to its end.
pub(crate) fn finish(rig: &mut Rig) {
    for _ in 0..20 {
        rig.run(minutes(1));
        if rig.is_healthy("web") {
            return;
        }
        let paused =
            rig.rollout("web")["status"]["pauseConditions"].as_array().is_some_and(|all| !all.is_empty());
        if paused && rig.rollout("web")["status"]["currentStepIndex"] == 3 {
            rig.promote("web");
        }
    }
    panic!("{}", rig.phase("web"));
}

#[test]
fn a_canary_goes_through_its_steps_and_then_all_is_quiet() {
    let mut rig = updating();
    let mut seen = vec![rig.weights("web").1];
    for _ in 0..300 {
        rig.run(seconds(1));
        let canary = rig.weights("web").1;
        if seen.last() != Some(&canary) {
            seen.push(canary);
        }
        if rig.rollout("web")["status"]["currentStepIndex"] == 3 {
            rig.promote("web");
        }
    }
    assert_eq!(seen, [0, 20, 50, 100, 0]);
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    let status = &rig.rollout("web")["status"];
    assert_eq!(status["stableRS"], status["currentPodHash"]);

    rig.run(minutes(5));
    rig.forget_requests();
    rig.run(minutes(180));
    assert!(rig.requests.is_empty(), "{:?}", rig.requests);
    assert_eq!(rig.questions, 0, "no plugin is asked while nothing changes");
    let passes = rig.reports.iter().filter(|report| matches!(report, Report::Pass { .. })).count();
    assert!((8..=24).contains(&passes), "it is looked at every 15 minutes: {passes}");
}

#[test]
fn the_same_events_give_the_same_effects() {
    let run = || {
        let mut rig = updating();
        rig.run(minutes(3));
        finish(&mut rig);
        (format!("{:?}", rig.requests), format!("{:?}", rig.reports))
    };
    assert_eq!(run(), run());
}

#[test]
fn each_step_of_the_weight_costs_one_write_of_the_route() {
    let mut rig = updating();
    rig.forget_requests();
    rig.run(minutes(2));
    finish(&mut rig);
    assert_eq!(rig.writes_of("HTTPRoute"), 4, "20, 50, 100 and back to 0");
}

#[test]
fn an_abort_takes_the_weight_away() {
    let mut rig = paused();
    rig.patch(&builtin::rollouts(), "web", Some("status"), json!({"status": {"abort": true}}));
    rig.run(seconds(10));
    assert_eq!(rig.weights("web"), (100, 0));
    rig.run(minutes(5));
    assert_eq!(rig.rollout("web")["status"]["phase"], "Degraded");
}

#[test]
fn several_rollouts_do_not_disturb_each_other() {
    let mut rig = Rig::new();
    rig.apply_all(manifests::shop("api"));
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50));
    assert_eq!(rig.weights("api"), (100, 0));
    assert!(rig.is_healthy("api"));
}

#[test]
fn one_that_does_not_lead_watches_and_writes_nothing() {
    let mut rig = Rig::empty(tidegate_shell::Settings::default());
    rig.apply_all(manifests::shop("web"));
    rig.start_standby();
    rig.run(minutes(1));
    assert!(rig.requests.is_empty());
    assert!(rig.controllers[0].shell.is_ready());
    rig.tell(0, Event::Leading(true));
    rig.run(minutes(1));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    rig.tell(0, Event::Leading(false));
    rig.set_image("web", "web:2");
    rig.forget_requests();
    rig.run(minutes(30));
    assert!(rig.requests.is_empty());
}

#[test]
fn rollouts_of_another_instance_or_namespace_are_left_alone() {
    for (instance_id, namespace, ours) in [
        (None, None, true),
        (Some("blue"), None, false),
        (None, Some("elsewhere"), false),
        (None, Some("shop"), true),
    ] {
        let settings = tidegate_shell::Settings {
            instance_id: instance_id.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            ..Default::default()
        };
        let mut rig = Rig::with(settings);
        rig.run(minutes(1));
        assert_eq!(!rig.requests.is_empty(), ours, "{instance_id:?} {namespace:?}");
    }
}

#[test]
fn a_label_hands_a_rollout_over_to_another_instance() {
    let mut rig = Rig::new();
    rig.run(minutes(1));
    let labels =
        json!({"metadata": {"labels": {"argo-rollouts.argoproj.io/controller-instance-id": "blue"}}});
    rig.patch(&builtin::rollouts(), "web", None, labels);
    rig.set_image("web", "web:2");
    rig.forget_requests();
    rig.run(minutes(30));
    assert!(rig.requests.is_empty());
}

#[test]
fn a_rollout_made_anew_under_its_name_starts_afresh() {
    let mut rig = paused();
    rig.delete(&builtin::rollouts(), "web");
    rig.run(minutes(1));
    rig.create(manifests::rollout("web"));
    rig.run(minutes(3));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
}

#[test]
fn a_clock_that_is_set_forward_ends_pauses_that_are_over() {
    let mut rig = updating();
    rig.run(seconds(12));
    assert_eq!(rig.rollout("web")["status"]["currentStepIndex"], 1, "{}", rig.phase("web"));
    rig.clock_offset = minutes(60);
    rig.edit_weights("web", 80, 20);
    let unrelated = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other", "namespace": "shop"},
        "spec": {"ports": [{"port": 80}]}});
    rig.create(unrelated);
    rig.run(seconds(2));
    assert_ne!(rig.rollout("web")["status"]["currentStepIndex"], 1, "{}", rig.phase("web"));
}

#[test]
fn events_are_said_once() {
    let mut rig = updating();
    rig.run(minutes(2));
    finish(&mut rig);
    rig.run(minutes(120));
    let mut told = BTreeMap::new();
    for event in &rig.events {
        *told.entry((event.reason.as_str(), event.message.as_str())).or_insert(0) += 1;
    }
    // There are two pauses, which begin and end in the same words.
    let twice: Vec<&str> =
        told.iter().filter(|(_, count)| **count > 1).map(|((reason, _), _)| *reason).collect();
    assert_eq!(twice, ["RolloutPaused", "RolloutResumed"], "{told:?}");
    assert!(told.keys().any(|(reason, _)| *reason == "TrafficWeightUpdated"), "{told:?}");
}
