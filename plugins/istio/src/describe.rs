//! What the plugin says of itself.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Description, KindUse};

use crate::config::{destination_rule_kind, virtual_service_kind};

/// What every configuration can do.
pub(crate) const FEATURES: [&str; 2] = ["weights", "additional-destinations"];

/// What configurations of HTTP routes can do.
pub(crate) const HTTP_FEATURES: [&str; 2] = ["header-routes", "mirror-routes"];

/// The feature that `verify: Never` takes away.
pub(crate) const VERIFY: &str = "verify";

/// API versions of both kinds, which have the same form in all of them.
const VERSIONS: [&str; 3] = ["v1", "v1beta1", "v1alpha3"];

/// Where a route says where requests go.
const HOST: &str = "/destination/host";

/// What the plugin says of itself.
pub(crate) fn description() -> Description {
    let weights = ["/spec/http/*/route/*/weight", "/spec/tls/*/route/*/weight", "/spec/tcp/*/route/*/weight"];
    let virtual_service = KindUse::new(virtual_service_kind(), &VERSIONS, &weights)
        .with_elements(
            "/spec/http/*",
            "/name",
            &["/route/*/destination/host", "/mirror/host", "/mirrors/*/destination/host"],
        )
        .with_elements("/spec/http/*/route/*", HOST, &[HOST])
        .with_elements("/spec/tls/*/route/*", HOST, &[HOST])
        .with_elements("/spec/tcp/*/route/*", HOST, &[HOST]);
    let hashes = ["/spec/subsets/*/labels/rollouts-pod-template-hash"];
    let destination_rule = KindUse::new(destination_rule_kind(), &VERSIONS, &hashes);
    let features = FEATURES.iter().chain(&HTTP_FEATURES).chain([&VERIFY]);
    Description {
        name: "istio".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        features: features.map(|feature| (*feature).to_owned()).collect(),
        kinds: vec![virtual_service, destination_rule],
        config_schema: include_str!("config.schema.json").to_owned(),
        settings_schema: include_str!("settings.schema.json").to_owned(),
        annotations: vec![("license".to_owned(), env!("CARGO_PKG_LICENSE").to_owned())],
    }
}
