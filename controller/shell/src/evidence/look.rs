//! One object's turn: what was decided about it is written, then its status, then its events are published.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_analysis::Key;
use tidegate_api::{ApiError, Body, ObjectKey, Operation, Request, builtin, object};
use tidegate_core::NoteKind;

use super::Kind;
use super::measuring::Measuring;
use crate::effect::{Effect, KubernetesEvent, Report};
use crate::event::{Now, RequestId};
use crate::guard::panic_message;
use crate::name::Name;
use crate::observe::get;
use crate::queue::Backoff;
use crate::rbac;
use crate::requests::key_of;
use crate::shell::Shell;
use crate::status::merge_patch;

/// An object that is being written for somebody else is tried again this soon.
const LOCKED: Duration = Duration::from_millis(50);

/// What is remembered of one object.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) uid: Arc<str>,
    /// The uid of what controls it.
    pub(super) owner: Option<Arc<str>>,
    /// What its turn waits for.
    pub(super) waiting: BTreeMap<RequestId, Waiting>,
    /// What follows when the writes are through.
    pub(super) finishing: Option<Box<Finishing>>,
    /// Something changed meanwhile.
    pub(super) again: bool,
    pub(super) backoff: Backoff,
    /// Services of others with names that its own should have, of an Experiment.
    pub(super) waits_for: BTreeSet<String>,
    /// Of an AnalysisRun.
    pub(super) measuring: Measuring,
    /// What was written last into the status, and the version that came of it.
    pub(super) written: Option<(String, Value)>,
    /// What was said last of writes that fail.
    pub(super) told: Option<String>,
}

/// What a request is for.
#[derive(Debug)]
pub(super) enum Waiting {
    /// A write that was decided; of the Job of this measurement, if it is one.
    Write(Request, Option<Key>),
    /// Finding out who has the name.
    Taken(ObjectKey),
    /// Reading this Secret.
    Secret(String),
    /// The status.
    Status,
}

/// What was decided about an object.
#[derive(Debug)]
pub(super) struct Plan {
    /// The object it was decided on.
    pub(super) object: Arc<Value>,
    /// Writes, with the measurements whose Jobs they make.
    pub(super) writes: Vec<(Request, Option<Key>)>,
    pub(super) status: Value,
    pub(super) notes: Vec<(NoteKind, String, String)>,
    pub(super) wake_at: Option<Timestamp>,
    /// So many answers of measurements are in the status.
    pub(super) answers: usize,
}

#[derive(Debug)]
pub(super) struct Finishing {
    plan: Plan,
    /// What is written into the status.
    change: Value,
    failure: Option<(Request, ApiError)>,
}

/// One object's turn.
pub(crate) struct Look<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a Name,
    pub(super) memory: &'a mut Memory,
    pub(super) now: Now,
    pub(super) effects: &'a mut Vec<Effect>,
}

impl Memory {
    pub(super) fn new(uid: Arc<str>) -> Self {
        Self { uid, ..Self::default() }
    }

    /// Whether its turn waits for something. Measurements hold up nothing.
    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Shell {
    /// Looks at an object.
    pub(super) fn look_at(&mut self, kind: Kind, name: &Name, now: Now, effects: &mut Vec<Effect>) {
        self.go_on_with(kind, name, now, effects, Self::look_again_at);
    }

    /// Does something for one object. When it panics, nothing of what it wanted happens; others are not concerned.
    pub(super) fn go_on_with(
        &mut self,
        kind: Kind,
        name: &Name,
        now: Now,
        effects: &mut Vec<Effect>,
        work: impl FnOnce(&mut Self, &mut Look<'_>),
    ) {
        let Some(mut memory) = self.evidence.lane(kind).take(name) else { return };
        let first = self.requests.next();
        let mut wanted = Vec::new();
        let mut look = Look { kind, name, memory: &mut memory, now, effects: &mut wanted };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(self, &mut look))) {
            wanted.clear();
            for waiting in self.requests.cancel_since(first) {
                self.due(&waiting, now);
            }
            self.evidence.under_way.retain(|id, _| *id < first);
            let mut backoff = memory.backoff.clone();
            backoff.failed(now.monotonic, None, &self.settings.timing);
            self.evidence.forgotten.extend(memory.measuring.asked());
            memory = Memory { backoff, owner: memory.owner.clone(), ..Memory::new(memory.uid.clone()) };
            let message = panic_message(panic.as_ref());
            let rollout = name.key(&kind.resource());
            wanted.push(Effect::Report(Report::Panicked { rollout, message }));
            memory.again = true;
        }
        effects.append(&mut wanted);
        let facts = self.caches.cache(kind.watch()).and_then(|cache| cache.facts(name));
        if facts.is_none_or(|facts| facts.uid != memory.uid) {
            // It turned out meanwhile that it is gone.
            self.evidence.forgotten.extend(memory.measuring.asked());
            return;
        }
        let is_due = memory.again && !memory.is_busy();
        memory.again &= !is_due;
        self.evidence.lane(kind).give(name, memory);
        if is_due {
            self.evidence.lane(kind).due(name, now.monotonic);
        }
    }

    fn look_again_at(&mut self, look: &mut Look<'_>) {
        if look.memory.is_busy() {
            look.memory.again = true;
            return;
        }
        let now = look.now.monotonic;
        if let Some(until) = look.memory.backoff.is_waiting(now) {
            self.evidence.lane(look.kind).queue.put(look.name, until);
            return;
        }
        let keep_parsed = self.settings.timing.parsed_objects;
        let cache = self.caches.cache_mut(look.kind.watch());
        let Some(object) = cache.and_then(|cache| cache.value(look.name, keep_parsed)) else { return };
        let plan = match look.kind {
            Kind::Experiment => Some(self.plan_experiment(look, object)),
            Kind::AnalysisRun => self.plan_run(look, object),
        };
        if let Some(plan) = plan {
            self.carry(look, plan);
        }
    }

    /// Carries out what was decided.
    fn carry(&mut self, look: &mut Look<'_>, mut plan: Plan) {
        let nobody = Name::nobody(&look.name.namespace);
        let mut keys = plan.writes.iter().map(|(request, _)| key_of(request));
        if keys.any(|key| self.requests.is_locked(&key, &nobody)) {
            let at = look.now.monotonic.saturating_add(LOCKED);
            self.evidence.lane(look.kind).queue.put(look.name, at);
            return;
        }
        let is_through = plan.writes.is_empty();
        for (request, measurement) in std::mem::take(&mut plan.writes) {
            self.write_for(look, request.clone(), Waiting::Write(request, measurement));
        }
        look.memory.finishing = Some(Box::new(Finishing { plan, change: Value::Null, failure: None }));
        if is_through {
            self.say(look);
        }
    }

    fn write_for(&mut self, look: &mut Look<'_>, request: Request, waiting: Waiting) {
        let id = self.requests.start_write(&Name::nobody(&look.name.namespace), &key_of(&request));
        self.wait_for(look, id, request, waiting);
    }

    /// Sends a read.
    pub(super) fn read_for(&mut self, look: &mut Look<'_>, request: Request, waiting: Waiting) {
        let id = self.requests.start(&Name::nobody(&look.name.namespace));
        self.wait_for(look, id, request, waiting);
    }

    fn wait_for(&mut self, look: &mut Look<'_>, id: RequestId, request: Request, waiting: Waiting) {
        self.evidence.under_way.insert(id, (look.kind, look.name.clone()));
        look.memory.waiting.insert(id, waiting);
        look.effects.push(Effect::Send { id, request });
    }

    /// A request was answered.
    pub(super) fn look_answered(
        &mut self,
        look: &mut Look<'_>,
        id: RequestId,
        result: Result<Value, ApiError>,
    ) {
        if !self.conducts() {
            // What follows is for whoever leads now.
            look.memory.waiting.remove(&id);
            look.memory.finishing = None;
            return;
        }
        match look.memory.waiting.remove(&id) {
            None => return,
            Some(Waiting::Write(request, measurement)) => self.wrote_for(look, request, measurement, result),
            Some(Waiting::Taken(key)) => match result {
                Ok(object) => self.found(&key, &object, look.now),
                Err(error) if error.is_not_found() => self.not_found(&key, look.now),
                Err(_) => {}
            },
            Some(Waiting::Secret(name)) => match result {
                Err(error) if error.is_transient() => {
                    let timing = &self.settings.timing;
                    look.memory.backoff.failed(look.now.monotonic, error.retry_after, timing);
                }
                Err(error) => {
                    let resource = builtin::secrets();
                    let read = get(&ObjectKey::new(&resource, &look.name.namespace, &name), &resource);
                    let hint = if error.is_missing_right() { rbac::allow(&read) } else { String::new() };
                    let why = format!("Secret \"{name}\" cannot be read: {} {hint}", error.message);
                    look.memory.measuring.read_secret(
                        &name,
                        Err(why.trim_end().to_owned()),
                        look.now.monotonic,
                    );
                }
                Ok(object) => {
                    look.memory.measuring.read_secret(&name, Ok(object), look.now.monotonic);
                }
            },
            Some(Waiting::Status) => {
                self.said(look, result);
                return;
            }
        }
        if look.memory.is_busy() {
            return;
        }
        match look.memory.finishing.take() {
            Some(finishing) if finishing.failure.is_none() => {
                look.memory.finishing = Some(finishing);
                self.say(look);
            }
            // After a failure, or a read: from the beginning.
            _ => look.memory.again = true,
        }
    }

    fn wrote_for(
        &mut self,
        look: &mut Look<'_>,
        request: Request,
        measurement: Option<Key>,
        result: Result<Value, ApiError>,
    ) {
        let key = key_of(&request);
        let is_delete = matches!(request.operation, Operation::Delete { .. });
        match result {
            Ok(object) => {
                if is_delete && !object::is_deleting(&object) {
                    self.not_found(&key, look.now);
                } else {
                    self.found(&key, &object, look.now);
                }
                let rollout = look.name.key(&look.kind.resource());
                look.effects.push(Effect::Report(Report::Wrote { rollout, request }));
            }
            Err(error) if is_delete && error.is_not_found() => self.not_found(&key, look.now),
            Err(error) => {
                let rollout = look.name.key(&look.kind.resource());
                look.effects.push(Effect::Report(Report::WriteFailed {
                    rollout,
                    request: request.clone(),
                    error: error.clone(),
                }));
                let timing = &self.settings.timing;
                let now = look.now.monotonic;
                if error.is_already_exists() {
                    look.memory.backoff.lost_race(now, timing);
                    let read = get(&key, &request.resource);
                    self.read_for(look, read, Waiting::Taken(key));
                } else if error.is_not_found() {
                    look.memory.backoff.lost_race(now, timing);
                    self.not_found(&key, look.now);
                } else if error.code == 409 {
                    look.memory.backoff.lost_race(now, timing);
                } else if let Some(measurement) = measurement.filter(|_| !error.is_transient()) {
                    let hint = if error.is_missing_right() { rbac::allow(&request) } else { String::new() };
                    let message = format!("the Job cannot be created: {} {hint}", error.message);
                    look.memory.measuring.failed(measurement, look.now.wall, message.trim_end());
                } else {
                    look.memory.backoff.failed(now, error.retry_after, timing);
                    self.tell_failure(look, &request, &error);
                }
                if let Some(finishing) = &mut look.memory.finishing {
                    finishing.failure = Some((request, error));
                }
            }
        }
    }

    /// Says once that something cannot be written.
    fn tell_failure(&mut self, look: &mut Look<'_>, request: &Request, error: &ApiError) {
        let key = key_of(request);
        let hint = if error.is_missing_right() { rbac::allow(request) } else { String::new() };
        let message = format!("Could not {} {key}: {} {hint}", request.verb(), error.message);
        let message = message.trim_end().to_owned();
        if look.memory.told.as_ref() == Some(&message) {
            return;
        }
        look.memory.told = Some(message.clone());
        let keep_parsed = self.settings.timing.parsed_objects;
        let cache = self.caches.cache_mut(look.kind.watch());
        let Some(regarding) = cache.and_then(|cache| cache.value(look.name, keep_parsed)) else { return };
        let reason = "WriteFailed".to_owned();
        let event = KubernetesEvent { regarding, kind: NoteKind::Warning, reason, message };
        look.effects.push(Effect::Publish(event));
    }

    /// Writes the status, if it differs.
    fn say(&mut self, look: &mut Look<'_>) {
        let Some(mut finishing) = look.memory.finishing.take() else { return };
        let plan = &finishing.plan;
        let old = plan.object.get("status").cloned().unwrap_or_else(|| json!({}));
        let Some(change) = merge_patch(&old, &plan.status) else {
            self.end(look, *finishing, false);
            return;
        };
        let resource = look.kind.resource();
        let key = look.name.key(&resource);
        if self.requests.is_locked(&key, &Name::nobody(&look.name.namespace)) {
            let at = look.now.monotonic.saturating_add(LOCKED);
            self.evidence.lane(look.kind).queue.put(look.name, at);
            return;
        }
        let version = object::resource_version(&plan.object);
        if look.memory.written.as_ref().is_some_and(|(seen, last)| *seen == version && *last == change) {
            // The server took this very change a moment ago and did not keep it: its schema does not know a field. Writing it for
            // ever would not help.
            self.end(look, *finishing, false);
            return;
        }
        let request = Request {
            resource,
            namespace: Some(look.name.namespace.to_string()),
            operation: Operation::Patch {
                name: look.name.name.to_string(),
                // Their definitions have no such subresource (Argo Rollouts).
                subresource: None,
                body: Body::Merge(json!({"metadata": {"resourceVersion": version}, "status": change})),
            },
        };
        finishing.change = change;
        look.memory.finishing = Some(finishing);
        self.write_for(look, request, Waiting::Status);
    }

    /// The write of the status was answered.
    fn said(&mut self, look: &mut Look<'_>, result: Result<Value, ApiError>) {
        let Some(finishing) = look.memory.finishing.take() else { return };
        let key = look.name.key(&look.kind.resource());
        let now = look.now.monotonic;
        match result {
            Ok(object) => {
                self.found(&key, &object, look.now);
                look.memory.backoff.reset();
                look.memory.told = None;
                look.memory.written =
                    Some((object::resource_version(&object).to_owned(), finishing.change.clone()));
                self.end(look, *finishing, true);
                // What was written may have to be followed by something else.
                look.memory.again = true;
            }
            Err(error) if error.is_not_found() => self.not_found(&key, look.now),
            Err(error) => {
                let timing = &self.settings.timing;
                if error.code == 409 {
                    look.memory.backoff.lost_race(now, timing);
                } else {
                    look.memory.backoff.failed(now, error.retry_after, timing);
                }
                look.memory.again = true;
            }
        }
    }

    /// The turn is over: when is the next?
    fn end(&mut self, look: &mut Look<'_>, finishing: Finishing, is_written: bool) {
        let Finishing { plan, .. } = finishing;
        look.memory.measuring.noted(plan.answers);
        if is_written {
            for (kind, reason, message) in plan.notes {
                let regarding = plan.object.clone();
                look.effects.push(Effect::Publish(KubernetesEvent { regarding, kind, reason, message }));
            }
        }
        if let Some(at) = plan.wake_at {
            let wait = at.duration_since(look.now.wall);
            let wait = Duration::try_from(wait).unwrap_or_default();
            let at = look.now.monotonic.saturating_add(wait);
            self.evidence.lane(look.kind).queue.at_latest(look.name, at);
        }
    }
}
