//! Argo's ConfigMap: the only test that writes it, since all controllers of the run read it.

use serde_json::json;
use tidegate_api::builtin;
use tidegate_tests::{Controller, Fixture, QuickStart, eventually, servers};

use super::temporary::Temporary;
use super::{OWN, components, config_maps, digest, key};

const GATEWAY_API: &str = "argoproj-labs/gatewayAPI";

#[test]
fn its_plugins_work_and_its_mistakes_are_said() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "plugin-argo").await;
        let [component, _] = components(&fixture);
        let good = servers.file(&format!("{}.wasm", fixture.namespace));
        std::fs::write(&good, &component).unwrap();
        // What Argo would run: the head of a program for Linux on x86-64.
        let native = servers.file(&format!("{}.elf", fixture.namespace));
        std::fs::write(&native, [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 9], &[2, 0, 0x3e, 0], &[0; 64]].concat())
            .unwrap();
        let name = key(&fixture).replace("example.com", "example-com");
        let routers = format!(
            "- name: {name}\n  location: file://{}\n  sha256: {}\n- name: {GATEWAY_API}\n  location: file://{}\n",
            good.display(),
            digest(&component),
            native.display()
        );
        let config = |routers: &str| {
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "argo-rollouts-config", "namespace": OWN},
                "data": {"trafficRouterPlugins": routers},
            })
        };
        let _alone = servers.without_argo().await;
        let controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        let _removed = Temporary::new(&fixture.admin, config_maps(), OWN, "argo-rollouts-config");
        fixture.admin.create(&config_maps(), &config(&routers)).await.unwrap();
        // Without a restart.
        QuickStart::create(&fixture, &name).await.go_through().await;
        let metrics = eventually("the native binary is counted for what it is", || async {
            let metrics = controller.metrics();
            let failures = format!("tidegate_plugin_load_failures_total{{plugin=\"{GATEWAY_API}\",reason=\"NotWasm\"}}");
            if metrics.contains(&failures) { Ok(metrics) } else { Err(metrics) }
        })
        .await;
        let ready = format!("tidegate_plugin_ready{{plugin=\"{GATEWAY_API}\"}} 1");
        assert!(metrics.contains(&ready), "what is built in goes on serving\n{metrics}");
        eventually("an event on the ConfigMap says so", || async {
            let events = fixture.admin.list(&builtin::events(), OWN).await.map_err(|error| error.to_string())?;
            let is_it = |event: &serde_json::Value| {
                event["involvedObject"]["name"] == "argo-rollouts-config" && event["reason"] == "NotWasm"
            };
            if events.iter().any(is_it) { Ok(()) } else { Err(format!("{} events", events.len())) }
        })
        .await;

        // A well-known mistake: a mapping where a list should be.
        let mistake = json!({"data": {"trafficRouterPlugins": "trafficRouterPlugins: []"}});
        fixture
            .admin
            .merge(&config_maps(), OWN, "argo-rollouts-config", mistake)
            .await
            .unwrap();
        eventually("the plugin is gone, and nothing else", || async {
            let metrics = controller.metrics();
            let is_gone = !metrics.contains(&format!("tidegate_plugin_ready{{plugin=\"{name}\"}}"));
            if is_gone && metrics.contains(&ready) { Ok(()) } else { Err(metrics) }
        })
        .await;
        assert_eq!(controller.probe("/readyz").unwrap().code, 200);
    });
}
