//! Managed routes: which there should be, as a function of the steps, the position, and what is available. Never of what was
//! there before: a route that goes because the canary has lost its pods comes back with them (in Argo Rollouts it does not).

use std::collections::BTreeSet;

use tidegate_contract::{ManagedRoute, Rule, Traffic};
use tidegate_model::Step;

use crate::context::Context;

/// All managed routes, highest precedence first. `is_reachable`: whether the canary role may get requests now.
pub(crate) fn desired(context: &Context<'_>, is_reachable: bool) -> Vec<ManagedRoute> {
    let names = context.rollout.canary.routing.as_ref().map(|routing| routing.managed_routes.as_slice());
    // Whoever skips the steps wants the end of what they have made (Argo Rollouts). The very first revision has nobody to be
    // told apart from.
    let are_due = is_reachable && !context.skips_steps() && context.new_revision() > 1;
    let rule = |name: &str| {
        let rule = rule_after(context.steps(), context.index().saturating_add(1), name);
        rule.filter(|_| are_due).cloned()
    };
    let names = names.unwrap_or_default();
    let routes = names.iter().map(|name| ManagedRoute { name: name.clone(), rule: rule(name) });
    routes.chain(dropped(context, names)).collect()
}

/// Routes that the spec does not name any more and that routers may still have: they must not exist, until it is verified
/// that they do not. Otherwise they would lead to the canary for ever, unseen. What was recorded counts, too: the spec may have
/// changed while nobody looked.
fn dropped(context: &Context<'_>, names: &[String]) -> Vec<ManagedRoute> {
    let mut dropped: BTreeSet<&str> = context.record.managed_routes().collect();
    if let Some(routing) = &context.world.routing {
        let is_settled = routing.is_settled_for(&routing.traffic);
        let may_exist = |route: &&ManagedRoute| route.rule.is_some() || !is_settled;
        let asked = routing.traffic.managed_routes.iter().filter(may_exist);
        dropped.extend(asked.map(|route| route.name.as_str()));
    }
    dropped.retain(|name| names.iter().all(|named| named != name));
    dropped.into_iter().map(|name| ManagedRoute { name: name.to_owned(), rule: None }).collect()
}

/// What the last of the first `count` steps that speaks of a route says that it does; `None`: there should be none.
pub(crate) fn rule_after<'a>(steps: &'a [Step], count: usize, name: &str) -> Option<&'a Rule> {
    let routes = steps.iter().take(count).rev().filter_map(Step::managed_route);
    routes.into_iter().find(|route| route.name == name)?.rule.as_ref()
}

/// Whether any managed route sends requests to the canary.
pub(crate) fn any(traffic: &Traffic) -> bool {
    traffic.managed_routes.iter().any(|route| route.rule.is_some())
}

/// Whether traffic has the route that a step asks for.
pub(crate) fn is_in(traffic: &Traffic, route: &ManagedRoute) -> bool {
    let mut routes = traffic.managed_routes.iter();
    routes.find(|one| one.name == route.name).and_then(|one| one.rule.as_ref()) == route.rule.as_ref()
}
