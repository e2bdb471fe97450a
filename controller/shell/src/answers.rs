//! Taking in answers: to reads, to writes, and to questions to routers.

use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ApiError, ObjectKey, object};
use tidegate_contract::Fault;
use tidegate_route::{Answer, WriteAction, tested_values_hold};

use crate::apply::{causes, is_unknown};
use crate::effect::{Effect, Report};
use crate::event::{Now, RequestId};
use crate::guard::Turn;
use crate::job::RouteAnswer;
use crate::memory::{RouteWriting, RouterMemory, UnderWay, WriteRefused};
use crate::observe::get;
use crate::queue::delay;
use crate::rbac;
use crate::routing::RouteWrite;
use crate::settings::Timing;
use crate::shell::Shell;
use crate::unknown_fields::unknown_fields;

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
        if self.cleaned(now, id, &result) {
            return;
        }
        if self.evidence.is_waiting_for(id) {
            self.evidence_answered(now, id, result, effects);
            return;
        }
        let Some((name, waiting)) = self.requests.finish(id) else { return };
        self.guarded(&name, now, effects, |shell, turn| shell.go_on(turn, id, result));
        for waiting in waiting {
            self.due(&waiting, now);
        }
    }

    fn go_on(&mut self, turn: &mut Turn<'_>, id: RequestId, result: Result<Value, ApiError>) {
        match turn.memory.under_way.take() {
            Some(UnderWay::Reading(mut reading)) => {
                if let Some(key) = reading.remove(&id) {
                    self.read_answered(turn, &key, result);
                }
                if reading.is_empty() {
                    self.advance(turn);
                } else {
                    turn.memory.under_way = Some(UnderWay::Reading(reading));
                }
            }
            Some(UnderWay::ReadingNamespace) => {
                // Where it may not be read, the deadline is all there is.
                let is_ending = result.is_ok_and(|namespace| object::is_deleting(&namespace));
                turn.memory.is_namespace_ending = Some(is_ending);
                self.advance(turn);
            }
            Some(UnderWay::RouteWriting(writing)) => self.route_answered(turn, *writing, result),
            Some(UnderWay::Writing { waiting, outcome }) => {
                self.wrote(turn, (id, result), waiting, outcome);
            }
            Some(UnderWay::Reporting { request, outcome }) => {
                self.reported(turn, result, *request, *outcome);
            }
            other => turn.memory.under_way = other,
        }
    }

    fn read_answered(&mut self, turn: &mut Turn<'_>, key: &ObjectKey, result: Result<Value, ApiError>) {
        match result {
            Ok(object) => {
                self.found(key, &object, turn.now);
                turn.memory.fences.read(key, Some(object::resource_version(&object)));
            }
            Err(error) if error.is_not_found() => {
                self.not_found(key, turn.now);
                turn.memory.fences.read(key, None);
            }
            Err(error) if error.is_transient() => {
                let timing = &self.settings.timing;
                turn.memory.fences.read_failed(key, |failures| delay(failures, timing), turn.now.monotonic);
            }
            // Not readable at all: the watch is all there is.
            Err(_) => turn.memory.fences.drop(key),
        }
    }

    /// A router was asked.
    pub(crate) fn routed(&mut self, now: Now, id: RequestId, answer: RouteAnswer, effects: &mut Vec<Effect>) {
        let Some((name, _)) = self.requests.finish(id) else { return };
        self.guarded(&name, now, effects, |shell, turn| {
            let Some(UnderWay::Asking(mut asking)) = turn.memory.under_way.take() else { return };
            if let Some(asked) = asking.remove(&id) {
                let RouteAnswer { features, answer } = answer;
                let router = turn.memory.router(&asked.router);
                router.set_ask_again(&answer, now, &shell.settings.timing);
                router.plugin_faults.note(asked.digest, &answer, now.monotonic);
                router.checked(&asked, features);
                router.answered(&asked, answer);
            }
            if !asking.is_empty() {
                turn.memory.under_way = Some(UnderWay::Asking(asking));
                return;
            }
            shell.depend(turn.name, turn.memory);
            shell.advance(turn);
        });
    }

    /// A write of a routed object was answered, or the read that found out why it was refused.
    fn route_answered(
        &mut self,
        turn: &mut Turn<'_>,
        mut writing: RouteWriting,
        result: Result<Value, ApiError>,
    ) {
        let write = &writing.current;
        match (writing.refused.take(), result) {
            (None, Ok(object)) => {
                self.note_written(turn, &write.request, &object);
                let router = turn.memory.router(&write.router);
                router.wrote(write, turn.now.monotonic);
                if !matches!(write.write.action, WriteAction::Delete { .. }) {
                    // Whoever waits to write it too makes that from what this write left.
                    self.found(&write.key, &object, turn.now);
                }
            }
            (None, Err(error)) => {
                turn.effects.push(Effect::Report(Report::WriteFailed {
                    rollout: turn.name.rollout_key(),
                    request: write.request.clone(),
                    error: error.clone(),
                }));
                if error.is_invalid() && self.leading && write.write.patch().is_some() {
                    // A test that failed, or a refusal by validation or a webhook? The object as it is tells.
                    let id = self.requests.start_write(turn.name, &write.key);
                    let request = get(&write.key, &write.request.resource);
                    turn.effects.push(Effect::Send { id, request });
                    writing.refused = Some(error);
                    turn.memory.under_way = Some(UnderWay::RouteWriting(Box::new(writing)));
                    return;
                }
                self.route_failed(turn, write, &error);
            }
            (Some(error), Ok(object)) => {
                if write.write.patch().is_none_or(|patch| tested_values_hold(patch, &object)) {
                    let again = turn.now.monotonic.saturating_add(self.settings.timing.fault_retry);
                    let router = turn.memory.router(&write.router);
                    router.reject(write, &error, again);
                } else {
                    self.route_failed(turn, write, &error);
                }
                self.found(&write.key, &object, turn.now);
            }
            (Some(_), Err(error)) => self.route_failed(turn, write, &error),
        }
        if !self.write_next_route(turn, writing.rest, writing.basis) {
            self.advance(turn);
        }
    }

    fn route_failed(&mut self, turn: &mut Turn<'_>, write: &RouteWrite, error: &ApiError) {
        let timing = &self.settings.timing;
        let now = turn.now.monotonic;
        let router = turn.memory.router(&write.router);
        let verb = write.request.verb();
        let about = format!("Could not {verb} {}: {}", write.write.reference, error.message);
        if error.is_missing_right() {
            let message = format!("{about}\n{}", rbac::allow(&write.request));
            router.refuse(write, "Forbidden", message, true, |_| now + delay(FORBIDDEN, timing));
        } else if error.is_invalid() && write.write.patch().is_none() {
            router.reject(write, error, now.saturating_add(timing.fault_retry));
        } else if error.code == 409 || error.is_not_found() || error.is_invalid() {
            router.refuse(write, "WritePending", about, false, |tries| now + race_delay(tries, timing));
        } else if error.is_transient() {
            let at_least = Duration::from_secs(error.retry_after.unwrap_or_default().into());
            router.refuse(write, "WritePending", about, false, |tries| {
                now + delay(tries, timing).max(at_least)
            });
        } else {
            router.reject(write, error, now.saturating_add(timing.fault_retry));
        }
        if error.is_not_found() {
            self.not_found(&write.key, turn.now);
        } else if error.code == 409 || is_unknown(error) {
            turn.memory.fences.unknown(write.key.clone(), write.request.resource.clone(), now);
        }
    }
}

/// Delay before a lost race is run again.
fn race_delay(tries: u32, timing: &Timing) -> Duration {
    match tries.saturating_sub(RACES) {
        0 => Duration::ZERO,
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
        again: impl FnOnce(u32) -> Duration,
    ) {
        let last = self.refused.get(&write.write.reference).filter(|last| last.intent == write.intent);
        let tries = last.map_or(0, |last| last.tries).saturating_add(1);
        let until = Some(again(tries));
        let refused =
            WriteRefused { intent: write.intent, edition: None, until, tries, needs_help, reason, message };
        self.refused.insert(write.write.reference.clone(), refused);
    }

    /// A write was refused, and would most probably be again as long as nothing changes; except where whoever refuses changes,
    /// which nothing tells.
    fn reject(&mut self, write: &RouteWrite, error: &ApiError, again: Duration) {
        let what = format!("{} {}", write.request.verb(), write.write.reference);
        let why = match unknown_fields(error) {
            Some(fields) => format!(
                "it does not know what is written: {fields}. Install newer custom resource definitions of {}, or \
                 leave out what needs the field",
                write.write.reference.kind
            ),
            None => format!("{}{}", error.message, causes(error)),
        };
        let message = format!(
            "The API server refuses to {what}: {why}. It is tried again when the object, the desired traffic, the \
             configuration or the plugin changes, and now and then."
        );
        let refused = WriteRefused {
            intent: write.intent,
            edition: Some(write.edition.clone()),
            until: Some(again),
            tries: 1,
            needs_help: true,
            reason: "WriteRejected",
            message,
        };
        self.refused.insert(write.write.reference.clone(), refused);
    }
}
