//! What becomes of each field of an object, with paths that people read: list elements by their names.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

/// A field and what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldChange {
    /// Where: `spec.rules[web].backendRefs[web-stable].weight`.
    pub path: String,
    /// The value before; none: it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The value after; none: it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// Fields of `metadata` that the API server keeps for itself.
const OF_THE_SERVER: [&str; 4] = ["resourceVersion", "generation", "managedFields", "creationTimestamp"];

/// The fields in which two states of an object differ, in their order; what is on one side only, as a whole.
pub fn difference(old: Option<&Value>, new: Option<&Value>) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let (old, new) = (old.map(without_server), new.map(without_server));
    compare(String::new(), old.as_ref(), new.as_ref(), &mut changes);
    changes
}

fn without_server(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        for field in OF_THE_SERVER {
            metadata.shift_remove(field);
        }
    }
    object
}

fn compare(path: String, old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<FieldChange>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                compare(joined(&path, key), old.get(key), new.get(key), changes);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => match names(before).zip(names(after)) {
            Some((old_names, new_names)) if is_same_order(&old_names, &new_names) => {
                let element = |list: &'_ [Value], names: &[&str], name: &str| {
                    names.iter().position(|one| *one == name).and_then(|at| list.get(at).cloned())
                };
                let added = new_names.iter().filter(|name| !old_names.contains(name));
                for name in old_names.iter().chain(added) {
                    let (old, new) = (element(before, &old_names, name), element(after, &new_names, name));
                    compare(format!("{path}[{name}]"), old.as_ref(), new.as_ref(), changes);
                }
            }
            _ if before.len() == after.len() => {
                for (index, (old, new)) in before.iter().zip(after).enumerate() {
                    compare(format!("{path}[{index}]"), Some(old), Some(new), changes);
                }
            }
            _ => changes.push(FieldChange { path, old: old.cloned(), new: new.cloned() }),
        },
        (old, new) => changes.push(FieldChange { path, old: old.cloned(), new: new.cloned() }),
    }
}

/// A path with one more field; a key that is no plain name in brackets.
fn joined(path: &str, key: &str) -> String {
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match (path, is_plain) {
        ("", true) => key.to_owned(),
        (path, true) => format!("{path}.{key}"),
        (path, false) => format!("{path}[{key:?}]"),
    }
}

/// What each element of a list is known by, if all are, and each by something else.
fn names(list: &[Value]) -> Option<Vec<&str>> {
    fn known(element: &Value) -> Option<&str> {
        ["name", "type"].into_iter().find_map(|field| element.get(field)?.as_str())
    }
    let names: Option<Vec<&str>> = list.iter().map(known).collect();
    names.filter(|names| names.iter().collect::<BTreeSet<_>>().len() == names.len())
}

/// Whether what both lists have comes in the same order in both.
fn is_same_order(old: &[&str], new: &[&str]) -> bool {
    let in_both = |names: &[&str], others: &[&str]| -> Vec<String> {
        names.iter().filter(|name| others.contains(name)).map(|name| (*name).to_owned()).collect()
    };
    in_both(old, new) == in_both(new, old)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(old: Value, new: Value) -> Vec<String> {
        let text = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        let changes = difference(Some(&old), Some(&new));
        changes.iter().map(|one| format!("{}: {} > {}", one.path, text(&one.old), text(&one.new))).collect()
    }

    #[test]
    fn elements_go_by_their_names() {
        let route = |a: u64, b: u64| {
            json!({"spec": {"rules": [{"name": "web", "backendRefs": [
                {"name": "s", "weight": a}, {"name": "c", "weight": b}]}]}})
        };
        assert_eq!(
            told(route(100, 0), route(80, 20)),
            [
                "spec.rules[web].backendRefs[s].weight: 100 > 80",
                "spec.rules[web].backendRefs[c].weight: 0 > 20"
            ]
        );
    }

    #[test]
    fn what_is_on_one_side_only_is_told_as_a_whole() {
        let none: [String; 0] = [];
        assert_eq!(told(json!({"a": 1}), json!({"a": 1})), none);
        assert_eq!(
            told(json!({"a": {"x/y": 1}, "b": 2}), json!({"a": {"x/y": 2, "z": {"d": 1}}})),
            [r#"a["x/y"]: 1 > 2"#, r#"a.z: nothing > {"d":1}"#, "b: 2 > nothing"]
        );
        assert_eq!(told(json!([1, 2]), json!([1])), [": [1,2] > [1]"]);
        assert_eq!(told(json!({"l": [1, 2]}), json!({"l": [1, 3]})), ["l[1]: 2 > 3"]);
        let named =
            |names: &[&str]| json!({"l": names.iter().map(|n| json!({"name": n})).collect::<Vec<_>>()});
        assert_eq!(told(named(&["a", "b"]), named(&["b"])), [r#"l[a]: {"name":"a"} > nothing"#]);
        assert_eq!(told(named(&["a", "b"]), named(&["b", "a"])).len(), 2, "the order counts");
    }

    #[test]
    fn what_the_server_keeps_for_itself_is_left_out() {
        let object =
            |version: &str| json!({"metadata": {"name": "a", "resourceVersion": version, "generation": 1}});
        assert!(told(object("1"), object("2")).is_empty());
    }
}
