//! What an operator sees of the controller, and what it costs.

use std::time::Duration;

use serde_json::json;
use tidegate_tests::{Controller, Fixture, eventually, servers};

use super::leads;

#[test]
fn probes_and_metrics_tell_the_truth() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "probes").await;
        let controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        assert_eq!(controller.probe("/healthz").map(|probe| probe.code), Some(200));
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
        fixture.expect_healthy().await;
        let namespace = &fixture.namespace;
        let expected = [
            format!("rollout_info{{namespace=\"{namespace}\",name=\"web\",strategy=\"canary\",traffic_router=\"argoproj-labs/gatewayAPI\",phase=\"Healthy\"}} 1"),
            format!("rollout_info_replicas_available{{namespace=\"{namespace}\",name=\"web\"}} 4"),
            format!("tidegate_rollout_weight{{namespace=\"{namespace}\",name=\"web\",destination=\"stable\"}} 100"),
            "tidegate_plugin_ready{plugin=\"argoproj-labs/gatewayAPI\"} 1".to_owned(),
        ];
        eventually("the metrics show the Rollout", || async {
            let metrics = controller.metrics();
            let missing: Vec<_> =
                expected.iter().filter(|line| !metrics.lines().any(|found| found == *line)).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("missing {missing:?}\n{metrics}")) }
        })
        .await;
        assert!(leads(&controller));
    });
}

#[test]
fn nothing_is_written_while_nothing_changes() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "steady").await;
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
        let controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        settle(&fixture).await;
        let before = fixture.versions().await.unwrap();
        // A controller that starts looks at everything anew; so does one whose watches report something.
        assert!(controller.terminate().await.success());
        let controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        eventually("the new one has made a pass", || async {
            let metrics = controller.metrics();
            let passes = metrics
                .lines()
                .find_map(|line| line.strip_prefix("rollout_reconcile_count{"))
                .and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
            if passes.is_some_and(|passes| passes > 0) { Ok(()) } else { Err(format!("{passes:?}")) }
        })
        .await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(fixture.versions().await.unwrap(), before);
        let writes: Vec<_> = controller
            .metrics()
            .lines()
            .filter(|line| line.starts_with("tidegate_writes_total{"))
            .map(str::to_owned)
            .collect();
        assert!(writes.is_empty(), "{writes:?}");
    });
}

/// Waits until nothing changes for a second: the last status write comes after the phase is seen.
async fn settle(fixture: &Fixture) {
    let mut last = fixture.versions().await.unwrap();
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = fixture.versions().await.unwrap();
        if now == last {
            return;
        }
        last = now;
    }
    panic!("it never settles: {last:?}");
}
