//! Operators of two values.

use std::cmp::Ordering;

use crate::budget::Budget;
use crate::error::Fault;
use crate::numbers;
use crate::syntax::Binary;
use crate::value::Value;

/// An operation that cannot take a value of this kind.
pub(crate) fn kind(operation: &'static str, takes: &'static str, given: &Value) -> Fault {
    let hint = match given {
        Value::Nil => "; write ?? or default for when it is nil",
        Value::List(_) => "; take an element, as in result[0], or ask about all, as in all(result, # > 0)",
        Value::Text(_) => "; convert it with asFloat or asInt",
        Value::Map(_) => "; take a field, as in result.value",
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) => "",
    };
    // Only where it helps: nothing makes text of a list.
    let hint = if takes.contains("number") || given == &Value::Nil { hint } else { "" };
    Fault::Kind { operation, takes, given: given.kind(), hint }
}

/// A boolean; nothing else counts as one.
pub(crate) fn boolean(operation: &'static str, value: &Value) -> Result<bool, Fault> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        other => Err(kind(operation, "true or false", other)),
    }
}

/// All operators that need both sides.
pub(crate) fn binary(
    operator: Binary,
    left: &Value,
    right: &Value,
    budget: &mut Budget,
) -> Result<Value, Fault> {
    let name = operator.symbol();
    match operator {
        Binary::Equal => equal(left, right, budget).map(Value::Bool),
        Binary::Unequal => equal(left, right, budget).map(|equal| Value::Bool(!equal)),
        Binary::Less | Binary::Greater | Binary::LessOrEqual | Binary::GreaterOrEqual => {
            let order = order(name, left, right, budget)?;
            Ok(Value::Bool(match operator {
                Binary::Less => order == Some(Ordering::Less),
                Binary::Greater => order == Some(Ordering::Greater),
                Binary::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            }))
        }
        Binary::In => within(left, right, budget).map(Value::Bool),
        Binary::Contains | Binary::StartsWith | Binary::EndsWith => {
            texts(operator, left, right, budget).map(Value::Bool)
        }
        Binary::Add => match (left, right) {
            (Value::Text(left), Value::Text(right)) => {
                budget.build(left.len() + right.len())?;
                budget.search(left)?;
                budget.search(right)?;
                Ok(Value::text(&format!("{left}{right}")))
            }
            (Value::Text(_), other) | (other, Value::Text(_)) => Err(Fault::Kind {
                operation: name,
                takes: "two numbers or two texts",
                given: other.kind(),
                hint: "; convert it with string, or the text with asFloat",
            }),
            _ => numbers::binary(operator, left, right),
        },
        Binary::Range => numbers::range(left, right, budget),
        // Or, and, ?? and matches are decided where they are evaluated.
        _ => numbers::binary(operator, left, right),
    }
}

/// Whether two values are the same; numbers by value, everything else also by kind.
pub(crate) fn equal(left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, Fault> {
    budget.step()?;
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Ok(left == right),
        (Value::Text(left), Value::Text(right)) => {
            budget.search(left)?;
            Ok(left == right)
        }
        (Value::List(left), Value::List(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right.iter()) {
                if !equal(left, right, budget)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for ((left_key, left), (right_key, right)) in left.iter().zip(right.iter()) {
                budget.search(left_key)?;
                if left_key != right_key || !equal(left, right, budget)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        _ => Ok(matches!((left.number(), right.number()), (Some(left), Some(right))
            if left.partial_cmp(&right) == Some(Ordering::Equal))),
    }
}

/// The order of two numbers or two texts; none with NaN.
fn order(
    operation: &'static str,
    left: &Value,
    right: &Value,
    budget: &mut Budget,
) -> Result<Option<Ordering>, Fault> {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Ok(Some(left.cmp(right))),
        (Value::Text(left), Value::Text(right)) => {
            budget.search(left)?;
            Ok(Some(left.cmp(right)))
        }
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => Ok(left.partial_cmp(&right)),
            (None, _) => Err(kind(operation, "two numbers or two texts", left)),
            (_, None) => Err(kind(operation, "two numbers or two texts", right)),
        },
    }
}

/// Whether a list has an element, or a map a key; nil has neither.
fn within(left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, Fault> {
    match right {
        Value::Nil => Ok(false),
        Value::List(elements) => {
            for element in elements.iter() {
                if equal(left, element, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Map(fields) => match left {
            Value::Text(key) => Ok(fields.contains_key(key)),
            Value::Nil => Ok(false),
            other => Err(kind("in", "text before a map", other)),
        },
        other => Err(kind("in", "a list or a map after it", other)),
    }
}

/// Whether a text contains, begins or ends with another; nil does not.
fn texts(operator: Binary, left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, Fault> {
    let name = operator.symbol();
    match (left, right) {
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Text(left), Value::Text(right)) => {
            budget.search(left)?;
            Ok(match operator {
                Binary::Contains => left.contains(right.as_ref()),
                Binary::StartsWith => left.starts_with(right.as_ref()),
                _ => left.ends_with(right.as_ref()),
            })
        }
        (Value::List(_), _) if operator == Binary::Contains => Err(Fault::Kind {
            operation: name,
            takes: "two texts",
            given: "a list",
            hint: "; write value in list",
        }),
        (Value::Text(_), other) | (other, _) => Err(kind(name, "two texts", other)),
    }
}
