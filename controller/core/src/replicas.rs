//! How many pods each ReplicaSet should have, and when those that are no longer needed go.
//!
//! A ReplicaSet that may still receive traffic is never made smaller: growing follows from what is wanted, shrinking from
//! what the routers have verified.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidegate_api::object;
use tidegate_contract::Traffic;
use tidegate_model::names::{DESIRED_REPLICAS_ANNOTATION, SCALE_DOWN_DEADLINE_ANNOTATION, reason};
use tidegate_model::{AbortScaleDown, CanaryScale, ReplicaSet, Step};

use crate::context::Context;
use crate::decision::Note;
use crate::share::{at_least, pods_for};
use crate::traffic::weight_after;
use crate::writes::Writes;
use crate::{basic, capacity, stable_scale, threshold, time};

/// The size of the canary, as the steps up to the current one have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// So many pods.
    Pods(i64),
    /// As many as this weight needs.
    Weight(u32),
}

/// The size of the canary at the current position.
pub(crate) fn canary_size(context: &Context<'_>) -> Size {
    if context.is_first() || context.is_fully_promoted() || context.is_past_steps() {
        return Size::Weight(context.rollout.canary.max_weight());
    }
    let reached = context.index() + 1;
    let scale = context.steps().iter().take(reached).rev().find_map(|step| match step {
        Step::SetCanaryScale(scale) => Some(*scale),
        _ => None,
    });
    match scale {
        Some(CanaryScale::Replicas(replicas)) => Size::Pods(replicas),
        Some(CanaryScale::Weight(weight)) => Size::Weight(weight),
        Some(CanaryScale::MatchTrafficWeight) | None => Size::Weight(weight_after(context.steps(), reached)),
    }
}

/// How many pods the newest template should have at the current position, before anything about shrinking.
pub(crate) fn wanted_of_new(context: &Context<'_>) -> i64 {
    let (replicas, canary) = (context.rollout.replicas, &context.rollout.canary);
    let least = |pods| at_least(pods, canary.min_pods_per_replica_set, replicas);
    match canary_size(context) {
        Size::Pods(pods) if canary.dynamic_stable_scale => least(pods),
        // Whoever gives a number means it.
        Size::Pods(pods) => pods,
        Size::Weight(weight) => least(pods_for(weight, replicas, canary.max_weight())),
    }
}

/// How many pods the newest template's ReplicaSet is made with.
pub(crate) fn initial_of_new(context: &Context<'_>) -> i64 {
    // Without routers the number of pods is the traffic, so growing follows the budget of surge and unavailability.
    if context.is_routed || context.is_first() { wanted_of_new(context) } else { 0 }
}

/// Whether the numbers of pods are those of the current position (with traffic routing).
pub(crate) fn at_desired(context: &Context<'_>) -> bool {
    if !context.is_routed {
        return basic::at_desired(context);
    }
    let wanted = wanted_of_new(context);
    // More pods than wanted do no harm, unless there should be none.
    let new = context.new_set().is_some_and(|set| {
        set.desired >= wanted && threshold::is_met(context, set, wanted) && (wanted > 0 || set.desired == 0)
    });
    // A stable ReplicaSet that follows the weights is the size of those that are in force, not of those that come.
    let stable = context.rollout.canary.dynamic_stable_scale
        || context.stable_set().is_none_or(|set| {
            set.desired >= context.rollout.replicas && set.current >= context.rollout.replicas
        });
    new && stable
}

/// Scales the ReplicaSets. Returns when to look again.
pub(crate) fn plan(
    context: &Context<'_>,
    traffic: Option<&Traffic>,
    writes: &mut Writes,
    notes: &mut Vec<Note>,
) -> Option<Timestamp> {
    let mut plan = Plan { context, writes, notes, wake_at: None };
    if context.rollout.paused {
        // A pause holds the numbers of pods. A deadline from before a ReplicaSet was used again would end it right after.
        plan.forget_deadlines();
        plan.grow_for_abort();
        return None;
    }
    if !context.is_routed {
        let wanted = basic::plan(context);
        for (set, replicas) in wanted {
            plan.scale(set, replicas);
        }
        return plan.wake_at;
    }
    if let Some(stable) = context.stable_set() {
        plan.scale_stable(stable, traffic);
    }
    if let Some(new) = context.new_set().filter(|_| !context.is_fully_promoted()) {
        plan.scale_new(new, traffic);
    }
    plan.retire_others(traffic);
    plan.wake_at
}

/// Scales what an abort needs, and nothing else: while the spec is invalid, or paused by hand.
pub(crate) fn plan_abort(context: &Context<'_>, writes: &mut Writes, notes: &mut Vec<Note>) {
    Plan { context, writes, notes, wake_at: None }.grow_for_abort();
}

/// The next size of a ReplicaSet that should have so many pods, of which so many are needed where they are. `None`: it is not
/// known how many, but more than all replicas no traffic needs.
fn next_size(set: &ReplicaSet, wanted: i64, needed: Option<i64>, replicas: i64) -> i64 {
    if wanted > set.desired {
        // Of pods that are about to go nobody can tell whether they are among the available ones. Once they are gone, the rest
        // can be counted on.
        return if set.current > set.desired { set.desired } else { wanted };
    }
    needed.unwrap_or(replicas).clamp(wanted, set.desired)
}

struct Plan<'a, 'b> {
    context: &'a Context<'a>,
    writes: &'b mut Writes,
    notes: &'b mut Vec<Note>,
    wake_at: Option<Timestamp>,
}

impl Plan<'_, '_> {
    /// The stable ReplicaSet.
    fn scale_stable(&mut self, stable: &ReplicaSet, traffic: Option<&Traffic>) {
        if !self.context.rollout.canary.dynamic_stable_scale {
            return self.scale(stable, self.context.rollout.replicas);
        }
        let needed = capacity::needed(self.context, traffic, &stable.hash);
        let wanted = stable_scale::wanted(self.context).max(needed.unwrap_or_default());
        self.scale(stable, next_size(stable, wanted, needed, self.context.rollout.replicas));
    }

    /// The stable ReplicaSet of an update that is given up: all of it, as there is nothing else that could be waited for.
    fn grow_for_abort(&mut self) {
        let Some(stable) = self.context.stable_set().filter(|_| self.context.status.abort) else { return };
        let wanted = self.context.rollout.replicas;
        // Whatever made it smaller: `dynamicStableScale` may have been taken away since, or there may be more replicas.
        if self.context.is_routed && wanted > stable.desired {
            self.scale(stable, next_size(stable, wanted, None, wanted));
        }
    }

    /// The newest template's ReplicaSet, while it is not the stable one.
    fn scale_new(&mut self, new: &ReplicaSet, traffic: Option<&Traffic>) {
        if self.context.is_aborted() {
            return self.retire_aborted(new, traffic);
        }
        let needed = capacity::needed(self.context, traffic, &new.hash).filter(|_| !self.is_stable_too(new));
        let wanted = wanted_of_new(self.context);
        self.scale(new, next_size(new, wanted, needed, self.context.rollout.replicas));
    }

    /// Whether the stable role's traffic goes to the newest pods, too.
    fn is_stable_too(&self, new: &ReplicaSet) -> bool {
        let stable = self.context.selected_hash(self.context.stable_service());
        stable == Some(new.hash.as_str()) && self.context.rollout.replicas > 0
    }

    /// The canary of an aborted update stays until the stable pods are all there and its weight is verified gone, and
    /// then for the delay; a delay of 0 keeps it (as Argo documents). It never grows.
    fn retire_aborted(&mut self, new: &ReplicaSet, traffic: Option<&Traffic>) {
        if new.desired > 0 {
            self.note_desired_replicas(new);
        }
        let is_over =
            capacity::stable_is_enough(self.context) && self.context.canary_carries_nothing(traffic);
        match self.context.rollout.canary.abort_scale_down {
            AbortScaleDown::Never => {
                if new.desired > 0
                    && object::annotation(&new.object, SCALE_DOWN_DEADLINE_ANNOTATION).is_some()
                {
                    // One from a time when it was of no use at all.
                    self.annotate(new, SCALE_DOWN_DEADLINE_ANNOTATION, &Value::Null);
                }
            }
            AbortScaleDown::After(delay) if is_over && new.desired > 0 => self.retire(new, delay),
            AbortScaleDown::After(_) => {}
            AbortScaleDown::WithTraffic => {
                let needed = capacity::needed(self.context, traffic, &new.hash);
                self.shrink(new, needed.map(|needed| if is_over { needed } else { needed.max(1) }));
            }
        }
    }

    /// Lets pods go whose traffic has gone, and never adds any.
    fn shrink(&mut self, set: &ReplicaSet, needed: Option<i64>) {
        let canary = &self.context.rollout.canary;
        let Some(needed) = needed else { return };
        let pods = at_least(needed, canary.min_pods_per_replica_set, self.context.rollout.replicas);
        self.set_replicas(set, pods.min(set.desired));
    }

    /// ReplicaSets of earlier templates: once no Service selects them and the desired traffic is in force everywhere,
    /// they stay for the delay and go.
    fn retire_others(&mut self, traffic: Option<&Traffic>) {
        let canary = &self.context.rollout.canary;
        let selected = [self.context.stable_service(), self.context.canary_service()]
            .map(|service| self.context.selected_hash(service));
        let is_settled = self.context.is_settled(traffic);
        let delay = canary.scale_down_delay_seconds;
        let mut kept: i64 = 0;
        let mut others: Vec<&ReplicaSet> = self.context.other_sets().filter(|set| set.desired > 0).collect();
        others.sort_by_key(|set| std::cmp::Reverse(set.revision));
        for set in others {
            let needed = capacity::needed(self.context, traffic, &set.hash);
            // With no replicas no Service ever gets other pods to select.
            let is_selected =
                selected.contains(&Some(set.hash.as_str())) && self.context.rollout.replicas > 0;
            if is_selected && object::annotation(&set.object, SCALE_DOWN_DEADLINE_ANNOTATION).is_some() {
                // It was on its way out, and gets requests again: its delay begins anew when it does not any more.
                self.annotate(set, SCALE_DOWN_DEADLINE_ANNOTATION, &Value::Null);
            }
            if !is_settled || is_selected || needed != Some(0) {
                if canary.dynamic_stable_scale {
                    self.shrink(set, needed.map(|needed| needed.max(1)));
                }
                continue;
            }
            let over_limit = canary.scale_down_delay_revision_limit.is_some_and(|limit| kept >= limit);
            kept += 1;
            self.retire(set, if over_limit { 0 } else { delay });
        }
    }

    /// Lets a ReplicaSet go after a delay in seconds.
    fn retire(&mut self, set: &ReplicaSet, delay: i64) {
        let now = self.context.now;
        match set.scale_down_deadline {
            _ if delay == 0 => self.set_replicas(set, 0),
            Some(deadline) if deadline <= now => self.set_replicas(set, 0),
            Some(deadline) => self.wake(deadline),
            None => {
                let deadline = now.checked_add(SignedDuration::from_secs(delay)).unwrap_or(Timestamp::MAX);
                self.annotate(set, SCALE_DOWN_DEADLINE_ANNOTATION, &json!(time::text(deadline)));
                self.wake(deadline);
            }
        }
    }

    /// Clears what was left of an earlier retirement of the ReplicaSets in use.
    fn forget_deadlines(&mut self) {
        let new = self.context.new_set().filter(|_| !self.context.is_aborted());
        for set in [self.context.stable_set(), new].into_iter().flatten() {
            if set.desired > 0 && object::annotation(&set.object, SCALE_DOWN_DEADLINE_ANNOTATION).is_some() {
                self.annotate(set, SCALE_DOWN_DEADLINE_ANNOTATION, &Value::Null);
            }
        }
    }

    /// Gives a ReplicaSet in use its size, and clears what was left of an earlier retirement.
    fn scale(&mut self, set: &ReplicaSet, replicas: i64) {
        if set.desired == 0 && replicas == 0 {
            return;
        }
        self.note_desired_replicas(set);
        if object::annotation(&set.object, SCALE_DOWN_DEADLINE_ANNOTATION).is_some() {
            self.annotate(set, SCALE_DOWN_DEADLINE_ANNOTATION, &Value::Null);
        }
        self.set_replicas(set, replicas);
    }

    /// Argo Rollouts takes another number there for a change of the scale, and would do nothing else for a pass.
    fn note_desired_replicas(&mut self, set: &ReplicaSet) {
        let desired = self.context.rollout.replicas.to_string();
        let noted = object::annotation(&set.object, DESIRED_REPLICAS_ANNOTATION);
        if noted != Some(desired.as_str()) {
            self.annotate(set, DESIRED_REPLICAS_ANNOTATION, &json!(desired));
        }
    }

    fn annotate(&mut self, set: &ReplicaSet, key: &str, value: &Value) {
        self.writes.replica_set(set, json!({"metadata": {"annotations": {key: value}}}));
    }

    fn set_replicas(&mut self, set: &ReplicaSet, replicas: i64) {
        if set.desired == replicas {
            return;
        }
        self.writes.replica_set(set, json!({"spec": {"replicas": replicas}}));
        if replicas == 0 && object::annotation(&set.object, SCALE_DOWN_DEADLINE_ANNOTATION).is_some() {
            self.annotate(set, SCALE_DOWN_DEADLINE_ANNOTATION, &Value::Null);
        }
        let direction = if replicas > set.desired { "up" } else { "down" };
        self.notes.push(Note::normal(
            reason::SCALING,
            format!(
                "Scaled {direction} ReplicaSet {} (revision {}) from {} to {replicas}",
                set.name, set.revision, set.desired
            ),
        ));
    }

    fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}
