//! Starting without a plugin: strict and lenient.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{Body, Resource, builtin};
use tidegate_tests::{Controller, Fixture, eventually, servers};

use super::{OWN, apply, remove, temporary, with_plugin};

/// All that start meanwhile wait for a strict plugin.
const AT_MOST: Duration = Duration::from_secs(15);

#[test]
fn a_strict_plugin_that_cannot_be_had_ends_a_start_and_nothing_else() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "plugin-strict").await;
        let running = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        let plugin = temporary(&fixture).at_most(AT_MOST);
        apply(
            &fixture,
            json!({
                "source": {"file": {"path": "/nowhere/router.wasm"}},
                "sha256": "0".repeat(64),
                "failurePolicy": "Strict",
            }),
        )
        .await;
        let other = format!("{}-b", fixture.namespace);
        let starting = Controller::start(servers, &other, &["--plugin-start-deadline", "2s"]);
        let unready = eventually("it is said what the start waits for", || async {
            let probe = starting.probe("/readyz").ok_or("no answer")?;
            if probe.body.contains("Unreachable") { Ok(probe) } else { Err(probe.body) }
        })
        .await;
        let (status, log) = starting.wait().await;
        let ready = running.probe("/readyz").unwrap();
        drop(plugin);
        assert_eq!(unready.code, 503);
        assert!(!status.success(), "{log}");
        assert!(log.contains("Unreachable") && log.contains("/nowhere/router.wasm"), "{log}");
        assert_eq!(ready.code, 200, "{}", ready.body);
        let lease = format!("argo-rollouts-controller-lock-{other}");
        let leases = Resource::namespaced("coordination.k8s.io", "v1", "Lease", "leases");
        let lease = fixture.admin.get(&leases, OWN, &lease).await;
        assert!(
            lease.as_ref().is_err_and(tidegate_api::ApiError::is_not_found),
            "it tried to lead: {lease:?}"
        );
    });
}

#[test]
fn a_lenient_plugin_that_cannot_be_had_concerns_its_rollouts_only() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "plugin-lenient").await;
        let missing = json!({
            "source": {"file": {"path": "/nowhere/router.wasm"}},
            "sha256": "0".repeat(64),
        });
        apply(&fixture, missing).await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), with_plugin(&fixture)).await;
        fixture.expect_condition("TrafficRouterReady", "Unreachable").await;
        go_through(&fixture, "api").await;
        let rollout = fixture.rollout().await.unwrap();
        assert_eq!(status_of(&rollout, "TrafficRouterReady"), "False", "{}", rollout["status"]);
        // The plugin comes, and it goes on by itself.
        apply(&fixture, json!({"source": {"builtin": {"name": "gateway-api"}}})).await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        fixture.expect_weights([80, 20]).await;
        fixture.promote().await;
        fixture.expect_healthy().await;
        // Idle, it stays healthy without its plugin.
        remove(&fixture).await;
        fixture.expect_condition("TrafficRouterReady", "UnknownPlugin").await;
        let rollout = fixture.rollout().await.unwrap();
        assert_eq!(status_of(&rollout, "TrafficRouterReady"), "False");
        assert_eq!(rollout["status"]["phase"], "Healthy", "{}", rollout["status"]);
    });
}

/// The status of a condition.
fn status_of(rollout: &Value, kind: &str) -> String {
    let conditions = rollout["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.into_iter().find(|one| one["type"] == kind);
    found.and_then(|one| one["status"].as_str()).unwrap_or_default().to_owned()
}

/// A neighbour with a route of its own, by the plugin that is built in, goes through a whole canary.
async fn go_through(fixture: &Fixture, name: &str) {
    let mut route = fixture.route().await.unwrap();
    route["metadata"] = json!({"name": name});
    route.as_object_mut().unwrap().remove("status");
    for backend in route["spec"]["rules"][1]["backendRefs"].as_array_mut().unwrap() {
        let role = backend["name"].as_str().unwrap().replace("web", name);
        backend["name"] = role.into();
    }
    let routes = Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes");
    fixture.create(&routes, route).await;
    fixture.create_neighbour(name, json!({"argoproj-labs/gatewayAPI": {"httpRoute": name}})).await;
    let expect = async |what: &str, phase: &str, weights: [i64; 2]| {
        eventually(&format!("{name} {what}"), || async {
            let rollout = fixture.get(&builtin::rollouts(), name).await?;
            let route = fixture.get(&routes, name).await?;
            let weight = |index: usize| route["spec"]["rules"][1]["backendRefs"][index]["weight"].as_i64();
            let seen = [0, 1].map(|index| weight(index).unwrap_or(1));
            let is_so = rollout["status"]["phase"] == phase && seen == weights;
            if is_so { Ok(()) } else { Err(format!("{seen:?} {}", rollout["status"])) }
        })
        .await;
    };
    expect("is healthy", "Healthy", [100, 0]).await;
    let image = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "example.com/web:v2"}]);
    let admin = &fixture.admin;
    admin.patch(&builtin::rollouts(), &fixture.namespace, name, None, Body::Json(image)).await.unwrap();
    expect("is at its pause", "Paused", [80, 20]).await;
    let resumed = json!({"pauseConditions": null});
    admin.merge_status(&builtin::rollouts(), &fixture.namespace, name, resumed).await.unwrap();
    expect("is through", "Healthy", [100, 0]).await;
}
