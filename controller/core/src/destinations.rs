//! Who gets how much: stable, canary, the pods of an experiment, and those that once got something and must be gone.
//!
//! Total: whatever the objects say, the weights sum to the largest weight, and a destination is named only with a Service,
//! a hash and ready pods. (In Argo Rollouts a template without a weight made the controller panic on every pass, and a
//! Service that was not made yet became a route to nowhere.)

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::object;
use tidegate_contract::Destination;
use tidegate_model::names::reason;
use tidegate_model::{ExperimentTemplate, Step};

use crate::context::Context;
use crate::experiment_step;
use crate::traffic::held;

/// How the traffic is divided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Division {
    pub(crate) stable: u32,
    pub(crate) canary: u32,
    pub(crate) additional: Vec<Destination>,
    pub(crate) retired: Vec<Destination>,
    /// Why the weights are not those that are asked for, but the last good ones.
    pub(crate) refused: Option<Refused>,
    /// Whether the canary would have less, were there more stable pods.
    pub(crate) waits_for_stable_pods: bool,
}

/// Weights that cannot be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Stable code.
    pub(crate) reason: &'static str,
    /// What was asked for, and what to do.
    pub(crate) message: String,
}

/// The pods of an experiment's template, and what they should get.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Experimental {
    service: String,
    hash: String,
    weight: u64,
}

/// Phase of an Experiment whose pods are all there.
const RUNNING: &str = "Running";

/// Divides the traffic, of which the canary should get `canary`.
pub(crate) fn divide(context: &Context<'_>, canary: u32) -> Division {
    let max = context.rollout.canary.max_weight();
    let canary = canary.min(max);
    let experimental = experimental(context);
    let asked = experimental.values().fold(0_u64, |sum, one| sum.saturating_add(one.weight));
    if let Some(division) = fit(context, canary, &experimental) {
        return division;
    }
    let message = format!(
        "the canary's weight {canary} and the experiment's {asked} are more than {max} together, so the weights stay as they were; \
         lower the weights of the experiment's templates or of the setWeight step before it"
    );
    let refused = Refused { reason: reason::WEIGHTS_EXCEED_MAXIMUM, message };
    // What reaches nobody any more gets nothing, whatever it had.
    let canary = if canary == 0 { 0 } else { held(context).min(max) };
    let held = last_of(context, experimental);
    let division = fit(context, canary, &held).unwrap_or_else(|| undivided(context, canary));
    Division { refused: Some(refused), ..division }
}

/// How much of the traffic others than the two roles should get.
pub(crate) fn asked(context: &Context<'_>) -> u32 {
    let asked = experimental(context).values().fold(0_u64, |sum, one| sum.saturating_add(one.weight));
    u32::try_from(asked).unwrap_or(u32::MAX)
}

/// Divides the traffic between stable and canary alone.
pub(crate) fn undivided(context: &Context<'_>, canary: u32) -> Division {
    let canary = canary.min(context.rollout.canary.max_weight());
    fit(context, canary, &BTreeMap::new()).unwrap_or_default()
}

/// The division by these weights, if there is as much to give.
fn fit(
    context: &Context<'_>,
    canary: u32,
    experimental: &BTreeMap<String, Experimental>,
) -> Option<Division> {
    let max = context.rollout.canary.max_weight();
    let mut stable = max.checked_sub(canary)?;
    let mut additional = Vec::with_capacity(experimental.len());
    for (name, one) in experimental {
        let weight = u32::try_from(one.weight).ok()?;
        stable = stable.checked_sub(weight)?;
        additional.push(destination(name, &one.service, &one.hash, weight));
    }
    let retired = retired(context, experimental);
    Some(Division { stable, canary, additional, retired, ..Division::default() })
}

/// The pods of the current experiment that should get something, by the names that routers know them by.
fn experimental(context: &Context<'_>) -> BTreeMap<String, Experimental> {
    let mut found = BTreeMap::new();
    let reached = context.steps().iter().enumerate().take(context.index().saturating_add(1));
    let last = reached.rev().find_map(|(index, step)| match step {
        Step::Experiment(templates) => Some((index, templates)),
        _ => None,
    });
    let Some((step, templates)) = last else { return found };
    let Some(experiment) = running(context, step) else { return found };
    let statuses = experiment.pointer("/status/templateStatuses").and_then(Value::as_array);
    for status in statuses.into_iter().flatten() {
        let text = |field: &str| status.get(field).and_then(Value::as_str).unwrap_or_default();
        let is_meant = |template: &&ExperimentTemplate| {
            !template.name.is_empty() && template.name == text("name") && template.weight.is_some()
        };
        let weight = templates.iter().find(is_meant).and_then(|one| one.weight);
        let has_pods = status.get("readyReplicas").and_then(Value::as_i64).is_some_and(|ready| ready > 0);
        let (service, hash) = (text("serviceName"), text("podTemplateHash"));
        let (Some(weight), true, true) = (weight, has_pods, is_addressable(context, service, hash)) else {
            continue;
        };
        let one = Experimental { service: service.to_owned(), hash: hash.to_owned(), weight };
        found.entry(name_of(service)).or_insert(one);
    }
    found
}

/// The Experiment of this step, if its pods may get something now. Who skips from one experiment step to another has the status
/// name that of the first for a moment; the weights of the second are not for its pods.
fn running<'a>(context: &Context<'a>, step: usize) -> Option<&'a Value> {
    let is_stepping = !context.is_fully_promoted()
        && !context.is_aborted()
        && !context.is_past_steps()
        && context.stable_set().is_some();
    let name = &context.status.current_experiment;
    let experiment = context.world.evidence.experiments.get(name).map(Arc::as_ref).filter(|_| is_stepping)?;
    let is_meant = experiment_step::is_name(context, step, name)
        && object::name(experiment) == name
        && object::namespace(experiment) == context.rollout.namespace
        && object::controller_uid(experiment)
            .is_some_and(|uid| !uid.is_empty() && uid == context.rollout.uid)
        && !object::is_deleting(experiment);
    let is_running = experiment.pointer("/status/phase").and_then(Value::as_str) == Some(RUNNING);
    (is_meant && is_running).then_some(experiment)
}

/// What these pods had last; those that had nothing are left out.
fn last_of(
    context: &Context<'_>,
    mut experimental: BTreeMap<String, Experimental>,
) -> BTreeMap<String, Experimental> {
    let had = context.status.weights.as_ref().map(|weights| weights.additional.as_slice());
    experimental.retain(|_, one| {
        let mut had = had.unwrap_or_default().iter();
        let last = had.find(|had| had.service == one.service && had.pod_template_hash == one.hash);
        one.weight = last.map_or(0, |last| last.weight);
        last.is_some()
    });
    experimental
}

/// Destinations that have or had weight, and should be gone.
fn retired(context: &Context<'_>, wanted: &BTreeMap<String, Experimental>) -> Vec<Destination> {
    let had = context.status.weights.as_ref().map(|weights| weights.additional.as_slice());
    let had =
        had.unwrap_or_default().iter().map(|one| (one.service.as_str(), one.pod_template_hash.as_str()));
    let mut names = BTreeSet::new();
    let mut retired: Vec<Destination> = Vec::new();
    // The status says what was set; what is about to be set was recorded before.
    for (service, hash) in had.chain(context.record.destinations()) {
        let name = name_of(service);
        let is_due = is_addressable(context, service, hash);
        if is_due && !wanted.contains_key(&name) && names.insert(name.clone()) {
            retired.push(destination(&name, service, hash, 0));
        }
    }
    retired.sort_by(|a, b| a.name.cmp(&b.name));
    retired
}

/// Whether traffic can be sent there, and it is neither of the two roles.
fn is_addressable(context: &Context<'_>, service: &str, hash: &str) -> bool {
    let is_role = [context.stable_service(), context.canary_service()]
        .into_iter()
        .flatten()
        .any(|role| role == service);
    !service.is_empty() && !hash.is_empty() && !is_role
}

/// What routers know the destination behind a Service by. The status names Services only, so the name must follow from that.
fn name_of(service: &str) -> String {
    match service {
        // The names of the roles; a Service's name has no slash.
        "stable" | "canary" => format!("service/{service}"),
        other => other.to_owned(),
    }
}

fn destination(name: &str, service: &str, hash: &str, weight: u32) -> Destination {
    Destination {
        name: name.to_owned(),
        service: Some(service.to_owned()),
        pod_template_hash: Some(hash.to_owned()),
        weight,
    }
}

#[cfg(test)]
mod tests;
