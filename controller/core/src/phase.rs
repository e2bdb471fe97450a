//! `status.phase` and its message: the first of a fixed list of tests that holds. Health checks and the CLI show the messages,
//! so they are Argo Rollouts' own.

use tidegate_model::Counts;
use tidegate_model::names::{condition, phase, reason};

use crate::conditions::Conditions;
use crate::context::Context;
use crate::progress;
use crate::restart;
use crate::steps::Position;

/// Phase and message.
pub(crate) fn of(
    context: &Context<'_>,
    position: &Position,
    counts: Counts,
    conditions: &Conditions,
) -> (&'static str, String) {
    let is_promoted = progress::is_promoted(position);
    // A finished update waits for no plugin.
    let missing_plugin = context.missing_plugin().filter(|_| !is_promoted);
    for one in conditions.iter() {
        let is_late = one.reason == reason::TIMED_OUT;
        if one.kind == condition::INVALID_SPEC || one.reason == reason::ABORTED || is_late {
            let mut message = format!("{}: {}", one.reason, one.message);
            if let Some(missing) = missing_plugin.as_ref().filter(|_| is_late) {
                message = format!("{message} {missing}");
            }
            return (phase::DEGRADED, message);
        }
    }
    if context.rollout.paused {
        return (phase::PAUSED, "manually paused".to_owned());
    }
    if let Some(pause) = position.pauses.first() {
        return (phase::PAUSED, pause.reason.clone());
    }
    if let Some(missing) = missing_plugin {
        return (phase::PROGRESSING, missing);
    }
    if let Some(restarting) = restart::message(context, position) {
        return (phase::PROGRESSING, restarting);
    }
    let replicas = context.rollout.replicas;
    let progressing = |message: &str| (phase::PROGRESSING, message.to_owned());
    if counts.updated < replicas {
        return progressing("more replicas need to be updated");
    }
    if counts.available < counts.updated {
        return progressing("updated replicas are still becoming available");
    }
    if !context.is_routed && counts.replicas > counts.updated {
        return progressing("old replicas are pending termination");
    }
    if !is_promoted {
        return progressing("waiting for all steps to complete");
    }
    // Pods of the template before, which stay for their delay, do not make up for those that are missing here.
    if context.new_available() < counts.updated.min(replicas) {
        return progressing("updated replicas are still becoming available");
    }
    (phase::HEALTHY, String::new())
}
