//! Equality of JSON values with numbers compared by value (RFC 6902, section 4.6): `1` and `1.0` are the same
//! weight, whatever the language of the plugin makes of them.

use serde_json::{Map, Number, Value};

/// Whether two JSON values mean the same.
pub fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => numbers_equal(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && side_by_side(left, right)
                    .all(|(_, left, right)| right.is_some_and(|right| equal(left, right)))
        }
        _ => left == right,
    }
}

/// Each field of a map with the field of another one that has the same key. An object and the same object after an
/// edit have nearly all keys in the same order, so most often the next one is looked at and none is looked up.
pub(crate) fn side_by_side<'a>(
    left: &'a Map<String, Value>,
    right: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'a String, &'a Value, Option<&'a Value>)> {
    let mut next = right.iter();
    left.iter().map(move |(key, value)| {
        let beside = match next.next() {
            Some((other, beside)) if other == key => Some(beside),
            _ => right.get(key),
        };
        (key, value, beside)
    })
}

/// The fields of a map whose keys another one does not have.
pub(crate) fn added<'a>(
    old: &'a Map<String, Value>,
    new: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    side_by_side(new, old).filter(|(_, _, old)| old.is_none()).map(|(key, new, _)| (key, new))
}

/// Exact: neither side is rounded to the other's type.
fn numbers_equal(left: &Number, right: &Number) -> bool {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left == right,
        (None, None) => left.as_f64() == right.as_f64(),
        _ => false,
    }
}

/// The number, if it is an integer, also when it is written as `1.0` or `1e3`.
fn integer(number: &Number) -> Option<i128> {
    // 2^100: far above what 64-bit integers hold, and far below where the conversion would saturate.
    const LARGEST: f64 = 1_267_650_600_228_229_401_496_703_205_376.0;
    if let Some(integer) = number.as_i64() {
        return Some(integer.into());
    }
    if let Some(integer) = number.as_u64() {
        return Some(integer.into());
    }
    let float = number.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is in range")]
    (float.fract() == 0.0 && float.abs() <= LARGEST).then_some(float as i128)
}

/// About how many bytes a value has as JSON text.
pub(crate) fn text_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 3,
        Value::Array(elements) => 2 + elements.iter().map(text_bytes).sum::<usize>(),
        Value::Object(fields) => {
            2 + fields.iter().map(|(key, value)| key.len() + 4 + text_bytes(value)).sum::<usize>()
        }
    }
}

/// How deep a value is nested: 1 for a scalar or an empty container.
pub(crate) fn depth(value: &Value) -> usize {
    1 + match value {
        Value::Array(elements) => elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_are_compared_by_value() {
        for (left, right) in [
            ("1", "1.0"),
            ("1e3", "1000"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0.5", "5e-1"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert!(equal(&parsed(left), &parsed(right)), "{left} = {right}");
        }
        for (left, right) in [
            ("1", "2"),
            ("1", "1.5"),
            ("9007199254740993", "9007199254740992.0"),
            ("18446744073709551615", "18446744073709551616"),
            ("1e300", "1e301"),
            ("1", "\"1\""),
            ("0", "null"),
            ("0", "false"),
        ] {
            assert!(!equal(&parsed(left), &parsed(right)), "{left} ≠ {right}");
        }
    }

    #[test]
    fn the_order_of_keys_does_not_matter_and_that_of_elements_does() {
        assert!(equal(&json!({"a": 1, "b": [1, 2]}), &json!({"b": [1.0, 2], "a": 1})));
        assert!(!equal(&json!([1, 2]), &json!([2, 1])));
        assert!(!equal(&json!({"a": null}), &json!({})));
        assert!(!equal(&json!({"a": 1}), &json!({"b": 1})));
    }
}
