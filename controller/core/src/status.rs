//! The whole status of a Rollout, from what was observed and where the update stands after this pass.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tidegate_contract::Traffic;
use tidegate_model::names::{condition, reason};
use tidegate_model::{Counts, PauseCondition};

use crate::conditions::Conditions;
use crate::context::Context;
use crate::decision::Note;
use crate::problems::{self, Problem};
use crate::progress::{self, Deadline};
use crate::steps::Position;
use crate::{phase, promotion, routing, time, verdict, workload};

/// A status, and when to look again because of a deadline in it.
pub(crate) struct Reported {
    pub(crate) status: Value,
    pub(crate) wake_at: Option<Timestamp>,
}

/// Reports a pass.
pub(crate) fn report(
    context: &Context<'_>,
    mut position: Position,
    traffic: Option<&Traffic>,
    errors: &[Problem],
    notes: &mut Vec<Note>,
) -> Reported {
    let counts = count(context);
    let mut conditions = Conditions::of(&context.world.rollout, &context.status, context.now);
    invalid_spec(context, errors, &mut conditions, notes);
    // A pass that gets this far has no internal error.
    conditions.remove(condition::INTERNAL_ERROR);
    let deadline = if errors.is_empty() || position.abort_cause.is_some() {
        progress::report(context, &position, counts, &mut conditions)
    } else {
        Deadline::Off
    };
    if deadline == Deadline::Passed && abort_at_deadline(context, &mut position) {
        progress::report(context, &position, counts, &mut conditions);
    }
    let verification_deadline = routing::report(context, traffic, &mut conditions, notes);
    replica_failure(context, &mut conditions);
    outcome(context, &position, counts, &mut conditions, notes);
    // Aborted in this pass, or by a user since the last one.
    let is_aborted = position.abort && position.aborted_at.is_some();
    if is_aborted && (!context.status.abort || context.status.aborted_at.is_none()) {
        let revision = context.new_revision();
        // The condition names the cause, if there is one besides a user.
        let message = conditions.get(condition::PROGRESSING).filter(|one| one.reason == reason::ABORTED);
        let message = message.map_or_else(
            || format!("Rollout aborted update to revision {revision}"),
            |condition| condition.message.clone(),
        );
        notes.push(Note::warning(reason::ABORTED, message));
    }

    resumed(context, &position, notes);
    let (phase, message) = phase::of(context, &position, counts, &conditions);
    let is_promoted = position.stable_rs != context.status.stable_rs;
    let is_exchanged = is_promoted && promotion::is_by_exchange(context, traffic);
    let weights = routing::weights(context, traffic, is_exchanged, notes);
    let old = context.world.rollout.get("status").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut fields = Fields(old);
    fields.text("phase", phase);
    fields.text("message", &message);
    fields.put("abort", position.abort.then(|| json!(true)));
    fields.put("abortedAt", position.aborted_at.map(|at| json!(time::text(at))));
    fields.put("promoteFull", position.promote_full.then(|| json!(true)));
    fields.put("controllerPause", position.controller_pause.then(|| json!(true)));
    fields.put("pauseConditions", pauses(context, &position.pauses));
    fields.text("currentPodHash", &position.current_pod_hash);
    fields.text("currentStepHash", &position.current_step_hash);
    fields.put("currentStepIndex", position.index.map(|index| json!(index)));
    fields.text("stableRS", &position.stable_rs);
    fields.put("collisionCount", position.collision_count.map(|count| json!(count)));
    fields.text("observedGeneration", &context.rollout.generation.to_string());
    fields.put("replicas", Some(json!(counts.replicas)));
    fields.put("updatedReplicas", Some(json!(counts.updated)));
    fields.put("readyReplicas", Some(json!(counts.ready)));
    fields.put("availableReplicas", Some(json!(counts.available)));
    fields.put("HPAReplicas", Some(json!(counts.replicas)));
    fields.text("restartedAt", position.restarted_at.as_deref().unwrap_or_default());
    fields.text("selector", &selector(context.selector));
    fields.text("workloadObservedGeneration", &workload::observed_generation(context));
    fields.put("conditions", Some(conditions.into_value()));
    fields.canary("weights", weights);
    let runs = [
        ("currentStepAnalysisRunStatus", &context.status.step_run, &position.step_run),
        ("currentBackgroundAnalysisRunStatus", &context.status.background_run, &position.background_run),
    ];
    for (field, before, now) in runs {
        // What says the same stays to the letter.
        let old = context.world.rollout.pointer("/status/canary").and_then(|canary| canary.get(field));
        let is_same = before == now && now.is_some();
        fields.canary(field, if is_same { old.cloned() } else { verdict::written(now.as_ref()) });
    }
    fields.canary("currentExperiment", (!position.experiment.is_empty()).then(|| json!(position.experiment)));
    if let Some(which) = position.stable_ping_pong.filter(|_| context.rollout.canary.ping_pong.is_some()) {
        fields.canary("stablePingPong", Some(json!(which.as_str())));
    }
    let deadline = match deadline {
        Deadline::At(at) => Some(at),
        Deadline::Off | Deadline::Passed => None,
    };
    // A deadline has passed once its second is over.
    let deadline = deadline.and_then(|at| at.checked_add(jiff::SignedDuration::from_secs(1)).ok());
    let wake_at = [position.wake_at, deadline, verification_deadline].into_iter().flatten().min();
    Reported { status: Value::Object(fields.0), wake_at }
}

/// The status with other conditions and weights, and otherwise as it is.
pub(crate) fn with(rollout: &Value, conditions: Conditions, weights: Option<Value>) -> Value {
    let mut fields = Fields(rollout.get("status").and_then(Value::as_object).cloned().unwrap_or_default());
    fields.put("conditions", Some(conditions.into_value()));
    if let Some(weights) = weights {
        fields.canary("weights", Some(weights));
    }
    Value::Object(fields.0)
}

fn count(context: &Context<'_>) -> Counts {
    let sum = |count: fn(&tidegate_model::ReplicaSet) -> i64| {
        context.sets().iter().map(count).fold(0_i64, i64::saturating_add)
    };
    Counts {
        replicas: sum(|set| set.current),
        updated: context.new_set().map_or(0, |set| set.current),
        ready: sum(|set| set.ready),
        available: sum(|set| set.available),
    }
}

/// A pause that ends is told, whoever or whatever ended it; not when the update was given up.
fn resumed(context: &Context<'_>, position: &Position, notes: &mut Vec<Note>) {
    let is_over = !context.status.pause_conditions.is_empty() && position.pauses.is_empty();
    let is_told = notes.iter().any(|note| note.reason == reason::RESUMED);
    if is_over && position.aborted_at.is_none() && !is_told {
        notes.push(Note::normal(reason::RESUMED, "Rollout is resumed"));
    }
}

fn invalid_spec(
    context: &Context<'_>,
    errors: &[Problem],
    conditions: &mut Conditions,
    notes: &mut Vec<Note>,
) {
    let Some(first) = errors.first() else { return conditions.remove(condition::INVALID_SPEC) };
    let message = format!("{}{first}", problems::prefix(&context.rollout.name));
    if conditions.get(condition::INVALID_SPEC).is_none_or(|old| old.message != message) {
        notes.push(Note::warning(first.reason, message.clone()));
    }
    conditions.set(condition::INVALID_SPEC, "True", first.reason, message);
}

/// Gives the update up when its deadline has passed and the spec asks for that.
fn abort_at_deadline(context: &Context<'_>, position: &mut Position) -> bool {
    let is_updating = !context.is_first()
        && !context.is_fully_promoted()
        && !position.abort
        // Which no abort ends.
        && !context.is_fast_rollback;
    if !context.rollout.progress_deadline_abort || !is_updating {
        return false;
    }
    position.abort = true;
    position.aborted_at = Some(time::whole(context.now));
    position.index = position.index.map(|_| 0);
    position.pauses.clear();
    position.controller_pause = false;
    true
}

fn replica_failure(context: &Context<'_>, conditions: &mut Conditions) {
    let failure = context
        .new_set()
        .into_iter()
        .chain(context.sets())
        .find_map(|set| set.failure.as_ref().filter(|_| set.desired > 0));
    match failure {
        Some((reason, message)) => {
            conditions.set(condition::REPLICA_FAILURE, "True", reason, message.clone());
        }
        None => conditions.remove(condition::REPLICA_FAILURE),
    }
}

/// `Available`, `Completed` and `Healthy`.
fn outcome(
    context: &Context<'_>,
    position: &Position,
    counts: Counts,
    conditions: &mut Conditions,
    notes: &mut Vec<Note>,
) {
    let replicas = context.rollout.replicas;
    if counts.available >= replicas {
        let message = "Rollout has minimum availability";
        conditions.set_reason(condition::AVAILABLE, "True", reason::AVAILABLE, message);
    } else if conditions.get(condition::AVAILABLE).is_none_or(|old| old.status != "False") {
        let message = "Rollout does not have minimum availability";
        conditions.set(condition::AVAILABLE, "False", reason::AVAILABLE, message);
    }

    let revision = context.new_revision();
    if progress::is_promoted(position) {
        conditions.set_reason(condition::COMPLETED, "True", reason::COMPLETED, reason::COMPLETED);
    } else if conditions.get(condition::COMPLETED).is_none_or(|old| old.status != "False") {
        let hash = &context.new_hash;
        let message = format!("Rollout not completed, started update to revision {revision} ({hash})");
        notes.push(Note::normal(reason::NOT_COMPLETED, message));
        // Argo Rollouts has nothing but the reason there.
        conditions.set(condition::COMPLETED, "False", reason::COMPLETED, reason::COMPLETED);
    }

    let is_paused = context.rollout.paused || !position.pauses.is_empty();
    if !is_paused && progress::is_healthy(context, position, counts) {
        conditions.set_reason(condition::HEALTHY, "True", reason::HEALTHY, "Rollout is healthy");
    } else if conditions.get(condition::HEALTHY).is_some() {
        conditions.set_reason(condition::HEALTHY, "False", reason::HEALTHY, "Rollout is not healthy");
    }
}

/// Pause conditions; those that are there already, unchanged to the letter.
fn pauses(context: &Context<'_>, pauses: &[PauseCondition]) -> Option<Value> {
    if pauses.is_empty() {
        return None;
    }
    if context.status.pause_conditions == pauses {
        return context.world.rollout.pointer("/status/pauseConditions").cloned();
    }
    let written = pauses.iter().map(|pause| {
        let mut value = json!({"reason": pause.reason});
        if let (Some(fields), Some(start)) = (value.as_object_mut(), pause.start_time) {
            fields.insert("startTime".into(), json!(time::text(start)));
        }
        value
    });
    Some(written.collect())
}

/// The selector as text, for the scale subresource.
fn selector(selector: &Value) -> String {
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let mut parts: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    for expression in expressions.into_iter().flatten() {
        let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
        let values = expression.get("values").and_then(Value::as_array);
        let mut values: Vec<&str> = values.into_iter().flatten().filter_map(Value::as_str).collect();
        values.sort_unstable();
        parts.push(match text("operator") {
            "In" => format!("{} in ({})", text("key"), values.join(",")),
            "NotIn" => format!("{} notin ({})", text("key"), values.join(",")),
            "DoesNotExist" => format!("!{}", text("key")),
            _ => text("key").to_owned(),
        });
    }
    parts.sort();
    parts.join(",")
}

/// The fields of a status; what is not set here stays.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, key: &str, value: Option<Value>) {
        match value {
            Some(value) => {
                self.0.insert(key.to_owned(), value);
            }
            None => self.clear(key),
        }
    }

    /// Takes a field away; what says the same as its absence stays as it is, so that nothing is written for it.
    fn clear(&mut self, key: &str) {
        let says_nothing = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        if !self.0.get(key).is_some_and(says_nothing) {
            self.0.shift_remove(key);
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.put(key, (!text.is_empty()).then(|| json!(text)));
    }

    /// A field of `canary`.
    fn canary(&mut self, key: &str, value: Option<Value>) {
        let canary = self.0.entry("canary").or_insert_with(|| json!({}));
        if !canary.is_object() {
            *canary = json!({});
        }
        let Some(fields) = canary.as_object_mut() else { return };
        match value {
            Some(value) => {
                fields.insert(key.to_owned(), value);
            }
            None => {
                fields.shift_remove(key);
            }
        }
    }
}
