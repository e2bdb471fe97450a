//! What an API server from before 1.24 answers otherwise. The in-memory cluster is modelled on a current one; where
//! only an old one can be had for the tests, these differences, and no others, are its own.

use serde_json::Value;

use super::client::Note;

/// Answers that changed since: script and request.
const CHANGED_SINCE: [(&str, &str); 5] = [
    // Names of Services may begin with a digit.
    ("services", "a bad name"),
    // A write that is dropped altogether made a new version all the same.
    ("changes", "a status through the front door"),
    // A version of what does not exist was a conflict.
    ("replacement", "of what is not there"),
    // Strict validation came with 1.25.
    ("strict", "or refused, strictly"),
    ("strict", "a patch is strict"),
];

/// Whether an old server answers this as a current one does.
pub(super) fn is_comparable(script: &str, note: &Note) -> bool {
    !CHANGED_SINCE.contains(&(script, note.what.as_str()))
}

/// Without what old servers leave out, or write otherwise.
pub(super) fn even(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for field in ["ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
                fields.remove(field);
            }
            if fields.get("creationTimestamp").is_some_and(Value::is_null) {
                fields.remove("creationTimestamp");
            }
            if let Some(causes) = fields.get_mut("fields").and_then(Value::as_array_mut) {
                for field in causes.iter_mut() {
                    *field = without_indexes(field.as_str().unwrap_or_default()).into();
                }
                causes.dedup();
            }
            fields.values_mut().for_each(even);
        }
        Value::Array(items) => items.iter_mut().for_each(even),
        _ => {}
    }
}

/// `spec.rules[1].name` as `spec.rules.name`.
fn without_indexes(field: &str) -> String {
    let mut depth = 0;
    let mut text = String::new();
    for character in field.chars() {
        match character {
            '[' => depth += 1,
            ']' => depth -= 1,
            other if depth == 0 => text.push(other),
            _ => {}
        }
    }
    text
}
