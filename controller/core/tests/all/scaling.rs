//! How many pods there are and for how long: scale, setCanaryScale, delays, history, canaries without routers.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Gate};
use crate::manifests::{paused, rollout, running, service, trace};

/// A canary of `v2` with these steps and fields of `spec.strategy.canary`, settled.
fn canary(steps: Value, fields: &Value) -> Cluster {
    let mut cluster = running(rollout(steps));
    cluster.canary(fields);
    cluster.deploy("v2");
    cluster.settle();
    cluster
}

#[test]
fn scaling_in_the_middle_keeps_the_weight_and_the_step() {
    let mut cluster = paused();
    cluster.scale(20);
    cluster.ready.insert("v2".into(), 3);
    cluster.settle();
    assert_eq!((cluster.replicas("v1"), cluster.replicas("v2")), (Some(20), Some(4)));
    assert_eq!((cluster.weight(), cluster.index(), cluster.phase()), (Some(20), Some(1), "Paused"));
    for image in ["v1", "v2"] {
        let annotations = &cluster.set(image).unwrap()["metadata"]["annotations"];
        assert_eq!(annotations["rollout.argoproj.io/desired-replicas"], "20", "{image}");
    }
    cluster.scale(5);
    cluster.settle();
    assert_eq!(
        (cluster.replicas("v1"), cluster.replicas("v2"), cluster.weight()),
        (Some(5), Some(1), Some(20))
    );
    cluster.scale(0);
    cluster.settle();
    assert_eq!(
        (cluster.replicas("v1"), cluster.replicas("v2"), cluster.weight()),
        (Some(0), Some(0), Some(0))
    );
    cluster.scale(10);
    cluster.ready.clear();
    cluster.settle();
    assert_eq!((cluster.replicas("v2"), cluster.weight(), cluster.index()), (Some(2), Some(20), Some(1)));
}

#[test]
fn no_replicas_go_through_all_steps() {
    let mut manifest = rollout(json!([{"setWeight": 20}, {"setWeight": 60}]));
    manifest["spec"]["replicas"] = json!(0);
    let mut cluster = running(manifest);
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Healthy", Some(2), Some(0)));
    cluster.scale(3);
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.selected("web-stable").as_deref()), ("Healthy", Some("v2")));
}

#[test]
fn no_replicas_leave_no_pods_behind() {
    for action in ["rollback", "abort"] {
        let mut cluster = paused();
        cluster.scale(0);
        cluster.pass();
        if action == "rollback" {
            cluster.deploy("v1");
        } else {
            cluster.abort();
        }
        cluster.run(100);
        assert_eq!(
            (cluster.replicas("v1"), cluster.replicas("v2"), cluster.weight()),
            (Some(0), Some(0), Some(0))
        );
    }
}

#[test]
fn without_steps_all_pods_come_before_any_weight() {
    let mut cluster = running(rollout(Value::Null));
    cluster.ready.insert("v2".into(), 9);
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.replicas("v2"), cluster.weight(), cluster.index()), (Some(10), Some(0), None));
    cluster.ready.clear();
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Healthy", None, Some(0)));
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v2")));
}

#[test]
fn set_canary_scale() {
    let pause = json!({"pause": {}});
    for (scale, pods, then) in [
        (json!({"replicas": 3}), 3, 3),
        (json!({"replicas": 12}), 12, 12),
        (json!({"weight": 40}), 4, 4),
        (json!({"matchTrafficWeight": true}), 0, 2),
    ] {
        let steps = json!([{"setCanaryScale": scale}, pause, {"setWeight": 20}, pause]);
        let mut cluster = canary(steps, &json!({}));
        assert_eq!(
            (cluster.replicas("v2"), cluster.weight(), cluster.index()),
            (Some(pods), Some(0), Some(1)),
            "{scale}"
        );
        cluster.promote();
        cluster.settle();
        assert_eq!(
            (cluster.replicas("v2"), cluster.weight(), cluster.index()),
            (Some(then), Some(20), Some(3)),
            "{scale}"
        );
    }
    // In force until another says to follow the weight; more pods than that go once nothing needs them.
    let steps = json!([
        {"setCanaryScale": {"replicas": 7}}, {"setWeight": 20}, {"setCanaryScale": {"matchTrafficWeight": true}}, pause,
    ]);
    let cluster = canary(steps, &json!({}));
    assert_eq!((cluster.replicas("v2"), cluster.weight(), cluster.index()), (Some(2), Some(20), Some(3)));
}

#[test]
fn canary_scaled_to_zero_loses_its_weight_first() {
    let pause = json!({"pause": {}});
    let steps = json!([{"setWeight": 20}, pause, {"setCanaryScale": {"replicas": 0}}, pause, {"setCanaryScale": {"weight": 50}}, pause]);
    let mut cluster = canary(steps, &json!({}));
    assert_eq!((cluster.replicas("v2"), cluster.weight()), (Some(2), Some(20)));
    cluster.set_gate(Gate::Unverified);
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.replicas("v2"), cluster.weight()), (Some(2), Some(0)));
    cluster.set_gate(Gate::Verified);
    cluster.settle();
    assert_eq!((cluster.replicas("v2"), cluster.weight(), cluster.index()), (Some(0), Some(0), Some(3)));
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.replicas("v2"), cluster.weight(), cluster.index()), (Some(5), Some(20), Some(5)));
}

#[test]
fn least_pods_and_other_sums_of_weights() {
    let cluster = canary(trace(), &json!({"minPodsPerReplicaSet": 4}));
    assert_eq!((cluster.replicas("v2"), cluster.weight()), (Some(4), Some(20)));
    let steps = json!([{"setWeight": 1}, {"pause": {}}, {"setWeight": 501}, {"pause": {}}]);
    let mut manifest = rollout(steps);
    manifest["spec"]["strategy"]["canary"]["trafficRouting"]["maxTrafficWeight"] = json!(1000);
    let mut cluster = running(manifest);
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.replicas("v2"), cluster.weight()), (Some(1), Some(1)));
    assert_eq!(cluster.status("/canary/weights/stable/weight"), &json!(999));
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.replicas("v2"), cluster.weight()), (Some(6), Some(501)));
}

#[test]
fn delay_of_earlier_revisions() {
    for (fields, after_0, after_31) in [
        (json!({}), 10, 0),
        (json!({"scaleDownDelaySeconds": 0}), 0, 0),
        (json!({"scaleDownDelaySeconds": 60}), 10, 10),
        (json!({"scaleDownDelaySeconds": 60, "scaleDownDelayRevisionLimit": 0}), 0, 0),
        (json!({"scaleDownDelaySeconds": 60, "scaleDownDelayRevisionLimit": 1}), 10, 10),
    ] {
        let mut cluster = canary(json!([{"setWeight": 50}]), &fields);
        assert_eq!((cluster.phase(), cluster.replicas("v1")), ("Healthy", Some(after_0)), "{fields}");
        cluster.run(31);
        assert_eq!(cluster.replicas("v1"), Some(after_31), "{fields}");
        cluster.run(31);
        assert_eq!((cluster.replicas("v1"), cluster.deadline("v1")), (Some(0), None), "{fields}");
    }
}

#[test]
fn limit_keeps_the_newest_of_the_earlier_revisions() {
    let mut cluster = canary(
        json!([{"setWeight": 50}]),
        &json!({"scaleDownDelaySeconds": 600, "scaleDownDelayRevisionLimit": 1}),
    );
    cluster.deploy("v3");
    cluster.settle();
    assert_eq!((cluster.replicas("v1"), cluster.replicas("v2")), (Some(0), Some(10)));
}

#[test]
fn revision_that_comes_back_before_its_delay_is_over_stays() {
    let mut cluster = canary(json!([{"setWeight": 50}]), &json!({}));
    cluster.run(10);
    assert!(cluster.deadline("v1").is_some());
    cluster.deploy("v1");
    cluster.run(100);
    assert_eq!(
        (cluster.phase(), cluster.replicas("v1"), cluster.deadline("v1")),
        ("Healthy", Some(10), None)
    );
    assert_eq!(cluster.replicas("v2"), Some(0));
}

#[test]
fn delay_of_an_aborted_canary() {
    for (fields, after_0, after_31, after_100) in [
        (json!({}), 2, 0, 0),
        (json!({"abortScaleDownDelaySeconds": 60}), 2, 2, 0),
        (json!({"abortScaleDownDelaySeconds": 0}), 2, 2, 2),
    ] {
        let mut cluster = canary(trace(), &fields);
        cluster.abort();
        cluster.settle();
        assert_eq!(cluster.replicas("v2"), Some(after_0), "{fields}");
        cluster.scale(12);
        cluster.run(31);
        assert_eq!(cluster.replicas("v2"), Some(after_31), "{fields}");
        cluster.run(70);
        assert_eq!(cluster.replicas("v2"), Some(after_100), "{fields}");
        if after_100 > 0 {
            let annotations = &cluster.set("v2").unwrap()["metadata"]["annotations"];
            assert_eq!(annotations["rollout.argoproj.io/desired-replicas"], "12");
        }
    }
}

#[test]
fn history_keeps_so_many_empty_replica_sets() {
    let mut manifest = rollout(json!([{"setWeight": 50}]));
    manifest["spec"]["revisionHistoryLimit"] = json!(2);
    let mut cluster = running(manifest);
    for image in ["v2", "v3", "v4", "v5"] {
        cluster.deploy(image);
        cluster.run(40);
    }
    assert_eq!(cluster.sets.len(), 3);
    assert!(cluster.set("v1").is_none() && cluster.set("v2").is_none());
}

#[test]
fn without_traffic_routing_the_pods_are_the_traffic() {
    let mut manifest = rollout(trace());
    let canary = manifest["spec"]["strategy"]["canary"].as_object_mut().unwrap();
    for field in ["trafficRouting", "canaryService", "stableService"] {
        canary.remove(field);
    }
    canary.insert("maxSurge".into(), json!(1));
    canary.insert("maxUnavailable".into(), json!(0));
    let mut cluster = Cluster::new(manifest, []);
    cluster.settle();
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!(
        (cluster.phase(), cluster.replicas("v1"), cluster.replicas("v2")),
        ("Paused", Some(8), Some(2))
    );
    let mut aborted = cluster.clone();
    aborted.abort();
    aborted.settle();
    assert_eq!(
        (aborted.phase(), aborted.replicas("v1"), aborted.replicas("v2")),
        ("Degraded", Some(10), Some(0))
    );
    cluster.deploy("v3");
    cluster.ready.insert("v3".into(), 1);
    cluster.settle();
    let sum: i64 = ["v1", "v2", "v3"].iter().filter_map(|image| cluster.replicas(image)).sum();
    assert!(sum <= 11, "maxSurge is 1");
    cluster.ready.clear();
    cluster.settle();
    assert_eq!(
        (cluster.phase(), cluster.replicas("v2"), cluster.replicas("v3")),
        ("Paused", Some(0), Some(2))
    );
    cluster.scale(20);
    cluster.settle();
    assert_eq!((cluster.replicas("v1"), cluster.replicas("v3")), (Some(16), Some(4)));
    cluster.promote();
    cluster.run(20);
    assert_eq!(
        (cluster.phase(), cluster.replicas("v1"), cluster.replicas("v3")),
        ("Healthy", Some(0), Some(20))
    );
}

#[test]
fn services_of_a_canary_without_traffic_routing() {
    let mut manifest = rollout(trace());
    manifest["spec"]["strategy"]["canary"].as_object_mut().unwrap().remove("trafficRouting");
    let mut cluster = Cluster::new(manifest, [service("web-canary"), service("web-stable")]);
    cluster.settle();
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v2"));
    assert_eq!(cluster.selected("web-stable").as_deref(), Some("v1"));
    cluster.abort();
    cluster.settle();
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
}

#[test]
fn replicas_that_are_not_given_are_one_and_written_back() {
    let mut manifest = rollout(trace());
    manifest["spec"].as_object_mut().unwrap().remove("replicas");
    let cluster = running(manifest);
    assert_eq!(cluster.rollout["spec"]["replicas"], 1);
    assert_eq!(cluster.status("/HPAReplicas"), &json!(1));
    assert_eq!(cluster.status("/selector"), &json!("app=web"));
}

/// A canary that was on its way out when its template came back stays for the whole delay when it is superseded again, though
/// the Rollout was paused by hand in between.
#[test]
fn a_deadline_does_not_outlive_a_pause_by_hand() {
    let mut cluster = paused();
    cluster.deploy("v3");
    cluster.settle();
    assert!(cluster.deadline("v2").is_some(), "superseded");
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!(cluster.deadline("v2"), None, "in use again");
}
