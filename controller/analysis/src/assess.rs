//! `assess`: the table of contents of the state machine.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_api::object;

use crate::answer::{Answer, Key};
use crate::argument::{Given, Secrets};
use crate::decision::{Decision, Effect, Note, NoteKind};
use crate::field::Field;
use crate::phase::Phase;
use crate::provider::job::JOB_NAME_KEY;
use crate::record::Recorder;
use crate::resolve::{self, Ready, Resolved};
use crate::schedule::{self, Next};
use crate::status::{MetricResult, Status};
use crate::{time, verdict};

/// What `assess` knows, besides the time.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The AnalysisRun as the API server has it, untouched.
    pub run: Arc<Value>,
    /// The entries of Secrets that were read.
    pub secrets: Secrets,
    /// What providers answered and no observed status has taken in yet, the oldest first.
    pub answers: Vec<Answer>,
}

/// What should be done about an AnalysisRun now, and what it should say about itself.
///
/// Total: whatever the run looks like, there is a decision. Every effect follows from what was observed; it may be carried out
/// before or after the status is written, or not at all.
pub fn assess(world: &World, now: Timestamp) -> Decision {
    let mut status = Status::read(&world.run);
    if object::is_deleting(&world.run) {
        return idle(&world.run, Vec::new(), None);
    }
    if status.is_completed() {
        return completed(&world.run, &status, now);
    }
    let spec = Field::new("spec", world.run.get("spec"));
    let given = match Given::read(&spec.get("args")) {
        Ok(given) => given,
        Err(error) => {
            return invalid(status, format!("Unable to resolve metric arguments: {error}"), now);
        }
    };
    let metrics = match resolve::metrics(&world.run, &given, &world.secrets) {
        Ok(metrics) => metrics,
        Err(message) => return invalid(status, message, now),
    };

    let is_asked_to_end = spec.get("terminate").value.as_bool().unwrap_or_default();
    let started_at = *status.started_at.get_or_insert(time::whole(now));
    let recorder = Recorder { run_uid: object::uid(&world.run), given: &given, secrets: &world.secrets };
    let mut notes = Vec::new();
    take_answers(world, &metrics, &recorder, &mut status);
    give_up(&metrics, &recorder, started_at, is_asked_to_end, &mut status, now);
    // One metric may end the run, and that may end others.
    for _ in 0..2 {
        let is_terminating = verdict::is_terminating(is_asked_to_end, &status);
        judge_metrics(&metrics, is_terminating, &mut status, &mut notes);
    }
    let (phase, message) = verdict::of_run(&metrics, is_asked_to_end, &mut status);
    if phase.is_completed() {
        status.completed_at = Some(time::whole(now));
        notes.push(note(phase, "AnalysisRun", format!("Analysis Completed. Result: {}", phase.name())));
    }
    status.phase = Some(phase);
    status.message = message;

    let mut effects = Vec::new();
    let mut wake_at = None;
    if !phase.is_completed() {
        let is_terminating = verdict::is_terminating(is_asked_to_end, &status);
        for resolved in &metrics {
            let result = status.result(&resolved.metric.name);
            let next = schedule::next(resolved, result, started_at, is_terminating, now);
            plan(resolved, result, next, &mut effects, &mut wake_at);
        }
    }
    trim(&metrics, &mut status, &mut effects);
    Decision {
        status: status.write(),
        effects,
        secrets: given.secrets.into_values().collect(),
        notes,
        wake_at,
    }
}

/// Takes in what was answered, in the order in which it was.
fn take_answers(world: &World, metrics: &[Resolved], recorder: &Recorder<'_>, status: &mut Status) {
    for answer in &world.answers {
        if let Some(resolved) = metrics.iter().find(|resolved| resolved.metric.name == answer.key.metric)
            && let Some(result) = status.result_mut(&answer.key.metric)
        {
            result.dry_run = resolved.is_dry_run;
            recorder.take(resolved, result, answer);
        }
    }
}

/// Ends measurements that nobody can take: of some nothing is known any more, others lack a secret.
fn give_up(
    metrics: &[Resolved],
    recorder: &Recorder<'_>,
    started_at: Timestamp,
    is_asked_to_end: bool,
    status: &mut Status,
    now: Timestamp,
) {
    let is_terminating = verdict::is_terminating(is_asked_to_end, status);
    for resolved in metrics {
        let name = &resolved.metric.name;
        let next = schedule::next(resolved, status.result(name), started_at, is_terminating, now);
        let failure = match (&next, &resolved.ready) {
            (Next::Lost, _) => "the measurement was under way and cannot be resumed; it is taken again",
            (Next::Measure, Ready::Error(why)) => why,
            _ => continue,
        };
        if let Some(result) = status.result_mut(name) {
            result.dry_run = resolved.is_dry_run;
            if next == Next::Lost && is_terminating {
                recorder.end(resolved, result, now);
            } else {
                recorder.fail(resolved, result, failure, now);
            }
        }
    }
}

fn judge_metrics(metrics: &[Resolved], is_terminating: bool, status: &mut Status, notes: &mut Vec<Note>) {
    for resolved in metrics {
        let name = &resolved.metric.name;
        let Some(result) = status.results.iter_mut().find(|result| result.name == *name) else { continue };
        result.dry_run = resolved.is_dry_run;
        let (phase, why) = verdict::of_metric(&resolved.metric, result, is_terminating);
        if result.phase == Some(phase) {
            continue;
        }
        result.phase = Some(phase);
        result.message = result.last().map(crate::status::Measurement::message).unwrap_or_default();
        if let Some(why) = why.filter(|_| resolved.is_dry_run) {
            result.message = format!("Metric assessed {} due to {why}", phase.name());
        }
        if phase.is_completed() {
            let message = format!("Metric '{name}' Completed. Result: {}", phase.name());
            // What decides nothing worries nobody.
            let kind = if resolved.is_dry_run { Phase::Successful } else { phase };
            notes.push(Note { reason: format!("Metric{}", phase.name()), ..note(kind, "Metric", message) });
        }
    }
}

/// What is to be done for a metric.
fn plan(
    resolved: &Resolved,
    result: Option<&MetricResult>,
    next: Next,
    effects: &mut Vec<Effect>,
    wake_at: &mut Option<Timestamp>,
) {
    let number = result.map_or(1, MetricResult::next_number);
    let key = Key { metric: resolved.metric.name.clone(), number };
    match next {
        Next::Measure => {
            if let Ready::Yes(metric) = &resolved.ready {
                effects.push(Effect::Measure { key, provider: Box::new(metric.provider.clone()) });
            }
        }
        Next::Resume(job) => effects.push(Effect::Resume { key, job }),
        Next::Terminate(job) => effects.push(Effect::Terminate { key, job }),
        Next::Wait(at) => *wake_at = Some(wake_at.map_or(at, |known| known.min(at))),
        Next::Nothing | Next::Lost => {}
    }
}

/// Forgets measurements that are too many, with their Jobs.
fn trim(metrics: &[Resolved], status: &mut Status, effects: &mut Vec<Effect>) {
    for resolved in metrics {
        let result = status.results.iter_mut().find(|result| result.name == resolved.metric.name);
        let Some(result) = result else { continue };
        let excess = result.measurements.len().saturating_sub(resolved.kept);
        for measurement in result.measurements.drain(..excess) {
            if let Some(job) = measurement.metadata(JOB_NAME_KEY).filter(|_| resolved.provider().is_lasting())
            {
                effects.push(Effect::DeleteJob { job: job.to_owned() });
            }
        }
    }
}

/// A run that cannot be acted on.
fn invalid(mut status: Status, message: String, now: Timestamp) -> Decision {
    status.started_at.get_or_insert(time::whole(now));
    status.completed_at = Some(time::whole(now));
    status.phase = Some(Phase::Error);
    status.message = message;
    let notes = vec![note(Phase::Error, "AnalysisRun", "Analysis Completed. Result: Error".to_owned())];
    Decision { status: status.write(), effects: Vec::new(), secrets: Vec::new(), notes, wake_at: None }
}

/// A run that is over: it stays as it is, until its time to live is over, too.
fn completed(run: &Value, status: &Status, now: Timestamp) -> Decision {
    let strategy = Field::new("spec.ttlStrategy", run.pointer("/spec/ttlStrategy"));
    let seconds =
        |field: &str| strategy.value.get(field).and_then(Value::as_i64).map(|seconds| seconds.max(0));
    let specific = match status.phase {
        Some(Phase::Successful) => seconds("secondsAfterSuccess"),
        Some(Phase::Failed | Phase::Error) => seconds("secondsAfterFailure"),
        _ => None,
    };
    let seconds = specific.or_else(|| seconds("secondsAfterCompletion"));
    match seconds.zip(status.completed_at).map(|(seconds, completed)| time::later(completed, seconds)) {
        Some(end) if end <= now => idle(run, vec![Effect::DeleteRun], None),
        end => idle(run, Vec::new(), end),
    }
}

/// A run whose status stays as it is.
fn idle(run: &Value, effects: Vec<Effect>, wake_at: Option<Timestamp>) -> Decision {
    let status = run.get("status").cloned().unwrap_or_default();
    Decision { status, effects, secrets: Vec::new(), notes: Vec::new(), wake_at }
}

fn note(phase: Phase, of: &str, message: String) -> Note {
    let kind =
        if matches!(phase, Phase::Failed | Phase::Error) { NoteKind::Warning } else { NoteKind::Normal };
    Note { kind, reason: format!("{of}{}", phase.name()), message }
}
