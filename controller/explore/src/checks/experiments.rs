//! Experiments and what they control: made for a step that asks for it, over for good, and gone only when nothing is sent there.

use serde_json::Value;
use tidegate_analysis::Phase;
use tidegate_api::{Operation, object};
use tidegate_model::Step;
use tidegate_model::names::{HASH_LABEL, SCALE_DOWN_DEADLINE_ANNOTATION};

use super::destinations::{is_any_fed, services_of};
use super::lab::reported;
use super::{Broken, LabScene, Scene, Verdict, Write, differs_only, escaped};
use crate::facts::Facts;
use crate::lab::{Experiment, Lab};

/// A write of an Experiment. `owner`: its Rollout, if it has one of ours.
pub(super) fn check(lab: &LabScene<'_>, owner: Option<&Scene<'_>>, write: &Write<'_>) -> Verdict {
    match (&write.request.operation, write.before, write.after) {
        (Operation::Create { .. }, _, Some(_)) => made(owner, write),
        (Operation::Delete { .. }, Some(before), _) => deleted(owner, write, before),
        (_, Some(before), Some(after)) => changed(lab, owner, write, before, after),
        _ => Ok(()),
    }
}

fn made(owner: Option<&Scene<'_>>, write: &Write<'_>) -> Verdict {
    let is_due = |facts: &Facts| {
        let Some((spec, status)) = facts.spec().zip(facts.status()) else { return false };
        let index = status.current_step_index.unwrap_or_default();
        // The pass that makes it may just have come to the step.
        let at = |index: usize| matches!(spec.canary.steps.get(index), Some(Step::Experiment(_)));
        is_under_way(facts) && (at(index) || at(index.saturating_add(1)))
    };
    if owner.is_some_and(|scene| scene.any(is_due)) {
        return Ok(());
    }
    Err(Broken("evidence-has-a-reason", format!("{} was made, and no step asks for it", write.key)))
}

/// Whether there is an update that evidence says something about.
pub(super) fn is_under_way(facts: &Facts) -> bool {
    facts.status().is_some_and(|status| !status.abort)
}

fn deleted(owner: Option<&Scene<'_>>, write: &Write<'_>, before: &Value) -> Verdict {
    let uid = object::uid(before);
    let is_free = |facts: &Facts| {
        let experiment = facts.lab.experiment_with_uid(uid);
        experiment
            .is_none_or(|one| is_over(one) && !is_any_fed(facts, one.services.keys().map(String::as_str)))
    };
    if owner.is_some_and(|scene| scene.any(is_free)) {
        return Ok(());
    }
    Err(Broken(
        "drained-before-gone",
        format!("{} was deleted, and it is not over, or is sent something", write.key),
    ))
}

fn changed(
    lab: &LabScene<'_>,
    owner: Option<&Scene<'_>>,
    write: &Write<'_>,
    before: &Value,
    after: &Value,
) -> Verdict {
    if reported(lab, owner.is_some(), write, before, after)?.is_none() {
        return Ok(());
    }
    for template in after.pointer("/status/templateStatuses").and_then(Value::as_array).into_iter().flatten()
    {
        let Some(service) =
            template.get("serviceName").and_then(Value::as_str).filter(|name| !name.is_empty())
        else {
            continue;
        };
        let is_there = |lab: &Lab| {
            lab.experiment_with_uid(object::uid(before)).is_some_and(|one| one.services.contains_key(service))
        };
        if !lab.any(is_there) {
            return Err(Broken(
                "status-is-true",
                format!("{} names {service}, which is not there", write.key),
            ));
        }
    }
    Ok(())
}

/// A write of a ReplicaSet that an Experiment controls.
pub(super) fn set(lab: &LabScene<'_>, owner: Option<&Scene<'_>>, uid: &str, write: &Write<'_>) -> Verdict {
    let (before, after) = match (write.before, write.after) {
        (None, Some(_)) => return goes_on(lab, uid, write),
        (Some(before), Some(after)) => (before, after),
        _ => return Err(Broken("drained-before-gone", format!("{} was deleted", write.key))),
    };
    let annotation = format!("/metadata/annotations/{}", escaped(SCALE_DOWN_DEADLINE_ANNOTATION));
    if !differs_only(before, after, &["/spec/replicas", &annotation, "/status/observedGeneration"]) {
        return Err(Broken("only-own-fields", format!("{} changed otherwise than in size", write.key)));
    }
    let size = |set: &Value| set.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    if size(after) > 0 || size(before) == 0 {
        return Ok(());
    }
    let hash = object::label(before, HASH_LABEL).unwrap_or_default();
    let may_go =
        |lab: &Lab| lab.experiment_with_uid(uid).is_none_or(|one| is_over(one) || wants_none(one, hash));
    if !lab.any(may_go) {
        return Err(Broken(
            "evidence-has-a-reason",
            format!("{} has no pods any more, and its Experiment goes on", write.key),
        ));
    }
    let is_free = |facts: &Facts| {
        let experiment = facts.lab.experiment_with_uid(uid);
        // One whose Rollout is gone has nobody who could drain it.
        facts.rollout.is_none() || experiment.is_none_or(|one| !is_any_fed(facts, services_of(one, hash)))
    };
    if owner.is_some_and(|scene| !scene.any(is_free)) {
        return Err(Broken(
            "drained-before-gone",
            format!("{} has no pods any more, and is sent something", write.key),
        ));
    }
    Ok(())
}

/// A write of a Service that an Experiment controls.
pub(super) fn service(
    lab: &LabScene<'_>,
    owner: Option<&Scene<'_>>,
    uid: &str,
    write: &Write<'_>,
) -> Verdict {
    let (before, after) = match (write.before, write.after) {
        (None, Some(_)) => return goes_on(lab, uid, write),
        (Some(before), after) => (before, after),
        (None, None) => return Ok(()),
    };
    let is_free = |facts: &Facts| facts.rollout.is_none() || !facts.feeds(object::name(before));
    if owner.is_some_and(|scene| !scene.any(is_free)) {
        return Err(Broken(
            "drained-before-gone",
            format!("{} was changed or deleted, and is sent something", write.key),
        ));
    }
    match after {
        Some(after) if !differs_only(before, after, &["/spec/selector"]) => {
            Err(Broken("only-own-fields", format!("{} changed otherwise than in its selector", write.key)))
        }
        Some(_) => Ok(()),
        None if lab.any(|lab| lab.experiment_with_uid(uid).is_none_or(is_over)) => Ok(()),
        None => Err(Broken(
            "evidence-has-a-reason",
            format!("{} was deleted, and its Experiment goes on", write.key),
        )),
    }
}

fn goes_on(lab: &LabScene<'_>, uid: &str, write: &Write<'_>) -> Verdict {
    if lab.any(|lab| lab.experiment_with_uid(uid).is_some_and(|one| !is_over(one))) {
        return Ok(());
    }
    Err(Broken("evidence-has-a-reason", format!("{} was made, and its Experiment is over", write.key)))
}

fn is_over(experiment: &Experiment) -> bool {
    experiment.phase.is_some_and(Phase::is_completed)
}

/// Whether the template with this hash asks for no pods.
fn wants_none(experiment: &Experiment, hash: &str) -> bool {
    let statuses = experiment.object.pointer("/status/templateStatuses").and_then(Value::as_array);
    let text =
        |one: &Value, field: &str| one.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut statuses = statuses.into_iter().flatten();
    let Some(status) = statuses.find(|one| text(one, "podTemplateHash") == hash) else { return true };
    let templates = experiment.object.pointer("/spec/templates").and_then(Value::as_array);
    let mut templates = templates.into_iter().flatten();
    let template = templates.find(|one| text(one, "name") == text(status, "name"));
    template.and_then(|one| one.get("replicas")).and_then(Value::as_i64) == Some(0)
}
