//! A router plugin that misbehaves as its configuration says: `{"httpRoute": "web", "misbehave": "panic"}`. Without
//! `misbehave` it is a good one, and whatever it does not do wrong it does right, so that each wrong is looked at by
//! itself.
//!
//! One file each: what it does rightly (`honest`), what it does to its sandbox (`machine`), what it tries to find out
//! (`curious`), which objects it asks for (`queries`), what it changes (`changes`), and what it says of the result
//! (`shares`). How each must end is said in `tidegate-hostile`.
#![allow(unsafe_code)] // What the macro declares as exported symbols, and a look at memory that is not its own yet.
#![allow(clippy::panic)] // Which is one of its ways.

mod changes;
mod curious;
mod honest;
mod machine;
mod queries;
mod shares;

use serde::Deserialize;
use tidegate_router_sdk::{
    Description, Observation, Outcome, Problem, Query, Router, Target, Traffic, export_router,
};

/// The plugin.
struct Hostile;

export_router!(Hostile);

/// What a Rollout says under this plugin's key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    /// The route to divide.
    http_route: String,
    /// What to do wrong.
    #[serde(default)]
    misbehave: String,
}

impl Router for Hostile {
    fn describe() -> Description {
        honest::description()
    }

    fn check(target: &Target) -> Result<Vec<String>, Problem> {
        target.config::<Config>()?;
        Ok(vec!["weights".to_owned()])
    }

    fn locate(target: &Target, _: &Traffic, seen: &[Observation]) -> Result<Vec<Query>, Problem> {
        let config = target.config::<Config>()?;
        Ok(queries::misled(&config, seen))
    }

    fn route(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        let config = target.config::<Config>()?;
        machine::misbehave(&config.misbehave)?;
        let mut outcome = honest::outcome(&config, traffic, seen)?;
        curious::look(&config.misbehave, &mut outcome);
        changes::tamper(&config, target, &mut outcome);
        shares::lie(&config.misbehave, traffic, &mut outcome);
        Ok(outcome)
    }

    fn release(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        let config = target.config::<Config>()?;
        let keeps = config.misbehave == "keeps-the-canary";
        Self::route(target, &if keeps { traffic.clone() } else { traffic.released() }, seen)
    }
}
