//! An app, a plugin, and reading plans.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_gateway_api::GatewayApi;
use tidegate_native::Native;
use tidegate_plan::{Action, Input, Plan, Section};
use tidegate_shell::PluginState;

pub(crate) const PLUGIN: &str = "argoproj-labs/gatewayAPI";

pub(crate) fn plugins() -> BTreeMap<String, PluginState> {
    BTreeMap::from([(PLUGIN.to_owned(), PluginState::ready(Arc::new(Native::<GatewayApi>::new())))])
}

pub(crate) fn rollout(image: &str) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"},
           "spec": {
               "replicas": 4, "selector": {"matchLabels": {"app": "web"}},
               "template": {"metadata": {"labels": {"app": "web"}},
                            "spec": {"containers": [{"name": "web", "image": image}]}},
               "strategy": {"canary": {
                   "stableService": "stable", "canaryService": "canary",
                   "trafficRouting": {"plugins": {PLUGIN: {"httpRoute": "web"}}},
                   "steps": [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "1m"}}]}}}})
}

pub(crate) fn surroundings() -> Vec<Value> {
    let service = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
               "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
    };
    let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web"},
        "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [
            {"name": "stable", "port": 80, "weight": 100}, {"name": "canary", "port": 80, "weight": 0}]}]}});
    vec![service("stable"), service("canary"), route]
}

pub(crate) fn app(image: &str) -> Vec<Value> {
    let mut all = surroundings();
    all.push(rollout(image));
    all
}

pub(crate) fn input(manifests: Vec<Value>) -> Input {
    Input {
        manifests,
        live: None,
        images: BTreeMap::new(),
        action: Action::Update,
        now: Timestamp::constant(1_750_000_000, 0),
        limit: Duration::from_hours(24),
        cluster: tidegate_cluster::Settings::default(),
        controller: tidegate_shell::Settings::default(),
    }
}

pub(crate) fn with_image(mut input: Input, image: &str) -> Input {
    input.images = BTreeMap::from([("web".to_owned(), image.to_owned())]);
    input
}

pub(crate) fn sections(plan: &Plan) -> &[Section] {
    &plan.rollouts[0].sections
}

pub(crate) fn titles(plan: &Plan) -> Vec<&str> {
    sections(plan).iter().map(|section| section.title.as_str()).collect()
}

/// What becomes of objects of a kind in a section: `name path old>new`.
pub(crate) fn told(section: &Section, kind: &str) -> Vec<String> {
    let text = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
    section
        .changes
        .iter()
        .filter(|change| change.kind == kind)
        .flat_map(|change| {
            change.fields.iter().map(|field| {
                format!("{} {} {}>{}", change.name, field.path, text(&field.old), text(&field.new))
            })
        })
        .collect()
}
