//! Starting without a plugin: strict and lenient.

use serde_json::json;
use tidegate_api::{Resource, builtin};
use tidegate_tests::{Controller, Fixture, eventually, servers};

use super::{OWN, apply, remove, with_plugin};

#[test]
fn a_strict_plugin_that_cannot_be_had_ends_a_start_and_nothing_else() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "plugin-strict").await;
        let running = Controller::start_ready(servers, &fixture.namespace, &[]).await;
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
        let ended = starting.wait().await;
        let ready = running.probe("/readyz").unwrap();
        // Before anything is asserted: all that start meanwhile wait for it.
        remove(&fixture).await;
        assert_eq!(unready.code, 503);
        let (status, log) = ended;
        assert!(!status.success(), "{log}");
        assert!(log.contains("Unreachable") && log.contains("/nowhere/router.wasm"), "{log}");
        assert_eq!(ready.code, 200, "{}", ready.body);
        let lease = format!("argo-rollouts-controller-lock-{other}");
        let leases = Resource::namespaced("coordination.k8s.io", "v1", "Lease", "leases");
        assert!(fixture.admin.get(&leases, OWN, &lease).await.is_err(), "it did not try to lead");
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
        apply(&fixture, missing.clone()).await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), with_plugin(&fixture)).await;
        fixture.expect_condition("TrafficRouterReady", "Unreachable").await;
        let neighbour = json!({"argoproj-labs/gatewayAPI": {"httpRoute": "web"}});
        fixture.create_neighbour("api", neighbour).await;
        eventually("the neighbour is looked after", || async {
            let rollout = fixture.get(&builtin::rollouts(), "api").await?;
            if rollout["status"]["phase"].is_string() { Ok(()) } else { Err(rollout.to_string()) }
        })
        .await;
        // The plugin comes, and it goes on by itself.
        apply(&fixture, json!({"source": {"builtin": {"name": "gateway-api"}}})).await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        fixture.expect_weights([80, 20]).await;
        fixture.promote().await;
        fixture.expect_healthy().await;
        // Idle, it stays healthy without its plugin.
        apply(&fixture, missing).await;
        remove(&fixture).await;
        fixture.expect_condition("TrafficRouterReady", "UnknownPlugin").await;
        let rollout = fixture.rollout().await.unwrap();
        assert_eq!(rollout["status"]["phase"], "Healthy", "{}", rollout["status"]);
    });
}
