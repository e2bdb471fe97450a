//! A plugin's edits, applied in memory to the objects that it saw.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_contract::{Change, Description, Edit, Object, ObjectRef, Observation, Verb};

use crate::apply::{PatchError, apply_operations};
use crate::equal::{depth, equal};
use crate::limits;
use crate::pass::Refusal;
use crate::refusal::reason;

/// An object that a plugin wants otherwise.
pub(crate) struct Edited<'a> {
    /// As it was seen.
    pub object: &'a Object,
    /// What was seen, read.
    pub old: Value,
    /// What it should be.
    pub new: Value,
}

/// Applies all edits, in their order. Those that change nothing are left out.
pub(crate) fn edited<'a>(
    changes: &[Change],
    seen: &'a [Observation],
    description: &Description,
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
        let Some(object) = known.get(reference) else {
            return Err(unknown(change, description).about(reference));
        };
        let edit = one(object, &change.edit).map_err(|refusal| refusal.about(reference))?;
        if !equal(&edit.old, &edit.new) {
            edits.push(edit);
        }
    }
    Ok(edits)
}

fn unknown(change: &Change, description: &Description) -> Box<Refusal> {
    let reference = &change.reference;
    let may_create = description
        .kinds
        .iter()
        .any(|used| used.kind == reference.kind && used.verbs.contains(&Verb::Create));
    if may_create && matches!(change.edit, Edit::Replace(_)) {
        let message =
            format!("it creates {reference}: this version lets no router create objects; create it yourself");
        return Refusal::new(reason::FORBIDDEN_CREATE, message);
    }
    let message = format!("it changes {reference}, which is not among the objects that it asked for and saw");
    Refusal::new(reason::UNKNOWN_OBJECT, message)
}

fn one<'a>(object: &'a Object, edit: &Edit) -> Result<Edited<'a>, Box<Refusal>> {
    let reference = &object.reference;
    let text = match edit {
        Edit::Replace(text) | Edit::JsonPatch(text) => text,
        Edit::Remove => {
            let message = format!(
                "it removes {reference}: this version lets no router remove objects; remove it yourself"
            );
            return Err(Refusal::new(reason::FORBIDDEN_REMOVE, message));
        }
    };
    let too_large = || {
        let message = format!(
            "its edit makes {reference} larger than {} bytes or deeper than {} levels",
            limits::OBJECT_BYTES,
            limits::DEPTH
        );
        Refusal::new(reason::EDIT_TOO_LARGE, message)
    };
    if text.len() > limits::OBJECT_BYTES {
        return Err(too_large());
    }
    let old: Value = serde_json::from_str(&object.json).map_err(|error| {
        Refusal::new(reason::INTERNAL, format!("{reference} as seen is not JSON: {error}"))
    })?;
    let not_valid = |what: &str, error: &dyn std::fmt::Display| {
        Refusal::new(reason::INVALID_EDIT, format!("its {what} of {reference} {error}"))
    };
    let new = if let Edit::JsonPatch(_) = edit {
        let patch = serde_json::from_str::<Vec<_>>(text).map_err(|error| {
            not_valid("patch", &format_args!("is not a list of RFC 6902 operations: {error}"))
        })?;
        apply_operations(&patch, &old).map_err(|error| match error {
            PatchError::TooLarge => too_large(),
            error => not_valid("patch", &format_args!("does not apply to what it saw: {error}")),
        })?
    } else {
        serde_json::from_str(text)
            .map_err(|error| not_valid("edit", &format_args!("is not JSON: {error}")))?
    };
    if !new.is_object() {
        let message = format!("its edit makes {reference} something else than an object");
        return Err(Refusal::new(reason::INVALID_EDIT, message));
    }
    if depth(&new) > limits::DEPTH {
        return Err(too_large());
    }
    Ok(Edited { object, old, new })
}
