//! Ephemeral metadata: what the pods of the stable and of the canary ReplicaSet have besides their template.
//!
//! First the ReplicaSet's template, so that new pods have it, together with the note of what pods may have from before; then the
//! pods, a few in each pass; then the note is taken away. Pods are looked at only while it is there.

use serde_json::{Value, json};
use tidegate_api::object;
use tidegate_model::names::EPHEMERAL_METADATA_ANNOTATION;
use tidegate_model::pod_metadata::{CANARY_METADATA, STABLE_METADATA};
use tidegate_model::{Injected, PodMetadata, ReplicaSet};

use crate::context::Context;
use crate::world::{Pods, World};
use crate::writes::Writes;

/// At most so many pods are patched in a pass.
const MOST: usize = 16;

/// Whether pods are being brought in line.
pub(crate) fn is_under_way(world: &World) -> bool {
    world.replica_sets.iter().any(|set| Injected::read(set).before.is_some())
}

/// Brings ReplicaSets and pods in line with their roles.
pub(crate) fn plan(context: &Context<'_>, writes: &mut Writes) {
    let mut left = MOST;
    for set in context.sets().iter().filter(|set| !set.is_orphan) {
        let wanted = wanted(context, set);
        let injected = Injected::read(&set.object);
        let known = injected.now.clone().and(injected.before.clone().unwrap_or_default());
        let metadata = set.object.pointer("/spec/template/metadata").unwrap_or(&Value::Null);
        let template = wanted.patch(metadata, &known);
        if injected.now != wanted || template.is_some() {
            // Pods of a ReplicaSet without a role are about to go.
            let before = (has_role(context, set) && (set.desired > 0 || set.current > 0)).then_some(known);
            remember(set, &Injected { now: wanted, before }, writes);
            if let Some(template) = template {
                writes.replica_set(set, json!({"spec": {"template": {"metadata": template}}}));
            }
        } else if let Some(before) = &injected.before
            && pods_are_in_line(context, set, &wanted, before, &mut left, writes)
        {
            remember(set, &Injected { now: wanted, before: None }, writes);
        }
    }
}

/// What the newest template's ReplicaSet is made with: into its template, and as a note.
pub(crate) fn of_new(context: &Context<'_>) -> (PodMetadata, Option<String>) {
    let role =
        if context.is_first() || context.is_fully_promoted() { STABLE_METADATA } else { CANARY_METADATA };
    let now = PodMetadata::of_role(&context.world.rollout, role);
    let text = Injected { now: now.clone(), before: None }.text();
    (now, text)
}

fn wanted(context: &Context<'_>, set: &ReplicaSet) -> PodMetadata {
    let is = |other: Option<&ReplicaSet>| other.is_some_and(|other| other.name == set.name);
    let is_first = context.is_first() && is(context.new_set());
    if is(context.stable_set()) || is_first {
        PodMetadata::of_role(&context.world.rollout, STABLE_METADATA)
    } else if is(context.new_set()) {
        PodMetadata::of_role(&context.world.rollout, CANARY_METADATA)
    } else {
        PodMetadata::default()
    }
}

fn has_role(context: &Context<'_>, set: &ReplicaSet) -> bool {
    [context.stable_set(), context.new_set()].into_iter().flatten().any(|other| other.name == set.name)
}

fn remember(set: &ReplicaSet, injected: &Injected, writes: &mut Writes) {
    writes.replica_set(
        set,
        json!({"metadata": {"annotations": {EPHEMERAL_METADATA_ANNOTATION: injected.text()}}}),
    );
}

/// Patches pods that are not as they should be; whether there is none, as far as the ReplicaSet has counted them.
fn pods_are_in_line(
    context: &Context<'_>,
    set: &ReplicaSet,
    wanted: &PodMetadata,
    before: &PodMetadata,
    left: &mut usize,
    writes: &mut Writes,
) -> bool {
    if !has_role(context, set) || set.desired == 0 {
        return true;
    }
    let Pods::Known(pods) = &context.world.pods else { return false };
    let uid = object::uid(&set.object);
    let mut seen: i64 = 0;
    let mut is_in_line = true;
    for pod in pods.iter().filter(|pod| object::controller_uid(pod) == Some(uid) && !object::is_deleting(pod))
    {
        seen = seen.saturating_add(1);
        let Some(mut patch) = wanted.patch(pod.get("metadata").unwrap_or(&Value::Null), before) else {
            continue;
        };
        is_in_line = false;
        if *left > 0 {
            *left -= 1;
            if let Some(fields) = patch.as_object_mut() {
                fields.insert("uid".to_owned(), json!(object::uid(pod)));
            }
            writes.pod(object::name(pod), json!({"metadata": patch}));
        }
    }
    is_in_line && seen >= set.current
}
