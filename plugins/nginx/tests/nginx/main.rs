//! The NGINX plugin, asked natively as a host asks it. The kit's `route` and `release` also panic where a host would
//! refuse the answer, so every test here is one of that, too.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what tests share
#![allow(clippy::needless_pass_by_value)] // values are written in place

mod canary;
mod configuration;
mod properties;

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Outcome, Problem, Target};

pub(crate) use tidegate_nginx::Nginx;

/// The Rollout `shop/cart` with Services `cart` and `cart-canary`, and this configuration.
pub(crate) fn cart(config: Value) -> Target {
    testing::target("shop", "cart").with_config(&config)
}

/// The same, with the Ingress `web`.
pub(crate) fn cart_with_ingress() -> Target {
    cart(json!({"stableIngress": "web"}))
}

/// An Ingress in `shop` with these rules.
pub(crate) fn ingress(name: &str, rules: Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name, "namespace": "shop", "uid": "1", "labels": {"app": name},
            "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "8m", "cert-manager.io/issuer": "x"},
        },
        "spec": {
            "ingressClassName": "nginx",
            "rules": rules,
            "tls": [{"hosts": ["cart.example"], "secretName": "cart"}],
        },
        "status": {"loadBalancer": {}},
    })
}

/// A path with this Service as its backend.
pub(crate) fn path(path: &str, service: &str) -> Value {
    json!({
        "path": path, "pathType": "Prefix",
        "backend": {"service": {"name": service, "port": {"name": "http"}}},
    })
}

/// A rule for a host with these paths.
pub(crate) fn rule(host: &str, paths: Value) -> Value {
    json!({"host": host, "http": {"paths": paths}})
}

/// The usual Ingress.
pub(crate) fn web() -> Value {
    ingress("web", json!([rule("cart.example", json!([path("/", "cart")]))]))
}

/// One pass with this weight for canary.
pub(crate) fn route(objects: &mut Objects, target: &Target, canary: u32) -> Result<Outcome, Problem> {
    objects.route::<Nginx>(target, &testing::traffic(target, canary))
}

/// The canary Ingress next to `web`.
pub(crate) fn canary(objects: &Objects) -> Option<&Value> {
    objects.get("Ingress", "shop", "cart-web-canary")
}

/// The annotations of the canary Ingress next to `web`.
pub(crate) fn annotations(objects: &Objects) -> Value {
    canary(objects).unwrap()["metadata"]["annotations"].clone()
}
