//! `dynamicStableScale`: stable pods go as their traffic does, and traffic comes back as they do.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Gate};
use crate::manifests::{rollout, running, trace};

/// A canary of `v2` with these steps and fields of `spec.strategy.canary` beside `dynamicStableScale`, settled.
fn canary(steps: Value, fields: &Value) -> Cluster {
    let mut cluster = running(rollout(steps));
    cluster.canary(&json!({"dynamicStableScale": true}));
    cluster.canary(fields);
    cluster.deploy("v2");
    cluster.settle();
    cluster
}

/// One that has stopped at weight 60 of the worked trace, at a pause of its own.
fn at_60(fields: &Value) -> Cluster {
    let pause = json!({"pause": {}});
    let mut cluster = canary(json!([{"setWeight": 20}, pause, {"setWeight": 60}, pause]), fields);
    cluster.promote();
    cluster.settle();
    assert_eq!(counts(&cluster), (4, 6, 60));
    cluster
}

/// Pods wanted of `v1`, of `v2`, and the canary's weight.
fn counts(cluster: &Cluster) -> (i64, i64, u32) {
    (cluster.replicas("v1").unwrap(), cluster.replicas("v2").unwrap(), cluster.weight().unwrap())
}

fn ready(cluster: &mut Cluster, image: &str, pods: i64) {
    cluster.ready.insert(image.into(), pods);
    cluster.follow_all();
    cluster.settle();
}

#[test]
fn a_whole_canary_has_as_many_pods_as_its_traffic_needs() {
    let mut cluster = canary(trace(), &json!({}));
    assert_eq!(counts(&cluster), (8, 2, 20));
    cluster.ready.insert("v2".into(), 5);
    cluster.promote();
    cluster.settle();
    assert_eq!(counts(&cluster), (8, 6, 20), "stable keeps its pods until the canary has its own");
    ready(&mut cluster, "v2", 6);
    assert_eq!(counts(&cluster), (4, 6, 60));
    cluster.run(11);
    assert_eq!(counts(&cluster), (4, 10, 60), "six of ten pods");
    cluster.ready.clear();
    cluster.follow_all();
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.status("/stableRS")), ("Healthy", &json!(cluster.hash("v2"))));
    assert_eq!(counts(&cluster), (0, 10, 0), "no delay: stable pods go with their traffic");
    assert_eq!(cluster.deadline("v1"), None);
}

#[test]
fn stable_pods_go_only_when_the_weight_is_verified_and_noted() {
    let mut cluster = canary(trace(), &json!({}));
    cluster.set_gate(Gate::Unverified);
    cluster.promote();
    cluster.settle();
    assert_eq!(counts(&cluster), (8, 6, 60));
    cluster.set_gate(Gate::Verified);
    // The status that says so gets lost, and with it what a new process would know.
    for _ in 0..3 {
        cluster.edit(json!({"status": {"canary": {"weights": {
            "canary": {"weight": 20}, "stable": {"weight": 80}, "verified": false}}}}));
        cluster.pass_in_part(9);
        cluster.follow_all();
        assert_eq!(counts(&cluster), (8, 6, 60));
    }
    cluster.settle();
    assert_eq!(counts(&cluster), (4, 6, 60));
}

#[test]
fn the_stable_service_has_pods_until_it_is_switched() {
    let mut cluster = at_60(&json!({}));
    cluster.promote();
    while cluster.selected("web-stable").as_deref() != Some("v2") {
        assert!(cluster.pass());
        assert!(cluster.selected("web-stable").as_deref() != Some("v1") || counts(&cluster).0 > 0);
    }
    cluster.settle();
    assert_eq!((cluster.phase(), counts(&cluster)), ("Healthy", (0, 10, 0)));
}

/// Line by line of the replica counts of a canary whose stable ReplicaSet follows its traffic.
#[test]
fn counts_of_both_replica_sets() {
    let pause = || json!({"pause": {}});
    let weight = |weight: u32| json!({"setWeight": weight});
    let scale = |scale: Value| json!({"setCanaryScale": scale});
    for (replicas, fields, steps, expected) in [
        (10, json!({}), vec![weight(20)], (8, 2)),
        (10, json!({"dynamicStableScale": false}), vec![weight(20)], (10, 2)),
        // Both are rounded up.
        (7, json!({}), vec![weight(33)], (5, 3)),
        (3, json!({}), vec![weight(1)], (3, 1)),
        (1, json!({}), vec![weight(50)], (1, 1)),
        (10, json!({}), vec![weight(0)], (10, 0)),
        (10, json!({}), vec![weight(100)], (0, 10)),
        // At least so many, unless it is none.
        (10, json!({"minPodsPerReplicaSet": 3}), vec![weight(10)], (9, 3)),
        (10, json!({"minPodsPerReplicaSet": 3}), vec![weight(90)], (3, 9)),
        (10, json!({"minPodsPerReplicaSet": 3}), vec![weight(100)], (0, 10)),
        (2, json!({"minPodsPerReplicaSet": 3}), vec![weight(50)], (2, 2)),
        (10, json!({"minPodsPerReplicaSet": 3}), vec![weight(0)], (10, 0)),
        // A size of its own: as many pods as are given, raised to the least number, and stable as the weights need.
        (10, json!({}), vec![scale(json!({"replicas": 3}))], (10, 3)),
        (10, json!({"minPodsPerReplicaSet": 3}), vec![scale(json!({"replicas": 1}))], (10, 3)),
        (10, json!({"minPodsPerReplicaSet": 3}), vec![scale(json!({"replicas": 0}))], (10, 0)),
        (
            10,
            json!({"minPodsPerReplicaSet": 3, "dynamicStableScale": false}),
            vec![scale(json!({"replicas": 1}))],
            (10, 1),
        ),
        (10, json!({}), vec![scale(json!({"replicas": 3})), weight(30)], (10, 3)),
        (10, json!({}), vec![scale(json!({"weight": 50}))], (10, 5)),
        (10, json!({}), vec![scale(json!({"weight": 50})), weight(20)], (8, 5)),
        (10, json!({}), vec![scale(json!({"weight": 50})), weight(60)], (5, 5)),
        (
            10,
            json!({}),
            vec![scale(json!({"weight": 50})), weight(20), scale(json!({"matchTrafficWeight": true}))],
            (8, 2),
        ),
        // One that is larger than its weight needs must not keep a lower weight from coming. (In Argo Rollouts it does.)
        (10, json!({}), vec![weight(40), scale(json!({"weight": 70})), weight(20)], (8, 7)),
        // Down again: stable grows first.
        (10, json!({}), vec![weight(60), weight(20)], (8, 2)),
        (10, json!({}), vec![weight(100), weight(0)], (10, 0)),
    ] {
        let mut steps = steps;
        steps.push(pause());
        let text = json!(steps).to_string();
        let mut manifest = rollout(json!(steps));
        manifest["spec"]["replicas"] = json!(replicas);
        let mut cluster = running(manifest);
        cluster.canary(&json!({"dynamicStableScale": true}));
        cluster.canary(&fields);
        cluster.deploy("v2");
        cluster.settle();
        assert_eq!(cluster.phase(), "Paused", "{replicas} {fields} {text}");
        let (stable, canary, _) = counts(&cluster);
        assert_eq!((stable, canary), expected, "{replicas} {fields} {text}");
    }
}

#[test]
fn an_abort_goes_back_as_stable_pods_come() {
    let mut cluster = at_60(&json!({}));
    cluster.ready.insert("v1".into(), 4);
    cluster.abort();
    cluster.settle();
    assert_eq!((cluster.phase(), counts(&cluster)), ("Degraded", (8, 6, 60)), "to the step before");
    ready(&mut cluster, "v1", 5);
    assert_eq!(counts(&cluster), (8, 5, 50));
    ready(&mut cluster, "v1", 4);
    assert_eq!(counts(&cluster), (8, 5, 50), "it never rises again");
    ready(&mut cluster, "v1", 8);
    assert_eq!(counts(&cluster), (10, 2, 20), "then to the one before that, which is none");
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v2"));
    ready(&mut cluster, "v1", 9);
    assert_eq!(counts(&cluster), (10, 1, 10));
    ready(&mut cluster, "v1", 10);
    assert_eq!((cluster.phase(), counts(&cluster)), ("Degraded", (10, 0, 0)));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
}

#[test]
fn an_abort_at_each_step_ends_with_all_stable_pods() {
    let pause = json!({"pause": {}});
    let steps = json!([
        {"setCanaryScale": {"weight": 30}}, pause, {"setWeight": 20}, pause, {"setCanaryScale": {"replicas": 12}}, pause,
        {"setWeight": 60}, pause, {"setCanaryScale": {"matchTrafficWeight": true}}, pause, {"setWeight": 100}, pause,
        {"setWeight": 50}, pause,
    ]);
    for (fields, kept) in [
        (json!({}), false),
        (json!({"abortScaleDownDelaySeconds": 15}), false),
        (json!({"abortScaleDownDelaySeconds": 0}), true),
        (json!({"minPodsPerReplicaSet": 4}), false),
        (json!({"replicaProgressThreshold": {"type": "Percent", "value": 90}}), false),
    ] {
        let mut cluster = canary(steps.clone(), &fields);
        for index in (1..14).step_by(2) {
            assert_eq!((cluster.phase(), cluster.index()), ("Paused", Some(index)), "{fields}");
            let mut aborted = cluster.clone();
            let before = counts(&aborted).1;
            aborted.abort();
            for pods in 0..=10 {
                ready(&mut aborted, "v1", pods.max(counts(&cluster).0.min(10)));
            }
            aborted.run(20);
            let expected = (10, if kept { before } else { 0 }, 0);
            assert_eq!((aborted.phase(), counts(&aborted)), ("Degraded", expected), "{fields} at {index}");
            aborted.retry();
            aborted.settle();
            assert_eq!((aborted.phase(), aborted.index()), ("Paused", Some(1)), "{fields} at {index}");
            cluster.promote();
            cluster.settle();
        }
        assert_eq!((cluster.phase(), counts(&cluster)), ("Healthy", (0, 10, 0)), "{fields}");
    }
}

/// With a delay that is given the canary stays whole until it is over; its pods must not be waited for.
#[test]
fn a_canary_that_is_held_does_not_hold_an_abort_up() {
    for (delay, kept) in [(60, 0), (0, 6)] {
        let mut cluster = at_60(&json!({"abortScaleDownDelaySeconds": delay}));
        cluster.ready.insert("v1".into(), 4);
        cluster.abort();
        cluster.settle();
        assert_eq!(counts(&cluster), (8, 6, 60));
        ready(&mut cluster, "v1", 8);
        assert_eq!(counts(&cluster), (10, 6, 20));
        ready(&mut cluster, "v1", 10);
        assert_eq!(counts(&cluster), (10, 6, 0));
        cluster.run(59);
        assert_eq!(counts(&cluster), (10, 6, 0));
        cluster.run(2);
        assert_eq!(counts(&cluster), (10, kept, 0));
    }
}

#[test]
fn replicas_that_rise_after_an_abort_bring_no_canary_back() {
    for (delay, kept) in [(Value::Null, 0), (json!(0), 6), (json!(60), 6)] {
        let mut cluster = at_60(&json!({"abortScaleDownDelaySeconds": delay}));
        cluster.abort();
        cluster.settle();
        assert_eq!(counts(&cluster), (10, kept, 0));
        cluster.ready.insert("v1".into(), 10);
        cluster.scale(20);
        cluster.settle();
        assert_eq!(counts(&cluster), (20, kept, 0));
        ready(&mut cluster, "v1", 20);
        assert_eq!(counts(&cluster), (20, kept, 0));
    }
    // In the middle of one, too: what the canary has it keeps, and no more.
    let mut cluster = at_60(&json!({}));
    cluster.ready.insert("v1".into(), 8);
    cluster.abort();
    cluster.settle();
    assert_eq!(counts(&cluster), (10, 2, 20));
    cluster.scale(20);
    cluster.settle();
    assert_eq!(cluster.weight(), Some(20));
    assert_eq!(cluster.replicas("v2"), Some(2));
    cluster.ready.clear();
    cluster.follow_all();
    cluster.settle();
    assert_eq!(counts(&cluster), (20, 0, 0));
}

#[test]
fn replicas_that_change_in_the_middle_change_both() {
    let mut cluster = at_60(&json!({}));
    cluster.ready.insert("v1".into(), 5);
    cluster.ready.insert("v2".into(), 7);
    cluster.scale(20);
    cluster.settle();
    assert_eq!(counts(&cluster), (8, 12, 60));
    cluster.scale(5);
    cluster.ready.clear();
    cluster.settle();
    assert_eq!(counts(&cluster), (2, 3, 60));
    cluster.scale(0);
    cluster.settle();
    assert_eq!(counts(&cluster), (0, 0, 0));
    cluster.scale(10);
    cluster.settle();
    assert_eq!(counts(&cluster), (4, 6, 60));
}

#[test]
fn full_promotion_gives_each_pod_its_part() {
    let mut cluster = canary(trace(), &json!({}));
    cluster.ready.insert("v2".into(), 2);
    cluster.promote_full();
    cluster.settle();
    assert_eq!(counts(&cluster), (8, 10, 20));
    ready(&mut cluster, "v2", 5);
    assert_eq!(counts(&cluster), (5, 10, 50));
    ready(&mut cluster, "v2", 3);
    assert_eq!(counts(&cluster), (5, 10, 50), "pods that are lost take nothing to pods that are not there");
    ready(&mut cluster, "v2", 9);
    assert_eq!(counts(&cluster), (1, 10, 90));
    ready(&mut cluster, "v2", 10);
    assert_eq!((cluster.phase(), counts(&cluster)), ("Healthy", (0, 10, 0)));
}

#[test]
fn full_promotion_without_it_keeps_the_weight_until_all_pods_are_there() {
    let mut cluster = canary(trace(), &json!({"dynamicStableScale": false}));
    cluster.ready.insert("v2".into(), 9);
    cluster.promote_full();
    cluster.settle();
    assert_eq!(counts(&cluster), (10, 10, 20));
    assert_eq!(cluster.condition("TrafficHeld"), None, "no stable pods are waited for");
}

/// Argo Rollouts holds the weight until all stable pods are there, and then drops it at once.
#[test]
fn a_rollback_goes_back_as_stable_pods_come() {
    let mut cluster = at_60(&json!({}));
    cluster.ready.insert("v1".into(), 4);
    cluster.deploy("v1");
    cluster.settle();
    assert_eq!(counts(&cluster), (8, 6, 60));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v2"));
    ready(&mut cluster, "v1", 7);
    assert_eq!(counts(&cluster), (8, 3, 30));
    ready(&mut cluster, "v1", 8);
    assert_eq!(counts(&cluster), (10, 2, 20));
    assert_ne!(cluster.phase(), "Healthy");
    ready(&mut cluster, "v1", 10);
    assert_eq!((cluster.phase(), counts(&cluster)), ("Healthy", (10, 0, 0)));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
}

#[test]
fn a_template_that_supersedes_waits_until_stable_has_taken_all_back() {
    let mut cluster = at_60(&json!({}));
    cluster.ready.insert("v1".into(), 4);
    cluster.deploy("v3");
    cluster.settle();
    assert_eq!(counts(&cluster), (8, 6, 60));
    assert_eq!((cluster.replicas("v3"), cluster.index()), (Some(2), Some(0)));
    ready(&mut cluster, "v1", 9);
    assert_eq!(counts(&cluster), (10, 1, 10));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v2"));
    ready(&mut cluster, "v1", 10);
    assert_eq!((cluster.phase(), counts(&cluster)), ("Paused", (8, 0, 20)));
    assert_eq!((cluster.replicas("v3"), cluster.selected("web-canary").as_deref()), (Some(2), Some("v3")));
}

/// A template that repairs what keeps stable pods from coming gets out all the same, once its deadline has passed.
#[test]
fn a_template_that_supersedes_does_not_wait_for_ever() {
    for fields in [json!({}), json!({"dynamicStableScale": false})] {
        let mut cluster = canary(json!([{"setWeight": 20}, {"pause": {}}]), &fields);
        cluster.ready.insert("v1".into(), 3);
        cluster.follow_all();
        cluster.deploy("v3");
        cluster.run(500);
        assert_eq!((cluster.weight(), cluster.selected("web-canary").as_deref()), (Some(20), Some("v2")));
        assert!(cluster.condition("TrafficHeld").is_some());
        cluster.run(200);
        assert_eq!((cluster.weight(), cluster.selected("web-canary").as_deref()), (Some(20), Some("v3")));
        assert_eq!((cluster.phase(), cluster.condition("TrafficHeld")), ("Paused", None));
    }
}

#[test]
fn stable_pods_that_are_lost_keep_an_abort_waiting_with_any_scale() {
    let mut cluster = canary(trace(), &json!({"dynamicStableScale": false}));
    cluster.promote();
    cluster.settle();
    assert_eq!(counts(&cluster), (10, 6, 60));
    ready(&mut cluster, "v1", 5);
    let held = |cluster: &Cluster| cluster.condition("TrafficHeld");
    assert_eq!(held(&cluster), None, "the canary has what its step gives it");
    cluster.abort();
    cluster.settle();
    assert_eq!(counts(&cluster), (10, 6, 50));
    assert_eq!(held(&cluster).as_deref(), Some("True=StablePodsMissing"));
    ready(&mut cluster, "v1", 9);
    assert_eq!(counts(&cluster), (10, 6, 10));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v2"));
    assert!(held(&cluster).is_some());
    ready(&mut cluster, "v1", 10);
    assert_eq!(counts(&cluster), (10, 6, 0));
    assert_eq!(held(&cluster), None);
    // A canary that has lost all of its own keeps nothing.
    let mut cluster = canary(trace(), &json!({"dynamicStableScale": false}));
    ready(&mut cluster, "v1", 5);
    ready(&mut cluster, "v2", 0);
    assert_eq!(cluster.weight(), Some(0));
    ready(&mut cluster, "v2", 1);
    assert_eq!(cluster.weight(), Some(0), "one pod of two");
}

#[test]
fn a_router_that_is_dead_does_not_keep_stable_from_taking_over() {
    for gate in [Gate::Failed, Gate::Unavailable] {
        let mut cluster = at_60(&json!({}));
        cluster.set_gate(gate);
        cluster.abort();
        cluster.settle();
        assert_eq!(cluster.replicas("v1"), Some(10), "{gate:?}");
        assert_eq!(cluster.replicas("v2"), Some(6), "{gate:?}: as the routes still say");
        assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"), "{gate:?}");
        cluster.set_gate(Gate::Verified);
        cluster.settle();
        assert_eq!(counts(&cluster), (10, 0, 0), "{gate:?}");
    }
    // One that does not get there is waited for as long as its deadline lasts.
    let mut cluster = at_60(&json!({}));
    cluster.set_gate(Gate::Unverified);
    cluster.abort();
    cluster.settle();
    assert_eq!(cluster.replicas("v1"), Some(8));
    cluster.run(700);
    assert_eq!(cluster.replicas("v1"), Some(10));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
}

#[test]
fn neither_a_pause_by_hand_nor_an_invalid_spec_freezes_an_abort() {
    for patch in [
        json!({"paused": true}),
        json!({"minReadySeconds": -1}),
        json!({"strategy": {"canary": {"scaleDownDelaySeconds": 30}}}),
        json!({"minReadySeconds": -1, "strategy": {"canary": {"dynamicStableScale": null}}}),
        json!({"paused": true, "strategy": {"canary": {"dynamicStableScale": null}}}),
    ] {
        let mut cluster = at_60(&json!({}));
        cluster.edit(json!({"spec": patch}));
        cluster.settle();
        assert_eq!(counts(&cluster), (4, 6, 60), "{patch}");
        cluster.abort();
        cluster.settle();
        assert_eq!(counts(&cluster), (10, 6, 0), "{patch}: the canary's pods are held");
        assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"), "{patch}");
    }
}

/// A process that ends between the write of a route and that of the status knows from the routers what it gave back.
#[test]
fn a_status_that_is_behind_brings_no_weight_back() {
    let mut cluster = at_60(&json!({}));
    cluster.ready.insert("v1".into(), 6);
    cluster.abort();
    while cluster.weight() == Some(60) {
        cluster.pass_in_part(9);
        cluster.follow_all();
    }
    assert_eq!(cluster.weight(), Some(40));
    assert_eq!(cluster.status("/canary/weights/canary/weight"), &json!(60));
    cluster.set_gate(Gate::Verified);
    cluster.ready.insert("v1".into(), 4);
    cluster.follow_all();
    cluster.settle();
    assert_eq!(counts(&cluster), (8, 4, 40));
}

#[test]
fn pods_that_are_about_to_go_are_not_counted_on() {
    let mut cluster = canary(trace(), &json!({}));
    cluster.promote();
    while cluster.replicas("v1") != Some(4) {
        cluster.pass_in_part(usize::MAX);
        let name = cluster.set("v2").unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
        cluster.follow(&name, i64::MAX);
    }
    // Eight are there still, and four of them are told to go.
    cluster.abort();
    for _ in 0..5 {
        cluster.pass_in_part(usize::MAX);
        assert_eq!((cluster.replicas("v1"), cluster.weight()), (Some(4), Some(60)));
    }
    cluster.follow_all();
    cluster.settle();
    assert_eq!(counts(&cluster), (10, 0, 0));
}

#[test]
fn without_services_the_pods_that_have_weight_stay() {
    let pause = json!({"pause": {}});
    let mut manifest = rollout(json!([{"setWeight": 20}, pause, {"setWeight": 60}, pause]));
    for field in ["canaryService", "stableService"] {
        manifest["spec"]["strategy"]["canary"].as_object_mut().unwrap().remove(field);
    }
    let mut cluster = running(manifest);
    cluster.canary(&json!({"dynamicStableScale": true}));
    cluster.deploy("v2");
    cluster.settle();
    cluster.promote();
    cluster.settle();
    assert_eq!(counts(&cluster), (4, 6, 60));
    cluster.ready.insert("v1".into(), 7);
    cluster.deploy("v3");
    cluster.settle();
    assert_eq!(counts(&cluster), (8, 3, 30));
    ready(&mut cluster, "v1", 10);
    assert_eq!(counts(&cluster), (8, 0, 20));
    assert_eq!(cluster.replicas("v3"), Some(2));
}

#[test]
fn without_routers_there_are_enough_pods_of_both_together() {
    let pause = json!({"pause": {}});
    let mut manifest = rollout(json!([{"setWeight": 60}, pause]));
    manifest["spec"]["strategy"]["canary"]["trafficRouting"] = json!({});
    let mut cluster = running(manifest);
    cluster.canary(&json!({"dynamicStableScale": true}));
    cluster.ready.insert("v2".into(), 4);
    cluster.deploy("v2");
    cluster.settle();
    let sizes = |cluster: &Cluster| (cluster.replicas("v1").unwrap(), cluster.replicas("v2").unwrap());
    assert_eq!(sizes(&cluster), (6, 6));
    ready(&mut cluster, "v2", 6);
    assert_eq!(sizes(&cluster), (4, 6));
    cluster.ready.insert("v1".into(), 7);
    cluster.abort();
    cluster.settle();
    assert_eq!(sizes(&cluster), (10, 3));
    ready(&mut cluster, "v1", 10);
    assert_eq!(sizes(&cluster), (10, 0));
}

#[test]
fn fewer_replicas_need_no_router() {
    for is_dynamic in [true, false] {
        let mut cluster = running(rollout(trace()));
        cluster.canary(&json!({"dynamicStableScale": is_dynamic}));
        cluster.settle();
        cluster.set_gate(Gate::Unavailable);
        cluster.scale(4);
        cluster.settle();
        assert_eq!(cluster.replicas("v1"), Some(4), "{is_dynamic}");
    }
}

/// Pods that the stable Service does not select yet take nothing.
#[test]
fn the_canary_keeps_its_weight_until_the_stable_service_has_pods() {
    let mut cluster = at_60(&json!({}));
    let stable = cluster.set("v1").unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    cluster.sets.remove(&stable);
    cluster.deploy("v3");
    while cluster.selected("web-stable").as_deref() != Some("v3") {
        assert!(cluster.pass());
        assert_eq!(cluster.weight(), Some(60));
    }
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight(), cluster.replicas("v2")), ("Healthy", Some(0), Some(0)));
}
