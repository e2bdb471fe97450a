//! Plugins that misbehave, one for each reason of a fault, in a controller that has other things to do too.

use std::path::Path;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tidegate_hostile::{Component, Ends, Hostile, zoo};
use tidegate_tests::{Controller, Fixture, servers};

const GATEWAY_API: &str = "--router-plugin=argoproj-labs/gatewayAPI=builtin:gateway-api";

/// One for each reason of a fault, and one whose answer is refused.
const KINDS: [&str; 9] = [
    "unreachable",
    "loop-in-route",
    "one-memory",
    "recursion",
    "exit-0",
    "streams",
    "one-text-many-times",
    "no-text",
    "hundred-changes",
];

/// Writes a plugin to a file; answers the argument that configures it, pinned to what it is.
fn configure(name: &str, bytes: &[u8], folder: &Path) -> String {
    let file = folder.join(format!("{name}.wasm"));
    std::fs::write(&file, bytes).unwrap();
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("--router-plugin=example/{name}={},sha256={digest}", file.display())
}

#[test]
fn each_gets_a_condition_and_others_do_not_notice() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "hostile").await;
        let hostile: Vec<Hostile> = zoo().into_iter().filter(|one| KINDS.contains(&one.name)).collect();
        assert_eq!(hostile.len(), KINDS.len(), "all of them are in the zoo");
        let files = tempfile::tempdir().unwrap();
        let mut arguments = vec![GATEWAY_API.to_owned()];
        for one in &hostile {
            let Component::Bytes(bytes) = &one.component else { panic!("{} is configured", one.name) };
            arguments.push(configure(one.name, bytes, files.path()));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let controller = Controller::start_ready(servers, &fixture.namespace, &arguments).await;
        for Hostile { name, .. } in &hostile {
            fixture.create_neighbour(name, json!({ (format!("example/{name}")): {} })).await;
        }
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
        for Hostile { name, ends, .. } in &hostile {
            let reason = ends.reason().unwrap();
            let message = fixture.expect_neighbours_condition(name, "TrafficRouterReady", reason).await;
            assert!(!message.is_empty(), "{name}: a condition says what to do");
        }
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        fixture.expect_weights([80, 20]).await;
        assert_eq!(controller.probe("/healthz").map(|probe| probe.code), Some(200));
        let metrics = controller.metrics();
        for Hostile { ends, .. } in &hostile {
            let outcome = if matches!(ends, Ends::Fault(_)) { "fault" } else { "refused" };
            let counted = format!("outcome=\"{outcome}\",reason=\"{}\"", ends.reason().unwrap());
            assert!(metrics.contains(&counted), "no {counted} in\n{metrics}");
        }
    });
}

#[test]
fn one_that_cannot_be_loaded_is_named_and_others_work() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "unloadable").await;
        let files = tempfile::tempdir().unwrap();
        let broken = configure("broken", b"not WebAssembly", files.path());
        let arguments = [GATEWAY_API, broken.as_str()];
        let controller = Controller::start(servers, &fixture.namespace, &arguments);
        fixture.create_neighbour("broken", json!({ "example/broken": {} })).await;
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
        fixture.expect_healthy().await;
        let rollout = fixture.get(&tidegate_api::builtin::rollouts(), "broken").await.unwrap();
        let conditions = rollout["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let router = conditions.iter().find(|condition| condition["type"] == "TrafficRouterReady");
        assert_eq!(router.map(|condition| &condition["status"]), Some(&json!("False")), "{conditions:?}");
        // It concerns the Rollouts that use it, not whether this controller may take over.
        assert_eq!(controller.probe("/readyz").unwrap().code, 200);
    });
}
