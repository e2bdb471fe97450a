//! All routes of a Rollout together: which they are, and one outcome for all.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    Object, Observation, Outcome, Patch, Pointer, Problem, Target, Traffic, Verdict, concat,
};

use crate::config::{Config, NamedRoute, Scope, Verify};
use crate::destinations::{CANARY, Ours};
use crate::document::Document;
use crate::kinds::RouteKind;
use crate::managed::{Question, managed};
use crate::missing::why_no_place;
use crate::{rules, verify};

/// A route that exists, and which of its rules may be the Rollout's.
pub(crate) struct Chosen<'a> {
    object: &'a Object,
    kind: &'static RouteKind,
    scope: &'a Scope,
    header_routes: bool,
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
        let NamedRoute { kind, scope, header_routes, .. } = route;
        let header_routes = *header_routes;
        chosen.extend(found.map(|object| Chosen { object, kind, scope, header_routes }));
    }
    for selector in &config.selectors {
        for object in selector.found(config, seen) {
            if !chosen.iter().any(|other| other.object.ref_ == object.ref_) {
                chosen.push(Chosen { object, kind: selector.kind, scope: &Scope::All, header_routes: false });
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

/// Makes all routes express the traffic, and says what they express and whether that is in force.
pub(crate) fn express(
    config: &Config,
    target: &Target,
    traffic: &Traffic,
    seen: &[Observation],
    chosen: &[Chosen<'_>],
    purpose: Purpose,
) -> Result<Outcome, Problem> {
    let ours = Ours::new(config, target, traffic, seen, purpose)?;
    let mut outcome = Outcome::default();
    for route in chosen {
        let object = route.object;
        let document = object.read_with(|reader| Document::read(reader, config.mark.as_ref()))?;
        let mut patch = Patch::new();
        let places = divide(&ours, route, &document, traffic, purpose, &mut patch, &mut outcome);
        let (places, is_any_managed) = places?;
        if let Some(mark) = &config.mark {
            let has_weight = ours.destinations.get(CANARY).is_some_and(|canary| canary.weight > 0);
            mark.write(&document.mark, has_weight || is_any_managed, target, &mut patch);
        }
        outcome.changes.extend(patch.of(&object.ref_));
        if places == 0 {
            match purpose {
                Purpose::Route => return Err(why_no_place(&ours, route.scope, &document.rules, object)),
                Purpose::Release => continue,
            }
        }
        if config.verify != Verify::Never {
            let verdict =
                verify::verdict(config.verify, &document, object, ours.route_namespace, &mut outcome);
            outcome.verdict = outcome.verdict.and(verdict);
        }
    }
    if config.verify == Verify::Never && !outcome.shares.is_empty() {
        outcome.verdict = Verdict::Unverifiable;
    }
    Ok(outcome)
}

/// Makes the rules of one route express the traffic. Returns how many rules of the user's divide it, and whether
/// there should be managed ones.
fn divide(
    ours: &Ours<'_>,
    route: &Chosen<'_>,
    document: &Document<'_>,
    traffic: &Traffic,
    purpose: Purpose,
    patch: &mut Patch,
    outcome: &mut Outcome,
) -> Result<(usize, bool), Problem> {
    let Chosen { object, kind, scope, header_routes } = *route;
    let rules = &document.rules;
    let question = Question { object, kind, ours, scope, header_routes, rules, traffic };
    let managed = managed(&question, purpose == Purpose::Route, outcome)?;
    managed.write(patch);
    let mut places = 0;
    for (index, rule) in rules.iter().enumerate() {
        let is_managed = managed.is_managed(index);
        if !is_managed && !scope.contains(rule.name.as_deref()) {
            continue;
        }
        let tallies = ours.tallies(rule);
        if rules::share(ours, &tallies, index, object, outcome) && !is_managed {
            places += 1;
            rules::divide(ours, rule, &tallies, managed.moved(index), object, patch)?;
        }
    }
    Ok((places, managed.is_any_wanted))
}
