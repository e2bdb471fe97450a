//! Objects that a plugin made for a Rollout, and what the host gives them: their namespace, the Rollout as the
//! owner that controls them, and a label that says who manages them.
//!
//! Whose an object is says its owner reference alone, so that what another controller made for the same Rollout
//! before (Argo Rollouts its canary Ingresses) goes on being the Rollout's. It is also what makes the API server
//! remove them with the Rollout.

use serde_json::{Map, Value, json};
use tidegate_contract::{ObjectRef, Target};

use crate::equal::equal;

/// The label of what is managed here.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "tidegate");

/// What of an object is not a plugin's to say, apart from `metadata`.
const FIXED: [&str; 3] = ["apiVersion", "kind", "status"];

/// Whether the object is the Rollout's own: whether the Rollout controls it.
pub(crate) fn is_own(object: &Value, reference: &ObjectRef, target: &Target) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    reference.namespace.as_ref() == Some(&target.namespace)
        && !target.uid.is_empty()
        && owners.into_iter().flatten().any(|owner| {
            owner.get("controller") == Some(&Value::Bool(true))
                && owner.get("uid").and_then(Value::as_str) == Some(&target.uid)
        })
}

/// Whether it is being removed already.
pub(crate) fn is_going(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string)
}

/// Puts back what the host gave an own object and a plugin left out, then says what the plugin wants changed of
/// that nevertheless, if it does.
pub(crate) fn keep_host_part(old: &Value, new: &mut Value) -> Result<(), String> {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object_mut()) else { return Ok(()) };
    for key in FIXED {
        keep(old, new, key, key)?;
    }
    let Some(old) = old.get("metadata").and_then(Value::as_object) else { return Ok(()) };
    let Some(new) = new.entry("metadata").or_insert_with(|| json!({})).as_object_mut() else {
        return Err("metadata".to_owned());
    };
    for key in old.keys().chain(&new.keys().cloned().collect::<Vec<_>>()) {
        if !is_free(key) {
            keep(old, new, key, &format!("metadata.{key}"))?;
        }
    }
    let label = |metadata: &Map<String, Value>| metadata.get("labels")?.get(MANAGED_BY.0).cloned();
    match (label(old), label(new)) {
        (_, Some(label)) if label == MANAGED_BY.1 => Ok(()),
        (old, Some(label)) if old.as_ref() != Some(&label) => Err(format!("the label {}", MANAGED_BY.0)),
        (Some(label), None) => set_label(new, label),
        _ => Ok(()),
    }
}

/// Adds the label of what is managed here.
pub(crate) fn mark(object: &mut Value) -> Result<(), String> {
    match object.get_mut("metadata").and_then(Value::as_object_mut) {
        Some(metadata) => set_label(metadata, MANAGED_BY.1.into()),
        None => Err("metadata".to_owned()),
    }
}

fn set_label(metadata: &mut Map<String, Value>, label: Value) -> Result<(), String> {
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if labels.is_null() {
        *labels = json!({});
    }
    let labels = labels.as_object_mut().ok_or("metadata.labels, which is no map")?;
    labels.insert(MANAGED_BY.0.to_owned(), label);
    Ok(())
}

/// What plugins say of the metadata of their own objects.
fn is_free(key: &str) -> bool {
    matches!(key, "labels" | "annotations")
}

/// The old value of a key, where the new one says nothing of it.
fn keep(
    old: &Map<String, Value>,
    new: &mut Map<String, Value>,
    key: &str,
    called: &str,
) -> Result<(), String> {
    match (old.get(key), new.get(key)) {
        (Some(old), None) => drop(new.insert(key.to_owned(), old.clone())),
        (Some(old), Some(value)) if equal(old, value) => {}
        (Some(old), Some(value)) if is_nothing(value) => drop(new.insert(key.to_owned(), old.clone())),
        (None, Some(value)) if is_nothing(value) => drop(new.remove(key)),
        (None, None) => {}
        _ => return Err(called.to_owned()),
    }
    Ok(())
}

/// What typed languages write for a part that they leave out: `null`, or containers of nothing else.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Array(elements) => elements.is_empty(),
        _ => false,
    }
}

/// An object that is to be made, with what the host gives it. Says what is wrong where it cannot be made.
pub(crate) fn created(reference: &ObjectRef, mut object: Value, target: &Target) -> Result<Value, String> {
    let expected = [("kind", &reference.kind.kind)];
    let fields = object.as_object_mut().ok_or("it is no object")?;
    for (key, expected) in expected {
        if fields.get(key).and_then(Value::as_str) != Some(expected) {
            return Err(format!("its {key} is not {expected}"));
        }
    }
    if let Some(status) = fields.remove("status")
        && !is_nothing(&status)
    {
        return Err("it has a status, which only the router's own controller writes".to_owned());
    }
    let metadata = fields.get_mut("metadata").and_then(Value::as_object_mut).ok_or("it has no metadata")?;
    metadata.retain(|_, value| !is_nothing(value));
    if metadata.get("name").and_then(Value::as_str) != Some(&reference.name) {
        return Err(format!("its metadata.name is not {}", reference.name));
    }
    match metadata.get("namespace") {
        None => {}
        Some(namespace) if *namespace == target.namespace.as_str() => {}
        Some(_) => return Err(format!("its metadata.namespace is not {}", target.namespace)),
    }
    if let Some(key) =
        metadata.keys().find(|key| !is_free(key) && !matches!(key.as_str(), "name" | "namespace"))
    {
        return Err(format!("its metadata has {key:?}; a plugin says name, labels and annotations only"));
    }
    metadata.insert("namespace".to_owned(), target.namespace.as_str().into());
    let owner = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "name": target.name,
        "uid": target.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    });
    metadata.insert("ownerReferences".to_owned(), Value::Array(vec![owner]));
    match metadata.get("labels").and_then(|labels| labels.get(MANAGED_BY.0)) {
        Some(label) if *label != MANAGED_BY.1 => {
            return Err(format!("its label {} is not {}", MANAGED_BY.0, MANAGED_BY.1));
        }
        _ => set_label(metadata, MANAGED_BY.1.into())?,
    }
    Ok(object)
}

/// A made object as it will be read back: with what the API server adds to every object. Only what that says of
/// all objects alike can be foreseen.
pub fn as_read_back(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for (key, value) in [
            ("uid", json!("00000000-0000-0000-0000-000000000000")),
            ("resourceVersion", json!("1")),
            ("generation", json!(1)),
            ("creationTimestamp", json!("1970-01-01T00:00:00Z")),
        ] {
            metadata.entry(key).or_insert(value);
        }
    }
    object
}

/// Whether an object can have this name: a DNS subdomain, as nearly all kinds want it.
pub(crate) fn is_possible_name(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=253).contains(&name.len())
        && name.split('.').all(|part| {
            let bytes = part.as_bytes();
            bytes.first().copied().is_some_and(is_inner)
                && bytes.last().copied().is_some_and(is_inner)
                && bytes.iter().all(|byte| is_inner(*byte) || *byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_subdomains() {
        let long = "a".repeat(254);
        for (name, expected) in [
            ("web", true),
            ("web-canary.v2", true),
            ("1", true),
            ("", false),
            ("Web", false),
            ("-web", false),
            ("web-", false),
            ("web..x", false),
            ("web/x", false),
            ("we b", false),
            ("wéb", false),
            (long.as_str(), false),
        ] {
            assert_eq!(is_possible_name(name), expected, "{name}");
        }
    }
}
