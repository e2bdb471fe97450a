//! What the plugin says of itself.

use tidegate_router_sdk::Description;
use tidegate_router_sdk::prelude::*;

use crate::config::{Config, Verify};
use crate::kinds::{self, ROUTE_KINDS, RouteKind};

/// What some configuration of the plugin can do, in the contract's words.
const FEATURES: [&str; 6] =
    ["weights", "max-weight", "additional-destinations", "header-routes", "mirror-routes", "verify"];

/// What this configuration can do.
pub(crate) fn features(config: &Config) -> impl Iterator<Item = &'static str> {
    FEATURES.into_iter().filter(|feature| match *feature {
        "header-routes" => config.has_header_routes(),
        "mirror-routes" => config.has_mirror_routes(),
        "verify" => config.verify != Verify::Never,
        _ => true,
    })
}

/// What the plugin says of itself.
pub(crate) fn description() -> Description {
    Description {
        name: "gateway-api".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        features: FEATURES.map(str::to_owned).to_vec(),
        kinds: ROUTE_KINDS.iter().map(RouteKind::kind_use).chain([kinds::service_use()]).collect(),
        config_schema: include_str!("config.schema.json").to_owned(),
        settings_schema: include_str!("settings.schema.json").to_owned(),
        annotations: vec![("license".to_owned(), env!("CARGO_PKG_LICENSE").to_owned())],
    }
}
