//! A JSON Patch in words that people read at a glance: what becomes what, and how many values guard it.
//!
//! `/spec/rules/1/backendRefs/0/weight` is `spec.rules[web].backendRefs[web-stable].weight` when the patch tests the
//! names at these places, which is what makes a patch of an atomic list safe, too.

use std::collections::BTreeMap;

use serde_json::Value;

/// A patch, read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Summary {
    /// What is changed, in order.
    pub(crate) changes: Vec<FieldChange>,
    /// How many values must be as they were seen, or nothing is changed.
    pub(crate) tests: usize,
}

/// One field and what becomes of it.
#[derive(Debug, PartialEq)]
pub(crate) struct FieldChange {
    /// Where.
    pub(crate) field: String,
    /// The value before, as far as the patch says.
    pub(crate) old: Option<String>,
    /// The value after; none: it is removed.
    pub(crate) new: Option<String>,
}

/// Longer values are cut off; the JSON output has them whole.
const LONGEST: usize = 48;

impl Summary {
    /// Reads a patch (RFC 6902).
    pub(crate) fn of(patch: &Value) -> Self {
        let operations: Vec<&Value> = patch.as_array().into_iter().flatten().collect();
        let text = |operation: &Value, field: &str| {
            operation.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let tested: BTreeMap<String, &Value> = operations
            .iter()
            .filter(|operation| text(operation, "op") == "test")
            .filter_map(|operation| Some((text(operation, "path"), operation.get("value")?)))
            .collect();
        let changes =
            operations.iter().filter(|operation| text(operation, "op") != "test").map(|operation| {
                let path = text(operation, "path");
                let value = operation.get("value");
                // What is there under its index moves up.
                let is_insertion =
                    text(operation, "op") == "add" && path.rsplit('/').next().is_some_and(is_index);
                let inserted = value.filter(|_| is_insertion);
                FieldChange {
                    field: field(&path, &tested, inserted),
                    old: seen(&path, &tested).filter(|_| !is_insertion).map(short),
                    new: value.map(short),
                }
            });
        Self { changes: changes.collect(), tests: tested.len() }
    }
}

fn is_index(token: &str) -> bool {
    token == "-" || !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit())
}

/// A JSON Pointer with dots, and with names instead of indexes where the patch tests them, or the inserted element has one.
fn field(path: &str, tested: &BTreeMap<String, &Value>, inserted: Option<&Value>) -> String {
    let mut text = String::new();
    let mut so_far = String::new();
    for token in path.split('/').skip(1) {
        so_far.push('/');
        so_far.push_str(token);
        if is_index(token) {
            let name = match inserted.filter(|_| so_far.len() == path.len()) {
                Some(element) => element.get("name"),
                None => seen(&format!("{so_far}/name"), tested),
            };
            let name = name.and_then(Value::as_str);
            text.push('[');
            text.push_str(name.unwrap_or(token));
            text.push(']');
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&token.replace("~1", "/").replace("~0", "~"));
        }
    }
    text
}

/// The value at a place, if it or something around it is tested.
fn seen<'a>(path: &str, tested: &BTreeMap<String, &'a Value>) -> Option<&'a Value> {
    tested.iter().find_map(|(place, value)| {
        let rest = path.strip_prefix(place.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| value.pointer(rest)).flatten()
    })
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn weights_are_named_by_what_is_tested() {
        let summary = Summary::of(&json!([
            {"op": "test", "path": "/spec/rules/1/name", "value": "web"},
            {"op": "test", "path": "/spec/rules/1/backendRefs/0/name", "value": "stable"},
            {"op": "test", "path": "/spec/rules/1/backendRefs/0/weight", "value": 100},
            {"op": "replace", "path": "/spec/rules/1/backendRefs/0/weight", "value": 80},
        ]));
        let change = FieldChange {
            field: "spec.rules[web].backendRefs[stable].weight".into(),
            old: Some("100".into()),
            new: Some("80".into()),
        };
        assert_eq!(summary, Summary { changes: vec![change], tests: 3 });
    }

    #[test]
    fn a_test_of_a_whole_rule_names_what_is_in_it() {
        let rule = json!({"backendRefs": [{"name": "stable", "weight": 100}]});
        let summary = Summary::of(&json!([
            {"op": "test", "path": "/spec/rules/0", "value": rule},
            {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 80},
        ]));
        let change = &summary.changes[0];
        assert_eq!(change.field, "spec.rules[0].backendRefs[stable].weight");
        assert_eq!(change.old.as_deref(), Some("100"));
    }

    #[test]
    fn what_is_inserted_has_its_own_name_and_replaces_nothing() {
        let summary = Summary::of(&json!([
            {"op": "test", "path": "/spec/rules/0", "value": {"name": "web", "matches": []}},
            {"op": "add", "path": "/spec/rules/0", "value": {"name": "beta"}},
            {"op": "add", "path": "/spec/rules/0", "value": {}},
        ]));
        let changes: Vec<_> =
            summary.changes.iter().map(|change| (change.field.as_str(), change.old.as_deref())).collect();
        assert_eq!(changes, [("spec.rules[beta]", None), ("spec.rules[0]", None)]);
    }

    #[test]
    fn what_is_not_tested_keeps_its_index_and_has_no_old_value() {
        let summary = Summary::of(&json!([
            {"op": "add", "path": "/metadata/annotations/a~1b", "value": "x".repeat(100)},
            {"op": "remove", "path": "/spec/rules/2"},
            {"op": "add", "path": "/spec/rules/-", "value": {}},
        ]));
        let fields: Vec<_> = summary.changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(fields, ["metadata.annotations.a/b", "spec.rules[2]", "spec.rules[-]"]);
        assert!(summary.changes.iter().all(|change| change.old.is_none()));
        assert_eq!(summary.changes[1].new, None);
        assert!(summary.changes[0].new.as_ref().is_some_and(|new| new.ends_with('…') && new.len() < 60));
    }

    #[test]
    fn what_is_no_patch_is_empty() {
        assert_eq!(Summary::of(&json!({"a": 1})), Summary::default());
    }
}
