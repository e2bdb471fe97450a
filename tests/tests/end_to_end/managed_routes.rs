//! Header and mirror routes, in routes of several kinds, with the definitions that clusters have.

use serde_json::{Value, json};
use tidegate_api::Resource;
use tidegate_tests::{Controller, Fixture, eventually, servers};

fn grpc_routes() -> Resource {
    Resource::namespaced("gateway.networking.k8s.io", "v1", "GRPCRoute", "grpcroutes")
}

fn tls_routes() -> Resource {
    Resource::namespaced("gateway.networking.k8s.io", "v1", "TLSRoute", "tlsroutes")
}

fn backends() -> Value {
    json!([{ "name": "web-stable", "port": 80 }, { "name": "web-canary", "port": 80, "weight": 0 }])
}

fn route(kind: &str, spec: Value) -> Value {
    let mut spec = spec;
    spec["parentRefs"] = json!([{ "name": "public" }]);
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": { "name": "web" }, "spec": spec,
    })
}

fn steps() -> Value {
    json!([
        { "setCanaryScale": { "replicas": 1 } },
        { "setMirrorRoute": { "name": "shadow", "percentage": 25, "match": [
            { "headers": { "x-shadow": { "prefix": "v1." } } },
        ] } },
        { "setHeaderRoute": { "name": "beta", "match": [
            { "headerName": "x-beta", "headerValue": { "exact": "yes" } },
            { "headerName": "x-team", "headerValue": { "regex": "a|b" } },
        ] } },
        { "pause": {} },
        { "setHeaderRoute": { "name": "beta" } },
        { "setWeight": 40 },
        { "pause": {} },
    ])
}

/// The names of a route's rules; `-` for none.
fn names(route: &Value) -> Vec<&str> {
    let rules = route["spec"]["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    rules.iter().map(|rule| rule["name"].as_str().unwrap_or("-")).collect()
}

async fn expect_names(fixture: &Fixture, resource: &Resource, expected: &[&str]) -> Value {
    eventually(&format!("the rules of the {} are {expected:?}", resource.kind), || async {
        let route = fixture.get(resource, "web").await?;
        if names(&route) == expected {
            Ok(route)
        } else {
            Err(format!("{route}; {}", fixture.summary().await))
        }
    })
    .await
}

#[test]
fn come_and_go_in_routes_of_all_kinds() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "managed").await;
        let http_routes = Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes");
        let rules = json!([
            { "matches": [{ "method": { "service": "shop.Web" } }], "backendRefs": backends() },
            { "backendRefs": backends() },
        ]);
        fixture.create(&grpc_routes(), route("GRPCRoute", json!({ "rules": rules }))).await;
        let spec = json!({ "hostnames": ["web.example.com"], "rules": [{ "backendRefs": backends() }] });
        fixture.create(&tls_routes(), route("TLSRoute", spec)).await;
        let before = fixture.get(&http_routes, "web").await.unwrap();
        let grpc_before = fixture.get(&grpc_routes(), "web").await.unwrap();
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture
            .create_rollout(steps(), |rollout| {
                let routing = &mut rollout["spec"]["strategy"]["canary"]["trafficRouting"];
                routing["managedRoutes"] = json!([{ "name": "beta" }, { "name": "shadow" }]);
                routing["plugins"]["argoproj-labs/gatewayAPI"] =
                    json!({ "httpRoute": "web", "grpcRoute": "web", "tlsRoute": "web" });
            })
            .await;
        fixture.expect_healthy().await;

        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(3).await;
        let http = expect_names(&fixture, &http_routes, &["beta", "shadow", "legacy", "web"]).await;
        let beta = &http["spec"]["rules"][0];
        assert_eq!(
            beta["matches"],
            json!([{ "path": { "type": "PathPrefix", "value": "/" }, "headers": [
                { "name": "x-beta", "type": "Exact", "value": "yes" },
                { "name": "x-team", "type": "RegularExpression", "value": "a|b" },
            ] }])
        );
        assert_eq!(beta["backendRefs"].as_array().map(Vec::len), Some(1));
        assert_eq!(beta["backendRefs"][0]["name"], "web-canary");
        let mirror = &http["spec"]["rules"][1]["filters"][0]["requestMirror"];
        assert_eq!((&mirror["backendRef"]["name"], &mirror["percent"]), (&json!("web-canary"), &json!(25)));
        assert_eq!(http["spec"]["rules"][2].to_string(), before["spec"]["rules"][0].to_string());
        let label = "rollouts.argoproj.io/gatewayapi-canary";
        assert_eq!(http["metadata"]["labels"][label], "in-progress");
        let grpc =
            expect_names(&fixture, &grpc_routes(), &["beta", "beta-1", "shadow", "shadow-1", "-", "-"]).await;
        assert_eq!(grpc["spec"]["rules"][0]["matches"][0]["method"]["service"], "shop.Web");
        assert_eq!(
            fixture.get(&tls_routes(), "web").await.unwrap()["spec"]["rules"].as_array().map(Vec::len),
            Some(1)
        );

        fixture.promote().await;
        fixture.expect_paused_at(6).await;
        let http = expect_names(&fixture, &http_routes, &["shadow", "legacy", "web"]).await;
        for rule in [0, 2] {
            assert_eq!(http["spec"]["rules"][rule]["backendRefs"][1]["weight"], 40);
        }
        let tls = fixture.get(&tls_routes(), "web").await.unwrap();
        assert_eq!(tls["spec"]["rules"][0]["backendRefs"][0]["weight"], 60);

        fixture.promote().await;
        fixture.expect_healthy().await;
        let http = expect_names(&fixture, &http_routes, &["legacy", "web"]).await;
        assert_eq!(http["spec"]["rules"][0].to_string(), before["spec"]["rules"][0].to_string());
        assert_eq!(http["metadata"]["labels"][label], Value::Null);
        let grpc = expect_names(&fixture, &grpc_routes(), &["-", "-"]).await;
        assert_eq!(names(&grpc), names(&grpc_before));
        assert_eq!(grpc["spec"]["rules"][0]["matches"], grpc_before["spec"]["rules"][0]["matches"]);
    });
}
