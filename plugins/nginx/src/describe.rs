//! What the plugin says of itself.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Description, KindUse};

use crate::config::ingress_kind;

/// What the plugin can do, in every configuration.
pub(crate) const FEATURES: [&str; 2] = ["weights", "max-weight"];

/// What the plugin says of itself. No field of anybody's Ingress is changed: canary Ingresses are the plugin's own.
pub(crate) fn description() -> Description {
    Description {
        name: "nginx".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        features: FEATURES.map(str::to_owned).to_vec(),
        kinds: vec![KindUse::new(ingress_kind(), &["v1"], &[]).with_own_objects()],
        config_schema: include_str!("config.schema.json").to_owned(),
        settings_schema: include_str!("settings.schema.json").to_owned(),
        annotations: vec![("license".to_owned(), env!("CARGO_PKG_LICENSE").to_owned())],
    }
}
