//! What the routers' answers mean for the Rollout: its weights, and the conditions about routing.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidegate_contract::{Destination, Traffic};
use tidegate_model::names::{SKIP_RELEASE_ANNOTATION, condition, reason};
use tidegate_model::plugin_record::is_in_flight;

use crate::conditions::Conditions;
use crate::context::Context;
use crate::decision::Note;
use crate::destinations::{Division, Refused};
use crate::world::{RouterReport, RouterState, Routing};
use crate::{capacity, traffic};

/// Reason of a router whose objects say what is desired, and that has yet to hear that it is in force.
pub const UNVERIFIED: &str = "Unverified";

/// Sets the conditions about routing. Returns when the verification's deadline passes.
pub(crate) fn report(
    context: &Context<'_>,
    traffic: Option<&Traffic>,
    conditions: &mut Conditions,
    notes: &mut Vec<Note>,
) -> Option<Timestamp> {
    let division = traffic.and_then(|_| traffic::division(context)).unwrap_or_default();
    held(context, &division, conditions);
    let is_refused = division.refused.is_some();
    if let Some(Refused { reason, message }) = division.refused {
        not_ready(reason, message, conditions, notes);
    }
    if !context.has_routers() {
        conditions.remove(condition::TRAFFIC_NOT_VERIFIED);
        if !not_given_back(&context.world.leaving, conditions, notes) {
            conditions.remove(condition::TRAFFIC_ROUTER_READY);
        }
        return None;
    }
    let (traffic, routing) = answer_for(context, traffic)?;
    if !is_refused && !not_given_back(&context.world.leaving, conditions, notes) {
        readiness(routing, conditions, notes);
    }
    deadline(context, traffic, routing, conditions)
}

/// `TrafficHeld`: the canary keeps traffic that is to go back, and which pods that waits for. Whoever sees an update aborted and
/// its pods still with traffic finds the reason here.
fn held(context: &Context<'_>, division: &Division, conditions: &mut Conditions) {
    let weight = division.canary;
    if weight == 0 || !division.waits_for_stable_pods {
        return conditions.remove(condition::TRAFFIC_HELD);
    }
    let set = capacity::behind_stable(context);
    let (name, available) = set.map_or(("(none)", 0), |set| (set.name.as_str(), capacity::of(set)));
    let (replicas, max) = (context.rollout.replicas, context.rollout.canary.max_weight());
    let message = format!(
        "the canary keeps {weight} of {max} until the stable pods can take it: {available} of {replicas} are available in ReplicaSet \
         {name}; look there for what keeps the others"
    );
    conditions.set(condition::TRAFFIC_HELD, "True", reason::STABLE_PODS_MISSING, message);
}

/// Says why a router that is not used any more cannot give back what it wrote; whether there is one.
fn not_given_back(leaving: &[RouterReport], conditions: &mut Conditions, notes: &mut Vec<Note>) -> bool {
    let Some((reason, message)) = leaving.iter().find_map(failure) else { return false };
    let message = format!(
        "what was written for an earlier configuration is not given back, and nothing that gives the canary anything is written \
         before: {message}; or leave it as it is with the annotation {SKIP_RELEASE_ANNOTATION}: \"true\""
    );
    not_ready(&reason, message, conditions, notes);
    true
}

/// Why a router cannot express the traffic, as reason and message.
fn failure(report: &RouterReport) -> Option<(String, String)> {
    match &report.state {
        RouterState::Failed { reason, message } | RouterState::Unavailable { reason, message } => {
            Some((reason.clone(), format!("{}: {message}", report.router)))
        }
        RouterState::Verified
        | RouterState::NotApplicable { .. }
        | RouterState::Waiting { .. }
        | RouterState::Loading { .. } => None,
    }
}

/// Sets the condition about routing while everything is given back.
pub(crate) fn report_release(
    context: &Context<'_>,
    traffic: &Traffic,
    conditions: &mut Conditions,
    notes: &mut Vec<Note>,
) {
    conditions.remove(condition::TRAFFIC_HELD);
    conditions.remove(condition::TRAFFIC_NOT_VERIFIED);
    if let Some((_, routing)) = answer_for(context, Some(traffic)) {
        readiness(routing, conditions, notes);
    }
}

/// `TrafficRouterReady`: whether every router can express the traffic.
fn readiness(routing: &Routing, conditions: &mut Conditions, notes: &mut Vec<Note>) {
    let (reasons, messages): (Vec<String>, Vec<String>) = routing.routers.iter().filter_map(failure).unzip();
    if let Some(reason) = reasons.first() {
        return not_ready(reason, messages.join("; "), conditions, notes);
    }
    if is_loading(routing) {
        // Whatever was said last is neither confirmed nor over.
        return;
    }
    let warnings = routing.routers.iter().flat_map(warnings).collect::<Vec<_>>().join("; ");
    let (reason, message) = if warnings.is_empty() {
        ("Ready", "every router can express the traffic".to_owned())
    } else {
        ("Warning", warnings)
    };
    let warned = conditions.get(condition::TRAFFIC_ROUTER_READY).is_some_and(|old| old.message == message);
    if reason == "Warning" && !warned {
        notes.push(Note::warning(reason::ROUTING_ERROR, message.clone()));
    }
    conditions.set(condition::TRAFFIC_ROUTER_READY, "True", reason, message);
}

/// Some router cannot express the traffic, or none could.
fn not_ready(reason: &str, message: String, conditions: &mut Conditions, notes: &mut Vec<Note>) {
    let is_new = conditions
        .get(condition::TRAFFIC_ROUTER_READY)
        .is_none_or(|old| old.status != "False" || old.reason != *reason);
    if is_new {
        notes.push(Note::warning(reason::ROUTING_ERROR, format!("{reason}: {message}")));
    }
    conditions.set(condition::TRAFFIC_ROUTER_READY, "False", reason, message);
}

/// `TrafficNotVerified`: false since the desired traffic was not in force, true once that has lasted for the deadline,
/// absent otherwise. Returns when the deadline passes.
fn deadline(
    context: &Context<'_>,
    traffic: &Traffic,
    routing: &Routing,
    conditions: &mut Conditions,
) -> Option<Timestamp> {
    let is_in_flight = is_in_flight(&context.world.rollout);
    let late = routing.routers.iter().find_map(|report| match &report.state {
        RouterState::Waiting { message, .. } | RouterState::Failed { message, .. } => Some((report, message)),
        // What was verified before the plugin was gone is nothing to act on.
        RouterState::Loading { message } | RouterState::Unavailable { message, .. } => {
            is_in_flight.then_some((report, message))
        }
        RouterState::Verified | RouterState::NotApplicable { .. } => None,
    });
    let Some((report, message)) = late else {
        if !is_loading(routing) {
            conditions.remove(condition::TRAFFIC_NOT_VERIFIED);
        }
        return None;
    };
    let traffic = format!("canary {} of {}", traffic.canary.weight, traffic.max_weight);
    if conditions.get(condition::TRAFFIC_NOT_VERIFIED).is_none_or(|one| one.status != "True") {
        let message = format!("{traffic} is not in force yet");
        conditions.set(condition::TRAFFIC_NOT_VERIFIED, "False", "Verifying", message);
        let since = conditions.get(condition::TRAFFIC_NOT_VERIFIED).and_then(|one| one.last_transition_time);
        let seconds = SignedDuration::from_secs(context.rollout.progress_deadline_seconds.max(0));
        let end = since.unwrap_or(context.now).checked_add(seconds).unwrap_or(Timestamp::MAX);
        if end > context.now {
            return Some(end);
        }
    }
    let message = format!(
        "{}: {traffic} is not in force: {message}; look at the route, then promote to go on regardless, or abort",
        report.router
    );
    conditions.set(condition::TRAFFIC_NOT_VERIFIED, "True", "DeadlineExceeded", message);
    None
}

/// Whether some router's plugin is being loaded.
fn is_loading(routing: &Routing) -> bool {
    routing.routers.iter().any(|report| matches!(report.state, RouterState::Loading { .. }))
}

fn warnings(report: &RouterReport) -> Vec<String> {
    let missing = match &report.state {
        RouterState::NotApplicable { warning } => warning.clone(),
        _ => None,
    };
    missing
        .into_iter()
        .chain(report.notes.iter().cloned())
        .map(|text| format!("{}: {text}", report.router))
        .collect()
}

/// `status.canary.weights` as it should be: what is set now, and whether it is in force. While the routers have not set what
/// is desired, what was set before. Where the roles are exchanged in this pass, the same weights under their new names, so
/// that a status never has the names of one time and the weights of another.
pub(crate) fn weights(
    context: &Context<'_>,
    traffic: Option<&Traffic>,
    is_exchanged: bool,
    notes: &mut Vec<Note>,
) -> Option<Value> {
    let old = context.world.rollout.pointer("/status/canary/weights").filter(|weights| weights.is_object());
    if !context.has_routers() {
        return None;
    }
    let Some((traffic, routing)) = answer_for(context, traffic) else { return old.cloned() };
    let is_settled = routing.routers.iter().all(|report| report.state.is_settled());
    let is_in_flight = is_in_flight(&context.world.rollout);
    let is_set = |report: &RouterReport| match &report.state {
        RouterState::Verified | RouterState::NotApplicable { .. } => true,
        RouterState::Waiting { reason, .. } => reason == UNVERIFIED,
        // Until it is known better, an idle Rollout's traffic is what it was.
        RouterState::Loading { .. } => !is_in_flight,
        RouterState::Failed { .. } | RouterState::Unavailable { .. } => false,
    };
    if !routing.routers.iter().all(is_set) {
        let mut old = old.cloned();
        // Some routers may have left it already, or somebody else took it away.
        if let Some(verified) = old.as_mut().and_then(|old| old.get_mut("verified")) {
            *verified = json!(false);
        }
        return old;
    }
    if is_loading(routing) {
        return old.cloned();
    }
    let (canary, stable) =
        if is_exchanged { (&traffic.stable, &traffic.canary) } else { (&traffic.canary, &traffic.stable) };
    let mut weights = json!({"canary": destination(canary), "stable": destination(stable)});
    if let Some(fields) = weights.as_object_mut() {
        // One that is to be gone is remembered until no router names it any more.
        let is_kept = |one: &&Destination| !routing.routers.iter().all(|report| report.has_let_go(one));
        let retired = traffic.retired.iter().filter(is_kept);
        let additional: Vec<Value> = traffic.additional.iter().chain(retired).map(destination).collect();
        if !additional.is_empty() {
            fields.insert("additional".into(), additional.into());
        }
        if routing.routers.iter().any(|report| !matches!(report.state, RouterState::NotApplicable { .. })) {
            fields.insert("verified".into(), json!(is_settled));
        }
    }
    if let Some(message) = change(old, &weights) {
        notes.push(Note::normal(reason::WEIGHT_UPDATED, format!("Traffic weight updated {message}")));
    }
    Some(weights)
}

/// How weights changed, as Argo words it; `None`: not.
fn change(old: Option<&Value>, new: &Value) -> Option<String> {
    let canary = |weights: &Value| weights.pointer("/canary/weight").and_then(Value::as_u64);
    let additional = |weights: &Value| -> Vec<String> {
        let additional = weights.get("additional").and_then(Value::as_array).into_iter().flatten();
        let named =
            |one: &Value| Some((one.get("serviceName")?.as_str()?.to_owned(), one.get("weight")?.as_u64()?));
        additional.filter_map(named).map(|(service, weight)| format!("{service} {weight}")).collect()
    };
    let after = canary(new)?;
    let mut details = Vec::new();
    match old.and_then(canary) {
        Some(before) if before != after => details.push(format!("from {before} to {after}")),
        None => details.push(format!("to {after}")),
        _ => {}
    }
    let (before, after) = (old.map(additional).unwrap_or_default(), additional(new));
    if before != after {
        let after = if after.is_empty() { "none".to_owned() } else { after.join(", ") };
        details.push(format!("additional: {after}"));
    }
    (!details.is_empty()).then(|| details.join(", "))
}

fn destination(destination: &Destination) -> Value {
    let mut value = json!({"weight": destination.weight});
    if let Some(fields) = value.as_object_mut() {
        if let Some(hash) = &destination.pod_template_hash {
            fields.insert("podTemplateHash".into(), json!(hash));
        }
        if let Some(service) = &destination.service {
            fields.insert("serviceName".into(), json!(service));
        }
    }
    value
}

/// The routers' answer, if it is about this traffic.
fn answer_for<'a>(
    context: &'a Context<'_>,
    traffic: Option<&'a Traffic>,
) -> Option<(&'a Traffic, &'a Routing)> {
    let (traffic, routing) = (traffic?, context.world.routing.as_ref()?);
    (routing.traffic == *traffic).then_some((traffic, routing))
}
