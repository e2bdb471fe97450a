//! What an expression gives, and what a measured value is read into.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::error::{EvaluateError, Fault};
use crate::limits;

/// A value. Copies are cheap: lists, maps and texts are shared.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing; JSON's null, and what a map does not have.
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number, of a literal or a function.
    Integer(i64),
    /// Any number of a result.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// A list.
    List(Arc<[Value]>),
    /// A map, sorted by key.
    Map(Arc<BTreeMap<Arc<str>, Value>>),
}

impl Value {
    /// Reads JSON. All numbers become floats, as Go decodes them.
    ///
    /// # Errors
    /// When it is nested more than [`limits::RESULT_DEPTH`] levels deep.
    pub fn from_json(json: &Json) -> Result<Self, EvaluateError> {
        Self::read(json, limits::RESULT_DEPTH).ok_or(Fault::Depth.at(0))
    }

    fn read(json: &Json, depth: usize) -> Option<Self> {
        let below = depth.checked_sub(1)?;
        Some(match json {
            Json::Null => Self::Nil,
            Json::Bool(flag) => Self::Bool(*flag),
            // A number beyond a float's range reads as infinite, never as another number.
            Json::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::INFINITY)),
            Json::String(text) => Self::text(text),
            Json::Array(elements) => {
                Self::List(elements.iter().map(|element| Self::read(element, below)).collect::<Option<_>>()?)
            }
            Json::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(key, value)| Some((Arc::from(key.as_str()), Self::read(value, below)?)));
                Self::Map(Arc::new(fields.collect::<Option<_>>()?))
            }
        })
    }

    /// Text.
    pub fn text(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }

    /// A list of numbers, as a query of time series gives.
    pub fn floats(numbers: &[f64]) -> Self {
        Self::List(numbers.iter().copied().map(Self::Float).collect())
    }

    /// The name of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// The kind as expr-lang's `type` names it.
    pub(crate) const fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Integer(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "string",
            Self::List(_) => "array",
            Self::Map(_) => "map",
        }
    }

    /// As a float, if it is a number.
    #[allow(clippy::cast_precision_loss, reason = "as Go compares whole numbers with floats")]
    pub(crate) const fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(integer) => Some(*integer as f64),
            Self::Float(float) => Some(*float),
            _ => None,
        }
    }
}
