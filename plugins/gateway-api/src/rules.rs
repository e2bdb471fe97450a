//! The rules of one route: which of them are the Rollout's, and the weights of their backends.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Object, Outcome, Patch, Pointer, Problem, Services, concat, split_evenly};

use crate::config::Scope;
use crate::document::{Reference, Rule};

/// Weight of a backend that has none.
const DEFAULT_WEIGHT: u32 = 1;

/// What each role should get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    pub(crate) stable: u32,
    pub(crate) canary: u32,
}

/// Whose backends count.
pub(crate) struct Ours<'a> {
    /// The Rollout's Services.
    pub(crate) services: Services<'a>,
    /// The Rollout's namespace, where they are.
    pub(crate) namespace: &'a str,
    /// The route's namespace, which is meant where a backend names none.
    pub(crate) route_namespace: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Stable,
    Canary,
}

impl Ours<'_> {
    /// The role of a backend; `None` for somebody else's.
    fn role(&self, backend: &Reference<'_>) -> Option<Role> {
        let is_service = backend.kind.as_deref().is_none_or(|kind| kind == "Service")
            && backend.group.as_deref().is_none_or(str::is_empty);
        let is_here = backend.namespace.as_deref().unwrap_or(self.route_namespace) == self.namespace;
        if is_service && is_here { self.role_by_name(backend) } else { None }
    }

    fn role_by_name(&self, backend: &Reference<'_>) -> Option<Role> {
        match backend.name.as_deref()? {
            name if name == self.services.stable => Some(Role::Stable),
            name if name == self.services.canary => Some(Role::Canary),
            _ => None,
        }
    }
}

/// How often each role occurs in a rule, and what it gets together.
#[derive(Clone, Copy, Default)]
struct Tally {
    entries: u32,
    weight: u32,
}

fn tally(ours: &Ours<'_>, rule: &Rule<'_>) -> (Tally, Tally) {
    let (mut stable, mut canary) = (Tally::default(), Tally::default());
    for backend in &rule.backends {
        let tally = match ours.role(backend) {
            Some(Role::Stable) => &mut stable,
            Some(Role::Canary) => &mut canary,
            None => continue,
        };
        tally.entries = tally.entries.saturating_add(1);
        tally.weight = tally.weight.saturating_add(backend.weight.unwrap_or(DEFAULT_WEIGHT));
    }
    (stable, canary)
}

/// Adds the shares of every rule that is the Rollout's to the outcome, and one change of the route when a weight
/// differs. Returns how many rules are the Rollout's: those with backends for both of its Services.
pub(crate) fn set_weights(
    ours: &Ours<'_>,
    scope: &Scope,
    rules: &[Rule<'_>],
    weights: Weights,
    object: &Object,
    outcome: &mut Outcome,
) -> usize {
    let mut places = 0;
    let mut patch = Patch::new();
    for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| scope.contains(rule.name.as_deref())) {
        let (stable, canary) = tally(ours, rule);
        if stable.entries == 0 || canary.entries == 0 {
            continue;
        }
        places += 1;
        let at = Pointer::root().key("spec").key("rules").index(index);
        outcome.place(&object.ref_, at.as_str(), &[("stable", stable.weight), ("canary", canary.weight)]);
        let mut for_stable = split_evenly(weights.stable, stable.entries);
        let mut for_canary = split_evenly(weights.canary, canary.entries);
        for (index, backend) in rule.backends.iter().enumerate() {
            let desired = match ours.role(backend) {
                Some(Role::Stable) => for_stable.next(),
                Some(Role::Canary) => for_canary.next(),
                None => None,
            };
            let Some(desired) =
                desired.filter(|desired| *desired != backend.weight.unwrap_or(DEFAULT_WEIGHT))
            else {
                continue;
            };
            let weight = at.clone().key("backendRefs").index(index).key("weight");
            patch.weight(&weight, backend.weight.is_some(), desired);
        }
    }
    outcome.changes.extend(patch.of(&object.ref_));
    places
}

/// Why a route has no rule that is the Rollout's, and what to do.
pub(crate) fn why_no_place(ours: &Ours<'_>, scope: &Scope, rules: &[Rule<'_>], object: &Object) -> Problem {
    let Services { stable, canary } = ours.services;
    let route = object.ref_.to_text();
    let in_scope = || rules.iter().filter(|rule| scope.contains(rule.name.as_deref()));
    if let Scope::Named(names) = scope
        && in_scope().next().is_none()
    {
        let names = names.iter().map(String::as_str).collect::<Vec<_>>().join("`, `");
        let message =
            concat(&[&route, " has no rule named `", &names, "`: name the rule so, or correct ruleName"]);
        return Problem::missing_backend(&object.ref_, message);
    }
    let backends = || in_scope().flat_map(|rule| rule.backends.iter());
    let has = |role| backends().any(|backend| ours.role(backend) == Some(role));
    let mut message = match (has(Role::Stable), has(Role::Canary)) {
        (true, true) => concat(&[
            route.as_str(),
            " has backends for `",
            stable,
            "` and `",
            canary,
            "`, but in no rule both: put both into the backendRefs of each rule that the Rollout is to divide",
        ]),
        (has_stable, has_canary) => {
            let (missing, present) = if has_stable { (canary, Some(stable)) } else { (stable, Some(canary)) };
            let missing = if !has_stable && !has_canary {
                concat(&["`", stable, "` and for Service `", canary, "`"])
            } else {
                concat(&["`", missing, "`"])
            };
            let next_to = present
                .filter(|_| has_stable || has_canary)
                .map_or(String::new(), |present| concat(&[" next to `", present, "`"]));
            concat(&[
                &route,
                " has no backend for Service ",
                &missing,
                ": add it to a rule's backendRefs",
                &next_to,
            ])
        }
    };
    if let Some(other) =
        backends().find(|backend| ours.role(backend).is_none() && ours.role_by_name(backend).is_some())
    {
        let name = other.name.as_deref().unwrap_or_default();
        let kind = other.kind.as_deref().unwrap_or("Service");
        let namespace = other.namespace.as_deref().unwrap_or(ours.route_namespace);
        message.push_str(&concat(&[
            " (the backend `",
            name,
            "` that is there means the ",
            kind,
            " in namespace ",
            namespace,
            ", the Rollout's Service is in ",
            ours.namespace,
            ")",
        ]));
    }
    Problem::missing_backend(&object.ref_, message).at(Pointer::root().key("spec").key("rules"))
}
