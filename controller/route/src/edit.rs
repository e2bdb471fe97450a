//! A plugin's edits, applied in memory to the objects that it saw.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_contract::{Change, Edit, Object, ObjectRef, Observation, Selection, Verb};

use crate::apply::{PatchError, apply_operations};
use crate::equal::{depth, equal};
use crate::guard::Guard;
use crate::limits;
use crate::own;
use crate::pass::Refusal;
use crate::refusal::reason;

/// An object that a plugin wants otherwise.
pub(crate) enum Edited<'a> {
    /// It is there.
    Changed {
        /// As it was seen.
        object: &'a Object,
        /// What was seen, read.
        old: Value,
        /// What it should be.
        new: Value,
        /// Whether it is the Rollout's own.
        is_own: bool,
    },
    /// It should be made.
    Created {
        /// Which one.
        reference: &'a ObjectRef,
        /// The version it is made in.
        api_version: String,
        /// As it should be, with what the host gives it.
        object: Value,
    },
    /// It should not be there.
    Removed {
        /// As it was seen.
        object: &'a Object,
        /// Its `metadata.uid`.
        uid: String,
        /// Whether it is being removed already.
        is_going: bool,
    },
}

impl Edited<'_> {
    /// Which object.
    pub(crate) fn reference(&self) -> &ObjectRef {
        match self {
            Self::Changed { object, .. } | Self::Removed { object, .. } => &object.reference,
            Self::Created { reference, .. } => reference,
        }
    }
}

/// Applies all edits, in their order. Those that change nothing are left out.
pub(crate) fn edited<'a>(
    changes: &'a [Change],
    seen: &'a [Observation],
    guard: &Guard<'_>,
) -> Result<Vec<Edited<'a>>, Box<Refusal>> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    if changes.len() > limits::CHANGES {
        let message = format!(
            "it changes {} objects in one pass; at most {} are allowed",
            changes.len(),
            limits::CHANGES
        );
        return Err(Refusal::new(reason::TOO_MANY_CHANGES, message));
    }
    let known: BTreeMap<&ObjectRef, &Object> =
        seen.iter().flat_map(|seen| &seen.objects).map(|object| (&object.reference, object)).collect();
    let mut named = BTreeSet::new();
    let mut edits = Vec::new();
    for change in changes {
        let reference = &change.reference;
        if !named.insert(reference) {
            let message = format!("it changes {reference} twice in one answer");
            return Err(Refusal::new(reason::DUPLICATE_CHANGE, message).about(reference));
        }
        let edit = match known.get(reference) {
            Some(object) => one(object, &change.edit, guard),
            None => absent(change, seen, guard).map(Some),
        };
        edits.extend(edit.map_err(|refusal| refusal.about(reference))?);
    }
    Ok(edits)
}

/// An edit of an object that is not there.
fn absent<'a>(
    change: &'a Change,
    seen: &[Observation],
    guard: &Guard<'_>,
) -> Result<Edited<'a>, Box<Refusal>> {
    let reference = &change.reference;
    let Edit::Replace(text) = &change.edit else { return Err(unknown(reference)) };
    if !guard.permissions.describes(&reference.kind, Verb::Create) {
        return Err(unknown(reference));
    }
    let home = &guard.target.namespace;
    let refuse =
        |what: &str| Err(Refusal::new(reason::FORBIDDEN_CREATE, format!("it creates {reference}{what}")));
    if !guard.permissions.allows(&reference.kind, Verb::Create) {
        return refuse(", and it may not create objects of that kind");
    }
    if reference.namespace.as_ref() != Some(home) {
        return refuse(&format!("; objects can be created in the Rollout's namespace {home} only"));
    }
    if !own::is_possible_name(&reference.name) {
        return refuse(", and that is no possible name of an object");
    }
    // Whether there is one of this name is known only of what was looked for by its name.
    let looked_for = seen.iter().find(|seen| {
        seen.query.kind == reference.kind
            && seen.query.namespace.as_ref().is_none_or(|namespace| namespace == home)
            && matches!(&seen.query.select, Selection::Name(name) if *name == reference.name)
    });
    match looked_for {
        None => return refuse(", which it did not look for by its name"),
        Some(seen) if !seen.served => return refuse(", of a kind that the API server does not serve"),
        Some(_) => {}
    }
    let object = read(text, reference)?;
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !guard.permissions.describes_version(&reference.kind, &api_version) {
        return refuse(&format!(" in the version {api_version:?}, which its description does not name"));
    }
    let object = own::created(reference, object, guard.target).map_err(|wrong| {
        Refusal::new(reason::INVALID_EDIT, format!("it creates {reference}, but {wrong}"))
    })?;
    Ok(Edited::Created { reference, api_version, object })
}

fn unknown(reference: &ObjectRef) -> Box<Refusal> {
    let message = format!("it changes {reference}, which is not among the objects that it asked for and saw");
    Refusal::new(reason::UNKNOWN_OBJECT, message)
}

/// An edit of an object that is there.
fn one<'a>(object: &'a Object, edit: &Edit, guard: &Guard<'_>) -> Result<Option<Edited<'a>>, Box<Refusal>> {
    let reference = &object.reference;
    let old: Value = serde_json::from_str(&object.json).map_err(|error| {
        Refusal::new(reason::INTERNAL, format!("{reference} as seen is not JSON: {error}"))
    })?;
    let is_own = own::is_own(&old, reference, guard.target);
    let mut new = match edit {
        Edit::Remove => return removed(object, &old, is_own, guard).map(Some),
        Edit::Replace(text) => read(text, reference)?,
        Edit::JsonPatch(text) => patched(text, &old, reference)?,
    };
    if !new.is_object() {
        let message = format!("its edit makes {reference} something else than an object");
        return Err(Refusal::new(reason::INVALID_EDIT, message));
    }
    if depth(&new) > limits::DEPTH {
        return Err(too_large(reference));
    }
    if is_own {
        let refused = |what: String| {
            let message = format!("it changes {what} of {reference}, which is not a plugin's to change");
            Refusal::new(reason::FORBIDDEN_CHANGE, message)
        };
        own::keep_host_part(&old, &mut new).map_err(refused)?;
        if !equal(&old, &new) {
            own::mark(&mut new).map_err(refused)?;
        }
    }
    Ok((!equal(&old, &new)).then_some(Edited::Changed { object, old, new, is_own }))
}

fn removed<'a>(
    object: &'a Object,
    old: &Value,
    is_own: bool,
    guard: &Guard<'_>,
) -> Result<Edited<'a>, Box<Refusal>> {
    let reference = &object.reference;
    let refuse =
        |what: &str| Err(Refusal::new(reason::FORBIDDEN_REMOVE, format!("it removes {reference}, {what}")));
    if !guard.permissions.allows(&reference.kind, Verb::Delete) {
        return refuse("and it may not remove objects of that kind");
    }
    if !is_own {
        return refuse("which this Rollout does not own: it was made by somebody else");
    }
    match old.pointer("/metadata/uid").and_then(Value::as_str) {
        Some(uid) if !uid.is_empty() => {
            Ok(Edited::Removed { object, uid: uid.to_owned(), is_going: own::is_going(old) })
        }
        _ => Err(Refusal::new(reason::INTERNAL, format!("{reference} as seen has no uid"))),
    }
}

fn read(text: &str, reference: &ObjectRef) -> Result<Value, Box<Refusal>> {
    if text.len() > limits::OBJECT_BYTES {
        return Err(too_large(reference));
    }
    let object: Value = serde_json::from_str(text).map_err(|error| {
        Refusal::new(reason::INVALID_EDIT, format!("its edit of {reference} is not JSON: {error}"))
    })?;
    if depth(&object) > limits::DEPTH {
        return Err(too_large(reference));
    }
    Ok(object)
}

fn patched(text: &str, old: &Value, reference: &ObjectRef) -> Result<Value, Box<Refusal>> {
    if text.len() > limits::OBJECT_BYTES {
        return Err(too_large(reference));
    }
    let not_valid = |error: &dyn std::fmt::Display| {
        Refusal::new(reason::INVALID_EDIT, format!("its patch of {reference} {error}"))
    };
    let patch = serde_json::from_str::<Vec<_>>(text)
        .map_err(|error| not_valid(&format_args!("is not a list of RFC 6902 operations: {error}")))?;
    apply_operations(&patch, old).map_err(|error| match error {
        PatchError::TooLarge => too_large(reference),
        error => not_valid(&format_args!("does not apply to what it saw: {error}")),
    })
}

fn too_large(reference: &ObjectRef) -> Box<Refusal> {
    let message = format!(
        "its edit makes {reference} larger than {} bytes or deeper than {} levels",
        limits::OBJECT_BYTES,
        limits::DEPTH
    );
    Refusal::new(reason::EDIT_TOO_LARGE, message)
}
