//! What changes an update that is under way: another template, a rollback, an abort and what comes after it, a user who
//! skips steps, a Rollout that Argo Rollouts left in the middle.

use serde_json::json;

use crate::cluster::Gate;
use crate::manifests::{paused, rollout, running, trace};

#[test]
fn superseding_template_waits_for_weight_0_before_the_canary_service_moves() {
    let mut cluster = paused();
    cluster.deploy("v3");
    // The routers have the new weights in their objects, but they are not in force yet.
    cluster.set_gate(Gate::Unverified);
    cluster.settle();
    assert_eq!((cluster.weight(), cluster.index(), cluster.phase()), (Some(0), Some(0), "Progressing"));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v2"));
    assert_eq!((cluster.replicas("v2"), cluster.deadline("v2")), (Some(2), None));
    assert_eq!(cluster.replicas("v3"), Some(2));
    assert_eq!(cluster.status("/canary/weights/verified"), &json!(false));
    cluster.run(120);
    assert_eq!(cluster.replicas("v2"), Some(2));
    cluster.set_gate(Gate::Verified);
    cluster.settle();
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v3"));
    assert_eq!((cluster.weight(), cluster.index(), cluster.phase()), (Some(20), Some(1), "Paused"));
    assert_eq!((cluster.replicas("v2"), cluster.deadline("v2").is_some()), (Some(2), true));
    cluster.run(31);
    assert_eq!(cluster.replicas("v2"), Some(0));
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v1")));
}

#[test]
fn a_promoted_update_that_loses_its_pods_is_not_healthy_by_the_pods_of_the_one_before() {
    let mut cluster = paused();
    cluster.promote_full();
    cluster.settle();
    assert_eq!(
        (cluster.phase(), cluster.replicas("v1")),
        ("Healthy", Some(10)),
        "which stay for their delay"
    );
    cluster.ready.insert("v2".into(), 0);
    cluster.settle();
    assert_eq!(cluster.status("/availableReplicas"), &json!(10));
    assert_eq!(cluster.phase(), "Progressing");
    cluster.ready.remove("v2");
    cluster.settle();
    assert_eq!(cluster.phase(), "Healthy");
}

#[test]
fn a_canary_that_the_stable_service_selects_does_not_shrink() {
    let pods = |replicas: i64| json!({"setCanaryScale": {"replicas": replicas}});
    let mut cluster = running(rollout(json!([pods(4), {"pause": {}}, pods(1), {"pause": {}}])));
    cluster.deploy("v2");
    cluster.settle();
    // As after a time without replicas, in which no Service is moved. It cannot go back yet.
    cluster.was_empty = true;
    cluster.ready.insert("v1".into(), 0);
    cluster.follow_all();
    let hash = cluster.hash("v2").to_owned();
    let selector = &mut cluster.services.get_mut("web-stable").unwrap()["spec"]["selector"];
    selector["rollouts-pod-template-hash"] = json!(hash);
    cluster.settle();
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.index(), cluster.replicas("v2")), (Some(3), Some(4)), "it has all traffic");
    cluster.ready.remove("v1");
    cluster.settle();
    assert_eq!(cluster.selected("web-stable").as_deref(), Some("v1"));
    assert_eq!(cluster.replicas("v2"), Some(1));
}

#[test]
fn the_stable_service_goes_back_to_pods_that_can_carry_everything() {
    let mut cluster = paused();
    cluster.was_empty = true;
    cluster.ready.insert("v1".into(), 0);
    cluster.follow_all();
    let hash = cluster.hash("v2").to_owned();
    let selector = &mut cluster.services.get_mut("web-stable").unwrap()["spec"]["selector"];
    selector["rollouts-pod-template-hash"] = json!(hash);
    cluster.settle();
    cluster.ready.insert("v1".into(), 1);
    cluster.settle();
    assert_eq!(cluster.selected("web-stable").as_deref(), Some("v2"), "one pod of ten cannot");
    cluster.ready.remove("v1");
    cluster.settle();
    assert_eq!(cluster.selected("web-stable").as_deref(), Some("v1"));
}

#[test]
fn template_of_the_stable_revision_skips_the_steps() {
    let mut cluster = paused();
    cluster.deploy("v1");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Healthy", Some(4), Some(0)));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
    assert_eq!(cluster.count_told("SkipSteps"), 1);
    assert_eq!(cluster.rollout["metadata"]["annotations"]["rollout.argoproj.io/revision"], "3");
    let annotations = &cluster.set("v1").unwrap()["metadata"]["annotations"];
    assert_eq!(annotations["rollout.argoproj.io/revision-history"], "1");
    assert_eq!((cluster.replicas("v2"), cluster.deadline("v2").is_some()), (Some(2), true));
    cluster.run(31);
    assert_eq!(cluster.replicas("v2"), Some(0));
}

#[test]
fn superseded_between_the_switch_of_the_stable_service_and_the_promotion() {
    for action in ["deploy", "abort", "rollback"] {
        let mut cluster = paused();
        cluster.promote_full();
        // The stable Service is switched; the next pass would mark the new ReplicaSet stable.
        while cluster.selected("web-stable").as_deref() != Some("v2") {
            assert!(cluster.pass());
        }
        assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v1")));
        if action == "deploy" {
            cluster.deploy("v3");
        } else if action == "rollback" {
            cluster.deploy("v1");
        } else {
            cluster.abort();
        }
        cluster.settle();
        assert_eq!(cluster.selected("web-stable").as_deref(), Some("v1"), "{action}");
        let expected = match action {
            "deploy" => ("Paused", Some(20)),
            "rollback" => ("Healthy", Some(0)),
            _ => ("Degraded", Some(0)),
        };
        assert_eq!((cluster.phase(), cluster.weight()), expected);
    }
}

#[test]
fn pods_lost_between_the_switch_of_the_stable_service_and_the_promotion() {
    let mut cluster = paused();
    cluster.promote_full();
    while cluster.selected("web-stable").as_deref() != Some("v2") {
        assert!(cluster.pass());
    }
    cluster.ready.insert("v2".into(), 3);
    cluster.follow_all();
    cluster.settle();
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v1")));
    assert_eq!(cluster.selected("web-stable").as_deref(), Some("v1"));
    cluster.ready.clear();
    cluster.settle();
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v2")));
    assert_eq!(cluster.phase(), "Healthy");
}

#[test]
fn retry_after_an_abort_starts_with_the_first_step() {
    let mut cluster = paused();
    cluster.abort();
    cluster.run(5);
    assert!(cluster.deadline("v2").is_some());
    cluster.retry();
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Paused", Some(1), Some(20)));
    assert_eq!((cluster.replicas("v2"), cluster.deadline("v2")), (Some(2), None));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v2"));
    assert!(cluster.status("/abortedAt").is_null());
    assert_eq!(cluster.status("/abort"), &json!(false), "what the user wrote stays");
    cluster.run(60);
    assert_eq!(cluster.replicas("v2"), Some(2));
}

#[test]
fn new_template_after_an_abort_starts_an_update() {
    let mut cluster = paused();
    cluster.abort();
    cluster.settle();
    cluster.deploy("v3");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Paused", Some(1), Some(20)));
    assert!(cluster.status("/abort").is_null());
    cluster.run(40);
    assert_eq!(cluster.replicas("v2"), Some(0));
}

#[test]
fn promote_full_goes_to_the_end_once_all_pods_are_there() {
    let mut cluster = paused();
    cluster.ready.insert("v2".into(), 7);
    cluster.promote_full();
    cluster.settle();
    assert_eq!((cluster.replicas("v2"), cluster.weight()), (Some(10), Some(20)));
    cluster.ready.clear();
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Healthy", Some(4), Some(0)));
    assert!(cluster.status("/promoteFull").is_null());
    assert!(cluster.status("/pauseConditions").is_null());
}

#[test]
fn promote_full_does_not_take_the_weight_of_an_earlier_canary() {
    let mut cluster = paused();
    cluster.promote();
    cluster.settle();
    assert_eq!(cluster.weight(), Some(60));
    cluster.set_gate(Gate::Pending);
    cluster.ready.insert("v3".into(), 1);
    cluster.deploy("v3");
    cluster.settle();
    cluster.set_gate(Gate::Verified);
    // The canary Service is switched, but the status that tells of weight 0 gets lost.
    cluster.pass_in_part(9);
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v3"));
    cluster.promote_full();
    let traffic = cluster.decide().traffic.unwrap();
    assert_eq!(traffic.canary.weight, 0, "one pod of v3 does not get the weight that v2 had");
}

#[test]
fn user_sets_the_step() {
    let mut cluster = paused();
    // Past the pause, with the pause condition left behind.
    cluster.edit(json!({"status": {"currentStepIndex": 2}}));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Paused", Some(3), Some(60)));
    cluster.run(11);
    assert_eq!((cluster.phase(), cluster.index()), ("Healthy", Some(4)));
    // Back to an earlier step, and far beyond all of them.
    let mut cluster = paused();
    cluster.edit(json!({"status": {"currentStepIndex": 99, "pauseConditions": null}}));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index()), ("Healthy", Some(4)));
    let mut cluster = paused();
    cluster.edit(json!({"status": {"currentStepIndex": -3, "pauseConditions": null}}));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Paused", Some(1), Some(20)));
}

#[test]
fn spec_paused_stops_scaling_and_steps_but_not_an_abort() {
    let mut cluster = running(rollout(trace()));
    cluster.deploy("v2");
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.run(1000);
    assert_eq!((cluster.phase(), cluster.index()), ("Paused", Some(0)));
    assert_eq!(cluster.status("/message"), &json!("manually paused"));
    assert_eq!(cluster.replicas("v2"), Some(0));
    assert_eq!(cluster.condition("Progressing").as_deref(), Some("Unknown=RolloutPaused"));
    cluster.edit(json!({"spec": {"paused": false}}));
    cluster.settle();
    assert_eq!((cluster.index(), cluster.weight()), (Some(1), Some(20)));
    assert_eq!(cluster.condition("Paused").as_deref(), Some("True=RolloutPaused"));
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.index(), cluster.weight()), (Some(3), Some(60)), "promoting resumes both pauses");
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.run(60);
    assert_eq!(cluster.index(), Some(3), "no pause ends meanwhile");
    cluster.abort();
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight()), ("Degraded", Some(0)));
}

#[test]
fn changed_steps_restart_an_update_but_not_an_idle_rollout() {
    let mut cluster = paused();
    cluster.canary(&json!({"steps": [{"setWeight": 10}, {"pause": {}}]}));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Paused", Some(1), Some(10)));
    let mut cluster = running(rollout(trace()));
    cluster.canary(&json!({"steps": [{"setWeight": 10}]}));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Healthy", Some(1), Some(0)));
    cluster.canary(&json!({"steps": null}));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index()), ("Healthy", None));
}

#[test]
fn goes_on_where_argo_rollouts_stopped() {
    let mut cluster = paused();
    let before = cluster.clone();
    // As Argo Rollouts spells a status: absent and null fields, a stale `verified`, no own conditions.
    cluster.edit(json!({"status": {
        "abort": null, "promoteFull": null, "collisionCount": null,
        "canary": {"weights": {"verified": false}},
        "blueGreen": {},
    }}));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Paused", Some(1), Some(20)));
    assert_eq!(cluster.sets, before.sets);
    assert_eq!(cluster.status("/blueGreen"), &json!({}), "what is not ours is kept");
    assert_eq!(cluster.status("/canary/weights/verified"), &json!(true));
    // Nothing at all about the position.
    let mut cluster = before;
    cluster.edit(json!({"status": {"currentStepIndex": null, "conditions": null, "controllerPause": null}}));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight()), ("Paused", Some(20)));
}

#[test]
fn pauses_of_others_are_theirs() {
    let mut cluster = paused();
    // Somebody else's analysis pauses too, and the step's own pause is taken away.
    let analysis = json!({"reason": "InconclusiveAnalysisRun", "startTime": "2026-01-01T00:00:00Z"});
    cluster.edit(json!({"status": {"pauseConditions": [analysis], "controllerPause": true}}));
    cluster.run(30);
    assert_eq!((cluster.phase(), cluster.index()), ("Paused", Some(1)));
    assert_eq!(cluster.status("/message"), &json!("InconclusiveAnalysisRun"));
    assert_eq!(cluster.status("/pauseConditions"), &json!([analysis]));
}

#[test]
fn pause_without_a_start_time_ends() {
    let mut cluster = running(rollout(json!([{"pause": {"duration": 10}}])));
    cluster.deploy("v2");
    cluster.settle();
    cluster.edit(json!({"status": {"pauseConditions": [{"reason": "CanaryPauseStep"}]}}));
    cluster.run(15);
    assert_eq!(cluster.phase(), "Healthy");
}

#[test]
fn stable_replica_set_that_is_gone_leaves_nothing_to_compare_with() {
    let mut cluster = paused();
    let stable = cluster.set("v1").unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    cluster.sets.remove(&stable);
    cluster.settle();
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v2")));
    assert_eq!((cluster.phase(), cluster.replicas("v2"), cluster.weight()), ("Healthy", Some(10), Some(0)));
    assert_eq!(cluster.selected("web-stable").as_deref(), Some("v2"));
}
