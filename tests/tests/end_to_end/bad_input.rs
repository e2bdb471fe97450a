//! What bad input gets: a condition to act on, and traffic as it was.

use serde_json::{Value, json};
use tidegate_api::{Body, builtin};
use tidegate_tests::{Controller, Fixture, eventually, servers};

fn steps() -> Value {
    json!([{ "setWeight": 20 }, { "pause": {} }])
}

/// A Rollout that is healthy, with a change that is to be refused while an update is under way.
async fn broken_from_the_start(name: &str, type_: &str, reason: &str, change: impl FnOnce(&mut Value)) {
    let servers = servers();
    let fixture = Fixture::new(servers, name).await;
    let before = fixture.route().await.unwrap()["spec"].to_string();
    let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
    fixture.create_rollout(steps(), change).await;
    let message = fixture.expect_condition(type_, reason).await;
    assert!(!message.is_empty(), "a condition says what to do");
    let after = fixture.route().await.unwrap()["spec"].to_string();
    assert_eq!(after, before, "the route is as it was");
}

fn routing(rollout: &mut Value) -> &mut Value {
    &mut rollout["spec"]["strategy"]["canary"]["trafficRouting"]
}

#[test]
fn an_unknown_plugin() {
    servers().run(broken_from_the_start("no-plugin", "TrafficRouterReady", "UnknownPlugin", |rollout| {
        *routing(rollout) = json!({ "plugins": { "example/unknown": {} } });
    }));
}

#[test]
fn a_route_that_does_not_exist() {
    servers().run(broken_from_the_start("no-route", "TrafficRouterReady", "MissingObject", |rollout| {
        routing(rollout)["plugins"] = json!({ "argoproj-labs/gatewayAPI": { "httpRoute": "nowhere" } });
    }));
}

#[test]
fn a_configuration_that_the_plugin_does_not_understand() {
    servers().run(broken_from_the_start("no-config", "TrafficRouterReady", "InvalidConfig", |rollout| {
        routing(rollout)["plugins"] = json!({ "argoproj-labs/gatewayAPI": { "httpRoute": 5 } });
    }));
}

#[test]
fn a_service_that_does_not_exist() {
    servers().run(broken_from_the_start("no-service", "InvalidSpec", "InvalidSpec", |rollout| {
        rollout["spec"]["strategy"]["canary"]["canaryService"] = "nowhere".into();
    }));
}

#[test]
fn a_weight_out_of_range() {
    servers().run(broken_from_the_start("too-heavy", "InvalidSpec", "InvalidSpec", |rollout| {
        rollout["spec"]["strategy"]["canary"]["steps"] = json!([{ "setWeight": 120 }]);
    }));
}

#[test]
fn a_step_that_is_two() {
    servers().run(broken_from_the_start("two-steps", "InvalidSpec", "InvalidSpec", |rollout| {
        rollout["spec"]["strategy"]["canary"]["steps"] = json!([{ "setWeight": 20, "pause": {} }]);
    }));
}

#[test]
fn a_gateway_that_refuses_the_route() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "refused").await;
        let routes =
            tidegate_api::Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes");
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.create_rollout(steps(), |_| {}).await;
        fixture.expect_healthy().await;
        let mode = json!({ "metadata": { "annotations": { "test.tidegate/gateway": "reject" } } });
        fixture.admin.merge(&routes, &fixture.namespace, "web", mode).await.unwrap();
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_condition("TrafficRouterReady", "RouteRejected").await;
        let rollout = fixture.rollout().await.unwrap();
        assert_eq!(rollout["status"]["currentStepIndex"], 0, "the step is not done");

        let mode = json!({ "metadata": { "annotations": { "test.tidegate/gateway": null } } });
        fixture.admin.merge(&routes, &fixture.namespace, "web", mode).await.unwrap();
        fixture.expect_paused_at(1).await;
    });
}

#[test]
fn one_broken_rollout_does_not_hold_up_another() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "neighbour").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.create_neighbour("broken", json!({ "example/unknown": {} })).await;
        fixture.create_rollout(steps(), |_| {}).await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        fixture.expect_weights([80, 20]).await;
        fixture.expect_neighbours_condition("broken", "TrafficRouterReady", "UnknownPlugin").await;
    });
}

#[test]
fn unknown_fields_survive() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "unknown").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        // Fields that this version of Tidegate does nothing with, in a Rollout and in its pods.
        fixture
            .create_rollout(steps(), |rollout| {
                rollout["spec"]["rollbackWindow"] = json!({ "revisions": 3 });
                rollout["spec"]["template"]["spec"]["dnsConfig"] =
                    json!({ "options": [{ "name": "ndots" }] });
                rollout["metadata"]["annotations"] = json!({ "example.com/note": "keep" });
            })
            .await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        let rollout = fixture.rollout().await.unwrap();
        assert_eq!(rollout["spec"]["rollbackWindow"]["revisions"], 3);
        assert_eq!(rollout["metadata"]["annotations"]["example.com/note"], "keep");
        let sets = fixture.admin.list(&builtin::replica_sets(), &fixture.namespace).await.unwrap();
        assert_eq!(sets.len(), 2);
        for set in sets {
            assert_eq!(set["spec"]["template"]["spec"]["dnsConfig"]["options"][0]["name"], "ndots");
        }
        // A write that a user makes by hand on a field of ours is answered as everywhere; the rest stays.
        let change = json!([{ "op": "replace", "path": "/spec/replicas", "value": 5 }]);
        fixture
            .admin
            .patch(&builtin::rollouts(), &fixture.namespace, "web", None, Body::Json(change))
            .await
            .unwrap();
        eventually("stable has five replicas", || async {
            let replicas = fixture.replicas().await?;
            if replicas.contains(&("example.com/web:v1".into(), 5, 5)) {
                Ok(())
            } else {
                Err(format!("{replicas:?}"))
            }
        })
        .await;
    });
}
