//! Carrying out RFC 6902 patches, within bounds: a patch is text from a plugin, and `copy` can double an
//! object with each operation.

use json_patch::jsonptr::Pointer;
use json_patch::{PatchErrorKind, PatchOperation};
use serde::Deserialize;
use serde_json::Value;

use crate::equal::{depth, equal, text_bytes};
use crate::limits;

/// Why a patch was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// Not an operation of RFC 6902.
    #[error("operation {index} is not one of RFC 6902: {message}")]
    NotAnOperation {
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A tested value is another one.
    #[error("operation {index}: the value at `{path}` is not the tested one")]
    TestFailed {
        /// Which one, from 0.
        index: usize,
        /// The tested place.
        path: String,
    },
    /// There is no such place.
    #[error("operation {index} at `{path}`: {message}")]
    Misplaced {
        /// Which one, from 0.
        index: usize,
        /// The place.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// Too many operations, or too much data made by them.
    #[error("the patch, or what it makes, is larger or deeper than an object may be")]
    TooLarge,
}

/// The object after a patch. Tests compare numbers by value; either all operations are carried out or none.
///
/// # Errors
/// When it is not a patch, does not fit the object, a tested value is another one, or it makes too much.
pub fn apply(patch: &[Value], object: &Value) -> Result<Value, PatchError> {
    apply_operations(&operations(patch)?, object)
}

/// Whether all tests of a patch hold on this object. Only for patches that test before they change anything,
/// as those of this crate do.
///
/// After the server answered such a patch with 422: if they hold on the object as just read, the write itself
/// was refused, by validation or a webhook; otherwise somebody was faster.
pub fn tested_values_hold(patch: &[Value], object: &Value) -> bool {
    operations(patch).is_ok_and(|operations| {
        operations.iter().all(|operation| match operation {
            PatchOperation::Test(test) => {
                object.pointer(test.path.as_str()).is_some_and(|value| equal(value, &test.value))
            }
            _ => true,
        })
    })
}

fn operations(patch: &[Value]) -> Result<Vec<PatchOperation>, PatchError> {
    patch
        .iter()
        .enumerate()
        .map(|(index, operation)| {
            PatchOperation::deserialize(operation)
                .map_err(|error| PatchError::NotAnOperation { index, message: error.to_string() })
        })
        .collect()
}

/// The same, of a patch that is read already.
pub(crate) fn apply_operations(operations: &[PatchOperation], object: &Value) -> Result<Value, PatchError> {
    if operations.len() > limits::OPERATIONS {
        return Err(PatchError::TooLarge);
    }
    let mut object = object.clone();
    // Never reduced by removals: this bounds the work, not just the result.
    let mut bytes = text_bytes(&object);
    for (index, operation) in operations.iter().enumerate() {
        if let PatchOperation::Test(test) = operation {
            if !object.pointer(test.path.as_str()).is_some_and(|value| equal(value, &test.value)) {
                return Err(PatchError::TestFailed { index, path: test.path.to_string() });
            }
            continue;
        }
        if let Some((place, value)) = placed(operation, &object) {
            bytes = bytes.saturating_add(text_bytes(value));
            if bytes > 2 * limits::OBJECT_BYTES || place.count() + depth(value) > limits::DEPTH {
                return Err(PatchError::TooLarge);
            }
        }
        json_patch::patch_unsafe(&mut object, std::slice::from_ref(operation)).map_err(|error| {
            PatchError::Misplaced {
                index,
                path: operation.path().to_string(),
                message: match error.kind {
                    PatchErrorKind::InvalidPointer => "there is no such place".into(),
                    PatchErrorKind::InvalidFromPointer => "there is nothing at `from`".into(),
                    other => other.to_string(),
                },
            }
        })?;
    }
    Ok(object)
}

/// Where an operation puts what.
fn placed<'a>(operation: &'a PatchOperation, object: &'a Value) -> Option<(&'a Pointer, &'a Value)> {
    match operation {
        PatchOperation::Add(add) => Some((&add.path, &add.value)),
        PatchOperation::Replace(replace) => Some((&replace.path, &replace.value)),
        PatchOperation::Copy(copy) => Some((&copy.path, object.pointer(copy.from.as_str())?)),
        PatchOperation::Move(moved) => Some((&moved.path, object.pointer(moved.from.as_str())?)),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ops(patch: &Value) -> Vec<Value> {
        patch.as_array().unwrap().clone()
    }

    #[test]
    fn operations_are_carried_out_in_order() {
        let patch = ops(&json!([
            {"op": "test", "path": "/a/0", "value": 1.0},
            {"op": "add", "path": "/a/0", "value": 0},
            {"op": "remove", "path": "/a/2"},
            {"op": "replace", "path": "/b", "value": {"c": null}},
            {"op": "copy", "from": "/b", "path": "/a/-"},
            {"op": "move", "from": "/b/c", "path": "/d"},
        ]));
        let object = json!({"a": [1, 2], "b": 3});
        assert_eq!(apply(&patch, &object), Ok(json!({"a": [0, 1, {"c": null}], "b": {}, "d": null})));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let object = json!({"a": [1], "b": {"c": 1}});
        let misplaced = |patch: Value| {
            let result = apply(&ops(&patch), &object);
            assert!(matches!(result, Err(PatchError::Misplaced { index: 0, .. })), "{patch} gave {result:?}");
        };
        misplaced(json!([{"op": "remove", "path": "/x"}]));
        misplaced(json!([{"op": "remove", "path": ""}]));
        misplaced(json!([{"op": "replace", "path": "/a/1", "value": 1}]));
        misplaced(json!([{"op": "replace", "path": "/a/-", "value": 1}]));
        misplaced(json!([{"op": "add", "path": "/a/2", "value": 1}]));
        misplaced(json!([{"op": "add", "path": "/a/01", "value": 1}]));
        misplaced(json!([{"op": "add", "path": "/a/99999999999999999999", "value": 1}]));
        misplaced(json!([{"op": "add", "path": "/a/0/x", "value": 1}]));
        misplaced(json!([{"op": "copy", "from": "/x", "path": "/y"}]));
        misplaced(json!([{"op": "move", "from": "/b", "path": "/b/c/d"}]));
        for patch in [
            json!([{"op": "increase", "path": "/a"}]),
            json!([{"op": "add", "path": "/a"}]),
            json!([{"op": "add", "path": "a", "value": 1}]),
            json!([{"op": "remove"}]),
            json!([1]),
        ] {
            assert!(
                matches!(apply(&ops(&patch), &object), Err(PatchError::NotAnOperation { index: 0, .. })),
                "{patch}"
            );
        }
        let patch = ops(&json!([{"op": "test", "path": "/a/0", "value": "1"}]));
        assert_eq!(apply(&patch, &object), Err(PatchError::TestFailed { index: 0, path: "/a/0".into() }));
    }

    #[test]
    fn an_object_cannot_be_blown_up() {
        let doubling = vec![json!({"op": "copy", "from": "/a", "path": "/a/-"}); 60];
        assert_eq!(apply(&doubling, &json!({"a": ["0123456789"]})), Err(PatchError::TooLarge));
        let deepen = [
            json!({"op": "move", "from": "/a", "path": "/b"}),
            json!({"op": "add", "path": "/a", "value": {}}),
            json!({"op": "move", "from": "/b", "path": "/a/a"}),
        ];
        let deepening: Vec<_> = deepen.iter().cycle().take(600).cloned().collect();
        assert_eq!(apply(&deepening, &json!({"a": 1})), Err(PatchError::TooLarge));
        let many = vec![json!({"op": "test", "path": "", "value": 1}); limits::OPERATIONS + 1];
        assert_eq!(apply(&many, &json!(1)), Err(PatchError::TooLarge));
    }

    #[test]
    fn tested_values_hold_or_do_not() {
        let patch = ops(&json!([
            {"op": "test", "path": "/a", "value": 1},
            {"op": "replace", "path": "/a", "value": 2},
        ]));
        assert!(tested_values_hold(&patch, &json!({"a": 1.0})));
        assert!(!tested_values_hold(&patch, &json!({"a": 2})));
        assert!(!tested_values_hold(&patch, &json!({})));
        assert!(tested_values_hold(&[], &json!(null)));
        assert!(!tested_values_hold(&[json!("nonsense")], &json!(null)));
    }
}
