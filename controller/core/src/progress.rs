//! Whether the update moves: the condition `Progressing` and its deadline.

use jiff::{SignedDuration, Timestamp};
use tidegate_model::names::{condition, reason};
use tidegate_model::{Counts, Step};

use crate::conditions::Conditions;
use crate::context::Context;
use crate::steps::Position;

/// Reason of `Progressing` while a finished update has lost pods (Argo Rollouts' own).
const NOT_AVAILABLE: &str = "ReplicaSetNotAvailable";

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
        conditions.set_reason(condition::PROGRESSING, "False", reason::ABORTED, message);
    } else if progressing(conditions).as_deref() == Some(reason::ABORTED) && !is_restarting(context) {
        conditions.set(condition::PROGRESSING, "Unknown", reason::RETRY, "Retrying Rollout after abort");
    }

    let was_paused = conditions.get(condition::PAUSED).is_some_and(|one| one.status == "True");
    if is_paused {
        conditions.set_reason(condition::PAUSED, "True", reason::PAUSED, "Rollout is paused");
        if !is_aborted {
            conditions.set_reason(condition::PROGRESSING, "Unknown", reason::PAUSED, "Rollout is paused");
        }
    } else {
        conditions.set_reason(condition::PAUSED, "False", reason::PAUSED, "Rollout is not paused");
        if was_paused && !is_aborted {
            conditions.set(condition::PROGRESSING, "Unknown", reason::RESUMED, "Rollout is resumed");
        }
    }
    if is_paused || is_aborted {
        return Deadline::Off;
    }

    let replicas = context.rollout.replicas;
    let is_promoted = !position.stable_rs.is_empty() && position.stable_rs == position.current_pod_hash;
    let is_complete = is_promoted
        && counts.updated == replicas
        && counts.available == replicas
        && counts.replicas == replicas;
    if is_complete {
        let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
        conditions.set_reason(condition::PROGRESSING, "True", reason::NEW_AVAILABLE, message);
        return Deadline::Off;
    }
    if has_progress(context, position, counts) {
        let message = format!("ReplicaSet \"{name}\" is progressing.");
        conditions.set(condition::PROGRESSING, "True", reason::UPDATED, message);
        conditions.refresh(condition::PROGRESSING);
    } else if progressing(conditions).as_deref() == Some(reason::NEW_AVAILABLE) && counts.available < replicas
    {
        // Complete until now, perhaps for a long time: the deadline begins with the loss.
        let message = "Rollout does not have minimum availability";
        conditions.set(condition::PROGRESSING, "True", NOT_AVAILABLE, message);
    } else if progressing(conditions).is_none_or(|old| old == reason::NEW_AVAILABLE) {
        let message = format!("ReplicaSet \"{name}\" is progressing.");
        conditions.set(condition::PROGRESSING, "True", reason::UPDATED, message);
    }
    let is_done_but_old_pods = is_promoted && counts.updated >= replicas && counts.available >= replicas;
    let is_at_pause = matches!(context.steps().get(context.index()), Some(Step::Pause(_))) && !is_promoted;
    if is_done_but_old_pods || is_at_pause {
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
