//! Router plugin for the Gateway API: divides traffic by the weights of a route's `backendRefs`.
//!
//! It reads the configuration that users of Argo's `argoproj-labs/gatewayAPI` plugin have in their Rollouts, and
//! does what they expect of it. What is configured, written and verified, and where it differs from Argo's plugin, is
//! in its `README.md`.
//!
//! One file each: what is configured (`config`, with `kinds` of routes), which objects that means and one outcome for
//! all of them (`routes`), what of a route is read (`document`), who gets traffic (`destinations`), the rules that
//! divide it (`rules`, and why there is none: `missing`), the rules for some requests (`managed`, made in `copies`
//! with the conditions of `matches` and the filters of `mirror`, of `pieces` of JSON), the mark on a route while a canary is under way (`mark`), and what parents report (`verify`). A
//! further kind of route is an entry in `kinds`.
#![no_std]
#![forbid(unsafe_code)]

mod config;
mod copies;
mod describe;
mod destinations;
mod document;
mod kinds;
mod managed;
mod mark;
mod matches;
mod mirror;
mod missing;
mod pieces;
mod routes;
mod rules;
mod verify;

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    Description, Observation, Outcome, Problem, Query, Router, RuleAction, Target, Traffic, concat,
};

use crate::config::Config;
use crate::routes::Purpose;

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
        Ok(describe::features(&config).map(str::to_owned).collect())
    }

    fn locate(target: &Target, traffic: &Traffic, _seen: &[Observation]) -> Result<Vec<Query>, Problem> {
        let mut queries = Config::of(target)?.queries();
        // Their ports are needed.
        let services = traffic.additional.iter().filter_map(|destination| destination.service.as_deref());
        queries.extend(services.map(|service| Query::named(kinds::service(), service)));
        Ok(queries)
    }

    fn route(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        let config = Config::of(target)?;
        check_managed_routes(&config, traffic)?;
        let chosen = routes::chosen(&config, seen)?;
        let mut outcome = routes::express(&config, target, traffic, seen, &chosen, Purpose::Route)?;
        config.notes(&mut outcome);
        for selector in config.selectors.iter().filter(|selector| selector.found(&config, seen).is_empty()) {
            outcome.note(concat(&[selector.kind.selector_key, " matches no ", selector.kind.name]));
        }
        Ok(outcome)
    }

    fn release(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        let config = Config::of(target)?;
        let chosen = routes::existing(&config, seen);
        routes::express(&config, target, traffic, seen, &chosen, Purpose::Release)
    }
}

/// Refuses managed routes that no route of the configuration can have.
fn check_managed_routes(config: &Config, traffic: &Traffic) -> Result<(), Problem> {
    for route in &traffic.managed_routes {
        let what = match route.rule.as_ref().map(|rule| &rule.action) {
            Some(RuleAction::ToCanary) if !config.has_header_routes() => {
                "sends requests to the canary, and no HTTPRoute or GRPCRoute of the configuration may do so: set \
                 useHeaderRoutes on one"
            }
            Some(RuleAction::Mirror(_)) if !config.has_mirror_routes() => {
                "mirrors requests, and the configuration has no HTTPRoute or GRPCRoute: add one"
            }
            _ => continue,
        };
        return Err(Problem::unsupported(concat(&["the managed route `", &route.name, "` ", what])));
    }
    Ok(())
}
