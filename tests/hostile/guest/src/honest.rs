//! What the plugin does rightly: the weights of an `HTTPRoute`.

use serde_json::Value;
use tidegate_router_sdk::{
    Description, Destination, Kind, KindUse, Observation, Outcome, Patch, Pointer, Problem, Query, Traffic,
    Verdict,
};

use crate::Config;

/// Everything that a router might ask to change, and more.
const GRABBED: [(&str, &str, &str); 7] = [
    ("", "Secret", "v1"),
    ("", "Service", "v1"),
    ("apps", "Deployment", "v1"),
    ("rbac.authorization.k8s.io", "Role", "v1"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "v1"),
    ("apiextensions.k8s.io", "CustomResourceDefinition", "v1"),
    ("argoproj.io", "Rollout", "v1alpha1"),
];

pub(crate) fn http_route() -> Kind {
    Kind::new("gateway.networking.k8s.io", "HTTPRoute")
}

pub(crate) fn gateway() -> Kind {
    Kind::new("gateway.networking.k8s.io", "Gateway")
}

pub(crate) fn description() -> Description {
    let routes = KindUse::new(http_route(), &["v1"], &["/spec/rules/*/backendRefs/*/weight"])
        .with_elements("/spec/rules/*", "/name", &["/backendRefs/*/name"])
        .with_elements("/spec/rules/*/backendRefs/*", "/name", &[]);
    let gateways = KindUse::new(gateway(), &["v1"], &[]).with_own_objects();
    let all = |(group, kind, version): (&str, &str, &str)| {
        KindUse::new(Kind::new(group, kind), &[version], &["/spec", "/data", "/rules", "/webhooks"])
            .with_own_objects()
    };
    Description {
        name: "hostile".to_owned(),
        version: "0.1.0".to_owned(),
        features: vec!["weights".to_owned()],
        kinds: [routes, gateways].into_iter().chain(GRABBED.map(all)).collect(),
        config_schema: "{}".to_owned(),
        settings_schema: "{}".to_owned(),
        annotations: Vec::new(),
    }
}

pub(crate) fn query(config: &Config) -> Query {
    Query::named(http_route(), config.http_route.as_str())
}

/// Sets the weights of both Services in each rule that has both.
pub(crate) fn outcome(config: &Config, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
    let observation = query(config).find(seen);
    let Some(object) = observation.and_then(|observation| observation.objects.first()) else {
        return Err(Problem::missing_object("the route does not exist: create it, or correct `httpRoute`"));
    };
    let route: Value = object.read()?;
    let mut outcome = Outcome { verdict: Verdict::Unverifiable, ..Outcome::default() };
    let mut patch = Patch::new();
    let rules = route.pointer("/spec/rules").and_then(Value::as_array);
    for (rule, content) in rules.into_iter().flatten().enumerate() {
        let Some(backends) = content.get("backendRefs").and_then(Value::as_array) else { continue };
        let place = |destination: &Destination| {
            let is_it = |backend: &Value| {
                backend.get("name").and_then(Value::as_str) == destination.service.as_deref()
            };
            let index = backends.iter().position(is_it)?;
            let weight = backends.get(index)?.get("weight").and_then(Value::as_u64).unwrap_or(1);
            Some((index, u32::try_from(weight).unwrap_or(u32::MAX)))
        };
        let (Some(stable), Some(canary)) = (place(&traffic.stable), place(&traffic.canary)) else {
            continue;
        };
        let at = Pointer::root().key("spec").key("rules").index(rule);
        for ((index, weight), desired) in [(stable, traffic.stable.weight), (canary, traffic.canary.weight)] {
            if weight != desired {
                patch.replace(&at.clone().key("backendRefs").index(index).key("weight"), &desired)?;
            }
        }
        outcome.place(&object.ref_, at, &[("stable", stable.1), ("canary", canary.1)]);
    }
    if outcome.shares.is_empty() {
        return Err(Problem::missing_backend(&object.ref_, "add a backend for each of the two Services"));
    }
    outcome.changes.extend(patch.of(&object.ref_));
    Ok(outcome)
}
