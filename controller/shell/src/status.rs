//! The status that is written: only its difference, and the conditions that only the shell can know.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tidegate_model::names::{condition, reason};

/// Something that the Rollout must say about itself although no decision knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) condition: Condition,
    /// Stable code.
    pub(crate) reason: String,
    /// What is wrong and what to do.
    pub(crate) message: String,
    /// A ReplicaSet that cannot be made, in Argo Rollouts' words: then there is no progress either.
    pub(crate) cannot_make: Option<String>,
}

/// The conditions that the shell sets, and removes when their reason is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// A pass over this Rollout ended in a panic.
    InternalError,
    /// A write that this Rollout needs was refused.
    WriteFailed,
}

impl Condition {
    const fn as_str(self) -> &'static str {
        match self {
            Self::InternalError => "InternalError",
            Self::WriteFailed => "WriteFailed",
        }
    }
}

/// The status with the shell's conditions as they should be now: this one, or none.
pub(crate) fn with_trouble(mut status: Value, trouble: Option<&Trouble>, now: Timestamp) -> Value {
    let existing = status.get_mut("conditions").and_then(Value::as_array_mut);
    let is_kind = |condition: &Value, kind: Condition| {
        condition.get("type").and_then(Value::as_str) == Some(kind.as_str())
    };
    if let Some(conditions) = existing {
        conditions.retain(|condition| {
            [Condition::InternalError, Condition::WriteFailed]
                .into_iter()
                .all(|kind| !is_kind(condition, kind) || trouble.is_some_and(|one| one.condition == kind))
        });
    }
    let Some(trouble) = trouble else { return status };
    if !status.is_object() {
        status = Value::Object(Map::new());
    }
    let Some(fields) = status.as_object_mut() else { return status };
    let conditions = fields.entry("conditions").or_insert_with(|| json!([]));
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else { return status };
    put(conditions, trouble.condition.as_str(), "True", &trouble.reason, &trouble.message, now);
    if let Some(message) = &trouble.cannot_make {
        put(conditions, condition::PROGRESSING, "False", reason::CREATE_FAILED, message, now);
    }
    status
}

/// Whether a status says that a ReplicaSet cannot be made.
pub(crate) fn says_cannot_make(status: &Value) -> bool {
    let conditions = status.get("conditions").and_then(Value::as_array).into_iter().flatten();
    conditions.into_iter().any(|one| one.get("reason").and_then(Value::as_str) == Some(reason::CREATE_FAILED))
}

/// Sets a condition; its times stay while it says the same.
fn put(conditions: &mut Vec<Value>, kind: &str, status: &str, reason: &str, message: &str, now: Timestamp) {
    let time = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
    let mut wanted = json!({
        "type": kind,
        "status": status,
        "lastUpdateTime": time,
        "lastTransitionTime": time,
        "reason": reason,
        "message": message,
    });
    let is_it = |one: &&mut Value| one.get("type").and_then(Value::as_str) == Some(kind);
    let Some(condition) = conditions.iter_mut().find(is_it) else { return conditions.push(wanted) };
    let same = |field: &str| condition.get(field) == wanted.get(field);
    if same("status") && same("reason") && same("message") {
        return;
    }
    if same("status")
        && let Some(since) = condition.get("lastTransitionTime").cloned()
        && let Some(fields) = wanted.as_object_mut()
    {
        fields.insert("lastTransitionTime".to_owned(), since);
    }
    *condition = wanted;
}

/// The RFC 7386 patch that makes one value into another; `None` when they are the same. A null in the new value
/// means the same as nothing there, because such a patch cannot say null.
pub(crate) fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    match (from, to) {
        (Value::Object(old), Value::Object(new)) => {
            let mut patch = Map::new();
            for (key, value) in new {
                match old.get(key) {
                    Some(old) if !value.is_null() => {
                        if let Some(change) = merge_patch(old, value) {
                            patch.insert(key.clone(), change);
                        }
                    }
                    Some(Value::Null) => {}
                    Some(_) => {
                        patch.insert(key.clone(), Value::Null);
                    }
                    None if value.is_null() => {}
                    None => {
                        patch.insert(key.clone(), value.clone());
                    }
                }
            }
            for key in old.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key) {
                if !new.contains_key(key) {
                    patch.insert(key.clone(), Value::Null);
                }
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ => (from != to).then(|| to.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(condition: Condition, message: &str) -> Trouble {
        Trouble { condition, reason: "Forbidden".to_owned(), message: message.to_owned(), cannot_make: None }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn patches_name_only_the_difference() {
        let table = [
            (json!({"a": 1, "b": {"c": 2, "d": 3}}), json!({"a": 1, "b": {"c": 2, "d": 3}}), None),
            (json!({"a": 1, "b": 2}), json!({"a": 1}), Some(json!({"b": null}))),
            (json!({"b": {"c": 2, "d": 3}}), json!({"b": {"c": 4}}), Some(json!({"b": {"c": 4, "d": null}}))),
            (json!({"a": [1, 2]}), json!({"a": [1]}), Some(json!({"a": [1]}))),
            (json!({"a": {"b": 1}}), json!({"a": 5}), Some(json!({"a": 5}))),
            (json!({}), json!({"a": {}}), Some(json!({"a": {}}))),
            (json!({"a": 1}), json!({"a": null}), Some(json!({"a": null}))),
            (json!({"a": null}), json!({}), None),
            (json!({}), json!({"a": null}), None),
        ];
        for (from, to, patch) in table {
            assert_eq!(merge_patch(&from, &to), patch, "{from} -> {to}");
        }
    }

    #[test]
    fn applying_a_patch_gives_the_wanted_value() {
        let from = json!({"a": 1, "b": {"c": 2, "d": [1]}, "e": "x"});
        let to = json!({"b": {"c": 3, "f": {"g": true}}, "e": ["y"]});
        let mut document = from.clone();
        json_patch::merge(&mut document, &merge_patch(&from, &to).unwrap());
        assert_eq!(document, to);
    }

    #[test]
    fn a_condition_keeps_its_times_while_it_says_the_same() {
        let first = with_trouble(
            json!({"phase": "Healthy"}),
            Some(&trouble(Condition::WriteFailed, "no")),
            at("2026-01-01T00:00:00Z"),
        );
        assert_eq!(first["conditions"][0]["lastTransitionTime"], "2026-01-01T00:00:00Z");
        assert_eq!(first["phase"], "Healthy");
        let again = with_trouble(
            first.clone(),
            Some(&trouble(Condition::WriteFailed, "no")),
            at("2026-01-01T00:01:00Z"),
        );
        assert_eq!(again, first);
        let other = with_trouble(
            first.clone(),
            Some(&trouble(Condition::WriteFailed, "still no")),
            at("2026-01-01T00:01:00Z"),
        );
        assert_eq!(other["conditions"][0]["lastTransitionTime"], "2026-01-01T00:00:00Z");
        assert_eq!(other["conditions"][0]["lastUpdateTime"], "2026-01-01T00:01:00Z");
    }

    #[test]
    fn conditions_of_ours_go_when_their_reason_is_gone_and_others_stay() {
        let status = json!({"conditions": [{"type": "Available"}, {"type": "WriteFailed"}, {"type": "InternalError"}]});
        let calm = with_trouble(status.clone(), None, at("2026-01-01T00:00:00Z"));
        assert_eq!(calm, json!({"conditions": [{"type": "Available"}]}));
        let panicked =
            with_trouble(status, Some(&trouble(Condition::InternalError, "x")), at("2026-01-01T00:00:00Z"));
        let kinds: Vec<_> =
            panicked["conditions"].as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
        assert_eq!(kinds, ["Available", "InternalError"]);
    }
}
