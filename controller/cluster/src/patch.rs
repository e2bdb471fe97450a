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
                let value = read(document, self.from?)?.cloned().unwrap_or(Value::Null);
                add(document, self.path?, value)
            }
            "test" => {
                let found = read(document, self.path?)?.unwrap_or(&Value::Null);
                (found == self.value).then_some(())
            }
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
        Value::Array(list) => list.get(index(&token, list.len())?),
        _ => None,
    })
}

fn parent_mut<'a>(document: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    tokens(path).try_fold(document, |value, token| match value {
        Value::Object(map) => map.get_mut(&token),
        Value::Array(list) => {
            let index = index(&token, list.len())?;
            list.get_mut(index)
        }
        _ => None,
    })
}

/// What a pointer points to: nothing when a path to it does not exist, `Some(None)` when only the last member is
/// missing.
fn read<'a>(document: &'a Value, path: &str) -> Option<Option<&'a Value>> {
    if path.is_empty() {
        return Some(Some(document));
    }
    let (above, last) = split(path)?;
    match parent(document, above)? {
        Value::Object(map) => Some(map.get(&last)),
        Value::Array(list) => list.get(index(&last, list.len())?).map(Some),
        _ => None,
    }
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    let (above, last) = split(path)?;
    match parent_mut(document, above)? {
        Value::Object(map) => {
            map.insert(last, value);
        }
        Value::Array(list) if last == "-" => list.push(value),
        Value::Array(list) => {
            let index = index(&last, list.len().checked_add(1)?)?;
            if index > list.len() {
                return None;
            }
            list.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &str) -> Option<Value> {
    let (above, last) = split(path)?;
    match parent_mut(document, above)? {
        Value::Object(map) => map.shift_remove(&last),
        Value::Array(list) => {
            let index = index(&last, list.len())?;
            (index < list.len()).then(|| list.remove(index))
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
        Value::Array(list) => {
            let index = index(&last, list.len())?;
            *list.get_mut(index)? = value.clone();
        }
        _ => return None,
    }
    Some(())
}
