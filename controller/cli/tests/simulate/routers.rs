//! Argo's own keys, and several routers on one Rollout, with the real components.

use serde_json::{Value, json};

use crate::command::{Files, Run, app, simulate};

/// An app whose traffic is routed like this, and what its routers need.
fn run(routing: Value, without_services: bool, more: &[Value]) -> Run {
    let mut list = app("web", "argoproj-labs/gatewayAPI");
    let rollout = list["items"].as_array_mut().unwrap().last_mut().unwrap();
    let canary = &mut rollout["spec"]["strategy"]["canary"];
    canary["trafficRouting"] = routing;
    canary["steps"] = json!([
        {"setWeight": 50},
        {"setHeaderRoute": {"name": "beta", "match": [{"headerName": "X-Beta", "headerValue": {"exact": "yes"}}]}},
        {"pause": {}},
    ]);
    if without_services {
        canary["stableService"] = json!(null);
        canary["canaryService"] = json!(null);
    }
    list["items"].as_array_mut().unwrap().extend_from_slice(more);
    let files = Files::new();
    simulate(&[&files.write("app.json", list.to_string())])
}

fn virtual_service(stable: Value, canary: Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web"},
        "spec": {"hosts": ["web"], "http": [{"name": "primary", "route": [
            {"destination": stable, "weight": 100}, {"destination": canary, "weight": 0},
        ]}]},
    })
}

/// What was written to objects of a kind, in order.
fn writes<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let written = lines.iter().filter(|line| line["event"] == "RouteWritten");
    written.filter(|line| line["note"].as_str().is_some_and(|note| note.starts_with(kind))).collect()
}

fn expect_healthy(run: &Run) {
    assert_eq!((run.status, run.result()["result"].as_str()), (0, Some("Healthy")), "{}", run.stdout);
}

#[test]
fn two_routers_get_the_same_traffic() {
    let routing = json!({
        "managedRoutes": [{"name": "beta"}],
        "istio": {"virtualService": {"name": "web"}},
        "plugins": {"argoproj-labs/gatewayAPI": {"httpRoutes": [{"name": "web", "useHeaderRoutes": true}]}},
    });
    let service = |role: &str| json!({"host": format!("web-{role}")});
    let run = run(routing, false, &[virtual_service(service("stable"), service("canary"))]);
    expect_healthy(&run);
    let lines = run.lines();
    let routers = lines
        .iter()
        .rev()
        .find_map(|line| line["routers"].as_array().filter(|routers| routers.len() == 2).cloned());
    let names: Vec<Value> = routers.unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["builtin:istio", "argoproj-labs/gatewayAPI"]);
    // Half, the header route, all without it, none.
    assert_eq!(writes(&lines, "VirtualService").len(), 4, "{}", run.stdout);
    assert_eq!(run.weights("web", "web-canary").last(), Some(&0));
}

#[test]
fn istio_divides_between_subsets_without_services() {
    let rule = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web"},
        "spec": {"host": "web", "subsets": [
            {"name": "stable", "labels": {"app": "web"}}, {"name": "canary", "labels": {"app": "web"}},
        ]},
    });
    let routing = json!({
        "managedRoutes": [{"name": "beta"}],
        "istio": {
            "virtualService": {"name": "web"},
            "destinationRule": {"name": "web", "stableSubsetName": "stable", "canarySubsetName": "canary"},
        },
    });
    let subset = |name: &str| json!({"host": "web", "subset": name});
    let run = run(routing, true, &[virtual_service(subset("stable"), subset("canary")), rule]);
    expect_healthy(&run);
    let lines = run.lines();
    assert_eq!(writes(&lines, "VirtualService").len(), 4, "{}", run.stdout);
    // Both subsets select the first pods, the canary the new ones, and in the end the stable one does.
    assert_eq!(writes(&lines, "DestinationRule").len(), 3, "{}", run.stdout);
}

#[test]
fn what_one_router_cannot_do_is_refused_although_the_other_can() {
    let routing = json!({
        "managedRoutes": [{"name": "beta"}], "maxTrafficWeight": 1000,
        "istio": {"virtualService": {"name": "web"}},
        "plugins": {"argoproj-labs/gatewayAPI": {"httpRoutes": [{"name": "web", "useHeaderRoutes": true}]}},
    });
    let service = |role: &str| json!({"host": format!("web-{role}")});
    let run = run(routing, false, &[virtual_service(service("stable"), service("canary"))]);
    assert_eq!((run.status, run.result()["result"].as_str()), (1, Some("Degraded")), "{}", run.stdout);
    let invalid = run.condition("default/web", "InvalidSpec");
    assert_eq!(invalid["reason"], "UnsupportedMaxWeight");
    let message = invalid["message"].as_str().unwrap();
    assert!(message.contains("builtin:istio") && !message.contains("gatewayAPI"), "{message}");
    assert_eq!(run.weights("web", "web-canary"), [0]);
}

#[test]
fn a_router_that_needs_services_says_so() {
    let routing = json!({
        "managedRoutes": [{"name": "beta"}],
        "plugins": {"argoproj-labs/gatewayAPI": {"httpRoutes": [{"name": "web", "useHeaderRoutes": true}]}},
    });
    let run = run(routing, true, &[]);
    assert_eq!(run.status, 1);
    assert_eq!(run.condition("default/web", "TrafficRouterReady")["reason"], "MissingService");
}

#[test]
fn routers_that_nobody_serves_are_refused_by_name() {
    for router in ["alb", "traefik"] {
        let run = run(json!({"managedRoutes": [{"name": "beta"}], router: {}}), false, &[]);
        assert_eq!(run.result()["result"], "Degraded", "{}", run.stdout);
        let message = run.condition("default/web", "InvalidSpec")["message"].to_string();
        assert!(message.contains(router) && message.contains("istio"), "{message}");
    }
}
