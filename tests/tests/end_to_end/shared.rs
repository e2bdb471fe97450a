//! Rollouts that share a route, and Rollouts that claim the same.

use serde_json::{Value, json};
use tidegate_api::{Body, Resource, builtin};
use tidegate_tests::{Controller, Fixture, eventually, servers};

const PLUGIN: &str = "argoproj-labs/gatewayAPI";

fn routes() -> Resource {
    Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
}

async fn patch(fixture: &Fixture, resource: &Resource, name: &str, operations: Value) {
    fixture
        .admin
        .patch(resource, &fixture.namespace, name, None, Body::Json(operations))
        .await
        .unwrap_or_else(|error| panic!("patching {name}: {error}"));
}

async fn expect(fixture: &Fixture, what: &str, name: &str, test: impl Fn(&Value) -> bool) {
    eventually(what, || async {
        let rollout = fixture.get(&builtin::rollouts(), name).await?;
        if test(&rollout) { Ok(()) } else { Err(rollout["status"].to_string()) }
    })
    .await;
}

#[test]
fn two_rollouts_divide_rules_of_one_route_at_the_same_time() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "shared").await;
        let rule = json!({
            "matches": [{ "path": { "type": "PathPrefix", "value": "/api" } }],
            "backendRefs": [{ "name": "api-stable", "port": 80 }, { "name": "api-canary", "port": 80, "weight": 0 }],
        });
        patch(&fixture, &routes(), "web", json!([{ "op": "add", "path": "/spec/rules/-", "value": rule }])).await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
        fixture.create_neighbour("api", json!({ PLUGIN: { "httpRoute": "web" } })).await;
        for name in ["web", "api"] {
            expect(&fixture, "it is healthy", name, |rollout| rollout["status"]["phase"] == "Healthy").await;
        }
        for name in ["web", "api"] {
            let image = json!([
                { "op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "example.com/web:v2" },
            ]);
            patch(&fixture, &builtin::rollouts(), name, image).await;
        }
        for name in ["web", "api"] {
            expect(&fixture, "it pauses at its weight", name, |rollout| {
                rollout["status"]["phase"] == "Paused" && rollout["status"]["currentStepIndex"] == 1
            })
            .await;
        }
        let route = fixture.route().await.unwrap();
        for rule in [1, 2] {
            let backends = route["spec"]["rules"][rule]["backendRefs"].as_array().unwrap();
            let weights: Vec<_> = backends.iter().map(|backend| backend["weight"].as_i64().unwrap()).collect();
            assert_eq!(weights, [80, 20], "{route}");
        }
        assert_eq!(route["spec"]["rules"][0]["backendRefs"][0]["weight"], 7);
    });
}

#[test]
fn of_two_rollouts_that_name_one_service_the_older_keeps_it() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "conflict").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
        fixture.expect_healthy().await;
        // A creation's time has no fractions of a second.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        fixture.create_neighbour("api", json!({ PLUGIN: { "httpRoute": "web" } })).await;
        let services = json!([
            { "op": "replace", "path": "/spec/strategy/canary/stableService", "value": "web-stable" },
            { "op": "replace", "path": "/spec/strategy/canary/canaryService", "value": "web-canary" },
        ]);
        patch(&fixture, &builtin::rollouts(), "api", services).await;
        let message = fixture.expect_neighbours_condition("api", "TrafficRouterReady", "RouteConflict").await;
        assert!(message.contains(&format!("{}/web", fixture.namespace)), "{message}");
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        fixture.expect_weights([80, 20]).await;
        fixture.admin.delete(&builtin::rollouts(), &fixture.namespace, "web").await.unwrap();
        fixture.expect_neighbours_condition("api", "TrafficRouterReady", "Ready").await;
    });
}
