//! The ReplicaSet of the newest template: making it, giving it its revision, and letting old ones go.

use serde_json::{Map, Value, json};
use tidegate_api::{builtin, object};
use tidegate_model::names::{
    DESIRED_REPLICAS_ANNOTATION, EPHEMERAL_METADATA_ANNOTATION, HASH_LABEL, NOT_COPIED_ANNOTATIONS,
    OWN_PREFIX, REVISION_ANNOTATION, REVISION_HISTORY_ANNOTATION, reason,
};
use tidegate_model::{ReplicaSet, hash};

use crate::context::Context;
use crate::decision::Note;
use crate::writes::Writes;
use crate::{anti_affinity, metadata, replicas};

/// Makes the newest template's ReplicaSet if there is none, and keeps its and the Rollout's revision.
pub(crate) fn plan(context: &Context<'_>, writes: &mut Writes, notes: &mut Vec<Note>) {
    if context.new_set().is_none() && context.collides {
        return;
    }
    let revision = context.new_revision();
    match context.new_set() {
        None => {
            writes.create_replica_set(new_replica_set(context, revision));
            let name = format!("{}-{}", context.rollout.name, context.new_hash);
            notes.push(Note::normal(
                reason::NEW_REPLICA_SET,
                format!("Created ReplicaSet {name} (revision {revision})"),
            ));
        }
        Some(new) => {
            let is_again = new.revision != revision;
            if is_again {
                renumber(new, revision, writes);
            }
            anti_affinity::plan(context, new, is_again, writes);
            keep_in_line(context, new, writes);
        }
    }
    for set in context.sets().iter().filter(|set| set.is_orphan) {
        let mut owners = set
            .object
            .pointer("/metadata/ownerReferences")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        owners.push(owner(context));
        writes.replica_set(set, json!({"metadata": {"ownerReferences": owners}}));
    }
    let text = revision.to_string();
    if object::annotation(&context.world.rollout, REVISION_ANNOTATION) != Some(text.as_str()) {
        writes.rollout(json!({"metadata": {"annotations": {REVISION_ANNOTATION: text}}}));
        notes.push(Note::normal(reason::ROLLOUT_UPDATED, format!("Rollout updated to revision {revision}")));
    }
    if !context.rollout.has_replicas {
        // An autoscaler reads it through the scale subresource, which has no default.
        writes.rollout(json!({"spec": {"replicas": context.rollout.replicas}}));
    }
}

/// An old template is the newest again: its ReplicaSet gets a new revision and keeps the old one as history.
fn renumber(new: &ReplicaSet, revision: i64, writes: &mut Writes) {
    let mut annotations = Map::from_iter([(REVISION_ANNOTATION.to_owned(), json!(revision.to_string()))]);
    if new.revision > 0 {
        let history = match object::annotation(&new.object, REVISION_HISTORY_ANNOTATION) {
            Some(history) if !history.is_empty() => format!("{history},{}", new.revision),
            _ => new.revision.to_string(),
        };
        annotations.insert(REVISION_HISTORY_ANNOTATION.to_owned(), json!(history));
    }
    writes.replica_set(new, json!({"metadata": {"annotations": annotations}}));
}

/// What the newest template's ReplicaSet has from the Rollout besides the template, as it is now.
fn keep_in_line(context: &Context<'_>, new: &ReplicaSet, writes: &mut Writes) {
    let differs = |(key, value): &(&String, &Value)| object::annotation(&new.object, key) != value.as_str();
    let annotations: Map<String, Value> =
        copied(context).filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect();
    if !annotations.is_empty() {
        writes.replica_set(new, json!({"metadata": {"annotations": annotations}}));
    }
    let seconds = new.object.pointer("/spec/minReadySeconds").and_then(Value::as_i64).unwrap_or_default();
    if seconds != context.rollout.min_ready_seconds {
        writes.replica_set(new, json!({"spec": {"minReadySeconds": context.rollout.min_ready_seconds}}));
    }
}

/// The annotations of a Rollout that its newest ReplicaSet has too.
fn copied<'a>(context: &'a Context<'_>) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let annotations = context.world.rollout.pointer("/metadata/annotations").and_then(Value::as_object);
    annotations.into_iter().flatten().filter(|(key, value)| {
        value.is_string() && !NOT_COPIED_ANNOTATIONS.contains(&key.as_str()) && !key.starts_with(OWN_PREFIX)
    })
}

/// The ReplicaSet of the newest template, at the size that it should have: it gets no traffic before its pods are available,
/// so there is nothing to wait for between making and scaling it.
fn new_replica_set(context: &Context<'_>, revision: i64) -> Value {
    let rollout = &context.rollout;
    let mut template = context.template.clone();
    put(&mut template, &["metadata", "labels", HASH_LABEL], json!(context.new_hash));
    if let Some(affinity) = anti_affinity::of_new(context) {
        put(&mut template, &["spec", "affinity"], affinity);
    }
    let labels = template.pointer("/metadata/labels").cloned().unwrap_or_default();
    let mut selector = context.selector.clone();
    put(&mut selector, &["matchLabels", HASH_LABEL], json!(context.new_hash));

    let (ephemeral, note) = metadata::of_new(context);
    for (field, texts) in [("labels", ephemeral.labels), ("annotations", ephemeral.annotations)] {
        for (key, value) in texts {
            put(&mut template, &["metadata", field, &key], json!(value));
        }
    }

    let mut annotations: Map<String, Value> =
        copied(context).map(|(key, value)| (key.clone(), value.clone())).collect();
    annotations.extend(note.map(|note| (EPHEMERAL_METADATA_ANNOTATION.to_owned(), json!(note))));
    annotations.insert(REVISION_ANNOTATION.to_owned(), json!(revision.to_string()));
    annotations.insert(DESIRED_REPLICAS_ANNOTATION.to_owned(), json!(rollout.replicas.to_string()));

    let replicas = if rollout.paused && !context.is_first() { 0 } else { replicas::initial_of_new(context) };
    let mut spec = json!({"replicas": replicas, "selector": selector, "template": template});
    if rollout.min_ready_seconds > 0 {
        put(&mut spec, &["minReadySeconds"], json!(rollout.min_ready_seconds));
    }
    let resource = builtin::replica_sets();
    json!({
        "apiVersion": resource.api_version(),
        "kind": resource.kind.as_ref(),
        "metadata": {
            "name": format!("{}-{}", rollout.name, context.new_hash),
            "namespace": rollout.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner(context)],
        },
        "spec": spec,
    })
}

fn owner(context: &Context<'_>) -> Value {
    let resource = builtin::rollouts();
    json!({
        "apiVersion": resource.api_version(),
        "kind": resource.kind.as_ref(),
        "name": context.rollout.name,
        "uid": context.rollout.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// Deletes the oldest ReplicaSets without pods, as far as there are more than the history keeps.
pub(crate) fn collect_history(context: &Context<'_>, writes: &mut Writes) {
    let limit = usize::try_from(context.rollout.revision_history_limit).unwrap_or(usize::MAX);
    let others: Vec<&ReplicaSet> = context.other_sets().collect();
    let surplus = others.len().saturating_sub(limit);
    for set in others.into_iter().take(surplus) {
        let is_empty = set.desired == 0 && set.current == 0 && set.is_observed;
        if is_empty && !set.is_orphan && !object::is_deleting(&set.object) {
            writes.delete_replica_set(set);
        }
    }
}

/// The hash that the newest template's ReplicaSet gets when the name of the plain one is taken.
pub(crate) fn collision_count(context: &Context<'_>) -> Option<i64> {
    if !context.collides {
        return context.status.collision_count;
    }
    let taken = |count: i64| {
        let name = format!("{}-{}", context.rollout.name, hash::template_hash(context.template, Some(count)));
        context.sets().iter().any(|set| set.name == name)
    };
    let first = context.status.collision_count.unwrap_or_default().saturating_add(1);
    // One more than there are ReplicaSets is certainly free.
    (0..)
        .zip(0..=context.sets().len())
        .map(|(more, _)| first.saturating_add(more))
        .find(|count| !taken(*count))
}

/// Puts a value at a path of an object, making the objects on the way.
fn put(value: &mut Value, path: &[&str], leaf: Value) {
    let mut value = value;
    for key in path {
        if !value.is_object() {
            *value = json!({});
        }
        let Value::Object(fields) = value else { return };
        value = fields.entry((*key).to_owned()).or_insert(Value::Null);
    }
    *value = leaf;
}
