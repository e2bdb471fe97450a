//! From pending to gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use crate::player::{Player, template};

#[test]
fn pods_run_for_a_duration_and_go() {
    let mut player = Player::new(json!({
        "templates": [template("a", json!({"replicas": 2})), template("b", json!({"service": {"name": "b-svc"}}))],
        "duration": "1m",
    }));
    player.is_healthy = false;
    player.settle();
    assert_eq!(player.phase(), "Pending");
    assert_eq!(
        player.take_log(),
        ["0 create ReplicaSet exp-a", "0 create ReplicaSet exp-b", "0 create Service b-svc"]
    );
    player.until(20);
    player.is_healthy = true;
    player.settle();
    assert_eq!(player.phase(), "Running");
    assert_eq!(player.status()["availableAt"], "2026-01-31T12:00:20Z");
    assert_eq!(player.template("a")["status"], "Running");
    assert_eq!(player.template("a")["availableReplicas"], 2);
    assert_eq!(player.template("a").get("serviceName"), None);
    assert_eq!(player.template("b")["serviceName"], "b-svc");
    player.until(79);
    assert_eq!(player.phase(), "Running");
    player.until(80);
    assert_eq!(player.phase(), "Successful");
    assert_eq!(player.replicas(), [2, 1]);
    player.take_log();
    player.until(200);
    assert_eq!(player.replicas(), [0, 0]);
    assert_eq!(
        player.take_log(),
        ["110 patch ReplicaSet exp-a", "110 patch ReplicaSet exp-b", "110 delete Service b-svc"]
    );
    assert_eq!(player.template("b").get("serviceName"), None);
    assert_eq!(player.notes, ["ExperimentPending", "ExperimentRunning", "ExperimentSuccessful"]);
    assert_eq!(player.settle().wake_at, None);
}

#[test]
fn a_service_selects_the_pods_of_its_template_alone_and_has_all_ports() {
    let ports = json!([{"name": "c", "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 53, "protocol": "UDP"}]},
        {"name": "d", "ports": [{"containerPort": 80}, {"containerPort": 9090}]}, {"name": "e"}]);
    let mut with_ports = template("a", json!({"service": {}}));
    with_ports["template"]["spec"]["containers"] = ports;
    let mut player = Player::new(json!({"templates": [with_ports, template("b", json!({}))]}));
    player.settle();
    let service = &player.world.services["exp-a"];
    assert_eq!(
        service["spec"]["ports"],
        json!([
            {"name": "http", "protocol": "TCP", "port": 80, "targetPort": 80},
            {"name": "udp-53", "protocol": "UDP", "port": 53, "targetPort": 53},
            {"name": "tcp-9090", "protocol": "TCP", "port": 9090, "targetPort": 9090},
        ])
    );
    let [a, b] = &player.world.replica_sets[..] else { panic!() };
    assert_eq!(service["spec"]["selector"], a["spec"]["template"]["metadata"]["labels"]);
    assert_eq!(a["spec"]["selector"]["matchLabels"], a["spec"]["template"]["metadata"]["labels"]);
    assert_ne!(a["spec"]["selector"], b["spec"]["selector"]);
    assert_eq!(
        service["spec"]["selector"]["rollouts-pod-template-hash"],
        player.template("a")["podTemplateHash"]
    );
}

#[test]
fn the_status_names_a_service_only_while_it_selects_the_pods() {
    let mut player = Player::new(json!({"templates": [template("a", json!({"service": {}}))]}));
    player.settle();
    assert_eq!((player.phase(), &player.template("a")["serviceName"]), ("Running", &json!("exp-a")));
    let mut service = (*player.world.services["exp-a"]).clone();
    service["spec"]["selector"] = json!({"app": "other", "more": "x"});
    player.world.services.insert("exp-a".into(), Arc::new(service));
    player.pass();
    assert_eq!(player.template("a").get("serviceName"), None);
    player.settle();
    assert_eq!(player.template("a")["serviceName"], "exp-a");
    player.world.services.clear();
    player.pass();
    assert_eq!(player.template("a").get("serviceName"), None);
    player.settle();
    assert_eq!(player.template("a")["serviceName"], "exp-a");
}

#[test]
fn nothing_goes_while_a_router_may_send_something() {
    let spec = json!({"templates": [template("a", json!({"service": {}})), template("b", json!({}))],
        "duration": "10s", "scaleDownDelaySeconds": 0});
    for held in [None, Some(BTreeSet::from(["exp-a".to_owned()]))] {
        let mut player = Player::new(spec.clone());
        player.settle();
        player.world.held = held;
        player.until(600);
        assert_eq!(player.phase(), "Successful");
        assert_eq!(player.replicas(), [1, 0]);
        assert!(player.world.services.contains_key("exp-a"));
        player.world.held = Some(BTreeSet::from(["another".to_owned()]));
        player.settle();
        assert_eq!(player.replicas(), [0, 0]);
        assert!(player.world.services.is_empty());
    }
}

#[test]
fn a_service_outlives_its_pods() {
    let mut player =
        Player::new(json!({"templates": [template("a", json!({"service": {}}))], "duration": "10s"}));
    player.until(20);
    player.now = player.now.checked_add(jiff::SignedDuration::from_secs(60)).unwrap();
    player.take_log();
    player.pass();
    assert_eq!(player.take_log(), ["80 patch ReplicaSet exp-a"]);
    player.pass();
    assert_eq!(player.take_log(), ["80 delete Service exp-a"]);
}

#[test]
fn pods_that_do_not_become_available_fail_the_experiment() {
    let spec = json!({"templates": [template("a", json!({}))], "progressDeadlineSeconds": 30});
    let mut player = Player::new(spec.clone());
    player.is_healthy = false;
    player.until(29);
    assert_eq!(player.phase(), "Pending");
    player.until(30);
    assert_eq!(player.phase(), "Failed");
    assert_eq!(player.template("a")["status"], "Failed");

    // The same when they stop being so.
    let mut player = Player::new(spec);
    player.until(100);
    assert_eq!(player.phase(), "Running");
    player.is_healthy = false;
    player.until(120);
    assert_eq!((player.phase(), &player.template("a")["status"]), ("Running", &json!("Progressing")));
    player.until(131);
    assert_eq!(player.phase(), "Failed");
}

#[test]
fn an_experiment_ends_when_it_is_told_to() {
    for is_healthy in [true, false] {
        let mut player = Player::new(json!({"templates": [template("a", json!({}))]}));
        player.is_healthy = is_healthy;
        player.until(100);
        player.edit(|experiment| experiment["spec"]["terminate"] = json!(true));
        player.settle();
        assert_eq!(player.phase(), "Successful");
        player.until(200);
        assert_eq!(player.replicas(), [0]);
    }
}

#[test]
fn names_that_somebody_else_has_are_an_error() {
    let foreign = |name: &str| {
        Arc::new(json!({"metadata": {"name": name, "namespace": "ns", "uid": "f"}, "spec": {"replicas": 3}}))
    };
    let spec = json!({"templates": [template("a", json!({"service": {"name": "svc"}}))]});
    let mut player = Player::new(spec.clone());
    player.world.replica_sets.push(foreign("exp-a"));
    player.until(600);
    assert_eq!(player.phase(), "Error");
    assert_eq!(player.replicas(), [3]);

    let mut player = Player::new(spec);
    player.world.services.insert("svc".into(), foreign("svc"));
    player.until(600);
    assert_eq!(player.phase(), "Error");
    assert_eq!(player.world.services["svc"], foreign("svc"));
}

#[test]
fn without_ports_there_is_no_service_and_that_is_said() {
    let mut bare = template("a", json!({"service": {}}));
    bare["template"]["spec"]["containers"] = json!([{"name": "c"}]);
    let mut player = Player::new(json!({"templates": [bare]}));
    player.settle();
    assert_eq!(player.phase(), "Running");
    assert!(player.world.services.is_empty());
    assert_ne!(player.template("a").get("message"), None);
}

#[test]
fn a_spec_that_cannot_be_acted_on_is_an_error() {
    let good = template("a", json!({}));
    for spec in [
        json!(null),
        json!({"templates": []}),
        json!({"templates": [good, good]}),
        json!({"templates": [{"name": "a"}]}),
        json!({"templates": [template("", json!({}))]}),
        json!({"templates": [template("a", json!({"selector": {"matchLabels": {"app": "other"}}}))]}),
        json!({"templates": [template("a", json!({"service": {"name": "s"}})), template("b", json!({"service": {"name": "s"}}))]}),
        json!({"templates": [good], "duration": "long"}),
        json!({"templates": [good], "analyses": [{"templateName": "t"}]}),
    ] {
        let mut player = Player::new(spec.clone());
        player.until(600);
        assert_eq!(player.phase(), "Error", "{spec}");
        assert_eq!(player.log, Vec::<String>::new(), "{spec}");
    }
}
