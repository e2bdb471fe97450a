//! Elements, parts, and functions of lists, maps and texts.

use std::sync::Arc;

use crate::budget::Budget;
use crate::error::Fault;
use crate::functions::{Function, Kind};
use crate::numbers;
use crate::operators::kind;
use crate::value::Value;

/// An element of a list, counted from its end when negative, or a field of a map, nil when it has none.
pub(crate) fn element(base: &Value, index: &Value) -> Result<Value, Fault> {
    match (base, index) {
        (Value::Nil, Value::Text(field)) => Err(Fault::Nil(brief(field))),
        (Value::Nil, _) => Err(Fault::Nil("elements".to_owned())),
        (Value::Map(fields), Value::Text(field)) => Ok(fields.get(field).cloned().unwrap_or(Value::Nil)),
        (Value::Map(_), other) => Err(kind("[] of a map", "text", other)),
        (Value::List(elements), index) => {
            let number = whole_index(index)?;
            let length = elements.len();
            let position = usize::try_from(number)
                .ok()
                .or_else(|| length.checked_sub(usize::try_from(number.unsigned_abs()).ok()?));
            position
                .and_then(|position| elements.get(position))
                .cloned()
                .ok_or(Fault::Index { index: number, length })
        }
        (Value::Text(_), Value::Integer(_)) => Err(Fault::Kind {
            operation: "[]",
            takes: "a list or a map before it",
            given: "text",
            hint: "; cut the text, as in result[0:1]",
        }),
        (other, _) => Err(Fault::Kind {
            operation: "a field or an element",
            takes: "a list or a map before it",
            given: other.kind(),
            hint: "",
        }),
    }
}

/// A whole number, or a float that is one, as numbers of a result are.
fn whole_index(index: &Value) -> Result<i64, Fault> {
    match index {
        Value::Integer(number) => Ok(*number),
        Value::Float(number) if number.fract() == 0.0 => numbers::whole(*number).ok_or(Fault::Overflow("[]")),
        other => Err(kind("[] of a list", "a whole number", other)),
    }
}

/// A part of a list or a text (by its bytes), with bounds beyond its ends drawn in.
pub(crate) fn slice(
    base: &Value,
    from: Option<&Value>,
    to: Option<&Value>,
    budget: &mut Budget,
) -> Result<Value, Fault> {
    let bound = |value: Option<&Value>, length: usize, otherwise: usize| -> Result<usize, Fault> {
        let Some(value) = value else { return Ok(otherwise) };
        let number = whole_index(value)?;
        let size = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(if number < 0 { length.saturating_sub(size) } else { size.min(length) })
    };
    match base {
        Value::List(elements) => {
            let (from, to) = (bound(from, elements.len(), 0)?, bound(to, elements.len(), elements.len())?);
            let part = elements.get(from..to).unwrap_or_default();
            budget.build(part.len())?;
            Ok(Value::List(part.into()))
        }
        Value::Text(text) => {
            let (from, to) = (bound(from, text.len(), 0)?, bound(to, text.len(), text.len())?);
            if from >= to {
                return Ok(Value::text(""));
            }
            budget.build(to - from)?;
            let cut = if text.is_char_boundary(from) { to } else { from };
            text.get(from..to).map(Value::text).ok_or(Fault::Cut(i64::try_from(cut).unwrap_or(i64::MAX)))
        }
        other => Err(kind("[:]", "a list or text", other)),
    }
}

/// Functions of one list, map or text; none: it is a function of numbers.
pub(crate) fn unary(function: Function, value: &Value, budget: &mut Budget) -> Option<Result<Value, Fault>> {
    let name = function.name();
    Some(match (function.0, value) {
        (Kind::Len, Value::List(elements)) => Ok(count(elements.len())),
        (Kind::Len, Value::Map(fields)) => Ok(count(fields.len())),
        (Kind::Len, Value::Text(text)) => budget.search(text).map(|()| count(text.chars().count())),
        (Kind::Len, other) => Err(kind(name, "a list, a map or text", other)),
        (Kind::First, Value::List(elements)) => Ok(elements.first().cloned().unwrap_or(Value::Nil)),
        (Kind::Last, Value::List(elements)) => Ok(elements.last().cloned().unwrap_or(Value::Nil)),
        (Kind::First | Kind::Last, other) => Err(kind(name, "a list", other)),
        (Kind::Keys, Value::Map(fields)) => budget
            .build(fields.len())
            .map(|()| Value::List(fields.keys().cloned().map(Value::Text).collect())),
        (Kind::Values, Value::Map(fields)) => {
            budget.build(fields.len()).map(|()| Value::List(fields.values().cloned().collect()))
        }
        (Kind::Keys | Kind::Values, other) => Err(kind(name, "a map", other)),
        (Kind::String, value) => string(value, budget),
        (Kind::Lower | Kind::Upper | Kind::Trim, Value::Text(text)) => {
            // Of some characters the other case is up to three times as long.
            budget.build(text.len().saturating_mul(3)).and_then(|()| budget.search(text)).map(|()| {
                match function.0 {
                    Kind::Lower => Value::text(&text.to_lowercase()),
                    Kind::Upper => Value::text(&text.to_uppercase()),
                    _ => Value::text(text.trim()),
                }
            })
        }
        (Kind::Lower | Kind::Upper | Kind::Trim, other) => Err(kind(name, "text", other)),
        (Kind::Join, list) => join(list, "", budget),
        _ => return None,
    })
}

/// Functions of two texts, or of a list and a text.
pub(crate) fn binary(
    function: Function,
    value: &Value,
    other: &Value,
    budget: &mut Budget,
) -> Result<Value, Fault> {
    let Value::Text(separator) = other else {
        return Err(kind(function.name(), "text as its second argument", other));
    };
    match (function.0, value) {
        (Kind::Join, list) => join(list, separator, budget),
        (_, Value::Text(text)) => {
            budget.search(text)?;
            // Without a separator, into characters, as in Go.
            let parts: Vec<Value> = if separator.is_empty() {
                budget.build(text.len().saturating_mul(2))?;
                text.chars().map(|character| Value::text(character.encode_utf8(&mut [0; 4]))).collect()
            } else {
                budget.build(text.len() + text.matches(separator.as_ref()).count() + 1)?;
                text.split(separator.as_ref()).map(Value::text).collect()
            };
            Ok(Value::List(parts.into()))
        }
        (_, other) => Err(kind(function.name(), "text", other)),
    }
}

fn join(list: &Value, separator: &str, budget: &mut Budget) -> Result<Value, Fault> {
    let Value::List(elements) = list else { return Err(kind("join", "a list of texts", list)) };
    let mut texts: Vec<Arc<str>> = Vec::new();
    for element in elements.iter() {
        let Value::Text(text) = element else { return Err(kind("join", "a list of texts", element)) };
        budget.step()?;
        budget.build(text.len() + separator.len() + 1)?;
        texts.push(Arc::clone(text));
    }
    Ok(Value::text(&texts.join(separator)))
}

/// As Go's `%v` writes it.
fn string(value: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    let text = match value {
        Value::Nil => "<nil>".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => float(*number),
        Value::Text(_) => return Ok(value.clone()),
        other => return Err(kind("string", "text, a number, a boolean or nil", other)),
    };
    budget.build(text.len())?;
    Ok(Value::text(&text))
}

/// As Go's `%v` writes a float: the shortest digits that read as the same, from a million on with an exponent.
pub(crate) fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = number.abs();
    if size == 0.0 || (1e-4..1e6).contains(&size) {
        return number.to_string();
    }
    let written = format!("{number:e}");
    let (digits, power) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    format!("{digits}e{sign}{power:0>2}")
}

fn count(length: usize) -> Value {
    Value::Integer(i64::try_from(length).unwrap_or(i64::MAX))
}

fn brief(field: &str) -> String {
    if field.chars().count() > 40 { "such field".to_owned() } else { format!("{field:?}") }
}
