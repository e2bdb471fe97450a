//! The CLI of Argo Rollouts works with a Rollout that Tidegate looks after.

use serde_json::json;
use tidegate_tests::{Controller, Fixture, argo_cli, servers};

#[test]
fn the_cli_shows_and_promotes_a_rollout() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "cli").await;
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;

        let shown = argo_cli(servers, &fixture.namespace, &["get", "rollout", "web", "--no-color"]);
        let text = String::from_utf8_lossy(&shown.stdout);
        assert!(shown.status.success(), "{text}\n{}", String::from_utf8_lossy(&shown.stderr));
        let line = |name: &str| {
            let found = text.lines().find_map(|line| line.trim().strip_prefix(name));
            found.unwrap_or_else(|| panic!("no {name} in:\n{text}")).trim().to_owned()
        };
        assert_eq!(line("Message:"), "CanaryPauseStep");
        assert_eq!(line("Step:"), "1/2");
        assert_eq!(line("ActualWeight:"), "20");

        let promoted = argo_cli(servers, &fixture.namespace, &["promote", "web"]);
        assert!(promoted.status.success(), "{}", String::from_utf8_lossy(&promoted.stderr));
        fixture.expect_healthy().await;
        let status = argo_cli(servers, &fixture.namespace, &["status", "web", "--watch=false"]);
        assert_eq!(String::from_utf8_lossy(&status.stdout).trim(), "Healthy");
    });
}
