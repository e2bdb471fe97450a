//! One form for all spellings that Go's semantic equality calls equal: what carries no information is gone, amounts
//! are compared by value.

use serde_json::{Map, Value};

use crate::quantity::Quantity;
use crate::shape::{Field, Shape};

/// The canonical form, or `None` when it decodes to Go's zero value.
///
/// Values of a type that Go could not decode, and fields that it does not know, stay as they are, unless null.
pub(crate) fn canonical(shape: Shape, value: &Value) -> Option<Value> {
    match (shape, value) {
        (_, Value::Null) | (Shape::Flag, Value::Bool(false)) => None,
        (Shape::Optional(inner), value) => Some(canonical(*inner, value).unwrap_or_else(|| zero(*inner))),
        (Shape::Text, Value::String(text)) if text.is_empty() => None,
        (Shape::Integer | Shape::IntOrString, Value::Number(number)) if number.as_i64() == Some(0) => None,
        (Shape::Quantity, Value::String(text)) => canonical_quantity(text, value),
        (Shape::Quantity, Value::Number(number)) => canonical_quantity(&number.to_string(), value),
        (Shape::List(inner), Value::Array(items)) => {
            let items: Vec<Value> =
                items.iter().map(|item| canonical(*inner, item).unwrap_or_else(|| zero(*inner))).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        (Shape::Map(inner), Value::Object(object)) => {
            let object: Map<String, Value> = object
                .iter()
                .map(|(key, item)| (key.clone(), canonical(*inner, item).unwrap_or_else(|| zero(*inner))))
                .collect();
            (!object.is_empty()).then_some(Value::Object(object))
        }
        (Shape::Struct(fields), Value::Object(object)) => canonical_struct(fields, object),
        (_, value) => Some(value.clone()),
    }
}

/// Go's zero value, where one has to be written because it stands in a list, in a map or behind a pointer.
fn zero(shape: Shape) -> Value {
    match shape {
        Shape::Text => Value::String(String::new()),
        Shape::Flag => Value::Bool(false),
        Shape::Integer | Shape::IntOrString => Value::from(0),
        Shape::Quantity => Value::String("0".to_owned()),
        Shape::List(_) => Value::Array(Vec::new()),
        Shape::Map(_) | Shape::Struct(_) => Value::Object(Map::new()),
        Shape::Time | Shape::Raw | Shape::Optional(_) => Value::Null,
    }
}

/// An amount by its value.
fn canonical_quantity(text: &str, value: &Value) -> Option<Value> {
    match Quantity::parse(text) {
        Some(amount) if amount.is_zero() => None,
        Some(amount) => Some(Value::String(amount.value())),
        None => Some(value.clone()),
    }
}

/// The fields that carry information.
fn canonical_struct(fields: &[Field], object: &Map<String, Value>) -> Option<Value> {
    let kept: Map<String, Value> = object
        .iter()
        .filter_map(|(key, value)| {
            let value = match fields.iter().find(|field| field.name == key) {
                Some(field) => canonical(field.shape, value),
                None => (!value.is_null()).then(|| value.clone()),
            };
            value.map(|value| (key.clone(), value))
        })
        .collect();
    (!kept.is_empty()).then_some(Value::Object(kept))
}
