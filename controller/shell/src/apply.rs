//! Carrying out a decision: its writes, then the status that reports them, then the events that tell of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, ObjectKey, Operation, Request, builtin, object};
use tidegate_core::{Decision, NoteKind, World};
use tidegate_model::names::reason;

use crate::effect::{Effect, KubernetesEvent, Report};
use crate::event::{Now, RequestId};
use crate::fence::Passage;
use crate::guard::Turn;
use crate::memory::{Applying, Told, UnderWay};
use crate::pods::{is_about_a_pod, is_eviction};
use crate::rbac;
use crate::requests::key_of;
use crate::routing::earlier;
use crate::shell::Shell;
use crate::status::{Condition, Trouble, merge_patch, says_cannot_make, with_trouble};

/// A decision that is to be carried out.
pub(crate) struct Decided {
    /// What it was made on.
    pub(crate) world: World,
    pub(crate) decision: Decision,
    /// When to look again for the routers' sake.
    pub(crate) wake: Option<Duration>,
}

/// What should be done about a failed write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Remedy {
    /// Look again: somebody was faster.
    Look,
    /// Try again later.
    Wait,
    /// Somebody has to do something.
    Help,
}

/// Pods are evicted again this long after a budget refused it (Argo Rollouts).
const EVICTION_REFUSED: Duration = Duration::from_secs(30);

/// After so many failures in a row the Rollout says what fails, although it may still be over by itself.
const PATIENCE: u32 = 3;

impl Shell {
    /// Carries out a decision.
    pub(crate) fn apply(&mut self, turn: &mut Turn<'_>, decided: Decided) {
        let Decided { world, decision, wake } = decided;
        turn.memory.rounds = 0;
        // All or nothing: the status reports what this decision writes.
        let keys: Vec<ObjectKey> = decision.writes.iter().map(key_of).collect();
        if keys.iter().any(|key| self.requests.is_locked(key, turn.name)) {
            return;
        }
        let version = object::resource_version(&world.rollout).into();
        let mut waiting = BTreeMap::new();
        for (request, key) in decision.writes.iter().zip(&keys) {
            let id = self.requests.start_write(turn.name, key);
            turn.memory.budget.spend();
            turn.effects.push(Effect::Send { id, request: request.clone() });
            waiting.insert(id, request.clone());
        }
        let outcome = Applying {
            rollout: world.rollout,
            decision,
            routing: world.routing,
            wake,
            version,
            failure: None,
            status: Arc::new(Value::Null),
            change: None,
        };
        if waiting.is_empty() {
            self.report(turn, outcome);
        } else {
            turn.memory.under_way = Some(UnderWay::Writing { waiting, outcome: Box::new(outcome) });
        }
    }

    /// Ends a pass without any write.
    pub(crate) fn finish_without_writing(&mut self, turn: &mut Turn<'_>, decided: Decided) {
        let Decided { world, decision, wake } = decided;
        turn.memory.rounds = 0;
        let outcome = Applying {
            version: object::resource_version(&world.rollout).into(),
            rollout: world.rollout,
            status: Arc::new(decision.status.clone()),
            decision,
            routing: world.routing,
            wake,
            failure: None,
            change: None,
        };
        self.finish(turn, outcome);
    }

    /// One of a decision's writes was answered.
    pub(crate) fn wrote(
        &mut self,
        turn: &mut Turn<'_>,
        (id, result): (RequestId, Result<Value, ApiError>),
        mut waiting: BTreeMap<RequestId, Request>,
        mut outcome: Box<Applying>,
    ) {
        let Some(request) = waiting.remove(&id) else { return };
        match result {
            Ok(object) => {
                self.note_written(turn, &request, &object);
                if key_of(&request) == turn.name.rollout_key()
                    && (is_on(&request, &outcome.version) || is_otherwise_the_same(&outcome.rollout, &object))
                {
                    outcome.version = object::resource_version(&object).into();
                }
            }
            // A budget may refuse for a long time; everything else goes on meanwhile.
            Err(error) if is_eviction(&request) && error.code == 429 => {
                self.note_failed(turn, &request, &error);
                let asked = Duration::from_secs(error.retry_after.unwrap_or_default().into());
                let wait = asked.max(EVICTION_REFUSED);
                turn.memory.evicts_from = Some(turn.now.monotonic.saturating_add(wait));
            }
            // Gone by itself.
            Err(error) if is_about_a_pod(&request) && error.is_not_found() => {
                self.note_failed(turn, &request, &error);
            }
            Err(error) => {
                let remedy = self.note_failed(turn, &request, &error);
                let worst = outcome.failure.as_ref().map(|(request, error)| remedy_for(request, error));
                if worst.is_none_or(|worst| worst < remedy) {
                    outcome.failure = Some((request, error));
                }
            }
        }
        if !waiting.is_empty() {
            turn.memory.under_way = Some(UnderWay::Writing { waiting, outcome });
        } else if self.leading {
            self.report(turn, *outcome);
        }
    }

    /// Says on the Rollout what should be said.
    fn report(&mut self, turn: &mut Turn<'_>, mut outcome: Applying) {
        let trouble = match &outcome.failure {
            Some((request, error)) => {
                let remedy = remedy_for(request, error);
                match remedy {
                    Remedy::Look => turn.memory.backoff.lost_race(turn.now.monotonic, &self.settings.timing),
                    Remedy::Wait | Remedy::Help => {
                        turn.memory.backoff.failed(
                            turn.now.monotonic,
                            error.retry_after,
                            &self.settings.timing,
                        );
                    }
                }
                let tell = remedy == Remedy::Help || turn.memory.backoff.failures >= PATIENCE;
                // What was wrong before is not known to be over.
                tell.then(|| trouble_with(request, error)).or_else(|| turn.memory.trouble.take())
            }
            None => None,
        };
        let old = status_of(&outcome.rollout);
        // Of a decision that was not carried out nothing is reported.
        let status = if outcome.failure.is_some() { old.clone() } else { outcome.decision.status.clone() };
        let status = with_trouble(status, trouble.as_ref(), turn.now.wall);
        if let Some(message) = trouble.as_ref().and_then(|one| one.cannot_make.clone())
            && !says_cannot_make(&old)
        {
            turn.effects.push(Effect::Publish(KubernetesEvent {
                regarding: outcome.rollout.clone(),
                kind: NoteKind::Warning,
                reason: reason::CREATE_FAILED.to_owned(),
                message,
            }));
        }
        turn.memory.trouble = trouble;
        outcome.change = merge_patch(&old, &status);
        outcome.status = Arc::new(status);
        self.write_status(turn, outcome);
    }

    /// Says on the Rollout that something is wrong, and nothing else.
    pub(crate) fn report_trouble(&mut self, turn: &mut Turn<'_>) {
        let Some(rollout) = self.rollout(turn.name) else { return };
        if !self.leading || self.requests.is_locked(&turn.name.rollout_key(), turn.name) {
            return;
        }
        let old = status_of(&rollout);
        let status = with_trouble(old.clone(), turn.memory.trouble.as_ref(), turn.now.wall);
        let decision = Decision {
            writes: Vec::new(),
            traffic: None,
            status: status.clone(),
            notes: Vec::new(),
            wake_at: None,
        };
        let outcome = Applying {
            version: object::resource_version(&rollout).into(),
            change: merge_patch(&old, &status),
            rollout,
            decision,
            routing: None,
            wake: None,
            // No failure of a write, but nothing was decided either: `finish` must not take it for a success.
            failure: None,
            status: Arc::new(status),
        };
        if outcome.change.is_some() {
            self.write_status(turn, outcome);
        }
    }

    fn write_status(&mut self, turn: &mut Turn<'_>, outcome: Applying) {
        let Some(change) = outcome.change.clone() else {
            self.publish(turn, &outcome, false);
            self.finish(turn, outcome);
            return;
        };
        if turn.memory.told.version == outcome.version && turn.memory.told.status.as_ref() == Some(&change) {
            // The server took this very change a moment ago and did not keep it: its schema does not know a
            // field. Writing it for ever would not help.
            self.publish(turn, &outcome, false);
            self.finish(turn, outcome);
            return;
        }
        if self.requests.is_locked(&turn.name.rollout_key(), turn.name) {
            return;
        }
        let request = Request {
            resource: builtin::rollouts(),
            namespace: Some(turn.name.namespace.to_string()),
            operation: Operation::Patch {
                name: turn.name.name.to_string(),
                subresource: Some("status".to_owned()),
                body: Body::Merge(
                    json!({"metadata": {"resourceVersion": &*outcome.version}, "status": change}),
                ),
            },
        };
        let id = self.requests.start_write(turn.name, &turn.name.rollout_key());
        turn.memory.budget.spend();
        turn.effects.push(Effect::Send { id, request: request.clone() });
        turn.memory.under_way =
            Some(UnderWay::Reporting { request: Box::new(request), outcome: Box::new(outcome) });
    }

    /// The write of the status was answered.
    pub(crate) fn reported(
        &mut self,
        turn: &mut Turn<'_>,
        result: Result<Value, ApiError>,
        request: Request,
        mut outcome: Applying,
    ) {
        match result {
            Ok(object) => {
                self.note_written(turn, &request, &object);
                turn.memory.told = Told {
                    version: object::resource_version(&object).into(),
                    status: outcome.change.take(),
                    ..Told::default()
                };
                self.publish(turn, &outcome, true);
            }
            Err(error) => {
                let timing = &self.settings.timing;
                match remedy_for(&request, &error) {
                    Remedy::Look => turn.memory.backoff.lost_race(turn.now.monotonic, timing),
                    Remedy::Wait | Remedy::Help => {
                        turn.memory.backoff.failed(turn.now.monotonic, error.retry_after, timing);
                    }
                }
                self.note_failed(turn, &request, &error);
                outcome.failure = Some((request, error));
            }
        }
        self.finish(turn, outcome);
    }

    /// Publishes a decision's events. Those that go with no status write are said once for each state of the
    /// Rollout, because the next look at it would make the same decision.
    fn publish(&self, turn: &mut Turn<'_>, outcome: &Applying, is_written: bool) {
        if outcome.failure.is_some() || !self.leading && !is_written {
            return;
        }
        if !is_written && turn.memory.told.version != outcome.version {
            turn.memory.told = Told { version: outcome.version.clone(), ..Told::default() };
        }
        for note in &outcome.decision.notes {
            let is_new = turn.memory.told.notes.insert((note.reason, note.message.clone()));
            if !is_written && !is_new {
                continue;
            }
            turn.effects.push(Effect::Publish(KubernetesEvent {
                regarding: outcome.rollout.clone(),
                kind: note.kind,
                reason: note.reason.to_owned(),
                message: note.message.clone(),
            }));
        }
    }

    /// The pass is over: when is the next?
    fn finish(&mut self, turn: &mut Turn<'_>, outcome: Applying) {
        turn.memory.under_way = None;
        let is_panic =
            turn.memory.trouble.as_ref().is_some_and(|one| one.condition == Condition::InternalError);
        let failed = outcome.failure.is_some() || is_panic;
        if !failed {
            turn.memory.backoff.reset();
        }
        turn.memory.wakes_by_clock = outcome.decision.wake_at.is_some();
        let next = if failed {
            turn.memory.backoff.is_waiting(turn.now.monotonic).unwrap_or(turn.now.monotonic)
        } else if turn.memory.again {
            turn.now.monotonic
        } else {
            let resync = turn.now.monotonic.saturating_add(self.settings.timing.resync);
            let soonest = turn.now.monotonic.saturating_add(SHORTEST_SLEEP);
            let wake = earlier(outcome.wake, until(turn.now, &outcome.decision));
            let wake = wake.map_or(resync, |at| at.clamp(soonest, resync.max(soonest)));
            match self.passage(turn.memory, turn.now) {
                Passage::Free => wake,
                Passage::Wait(at) => wake.min(at),
                Passage::Read(_) => turn.now.monotonic,
            }
        };
        self.queue.put(turn.name, next);
        if !is_panic {
            turn.effects.push(Effect::Report(Report::Pass {
                rollout: turn.name.rollout_key(),
                status: outcome.status,
                routing: outcome.routing,
                wake_in: Some(next.saturating_sub(turn.now.monotonic)),
            }));
        }
    }

    /// A write went through.
    pub(crate) fn note_written(&mut self, turn: &mut Turn<'_>, request: &Request, object: &Value) {
        let key = key_of(request);
        let ceiling = turn.now.monotonic.saturating_add(self.settings.timing.fence_ceiling);
        let resource = request.resource.clone();
        match &request.operation {
            Operation::Delete { preconditions, .. } => {
                let uid = preconditions.uid.as_deref().unwrap_or_else(|| object::uid(object));
                turn.memory.fences.deleted(key, resource, uid, ceiling);
            }
            // The answer does not have the pod, which goes when it is ready to: it is read to see that it is on its way.
            Operation::Evict { .. } => turn.memory.fences.unknown(key, resource, turn.now.monotonic),
            _ => turn.memory.fences.wrote(key, resource, object::resource_version(object), ceiling),
        }
        turn.effects.push(Effect::Report(Report::Wrote {
            rollout: turn.name.rollout_key(),
            request: request.clone(),
        }));
    }

    /// A write failed; makes sure that what it was about is looked at again.
    pub(crate) fn note_failed(&mut self, turn: &mut Turn<'_>, request: &Request, error: &ApiError) -> Remedy {
        let key = key_of(request);
        let remedy = remedy_for(request, error);
        if error.is_not_found() {
            self.not_found(&key, turn.now);
        } else if remedy == Remedy::Look || is_unknown(error) {
            turn.memory.fences.unknown(key, request.resource.clone(), turn.now.monotonic);
        }
        turn.effects.push(Effect::Report(Report::WriteFailed {
            rollout: turn.name.rollout_key(),
            request: request.clone(),
            error: error.clone(),
        }));
        remedy
    }
}

/// Whether a failed request may have been carried out all the same.
pub(crate) fn is_unknown(error: &ApiError) -> bool {
    matches!(error.code, 0 | 408 | 500 | 502 | 504)
}

/// What to do about a failed write.
pub(crate) fn remedy_for(request: &Request, error: &ApiError) -> Remedy {
    let tests = matches!(&request.operation, Operation::Patch { body: Body::Json(_), .. });
    if error.code == 409 || error.is_not_found() && !matches!(request.operation, Operation::Create { .. }) {
        Remedy::Look
    } else if error.is_invalid() && tests {
        // Most probably a test in the patch; if not, looking again does not help, and the back-off tells.
        Remedy::Look
    } else if error.is_transient() {
        Remedy::Wait
    } else {
        Remedy::Help
    }
}

fn trouble_with(request: &Request, error: &ApiError) -> Trouble {
    let mut message = format!("Could not {} {}: {}", request.verb(), key_of(request), error.message);
    let reason = if error.is_missing_right() {
        message = format!("{message}\n{}", rbac::allow(request));
        "Forbidden"
    } else if remedy_for(request, error) == Remedy::Help || error.is_invalid() {
        message.push_str(&causes(error));
        "WriteRejected"
    } else {
        "ApiServerError"
    };
    let cannot_make = match &request.operation {
        Operation::Create { object } if request.resource == builtin::replica_sets() => {
            Some(format!("Failed to create new replica set \"{}\": {}", object::name(object), error.message))
        }
        _ => None,
    };
    Trouble { condition: Condition::WriteFailed, reason: reason.to_owned(), message, cannot_make }
}

/// What a server says is wrong, field by field.
pub(crate) fn causes(error: &ApiError) -> String {
    let mut text = String::new();
    for cause in error.causes.iter().filter(|cause| !error.message.contains(&cause.message)) {
        text.extend(["; ", &cause.field, ": ", &cause.message]);
    }
    text
}

fn status_of(rollout: &Value) -> Value {
    rollout.get("status").cloned().unwrap_or_else(|| json!({}))
}

/// Whether a patch says that it is for this version of the object.
fn is_on(request: &Request, version: &str) -> bool {
    let Operation::Patch { body: Body::Merge(patch), .. } = &request.operation else { return false };
    object::resource_version(patch) == version
}

/// Whether a Rollout after our write is the one that was decided on, but for what we wrote: then its status may
/// be written at once.
fn is_otherwise_the_same(before: &Value, after: &Value) -> bool {
    before.get("spec") == after.get("spec") && before.get("status") == after.get("status")
}

/// Not less than this passes between two looks at a Rollout to which nothing happened: whatever asks for the past
/// would be asked for ever.
const SHORTEST_SLEEP: Duration = Duration::from_millis(100);

/// When a decision wants to be made again.
fn until(now: Now, decision: &Decision) -> Option<Duration> {
    let left = decision.wake_at?.duration_since(now.wall);
    Some(now.monotonic.saturating_add(Duration::try_from(left).unwrap_or_default()))
}
