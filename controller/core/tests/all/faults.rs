//! What goes wrong: routers that fail or never confirm, specs that cannot be acted on, pods that do not come, names that
//! are taken.

use jiff::SignedDuration;
use serde_json::json;
use tidegate_api::object;

use crate::cluster::{Cluster, Gate};
use crate::manifests::{HASH, paused, rollout, running, service, trace};

const STUCK: [Gate; 3] = [Gate::Unverified, Gate::Pending, Gate::Failed];

#[test]
fn router_that_never_gets_there_stops_everything_and_is_told() {
    for gate in STUCK {
        let mut cluster = paused();
        cluster.set_gate(gate);
        cluster.promote();
        cluster.run(599);
        assert_eq!((cluster.index(), cluster.replicas("v2")), (Some(2), Some(6)), "{gate:?}");
        assert_ne!(cluster.condition("TrafficNotVerified").as_deref(), Some("True=DeadlineExceeded"));
        let ready = if gate == Gate::Failed { "False=WriteRejected" } else { "True=Ready" };
        assert_eq!(cluster.condition("TrafficRouterReady").as_deref(), Some(ready));
        let shown = if gate == Gate::Unverified { 60 } else { 20 };
        assert_eq!(cluster.status("/canary/weights/canary/weight"), &json!(shown), "{gate:?}");
        assert_eq!(cluster.status("/canary/weights/verified"), &json!(false), "{gate:?}");
        cluster.run(60);
        assert_eq!(
            cluster.condition("TrafficNotVerified").as_deref(),
            Some("True=DeadlineExceeded"),
            "{gate:?}"
        );
        assert_eq!(cluster.condition("Progressing").as_deref(), Some("False=ProgressDeadlineExceeded"));
        assert_eq!(cluster.phase(), "Degraded");
        cluster.run(100_000);
        assert_eq!(
            (cluster.index(), cluster.replicas("v2"), cluster.replicas("v1")),
            (Some(2), Some(6), Some(10))
        );
        assert!(cluster.count_told("TrafficRoutingError") <= 1, "{:?}", cluster.notes);

        let mut recovered = cluster.clone();
        recovered.set_gate(Gate::Verified);
        recovered.settle();
        assert_eq!((recovered.index(), recovered.weight(), recovered.phase()), (Some(3), Some(60), "Paused"));
        assert_eq!(recovered.condition("TrafficNotVerified"), None);
        assert_eq!(recovered.condition("TrafficRouterReady").as_deref(), Some("True=Ready"));

        // A user goes on regardless: the next step.
        let mut skipped = cluster.clone();
        skipped.promote();
        skipped.settle();
        assert_eq!((skipped.index(), skipped.phase()), (Some(3), "Paused"), "{gate:?}");

        // Or to the end; then the old pods stay until the routers have confirmed that they get nothing.
        let mut forced = cluster.clone();
        forced.promote_full();
        forced.run(1000);
        assert_eq!(forced.status("/stableRS"), &json!(forced.hash("v2")), "{gate:?}");
        assert_eq!(forced.selected("web-stable").as_deref(), Some("v2"));
        assert_eq!(forced.replicas("v1"), Some(10), "{gate:?}");
        forced.set_gate(Gate::Verified);
        forced.run(60);
        assert_eq!((forced.replicas("v1"), forced.weight(), forced.phase()), (Some(0), Some(0), "Healthy"));

        // Or gives up.
        cluster.abort();
        cluster.run(1000);
        assert_eq!((cluster.phase(), cluster.index()), ("Degraded", Some(0)));
        assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"), "stable has the capacity");
        assert_eq!(cluster.replicas("v2"), Some(6), "not while anything may still arrive there");
        cluster.set_gate(Gate::Verified);
        cluster.run(60);
        assert_eq!((cluster.replicas("v2"), cluster.weight()), (Some(0), Some(0)));
    }
}

#[test]
fn promotion_is_not_forced_before_the_deadline() {
    let mut cluster = paused();
    cluster.set_gate(Gate::Unverified);
    cluster.promote_full();
    cluster.run(500);
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v1")));
}

#[test]
fn aborted_without_capacity_the_canary_service_stays() {
    let mut cluster = paused();
    cluster.ready.insert("v1".into(), 9);
    cluster.settle();
    cluster.set_gate(Gate::Failed);
    cluster.abort();
    cluster.run(100);
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v2"));
    cluster.ready.clear();
    cluster.settle();
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
}

#[test]
fn route_that_wavers_long_after_is_not_past_a_deadline_at_once() {
    for healthy in [true, false] {
        let mut cluster = if healthy { running(rollout(trace())) } else { paused() };
        cluster.run(100_000);
        cluster.set_gate(Gate::Unverified);
        cluster.settle();
        assert_ne!(cluster.condition("TrafficNotVerified").as_deref(), Some("True=DeadlineExceeded"));
        cluster.run(601);
        assert_eq!(cluster.condition("TrafficNotVerified").as_deref(), Some("True=DeadlineExceeded"));
        cluster.set_gate(Gate::Verified);
        cluster.settle();
        assert_eq!(cluster.condition("TrafficNotVerified"), None);
    }
}

#[test]
fn pods_lost_or_wanted_long_after_are_not_past_a_deadline_at_once() {
    for scaled in [true, false] {
        let mut cluster = running(rollout(trace()));
        cluster.run(100_000);
        cluster.ready.insert("v1".into(), 9);
        if scaled {
            cluster.scale(12);
        }
        cluster.settle();
        assert_eq!(cluster.phase(), "Progressing", "{scaled}: {:#}", cluster.rollout["status"]);
        assert_eq!(
            cluster.condition("Progressing").map(|one| one.starts_with("True=ReplicaSet")),
            Some(true)
        );
        assert_eq!(cluster.condition("Healthy").as_deref(), Some("False=RolloutHealthy"));
        cluster.run(602);
        assert_eq!(cluster.phase(), "Degraded");
        cluster.ready.clear();
        cluster.settle();
        assert_eq!(cluster.phase(), "Healthy");
        assert_eq!(cluster.condition("Progressing").as_deref(), Some("True=NewReplicaSetAvailable"));
    }
}

#[test]
fn canary_without_pods_is_degraded_after_the_deadline_and_aborted_if_so_wanted() {
    for aborts in [false, true] {
        let mut cluster = running(rollout(trace()));
        cluster.edit(json!({"spec": {"progressDeadlineSeconds": 100, "progressDeadlineAbort": aborts}}));
        cluster.ready.insert("v2".into(), 0);
        cluster.deploy("v2");
        cluster.run(99);
        assert_eq!(cluster.phase(), "Progressing");
        cluster.run(10);
        assert_eq!((cluster.phase(), cluster.weight()), ("Degraded", Some(0)));
        assert_eq!(cluster.status("/abort") == &json!(true), aborts);
        let progressing = if aborts { "False=RolloutAborted" } else { "False=ProgressDeadlineExceeded" };
        assert_eq!(cluster.condition("Progressing").as_deref(), Some(progressing));
        assert!(cluster.status("/message").as_str().unwrap().ends_with("has timed out progressing."));
        cluster.run(1000);
        assert_eq!(cluster.count_told("RolloutAborted"), usize::from(aborts));
        assert_eq!(cluster.replicas("v2"), Some(if aborts { 0 } else { 2 }));
        cluster.ready.clear();
        if aborts {
            cluster.retry();
        }
        cluster.settle();
        assert_eq!((cluster.phase(), cluster.weight()), ("Paused", Some(20)));
    }
}

#[test]
fn pause_is_not_on_the_clock_of_the_deadline() {
    let mut cluster = paused();
    cluster.run(100_000);
    cluster.ready.insert("v2".into(), 2);
    cluster.promote();
    cluster.run(599);
    assert_eq!(cluster.phase(), "Progressing");
    cluster.run(3);
    assert_eq!(cluster.phase(), "Degraded");
}

#[test]
fn invalid_spec_freezes_the_canary_but_an_abort_is_carried_out() {
    let mut cluster = paused();
    cluster.canary(&json!({"steps": [{"setWeight": 2000}]}));
    cluster.run(1000);
    assert_eq!((cluster.phase(), cluster.weight(), cluster.index()), ("Degraded", Some(20), Some(1)));
    assert_eq!(cluster.condition("InvalidSpec").as_deref(), Some("True=InvalidSpec"));
    assert_eq!(cluster.count_told("InvalidSpec"), 1);
    assert_eq!(cluster.replicas("v2"), Some(2));
    let mut mended = cluster.clone();
    mended.canary(&json!({"steps": trace()}));
    mended.settle();
    assert_eq!((mended.phase(), mended.index()), ("Paused", Some(1)));
    assert_eq!(mended.condition("InvalidSpec"), None);
    cluster.abort();
    cluster.run(1000);
    assert_eq!((cluster.phase(), cluster.weight()), ("Degraded", Some(0)));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
    assert!(cluster.status("/abortedAt").is_string());
    assert_eq!(cluster.count_told("RolloutAborted"), 1);
}

#[test]
fn invalid_spec_freezes_no_abort_whose_template_is_the_stable_one_again() {
    let mut cluster = paused();
    cluster.canary(&json!({"steps": [{"setWeight": 2000}]}));
    cluster.settle();
    cluster.deploy("v1");
    cluster.settle();
    assert_eq!(cluster.weight(), Some(20), "the spec as a whole is not acted on");
    cluster.abort();
    cluster.run(100);
    assert_eq!((cluster.phase(), cluster.weight()), ("Degraded", Some(0)));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
    assert_eq!(cluster.status("/abort"), &json!(true));
    cluster.canary(&json!({"steps": trace()}));
    cluster.run(100);
    assert_eq!((cluster.phase(), cluster.replicas("v2")), ("Healthy", Some(0)));
}

#[test]
fn abort_of_an_idle_rollout_with_an_invalid_spec_is_told_at_most_once() {
    let mut cluster = running(rollout(trace()));
    cluster.canary(&json!({"steps": [{"setWeight": 2000}]}));
    cluster.abort();
    cluster.run(100);
    assert!(cluster.count_told("RolloutAborted") <= 1);
}

#[test]
fn missing_service_is_named() {
    let mut cluster = Cluster::new(rollout(trace()), [service("web-stable")]);
    cluster.settle();
    assert_eq!(cluster.phase(), "Degraded");
    assert!(cluster.status("/message").as_str().unwrap().contains("web-canary"));
    assert!(cluster.sets.is_empty());
    cluster.services.insert("web-canary".into(), running(rollout(trace())).services["web-canary"].clone());
    cluster.settle();
    assert_eq!(cluster.phase(), "Healthy");
}

#[test]
fn name_that_is_taken_by_another_template_is_avoided() {
    let mut cluster = running(rollout(trace()));
    let mut probe = cluster.clone();
    probe.deploy("v2");
    probe.settle();
    let name = object::name(probe.set("v2").unwrap()).to_owned();
    // A ReplicaSet of ours with that name, of a template of which the label does not tell.
    let mut other = probe.set("v2").unwrap().clone();
    other["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:other");
    other["spec"]["replicas"] = json!(0);
    other["metadata"]["annotations"]["rollout.argoproj.io/revision"] = json!("1");
    cluster.sets.insert(name.clone(), other);
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight()), ("Paused", Some(20)));
    assert_eq!(cluster.status("/collisionCount"), &json!(1));
    assert_ne!(object::name(cluster.set("v2").unwrap()), name);
    assert_eq!(cluster.replicas("other"), Some(0));
}

#[test]
fn templates_that_the_server_changes_are_recognised_all_the_same() {
    let mut cluster = running(rollout(trace()));
    // A webhook puts something into the template of each ReplicaSet.
    let sidecar = json!({"spec": {"template": {"spec": {"priorityClassName": "batch"}}}});
    cluster.edit_set("v1", &sidecar);
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.sets.len()), ("Healthy", 1));
    cluster.deploy("v2");
    while cluster.set("v2").is_none() {
        assert!(cluster.pass());
    }
    cluster.edit_set("v2", &sidecar);
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight(), cluster.sets.len()), ("Paused", Some(20), 2));
    cluster.deploy("v1");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.sets.len()), ("Healthy", 2));
}

#[test]
fn orphan_of_the_template_is_adopted() {
    let mut cluster = running(rollout(trace()));
    cluster.edit_set("v1", &json!({"metadata": {"ownerReferences": null}}));
    cluster.settle();
    let set = cluster.set("v1").unwrap();
    assert_eq!(object::controller_uid(set), Some("u-1"));
    assert_eq!((cluster.sets.len(), cluster.phase()), (1, "Healthy"));
}

#[test]
fn selector_that_somebody_else_wrote_is_put_right() {
    let mut cluster = running(rollout(trace()));
    for name in ["web-stable", "web-canary"] {
        cluster.services.get_mut(name).unwrap()["spec"]["selector"][HASH] = json!("nonsense");
    }
    cluster.settle();
    assert_eq!(cluster.selected("web-stable").as_deref(), Some("v1"));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
    assert_eq!((cluster.weight(), cluster.phase()), (Some(0), "Healthy"));
}

#[test]
fn creation_that_fails_is_tried_again_without_telling() {
    let mut cluster = running(rollout(trace()));
    cluster.deploy("v2");
    cluster.pass();
    for _ in 0..5 {
        assert!(cluster.pass_in_part(0));
        cluster.now += SignedDuration::from_secs(1);
    }
    assert_eq!(cluster.count_told("NewReplicaSetCreated"), 0);
    cluster.settle();
    assert_eq!(cluster.phase(), "Paused");
}
