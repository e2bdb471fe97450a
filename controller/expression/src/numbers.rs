//! Arithmetic.

use crate::budget::Budget;
use crate::error::Fault;
use crate::functions::{Function, Kind};
use crate::operators::kind;
use crate::syntax::Binary;
use crate::value::Value;

/// The first float that is beyond a 64-bit integer: 2^63.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

pub(crate) fn negate(value: &Value) -> Result<Value, Fault> {
    match value {
        Value::Integer(number) => number.checked_neg().map(Value::Integer).ok_or(Fault::Overflow("-")),
        Value::Float(number) => Ok(Value::Float(-number)),
        other => Err(kind("-", "a number", other)),
    }
}

pub(crate) fn plus(value: Value) -> Result<Value, Fault> {
    if value.number().is_some() { Ok(value) } else { Err(kind("+", "a number", &value)) }
}

/// Arithmetic on two numbers.
pub(crate) fn binary(operator: Binary, left: &Value, right: &Value) -> Result<Value, Fault> {
    let name = operator.symbol();
    if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
        let whole = match operator {
            Binary::Add => Some(left.checked_add(*right)),
            Binary::Subtract => Some(left.checked_sub(*right)),
            Binary::Multiply => Some(left.checked_mul(*right)),
            Binary::Remainder if *right == 0 => return Err(Fault::DivisionByZero),
            // The one remainder that overflows is zero.
            Binary::Remainder => Some(Some(left.checked_rem(*right).unwrap_or_default())),
            _ => None,
        };
        if let Some(whole) = whole {
            return whole.map(Value::Integer).ok_or(Fault::Overflow(name));
        }
    }
    if operator == Binary::Remainder {
        let other = if matches!(left, Value::Integer(_)) { right } else { left };
        let hint = if matches!(other, Value::Float(_)) { "; convert it with asInt" } else { "" };
        return Err(Fault::Kind { operation: name, takes: "two whole numbers", given: other.kind(), hint });
    }
    let (Some(left_number), Some(right_number)) = (left.number(), right.number()) else {
        let other = if left.number().is_none() { left } else { right };
        return Err(kind(name, "two numbers", other));
    };
    Ok(Value::Float(match operator {
        Binary::Add => left_number + right_number,
        Binary::Subtract => left_number - right_number,
        Binary::Multiply => left_number * right_number,
        Binary::Divide => left_number / right_number,
        _ => left_number.powf(right_number),
    }))
}

/// The whole numbers from one to another, both included.
pub(crate) fn range(from: &Value, to: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    let (Value::Integer(from), Value::Integer(to)) = (from, to) else {
        let other = if matches!(from, Value::Integer(_)) { to } else { from };
        let hint = if matches!(other, Value::Float(_)) { "; convert it with asInt" } else { "" };
        return Err(Fault::Kind { operation: "..", takes: "two whole numbers", given: other.kind(), hint });
    };
    let length = i128::from(*to) - i128::from(*from) + 1;
    budget.build(usize::try_from(length.max(0)).map_err(|_| Fault::Memory)?)?;
    Ok(Value::List((*from..=*to).map(Value::Integer).collect()))
}

/// The sum of numbers; of none it is 0.
pub(crate) fn sum(values: &[Value]) -> Result<Value, Fault> {
    let mut sum = Value::Integer(0);
    for value in values {
        if value.number().is_none() {
            return Err(kind("sum", "a list of numbers", value));
        }
        sum = binary(Binary::Add, &sum, value).map_err(|_| Fault::Overflow("sum"))?;
    }
    Ok(sum)
}

/// Functions of any number of numbers and lists of numbers.
pub(crate) fn all(function: Function, values: &[Value], budget: &mut Budget) -> Result<Value, Fault> {
    let mut numbers = Vec::new();
    collect(function.name(), values, &mut numbers, budget)?;
    let floats = || numbers.iter().filter_map(Value::number);
    if floats().any(f64::is_nan) {
        return Ok(Value::Float(f64::NAN));
    }
    match function.0 {
        Kind::Max | Kind::Min => {
            let first = numbers.first().cloned();
            let best = numbers.into_iter().reduce(|best, next| {
                let is_better = match (&best, &next) {
                    (Value::Integer(best), Value::Integer(next)) => {
                        if function.0 == Kind::Max {
                            next > best
                        } else {
                            next < best
                        }
                    }
                    _ if function.0 == Kind::Max => next.number() > best.number(),
                    _ => next.number() < best.number(),
                };
                if is_better { next } else { best }
            });
            best.or(first).ok_or(Fault::Kind {
                operation: function.name(),
                takes: "at least one number",
                given: "an empty list",
                hint: "; check len first",
            })
        }
        Kind::Mean => {
            let count = length(numbers.len());
            Ok(Value::Float(if count == 0.0 { 0.0 } else { floats().sum::<f64>() / count }))
        }
        _ => {
            let mut sorted: Vec<f64> = floats().collect();
            sorted.sort_by(f64::total_cmp);
            let middle = sorted.len() / 2;
            let upper = sorted.get(middle).copied().unwrap_or_default();
            let lower = middle.checked_sub(1).and_then(|before| sorted.get(before)).copied();
            let is_even = sorted.len().is_multiple_of(2);
            Ok(Value::Float(lower.filter(|_| is_even).map_or(upper, |lower| f64::midpoint(lower, upper))))
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "no list is that long")]
fn length(count: usize) -> f64 {
    count as f64
}

fn collect(
    name: &'static str,
    values: &[Value],
    numbers: &mut Vec<Value>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    for value in values {
        budget.step()?;
        match value {
            Value::List(elements) => collect(name, elements, numbers, budget)?,
            value if value.number().is_some() => {
                budget.build(1)?;
                numbers.push(value.clone());
            }
            other => return Err(kind(name, "numbers and lists of numbers", other)),
        }
    }
    Ok(())
}

/// Functions of one number, and those that make one.
pub(crate) fn unary(function: Function, value: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    let name = function.name();
    if let Value::Text(text) = value {
        budget.search(text)?;
        return match function.0 {
            Kind::Int | Kind::AsInt => {
                let read = if function.0 == Kind::Int { text.trim() } else { text };
                read.parse().map(Value::Integer).map_err(|_| no_number(name, value))
            }
            Kind::Float | Kind::AsFloat => text.parse().map(Value::Float).map_err(|_| no_number(name, value)),
            _ => Err(kind(name, "a number", value)),
        };
    }
    let Some(number) = value.number() else {
        return Err(kind(name, "a number", value));
    };
    match (function.0, value) {
        (Kind::IsNaN, _) => Ok(Value::Bool(number.is_nan())),
        (Kind::IsInf, _) => Ok(Value::Bool(number.is_infinite())),
        (Kind::Float | Kind::AsFloat, _) => Ok(Value::Float(number)),
        (Kind::Int | Kind::AsInt, Value::Integer(_)) => Ok(value.clone()),
        (Kind::Int | Kind::AsInt, _) => {
            whole(number).map(Value::Integer).ok_or_else(|| no_number(name, value))
        }
        (Kind::Abs, Value::Integer(number)) => {
            number.checked_abs().map(Value::Integer).ok_or(Fault::Overflow("abs"))
        }
        (Kind::Abs, _) => Ok(Value::Float(number.abs())),
        (Kind::Ceil, _) => Ok(Value::Float(number.ceil())),
        (Kind::Floor, _) => Ok(Value::Float(number.floor())),
        (Kind::Round, _) => Ok(Value::Float(number.round())),
        _ => Err(kind(name, "another kind of value", value)),
    }
}

/// A float as a whole number, its fraction cut off.
#[allow(clippy::cast_possible_truncation, reason = "in range, and the fraction is to be cut off")]
pub(crate) fn whole(number: f64) -> Option<i64> {
    (-BEYOND..BEYOND).contains(&number).then_some(number as i64)
}

fn no_number(function: &'static str, value: &Value) -> Fault {
    let given = match value {
        Value::Text(text) if text.chars().count() > 40 => "a long text".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        Value::Float(number) => number.to_string(),
        other => other.kind().to_owned(),
    };
    Fault::Number { function, given }
}
