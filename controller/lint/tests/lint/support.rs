//! Plugins and manifests.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_gateway_api::GatewayApi;
use tidegate_istio::Istio;
use tidegate_lint::{Finding, Scope, Text, lint};
use tidegate_native::Native;
use tidegate_shell::PluginState;

pub(crate) const GATEWAY_API: &str = "argoproj-labs/gatewayAPI";

pub(crate) fn plugins() -> BTreeMap<String, PluginState> {
    BTreeMap::from([
        (GATEWAY_API.to_owned(), PluginState::ready(Arc::new(Native::<GatewayApi>::new()))),
        ("builtin:istio".to_owned(), PluginState::ready(Arc::new(Native::<Istio>::new()))),
    ])
}

pub(crate) fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
           "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
}

pub(crate) fn route() -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web"},
           "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [
               {"name": "stable", "port": 80, "weight": 100}, {"name": "canary", "port": 80, "weight": 0}]}]}})
}

pub(crate) fn rollout() -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"},
           "spec": {
               "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
               "template": {"metadata": {"labels": {"app": "web"}},
                            "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
               "strategy": {"canary": {
                   "stableService": "stable", "canaryService": "canary",
                   "trafficRouting": {"plugins": {GATEWAY_API: {"httpRoute": "web"}}},
                   "steps": [{"setWeight": 50}, {"pause": {}}]}}}})
}

/// The Rollout with something else at a place.
pub(crate) fn with(mut rollout: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = rollout.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) if key == "-" => list.push(value),
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        _ => parent[key.replace("~1", "/")] = value,
    }
    rollout
}

/// The text of a file with these objects, a document each, as JSON.
pub(crate) fn text(objects: &[Value]) -> Text {
    let documents: Vec<String> =
        objects.iter().map(|object| serde_json::to_string_pretty(object).unwrap()).collect();
    Text { name: "all.yaml".to_owned(), content: documents.join("\n---\n") }
}

pub(crate) fn lint_all(objects: &[Value]) -> Vec<Finding> {
    lint(&[text(objects)], &plugins(), Scope::Whole)
}

/// `severity reason path` of each finding.
pub(crate) fn brief(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|one| format!("{:?} {} {}", one.severity, one.reason, one.path).trim_end().to_owned())
        .collect()
}
