//! The traffic that should be: a function of the steps up to the current one and of what is available. Of what was sent before
//! it knows one thing: weight that the canary has may stay where it is until there are pods to take it.
//!
//! The rows are those of the phase table of Argo Rollouts, with one difference throughout: a role has weight only while
//! its Service selects the pods that the weight is meant for, and those exist.

use tidegate_contract::{Destination, Traffic};
use tidegate_model::Step;

use crate::context::Context;
use crate::destinations::{self, Division};
use crate::share::{pods_for, weight_for};
use crate::{capacity, carried, managed, replicas, stable_scale, threshold};

/// The traffic that every router should express; `None` while there is no stable ReplicaSet to speak of, or no router.
pub(crate) fn desired(context: &Context<'_>) -> Option<Traffic> {
    Some(of(context, division(context)?, may_reach_canary(context)))
}

/// The traffic of a Rollout that wants nothing of its routers any more.
pub(crate) fn released(context: &Context<'_>) -> Traffic {
    of(context, destinations::undivided(context, 0), false)
}

fn of(context: &Context<'_>, division: Division, may_reach_canary: bool) -> Traffic {
    let canary = &context.rollout.canary;
    let destination = |name: &str, service: Option<&String>, hash: &str, weight| Destination {
        name: name.to_owned(),
        service: service.cloned(),
        // What the Service selects is what the weight reaches, also while it is about to be switched.
        pod_template_hash: Some(context.selected_hash(service).unwrap_or(hash).to_owned()),
        weight,
    };
    let stable_hash = &context.status.stable_rs;
    let canary_hash = left_behind(context).unwrap_or(&context.new_hash);
    Traffic {
        max_weight: canary.max_weight(),
        stable: destination("stable", context.stable_service(), stable_hash, division.stable),
        canary: destination("canary", context.canary_service(), canary_hash, division.canary),
        additional: division.additional,
        retired: division.retired,
        managed_routes: managed::desired(context, may_reach_canary),
    }
}

/// Who gets how much; `None` while there is nothing to divide, or it is not this Rollout's.
pub(crate) fn division(context: &Context<'_>) -> Option<Division> {
    if !context.has_routers() || context.is_first() || context.roles.taken.is_some() {
        return None;
    }
    let CanaryShare { weight, waits_for_stable_pods } = canary_share(context);
    let division = if must_wait_for_stable_service(context) {
        destinations::undivided(context, weight)
    } else {
        destinations::divide(context, weight)
    };
    Some(Division { waits_for_stable_pods, ..division })
}

/// What the canary gets.
struct CanaryShare {
    weight: u32,
    /// Whether it would be less, were there more stable pods.
    waits_for_stable_pods: bool,
}

impl CanaryShare {
    fn of(weight: u32) -> Self {
        Self { weight, waits_for_stable_pods: false }
    }

    /// A weight on its way down to another one.
    fn on_the_way(weight: u32, target: u32) -> Self {
        Self { weight, waits_for_stable_pods: weight > target }
    }
}

/// What the canary should get now.
fn canary_share(context: &Context<'_>) -> CanaryShare {
    let canary = &context.rollout.canary;
    if must_wait_for_stable_service(context) {
        return CanaryShare::of(canary.max_weight());
    }
    if context.is_fully_promoted() {
        // The newest pods are the stable ones; the canary role gives its weight back once the stable Service has them.
        return match context.selected_hash(context.stable_service()) {
            Some(hash) if hash != context.new_hash && reaches_new_pods(context) => {
                CanaryShare::of(held(context))
            }
            _ => CanaryShare::on_the_way(stable_scale::returned(context), 0),
        };
    }
    if !may_reach_canary(context) {
        return CanaryShare::on_the_way(stable_scale::returned(context), 0);
    }
    let (held, target) = (held(context), target(context));
    // Where nothing at all is noted, it may have that weight already.
    if target > held && context.status.weights.is_some() && !has_pods_for(context, target) {
        return CanaryShare::of(held);
    }
    if target < held {
        let others = destinations::asked(context);
        return CanaryShare::on_the_way(stable_scale::lowered(context, target, others), target);
    }
    CanaryShare::of(target)
}

/// The weight that the current position asks for.
fn target(context: &Context<'_>) -> u32 {
    let (replicas, max) = (context.rollout.replicas, context.rollout.canary.max_weight());
    if context.is_past_steps() && threshold::new_is_complete(context) {
        return max;
    }
    if context.skips_steps() {
        let held = held(context);
        if !context.rollout.canary.dynamic_stable_scale {
            return held;
        }
        // The stable pods make room as the others come, so each of these gets its part at once.
        return held.max(weight_for(context.new_set().map_or(0, capacity::of), replicas, max));
    }
    let index = context.index();
    let reached =
        if replicas::at_desired(context) && index < context.steps().len() { index + 1 } else { index };
    weight_after(context.steps(), reached).min(max)
}

/// Whether the newest template has the pods for a weight, or as many as the steps say.
fn has_pods_for(context: &Context<'_>, weight: u32) -> bool {
    let pods = pods_for(weight, context.rollout.replicas, context.rollout.canary.max_weight());
    let wanted = pods.min(replicas::wanted_of_new(context));
    context.new_set().is_some_and(|set| threshold::is_met(context, set, wanted))
}

/// Whether the canary role may get requests at all, by weight or by a managed route.
fn may_reach_canary(context: &Context<'_>) -> bool {
    let is_updating = !context.is_fully_promoted() && !context.is_aborted() && context.stable_set().is_some();
    // Pods that are there although there should be none go as soon as they get nothing.
    is_updating && reaches_new_pods(context) && replicas::wanted_of_new(context) > 0
}

/// Whether weight of the canary role would reach pods of the newest template.
fn reaches_new_pods(context: &Context<'_>) -> bool {
    // Where no Service says so, only when the status does: one that is behind must not hide which pods have the weight.
    context.new_available() > 0 && carried::hash(context) == Some(context.new_hash.as_str())
}

/// Whether the canary role of this traffic stands for the newest template.
pub(crate) fn is_for_new_pods(context: &Context<'_>, traffic: &Traffic) -> bool {
    traffic.canary.pod_template_hash.as_deref() == Some(context.new_hash.as_str())
}

/// Pods of an earlier canary for which the canary role still stands where no Service says so (routers that select pods by
/// their hash): the role moves on when it is verified that it carries nothing, as a Service does.
fn left_behind<'a>(context: &'a Context<'_>) -> Option<&'a str> {
    if context.canary_service().is_some() {
        return None;
    }
    let last = carried::noted_hash(context)?;
    if last == context.new_hash || context.set_of_hash(last).is_none_or(|set| set.available == 0) {
        return None;
    }
    let has_moved_on = context.world.routing.as_ref().is_some_and(|routing| {
        let asked = routing.traffic.canary.pod_template_hash.as_deref();
        asked == Some(context.new_hash.as_str())
            || (asked == Some(last) && context.canary_carries_nothing(Some(&routing.traffic)))
    });
    (!has_moved_on).then_some(last)
}

/// The weight that the pods of the canary role had when the weights were last set.
pub(crate) fn held(context: &Context<'_>) -> u32 {
    carried::noted(context).unwrap_or_default()
}

/// Whether the stable Service was switched for a promotion that did not come about (aborted, superseded, rolled back, pods lost).
/// It must go back while the canary role still has all traffic, which comes to the same pods either way.
fn must_wait_for_stable_service(context: &Context<'_>) -> bool {
    let canary = &context.rollout.canary;
    let has_all =
        context.status.weights.as_ref().is_some_and(|weights| weights.canary == canary.max_weight());
    let selected = context.selected_hash(context.stable_service());
    let has_pods = |hash: Option<&str>| {
        hash.and_then(|hash| context.set_of_hash(hash)).is_some_and(|set| set.available > 0)
    };
    has_all
        && selected.is_some_and(|hash| hash != context.status.stable_rs)
        && has_pods(Some(&context.status.stable_rs))
        && has_pods(context.selected_hash(context.canary_service()))
}

/// The weight of the last `setWeight` among the first `count` steps.
pub(crate) fn weight_after(steps: &[Step], count: usize) -> u32 {
    let set = steps.iter().take(count).rev().find_map(|step| match step {
        Step::SetWeight(weight) => Some(*weight),
        _ => None,
    });
    set.unwrap_or_default()
}
