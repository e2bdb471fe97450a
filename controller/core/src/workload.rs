//! A Rollout whose template stands in a workload that it refers to: whether that is there, which generation of it was acted on,
//! and a Deployment that gives its pods up for those of the Rollout.
//!
//! A Deployment shrinks only by as much as the Rollout has pods available, and the last of its pods go when the Rollout is
//! healthy. That is so at every revision: a first update that failed, and the second that mends it, hand over like the first
//! alone. Pods come back to it only while the Rollout has never been healthy; later its template is no safe place to go back to.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate_api::object;
use tidegate_model::names::{WORKLOAD_GENERATION_ANNOTATION, condition, reason};
use tidegate_model::{ScaleDown, WorkloadKind, workload};

use crate::context::Context;
use crate::decision::Note;
use crate::world::Workload;
use crate::writes::Writes;

/// After this long is looked again for a workload that is not there (Argo Rollouts). A watch tells earlier.
const RETRY: SignedDuration = SignedDuration::from_secs(20);

/// Why nobody knows the template, in the words of Argo Rollouts; `None`: it is known.
pub(crate) fn unresolved(context: &Context<'_>) -> Option<String> {
    let rollout = &context.world.rollout;
    if let Some(refusal) = workload::refusal(rollout) {
        return Some(refusal);
    }
    let reference = workload::workload_ref(rollout)?;
    match &context.world.workload {
        Workload::Found(_) => None,
        Workload::None | Workload::Missing => {
            let resource = reference.kind.resource();
            let dot = if resource.group.is_empty() { "" } else { "." };
            let namespace = &context.rollout.namespace;
            let (plural, group, name) = (&resource.plural, &resource.group, &reference.name);
            Some(format!("{plural}{dot}{group} \"{namespace}/{name}\" not found"))
        }
        Workload::Unreadable { message } => Some(message.clone()),
    }
}

/// When to look again because a workload was not there.
pub(crate) fn retry_at(context: &Context<'_>) -> Option<Timestamp> {
    match &context.world.workload {
        Workload::None | Workload::Found(_) => None,
        Workload::Missing | Workload::Unreadable { .. } => context.now.checked_add(RETRY).ok(),
    }
}

/// The generation of the workload that this pass acts on; empty when the Rollout refers to none.
pub(crate) fn observed_generation(context: &Context<'_>) -> String {
    if !workload::is_referring(&context.world.rollout) {
        return String::new();
    }
    match context.world.workload.object() {
        Some(workload) => generation(workload),
        None => context.status.workload_observed_generation.clone(),
    }
}

/// Clients take an update that has not begun yet from the generation that stands in the annotation and not in the status.
pub(crate) fn note_generation(context: &Context<'_>, writes: &mut Writes) {
    let noted = object::annotation(&context.world.rollout, WORKLOAD_GENERATION_ANNOTATION);
    let wanted = context.world.workload.object().map(generation);
    let is_known = wanted.is_some() || !workload::is_referring(&context.world.rollout);
    if is_known && noted != wanted.as_deref() {
        let annotation = serde_json::json!({WORKLOAD_GENERATION_ANNOTATION: wanted});
        writes.rollout(serde_json::json!({"metadata": {"annotations": annotation}}));
    }
}

fn generation(workload: &Value) -> String {
    object::generation(workload).unwrap_or_default().to_string()
}

/// Gives the Deployment the size that is left for it beside the Rollout, whose status is about to be this.
pub(crate) fn scale_down(context: &Context<'_>, status: &Value, writes: &mut Writes, notes: &mut Vec<Note>) {
    let Some(reference) = workload::workload_ref(&context.world.rollout) else { return };
    let Some(deployment) = context.world.workload.object() else { return };
    let replicas = context.rollout.replicas;
    // A Rollout without pods has taken nothing over.
    if reference.kind != WorkloadKind::Deployment || context.rollout.paused || replicas == 0 {
        return;
    }
    let size = deployment.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let wanted = match reference.scale_down {
        ScaleDown::OnSuccess | ScaleDown::Progressively if is_healthy(status) => 0,
        ScaleDown::Progressively => remaining(context, size),
        ScaleDown::Never | ScaleDown::OnSuccess => size,
    };
    if wanted == size {
        return;
    }
    writes.scale_workload(reference.kind.resource(), deployment, wanted);
    let direction = if wanted > size { "up" } else { "down" };
    notes.push(Note::normal(
        reason::SCALING,
        format!("Scaled {direction} Deployment {} from {size} to {wanted}", reference.name),
    ));
}

/// The size of a Deployment that makes up for what the Rollout does not have yet. One without pods had none before, or has handed
/// over.
fn remaining(context: &Context<'_>, size: i64) -> i64 {
    let has_been_healthy = context.status.condition(condition::HEALTHY).is_some();
    if has_been_healthy || size == 0 {
        return size;
    }
    let available = context.sets().iter().map(|set| set.available).fold(0, i64::saturating_add);
    context.rollout.replicas.saturating_sub(available).max(0)
}

fn is_healthy(status: &Value) -> bool {
    let conditions = status.get("conditions").and_then(Value::as_array);
    let text = |one: &Value, field: &str| one.get(field).and_then(Value::as_str).map(str::to_owned);
    conditions.into_iter().flatten().any(|one| {
        text(one, "type").as_deref() == Some(condition::HEALTHY)
            && text(one, "status").as_deref() == Some("True")
    })
}
