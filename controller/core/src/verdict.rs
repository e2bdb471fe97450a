//! What analyses and experiments mean for the update: go on, pause, or give up.

use serde_json::{Value, json};
use tidegate_analysis::Phase;
use tidegate_api::object;
use tidegate_model::NotedRun;
use tidegate_model::names::reason;

use crate::context::Context;
use crate::decision::Note;

/// What is to be done because of an analysis or an experiment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is said yet, or nothing against going on.
    #[default]
    Open,
    /// It was good.
    Good,
    /// It came to no conclusion: a person has to decide.
    Inconclusive,
    /// It went wrong; why, as the condition says.
    Bad(String),
}

impl Verdict {
    /// Of something in this phase, called `what` in the message, which says this.
    pub(crate) fn of(phase: Option<Phase>, what: &str, message: &str) -> Self {
        match phase {
            Some(Phase::Successful) => Self::Good,
            Some(Phase::Inconclusive) => Self::Inconclusive,
            Some(Phase::Failed | Phase::Error) if message.is_empty() => Self::Bad(what.to_owned()),
            Some(Phase::Failed | Phase::Error) => Self::Bad(format!("{what}: {message}")),
            _ => Self::Open,
        }
    }
}

/// Whether an object's status says that it is over.
pub(crate) fn is_over(object: &Value) -> bool {
    Phase::of(object).is_some_and(Phase::is_completed)
}

/// Whether it is asked to end.
pub(crate) fn is_ending(object: &Value) -> bool {
    object.pointer("/spec/terminate").and_then(Value::as_bool).unwrap_or_default()
}

/// Whether it is the Rollout's own.
pub(crate) fn is_own(context: &Context<'_>, object: &Value) -> bool {
    !context.rollout.uid.is_empty() && object::controller_uid(object) == Some(context.rollout.uid.as_str())
}

/// Whether it is the Rollout's own, not over, and nobody has asked it to end.
pub(crate) fn goes_on(context: &Context<'_>, object: &Value) -> bool {
    is_own(context, object) && !object::is_deleting(object) && !is_over(object) && !is_ending(object)
}

/// What a Rollout's status says of a run.
pub(crate) fn written(run: Option<&NotedRun>) -> Option<Value> {
    let run = run?;
    let mut value = json!({"name": run.name, "status": run.status});
    if let Some(fields) = value.as_object_mut().filter(|_| !run.message.is_empty()) {
        fields.insert("message".to_owned(), json!(run.message));
    }
    Some(value)
}

/// Tells that a run's phase has changed, as Argo Rollouts does.
pub(crate) fn told(kind: &str, before: Option<&NotedRun>, now: Option<&NotedRun>, notes: &mut Vec<Note>) {
    let Some(now) = now.filter(|now| !now.status.is_empty()) else { return };
    let previous = match before {
        Some(before) if before.name == now.name && before.status == now.status => return,
        Some(before) if before.name == now.name && !before.status.is_empty() => before.status.as_str(),
        _ => "NoPreviousStatus",
    };
    let message =
        format!("{kind} Analysis Run '{}' Status New: '{}' Previous: '{previous}'", now.name, now.status);
    let (reason, is_bad) = match Phase::read(&now.status) {
        Some(Phase::Successful) => (reason::RUN_SUCCESSFUL, false),
        Some(Phase::Failed) => (reason::RUN_FAILED, true),
        Some(Phase::Error) => (reason::RUN_ERROR, true),
        Some(Phase::Inconclusive) => (reason::RUN_INCONCLUSIVE, false),
        Some(Phase::Running) => (reason::RUN_RUNNING, false),
        _ => (reason::RUN_PENDING, false),
    };
    notes.push(if is_bad { Note::warning(reason, message) } else { Note::normal(reason, message) });
}
