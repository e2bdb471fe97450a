//! Restarts: pods older than a time are evicted, as many as can be spared.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::{Operation, object};
use tidegate_core::{Pods, needs_pods};

use crate::cluster::Cluster;
use crate::manifests::{paused, rollout, running, trace};

/// What a test says of a pod.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Old,
    OldUnready,
    OldLeaving,
    New,
    NewUnready,
}
use Is::{New, NewUnready, Old, OldLeaving, OldUnready};

const AT: &str = "2026-01-01T01:00:00Z";

impl Cluster {
    fn restart_at(&mut self, at: &str) {
        self.edit(json!({"spec": {"restartAt": at}}));
    }

    /// The pods of the ReplicaSet of an image are these; those of others are forgotten.
    fn pods_are(&mut self, images: &[(&str, &[Is])]) {
        let mut pods = Vec::new();
        for (image, all) in images {
            let set = self.set(image).unwrap();
            for (index, is) in all.iter().enumerate() {
                let is_old = !matches!(is, New | NewUnready);
                let is_ready = !matches!(is, OldUnready | NewUnready);
                let mut pod = json!({
                    "metadata": {
                        "name": format!("{image}-{index:02}"), "namespace": "shop", "uid": format!("{image}-{index}"),
                        "creationTimestamp": if is_old { "2026-01-01T00:30:00Z" } else { "2026-01-01T01:00:01Z" },
                        "ownerReferences": [{"controller": true, "uid": object::uid(set)}],
                    },
                    "status": {"phase": "Running", "conditions": [
                        {"type": "Ready", "status": if is_ready { "True" } else { "False" }},
                    ]},
                });
                if *is == OldLeaving {
                    pod["metadata"]["deletionTimestamp"] = AT.into();
                }
                pods.push(Arc::new(pod));
            }
        }
        self.pods = Pods::Known(pods);
    }

    /// The names of the pods that are evicted now.
    fn evicted(&mut self) -> Vec<String> {
        let decision = self.decide();
        let evicted = decision.writes.iter().filter_map(|write| match &write.operation {
            Operation::Evict { name, preconditions } => {
                assert!(preconditions.uid.is_some(), "this very pod");
                Some(name.clone())
            }
            _ => None,
        });
        let evicted: Vec<String> = evicted.collect();
        assert!(evicted.is_empty() || decision.wake_at.is_some(), "it looks again");
        evicted
    }
}

/// Four pods of the image v1 are running, and were to be restarted an hour later.
fn due(max_unavailable: Value) -> Cluster {
    let mut rollout = rollout(trace());
    rollout["spec"]["replicas"] = 4.into();
    rollout["spec"]["strategy"]["canary"]["maxUnavailable"] = max_unavailable;
    let mut cluster = running(rollout);
    cluster.now = "2026-01-01T02:00:00Z".parse().unwrap();
    cluster.restart_at(AT);
    cluster
}

#[test]
fn as_many_go_as_can_be_spared() {
    for (max_unavailable, pods, evicted) in [
        (json!(1), [Old, Old, Old, Old], vec!["v1-00"]),
        (json!(0), [Old, Old, Old, Old], vec!["v1-00"]),
        (json!("50%"), [Old, Old, Old, Old], vec!["v1-00", "v1-01"]),
        (json!("50%"), [New, Old, New, Old], vec!["v1-01", "v1-03"]),
        (json!("50%"), [New, New, New, Old], vec!["v1-03"]),
        (json!("50%"), [OldLeaving, Old, Old, Old], vec!["v1-01"]),
        (json!(1), [OldLeaving, Old, Old, Old], vec![]),
        (json!(1), [NewUnready, Old, Old, Old], vec![]),
        // What is not ready costs nothing.
        (json!(1), [NewUnready, OldUnready, Old, Old], vec!["v1-01"]),
        (
            json!(1),
            [OldUnready, OldUnready, OldUnready, OldUnready],
            vec!["v1-00", "v1-01", "v1-02", "v1-03"],
        ),
        // One of several stays, whatever may be unavailable.
        (json!("100%"), [Old, Old, Old, Old], vec!["v1-00", "v1-01", "v1-02"]),
    ] {
        let mut cluster = due(max_unavailable.clone());
        cluster.pods_are(&[("v1", &pods)]);
        assert_eq!(cluster.evicted(), evicted, "{max_unavailable}");
        cluster.pass_in_part(0);
        assert_eq!(cluster.status("/restartedAt"), &Value::Null);
    }
}

#[test]
fn a_single_pod_goes() {
    let mut rollout = rollout(trace());
    rollout["spec"]["replicas"] = 1.into();
    let mut cluster = running(rollout);
    cluster.now = "2026-01-01T02:00:00Z".parse().unwrap();
    cluster.restart_at(AT);
    cluster.pods_are(&[("v1", &[Old])]);
    assert_eq!(cluster.evicted(), ["v1-00"]);
}

#[test]
fn it_is_over_when_none_is_left_and_says_so_as_argo_rollouts_does() {
    let mut cluster = due(json!(1));
    cluster.pods_are(&[("v1", &[New, New, New, Old])]);
    cluster.settle_status();
    assert_eq!(
        (cluster.phase(), cluster.status("/message")),
        ("Progressing", &json!("rollout is restarting"))
    );
    // The fourth may not have been seen yet.
    cluster.pods_are(&[("v1", &[New, New, New])]);
    cluster.settle_status();
    assert_eq!(cluster.status("/restartedAt"), &Value::Null);
    cluster.pods_are(&[("v1", &[New, New, New, New])]);
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.status("/restartedAt")), ("Healthy", &json!(AT)));
    let world = cluster.world();
    assert!(!needs_pods(&world, cluster.now));
}

impl Cluster {
    /// Writes the status alone, until that changes nothing.
    fn settle_status(&mut self) {
        for _ in 0..5 {
            let status = self.decide().status;
            if self.rollout["status"] == status {
                return;
            }
            self.edit(json!({"status": status}));
        }
        panic!("it never comes to rest");
    }
}

#[test]
fn one_in_the_future_waits_for_its_time() {
    let mut cluster = running(rollout(trace()));
    assert!(!needs_pods(&cluster.world(), cluster.now));
    cluster.restart_at(AT);
    cluster.settle();
    assert_eq!(cluster.status("/message"), "rollout is restarting", "as clients compute it");
    assert_eq!(cluster.wake_at, Some(AT.parse().unwrap()));
    assert!(!needs_pods(&cluster.world(), cluster.now));
    assert!(needs_pods(&cluster.world(), AT.parse().unwrap()));
}

#[test]
fn stable_pods_go_first() {
    let mut cluster = paused();
    cluster.now = "2026-01-01T02:00:00Z".parse().unwrap();
    cluster.restart_at(AT);
    cluster.pods_are(&[("v1", &[Old; 10]), ("v2", &[Old; 2])]);
    assert_eq!(
        cluster.evicted(),
        ["v1-00", "v1-01"],
        "12 pods, of which 10 are needed, and 2 may be unavailable"
    );
    cluster.pods_are(&[("v1", &[New; 10]), ("v2", &[Old; 2])]);
    assert_eq!(cluster.evicted(), ["v2-00"], "one of the canary's stays");
}

#[test]
fn a_new_template_ends_one_that_is_due_and_keeps_one_that_is_not() {
    for (at, ends) in [(AT, true), ("2027-01-01T00:00:00Z", false)] {
        let mut cluster = running(rollout(trace()));
        cluster.now = "2026-01-01T02:00:00Z".parse().unwrap();
        cluster.restart_at(at);
        cluster.deploy("v2");
        cluster.settle();
        let expected = if ends { json!(at) } else { Value::Null };
        assert_eq!(cluster.status("/restartedAt"), &expected);
    }
}

#[test]
fn pods_that_cannot_be_read_are_said() {
    let mut cluster = due(json!(1));
    cluster.pods = Pods::Unreadable { message: "may not watch pods".into() };
    cluster.settle();
    assert_eq!(cluster.status("/message"), "rollout is restarting: may not watch pods");
}
