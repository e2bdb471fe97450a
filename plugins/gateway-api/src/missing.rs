//! Why a route has no place for the weights.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Object, Pointer, Problem, Services, concat};

use crate::config::Scope;
use crate::destinations::{CANARY, Ours, STABLE};
use crate::document::Rule;

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
    let mut message = match (has(STABLE), has(CANARY)) {
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
