//! Taking in answers: to reads, to writes, and to questions to routers.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{ApiError, object};
use tidegate_contract::Fault;
use tidegate_route::{Answer, tested_values_hold};

use crate::apply::{causes, is_unknown};
use crate::effect::{Effect, Report};
use crate::event::{Now, RequestId};
use crate::memory::{Memory, RouteWrite, RouterMemory, UnderWay, WriteRefused};
use crate::name::Name;
use crate::pass::get;
use crate::queue::delay;
use crate::rbac;
use crate::settings::Timing;
use crate::shell::Shell;

/// A routed object that somebody else changes is written again at once so many times in a row.
const RACES: u32 = 3;

/// A write that was forbidden is tried again after this many failures' delay: nothing tells when the role changes.
const FORBIDDEN: u32 = 7;

impl Shell {
    /// A request was answered.
    pub(crate) fn answered(
        &mut self,
        now: Now,
        id: RequestId,
        result: Result<Value, ApiError>,
        effects: &mut Vec<Effect>,
    ) {
        let Some((name, waiting)) = self.requests.finish(id) else { return };
        self.guarded(&name, now, effects, |shell, memory, effects| {
            shell.go_on(&name, memory, (id, result), now, effects);
        });
        for waiting in waiting {
            self.due(&waiting, now);
        }
    }

    fn go_on(
        &mut self,
        name: &Name,
        memory: &mut Memory,
        (id, result): (RequestId, Result<Value, ApiError>),
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        match memory.under_way.take() {
            Some(UnderWay::Reading(mut reading)) => {
                if let Some(key) = reading.remove(&id) {
                    self.read_answered(memory, &key, result, now);
                }
                if reading.is_empty() {
                    self.advance(name, memory, now, effects);
                } else {
                    memory.under_way = Some(UnderWay::Reading(reading));
                }
            }
            Some(UnderWay::RouteWriting { current, refused: None, rest, version }) => {
                self.route_written(name, memory, *current, result, rest, version, now, effects);
            }
            Some(UnderWay::RouteWriting { current, refused: Some(error), rest, version }) => {
                self.route_checked(name, memory, *current, &error, result, rest, version, now, effects);
            }
            Some(UnderWay::Writing { waiting, outcome }) => {
                self.wrote(name, memory, (id, result), (waiting, outcome), now, effects);
            }
            Some(UnderWay::Reporting { request, outcome }) => {
                self.reported(name, memory, result, (*request, *outcome), now, effects);
            }
            other => memory.under_way = other,
        }
    }

    fn read_answered(
        &mut self,
        memory: &mut Memory,
        key: &tidegate_api::ObjectKey,
        result: Result<Value, ApiError>,
        now: Now,
    ) {
        match result {
            Ok(object) => {
                self.found(key, &object, now);
                memory.fences.read(key, Some(object::resource_version(&object)));
            }
            Err(error) if error.is_not_found() => {
                self.not_found(key, now);
                memory.fences.read(key, None);
            }
            Err(error) if error.is_transient() => {
                let timing = &self.settings.timing;
                memory.fences.read_failed(key, |failures| delay(failures, timing), now.monotonic);
            }
            // Not readable at all: the watch is all there is.
            Err(_) => memory.fences.drop(key),
        }
    }

    /// A router was asked.
    pub(crate) fn routed(&mut self, now: Now, id: RequestId, answer: Answer, effects: &mut Vec<Effect>) {
        let Some((name, waiting)) = self.requests.finish(id) else { return };
        self.guarded(&name, now, effects, |shell, memory, effects| {
            let Some(UnderWay::Asking(mut asking)) = memory.under_way.take() else { return };
            if let Some(asked) = asking.remove(&id) {
                let timing = &shell.settings.timing;
                let router = memory.routers.entry(asked.router.clone()).or_default();
                router.set_ask_again(&answer, now, timing);
                router.answered(&asked, answer);
            }
            if !asking.is_empty() {
                memory.under_way = Some(UnderWay::Asking(asking));
                return;
            }
            shell.depend(&name, memory);
            shell.advance(&name, memory, now, effects);
        });
        for waiting in waiting {
            self.due(&waiting, now);
        }
    }

    /// A write of a routed object was answered.
    fn route_written(
        &mut self,
        name: &Name,
        memory: &mut Memory,
        write: RouteWrite,
        result: Result<Value, ApiError>,
        rest: VecDeque<RouteWrite>,
        version: Arc<str>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        match result {
            Ok(object) => {
                self.note_written(name, memory, &write.request, &object, now, effects);
                let router = memory.routers.entry(write.router.clone()).or_default();
                router.wrote(&write, now.monotonic);
            }
            Err(error) => {
                effects.push(Effect::Report(Report::WriteFailed {
                    rollout: name.rollout_key(),
                    request: write.request.clone(),
                    error: error.clone(),
                }));
                if error.is_invalid() && self.leading {
                    // A test that failed, or a refusal by validation or a webhook? The object as it is tells.
                    let id = self.requests.start_write(name, &write.key);
                    let request = get(&write.key, &write.request.resource);
                    effects.push(Effect::Send { id, request });
                    let (current, refused) = (Box::new(write), Some(error));
                    memory.under_way = Some(UnderWay::RouteWriting { current, refused, rest, version });
                    return;
                }
                self.route_failed(memory, &write, &error, now);
            }
        }
        self.after_route_write(name, memory, rest, version, now, effects);
    }

    fn route_failed(&mut self, memory: &mut Memory, write: &RouteWrite, error: &ApiError, now: Now) {
        let timing = &self.settings.timing;
        let router = memory.routers.entry(write.router.clone()).or_default();
        let about = format!("Could not patch {}: {}", write.write.reference, error.message);
        if error.code == 403 {
            let message = format!("{about}\n{}", rbac::allow(&write.request));
            let again = now.monotonic.saturating_add(delay(FORBIDDEN, timing));
            router.refuse(write, "Forbidden", message, true, |_| Some(again));
        } else if error.code == 409 || error.is_not_found() || error.is_invalid() {
            router.refuse(write, "WritePending", about, false, |tries| {
                Some(now.monotonic + race_delay(tries, timing))
            });
        } else if error.is_transient() {
            let at_least = std::time::Duration::from_secs(error.retry_after.unwrap_or_default().into());
            router.refuse(write, "WritePending", about, false, |tries| {
                Some(now.monotonic.saturating_add(delay(tries, timing).max(at_least)))
            });
        } else {
            let message = format!("{about}{}", causes(error));
            router.refuse_edition(write, "WriteRejected", message);
        }
        if error.is_not_found() {
            self.not_found(&write.key, now);
        } else if error.code == 409 || is_unknown(error) {
            memory.fences.unknown(write.key.clone(), write.request.resource.clone(), now.monotonic);
        }
    }

    /// The object whose write was answered with 422 was read.
    fn route_checked(
        &mut self,
        name: &Name,
        memory: &mut Memory,
        write: RouteWrite,
        error: &ApiError,
        result: Result<Value, ApiError>,
        rest: VecDeque<RouteWrite>,
        version: Arc<str>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        match result {
            Ok(object) if tested_values_hold(&write.write.patch, &object) => {
                let message = format!(
                    "The API server refuses to change {}: {}{}. It is not tried again before the object, the \
                     desired traffic, the configuration or the plugin changes.",
                    write.write.reference,
                    error.message,
                    causes(error)
                );
                let router = memory.routers.entry(write.router.clone()).or_default();
                router.refuse_edition(&write, "WriteRejected", message);
                self.found(&write.key, &object, now);
            }
            Ok(object) => {
                self.route_failed(memory, &write, error, now);
                self.found(&write.key, &object, now);
            }
            Err(error) => self.route_failed(memory, &write, &error, now),
        }
        self.after_route_write(name, memory, rest, version, now, effects);
    }

    fn after_route_write(
        &mut self,
        name: &Name,
        memory: &mut Memory,
        rest: VecDeque<RouteWrite>,
        version: Arc<str>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        if !self.write_next_route(name, memory, rest, version, now, effects) {
            self.advance(name, memory, now, effects);
        }
    }
}

/// Delay before a lost race is run again.
fn race_delay(tries: u32, timing: &Timing) -> std::time::Duration {
    match tries.saturating_sub(RACES) {
        0 => std::time::Duration::ZERO,
        beyond => delay(beyond, timing),
    }
}

impl RouterMemory {
    /// When to ask the same question again, after this answer.
    fn set_ask_again(&mut self, answer: &Answer, now: Now, timing: &Timing) {
        let after = match answer {
            Answer::Fault(Fault { reason, .. }) if reason.is_plugins_fault() => {
                // The same input ends the same way; but limits change with a new version of the controller, and
                // the deadline behind the fuel depends on the machine.
                self.faults = 0;
                Some(timing.fault_retry)
            }
            Answer::Fault(_) => {
                self.faults = self.faults.saturating_add(1);
                Some(delay(self.faults, timing))
            }
            _ => {
                self.faults = 0;
                None
            }
        };
        self.ask_again = after.map(|after| now.monotonic.saturating_add(after));
    }

    /// A write did not go through, and is tried again at some time.
    fn refuse(
        &mut self,
        write: &RouteWrite,
        reason: &'static str,
        message: String,
        needs_help: bool,
        again: impl FnOnce(u32) -> Option<std::time::Duration>,
    ) {
        let last = self.refused.get(&write.write.reference).filter(|last| last.intent == write.intent);
        let tries = last.map_or(0, |last| last.tries).saturating_add(1);
        let until = again(tries);
        let refused =
            WriteRefused { intent: write.intent, edition: None, until, tries, needs_help, reason, message };
        self.refused.insert(write.write.reference.clone(), refused);
    }

    /// A write was refused, and will be as long as nothing changes.
    fn refuse_edition(&mut self, write: &RouteWrite, reason: &'static str, message: String) {
        let refused = WriteRefused {
            intent: write.intent,
            edition: Some(write.edition.clone()),
            until: None,
            tries: 1,
            needs_help: true,
            reason,
            message,
        };
        self.refused.insert(write.write.reference.clone(), refused);
    }
}
