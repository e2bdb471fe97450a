//! The route as the plugin changes it.

use serde_json::{Value, json};
use tidegate_api::Resource;

use super::client::Client;
use super::compare;

fn routes() -> Resource {
    Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
}

/// A route on which the stand-in gateway does not report, so that only the script writes.
fn route() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": { "name": "web", "annotations": { "test.tidegate/gateway": "silent" } },
        "spec": {
            "parentRefs": [{ "name": "public" }],
            "hostnames": ["web.example.com"],
            "rules": [
                {
                    "matches": [{ "path": { "type": "PathPrefix", "value": "/old" } }],
                    "backendRefs": [{ "name": "old", "port": 80 }],
                },
                { "backendRefs": [{ "name": "web-stable", "port": 80 }, { "name": "web-canary", "port": 80, "weight": 0 }] },
            ],
        },
    })
}

fn set(stable: &Value, was_stable: &Value, canary: &Value, was_canary: &Value) -> Value {
    let backends = "/spec/rules/1/backendRefs";
    json!([
        { "op": "test", "path": format!("{backends}/0/name"), "value": "web-stable" },
        { "op": "test", "path": format!("{backends}/0/weight"), "value": was_stable },
        { "op": "replace", "path": format!("{backends}/0/weight"), "value": stable },
        { "op": "test", "path": format!("{backends}/1/name"), "value": "web-canary" },
        { "op": "test", "path": format!("{backends}/1/weight"), "value": was_canary },
        { "op": "replace", "path": format!("{backends}/1/weight"), "value": canary },
    ])
}

#[test]
fn weights() {
    compare("weights", async |client: &mut Client| {
        client.about(routes());
        client.create("create, with defaults filled in", route()).await;
        let number = |number: i64| Value::from(number);
        client
            .json("compare and set", "web", None, set(&number(80), &number(1), &number(20), &number(0)))
            .await;
        client
            .json("compare and set, late", "web", None, set(&number(70), &number(1), &number(30), &number(0)))
            .await;
        client
            .json("the same value", "web", None, set(&number(80), &number(80), &number(20), &number(20)))
            .await;
        client.json("below zero", "web", None, set(&number(80), &number(80), &number(-1), &number(20))).await;
        client
            .json(
                "above the maximum",
                "web",
                None,
                set(&number(80), &number(80), &number(1_000_001), &number(20)),
            )
            .await;
        client.json("no number", "web", None, set(&number(80), &number(80), &json!("20"), &number(20))).await;
        client
            .json(
                "removed, so that the default comes back",
                "web",
                None,
                json!([
                    { "op": "remove", "path": "/spec/rules/1/backendRefs/0/weight" },
                ]),
            )
            .await;
        client
            .json("another rule in front", "web", None, json!([
                { "op": "add", "path": "/spec/rules/0", "value": { "backendRefs": [{ "name": "new", "port": 80 }] } },
            ]))
            .await;
        client
            .json("at the old place", "web", None, set(&number(70), &number(1), &number(30), &number(20)))
            .await;
        client
            .json(
                "a rule by a name that is not there",
                "web",
                None,
                json!([
                    { "op": "test", "path": "/spec/rules/0/name", "value": null },
                    { "op": "add", "path": "/spec/rules/0/name", "value": "first" },
                ]),
            )
            .await;
    });
}

#[test]
fn status() {
    compare("route-status", async |client: &mut Client| {
        client.about(routes());
        client.create("create", route()).await;
        let condition = |type_: &str| {
            json!({
                "type": type_, "status": "True", "reason": type_, "message": "", "observedGeneration": 1,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            })
        };
        let parents = json!([{
            "parentRef": { "name": "public" },
            "controllerName": "example.com/gateway",
            "conditions": [condition("Accepted"), condition("ResolvedRefs")],
        }]);
        client.merge("a report", "web", Some("status"), json!({ "status": { "parents": parents } })).await;
        client
            .merge("the same again", "web", Some("status"), json!({ "status": { "parents": parents } }))
            .await;
        client
            .merge(
                "an incomplete report",
                "web",
                Some("status"),
                json!({
                    "status": { "parents": [{ "parentRef": { "name": "public" } }] },
                }),
            )
            .await;
        client
            .merge(
                "the spec keeps the status",
                "web",
                None,
                json!({ "spec": { "hostnames": ["a.example.com"] } }),
            )
            .await;
        client.merge("no rules at all", "web", None, json!({ "spec": { "rules": null } })).await;
    });
}
