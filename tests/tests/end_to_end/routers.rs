//! Routers by Argo's own keys: Istio and the NGINX Ingress controller.

use serde_json::{Value, json};
use tidegate_api::{Resource, object};
use tidegate_tests::{Controller, Fixture, eventually, servers};

fn steps() -> Value {
    json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 60 }, { "pause": {} }])
}

fn istio(kind: &str, plural: &str) -> Resource {
    Resource::namespaced("networking.istio.io", "v1", kind, plural)
}

fn ingresses() -> Resource {
    Resource::namespaced("networking.k8s.io", "v1", "Ingress", "ingresses")
}

/// Waits until something that is read from an object of the namespace is as expected.
async fn expect(
    fixture: &Fixture,
    resource: &Resource,
    name: &str,
    read: fn(&Value) -> Value,
    expected: Value,
) {
    eventually(&format!("{} {name} has {expected}", resource.kind), || async {
        let seen = read(&fixture.get(resource, name).await?);
        if seen == expected { Ok(()) } else { Err(format!("{seen}; {}", fixture.summary().await)) }
    })
    .await;
}

/// Weights of the destinations: stable, canary.
fn weights(service: &Value) -> Value {
    let weight = |index: usize| service["spec"]["http"][0]["route"][index]["weight"].clone();
    json!([weight(0), weight(1)])
}

/// Hashes of the subsets: stable, canary.
fn hashes(rule: &Value) -> Value {
    let hash = |index: usize| rule["spec"]["subsets"][index]["labels"]["rollouts-pod-template-hash"].clone();
    json!([hash(0), hash(1)])
}

#[test]
fn istio_divides_between_subsets() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "istio").await;
        let (services, rules) = (istio("VirtualService", "virtualservices"), istio("DestinationRule", "destinationrules"));
        let to = |subset: &str, weight: u32| json!({ "destination": { "host": "web", "subset": subset }, "weight": weight });
        let service = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": { "name": "web" },
            "spec": { "hosts": ["web"], "http": [{ "timeout": "5s", "route": [to("stable", 100), to("canary", 0)] }] },
        });
        let rule = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": { "name": "web" },
            "spec": { "host": "web", "subsets": [{ "name": "stable" }, { "name": "canary", "labels": { "app": "web" } }] },
        });
        fixture.create(&services, service).await;
        fixture.create(&rules, rule).await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture
            .create_rollout(steps(), |rollout| {
                let canary = rollout["spec"]["strategy"]["canary"].as_object_mut().unwrap();
                canary.remove("stableService");
                canary.remove("canaryService");
                canary.insert(
                    "trafficRouting".into(),
                    json!({ "istio": {
                        "virtualService": { "name": "web" },
                        "destinationRule": { "name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable" },
                    } }),
                );
            })
            .await;
        let first = fixture.expect_healthy().await["status"]["stableRS"].clone();

        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        expect(&fixture, &services, "web", weights, json!([80, 20])).await;
        let second = fixture.rollout().await.unwrap()["status"]["currentPodHash"].clone();
        assert_ne!(first, second);
        expect(&fixture, &rules, "web", hashes, json!([first, second])).await;

        fixture.promote().await;
        fixture.expect_paused_at(3).await;
        expect(&fixture, &services, "web", weights, json!([40, 60])).await;
        fixture.promote().await;
        fixture.expect_healthy().await;
        expect(&fixture, &services, "web", weights, json!([100, 0])).await;
        expect(&fixture, &rules, "web", hashes, json!([second, second])).await;
        let rule = fixture.get(&rules, "web").await.unwrap();
        assert_eq!(rule["spec"]["subsets"][1]["labels"]["app"], "web", "the user's label stays");
    });
}

#[test]
fn nginx_divides_by_a_second_ingress() {
    fn weight(ingress: &Value) -> Value {
        ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"].clone()
    }
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "nginx").await;
        let path = |path: &str, service: &str| {
            json!({ "path": path, "pathType": "Prefix",
                    "backend": { "service": { "name": service, "port": { "number": 80 } } } })
        };
        let ingress = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "public" },
            "spec": { "rules": [{ "host": "web.example.com",
                                  "http": { "paths": [path("/assets", "assets"), path("/", "web-stable")] } }] },
        });
        let stable = fixture.create(&ingresses(), ingress).await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture
            .create_rollout(steps(), |rollout| {
                rollout["spec"]["strategy"]["canary"]["trafficRouting"] =
                    json!({ "nginx": { "stableIngress": "public" } });
            })
            .await;
        let rollout = fixture.expect_healthy().await;

        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        expect(&fixture, &ingresses(), "web-public-canary", weight, json!("20")).await;
        let canary = fixture.get(&ingresses(), "web-public-canary").await.unwrap();
        assert_eq!(canary["spec"]["rules"][0]["http"]["paths"], json!([path("/", "web-canary")]));
        assert_eq!(object::controller_uid(&canary), Some(object::uid(&rollout)));
        assert_eq!(object::label(&canary, "app.kubernetes.io/managed-by"), Some("tidegate"));

        fixture.promote().await;
        fixture.expect_paused_at(3).await;
        expect(&fixture, &ingresses(), "web-public-canary", weight, json!("60")).await;
        fixture.promote().await;
        fixture.expect_healthy().await;
        expect(&fixture, &ingresses(), "web-public-canary", weight, json!("0")).await;
        let after = fixture.get(&ingresses(), "public").await.unwrap();
        assert_eq!(object::resource_version(&after), object::resource_version(&stable), "the user's own is never written");
    });
}
