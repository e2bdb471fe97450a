//! The Istio plugin, asked natively as a host asks it. The kit's `route` and `release` also panic where a host would
//! refuse the answer, so every test here is one of that, too.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what tests share
#![allow(clippy::needless_pass_by_value)] // values are written in place

mod additional;
mod configuration;
mod connections;
mod exchanged;
mod managed;
mod managed_properties;
mod properties;
mod subsets;
mod verification;
mod weights;

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Outcome, Problem, Target};

pub(crate) use tidegate_istio::Istio;

/// The Rollout `shop/cart` with Services `cart` and `cart-canary`, and this configuration.
pub(crate) fn cart(config: Value) -> Target {
    testing::target("shop", "cart").with_config(&config)
}

/// The same, with the `VirtualService` of its name.
pub(crate) fn cart_with_service() -> Target {
    cart(json!({"virtualService": {"name": "cart"}}))
}

/// The same, divided between subsets.
pub(crate) fn cart_with_subsets() -> Target {
    cart(json!({
        "virtualService": {"name": "cart"},
        "destinationRule": {"name": "cart", "canarySubsetName": "next", "stableSubsetName": "now"},
    }))
    .with_services(None, None)
}

/// A `VirtualService` in `shop` with these HTTP routes.
pub(crate) fn virtual_service(name: &str, http: Value) -> Value {
    virtual_service_of(name, json!({"http": http}))
}

/// A `VirtualService` in `shop` with these routes of any protocols.
pub(crate) fn virtual_service_of(name: &str, routes: Value) -> Value {
    let mut spec = json!({"hosts": ["cart.example"], "gateways": ["infra/edge"]});
    spec.as_object_mut().unwrap().extend(routes.as_object().unwrap().clone());
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "shop", "generation": 4, "uid": "1", "labels": {"app": name}},
        "spec": spec,
    })
}

/// A `DestinationRule` in `shop` for the host `cart`, with these subsets.
pub(crate) fn destination_rule(subsets: Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"host": "cart", "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 9}}}, "subsets": subsets},
    })
}

/// A destination with, when it has one, a weight. `host/subset` names a subset.
pub(crate) fn to(host: &str, weight: Option<u32>) -> Value {
    let mut destination = match host.split_once('/') {
        Some((host, subset)) => {
            json!({"destination": {"host": host, "subset": subset, "port": {"number": 80}}})
        }
        None => json!({"destination": {"host": host, "port": {"number": 80}}}),
    };
    if let Some(weight) = weight {
        destination["weight"] = json!(weight);
    }
    destination
}

/// A route with these destinations.
pub(crate) fn route_to(destinations: &[(&str, Option<u32>)]) -> Value {
    let destinations: Vec<_> = destinations.iter().map(|(host, weight)| to(host, *weight)).collect();
    json!({"route": destinations})
}

/// The usual route, with this weight for canary.
pub(crate) fn both(canary: u32) -> Value {
    route_to(&[("cart", Some(100 - canary)), ("cart-canary", Some(canary))])
}

/// The usual route between subsets, with this weight for canary.
pub(crate) fn both_subsets(canary: u32) -> Value {
    route_to(&[("cart/now", Some(100 - canary)), ("cart/next", Some(canary))])
}

/// The same route with a name.
pub(crate) fn named(name: &str, mut route: Value) -> Value {
    route["name"] = json!(name);
    route
}

/// One pass with this weight for canary.
pub(crate) fn route(objects: &mut Objects, target: &Target, canary: u32) -> Result<Outcome, Problem> {
    objects.route::<Istio>(target, &testing::traffic(target, canary))
}

/// The weights of all destinations of a `VirtualService`'s routes of a protocol, route by route; -1 for none.
pub(crate) fn weights_of(objects: &Objects, name: &str, protocol: &str) -> Vec<Vec<i64>> {
    let service = objects.get("VirtualService", "shop", name).unwrap();
    let routes = service["spec"][protocol].as_array().cloned().unwrap_or_default();
    routes
        .iter()
        .map(|route| {
            let destinations = route["route"].as_array().into_iter().flatten();
            destinations.map(|destination| destination["weight"].as_i64().unwrap_or(-1)).collect()
        })
        .collect()
}

/// The same of HTTP routes.
pub(crate) fn weights(objects: &Objects, name: &str) -> Vec<Vec<i64>> {
    weights_of(objects, name, "http")
}
