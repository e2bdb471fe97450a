//! `replicaProgressThreshold`: how many pods suffice to go on.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::manifests::{rollout, running};

fn canary(steps: Value, threshold: &Value, pods: i64) -> Cluster {
    let mut cluster = running(rollout(steps));
    cluster.canary(&json!({"replicaProgressThreshold": threshold}));
    cluster.ready.insert("v2".into(), pods);
    cluster.deploy("v2");
    cluster.settle();
    cluster
}

#[test]
fn a_step_is_done_with_as_many_pods_as_suffice() {
    let percent = |value: i64| json!({"type": "Percent", "value": value});
    let pods = |value: i64| json!({"type": "Pods", "value": value});
    // Five pods are wanted.
    for (threshold, ready, is_done) in [
        (Value::Null, 4, false),
        (Value::Null, 5, true),
        (percent(80), 3, false),
        (percent(80), 4, true),
        (percent(100), 4, false),
        (percent(1), 0, false),
        (percent(1), 1, true),
        (pods(3), 2, false),
        (pods(3), 3, true),
        // More than there should be means all of them. (In Argo Rollouts such a step is never done.)
        (pods(7), 4, false),
        (pods(7), 5, true),
    ] {
        let steps = json!([{"setWeight": 50}, {"pause": {}}]);
        let cluster = canary(steps, &threshold, ready);
        let expected = if is_done { (Some(50), Some(1)) } else { (Some(0), Some(0)) };
        assert_eq!((cluster.weight(), cluster.index()), expected, "{threshold} with {ready} pods");
        let steps = json!([{"setCanaryScale": {"replicas": 5}}, {"pause": {}}]);
        let cluster = canary(steps, &threshold, ready);
        // A canary without any pod has nothing that could be waited for.
        assert_eq!(cluster.index() == Some(1), is_done, "{threshold} with {ready} pods");
    }
}

#[test]
fn an_update_is_complete_with_as_many_pods_as_suffice() {
    let threshold = json!({"type": "Percent", "value": 90});
    let mut cluster = canary(json!([{"setWeight": 50}]), &threshold, 8);
    assert_eq!((cluster.weight(), cluster.status("/stableRS")), (Some(50), &json!(cluster.hash("v1"))));
    cluster.ready.insert("v2".into(), 9);
    cluster.follow_all();
    cluster.settle();
    assert_eq!((cluster.weight(), cluster.status("/stableRS")), (Some(0), &json!(cluster.hash("v2"))));
    assert_ne!(cluster.phase(), "Healthy", "one pod is missing");
    cluster.ready.clear();
    cluster.follow_all();
    cluster.settle();
    assert_eq!(cluster.phase(), "Healthy");
}

#[test]
fn stable_counts_by_percent_and_not_by_pods() {
    for (threshold, weight) in [
        (Value::Null, 20),
        (json!({"type": "Percent", "value": 90}), 0),
        (json!({"type": "Percent", "value": 91}), 10),
        (json!({"type": "Pods", "value": 1}), 10),
    ] {
        let mut cluster = canary(json!([{"setWeight": 20}, {"pause": {}}]), &threshold, 2);
        cluster.ready.insert("v1".into(), if threshold.is_null() { 8 } else { 9 });
        cluster.follow_all();
        cluster.abort();
        cluster.settle();
        assert_eq!(cluster.weight(), Some(weight), "{threshold}");
    }
}

#[test]
fn without_traffic_routing_it_counts_as_well() {
    for (threshold, is_done) in [(Value::Null, false), (json!({"type": "Percent", "value": 50}), true)] {
        let mut manifest = rollout(json!([{"setWeight": 40}, {"pause": {}}]));
        let fields = manifest["spec"]["strategy"]["canary"].as_object_mut().unwrap();
        fields.remove("trafficRouting");
        fields.insert("maxSurge".into(), json!(4));
        fields.insert("maxUnavailable".into(), json!(4));
        fields.insert("replicaProgressThreshold".into(), threshold.clone());
        let mut cluster = running(manifest);
        cluster.ready.insert("v2".into(), 2);
        cluster.deploy("v2");
        cluster.settle();
        assert_eq!(cluster.index(), Some(u64::from(is_done)), "{threshold}");
    }
}
