//! Small helpers to read and write parts of JSON objects.

use serde_json::{Map, Value};

/// The value as an object; anything else is replaced by an empty one.
pub(crate) fn as_object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("it was made an object just above"),
    }
}

/// The object at a key, made when it is not there.
pub(crate) fn object_at<'a>(value: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    as_object(as_object(value).entry(key).or_insert(Value::Null))
}

/// The value at a path of keys.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// The text at a path of keys, empty when there is none.
pub(crate) fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at a path of keys.
pub(crate) fn number(value: &Value, path: &[&str]) -> Option<i64> {
    at(value, path).and_then(Value::as_i64)
}

/// The items of the list at a path of keys.
pub(crate) fn items<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Sets a field that is absent or null.
pub(crate) fn default(object: &mut Map<String, Value>, key: &str, value: impl FnOnce() -> Value) {
    match object.get_mut(key) {
        Some(Value::Null) | None => {
            object.insert(key.to_owned(), value());
        }
        Some(_) => {}
    }
}

/// Makes a field what it is in another object, absent when it is absent there.
pub(crate) fn copy_field(from: &Value, to: &mut Value, key: &str) {
    match from.get(key) {
        Some(value) => {
            as_object(to).insert(key.to_owned(), value.clone());
        }
        None => {
            as_object(to).shift_remove(key);
        }
    }
}

/// A deterministic stand-in for what a server computes from a number: 64 well mixed bits (`SplitMix64`, Steele,
/// Lea and Flood 2014).
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
