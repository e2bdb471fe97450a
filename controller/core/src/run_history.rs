//! Beginning, ending and clearing away the AnalysisRuns and Experiments of a Rollout.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tidegate_analysis::Phase;
use tidegate_api::{Resource, builtin, object};
use tidegate_contract::Traffic;
use tidegate_model::names::{HASH_LABEL, reason};

use crate::analysis::Runs;
use crate::context::Context;
use crate::decision::Note;
use crate::experiment_step::Followed;
use crate::verdict;
use crate::writes::Writes;

/// Begins what there should be, ends what there should not be, and deletes what is of no interest any more.
pub(crate) fn plan(
    context: &Context<'_>,
    runs: &Runs,
    experiment: &Followed,
    traffic: Option<&Traffic>,
    writes: &mut Writes,
    notes: &mut Vec<Note>,
) {
    let evidence = &context.world.evidence;
    if !evidence.is_known {
        return;
    }
    for new in [&runs.step.new, &runs.background.new].into_iter().flatten() {
        writes.begin(builtin::analysis_runs(), new.clone());
    }
    if let Some(new) = &experiment.new {
        writes.begin(builtin::experiments(), new.clone());
        let message = format!("Created Experiment '{}'", object::name(new));
        notes.push(Note::normal(reason::EXPERIMENT_CREATED, message));
    }
    let is_own = |one: &&Arc<Value>| verdict::is_own(context, one);
    let goes_on = |run: &Value| runs.has(object::name(run)) && !runs.is_ending;
    let others = evidence.runs.values().filter(is_own).filter(|run| !goes_on(run));
    let may_go = |run: &Value| !runs.has(object::name(run));
    clear(context, &builtin::analysis_runs(), others.collect(), may_go, writes);
    let others = evidence.experiments.values().filter(is_own);
    let others: Vec<_> = others.filter(|one| object::name(one) != experiment.name).collect();
    if others.is_empty() {
        return;
    }
    let held = held(context, traffic);
    // An Experiment takes its Services and pods along.
    let may_go = |one: &Value| {
        let is_free = |held: &BTreeSet<String>| services(one).all(|service| !held.contains(&service));
        verdict::is_over(one) && held.as_ref().is_some_and(is_free)
    };
    clear(context, &builtin::experiments(), others, may_go, writes);
}

/// Ends everything, and deletes nothing.
pub(crate) fn end_all(context: &Context<'_>, writes: &mut Writes) {
    let evidence = &context.world.evidence;
    if !evidence.is_known {
        return;
    }
    for (resource, all) in
        [(builtin::analysis_runs(), &evidence.runs), (builtin::experiments(), &evidence.experiments)]
    {
        for one in all.values().filter(|one| verdict::is_own(context, one)) {
            end(context, &resource, one, writes);
        }
    }
}

/// Ends what goes on; whether it did.
fn end(context: &Context<'_>, resource: &Resource, one: &Value, writes: &mut Writes) -> bool {
    let goes_on = verdict::goes_on(context, one);
    if goes_on {
        writes.end(resource.clone(), one);
    }
    goes_on
}

fn clear(
    context: &Context<'_>,
    resource: &Resource,
    mut others: Vec<&Arc<Value>>,
    may_go: impl Fn(&Value) -> bool,
    writes: &mut Writes,
) {
    let created = |one: &&Arc<Value>| {
        let time = one.pointer("/metadata/creationTimestamp").and_then(Value::as_str).unwrap_or_default();
        (time.to_owned(), object::name(one).to_owned())
    };
    others.sort_by_cached_key(created);
    let history = context.rollout.run_history;
    let (mut successful, mut unsuccessful) = (0, 0);
    // The newest first: those are kept.
    for one in others.into_iter().rev() {
        if end(context, resource, one, writes) || object::is_deleting(one) {
            continue;
        }
        let Some(phase) = Phase::of(one).filter(|phase| phase.is_completed()) else { continue };
        let (count, limit) = if phase == Phase::Successful {
            (&mut successful, history.successful)
        } else {
            (&mut unsuccessful, history.unsuccessful)
        };
        *count += 1;
        let hash = object::label(one, HASH_LABEL);
        let has_pods = context
            .sets()
            .iter()
            .any(|set| Some(set.hash.as_str()) == hash && !object::is_deleting(&set.object));
        if (*count > limit || !has_pods) && may_go(one) {
            writes.forget(resource.clone(), one);
        }
    }
}

/// The Services that routers have something to do with, or may have; none: that is not known.
fn held(context: &Context<'_>, traffic: Option<&Traffic>) -> Option<BTreeSet<String>> {
    let mut held = tidegate_experiment::held(&context.world.rollout, traffic);
    if context.has_routers() {
        // What their objects say, whatever the status does.
        let routers = context.world.routing.as_ref()?.routers.iter().chain(&context.world.leaving);
        let named = routers.flat_map(|report| &report.shares).map(|share| share.destination.as_str());
        held.extend(named.map(|name| name.strip_prefix("service/").unwrap_or(name).to_owned()));
    }
    Some(held)
}

/// The names that the Services of an Experiment have, or may have.
fn services(experiment: &Value) -> impl Iterator<Item = String> {
    let list = |pointer: &str| experiment.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let noted = list("/status/templateStatuses").map(move |one| text(one, "/serviceName"));
    let made = list("/spec/templates").flat_map(move |one| {
        [format!("{}-{}", object::name(experiment), text(one, "/name")), text(one, "/service/name")]
    });
    noted.chain(made).filter(|name| !name.is_empty())
}
