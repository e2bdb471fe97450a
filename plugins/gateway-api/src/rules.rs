//! The rules of one route that divide traffic: their backends and the weights of these.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Object, Outcome, Patch, Pointer, Problem, concat, split_evenly};

use crate::destinations::{Backends, CANARY, Ours, STABLE, Tally, weight};
use crate::document::Rule;

/// How many backends a rule can have.
const MOST_BACKENDS: usize = 16;

/// What becomes of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is somebody else's, and stays as it is.
    Foreign,
    /// It gets this weight.
    Weight(u32),
    /// It goes.
    Removed,
}

/// What becomes of each backend of a rule, in their order. Several entries of one Service share its weight evenly.
pub(crate) fn fates(ours: &Ours<'_>, rule: &Rule<'_>, tallies: &[Tally]) -> Vec<Fate> {
    let mut parts: Vec<_> = ours
        .destinations
        .iter()
        .zip(tallies)
        .map(|(destination, tally)| split_evenly(destination.weight, tally.entries))
        .collect();
    let fate = |backend| {
        let Some(role) = ours.role(backend) else { return Fate::Foreign };
        match ours.destinations.get(role) {
            Some(destination) if destination.backends == Backends::Retired => Fate::Removed,
            _ => parts.get_mut(role).and_then(Iterator::next).map_or(Fate::Foreign, Fate::Weight),
        }
    };
    rule.backends.iter().map(fate).collect()
}

/// The backends that are added to a rule, as JSON, and where, one after the other: those of extra destinations are in
/// the order of these. `roles` says whose the backends are that stay, and grows with each.
pub(crate) fn missing(
    ours: &Ours<'_>,
    rule: &Rule<'_>,
    roles: &mut Vec<Option<usize>>,
) -> Vec<(usize, String)> {
    let mut added = Vec::new();
    for (role, destination) in ours.destinations.iter().enumerate() {
        if destination.backends != Backends::Added || roles.contains(&Some(role)) {
            continue;
        }
        let is_later = |other: &Option<usize>| other.is_some_and(|other| other > role);
        let place = roles.iter().position(is_later).unwrap_or(roles.len());
        roles.insert(place, Some(role));
        added.push((place, ours.backend(destination, rule)));
    }
    added
}

/// Adds the shares of a rule to the outcome, as seen. Returns whether it divides this Rollout's traffic: whether it
/// has backends for both of its Services.
pub(crate) fn share(
    ours: &Ours<'_>,
    tallies: &[Tally],
    index: usize,
    object: &Object,
    outcome: &mut Outcome,
) -> bool {
    if [STABLE, CANARY].iter().any(|role| tallies.get(*role).is_none_or(|tally| tally.entries == 0)) {
        return false;
    }
    let shares = ours.destinations.iter().zip(tallies).filter(|(_, tally)| tally.entries > 0);
    let shares: Vec<_> = shares.map(|(destination, tally)| (destination.name, tally.weight)).collect();
    outcome.place(&object.ref_, place(index).as_str(), &shares);
    true
}

/// Adds to the patch what gives the backends of a rule the desired weights. The rule is found at this index when the
/// patch has come so far.
pub(crate) fn divide(
    ours: &Ours<'_>,
    rule: &Rule<'_>,
    tallies: &[Tally],
    index: usize,
    object: &Object,
    patch: &mut Patch,
) -> Result<(), Problem> {
    let fates = fates(ours, rule, tallies);
    let backend_at = |backend| place(index).key("backendRefs").index(backend);
    for ((number, backend), fate) in rule.backends.iter().enumerate().zip(&fates) {
        if let Fate::Weight(desired) = fate
            && *desired != weight(backend)
        {
            patch.weight(&backend_at(number).key("weight"), backend.weight.is_some(), *desired);
        }
    }
    if ours.destinations.len() <= 2 {
        return Ok(());
    }
    let mut roles: Vec<_> = rule.backends.iter().map(|backend| ours.role(backend)).collect();
    for (number, _) in fates.iter().enumerate().rev().filter(|(_, fate)| **fate == Fate::Removed) {
        patch.remove(&backend_at(number));
        roles.remove(number);
    }
    for (number, backend) in missing(ours, rule, &mut roles) {
        patch.add_json(&backend_at(number), &backend);
    }
    if roles.len() > MOST_BACKENDS && roles.len() > fates.len() {
        return Err(too_many_backends(object, index));
    }
    Ok(())
}

/// Where a rule is.
pub(crate) fn place(index: usize) -> Pointer {
    Pointer::root().key("spec").key("rules").index(index)
}

#[cold]
fn too_many_backends(object: &Object, index: usize) -> Problem {
    let message = concat(&[
        "a rule of ",
        &object.ref_.to_text(),
        " would have more than the 16 backends that the Gateway API allows, with those for extra destinations: take \
         some out of the rule or out of the experiment",
    ]);
    Problem::unsupported(message).about(&object.ref_).at(place(index))
}
