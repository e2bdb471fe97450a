//! What pods can carry, and what they must be able to carry.
//!
//! Both directions of one rule: weights never outrun pods. A role gets more only with the pods for it, and pods go only when
//! what they carried is verified to be elsewhere.

use tidegate_contract::{Destination, Traffic};
use tidegate_model::ReplicaSet;

use crate::context::Context;
use crate::share::{pods_for, weight_for};
use crate::{managed, threshold};

/// How many pods of a ReplicaSet can be counted on: those that are about to go may still be among the available ones.
pub(crate) fn of(set: &ReplicaSet) -> i64 {
    set.available.min(set.desired)
}

/// How much of the traffic the stable role can take.
pub(crate) fn of_stable(context: &Context<'_>) -> u32 {
    let pods = counted(context, behind_stable(context));
    weight_for(pods, context.rollout.replicas, context.rollout.canary.max_weight())
}

/// The pods that the stable role reaches: those that its Service selects.
pub(crate) fn behind_stable<'a>(context: &'a Context<'_>) -> Option<&'a ReplicaSet> {
    match context.selected_hash(context.stable_service()) {
        Some(hash) => context.set_of_hash(hash),
        None => context.stable_set(),
    }
}

/// Whether the stable pods can take all of the traffic.
pub(crate) fn stable_is_enough(context: &Context<'_>) -> bool {
    counted(context, context.stable_set()) >= context.rollout.replicas
}

/// For how many pods those of a ReplicaSet count.
fn counted(context: &Context<'_>, set: Option<&ReplicaSet>) -> i64 {
    threshold::counted(context.rollout.canary.progress_threshold, set.map_or(0, of))
}

/// How many pods of a template must stay because of what they get, or may still get: by what the routers have verified, and by
/// what the status has noted, from which a new process starts. `None`: nobody can tell now, so none may go.
pub(crate) fn needed(context: &Context<'_>, traffic: Option<&Traffic>, hash: &str) -> Option<i64> {
    if !context.has_routers() {
        return Some(needed_unrouted(context, hash));
    }
    let traffic = traffic.filter(|traffic| context.is_settled(Some(traffic)))?;
    let (replicas, max) = (context.rollout.replicas, traffic.max_weight);
    let weight_of = |one: &Destination| {
        if one.pod_template_hash.as_deref() == Some(hash) { one.weight } else { 0 }
    };
    let destinations = [&traffic.stable, &traffic.canary].into_iter().chain(&traffic.additional);
    let in_force = destinations.map(weight_of).fold(0, u32::saturating_add);
    let is_led_to = managed::any(traffic) && traffic.canary.pod_template_hash.as_deref() == Some(hash);
    let least = i64::from(is_led_to && replicas > 0);
    let pods = pods_for(in_force, replicas, max).max(pods_for(noted(context, hash), replicas, max));
    Some(pods.max(least))
}

/// The weight of a template, by what the status has noted. What other destinations have may come back to stable at any time.
fn noted(context: &Context<'_>, hash: &str) -> u32 {
    let Some(weights) = &context.status.weights else { return 0 };
    let max = context.rollout.canary.max_weight();
    let canary = weights.canary.min(max);
    let of_canary = if weights.canary_hash == hash { canary } else { 0 };
    let of_stable = if weights.stable_hash == hash { max - canary } else { 0 };
    of_canary.saturating_add(of_stable)
}

/// Without routers nothing says who gets what; with `dynamicStableScale` there must be enough pods of both templates together.
fn needed_unrouted(context: &Context<'_>, hash: &str) -> i64 {
    if !context.rollout.canary.dynamic_stable_scale {
        return 0;
    }
    let roles = [context.stable_set(), context.new_set().filter(|_| !context.is_fully_promoted())];
    let others = roles.into_iter().flatten().filter(|set| set.hash != hash).map(of);
    context.rollout.replicas.saturating_sub(others.fold(0, i64::saturating_add)).max(0)
}
