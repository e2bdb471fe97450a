//! The stable ReplicaSet as large as its share of the traffic needs (`dynamicStableScale`), and the way back to it.
//!
//! Traffic goes back to the stable pods (an abort, a rollback, a template that supersedes a canary) as fast as these can take
//! it, and no faster. The stable ReplicaSet grows by the weights of the steps, so that there are not more pods at a time than
//! one step needs; the weight follows each pod.

use tidegate_model::names::{condition, reason};
use tidegate_model::{AbortScaleDown, Step};

use crate::context::Context;
use crate::replicas::{self, Size};
use crate::share::{at_least, pods_for};
use crate::world::RouterState;
use crate::{capacity, carried, threshold};

/// How many pods the stable ReplicaSet should have, before anything about shrinking.
pub(crate) fn wanted(context: &Context<'_>) -> i64 {
    let (replicas, canary) = (context.rollout.replicas, &context.rollout.canary);
    if !canary.dynamic_stable_scale || context.is_first() {
        return replicas;
    }
    let max = canary.max_weight();
    let sized = |weight: u32| pods_for(max.saturating_sub(weight), replicas, max);
    let pods = if is_returning(context) {
        sized(next_level(context))
    } else if context.is_aborted() || context.is_fully_promoted() {
        replicas
    } else if context.is_past_steps() {
        // Whoever uses the stable Service without a router finds pods until it is switched.
        sized(max).max(1)
    } else {
        match replicas::canary_size(context) {
            // How much of the load so many pods take is not said.
            Size::Pods(_) => replicas,
            Size::Weight(weight) => sized(weight),
        }
    };
    at_least(pods, canary.min_pods_per_replica_set, replicas).min(replicas)
}

/// Whether the canary role has weight that must go back to the stable pods.
fn is_returning(context: &Context<'_>) -> bool {
    let Some(set) = carried::by(context).filter(|set| set.hash != context.status.stable_rs) else {
        return false;
    };
    let is_given_up = context.is_aborted() || context.is_fully_promoted() || set.hash != context.new_hash;
    context.has_routers() && is_given_up && carried::at_most(context) > 0
}

/// The weight that the stable ReplicaSet should be large enough to leave to the canary.
fn next_level(context: &Context<'_>) -> u32 {
    if is_without_help(context) {
        return 0;
    }
    let (replicas, canary) = (context.rollout.replicas, &context.rollout.canary);
    let stable = context.stable_set().map_or(0, capacity::of);
    let missing = replicas.saturating_sub(threshold::counted(canary.progress_threshold, stable)).max(0);
    let set = carried::by(context);
    let is_held = canary.abort_scale_down != AbortScaleDown::WithTraffic
        && set.is_some_and(|set| context.is_aborted() && set.hash == context.new_hash);
    let pods = if is_held { missing } else { set.map_or(0, |set| set.available).max(missing) };
    step_down(context.steps(), pods, replicas, canary.max_weight())
}

/// Whether some router does not do what it is asked to: then nothing becomes free step by step, and the canary's Service can
/// go to the stable pods only when these are all there.
fn is_without_help(context: &Context<'_>) -> bool {
    let late = context.status.condition(condition::TRAFFIC_NOT_VERIFIED);
    let mut reports = context.world.routing.iter().flat_map(|routing| &routing.routers);
    late.is_some_and(|late| late.status == "True")
        || reports.any(|report| {
            matches!(report.state, RouterState::Failed { .. } | RouterState::Unavailable { .. })
        })
}

/// The last weight of the steps that takes fewer pods than these; 0 when there is none.
fn step_down(steps: &[Step], pods: i64, replicas: i64, max: u32) -> u32 {
    let lower = steps.iter().rev().find_map(|step| match step {
        Step::SetWeight(weight) if pods_for(*weight, replicas, max) < pods => Some(*weight),
        _ => None,
    });
    lower.unwrap_or_default()
}

/// What the canary role keeps of its weight while all of it is to go back: what the stable pods cannot take yet. Pods that are
/// gone, and the stable pods themselves in that role, have nothing to keep.
pub(crate) fn returned(context: &Context<'_>) -> u32 {
    let is_other = carried::by(context).is_some_and(|set| set.hash != context.status.stable_rs);
    if is_other && !is_overdue(context) { carried::at_most(context).min(missing(context, 0)) } else { 0 }
}

/// The weight on the way down to a lower one: not less than what the stable pods cannot take.
pub(crate) fn lowered(context: &Context<'_>, target: u32, others: u32) -> u32 {
    if is_overdue(context) {
        target
    } else {
        carried::at_most(context).min(missing(context, others)).max(target)
    }
}

/// How much of the traffic the stable pods cannot take, where others have a part of it.
fn missing(context: &Context<'_>, others: u32) -> u32 {
    let max = context.rollout.canary.max_weight();
    max.saturating_sub(others).saturating_sub(capacity::of_stable(context))
}

/// Whether an update has waited for stable pods for as long as it may take (`progressDeadlineSeconds`). Then it goes on without
/// them: a template that repairs what keeps them from coming could not be rolled out otherwise.
fn is_overdue(context: &Context<'_>) -> bool {
    let is_updating = !context.is_aborted() && !context.is_fully_promoted();
    let progressing = context.status.condition(condition::PROGRESSING);
    is_updating && progressing.is_some_and(|one| one.reason == reason::TIMED_OUT)
}
