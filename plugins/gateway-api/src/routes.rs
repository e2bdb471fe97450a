//! All routes of a Rollout together: which they are, and one outcome for all.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    Object, Observation, Outcome, Pointer, Problem, Services, Target, Verdict, concat,
};

use crate::config::{Config, Scope, Verify};
use crate::document::Document;
use crate::rules::{self, Weights};
use crate::verify;

/// A route that exists, and which of its rules may be the Rollout's.
pub(crate) struct Chosen<'a> {
    object: &'a Object,
    scope: &'a Scope,
}

/// Why weights are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To divide traffic: each route must have a place for the weights.
    Route,
    /// To give it back: what is gone needs nothing.
    Release,
}

/// The routes that exist, each once: named ones in the order of the configuration, then labelled ones by name.
/// A route that is both named and labelled is as it is named.
pub(crate) fn existing<'a>(config: &'a Config, seen: &'a [Observation]) -> Vec<Chosen<'a>> {
    let mut chosen: Vec<Chosen<'a>> = Vec::new();
    for route in &config.routes {
        let found = route.query(config).find(seen).and_then(|observation| observation.objects.first());
        chosen.extend(found.map(|object| Chosen { object, scope: &route.scope }));
    }
    for selector in &config.selectors {
        for object in selector.found(config, seen) {
            if !chosen.iter().any(|other| other.object.ref_ == object.ref_) {
                chosen.push(Chosen { object, scope: &Scope::All });
            }
        }
    }
    chosen
}

/// The same, when there is something to route by: every named route, and at least one in all.
pub(crate) fn chosen<'a>(config: &'a Config, seen: &'a [Observation]) -> Result<Vec<Chosen<'a>>, Problem> {
    let namespace = config.namespace.as_deref();
    for route in &config.routes {
        if route.query(config).find(seen).is_none_or(|observation| observation.objects.is_empty()) {
            let place = namespace.map_or(String::new(), |namespace| concat(&[" in namespace ", namespace]));
            return Err(Problem::missing_object(concat(&[
                route.kind.name,
                " `",
                &route.name,
                "` does not exist",
                &place,
                ": create it, or correct ",
                route.at.as_str(),
                " of the plugin's configuration",
            ]))
            .at(route.at.clone()));
        }
    }
    let chosen = existing(config, seen);
    match config.selectors.first() {
        Some(selector) if chosen.is_empty() => Err(Problem::missing_object(concat(&[
            "no ",
            selector.kind.name,
            " has the labels of ",
            selector.kind.selector_key,
            " (",
            &selector.labels,
            "): label a route, or correct the selector",
        ]))
        .at(Pointer::root().key(selector.kind.selector_key))),
        _ => Ok(chosen),
    }
}

/// Sets the weights in all rules that are the Rollout's, and says what is in force.
pub(crate) fn set_weights(
    config: &Config,
    target: &Target,
    services: Services<'_>,
    weights: Weights,
    chosen: &[Chosen<'_>],
    purpose: Purpose,
) -> Result<Outcome, Problem> {
    let mut outcome = Outcome::default();
    for Chosen { object, scope } in chosen {
        let document = object.read_with(Document::read)?;
        let route_namespace = object.ref_.namespace.as_deref().unwrap_or(&target.namespace);
        let ours = rules::Ours { services, namespace: &target.namespace, route_namespace };
        let places = rules::set_weights(&ours, scope, &document.rules, weights, object, &mut outcome);
        if places == 0 {
            match purpose {
                Purpose::Route => return Err(rules::why_no_place(&ours, scope, &document.rules, object)),
                Purpose::Release => continue,
            }
        }
        if config.verify != Verify::Never {
            let verdict = verify::verdict(config.verify, &document, object, route_namespace, &mut outcome);
            outcome.verdict = outcome.verdict.and(verdict);
        }
    }
    if config.verify == Verify::Never && !outcome.shares.is_empty() {
        outcome.verdict = Verdict::Unverifiable;
    }
    Ok(outcome)
}
