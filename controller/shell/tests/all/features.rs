//! What routers can do is asked once, and what they cannot do is said before any traffic moves.

use serde_json::{Value, json};
use tidegate_api::builtin;
use tidegate_shell::Settings;

use crate::canary::paused;
use crate::manifests::{self, PLUGIN};
use crate::rig::{Rig, minutes, seconds};
use crate::router::problem;

fn steps(rig: &mut Rig, steps: Value) {
    rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"strategy": {"canary": {"steps": steps}}}}));
}

/// Steps with one that needs more than weights.
fn with_header_route() -> Value {
    json!([
        {"setWeight": 20}, {"pause": {"duration": 5}},
        {"setHeaderRoute": {"name": "users", "match": [{"headerName": "x", "headerValue": {"exact": "y"}}]}},
        {"setWeight": 50}, {"pause": {}},
    ])
}

fn managed_routes(rig: &mut Rig) {
    let routing = json!({"trafficRouting": {"managedRoutes": [{"name": "users"}]}});
    rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"strategy": {"canary": routing}}}));
}

fn message<'a>(rig: &'a Rig, kind: &str) -> &'a str {
    rig.condition("web", kind).unwrap()["message"].as_str().unwrap()
}

#[test]
fn a_router_is_asked_what_it_can_do_once_for_each_configuration() {
    let mut rig = Rig::new();
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig.run(minutes(5));
    assert_eq!(rig.weights("web"), (50, 50));
    assert!(rig.questions > 3, "{}", rig.questions);
    assert_eq!(rig.checks, 1);
    let plugins = json!({PLUGIN: {"route": "web", "also": "Gateway"}});
    let routing = json!({"canary": {"trafficRouting": {"plugins": plugins}}});
    rig.create(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "public", "namespace": "shop"},
        "spec": {"gatewayClassName": "x", "listeners": []},
    }));
    rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"strategy": routing}}));
    rig.run(minutes(5));
    assert_eq!((rig.weights("web"), rig.checks), ((50, 50), 2));
    rig.restart(0);
    rig.run(minutes(5));
    assert_eq!((rig.weights("web"), rig.checks), ((50, 50), 3));
}

#[test]
fn a_step_that_a_router_cannot_do_is_refused_before_the_first_one() {
    let mut rig = Rig::new();
    managed_routes(&mut rig);
    steps(&mut rig, with_header_route());
    rig.run(minutes(1));
    assert!(rig.phase("web").starts_with("Degraded UnsupportedStep: "), "{}", rig.phase("web"));
    rig.set_image("web", "web:2");
    rig.forget_requests();
    rig.run(minutes(10));
    let said = message(&rig, "InvalidSpec");
    assert!(said.contains("steps[2].setHeaderRoute") && said.contains(PLUGIN), "{said}");
    let writes = (rig.writes_of("HTTPRoute"), rig.writes_of("ReplicaSet"));
    assert_eq!((rig.weights("web"), writes), ((1, 0), (0, 0)), "as somebody wrote it");
    let events: Vec<&str> = rig.events.iter().map(|event| event.reason.as_str()).collect();
    assert!(!events.contains(&"TrafficWeightUpdated"), "{events:?}");

    steps(&mut rig, json!([{"setWeight": 50}, {"pause": {}}]));
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
}

#[test]
fn an_update_that_has_become_impossible_stays_where_it_is_and_can_be_aborted() {
    let mut rig = paused();
    managed_routes(&mut rig);
    steps(&mut rig, with_header_route());
    rig.forget_requests();
    rig.run(minutes(20));
    assert!(rig.phase("web").starts_with("Degraded UnsupportedStep: "), "{}", rig.phase("web"));
    assert_eq!((rig.weights("web"), rig.writes_of("HTTPRoute")), ((50, 50), 0));
    // Nor does a new process move anything before it knows.
    rig.restart(0);
    rig.run(minutes(20));
    assert_eq!((rig.weights("web"), rig.writes_of("HTTPRoute")), ((50, 50), 0));
    rig.patch(&builtin::rollouts(), "web", Some("status"), json!({"status": {"abort": true}}));
    rig.run(seconds(30));
    assert_eq!(rig.weights("web"), (100, 0), "{}", rig.phase("web"));
}

#[test]
fn a_router_that_finds_its_configuration_wrong_says_so() {
    let mut rig = Rig::new();
    *rig.router.check.lock().unwrap() = Err(problem("invalid-config", "there is no such mode"));
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig.run(minutes(5));
    assert_eq!(rig.routing_reason("web"), Some("InvalidConfig"));
    assert!(message(&rig, "TrafficRouterReady").contains("there is no such mode"));
    assert_eq!(rig.weights("web"), (1, 0), "as somebody wrote it");
    let checks = rig.checks;
    rig.run(minutes(60));
    assert_eq!(rig.checks, checks, "the same question has the same answer");

    // With another configuration it is asked again.
    *rig.router.check.lock().unwrap() = Ok(vec!["weights".to_owned()]);
    let plugins = json!({PLUGIN: {"route": "web", "now": "right"}});
    let routing = json!({"canary": {"trafficRouting": {"plugins": plugins}}});
    rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"strategy": routing}}));
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
}

#[test]
fn a_rollout_is_looked_at_though_experiments_may_not_be_watched() {
    let mut rig = Rig::empty(Settings::default());
    rig.forbidden.push("Experiment".to_owned());
    rig.apply_all(manifests::shop("web"));
    steps(&mut rig, json!([{"experiment": {"templates": [{"name": "a", "weight": 5}]}}]));
    rig.patch(
        &builtin::rollouts(),
        "web",
        Some("status"),
        json!({"status": {"canary": {"currentExperiment": "web-1"}}}),
    );
    rig.start();
    rig.run(seconds(10));
    assert!(rig.phase("web").starts_with("Degraded InvalidSpec"), "{}", rig.phase("web"));
}
