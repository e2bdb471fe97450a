//! Somebody else changes a route while a canary runs.

use serde_json::{Value, json};
use tidegate_api::{Body, Resource};
use tidegate_tests::{Controller, Fixture, WEIGHTS, eventually, servers};

fn routes() -> Resource {
    Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
}

async fn edit(fixture: &Fixture, operations: Value) {
    fixture
        .admin
        .patch(&routes(), &fixture.namespace, "web", None, Body::Json(operations))
        .await
        .unwrap_or_else(|error| panic!("editing the route: {error}"));
}

async fn paused_canary(fixture: &Fixture) {
    fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
    fixture.expect_healthy().await;
    fixture.set_image("example.com/web:v2").await;
    fixture.expect_paused_at(1).await;
    fixture.expect_weights([80, 20]).await;
}

#[test]
fn a_hand_edited_route_is_repaired_and_the_rest_of_the_edit_stays() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "repair").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        paused_canary(&fixture).await;
        // One edit of weights that are ours, and of things that are not.
        edit(
            &fixture,
            json!([
                { "op": "replace", "path": WEIGHTS[1], "value": 90 },
                { "op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 3 },
                { "op": "add", "path": "/metadata/labels", "value": { "edited": "yes" } },
            ]),
        )
        .await;
        fixture.expect_weights([80, 20]).await;
        let route = fixture.route().await.unwrap();
        assert_eq!(route["spec"]["rules"][0]["backendRefs"][0]["weight"], 3);
        assert_eq!(route["metadata"]["labels"]["edited"], "yes");
    });
}

#[test]
fn a_quarrel_over_a_route_ends_and_names_the_other() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "quarrel").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        paused_canary(&fixture).await;
        for _ in 0..3 {
            edit(&fixture, json!([{ "op": "replace", "path": WEIGHTS[1], "value": 90 }])).await;
            fixture.expect_weights([80, 20]).await;
        }
        edit(&fixture, json!([{ "op": "replace", "path": WEIGHTS[1], "value": 90 }])).await;
        let message = fixture.expect_condition("TrafficRouterReady", "RouteContested").await;
        // The tests' own requests go out under the same client; what matters is that somebody is named.
        assert!(!message.is_empty());
        assert_eq!(fixture.weights().await.unwrap(), [80, 90], "the fourth edit stays for now");
    });
}

#[test]
fn rules_that_move_take_their_weights_along() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "moved").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        paused_canary(&fixture).await;
        // Another rule comes first, so that all indexes differ from those of the last write.
        let rule = json!({
            "matches": [{ "path": { "type": "Exact", "value": "/new" } }],
            "backendRefs": [{ "name": "other", "port": 80, "weight": 9 }],
        });
        edit(&fixture, json!([{ "op": "add", "path": "/spec/rules/0", "value": rule }])).await;
        fixture.promote().await;
        fixture.expect_healthy().await;
        // Healthy comes first, then the traffic comes back to what is stable now.
        eventually("the weights are at their rules", || async {
            let route = fixture.route().await?;
            let weights = [0, 1, 2].map(|rule| {
                let targets = route["spec"]["rules"][rule]["backendRefs"].as_array();
                targets.into_iter().flatten().map(|one| one["weight"].clone()).collect::<Vec<_>>()
            });
            let expected = [vec![json!(9)], vec![json!(7)], vec![json!(100), json!(0)]];
            if weights == expected { Ok(()) } else { Err(format!("{weights:?}")) }
        })
        .await;
    });
}
