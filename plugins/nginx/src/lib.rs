//! Router plugin for the NGINX Ingress controller (ingress-nginx): divides traffic by a second Ingress next to the
//! user's, whose annotations say what part of the requests it takes.
//!
//! It reads what Argo's users have under `trafficRouting.nginx`, gives canary Ingresses the names that Argo gives them, and
//! takes over those that Argo made. The user's own Ingress is never changed. A canary Ingress stays while its weight
//! is 0, as with Argo, so that routing by header or cookie, which annotations can ask for, goes on; it goes when the
//! Rollout is released. The controller reports on no Ingress, so nothing is verified.
//!
//! One file each: what is configured (`config`), what of an Ingress is read (`document`), and what the canary Ingress
//! should be (`canary`).
#![no_std]
#![forbid(unsafe_code)]

mod canary;
mod config;
mod describe;
mod document;

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    Change, Description, Edit, Observation, Outcome, Problem, Query, Router, Target, Traffic, Verdict, concat,
};

use crate::canary::{Desired, Keys};
use crate::config::Config;

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct Nginx;

impl Router for Nginx {
    fn describe() -> Description {
        describe::description()
    }

    fn check(target: &Target) -> Result<Vec<String>, Problem> {
        Config::of(target)?;
        target.services()?;
        Ok(describe::FEATURES.map(str::to_owned).to_vec())
    }

    fn locate(target: &Target, _traffic: &Traffic, _seen: &[Observation]) -> Result<Vec<Query>, Problem> {
        Ok(Config::of(target)?.queries())
    }

    fn route(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        check_traffic(traffic)?;
        let config = Config::of(target)?;
        let services = target.services()?;
        let keys = Keys::of(&config);
        let mut outcome = Outcome { verdict: Verdict::Unverifiable, ..Outcome::default() };
        for pair in &config.ingresses {
            let Some(stable_object) = pair.find_stable(seen) else {
                let message = concat(&[
                    "Ingress `",
                    &pair.stable,
                    "` does not exist: create it, or correct ",
                    pair.at.as_str(),
                    " of trafficRouting.nginx",
                ]);
                return Err(Problem::missing_object(message).at(pair.at.clone()));
            };
            let stable = canary::read_stable(stable_object)?;
            let desired = Desired::of(&config, &keys, stable_object, &stable, services, traffic)?;
            let present = pair.find_canary(seen);
            let present =
                present.map(|object| Ok((object, canary::read(object, &config, &keys)?))).transpose()?;
            if let Some((object, _)) = present.as_ref().filter(|(_, seen)| !canary::is_own(seen, target)) {
                let message = concat(&[
                    &object.ref_.to_text(),
                    " exists and is not controlled by Rollout `",
                    &target.name,
                    "`, whose canary Ingress must have this name: delete or rename it",
                ]);
                return Err(Problem::new("foreign-object", message).about(&object.ref_));
            }
            let seen = present.as_ref().map(|(_, seen)| seen);
            canary::share(&stable_object.ref_, seen, traffic.max_weight, &keys, &mut outcome);
            outcome.changes.extend(match &present {
                None => Some(desired.create(pair, target, &stable_object.api_version)),
                Some((object, seen)) => desired.update(object, seen, &keys),
            });
        }
        config.notes(&mut outcome);
        Ok(outcome)
    }

    fn release(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        let config = Config::of(target)?;
        let keys = Keys::of(&config);
        let mut outcome = Outcome::default();
        for pair in &config.ingresses {
            let Some(object) = pair.find_canary(seen) else { continue };
            let ingress = canary::read(object, &config, &keys)?;
            if !canary::is_own(&ingress, target) {
                continue;
            }
            if let Some(stable) = pair.find_stable(seen) {
                canary::share(&stable.ref_, Some(&ingress), traffic.max_weight, &keys, &mut outcome);
            }
            outcome.changes.push(Change { ref_: object.ref_.clone(), edit: Edit::Remove });
        }
        Ok(outcome)
    }
}

/// What annotations have no way to say.
fn check_traffic(traffic: &Traffic) -> Result<(), Problem> {
    let extra = traffic.additional.iter().find(|destination| destination.weight > 0);
    let extra = extra.map(|destination| ("an extra destination", &destination.name));
    let managed = traffic.managed_routes.iter().find(|route| route.rule.is_some());
    match extra.or(managed.map(|route| ("a rule for the managed route", &route.name))) {
        None => Ok(()),
        Some((what, name)) => Err(Problem::unsupported(concat(&[
            "a canary Ingress cannot express ",
            what,
            " (`",
            name,
            "`): take the step that needs it out of the Rollout, or use another router",
        ]))),
    }
}
