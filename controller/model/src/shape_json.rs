//! Writing a value as Go's `encoding/json` writes it once it has been decoded into its typed struct: fields in the
//! order of declaration, empty ones left out, map keys sorted, `<`, `>` and `&` escaped.
//!
//! Go drops fields that its struct does not know. Here they follow the known ones, sorted by name, and a value of a
//! type that Go could not decode is written as it is: a change of either must show.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::quantity::Quantity;
use crate::shape::{Field, Shape};

/// The value in Go's JSON.
pub(crate) fn encode(shape: Shape, value: &Value) -> String {
    let mut out = String::new();
    write_shaped(shape, value, &mut out);
    out
}

/// A value of a known shape.
fn write_shaped(shape: Shape, value: &Value, out: &mut String) {
    match (shape, value) {
        (Shape::Optional(inner), value) if !value.is_null() => write_shaped(*inner, value, out),
        (Shape::Text, Value::Null) => out.push_str("\"\""),
        (Shape::Flag, Value::Null) => out.push_str("false"),
        (Shape::Integer | Shape::IntOrString, Value::Null) => out.push('0'),
        (Shape::Struct(fields), Value::Null) => write_struct(fields, &Map::new(), out),
        (Shape::Struct(fields), Value::Object(object)) => write_struct(fields, object, out),
        (Shape::Quantity, Value::Null) => out.push_str("\"0\""),
        (Shape::Quantity, Value::String(text)) => write_quantity(text, value, out),
        (Shape::Quantity, Value::Number(number)) => write_quantity(&number.to_string(), value, out),
        (Shape::List(inner), Value::Array(items)) => {
            write_separated('[', ']', items, out, |item, out| write_shaped(*inner, item, out));
        }
        (Shape::Map(inner), Value::Object(object)) => {
            let sorted: BTreeMap<&String, &Value> = object.iter().collect();
            write_separated('{', '}', sorted, out, |(key, item), out| {
                write_text(key, out);
                out.push(':');
                write_shaped(*inner, item, out);
            });
        }
        _ => write_any(value, out),
    }
}

/// The fields that Go would not leave out.
fn write_struct(fields: &[Field], object: &Map<String, Value>, out: &mut String) {
    let known = fields.iter().filter_map(|field| {
        let value = object.get(field.name);
        let present = value.unwrap_or(&Value::Null);
        let left_out = match field.shape {
            Shape::Raw => value.is_none(),
            shape => !field.always && is_omitted_when_empty(shape, present),
        };
        (!left_out).then_some((field.name, Some(field.shape), present))
    });
    let unknown: BTreeMap<&String, &Value> = object
        .iter()
        .filter(|(key, value)| !value.is_null() && !fields.iter().any(|field| field.name == key.as_str()))
        .collect();
    let unknown = unknown.into_iter().map(|(key, value)| (key.as_str(), None, value));
    write_separated('{', '}', known.chain(unknown), out, |(key, shape, value), out| {
        write_text(key, out);
        out.push(':');
        match shape {
            Some(shape) => write_shaped(shape, value, out),
            None => write_any(value, out),
        }
    });
}

/// What `omitempty` leaves out. It has no effect on structs that are not behind a pointer.
fn is_omitted_when_empty(shape: Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::Struct(_) | Shape::Quantity | Shape::IntOrString, _) => false,
        (_, Value::Null) => true,
        (Shape::Text, Value::String(text)) => text.is_empty(),
        (Shape::Flag, Value::Bool(flag)) => !flag,
        (Shape::Integer, Value::Number(number)) => number.as_i64() == Some(0),
        (Shape::List(_), Value::Array(items)) => items.is_empty(),
        (Shape::Map(_), Value::Object(object)) => object.is_empty(),
        _ => false,
    }
}

/// An amount in its canonical spelling.
fn write_quantity(text: &str, value: &Value, out: &mut String) {
    match Quantity::parse(text) {
        Some(amount) => write_text(&amount.canonical(), out),
        None => write_any(value, out),
    }
}

/// Any value, with sorted keys.
fn write_any(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => write_separated('[', ']', items, out, write_any),
        Value::Object(object) => {
            let sorted: BTreeMap<&String, &Value> = object.iter().collect();
            write_separated('{', '}', sorted, out, |(key, item), out| {
                write_text(key, out);
                out.push(':');
                write_any(item, out);
            });
        }
    }
}

/// Items between brackets, with commas.
fn write_separated<T>(
    open: char,
    close: char,
    items: impl IntoIterator<Item = T>,
    out: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    out.push(open);
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}

/// A string with Go's escapes (`encoding/json` with HTML escaping, Go 1.22 and later).
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}
