//! Testing a plugin natively, with plain `cargo test` and no WebAssembly: build a target, traffic and objects, ask
//! as a host asks, look at what became of the objects.
//!
//! [`Objects::route`] and [`Objects::release`] do what a host does in one pass, and panic, with an explanation,
//! where a host would refuse the answer: a change outside the described fields or of what is somebody else's, a
//! second answer that still changes something, shares that do not add up. So every test of a plugin's result also tests that.
//!
//! Enable the feature `testing` in the plugin's dev-dependencies.
#![allow(clippy::panic, clippy::missing_panics_doc, clippy::indexing_slicing)] // a test ends where something is wrong

mod guard;
mod labels;
mod objects;
mod pass;

use serde_json::Value;

pub use objects::Objects;

use crate::prelude::*;
use crate::{Destination, ManagedRoute, Object, ObjectRef, Observation, Router, Rule, Target, Traffic};

/// A Rollout's target, with Services `<name>` (stable) and `<name>-canary`, no configuration and no settings.
pub fn target(namespace: &str, name: &str) -> Target {
    Target {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: format!("{namespace}-{name}-uid"),
        config: "{}".to_owned(),
        settings: "{}".to_owned(),
        stable_service: Some(name.to_owned()),
        canary_service: Some(format!("{name}-canary")),
    }
}

impl Target {
    /// The same with this configuration.
    #[must_use]
    pub fn with_config(mut self, config: &Value) -> Self {
        self.config = config.to_string();
        self
    }

    /// The same with these settings.
    #[must_use]
    pub fn with_settings(mut self, settings: &Value) -> Self {
        self.settings = settings.to_string();
        self
    }

    /// The same with these Services in the stable and the canary role.
    #[must_use]
    pub fn with_services(mut self, stable: Option<&str>, canary: Option<&str>) -> Self {
        self.stable_service = stable.map(str::to_owned);
        self.canary_service = canary.map(str::to_owned);
        self
    }
}

/// Asks everything there is to ask, with this text, which need not be JSON, as each object that is asked for. For tests
/// that nothing makes a plugin panic.
pub fn ask_everything<R: Router>(target: &Target, traffic: &Traffic, api_version: &str, text: &str) {
    let _ = R::check(target);
    let Ok(queries) = R::locate(target, traffic, &[]) else { return };
    let seen: Vec<_> = queries
        .into_iter()
        .map(|query| Observation {
            objects: vec![Object {
                ref_: ObjectRef::namespaced(query.kind.clone(), &*target.namespace, &*target.name),
                api_version: api_version.to_owned(),
                json: text.to_owned(),
            }],
            query,
            served: true,
        })
        .collect();
    let _ = R::route(target, traffic, &seen);
    let _ = R::release(target, traffic, &seen);
}

/// Traffic of a target: this weight of 100 for canary, the rest for stable.
pub fn traffic(target: &Target, canary: u32) -> Traffic {
    let destination = |name: &str, service: &Option<String>, weight| Destination {
        name: name.to_owned(),
        service: service.clone(),
        pod_template_hash: Some(format!("hash-of-{name}")),
        weight,
    };
    Traffic {
        max_weight: 100,
        stable: destination("stable", &target.stable_service, 100_u32.saturating_sub(canary)),
        canary: destination("canary", &target.canary_service, canary),
        additional: Vec::new(),
        retired: Vec::new(),
        managed_routes: Vec::new(),
    }
}

impl Traffic {
    /// The same out of another sum: stable gets what canary and the others leave.
    #[must_use]
    pub fn out_of(mut self, max_weight: u32) -> Self {
        self.max_weight = max_weight;
        self.balanced()
    }

    /// The same with an extra destination, whose weight is taken from stable.
    #[must_use]
    pub fn with_additional(mut self, name: &str, service: &str, weight: u32) -> Self {
        self.additional.push(Destination {
            name: name.to_owned(),
            service: Some(service.to_owned()),
            pod_template_hash: Some(format!("hash-of-{name}")),
            weight,
        });
        self.balanced()
    }

    /// The same with a managed route; `None`: it must not exist.
    #[must_use]
    pub fn with_managed_route(mut self, name: &str, rule: Option<Rule>) -> Self {
        self.managed_routes.push(ManagedRoute { name: name.to_owned(), rule });
        self
    }

    fn balanced(mut self) -> Self {
        let others =
            self.additional.iter().map(|destination| destination.weight).sum::<u32>() + self.canary.weight;
        self.stable.weight = self.max_weight.checked_sub(others).unwrap_or_else(|| {
            panic!(
                "the weights of canary and extra destinations sum to {others}, more than {}",
                self.max_weight
            )
        });
        self
    }
}
