//! Ping-pong: with each promotion the two Services exchange their roles, so that none selects other pods while it has traffic.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Gate};
use crate::manifests::{fixed_roles, ping_pong, rollout, running, trace};

const PING: &str = "web-canary";
const PONG: &str = "web-stable";

fn rollout_of_ping_pong() -> Value {
    let mut rollout = rollout(trace());
    json_patch::merge(&mut rollout, &json!({"spec": {"strategy": {"canary": ping_pong()}}}));
    rollout
}

/// A canary of `v2` at its first pause, with ping in the stable role.
fn paused() -> Cluster {
    let mut cluster = running(rollout_of_ping_pong());
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight(), cluster.index()), ("Paused", Some(20), Some(1)));
    cluster
}

/// One in which the roles have just been exchanged.
fn promoted() -> Cluster {
    let mut cluster = paused();
    cluster.promote_full();
    cluster.was_forced = false;
    while stable(&cluster) != "pong" {
        assert!(cluster.pass());
    }
    cluster
}

fn stable(cluster: &Cluster) -> &str {
    cluster.status("/canary/stablePingPong").as_str().unwrap_or_default()
}

/// The weight of a Service in the routes.
fn weight(cluster: &Cluster, service: &str) -> u32 {
    let traffic = cluster.written.as_ref().unwrap();
    let roles = [&traffic.stable, &traffic.canary];
    roles.iter().find(|one| one.service.as_deref() == Some(service)).unwrap().weight
}

/// What the status says of a role: Service, weight, and the image of the pods.
fn noted(cluster: &Cluster, role: &str) -> (String, u64, String) {
    let noted = cluster.status("/canary/weights").get(role).unwrap();
    let image = ["v1", "v2", "v3"]
        .into_iter()
        .find(|image| cluster.set(image).is_some() && noted["podTemplateHash"] == cluster.hash(image));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&noted["serviceName"]), noted["weight"].as_u64().unwrap(), image.unwrap().to_owned())
}

#[test]
fn the_first_revision_is_behind_ping_as_with_argo_rollouts() {
    let cluster = running(rollout_of_ping_pong());
    assert_eq!(stable(&cluster), "ping");
    assert_eq!((weight(&cluster, PING), weight(&cluster, PONG)), (100, 0));
    // Both select its pods, so a status that gets lost costs nothing.
    assert_eq!(cluster.selected(PING).as_deref(), Some("v1"));
    assert_eq!(cluster.selected(PONG).as_deref(), Some("v1"));
    assert_eq!(noted(&cluster, "stable"), (PING.into(), 100, "v1".into()));
    assert_eq!(noted(&cluster, "canary"), (PONG.into(), 0, "v1".into()));
}

#[test]
fn roles_are_exchanged_by_the_promotion_and_no_weight_changes() {
    let mut cluster = paused();
    assert_eq!((weight(&cluster, PING), weight(&cluster, PONG)), (80, 20));
    assert_eq!(cluster.selected(PING).as_deref(), Some("v1"));
    assert_eq!(cluster.selected(PONG).as_deref(), Some("v2"));
    cluster.promote_full();
    cluster.was_forced = false;
    while cluster.status("/stableRS") != &json!(cluster.hash("v2")) {
        assert_eq!(cluster.selected(PING).as_deref(), Some("v1"), "it has traffic, or had until now");
        assert!(cluster.pass());
    }
    // One status says all of it.
    assert_eq!(stable(&cluster), "pong");
    assert_eq!(noted(&cluster, "stable"), (PONG.into(), 100, "v2".into()));
    assert_eq!(noted(&cluster, "canary"), (PING.into(), 0, "v1".into()));
    assert_eq!((weight(&cluster, PING), weight(&cluster, PONG)), (0, 100));
    assert_eq!(cluster.count_told("RolloutCompleted"), 1);
    let routes = cluster.written.clone().unwrap();
    cluster.settle();
    let renamed = cluster.written.clone().unwrap();
    assert_eq!(
        (&routes.stable.service, &routes.canary.service),
        (&renamed.canary.service, &renamed.stable.service)
    );
    assert_eq!((routes.stable.weight, routes.canary.weight), (renamed.canary.weight, renamed.stable.weight));
    assert_eq!((cluster.phase(), cluster.index()), ("Healthy", Some(4)));
    // The Service that is free now waits behind the same pods, and the old ones go after their delay.
    assert_eq!(cluster.selected(PING).as_deref(), Some("v2"));
    assert!(cluster.deadline("v1").is_some());
    cluster.run(31);
    assert_eq!(cluster.replicas("v1"), Some(0));
    // And back again.
    cluster.deploy("v3");
    cluster.settle();
    assert_eq!((weight(&cluster, PING), weight(&cluster, PONG)), (20, 80));
    cluster.promote();
    cluster.run(60);
    assert_eq!((cluster.phase(), stable(&cluster)), ("Healthy", "ping"));
    assert_eq!((weight(&cluster, PING), weight(&cluster, PONG)), (100, 0));
}

#[test]
fn old_pods_stay_while_the_service_of_the_canary_role_selects_them() {
    let mut late = promoted();
    // From here on nothing is verified.
    late.set_gate(Gate::Unverified);
    late.run(120);
    assert_eq!(late.selected(PING).as_deref(), Some("v1"));
    assert_eq!((late.replicas("v1"), late.deadline("v1")), (Some(10), None));
    late.set_gate(Gate::Verified);
    late.run(60);
    assert_eq!(late.selected(PING).as_deref(), Some("v2"));
    assert_eq!(late.replicas("v1"), Some(0));
}

#[test]
fn roles_are_not_exchanged_before_all_traffic_is_verified() {
    let mut cluster = paused();
    cluster.set_gate(Gate::Unverified);
    cluster.promote_full();
    cluster.settle();
    assert_eq!((weight(&cluster, PONG), stable(&cluster)), (100, "ping"), "written, and not in force");
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v1")));
    assert_eq!(cluster.selected(PING).as_deref(), Some("v1"));
    // Past the deadline whoever wants the end gets it: all pods are there, and both Services select them.
    cluster.run(700);
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v2")));
    assert_eq!(cluster.selected(PING).as_deref(), Some("v2"));
    assert_eq!(cluster.selected(PONG).as_deref(), Some("v2"));
    assert_eq!(stable(&cluster), "ping", "nothing says that pong has all traffic");
}

#[test]
fn an_abort_takes_the_traffic_away_before_the_service_selects_other_pods() {
    let mut cluster = paused();
    cluster.set_gate(Gate::Unverified);
    cluster.abort();
    cluster.settle();
    assert_eq!((weight(&cluster, PONG), cluster.phase()), (0, "Degraded"));
    assert_eq!(cluster.selected(PONG).as_deref(), Some("v2"), "the router may yet take its traffic away");
    cluster.set_gate(Gate::Verified);
    cluster.settle();
    assert_eq!(cluster.selected(PONG).as_deref(), Some("v1"));
    assert_eq!(stable(&cluster), "ping");
    cluster.run(40);
    assert_eq!(cluster.replicas("v2"), Some(0));
    cluster.retry();
    cluster.settle();
    assert_eq!((weight(&cluster, PONG), cluster.phase()), (20, "Paused"));
}

#[test]
fn an_abort_without_a_router_is_carried_out_by_the_service() {
    for gate in [Gate::Unavailable, Gate::Failed] {
        let mut cluster = paused();
        cluster.set_gate(gate);
        cluster.abort();
        cluster.settle();
        assert_eq!(cluster.selected(PONG).as_deref(), Some("v1"), "{gate:?}");
        assert_eq!(stable(&cluster), "ping");
    }
}

#[test]
fn rollback_and_a_third_template_in_each_state() {
    // On the way.
    for (image, expected) in [("v1", ("Healthy", Some(0))), ("v3", ("Paused", Some(20)))] {
        let mut cluster = paused();
        cluster.deploy(image);
        cluster.settle();
        assert_eq!((cluster.phase(), cluster.weight(), stable(&cluster)), (expected.0, expected.1, "ping"));
        assert_eq!(cluster.selected(PONG).as_deref(), Some(image));
        cluster.run(40);
        assert_eq!(cluster.replicas("v2"), Some(0));
    }
    // Right after the promotion, when the free Service still selects the old pods, which are there.
    for image in ["v1", "v3"] {
        let mut cluster = promoted();
        assert_eq!(cluster.selected(PING).as_deref(), Some("v1"));
        cluster.deploy(image);
        cluster.settle();
        assert_eq!((cluster.phase(), weight(&cluster, PING), stable(&cluster)), ("Paused", 20, "pong"));
        assert_eq!(cluster.selected(PING).as_deref(), Some(image));
        assert_eq!(cluster.selected(PONG).as_deref(), Some("v2"));
    }
}

#[test]
fn the_stable_service_is_put_right() {
    let mut cluster = running(rollout_of_ping_pong());
    cluster.services.get_mut(PING).unwrap()["spec"]["selector"] = json!({"app": "web"});
    cluster.settle();
    assert_eq!(cluster.selected(PING).as_deref(), Some("v1"));
}

#[test]
fn without_replicas_the_roles_stay_and_the_services_follow_when_there_are_pods() {
    let mut cluster = paused();
    cluster.scale(0);
    cluster.promote();
    cluster.run(100);
    assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v2")));
    assert_eq!(stable(&cluster), "ping");
    cluster.scale(3);
    cluster.settle();
    assert_eq!(cluster.selected(PING).as_deref(), Some("v2"));
    assert_eq!((cluster.phase(), weight(&cluster, PING)), ("Healthy", 100));
}

#[test]
fn services_go_over_to_ping_pong_and_back_without_a_request_for_the_wrong_pods() {
    // Idle: both select the same pods, so weights may be exchanged.
    let mut cluster = running(rollout(trace()));
    cluster.canary(&ping_pong());
    cluster.settle();
    assert_eq!(
        (cluster.phase(), weight(&cluster, PONG)),
        ("Healthy", 100),
        "pong is stable when nothing is said"
    );
    let mut other_way = ping_pong();
    other_way["pingPong"] = json!({"pingService": PONG, "pongService": PING});
    cluster.canary(&other_way);
    cluster.settle();
    assert_eq!((cluster.phase(), weight(&cluster, PING)), ("Healthy", 100));
    // In the middle of an update the roles stay as they are, until it is over.
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((weight(&cluster, PING), weight(&cluster, PONG)), (80, 20));
    for patch in [fixed_roles(), other_way, ping_pong()] {
        cluster.canary(&patch);
        cluster.settle();
        assert_eq!((cluster.phase(), weight(&cluster, PING), weight(&cluster, PONG)), ("Paused", 80, 20));
        assert_eq!(
            (cluster.selected(PING).as_deref(), cluster.selected(PONG).as_deref()),
            (Some("v1"), Some("v2"))
        );
        assert!(cluster.condition("InvalidSpec").is_none());
    }
    let before = cluster.clone();
    cluster.promote();
    cluster.run(60);
    assert_eq!((cluster.phase(), stable(&cluster), weight(&cluster, PONG)), ("Healthy", "pong", 100));
    // Or until it is given up.
    let mut cluster = before;
    cluster.canary(&fixed_roles());
    cluster.abort();
    cluster.settle();
    assert_eq!((cluster.selected(PONG).as_deref(), weight(&cluster, PONG)), (Some("v1"), 100));
}

#[test]
fn a_status_that_somebody_edits_does_not_exchange_the_roles_in_the_middle() {
    let mut cluster = paused();
    cluster.edit(json!({"status": {"canary": {"stablePingPong": "pong"}}}));
    cluster.settle();
    assert_eq!((weight(&cluster, PING), weight(&cluster, PONG)), (80, 20));
    cluster.promote();
    cluster.run(60);
    assert_eq!((cluster.phase(), stable(&cluster), weight(&cluster, PONG)), ("Healthy", "pong", 100));
    // Lost altogether while nothing moves.
    cluster.edit(json!({"status": {"canary": {"stablePingPong": null, "weights": null}}}));
    cluster.settle();
    assert_eq!((cluster.phase(), weight(&cluster, PONG)), ("Healthy", 100));
}

#[test]
fn the_service_of_a_canary_cannot_become_the_stable_one_alone() {
    let mut cluster = running(rollout(trace()));
    let mut other = crate::manifests::service("web-other");
    other["metadata"]["resourceVersion"] = json!("o-1");
    cluster.services.insert("web-other".into(), other);
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!(weight(&cluster, PING), 20, "the canary's, in fixed roles");
    cluster.canary(&json!({"stableService": PING, "canaryService": "web-other"}));
    let routes = cluster.written.clone();
    cluster.settle();
    assert_eq!(cluster.condition("InvalidSpec").as_deref(), Some("True=InvalidSpec"));
    assert_eq!(cluster.written, routes);
    assert_eq!(cluster.selected(PING).as_deref(), Some("v2"));
    // An abort goes through, and with it the change.
    cluster.abort();
    cluster.settle();
    assert_eq!(cluster.selected(PING).as_deref(), Some("v1"));
    assert_eq!((weight(&cluster, PING), weight(&cluster, "web-other")), (100, 0));
    assert!(cluster.condition("InvalidSpec").is_none());
}

#[test]
fn a_rollout_that_argo_rollouts_has_left_in_the_middle_goes_on() {
    // It notes no names with ping-pong, and its free Service stays where it was.
    let mut cluster = paused();
    cluster.edit(json!({"status": {"canary": {"weights": {
        "canary": {"serviceName": null}, "stable": {"serviceName": null}, "verified": false,
    }}}}));
    cluster.settle();
    assert_eq!((weight(&cluster, PING), weight(&cluster, PONG), cluster.index()), (80, 20, Some(1)));
    assert_eq!(cluster.status("/canary/weights/stable/serviceName"), PING);
    // Nothing is said of who is stable: pong.
    let mut cluster = running(rollout_of_ping_pong());
    cluster.edit(json!({"status": {"canary": {"stablePingPong": null, "weights": null}}}));
    cluster.settle();
    assert_eq!((weight(&cluster, PONG), cluster.phase()), (100, "Healthy"));
}
