//! The stable ReplicaSet as large as its share of the traffic needs (`dynamicStableScale`), and the way back to it.
//!
//! Traffic goes back to the stable pods (an abort, a rollback, a template that supersedes a canary) as fast as these can take
//! it, and no faster. The stable ReplicaSet grows by the weights of the steps, so that there are not more pods at a time than
//! one step needs; the weight follows each pod.

use tidegate_model::names::{condition, reason};
use tidegate_model::{AbortScaleDown, ReplicaSet, Step};

use crate::context::Context;
use crate::replicas::{self, Size};
use crate::share::{at_least, pods_for};
use crate::traffic::weight_after;
use crate::{capacity, carried, threshold};

/// How many pods the stable ReplicaSet should have, before anything about shrinking.
pub(crate) fn wanted(context: &Context<'_>) -> i64 {
    let (replicas, canary) = (context.rollout.replicas, &context.rollout.canary);
    if !canary.dynamic_stable_scale || context.is_first() || !context.world.leaving.is_empty() {
        // What an earlier configuration gave the canary goes to stable in one go.
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
            // A canary that is larger than its weight needs leaves the rest to stable all the same.
            Size::Weight(weight) => {
                sized(weight.min(weight_after(context.steps(), context.index().saturating_add(1))))
            }
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
    if context.is_routing_stuck() {
        // Nothing becomes free step by step, and the canary's Service can go to the stable pods only when these are all there.
        return 0;
    }
    let (replicas, canary) = (context.rollout.replicas, &context.rollout.canary);
    let stable = context.stable_set().map_or(0, capacity::of);
    let missing = replicas.saturating_sub(threshold::counted(canary.progress_threshold, stable)).max(0);
    let max = canary.max_weight();
    let pods = match carried::by(context) {
        Some(set) if !is_held(context, set) => {
            // Pods that stay although the weight needs fewer (`minPodsPerReplicaSet`) are not waited for.
            let carrying = pods_for(carried::at_most(context), replicas, max);
            let least = at_least(carrying, canary.min_pods_per_replica_set, replicas);
            if set.available > least { set.available } else { carrying }
        }
        _ => 0,
    };
    step_down(context.steps(), pods.max(missing), replicas, max)
}

/// Whether the pods of the canary stay for a while after their traffic, whatever this becomes.
fn is_held(context: &Context<'_>, set: &ReplicaSet) -> bool {
    context.is_aborted()
        && set.hash == context.new_hash
        && context.rollout.canary.abort_scale_down != AbortScaleDown::WithTraffic
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
/// gone, and those that the stable role reaches too, have nothing to keep.
pub(crate) fn returned(context: &Context<'_>) -> u32 {
    let reached = context.selected_hash(context.stable_service()).unwrap_or(&context.status.stable_rs);
    let is_other = carried::by(context).is_some_and(|set| set.hash != reached);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The way down of Argo Rollouts (`abortStepWeight`): the last step that needs fewer pods than are there or missing.
    #[test]
    fn the_next_level_is_the_last_step_that_takes_fewer_pods() {
        let steps = |weights: &[u32]| -> Vec<Step> {
            let mut steps = vec![Step::Pause(None)];
            steps.extend(weights.iter().map(|weight| Step::SetWeight(*weight)));
            steps
        };
        for (weights, pods, replicas, max, expected) in [
            (&[20, 60][..], 10, 10, 100, 60),
            (&[20, 60], 7, 10, 100, 60),
            (&[20, 60], 6, 10, 100, 20),
            (&[20, 60], 3, 10, 100, 20),
            (&[20, 60], 2, 10, 100, 0),
            (&[20, 60], 0, 10, 100, 0),
            (&[], 10, 10, 100, 0),
            (&[60, 20, 80], 8, 10, 100, 20),
            (&[0, 50], 3, 3, 100, 50),
            (&[0, 50], 2, 3, 100, 0),
            (&[333_333, 666_666], 3, 3, 1_000_000, 666_666),
            (&[333_333, 666_666], 2, 3, 1_000_000, 333_333),
            (&[100], i64::MAX, i64::MAX, 100, 0),
            (&[50], 1, 0, 100, 50),
        ] {
            assert_eq!(
                step_down(&steps(weights), pods, replicas, max),
                expected,
                "{weights:?} of {max}: {pods} of {replicas} pods"
            );
        }
    }
}
