//! `metadata`: brought into the form in which a server keeps it, and validated.
//!
//! Every object passes through the typed `ObjectMeta` of a real server, custom resources too: unknown members, nulls
//! and empty values do not survive it, and a member of the wrong type makes the object unreadable. `managedFields`
//! are not modelled and dropped.

use serde_json::{Map, Value};
use tidegate_api::{Cause, Resource, object};

use crate::answer::{duplicate, too_long, value_forbidden, value_invalid, value_required};
use crate::json::{as_object, object_at, text};
use crate::names::{NameRule, key_problem, label_value_problem};

/// The size that all annotations together may have, in bytes (`TotalAnnotationSizeLimitB`).
const MOST_ANNOTATIONS: usize = 256 * 1024;

/// The finalizers with which a client asks for foreground deletion or orphaning.
pub(crate) const PROPAGATION_FINALIZERS: [&str; 2] = ["foregroundDeletion", "orphan"];

/// The finalizers that need no domain.
const STANDARD_FINALIZERS: [&str; 3] = ["foregroundDeletion", "kubernetes", "orphan"];

/// Brings `metadata` into its kept form, or says which member is of the wrong type.
pub(crate) fn normalise(object: &mut Value) -> Result<(), String> {
    let metadata = match object.get_mut("metadata") {
        None | Some(Value::Null) => {
            as_object(object).insert("metadata".into(), Value::Object(Map::new()));
            return Ok(());
        }
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err(wrong_type("")),
    };
    for (key, value) in metadata.iter_mut() {
        match key.as_str() {
            "name" | "generateName" | "namespace" | "uid" | "resourceVersion" | "creationTimestamp"
            | "deletionTimestamp" => {
                if !(value.is_string() || value.is_null()) {
                    return Err(wrong_type(key));
                }
            }
            "generation" | "deletionGracePeriodSeconds" => {
                if !(value.is_i64() || value.is_null()) {
                    return Err(wrong_type(key));
                }
            }
            "labels" | "annotations" => normalise_texts(key, value)?,
            "finalizers" => {
                let texts = value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
                if !(texts || value.is_null()) {
                    return Err(wrong_type(key));
                }
            }
            "ownerReferences" => normalise_owners(value)?,
            _ => *value = Value::Null,
        }
    }
    metadata.retain(|key, value| !is_empty(key, value));
    Ok(())
}

fn wrong_type(field: &str) -> String {
    format!("json: cannot unmarshal into Go struct field ObjectMeta.metadata.{field}: wrong type")
}

fn is_empty(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(number) => key == "generation" && number.as_i64() == Some(0),
        Value::Bool(_) => false,
    }
}

fn normalise_texts(key: &str, value: &mut Value) -> Result<(), String> {
    match value {
        Value::Null => Ok(()),
        Value::Object(map) => {
            for value in map.values_mut() {
                match value {
                    Value::String(_) => {}
                    Value::Null => *value = Value::String(String::new()),
                    _ => return Err(wrong_type(key)),
                }
            }
            Ok(())
        }
        _ => Err(wrong_type(key)),
    }
}

fn normalise_owners(value: &mut Value) -> Result<(), String> {
    let list = match value {
        Value::Null => return Ok(()),
        Value::Array(list) => list,
        _ => return Err(wrong_type("ownerReferences")),
    };
    for owner in list.iter_mut() {
        let Value::Object(fields) = owner else { return Err(wrong_type("ownerReferences")) };
        fields.retain(|key, value| match key.as_str() {
            "apiVersion" | "kind" | "name" | "uid" => true,
            "controller" | "blockOwnerDeletion" => !value.is_null(),
            _ => false,
        });
        for key in ["apiVersion", "kind", "name", "uid"] {
            let text = fields.entry(key).or_insert(Value::Null);
            match text {
                Value::String(_) => {}
                Value::Null => *text = Value::String(String::new()),
                _ => return Err(wrong_type("ownerReferences")),
            }
        }
    }
    let mut seen = Vec::<Value>::with_capacity(list.len());
    list.retain(|owner| {
        let new = !seen.contains(owner);
        if new {
            seen.push(owner.clone());
        }
        new
    });
    Ok(())
}

/// Sets a member of `metadata`.
pub(crate) fn set(object: &mut Value, key: &str, value: impl Into<Value>) {
    object_at(object, "metadata").insert(key.to_owned(), value.into());
}

/// Removes a member of `metadata`.
pub(crate) fn unset(object: &mut Value, key: &str) {
    object_at(object, "metadata").shift_remove(key);
}

/// Makes a member of `metadata` what it is in another object.
pub(crate) fn copy(from: &Value, to: &mut Value, key: &str) {
    match from.get("metadata").and_then(|metadata| metadata.get(key)) {
        Some(value) => set(to, key, value.clone()),
        None => unset(to, key),
    }
}

/// The finalizers.
pub(crate) fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    crate::json::items(object, &["metadata", "finalizers"]).iter().filter_map(Value::as_str)
}

/// The owner references.
pub(crate) fn owners(object: &Value) -> &[Value] {
    crate::json::items(object, &["metadata", "ownerReferences"])
}

/// What is wrong with the finalizers of a built-in kind: those without a domain must be known.
pub(crate) fn validate_standard_finalizers(new: &Value) -> Vec<Cause> {
    let odd = |name: &&str| !name.contains('/') && !STANDARD_FINALIZERS.contains(name);
    let odd = finalizers(new).enumerate().filter(|(_, name)| odd(name));
    odd.map(|(index, name)| {
        let detail = "name is neither a standard finalizer name nor is it fully qualified";
        value_invalid(&format!("metadata.finalizers[{index}]"), &Value::from(name), detail)
    })
    .collect()
}

/// What is wrong with the metadata of an object, whatever its kind.
pub(crate) fn validate(resource: &Resource, rule: NameRule, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    validate_names(resource, rule, new, &mut causes);
    validate_labels(new, &mut causes);
    validate_owners(new, &mut causes);
    for finalizer in finalizers(new) {
        if let Some(problem) = key_problem(finalizer) {
            causes.push(value_invalid("metadata.finalizers", &Value::from(finalizer), &problem));
        }
    }
    let both = |name: &&str| finalizers(new).any(|finalizer| finalizer == *name);
    if PROPAGATION_FINALIZERS.iter().all(both) {
        let all = crate::json::at(new, &["metadata", "finalizers"]).unwrap_or(&Value::Null);
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        causes.push(value_invalid("metadata.finalizers", all, detail));
    }
    causes
}

fn validate_names(resource: &Resource, rule: NameRule, new: &Value, causes: &mut Vec<Cause>) {
    let name = object::name(new);
    if name.is_empty() {
        causes.push(value_required("metadata.name", "name or generateName is required"));
    } else if let Some(problem) = rule.problem(name) {
        causes.push(value_invalid("metadata.name", &Value::from(name), &problem));
    }
    if resource.namespaced {
        let namespace = object::namespace(new);
        if let Some(problem) = NameRule::Label.problem(namespace) {
            causes.push(value_invalid("metadata.namespace", &Value::from(namespace), &problem));
        }
    }
}

fn validate_labels(new: &Value, causes: &mut Vec<Cause>) {
    let members = |key: &str| {
        new.get("metadata")
            .and_then(|metadata| metadata.get(key))
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    };
    for (key, value) in members("labels") {
        if let Some(problem) = key_problem(key) {
            causes.push(value_invalid("metadata.labels", &Value::from(key.as_str()), &problem));
        }
        if let Some(problem) = value.as_str().and_then(label_value_problem) {
            causes.push(value_invalid("metadata.labels", value, &problem));
        }
    }
    let mut size = 0;
    for (key, value) in members("annotations") {
        if let Some(problem) = key_problem(&key.to_ascii_lowercase()) {
            causes.push(value_invalid("metadata.annotations", &Value::from(key.as_str()), &problem));
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > MOST_ANNOTATIONS {
        causes.push(too_long("metadata.annotations", MOST_ANNOTATIONS as u64));
    }
}

fn validate_owners(new: &Value, causes: &mut Vec<Cause>) {
    let mut controller = None::<String>;
    for owner in owners(new) {
        for (key, problem) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if text(owner, &[key]).is_empty() {
                let field = format!("metadata.ownerReferences.{key}");
                causes.push(value_invalid(&field, &Value::from(""), problem));
            }
        }
        if text(owner, &["apiVersion"]) == "v1" && text(owner, &["kind"]) == "Event" {
            let detail = "/v1, Kind=Event is disallowed from being an owner";
            causes.push(value_invalid("metadata.ownerReferences", owner, detail));
        }
        if owner.get("controller") == Some(&Value::Bool(true)) {
            let this = format!("{}/{}", text(owner, &["kind"]), text(owner, &["name"]));
            match &controller {
                None => controller = Some(this),
                Some(first) => {
                    let all = Value::Array(owners(new).to_vec());
                    let detail = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                    );
                    causes.push(value_invalid("metadata.ownerReferences", &all, &detail));
                }
            }
        }
    }
}

/// What a change of the metadata may not do.
pub(crate) fn validate_update(new: &Value, old: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if object::is_deleting(old) {
        let added: Vec<&str> =
            finalizers(new).filter(|one| !finalizers(old).any(|kept| kept == *one)).collect();
        if !added.is_empty() {
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                added.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>().join(", ")
            );
            causes.push(value_forbidden("metadata.finalizers", &detail));
        }
    }
    for key in ["uid", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let of = |object: &Value| object.get("metadata").and_then(|metadata| metadata.get(key)).cloned();
        if of(new) != of(old) {
            let value = of(new).unwrap_or(Value::Null);
            causes.push(value_invalid(&format!("metadata.{key}"), &value, "field is immutable"));
        }
    }
    causes
}

/// Whether a list names the same thing twice, as a cause.
pub(crate) fn duplicate_names<'a>(field: &str, names: impl Iterator<Item = &'a str>) -> Vec<Cause> {
    let mut seen = std::collections::BTreeSet::new();
    names
        .enumerate()
        .filter(|(_, name)| !seen.insert(*name))
        .map(|(index, name)| duplicate(&format!("{field}[{index}].name"), &Value::from(name)))
        .collect()
}
