//! Reading the parts that every Kubernetes object has. Absent, null and wrongly typed all read as nothing.

use serde_json::Value;

use crate::resource::{ObjectKey, Resource};

/// A text under `metadata`.
fn metadata<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get("metadata")?.get(field)?.as_str()
}

/// `metadata.name`, empty when absent.
pub fn name(object: &Value) -> &str {
    metadata(object, "name").unwrap_or_default()
}

/// `metadata.namespace`, empty when absent.
pub fn namespace(object: &Value) -> &str {
    metadata(object, "namespace").unwrap_or_default()
}

/// `metadata.uid`, empty when absent.
pub fn uid(object: &Value) -> &str {
    metadata(object, "uid").unwrap_or_default()
}

/// `metadata.resourceVersion`, empty when absent.
pub fn resource_version(object: &Value) -> &str {
    metadata(object, "resourceVersion").unwrap_or_default()
}

/// `metadata.generation`.
pub fn generation(object: &Value) -> Option<i64> {
    object.get("metadata")?.get("generation")?.as_i64()
}

/// Whether it is being deleted.
pub fn is_deleting(object: &Value) -> bool {
    metadata(object, "deletionTimestamp").is_some()
}

/// A label.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// An annotation.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

/// The reference to its controlling owner.
pub fn controller(object: &Value) -> Option<&Value> {
    let mut owners = object.get("metadata")?.get("ownerReferences")?.as_array()?.iter();
    owners.find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))
}

/// The same, if that owner is of this kind.
pub fn controller_of_kind<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    controller(object).filter(|owner| owner.get("kind").and_then(Value::as_str) == Some(kind))
}

/// The uid of its controlling owner.
pub fn controller_uid(object: &Value) -> Option<&str> {
    controller(object)?.get("uid")?.as_str()
}

/// Its key.
pub fn key(resource: &Resource, object: &Value) -> ObjectKey {
    ObjectKey::new(resource, namespace(object), name(object))
}
