//! Argo's controller and ours at the same time: never both.

use serde_json::{Value, json};
use tidegate_api::{Body, Resource, builtin};
use tidegate_tests::{Argo, Controller, Fixture, Probe, eventually, servers};

use super::quick_argo;
use crate::end_to_end::{QUICK_ELECTION, leads};

/// Istio, which both can do; weights in a VirtualService, in the order stable, canary.
pub(super) async fn with_istio(fixture: &Fixture, steps: Value) {
    let to = |service: &str, weight: u32| json!({ "destination": { "host": service }, "weight": weight });
    let service = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": { "name": "web" },
        "spec": { "hosts": ["web"], "http": [
            { "name": "primary", "timeout": "5s", "route": [to("web-stable", 100), to("web-canary", 0)] },
        ]},
    });
    fixture.create(&virtual_services(), service).await;
    fixture
        .create_rollout(steps, |rollout| {
            rollout["spec"]["strategy"]["canary"]["trafficRouting"] = json!({
                "managedRoutes": [{ "name": "header" }],
                "istio": { "virtualService": { "name": "web", "routes": ["primary"] } },
            });
        })
        .await;
}

pub(super) fn virtual_services() -> Resource {
    Resource::namespaced("networking.istio.io", "v1", "VirtualService", "virtualservices")
}

async fn expect_to_stand_by(controller: &Controller, reason: &str) {
    eventually(&format!("it stands by: {reason}"), || async {
        let text = format!("tidegate_standing_by{{reason=\"{reason}\"}} 1");
        match controller.probe("/readyz") {
            Some(Probe { code: 200, body })
                if body.contains("standing by")
                    && controller.metrics().contains(&text)
                    && !leads(controller) =>
            {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

async fn expect_to_lead(controller: &Controller) {
    eventually("it leads", || async {
        if leads(controller) { Ok(()) } else { Err(format!("{:?}", controller.probe("/readyz"))) }
    })
    .await;
}

/// Whether it has written anything for a Rollout.
fn has_written(controller: &Controller) -> bool {
    controller.metrics().lines().any(|line| line.starts_with("tidegate_writes_total{"))
}

#[test]
fn the_lease_makes_one_wait_for_the_other() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "exclude").await;
        let argo = quick_argo(servers, &fixture.namespace).await;
        with_istio(&fixture, json!([{ "setWeight": 20 }, { "pause": {} }])).await;
        fixture.expect_healthy().await;
        let ours = Controller::start_ready(servers, &fixture.namespace, &QUICK_ELECTION).await;
        expect_to_stand_by(&ours, "ForeignLease").await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        assert!(!has_written(&ours), "ours wrote something beside Argo's");

        argo.kill();
        expect_to_lead(&ours).await;
        let argo = quick_argo(servers, &fixture.namespace).await;
        fixture.promote().await;
        fixture.expect_healthy().await;
        assert!(has_written(&ours), "ours went on");
        assert!(leads(&ours), "an Argo controller that waits is no reason to stand by");

        let status = ours.terminate().await;
        assert!(status.success(), "{status}");
        fixture.set_image("example.com/web:v3").await;
        fixture.expect_paused_at(1).await;
        drop(argo);
    });
}

#[test]
fn who_ignores_the_lease_is_noticed_by_what_it_writes() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "foreign").await;
        with_istio(&fixture, json!([{ "setWeight": 20 }, { "pause": {} }])).await;
        let quick = [&QUICK_ELECTION[..], &["--stand-by-silence=6s"]].concat();
        let ours = Controller::start_ready(servers, &fixture.namespace, &quick).await;
        fixture.expect_healthy().await;

        // What people and their tools write to the status is no reason.
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        fixture.set_status(json!({ "abort": true })).await;
        fixture.expect_aborted().await;
        assert!(leads(&ours));

        let argo = Argo::start(servers, &fixture.namespace, &["--leader-elect=false"]).await;
        expect_to_stand_by(&ours, "ForeignWrites").await;
        let events = fixture.admin.list(&builtin::events(), &fixture.namespace).await.unwrap();
        let told = events.iter().find(|event| event["reason"] == "StandingBy");
        assert!(told.is_some_and(|event| event["involvedObject"]["name"] == "web"), "{events:?}");

        argo.kill();
        expect_to_lead(&ours).await;
        let retry = json!([{ "op": "replace", "path": "/status/abort", "value": false }]);
        fixture
            .admin
            .patch(&builtin::rollouts(), &fixture.namespace, "web", Some("status"), Body::Json(retry))
            .await
            .unwrap();
        fixture.expect_paused_at(1).await;
    });
}
