//! The Gateway API plugin, asked natively as a host asks it. The kit's `route` and `release` also panic where a host
//! would refuse the answer, so every test here is one of that, too.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what tests share
#![allow(clippy::needless_pass_by_value)] // values are written in place
#![allow(clippy::unnecessary_wraps)] // the rule of a managed route is optional

mod additional;
mod configuration;
mod exchanged;
mod managed;
mod managed_properties;
mod mark;
mod properties;
mod verification;
mod weights;

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Outcome, Problem, Target};

pub(crate) use tidegate_gateway_api::GatewayApi;

/// The Rollout `shop/cart` with Services `cart` and `cart-canary`, and this configuration.
pub(crate) fn cart(config: &Value) -> Target {
    testing::target("shop", "cart").with_config(config)
}

/// The same, with the `HTTPRoute` of its name.
pub(crate) fn cart_with_route() -> Target {
    cart(&json!({"httpRoute": "cart"}))
}

/// An `HTTPRoute` in `shop` with these rules.
pub(crate) fn http_route(name: &str, rules: Value) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "shop", "generation": 4, "uid": "1", "labels": {"app": name}},
        "spec": {"parentRefs": [{"name": "edge", "namespace": "infra"}], "hostnames": ["cart.example"], "rules": rules},
    })
}

/// A rule with these backends: name and, when it has one, weight.
pub(crate) fn rule(backends: &[(&str, Option<u32>)]) -> Value {
    let backends: Vec<Value> = backends
        .iter()
        .map(|(name, weight)| match weight {
            Some(weight) => {
                json!({"group": "", "kind": "Service", "name": name, "port": 80, "weight": weight})
            }
            None => json!({"name": name, "port": 80}),
        })
        .collect();
    json!({"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": backends})
}

/// The usual rule, with this weight for canary.
pub(crate) fn both(canary: u32) -> Value {
    rule(&[("cart", Some(100 - canary)), ("cart-canary", Some(canary))])
}

/// One pass with this weight for canary.
pub(crate) fn route(objects: &mut Objects, target: &Target, canary: u32) -> Result<Outcome, Problem> {
    objects.route::<GatewayApi>(target, &testing::traffic(target, canary))
}

/// The weights of all backends of an `HTTPRoute`, rule by rule; -1 for none.
pub(crate) fn weights(objects: &Objects, name: &str) -> Vec<Vec<i64>> {
    let rules = objects.get("HTTPRoute", "shop", name).unwrap()["spec"]["rules"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    rules
        .iter()
        .map(|rule| {
            let backends = rule["backendRefs"].as_array().into_iter().flatten();
            backends.map(|backend| backend["weight"].as_i64().unwrap_or(-1)).collect()
        })
        .collect()
}
