//! A shadow beside Argo's controller.

use serde_json::{Value, json};
use tidegate_tests::{Controller, Fixture, eventually, servers};

use super::exclusion::{virtual_services, with_istio};
use super::quick_argo;
use crate::end_to_end::leads;

#[test]
fn a_shadow_writes_nothing_and_tells_what_differs() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "shadow").await;
        let argo = quick_argo(servers, &fixture.namespace).await;
        with_istio(&fixture, json!([{ "setWeight": 20 }, { "pause": {} }])).await;
        fixture.expect_healthy().await;
        let shadow = Controller::start_ready(
            servers,
            &fixture.namespace,
            &["--shadow", "--shadow-lasting-after=3s", "--output=json"],
        )
        .await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;

        let lasting = || format!("tidegate_shadow_differences{{namespace=\"{}\"", fixture.namespace);
        let is_lasting = |line: &str| line.starts_with(&lasting()) && line.contains("state=\"lasting\"");
        // While both think the same, what differs is a matter of moments.
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        let metrics = shadow.metrics();
        assert!(!metrics.lines().any(is_lasting), "{metrics}");

        // Argo looks at its VirtualService, too, so only without it something can last.
        argo.kill();
        let change = json!([{ "op": "replace", "path": "/spec/http/0/route/1/weight", "value": 30 }]);
        let body = tidegate_api::Body::Json(change);
        fixture.admin.patch(&virtual_services(), &fixture.namespace, "web", None, body).await.unwrap();
        eventually("it is told", || async {
            let metrics = shadow.metrics();
            if metrics.lines().any(is_lasting) { Ok(()) } else { Err(metrics) }
        })
        .await;
        let told: Vec<Value> =
            shadow.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let found = told.iter().find(|line| line["state"] == "lasting" && line["subject"] == "route");
        let found = found.unwrap_or_else(|| panic!("{told:?}"));
        assert_eq!((&found["has"], &found["would"]), (&json!(30), &json!(20)));
        assert_eq!(found["field"], "/spec/http/0/route/1/weight");

        let metrics = shadow.metrics();
        assert!(!leads(&shadow) && !metrics.contains("tidegate_writes_total{"), "{metrics}");
        let service = fixture.get(&virtual_services(), "web").await.unwrap();
        assert_eq!(service["spec"]["http"][0]["route"][1]["weight"], 30);
    });
}
