//! A condition: an expression that says whether a result is as it should be.

use std::fmt;

use crate::error::{EvaluateError, Fault, ParseError, Problem};
use crate::evaluate::Evaluation;
use crate::parse::parse;
use crate::syntax::Node;
use crate::value::Value;

/// A parsed condition. Its `Display` is a text that parses into the same condition.
#[derive(Clone, Debug)]
pub struct Condition {
    root: Node,
}

impl Condition {
    /// Parses a condition.
    ///
    /// # Errors
    /// When it is not in the language, or can never give true or false.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        let root = parse(source)?;
        match root.not_boolean() {
            Some(kind) => Err(Problem::NotBoolean(kind).at(root.position)),
            None => Ok(Self { root }),
        }
    }

    pub(crate) const fn root(&self) -> &Node {
        &self.root
    }

    /// Whether it holds for a result.
    ///
    /// # Errors
    /// When that cannot be said.
    pub fn evaluate(&self, result: &Value) -> Result<bool, EvaluateError> {
        match evaluate(&self.root, result)? {
            Value::Bool(flag) => Ok(flag),
            other => Err(Fault::Kind {
                operation: "a condition",
                takes: "true or false",
                given: other.kind(),
                hint: "; compare it with something, as in result > 0.95",
            }
            .at(self.root.position)),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

fn evaluate(root: &Node, result: &Value) -> Result<Value, EvaluateError> {
    Evaluation::new(result).evaluate(root).map_err(crate::evaluate::Stop::into_error)
}

/// What a fuzz target and the property tests ask of any text and any JSON: it is answered, and what parses prints as what
/// parses into the same. None: all is well.
pub fn exercise(source: &str, result: &serde_json::Value) -> Option<String> {
    let Ok(node) = parse(source) else { return None };
    let printed = node.to_string();
    let again = match parse(&printed) {
        Ok(again) => again,
        // Parentheses that are printed may reach the bounds that the text itself kept.
        Err(ParseError { problem: Problem::TooDeep | Problem::TooLong, .. }) => return None,
        Err(error) => return Some(format!("{printed:?} does not parse: {error}")),
    };
    if again.to_string() != printed {
        return Some(format!("{printed:?} parses into {again}"));
    }
    let value = Value::from_json(result).ok()?;
    let [first, second] = [&node, &again].map(|node| match evaluate(node, &value) {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.fault.reason().to_owned(),
    });
    (first != second).then(|| format!("{source:?} gives {first}, {printed:?} gives {second}"))
}

#[cfg(test)]
pub(crate) fn value_of(source: &str, result: &serde_json::Value) -> Result<Value, String> {
    let node = parse(source).map_err(|error| error.problem.reason().to_owned())?;
    let value = Value::from_json(result).map_err(|error| error.fault.reason().to_owned())?;
    evaluate(&node, &value).map_err(|error| error.fault.reason().to_owned())
}
