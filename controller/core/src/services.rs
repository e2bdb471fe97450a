//! Which pods the stable and the canary Service select: one target for each Service in a pass.
//!
//! A Service changes its selector only while its verified weight is 0, so that no request meets a Service between two
//! sets of pods. Exceptions: a Service that selected no hash so far, one whose pods are gone, rollouts without routers, and
//! an abort, after which the canary Service goes to the stable pods as soon as these can carry everything (with ping-pong
//! only if the routers cannot take its traffic away).

use serde_json::json;
use tidegate_api::object;
use tidegate_contract::Traffic;
use tidegate_model::ReplicaSet;
use tidegate_model::names::{HASH_LABEL, MANAGED_BY_ANNOTATION, reason};

use crate::context::Context;
use crate::decision::Note;
use crate::writes::Writes;
use crate::{capacity, promotion, threshold};

/// Switches the Services.
pub(crate) fn plan(
    context: &Context<'_>,
    traffic: Option<&Traffic>,
    writes: &mut Writes,
    notes: &mut Vec<Note>,
) {
    let mut switch = |name: Option<&String>, target: Option<&ReplicaSet>| {
        if let (Some(name), Some(target)) = (name, target) {
            point(context, name, target, writes, notes);
        }
    };
    switch(context.stable_service(), stable_target(context, traffic));
    switch(context.canary_service(), canary_target(context, traffic));
}

/// What the stable Service should select; `None`: what it does now.
fn stable_target<'a>(context: &'a Context<'_>, traffic: Option<&Traffic>) -> Option<&'a ReplicaSet> {
    if promotion::is_by_exchange(context, traffic) {
        return None;
    }
    if promotion::is_due(context, traffic) {
        // With no replicas there is nothing to point at, and nothing to wait for: pods that are still there go.
        return context.new_set().filter(|new| new.available > 0 && context.rollout.replicas > 0);
    }
    let stable = context.stable_set()?;
    let service = context.stable_service();
    // Between the switch and the note of it in the status, the Service is ahead of the stable mark.
    let is_ahead = !context.is_fully_promoted()
        && context.is_past_steps()
        && !context.is_aborted()
        && threshold::new_is_complete(context)
        && context.selected_hash(service) == Some(context.new_hash.as_str());
    // Where the Service was left elsewhere (no replicas for a time, a stable ReplicaSet without pods), it may have all traffic.
    let serves = context.selected_hash(service).and_then(|hash| context.set_of_hash(hash));
    let may_move = serves.is_none_or(|set| set.available == 0)
        || capacity::stable_is_enough(context)
        || (context.is_settled(traffic) && traffic.is_some_and(|traffic| traffic.stable.weight == 0));
    (!is_ahead && may_move && may_point(context, service, stable)).then_some(stable)
}

/// What the canary Service should select; `None`: what it does now.
fn canary_target<'a>(context: &'a Context<'_>, traffic: Option<&Traffic>) -> Option<&'a ReplicaSet> {
    let service = context.canary_service();
    let selected = context.selected_hash(service);
    let carries_nothing = !context.is_routed
        || context.canary_carries_nothing(traffic)
        || selected.is_none_or(|hash| context.set_of_hash(hash).is_none_or(|set| set.available == 0));
    if context.is_aborted() {
        let stable = context.stable_set()?;
        // With ping-pong users count on Services that keep their pods while they have traffic.
        let is_urgent = context.rollout.canary.ping_pong.is_none() || context.is_routing_stuck();
        let has_capacity = is_urgent && capacity::stable_is_enough(context);
        return (stable.available > 0 && (has_capacity || carries_nothing)).then_some(stable);
    }
    let new = context.new_set()?;
    (carries_nothing && may_point(context, service, new)).then_some(new)
}

/// Whether there are pods to point at: all of them when the Service selected no hash so far (it has other pods now), else
/// at least one.
fn may_point(context: &Context<'_>, service: Option<&String>, target: &ReplicaSet) -> bool {
    if context.selected_hash(service).is_some() {
        target.available > 0
    } else {
        target.desired > 0 && target.available >= target.desired
    }
}

fn point(
    context: &Context<'_>,
    name: &String,
    target: &ReplicaSet,
    writes: &mut Writes,
    notes: &mut Vec<Note>,
) {
    let Some(service) = context.service(Some(name)) else { return };
    let selected = context.selected_hash(Some(name)).unwrap_or_default();
    if selected == target.hash {
        return;
    }
    let mut patch = json!({"spec": {"selector": {HASH_LABEL: target.hash}}});
    if object::annotation(service, MANAGED_BY_ANNOTATION) != Some(context.rollout.name.as_str()) {
        let annotations = json!({"annotations": {MANAGED_BY_ANNOTATION: context.rollout.name}});
        patch.as_object_mut().map(|fields| fields.insert("metadata".into(), annotations));
    }
    writes.service(service, patch);
    notes.push(Note::normal(
        reason::SWITCH_SERVICE,
        format!("Switched selector for service '{name}' from '{selected}' to '{}'", target.hash),
    ));
}
