//! Router plugin for the Gateway API: divides traffic by the weights of a route's `backendRefs`.
//!
//! It reads the configuration that users of Argo's `argoproj-labs/gatewayAPI` plugin have in their Rollouts, and
//! does what they expect of it, with these differences:
//!
//! * A rule is the Rollout's when it has backends for both of its Services; every such rule gets the weights. A
//!   rule with only one of them is somebody's own and stays as it is.
//! * Weights are parts of max-weight, whatever it is, and add up to it in each rule. Several entries of one
//!   Service in one rule share its weight evenly. Backends of other Services keep their weights, on top.
//! * A backend is the Rollout's only when it refers to a Service in the Rollout's namespace.
//! * Whether the route is in force is read from what its parents report (`verify`).
//! * What it cannot do it says: no step is taken for done that was not.
//!
//! One file each: what is configured (`config`, with `kinds` of routes), which
//! objects that means (`routes`), what of a route is read (`document`), whose rules and which weights
//! (`rules`), and what parents report (`verify`). A further kind of route is an entry in `kinds`.
#![no_std]
#![forbid(unsafe_code)]

mod config;
mod describe;
mod document;
mod kinds;
mod routes;
mod rules;
mod verify;

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    Description, Observation, Outcome, Problem, Query, Router, Target, Traffic, concat,
};

use crate::config::{Config, Verify};
use crate::rules::Weights;

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct GatewayApi;

impl Router for GatewayApi {
    fn describe() -> Description {
        describe::description()
    }

    fn check(target: &Target) -> Result<Vec<String>, Problem> {
        let config = Config::of(target)?;
        target.services()?;
        let verifies = config.verify != Verify::Never;
        Ok(describe::FEATURES
            .iter()
            .filter(|feature| verifies || **feature != describe::VERIFY)
            .map(|feature| (*feature).to_owned())
            .collect())
    }

    fn locate(target: &Target, _: &Traffic, _: &[Observation]) -> Result<Vec<Query>, Problem> {
        Ok(Config::of(target)?.queries())
    }

    fn route(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        traffic.only_stable_and_canary("the Gateway API plugin")?;
        let config = Config::of(target)?;
        let services = target.services()?;
        let chosen = routes::chosen(&config, seen)?;
        let weights = Weights { stable: traffic.stable.weight, canary: traffic.canary.weight };
        let mut outcome =
            routes::set_weights(&config, target, services, weights, &chosen, routes::Purpose::Route)?;
        config.notes(&mut outcome);
        for selector in config.selectors.iter().filter(|selector| selector.found(&config, seen).is_empty()) {
            outcome.note(concat(&[selector.kind.selector_key, " matches no ", selector.kind.name]));
        }
        Ok(outcome)
    }

    fn release(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        let config = Config::of(target)?;
        let services = target.services()?;
        let chosen = routes::existing(&config, seen);
        let weights = Weights { stable: traffic.max_weight, canary: 0 };
        routes::set_weights(&config, target, services, weights, &chosen, routes::Purpose::Release)
    }
}
