//! Reading a world and changing a decision, for all variants.

use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Request, builtin, object};
use tidegate_core::{Decision, World};
use tidegate_model::names::HASH_LABEL;

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

pub(super) fn is_true(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool) == Some(true)
}

pub(super) fn is_dynamic(world: &World) -> bool {
    is_true(&world.rollout, "/spec/strategy/canary/dynamicStableScale")
}

pub(super) fn is_updating(world: &World) -> bool {
    let (stable, current) =
        (text(&world.rollout, "/status/stableRS"), text(&world.rollout, "/status/currentPodHash"));
    !stable.is_empty() && stable != current
}

pub(super) fn set_of<'a>(world: &'a World, hash: &str) -> Option<&'a Value> {
    let found = |set: &&std::sync::Arc<Value>| object::label(set, HASH_LABEL) == Some(hash);
    world.replica_sets.iter().find(found).map(AsRef::as_ref)
}

/// Changes an object, in place of what the decision wanted to do to it.
pub(super) fn write(decision: &mut Decision, object: &Value, mut patch: Value) {
    let kind = text(object, "/kind");
    let resource = if kind == "Service" { builtin::services() } else { builtin::replica_sets() };
    let name = object::name(object).to_owned();
    decision.writes.retain(|write| write.resource != resource || write.name() != Some(&name));
    put(&mut patch, &["metadata", "resourceVersion"], json!(object::resource_version(object)));
    let operation = Operation::Patch { name, subresource: None, body: Body::Merge(patch) };
    let namespace = Some(object::namespace(object).to_owned());
    decision.writes.push(Request { resource, namespace, operation });
}

/// Puts a value at a path, making the objects on the way.
pub(super) fn put(value: &mut Value, path: &[&str], leaf: Value) {
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
