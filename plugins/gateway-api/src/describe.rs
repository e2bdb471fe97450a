//! What the plugin says of itself.

use tidegate_router_sdk::Description;
use tidegate_router_sdk::prelude::*;

use crate::kinds::{ROUTE_KINDS, RouteKind};

/// The feature that `verify: Never` takes away.
pub(crate) const VERIFY: &str = "verify";

/// What the plugin can do, in the contract's words.
pub(crate) const FEATURES: [&str; 3] = ["weights", "max-weight", VERIFY];

/// What the plugin says of itself.
pub(crate) fn description() -> Description {
    Description {
        name: "gateway-api".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        features: FEATURES.map(str::to_owned).to_vec(),
        kinds: ROUTE_KINDS.iter().filter(|kind| kind.is_served()).map(RouteKind::kind_use).collect(),
        config_schema: include_str!("config.schema.json").to_owned(),
        settings_schema: include_str!("settings.schema.json").to_owned(),
        annotations: vec![("license".to_owned(), env!("CARGO_PKG_LICENSE").to_owned())],
    }
}
