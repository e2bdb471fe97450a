//! AnalysisRuns and their Jobs: begun for something that asks for it, measurements that stay, and verdicts that follow from them.

use serde_json::Value;
use tidegate_analysis::{Phase, ROLLOUT_TYPE_LABEL, STEP_INDEX_LABEL};
use tidegate_api::{Operation, object};
use tidegate_model::Step;

use super::destinations::owner;
use super::experiments::is_under_way;
use super::lab::reported;
use super::{Broken, LabScene, Scene, Verdict, Write};
use crate::facts::Facts;
use crate::lab::{Experiment, Lab};

/// A write of a run. `rollout`: that it belongs to.
pub(super) fn check(lab: &LabScene<'_>, rollout: Option<&Scene<'_>>, write: &Write<'_>) -> Verdict {
    match (&write.request.operation, write.before, write.after) {
        (Operation::Create { .. }, _, Some(after)) => made(lab, rollout, write, after),
        (Operation::Delete { .. }, Some(before), _) => deleted(lab, rollout, write, before),
        (_, Some(before), Some(after)) => changed(lab, rollout, write, before, after),
        _ => Ok(()),
    }
}

fn made(lab: &LabScene<'_>, rollout: Option<&Scene<'_>>, write: &Write<'_>, run: &Value) -> Verdict {
    let none =
        || Err(Broken("evidence-has-a-reason", format!("{} was made, and nothing asks for it", write.key)));
    if let Some(uid) = owner(run, "Experiment") {
        let is_due = |lab: &Lab| lab.experiment_with_uid(uid).is_some_and(Experiment::is_running);
        return if lab.any(is_due) { Ok(()) } else { none() };
    }
    let index: Option<usize> = object::label(run, STEP_INDEX_LABEL).and_then(|index| index.parse().ok());
    let is_step = object::label(run, ROLLOUT_TYPE_LABEL) == Some("Step");
    let is_due = |facts: &Facts| {
        let Some((spec, status)) = facts.spec().zip(facts.status()) else { return false };
        let at = status.current_step_index.unwrap_or_default();
        let is_asked_for = match index.filter(|_| is_step) {
            Some(index) => {
                matches!(spec.canary.steps.get(index), Some(Step::Analysis))
                    && (at == index || at.saturating_add(1) == index)
            }
            None => spec.canary.background_from.is_some(),
        };
        is_under_way(facts) && is_asked_for
    };
    if rollout.is_some_and(|scene| scene.any(is_due)) { Ok(()) } else { none() }
}

fn deleted(lab: &LabScene<'_>, rollout: Option<&Scene<'_>>, write: &Write<'_>, run: &Value) -> Verdict {
    let name = object::name(run);
    let is_over = |lab: &Lab| lab.run(name).is_none_or(|run| run.phase.is_some_and(Phase::is_completed));
    let is_ours = rollout.is_some() || run.pointer("/spec/ttlStrategy").is_some_and(Value::is_object);
    if is_ours && lab.any(is_over) {
        return Ok(());
    }
    Err(Broken("evidence-has-a-reason", format!("{} was deleted, and it is not over or not ours", write.key)))
}

fn changed(
    lab: &LabScene<'_>,
    rollout: Option<&Scene<'_>>,
    write: &Write<'_>,
    before: &Value,
    after: &Value,
) -> Verdict {
    let is_to_end = rollout.is_some() || owner(before, "Experiment").is_some();
    let Some([old, new]) = reported(lab, is_to_end, write, before, after)? else { return Ok(()) };
    for result in results(before) {
        measurements_stay(write, result, after)?;
    }
    if old != new && new.is_some_and(Phase::is_completed) {
        verdict(write, after, new)?;
    }
    Ok(())
}

/// A measurement that is over stays as it is, and counts.
fn measurements_stay(write: &Write<'_>, old: &Value, after: &Value) -> Verdict {
    let name = text(old, "name");
    let Some(new) = results(after).find(|result| text(result, "name") == name) else {
        return Err(Broken("measurements-stay", format!("{}: the metric {name} is gone", write.key)));
    };
    let taken = |result: &Value| ["count", "error"].iter().map(|field| number(result, field)).sum::<i64>();
    if taken(new) < taken(old) {
        let message = format!("{}: {name} had {} measurements and has {}", write.key, taken(old), taken(new));
        return Err(Broken("measurements-stay", message));
    }
    let mut over = list(old, "measurements").filter(|one| !is_open(one));
    let is_there = |one: &Value| list(new, "measurements").any(|other| other == one);
    // The oldest ones are dropped.
    if let Some(first) = over.find(|one| is_there(one))
        && let Some(lost) = over.find(|one| !is_there(one))
    {
        return Err(Broken(
            "measurements-stay",
            format!("{}: {name} kept {first} and lost {lost}", write.key),
        ));
    }
    Ok(())
}

/// What a run says about itself follows from what its metrics say.
fn verdict(write: &Write<'_>, run: &Value, said: Option<Phase>) -> Verdict {
    let is_ended = run.pointer("/spec/terminate").and_then(Value::as_bool) == Some(true);
    let counting =
        || results(run).filter(|result| result.get("dryRun").and_then(Value::as_bool) != Some(true));
    let worst = counting().filter_map(|result| Phase::read(text(result, "phase"))).max();
    let is_open =
        counting().any(|result| Phase::read(text(result, "phase")).is_none_or(|phase| !phase.is_completed()));
    let are_there = results(run).next().is_some();
    let is_true = match said {
        Some(Phase::Successful) => {
            !is_open && (is_ended || worst == Some(Phase::Successful) || counting().next().is_none())
        }
        // What cannot be read ends a run without anything being measured.
        Some(Phase::Error) if !are_there => true,
        _ => !is_open && worst == said,
    };
    if is_true {
        return Ok(());
    }
    Err(Broken("verdicts-follow", format!("{} is {said:?}, and its metrics are {worst:?}", write.key)))
}

/// A write of a Job.
pub(super) fn job(lab: &LabScene<'_>, write: &Write<'_>) -> Verdict {
    let Some(job) = write.before.or(write.after) else { return Ok(()) };
    let uid = owner(job, "AnalysisRun").unwrap_or_default();
    let is_new = write.before.is_none();
    let is_due = |lab: &Lab| {
        let mut runs = lab.runs.iter().filter(|run| object::uid(&run.object) == uid);
        runs.any(|run| !is_new || !run.phase.is_some_and(Phase::is_completed))
    };
    let is_change = write.before.is_some() && write.after.is_some();
    if !is_change && lab.any(is_due) {
        return Ok(());
    }
    Err(Broken("evidence-has-a-reason", format!("{} was made, changed or deleted for no run", write.key)))
}

fn results(run: &Value) -> impl Iterator<Item = &Value> {
    run.pointer("/status/metricResults").and_then(Value::as_array).into_iter().flatten()
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, field: &str) -> i64 {
    value.get(field).and_then(Value::as_i64).unwrap_or_default()
}

fn is_open(measurement: &Value) -> bool {
    Phase::read(text(measurement, "phase")).is_none_or(|phase| !phase.is_completed())
}
