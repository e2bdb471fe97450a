//! A plugin from a web server, and one from ConfigMaps.

use serde_json::json;
use tidegate_api::Resource;
use tidegate_tests::{Controller, Fixture, QuickStart, let_read, servers};
use tidegate_zoo::{Answer, Authority, Server, Validity};

use super::{OWN, apply, components, config_maps, digest, expect_condition, key, remove, router_plugins};

#[test]
fn with_a_private_authority_and_a_header_from_a_secret() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "plugin-web").await;
        let [component, _] = components(&fixture);
        let (bytes, authority) = (component.clone(), Authority::new());
        let server = Server::start(Some(authority.server("localhost", Validity::Now)), move |request| {
            match request.header("authorization") {
                Some("Bearer of-the-test") => Answer::file(&bytes),
                _ => Answer::new("401 Unauthorized", &[], b""),
            }
        });
        let own = format!("{}-web", fixture.namespace);
        let ca = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": own, "namespace": OWN},
            "data": {"ca.crt": authority.pem()},
        });
        fixture.admin.create(&config_maps(), &ca).await.unwrap();
        let controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        apply(
            &fixture,
            json!({
                "source": {"https": {
                    "url": server.url("/router.wasm"),
                    "caRef": {"name": own},
                    "headers": [{"name": "Authorization", "secretKeyRef": {"name": own, "key": "token"}}],
                }},
                "sha256": digest(&component).to_string(),
            }),
        )
        .await;
        let rule = expect_condition(&fixture, "Fetched", "False", "Forbidden").await;
        assert!(rule.contains("resourceNames") && rule.contains(&own), "{rule}");

        let secrets = Resource::namespaced("", "v1", "Secret", "secrets");
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": own, "namespace": OWN},
            "stringData": {"token": "Bearer of-the-test\n"},
        });
        fixture.admin.create(&secrets, &secret).await.unwrap();
        let_read(&fixture.admin, OWN, &own).await;
        expect_condition(&fixture, "Ready", "True", "Ready").await;
        for kind in ["Fetched", "Verified", "Compiled", "Compatible", "Permitted"] {
            expect_condition(&fixture, kind, "True", kind).await;
        }
        expect_condition(&fixture, "LastGoodStored", "True", "Stored").await;
        let plugin = fixture.admin.get(&router_plugins(), "", &fixture.namespace).await.unwrap();
        assert_eq!(plugin["status"]["digest"], digest(&component).to_string());
        assert!(!controller.log().contains("of-the-test"), "what is secret is not logged");

        QuickStart::create(&fixture, &key(&fixture)).await.go_through().await;
        assert!(controller.metrics().contains("tidegate_plugin_info{"), "{}", controller.metrics());
        remove(&fixture).await;
    });
}

#[test]
fn from_two_config_maps() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "plugin-split").await;
        let [component, _] = components(&fixture);
        let (first, second) = component.split_at(component.len() / 2);
        let mut names = Vec::new();
        for (number, part) in [first, second].into_iter().enumerate() {
            let name = format!("{}-{number}", fixture.namespace);
            let object = json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": OWN},
                "binaryData": {"router.wasm": tidegate_tests::base64(part)},
            });
            fixture.admin.create(&config_maps(), &object).await.unwrap();
            names.push(name);
        }
        apply(
            &fixture,
            json!({
                "source": {"configMap": {"names": names, "key": "router.wasm"}},
                "sha256": digest(&component).to_string(),
            }),
        )
        .await;
        let authority = servers.file(&format!("{}.pem", fixture.namespace));
        std::fs::write(&authority, Authority::new().pem()).unwrap();
        // Where nothing can be written, as in a pod.
        let controller =
            Controller::start_confined(servers, &fixture.namespace, &["--lockdown"], &authority).await;
        expect_condition(&fixture, "Ready", "True", "Ready").await;
        QuickStart::create(&fixture, &key(&fixture)).await.go_through().await;
        assert!(controller.terminate().await.success());
        remove(&fixture).await;
    });
}
