//! Whether the update moves: the condition `Progressing` and its deadline.

use jiff::{SignedDuration, Timestamp};
use tidegate_api::object;
use tidegate_model::names::{SCALE_DOWN_DEADLINE_ANNOTATION, condition, reason};
use tidegate_model::{Counts, Step};

use crate::conditions::Conditions;
use crate::context::Context;
use crate::steps::Position;

/// What became of the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// It does not run now.
    Off,
    /// It passes then.
    At(Timestamp),
    /// It has passed.
    Passed,
}

/// Sets `Progressing` and `Paused`.
pub(crate) fn report(
    context: &Context<'_>,
    position: &Position,
    counts: Counts,
    conditions: &mut Conditions,
) -> Deadline {
    let is_aborted = position.abort;
    let is_paused = context.rollout.paused || !position.pauses.is_empty();
    let progressing =
        |conditions: &Conditions| conditions.get(condition::PROGRESSING).map(|one| one.reason.clone());
    let name = context
        .new_set()
        .map_or_else(|| format!("{}-{}", context.rollout.name, context.new_hash), |set| set.name.clone());
    let is_promoted = is_promoted(position);

    if is_aborted {
        let revision = context.new_revision();
        let mut message = format!("Rollout aborted update to revision {revision}");
        // Aborted for that reason, as Argo Rollouts words it.
        if let Some(late) =
            conditions.get(condition::PROGRESSING).filter(|one| one.reason == reason::TIMED_OUT)
            && context.rollout.progress_deadline_abort
            && !context.status.abort
        {
            message = format!("{message}: {}", late.message);
        }
        if let Some(cause) = &position.abort_cause {
            message = format!("{message}: {cause}");
        }
        conditions.set_reason(condition::PROGRESSING, "False", reason::ABORTED, message);
    } else if progressing(conditions).as_deref() == Some(reason::ABORTED) && !is_restarting(context) {
        conditions.set(condition::PROGRESSING, "Unknown", reason::RETRY, "Retrying Rollout after abort");
    }

    // What is finished does not move, paused or not.
    let may_move = !is_aborted && !is_promoted;
    let paused = conditions.get(condition::PAUSED).map(|one| one.status == "True");
    if is_paused {
        conditions.set_reason(condition::PAUSED, "True", reason::PAUSED, "Rollout is paused");
        if may_move {
            conditions.set_reason(condition::PROGRESSING, "Unknown", reason::PAUSED, "Rollout is paused");
        }
    } else if let Some(was_paused) = paused {
        conditions.set_reason(condition::PAUSED, "False", reason::PAUSED, "Rollout is not paused");
        if was_paused && may_move {
            conditions.set(condition::PROGRESSING, "Unknown", reason::RESUMED, "Rollout is resumed");
        }
    }
    if is_paused || is_aborted {
        return Deadline::Off;
    }

    let replicas = context.rollout.replicas;
    if is_healthy(context, position, counts) {
        let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
        conditions.set_reason(condition::PROGRESSING, "True", reason::NEW_AVAILABLE, message);
        return Deadline::Off;
    }
    // Complete until now, perhaps for a long time: the deadline begins with the loss.
    let was_complete = conditions.get(condition::HEALTHY).is_some_and(|one| one.status == "True")
        || progressing(conditions).as_deref() == Some(reason::NEW_AVAILABLE);
    let current = progressing(conditions);
    if was_complete && is_promoted {
        let message = "Rollout does not have minimum availability";
        conditions.set(condition::PROGRESSING, "True", reason::NOT_AVAILABLE, message);
    } else if was_complete || has_progress(context, position, counts) {
        let message = format!("ReplicaSet \"{name}\" is progressing.");
        conditions.set(condition::PROGRESSING, "True", reason::UPDATED, message);
        conditions.refresh(condition::PROGRESSING);
    } else if context.new_set().is_none() && current.as_deref() != Some(reason::TIMED_OUT) {
        // Made by this pass. One that cannot be made is no progress however often that is tried.
        let message = format!("Created new replica set \"{name}\"");
        conditions.set_reason(condition::PROGRESSING, "True", reason::NEW_REPLICA_SET, message);
    } else if current.is_none() {
        let message = format!("Found new replica set \"{name}\"");
        conditions.set(condition::PROGRESSING, "True", reason::FOUND_REPLICA_SET, message);
    }
    let is_done_but_old_pods = is_promoted && counts.updated >= replicas && counts.available >= replicas;
    if is_done_but_old_pods || is_at_endless_step(context) || waits_for_old_pods(context) {
        return Deadline::Off;
    }
    let Some(current) = conditions.get(condition::PROGRESSING) else { return Deadline::Off };
    if current.reason == reason::TIMED_OUT {
        return Deadline::Passed;
    }
    let since = current.last_update_time.unwrap_or(context.now);
    let seconds = SignedDuration::from_secs(context.rollout.progress_deadline_seconds.max(0));
    let end = since.checked_add(seconds).unwrap_or(Timestamp::MAX);
    if end >= context.now {
        return Deadline::At(end);
    }
    let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
    conditions.set(condition::PROGRESSING, "False", reason::TIMED_OUT, message);
    Deadline::Passed
}

/// Whether the newest template is the stable one after this pass.
pub(crate) fn is_promoted(position: &Position) -> bool {
    !position.stable_rs.is_empty() && position.stable_rs == position.current_pod_hash
}

/// Whether the update is done to its last pod, and no other pods are left.
pub(crate) fn is_healthy(context: &Context<'_>, position: &Position, counts: Counts) -> bool {
    let replicas = context.rollout.replicas;
    is_promoted(position)
        && counts.updated == replicas
        && counts.available == replicas
        && counts.replicas == replicas
        && position.index.is_none_or(|index| index >= context.steps().len())
}

/// Whether the update stands at a step that takes as long as it takes.
fn is_at_endless_step(context: &Context<'_>) -> bool {
    match context.steps().get(context.index()) {
        Some(Step::Pause(_) | Step::Experiment(_) | Step::Analysis) => !context.is_fully_promoted(),
        _ => false,
    }
}

/// Whether pods of earlier templates are kept for a while.
fn waits_for_old_pods(context: &Context<'_>) -> bool {
    let mut kept = context.other_sets().filter(|set| set.desired > 0);
    kept.any(|set| object::annotation(&set.object, SCALE_DOWN_DEADLINE_ANNOTATION).is_some())
}

/// Whether this pass is the first of an update.
fn is_restarting(context: &Context<'_>) -> bool {
    context.status.current_pod_hash != context.new_hash
}

fn has_progress(context: &Context<'_>, position: &Position, counts: Counts) -> bool {
    let old = &context.status;
    let of_others = |counts: &Counts| counts.replicas.saturating_sub(counts.updated);
    counts.updated != old.counts.updated
        || of_others(&counts) < of_others(&old.counts)
        || counts.ready > old.counts.ready
        || counts.available > old.counts.available
        || position.stable_rs != old.stable_rs
        || position.index != old.current_step_index
        || position.current_step_hash != old.current_step_hash
        || position.current_pod_hash != old.current_pod_hash
}
