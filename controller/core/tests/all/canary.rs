//! A canary from its template to its end, and the ways a user ends it early.

use serde_json::json;

use crate::cluster::{Cluster, Gate};
use crate::manifests::{paused, rollout, running, service, trace};

#[test]
fn first_revision_is_stable_at_once_and_healthy_with_its_pods() {
    let mut cluster = Cluster::new(rollout(trace()), [service("web-canary"), service("web-stable")]);
    cluster.ready.insert("v1".into(), 4);
    cluster.settle();
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v1")));
    assert_eq!((cluster.phase(), cluster.index()), ("Progressing", Some(4)));
    assert_eq!(cluster.selected("web-stable"), None, "the Service serves the pods that it has");
    cluster.ready.clear();
    cluster.settle();
    assert_eq!(cluster.phase(), "Healthy");
    assert_eq!(cluster.selected("web-stable").as_deref(), Some("v1"));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
    assert_eq!(cluster.condition("Progressing").as_deref(), Some("True=NewReplicaSetAvailable"));
    assert_eq!(cluster.rollout["metadata"]["annotations"]["rollout.argoproj.io/revision"], "1");
}

#[test]
fn steps_of_the_worked_trace() {
    let mut cluster = running(rollout(trace()));
    cluster.deploy("v2");
    cluster.ready.insert("v2".into(), 1);
    cluster.settle();
    // Two pods are wanted, so one is not enough for weight 20.
    assert_eq!((cluster.replicas("v2"), cluster.weight(), cluster.index()), (Some(2), Some(0), Some(0)));
    cluster.ready.clear();
    cluster.settle();
    assert_eq!((cluster.replicas("v2"), cluster.weight(), cluster.index()), (Some(2), Some(20), Some(1)));
    assert_eq!((cluster.phase(), cluster.status("/message")), ("Paused", &json!("CanaryPauseStep")));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v2"));
    assert_eq!(cluster.status("/canary/weights/canary/weight"), &json!(20));
    assert_eq!(cluster.status("/canary/weights/verified"), &json!(true));

    cluster.run(3600);
    assert_eq!(cluster.index(), Some(1), "a pause without a duration lasts until it is promoted");
    cluster.ready.insert("v2".into(), 5);
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.replicas("v2"), cluster.weight(), cluster.index()), (Some(6), Some(20), Some(2)));
    cluster.ready.clear();
    cluster.settle();
    assert_eq!((cluster.weight(), cluster.index(), cluster.phase()), (Some(60), Some(3), "Paused"));
    cluster.run(9);
    assert_eq!(cluster.index(), Some(3));
    cluster.ready.insert("v2".into(), 9);
    cluster.run(1);
    assert_eq!((cluster.replicas("v2"), cluster.weight(), cluster.index()), (Some(10), Some(60), Some(4)));
    cluster.ready.clear();
    cluster.set_gate(Gate::Unverified);
    cluster.settle();
    assert_eq!((cluster.weight(), cluster.selected("web-stable").as_deref()), (Some(100), Some("v1")));
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v1")), "not before all traffic is there");
    cluster.set_gate(Gate::Verified);
    cluster.settle();
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v2")));
    assert_eq!((cluster.phase(), cluster.weight(), cluster.index()), ("Healthy", Some(0), Some(4)));
    assert_eq!(cluster.selected("web-stable").as_deref(), Some("v2"));
    assert_eq!((cluster.replicas("v1"), cluster.deadline("v1").is_some()), (Some(10), true));
    cluster.run(29);
    assert_eq!(cluster.replicas("v1"), Some(10));
    cluster.run(2);
    assert_eq!((cluster.replicas("v1"), cluster.deadline("v1")), (Some(0), None));
    assert_eq!(cluster.count_told("RolloutStepCompleted"), 4);
    assert_eq!(cluster.count_told("RolloutCompleted"), 1);
}

#[test]
fn abort_at_60() {
    let mut cluster = paused();
    cluster.promote();
    cluster.settle();
    assert_eq!(cluster.weight(), Some(60));
    cluster.abort();
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Degraded", Some(0), Some(0)));
    assert_eq!(cluster.status("/message"), &json!("RolloutAborted: Rollout aborted update to revision 2"));
    assert_eq!(cluster.condition("Progressing").as_deref(), Some("False=RolloutAborted"));
    assert!(cluster.status("/abortedAt").is_string());
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
    assert_eq!((cluster.replicas("v2"), cluster.deadline("v2").is_some()), (Some(6), true));
    cluster.run(60);
    assert_eq!((cluster.replicas("v2"), cluster.deadline("v2")), (Some(0), None));
    assert_eq!(cluster.count_told("RolloutAborted"), 1);
}
