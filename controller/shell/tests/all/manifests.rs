//! The objects that the tests start with.

use serde_json::{Value, json};

pub(crate) const PLUGIN: &str = "example/weights";

/// A Rollout, its two Services and its route, all of this name in the namespace `shop`.
pub(crate) fn shop(name: &str) -> Vec<Value> {
    vec![
        service(&format!("{name}-stable"), name),
        service(&format!("{name}-canary"), name),
        route(name),
        rollout(name),
    ]
}

pub(crate) fn rollout(name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
            "strategy": {"canary": {
                "stableService": format!("{name}-stable"),
                "canaryService": format!("{name}-canary"),
                "trafficRouting": {"plugins": {PLUGIN: {"route": name}}},
                "steps": [
                    {"setWeight": 20},
                    {"pause": {"duration": "20s"}},
                    {"setWeight": 50},
                    {"pause": {}},
                ],
            }},
        },
    })
}

fn service(name: &str, app: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"app": app}, "ports": [{"port": 80}]},
    })
}

pub(crate) fn route(name: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
        "spec": {
            "parentRefs": [{"name": "public"}],
            "rules": [
                {"matches": [{"path": {"type": "PathPrefix", "value": "/old"}}], "backendRefs": [{"name": format!("{name}-stable"), "port": 80}]},
                {"backendRefs": [
                    {"name": format!("{name}-stable"), "port": 80},
                    {"name": format!("{name}-canary"), "port": 80, "weight": 0},
                ]},
            ],
        },
    })
}
