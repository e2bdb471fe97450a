//! What experiments get of the traffic: only what their step gives them, only where pods are ready behind a Service that is there;
//! and while they get anything, nothing of that goes.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_api::object;
use tidegate_model::ReplicaSet;

use super::routes::Change;
use super::{Broken, Scene, Verdict, Write};
use crate::facts::Facts;
use crate::lab::Experiment;

/// That experiments get no more than they may.
pub(super) fn check(scene: &Scene<'_>, write: &Write<'_>, change: &Change) -> Verdict {
    let names: BTreeSet<&str> =
        change.after.others.iter().flat_map(|rule| rule.keys().map(String::as_str)).collect();
    for service in names {
        let ((old, of), (new, total)) =
            (change.before.largest_other(service), change.after.largest_other(service));
        if new * of <= old * total {
            continue;
        }
        if !is_ready(scene, service) {
            let message =
                format!("{}: {service} gets {new} of {total}, and no pods are ready behind it", write.key);
            return Err(Broken("destinations-are-ready", message));
        }
        let may_have = |facts: &Facts| {
            let held = held(facts, service);
            !facts.is_aborted() && (asked(facts, service).contains(&new) || held == Some(new))
        };
        if !scene.any(may_have) {
            let may = scene.history.last().map(|facts| asked(facts, service));
            let message = format!("{}: {service} gets {new}, and its step gives it {may:?}", write.key);
            return Err(Broken("weight-of-the-step", message));
        }
    }
    Ok(())
}

/// Whether there were pods behind a Service of an Experiment that runs, when each of these may have been seen at another moment.
fn is_ready(scene: &Scene<'_>, service: &str) -> bool {
    let runs = |facts: &Facts| own(facts).any(|one| one.is_running() && template_of(one, service).is_some());
    let has_pods = |hash: &str| {
        let is_there = |set: &ReplicaSet| set.hash == hash && set.ready > 0;
        scene.any(|facts| own(facts).flat_map(|one| &one.sets).any(|set| is_there(set)))
    };
    let leads_to_pods = |facts: &Facts| {
        let mut hashes = own(facts).filter_map(|one| one.services.get(service)?.hash.as_deref());
        hashes.any(has_pods)
    };
    scene.any(runs) && scene.any(leads_to_pods)
}

/// The Experiments of a Rollout.
fn own(facts: &Facts) -> impl Iterator<Item = &Experiment> {
    facts.lab.experiments_of(facts.uid())
}

/// The weight that the status says a Service of an experiment has.
fn held(facts: &Facts, service: &str) -> Option<u64> {
    let weights = facts.status()?.weights.as_ref()?;
    weights.additional.iter().find(|one| one.service == service).map(|one| one.weight)
}

/// The weights that the current step, or the next, gives to a Service.
fn asked(facts: &Facts, service: &str) -> Vec<u64> {
    let Some((rollout, status)) = facts.rollout.as_ref().zip(facts.status()) else { return Vec::new() };
    let index = status.current_step_index.unwrap_or_default();
    let at_step = |index: usize| {
        let experiment = own(facts).find(|one| {
            one.is_of_step(&rollout.spec.name, index, &status.current_pod_hash)
                && one.services.contains_key(service)
        })?;
        let name = template_of(experiment, service)?;
        let path = format!("/spec/strategy/canary/steps/{index}/experiment/templates");
        let templates = rollout.object.pointer(&path)?.as_array()?;
        let template =
            templates.iter().find(|template| template.get("name").and_then(Value::as_str) == Some(&name))?;
        template.get("weight")?.as_u64()
    };
    [Some(index), index.checked_add(1)].into_iter().flatten().filter_map(at_step).collect()
}

/// The template of an Experiment that a Service leads to.
fn template_of(experiment: &Experiment, service: &str) -> Option<String> {
    let templates = experiment.object.pointer("/spec/templates")?.as_array()?;
    let name = |template: &Value| template.get("name").and_then(Value::as_str).map(str::to_owned);
    let fits = |template: &&Value| {
        let given = template.pointer("/service/name").and_then(Value::as_str);
        let made = name(template).map(|name| format!("{}-{name}", experiment.name()));
        given == Some(service) || made.as_deref() == Some(service)
    };
    templates.iter().find(fits).and_then(name)
}

/// Whether anything is sent to one of these Services.
pub(super) fn is_any_fed<'a>(facts: &Facts, mut services: impl Iterator<Item = &'a str>) -> bool {
    services.any(|service| facts.feeds(service))
}

/// The Services of an Experiment that lead to pods of this hash.
pub(super) fn services_of<'a>(experiment: &'a Experiment, hash: &'a str) -> impl Iterator<Item = &'a str> {
    let leads = move |selected: &crate::facts::Selected| selected.hash.as_deref() == Some(hash);
    experiment.services.iter().filter(move |(_, selected)| leads(selected)).map(|(name, _)| name.as_str())
}

/// The uid of what controls an object, if that is of this kind.
pub(super) fn owner<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    object::controller_of_kind(object, kind)?.get("uid")?.as_str()
}
