//! The weights of one route: what its destinations have, and what they should have.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Object, Outcome, Patch, Pointer, Problem, concat, split_by, split_evenly};

use crate::document::Route;
use crate::hosts;
use crate::roles::{Role, Roles};

/// The sum of all weights of a route. Istio takes weights for proportions since 1.13, and demanded this sum before.
pub(crate) const TOTAL: u32 = 100;

/// What becomes of one route.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// What of each of its destinations.
    pub(crate) entries: Vec<Entry>,
    /// Destinations that are added at the end: host and weight.
    pub(crate) added: Vec<(String, u32)>,
    /// What each of the Rollout's destinations has, as seen.
    shares: Vec<(&'a str, u32)>,
}

/// What becomes of one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It is somebody else's, and stays as it is.
    Foreign,
    /// It has this weight.
    Weight { role: Role, seen: u32, is_written: bool, desired: u32 },
    /// It goes, if only to be made anew at its place.
    Retired,
}

/// How often something occurs in a route, and what it has there together.
#[derive(Clone, Copy, Default)]
struct Tally {
    entries: u32,
    weight: u32,
}

impl<'a> Plan<'a> {
    /// The plan for a route of an object in the namespace `written_in`. Destinations of others keep their weights; what they
    /// leave of the total is divided. Several entries of one destination share its weight evenly.
    ///
    /// `None` when others have it all.
    pub(crate) fn of(route: &Route<'_>, written_in: &str, roles: &Roles<'a>) -> Option<Self> {
        let traffic = roles.traffic;
        let found: Vec<Option<Role>> =
            route.destinations.iter().map(|destination| roles.of(destination, written_in)).collect();
        let is_alone = route.destinations.len() == 1;
        let seen = |index: usize| {
            let weight = route.destinations.get(index).and_then(|destination| destination.weight);
            weight.unwrap_or(if is_alone { TOTAL } else { 0 })
        };
        let tally = |role: Option<Role>| {
            let mut tally = Tally::default();
            for index in (0..).zip(&found).filter(|(_, other)| **other == role).map(|(index, _)| index) {
                tally.entries += 1;
                tally.weight = tally.weight.saturating_add(seen(index));
            }
            tally
        };
        let left = TOTAL.checked_sub(tally(None).weight).filter(|left| *left > 0)?;
        let desired = desired(left, roles);
        let keeps_additional = keeps_additional(&found, roles);
        let mut entries: Vec<Entry> =
            found.iter().map(|role| if role.is_some() { Entry::Retired } else { Entry::Foreign }).collect();
        let mut plan = Self { entries: Vec::new(), added: Vec::new(), shares: Vec::new() };
        for (position, destination) in traffic.destinations().enumerate() {
            let role = match position {
                0 => Role::Stable,
                1 => Role::Canary,
                position => Role::Additional(position - 2),
            };
            let weight = desired.get(position).copied().unwrap_or_default();
            let present = tally(Some(role));
            let is_kept = match role {
                Role::Additional(_) => keeps_additional && destination.weight > 0,
                _ => true,
            };
            if present.entries > 0 {
                plan.shares.push((&destination.name, present.weight));
            }
            if present.entries > 0 && is_kept {
                let mut parts = split_evenly(weight, present.entries);
                for (index, entry) in entries.iter_mut().enumerate() {
                    if found.get(index) == Some(&Some(role)) {
                        *entry = Entry::Weight {
                            role,
                            seen: seen(index),
                            is_written: route.destinations.get(index).is_some_and(|one| one.weight.is_some()),
                            desired: parts.next().unwrap_or_default(),
                        };
                    }
                }
            } else if let Some(service) = destination.service.as_deref().filter(|_| destination.weight > 0) {
                let like =
                    route.destinations.iter().zip(&found).find(|(_, role)| **role == Some(Role::Canary));
                let like = like.map(|(destination, _)| destination.host.as_str()).unwrap_or_default();
                plan.added.push((hosts::host_like(like, written_in, service, roles.namespace), weight));
            }
        }
        for (index, retired) in traffic.retired.iter().enumerate() {
            let present = tally(Some(Role::Retired(index)));
            if present.entries > 0 {
                plan.shares.push((&retired.name, present.weight));
            }
        }
        plan.entries = entries;
        Some(plan)
    }

    /// Whether a role that should get nothing has weight, as seen.
    pub(crate) fn empties(&self, role: Role) -> bool {
        let weights = |of: fn(u32, u32) -> u32| {
            self.entries.iter().fold(0, |sum: u32, entry| match entry {
                Entry::Weight { role: other, seen, desired, .. } if *other == role => {
                    sum.saturating_add(of(*seen, *desired))
                }
                _ => sum,
            })
        };
        weights(|seen, _| seen) > 0 && weights(|_, desired| desired) == 0
    }

    /// Adds what the route at `at` gives to whom, as seen.
    pub(crate) fn share(&self, object: &Object, at: &Pointer, outcome: &mut Outcome) {
        outcome.place(&object.ref_, at.as_str(), &self.shares);
    }

    /// Adds what differs in the route at `at`.
    pub(crate) fn patch(&self, at: &Pointer, patch: &mut Patch) {
        let route = || at.clone().key("route");
        for (index, entry) in self.entries.iter().enumerate() {
            if let Entry::Weight { seen, desired, is_written, .. } = entry
                && seen != desired
            {
                patch.weight(&route().index(index).key("weight"), *is_written, *desired);
            }
        }
        for (index, _) in self.entries.iter().enumerate().rev().filter(|(_, entry)| **entry == Entry::Retired)
        {
            patch.remove(&route().index(index));
        }
        for (host, weight) in &self.added {
            patch.add_json(&route().key("-"), &destination_json(host, *weight));
        }
    }
}

/// Whether the extra destinations that are there and have weight are the first of those that should be, each once and in their
/// order. Otherwise they are all made anew, so that what comes out does not depend on the way there.
fn keeps_additional(found: &[Option<Role>], roles: &Roles<'_>) -> bool {
    let has_weight =
        |index: usize| roles.traffic.additional.get(index).is_some_and(|destination| destination.weight > 0);
    let present = found.iter().filter_map(|role| match role {
        Some(Role::Additional(index)) if has_weight(*index) => Some(*index),
        _ => None,
    });
    let mut wanted = (0..roles.traffic.additional.len()).filter(|index| has_weight(*index));
    present.into_iter().all(|index| wanted.next() == Some(index))
}

/// The weights of all destinations, which sum to `left`.
fn desired(left: u32, roles: &Roles<'_>) -> Vec<u32> {
    let weights: Vec<u32> = roles.traffic.destinations().map(|destination| destination.weight).collect();
    if left == roles.traffic.max_weight { weights } else { split_by(left, &weights) }
}

/// `{"destination": {"host": …}, "weight": …}`
pub(crate) fn destination_json(host: &str, weight: u32) -> String {
    use tidegate_router_sdk::json::{push_member, push_number, push_text};

    let mut text = String::new();
    push_text(&mut text, host);
    let mut destination = "{".to_owned();
    push_member(&mut destination, "host", &text);
    destination.push('}');
    let mut number = String::new();
    push_number(&mut number, weight.into());
    let mut json = "{".to_owned();
    push_member(&mut json, "destination", &destination);
    push_member(&mut json, "weight", &number);
    json.push('}');
    json
}

/// Why a route cannot be divided: others have all of it.
pub(crate) fn nothing_left(object: &Object, at: Pointer) -> Problem {
    let message = concat(&[
        "in ",
        at.as_str(),
        " of ",
        &object.ref_.to_text(),
        " destinations that are not the Rollout's have all of the 100 there are to divide: lower their weights",
    ]);
    Problem::missing_backend(&object.ref_, message).at(at)
}
