//! Label selectors in their text form.

use serde_json::Value;

use crate::prelude::*;

/// Whether an object's labels match.
///
/// # Panics
/// When the text is no label selector that Kubernetes would take.
pub(super) fn matches(selector: &str, object: &Value) -> bool {
    assert!(!selector.is_empty(), "an empty label selector selects everything, which no query may");
    let label = |key: &str| object.pointer("/metadata/labels")?.get(key)?.as_str();
    requirements(selector).all(|requirement| {
        if let Some(key) = requirement.strip_prefix('!') {
            label(key).is_none()
        } else if let Some((key, values)) = set(requirement, " notin ") {
            label(key).is_none_or(|label| !values.contains(&label))
        } else if let Some((key, values)) = set(requirement, " in ") {
            label(key).is_some_and(|label| values.contains(&label))
        } else if let Some((key, value)) = requirement.split_once("!=") {
            label(key) != Some(value)
        } else if let Some((key, value)) = requirement.split_once('=') {
            label(key) == Some(value.strip_prefix('=').unwrap_or(value))
        } else {
            assert!(!requirement.contains([' ', '(', ')']), "no requirement on a label: {requirement:?}");
            label(requirement).is_some()
        }
    })
}

/// The requirements: split at commas that are not between brackets.
fn requirements(selector: &str) -> impl Iterator<Item = &str> {
    let mut is_in_brackets = false;
    selector
        .split(move |c| {
            match c {
                '(' => is_in_brackets = true,
                ')' => is_in_brackets = false,
                _ => {}
            }
            c == ',' && !is_in_brackets
        })
        .map(str::trim)
}

fn set<'a>(requirement: &'a str, operator: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let (key, values) = requirement.split_once(operator)?;
    let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
    Some((key.trim(), values.split(',').map(str::trim).collect()))
}
