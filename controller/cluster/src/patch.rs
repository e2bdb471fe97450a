//! Patches as the API server applies them.
//!
//! Merge patches are RFC 7386. JSON patches are RFC 6902 with the leniencies of the library that every API server
//! uses (`gopkg.in/evanphx/json-patch.v4`), because a client that leans on one must see the same answer here:
//! `replace` of a member that is not there adds it, `test` for null passes where the member is not there, a missing
//! `value` is null, and negative indices count from the end.

use serde_json::Value;
use tidegate_api::{ApiError, Body};

use crate::answer;
use crate::json::as_object;

/// The most operations in one JSON patch (`maxJSONPatchOperations` of the API server).
const MOST_OPERATIONS: usize = 10_000;

/// Applies a patch to an object. After an error the object is in an unspecified state.
pub(crate) fn apply(object: &mut Value, body: &Body) -> Result<(), ApiError> {
    match body {
        Body::Merge(patch) => {
            if !patch.is_object() {
                return Err(answer::bad_request("error decoding patch: a merge patch must be an object"));
            }
            json_patch::merge(object, patch);
            Ok(())
        }
        Body::Json(operations) => apply_json(object, operations),
    }
}

fn apply_json(document: &mut Value, operations: &Value) -> Result<(), ApiError> {
    let Some(operations) = operations.as_array() else {
        return Err(answer::bad_request("error decoding patch: a JSON patch must be a list of operations"));
    };
    if operations.len() > MOST_OPERATIONS {
        let message = format!(
            "Request entity too large: The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {}",
            operations.len()
        );
        return Err(ApiError::new(413, "RequestEntityTooLarge", message));
    }
    // All are read before any is applied: a malformed one is 400, whatever the others would do.
    let operations = operations.iter().map(Operation::read).collect::<Result<Vec<_>, _>>()?;
    for operation in operations {
        operation.apply(document).ok_or_else(answer::patch_does_not_apply)?;
    }
    Ok(())
}

struct Operation<'a> {
    op: &'a str,
    path: Option<&'a str>,
    from: Option<&'a str>,
    value: &'a Value,
}

impl<'a> Operation<'a> {
    fn read(operation: &'a Value) -> Result<Self, ApiError> {
        let malformed = || answer::bad_request(format!("error decoding patch: {operation}"));
        let fields = operation.as_object().ok_or_else(malformed)?;
        let text = |key: &str| match fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(malformed()),
        };
        Ok(Self {
            op: text("op")?.unwrap_or_default(),
            path: text("path")?,
            from: text("from")?,
            value: fields.get("value").unwrap_or(&Value::Null),
        })
    }

    fn apply(&self, document: &mut Value) -> Option<()> {
        match self.op {
            "add" => add(document, self.path?, self.value.clone()),
            "remove" => remove(document, self.path?).map(drop),
            "replace" => replace(document, self.path?, self.value),
            "move" => {
                let value = remove(document, self.from?)?;
                add(document, self.path?, value)
            }
            "copy" => {
                let value = read(document, self.from?)?.clone();
                add(document, self.path?, value)
            }
            "test" => (read(document, self.path?)? == self.value).then_some(()),
            _ => None,
        }
    }
}

fn decode(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// An index into a list of this length: a whole number, from the end when negative.
fn index(token: &str, length: usize) -> Option<usize> {
    let index: i64 = token.parse().ok()?;
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index.checked_add(length)? } else { index };
    usize::try_from(index).ok()
}

/// The parent of what a pointer points to, as a path of tokens, and the last token.
fn split(pointer: &str) -> Option<(&str, String)> {
    let (parent, last) = pointer.rsplit_once('/')?;
    (parent.is_empty() || parent.starts_with('/')).then(|| (parent, decode(last)))
}

fn tokens(parent: &str) -> impl Iterator<Item = String> + '_ {
    parent.split('/').skip(1).map(decode)
}

fn parent<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    tokens(path).try_fold(document, |value, token| match value {
        Value::Object(map) => map.get(&token),
        Value::Array(array) => array.get(index(&token, array.len())?),
        _ => None,
    })
}

fn parent_mut<'a>(document: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    tokens(path).try_fold(document, |value, token| match value {
        Value::Object(map) => map.get_mut(&token),
        Value::Array(array) => {
            let index = index(&token, array.len())?;
            array.get_mut(index)
        }
        _ => None,
    })
}

/// A member that is not there reads as null.
static MISSING: Value = Value::Null;

/// What a pointer points to: nothing when the path to it does not exist, null when only the last member is missing.
fn read<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(document);
    }
    let (above, last) = split(path)?;
    match parent(document, above)? {
        Value::Object(map) => Some(map.get(&last).unwrap_or(&MISSING)),
        Value::Array(array) => array.get(index(&last, array.len())?),
        _ => None,
    }
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    let (above, last) = split(path)?;
    match parent_mut(document, above)? {
        Value::Object(map) => {
            map.insert(last, value);
        }
        Value::Array(array) if last == "-" => array.push(value),
        Value::Array(array) => {
            let index = index(&last, array.len().checked_add(1)?)?;
            if index > array.len() {
                return None;
            }
            array.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &str) -> Option<Value> {
    let (above, last) = split(path)?;
    match parent_mut(document, above)? {
        Value::Object(map) => map.shift_remove(&last),
        Value::Array(array) => {
            let index = index(&last, array.len())?;
            (index < array.len()).then(|| array.remove(index))
        }
        _ => None,
    }
}

fn replace(document: &mut Value, path: &str, value: &Value) -> Option<()> {
    if path.is_empty() {
        // Anything but an object cannot be an API object; the caller finds out.
        *document = value.clone();
        as_object(document);
        return value.is_object().then_some(());
    }
    let (above, last) = split(path)?;
    match parent_mut(document, above)? {
        Value::Object(map) => {
            map.insert(last, value.clone());
        }
        Value::Array(array) => {
            let index = index(&last, array.len())?;
            *array.get_mut(index)? = value.clone();
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(json!(1)), Just(json!("a")), Just(json!(true))];
        leaf.prop_recursive(3, 16, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[ab~/]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn pointer() -> impl Strategy<Value = String> {
        let token =
            prop_oneof![Just("a"), Just("b"), Just("~0"), Just("~1"), Just("0"), Just("1"), Just("-"),];
        proptest::collection::vec(token, 1..4)
            .prop_map(|tokens| tokens.iter().flat_map(|token| ["/", token]).collect())
    }

    fn operation() -> impl Strategy<Value = Value> {
        let op = prop_oneof![
            Just("add"),
            Just("remove"),
            Just("replace"),
            Just("move"),
            Just("copy"),
            Just("test"),
        ];
        (op, pointer(), pointer(), value())
            .prop_map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever the strict library applies is applied here with the same result.
        #[test]
        fn as_the_rfc_has_it(
            document in proptest::collection::btree_map("[ab]", value(), 0..3),
            operations in proptest::collection::vec(operation(), 1..4),
        ) {
            let document = Value::Object(document.into_iter().collect());
            let strict: Vec<json_patch::PatchOperation> =
                serde_json::from_value(Value::from(operations.clone())).unwrap();
            let mut expected = document.clone();
            // Not `patch`: its undoing of a `move` that failed half-way panics (json-patch 4.2.0).
            if json_patch::patch_unsafe(&mut expected, &strict).is_ok() {
                let mut found = document;
                prop_assert_eq!(apply(&mut found, &Body::Json(Value::from(operations))), Ok(()));
                prop_assert_eq!(found, expected);
            }
        }
    }
}
