//! Router plugin for Istio: divides traffic by the weights of a `VirtualService`'s destinations, between two Services or
//! between two subsets of a `DestinationRule`.
//!
//! It reads what Argo's users have under `trafficRouting.istio`, and does what they expect of it. The README says in
//! what it differs; above all:
//!
//! * Destinations, subsets and routes of others stay as they are. Where others have weight in a route that is divided, what
//!   they leave of 100 is divided.
//! * A host means a Service by name and namespace, a subset counts only of the `DestinationRule`'s own host.
//! * A managed route is a copy of each route that is divided, so that rewrites, timeouts and conditions hold for it.
//! * Subsets change before weights do, but for a subset that is being emptied.
//!
//! One file each: what is configured (`config`), what of the objects is read (`document`), what hosts mean (`hosts`), whose
//! a destination is (`roles`), which routes are divided (`places`), their weights (`weights`), the routes that steps make
//! (`managed`, with `matching` for their conditions), the subsets (`subsets`), and what Istio reports (`verify`).
#![no_std]
#![forbid(unsafe_code)]

mod config;
mod describe;
mod document;
mod hosts;
mod managed;
mod matching;
mod places;
mod roles;
mod subsets;
mod verify;
mod weights;

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    Description, Object, Observation, Outcome, Patch, Problem, Query, Router, Target, Traffic, Verdict,
    concat, decimal,
};

use crate::config::{Config, NamedVirtualService, Reference};
use crate::document::{DestinationRule, Protocol, VirtualService};
use crate::managed::Managed;
use crate::places::{Place, Search};
use crate::roles::{Role, Roles, Split};
use crate::subsets::{Hashes, Missing, Which};
use crate::weights::{Plan, TOTAL};

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct Istio;

impl Router for Istio {
    fn describe() -> Description {
        describe::description()
    }

    fn check(target: &Target) -> Result<Vec<String>, Problem> {
        let config = Config::of(target)?;
        if config.destination_rule.is_none() {
            target.services()?;
        }
        let http: &[&str] = if config.has_http() { &describe::HTTP_FEATURES } else { &[] };
        let verify: &[&str] = if config.verify { &[describe::VERIFY] } else { &[] };
        let features = describe::FEATURES.iter().chain(http).chain(verify);
        Ok(features.map(|feature| (*feature).to_owned()).collect())
    }

    fn locate(target: &Target, _: &Traffic, _: &[Observation]) -> Result<Vec<Query>, Problem> {
        Ok(Config::of(target)?.queries())
    }

    fn route(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        check_traffic(traffic)?;
        let config = Config::of(target)?;
        let mut outcome = pass(&config, target, traffic, seen, Purpose::Route)?;
        config.notes(&mut outcome);
        Ok(outcome)
    }

    fn release(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        let config = Config::of(target)?;
        pass(&config, target, &traffic.released(), seen, Purpose::Release)
    }
}

/// Why objects are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To divide traffic: what is named must be there.
    Route,
    /// To give it back: what is gone needs nothing.
    Release,
}

/// What Istio has no way to say.
fn check_traffic(traffic: &Traffic) -> Result<(), Problem> {
    if traffic.max_weight != TOTAL {
        return Err(Problem::unsupported(concat(&[
            "Istio's weights are parts of 100, not of ",
            &decimal(traffic.max_weight.into()),
            ": remove maxTrafficWeight",
        ])));
    }
    match traffic.additional.iter().find(|other| other.weight > 0 && other.service.is_none()) {
        None => Ok(()),
        Some(other) => Err(Problem::missing_service(concat(&[
            "the extra destination `",
            &other.name,
            "` has no Service, and Istio reaches it by one: give its template a Service",
        ]))),
    }
}

/// All objects of a Rollout together.
fn pass(
    config: &Config,
    target: &Target,
    traffic: &Traffic,
    seen: &[Observation],
    purpose: Purpose,
) -> Result<Outcome, Problem> {
    let mut outcome = Outcome::default();
    let named_rule = config.destination_rule.as_ref();
    let rule_object = named_rule.and_then(|rule| rule.find(seen));
    let rule = rule_object.map(|object| object.read_with(DestinationRule::read)).transpose()?;
    let split = match (named_rule, &rule) {
        (None, _) => Split::services(target)?,
        (Some(named), Some(rule)) => Split::subsets(target, named, rule),
        (Some(named), None) if purpose == Purpose::Route => {
            return Err(missing("DestinationRule", &named.name));
        }
        // Between subsets that are gone nothing is divided; managed routes may still be there.
        (Some(named), None) => Split::subsets(target, named, &DestinationRule::default()),
    };
    let roles = Roles { namespace: &target.namespace, traffic, split };
    let mut emptied = Which::default();
    for named in &config.virtual_services {
        match named.find(seen) {
            Some(object) => route_one(named, object, config, &roles, purpose, &mut emptied, &mut outcome)?,
            None if purpose == Purpose::Route => return Err(missing("VirtualService", &named.name)),
            None => {}
        }
    }
    if let (Some(named), Some(object), Some(rule)) = (named_rule, rule_object, &rule) {
        let (hashes, missing) = match purpose {
            Purpose::Route => (Hashes::of(traffic), Missing::IsProblem),
            Purpose::Release => (Hashes::NONE, Missing::IsFine),
        };
        let mut patch = Patch::new();
        let changed = subsets::set_hashes(named, object, rule, hashes, missing, &mut patch)?;
        // A subset has the right pods before it gets weight, and keeps its pods until it has none.
        let is_last = purpose == Purpose::Release
            || (changed.stable && emptied.stable)
            || (changed.canary && emptied.canary);
        let at = if is_last { outcome.changes.len() } else { 0 };
        if let Some(change) = patch.of(&object.ref_) {
            outcome.changes.insert(at, change);
        }
    }
    if !config.verify && !outcome.shares.is_empty() {
        outcome.verdict = Verdict::Unverifiable;
    }
    Ok(outcome)
}

/// One `VirtualService`.
fn route_one(
    named: &NamedVirtualService,
    object: &Object,
    config: &Config,
    roles: &Roles<'_>,
    purpose: Purpose,
    emptied: &mut Which,
    outcome: &mut Outcome,
) -> Result<(), Problem> {
    let service = object.read_with(VirtualService::read)?;
    let written_in = object.ref_.namespace.as_deref().unwrap_or(roles.namespace);
    let managed = Managed { routes: &roles.traffic.managed_routes, users: &named.routes };
    let search = Search { named, object, service: &service, written_in, roles, managed: &managed };
    let places = match purpose {
        Purpose::Route => search.places()?,
        Purpose::Release => search.remaining(),
    };
    let mut plans: Vec<(Place, Plan<'_>)> = Vec::new();
    for place in places {
        let route = service.routes(place.protocol).get(place.index);
        match route.and_then(|route| Plan::of(route, written_in, roles)) {
            Some(plan) => plans.push((place, plan)),
            None if purpose == Purpose::Route => return Err(weights::nothing_left(object, place.pointer())),
            None => {}
        }
    }
    let mut patch = Patch::new();
    for (place, plan) in &plans {
        let at = place.pointer();
        plan.share(object, &at, outcome);
        plan.patch(&at, &mut patch);
        emptied.stable |= plan.empties(Role::Stable);
        emptied.canary |= plan.empties(Role::Canary);
    }
    let http = service.routes(Protocol::Http);
    managed.patch(object, http, &plans, &mut patch)?;
    managed.share(object, http, written_in, roles, outcome);
    if config.verify && !plans.is_empty() {
        let others = core::mem::replace(&mut outcome.verdict, Verdict::Verified);
        outcome.verdict = others.and(verify::verdict(&service, object));
    }
    outcome.changes.extend(patch.of(&object.ref_));
    Ok(())
}

fn missing(kind: &str, name: &Reference) -> Problem {
    Problem::missing_object(concat(&[
        kind,
        " `",
        &name.name,
        "` does not exist",
        &name.place(),
        ": create it, or correct ",
        name.at.as_str(),
        " of trafficRouting.istio",
    ]))
    .at(name.at.clone())
}
