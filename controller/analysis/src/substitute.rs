//! `{{args.x}}` in the strings of a metric.
//!
//! Argo writes the metric as JSON, replaces in its text with the values escaped, and reads it again; replacing in each string of
//! the value comes to the same, and no value can break out of its string.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What may stand for arguments, by name.
pub(crate) type Arguments = BTreeMap<String, String>;

/// The most bytes that a metric may have after replacing.
const MOST_BYTES: usize = 1024 * 1024;

/// Why arguments cannot be put in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubstituteError {
    /// A placeholder for something that there is not.
    #[error("failed to resolve {{{{{0}}}}}; declare it in args with a value, or correct the placeholder")]
    Unresolved(String),
    /// A placeholder without an end.
    #[error("{0:?} begins a placeholder that has no end; write {{{{args.name}}}}")]
    Unclosed(String),
    /// More than a metric may be.
    #[error("the metric is larger than {MOST_BYTES} bytes with its arguments; shorten them")]
    TooLarge,
}

/// A value with all placeholders replaced, in keys, too.
pub(crate) fn substitute(value: &Value, arguments: &Arguments) -> Result<Value, SubstituteError> {
    let mut left = MOST_BYTES;
    in_value(value, arguments, &mut left)
}

/// A value with those placeholders replaced that can be; the others stay.
pub(crate) fn substitute_known(value: &Value, arguments: &Arguments) -> Value {
    match value {
        Value::String(text) => {
            let replaced = substitute(value, arguments);
            replaced.unwrap_or_else(|_| Value::String(text.clone()))
        }
        Value::Array(elements) => elements.iter().map(|one| substitute_known(one, arguments)).collect(),
        Value::Object(fields) => {
            let known = |(key, value): (&String, &Value)| (key.clone(), substitute_known(value, arguments));
            fields.iter().map(known).collect()
        }
        other => other.clone(),
    }
}

fn in_value(value: &Value, arguments: &Arguments, left: &mut usize) -> Result<Value, SubstituteError> {
    Ok(match value {
        Value::String(text) => Value::String(in_text(text, arguments, left)?),
        Value::Array(elements) => {
            Value::Array(elements.iter().map(|one| in_value(one, arguments, left)).collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let mut replaced = Map::new();
            for (key, value) in fields {
                replaced.insert(in_text(key, arguments, left)?, in_value(value, arguments, left)?);
            }
            Value::Object(replaced)
        }
        other => other.clone(),
    })
}

fn in_text(text: &str, arguments: &Arguments, left: &mut usize) -> Result<String, SubstituteError> {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, placeholder)) = rest.split_once("{{") {
        replaced.push_str(before);
        let Some((name, after)) = placeholder.split_once("}}") else {
            return Err(SubstituteError::Unclosed(brief(placeholder)));
        };
        let value = name.trim().strip_prefix("args.").and_then(|name| arguments.get(name));
        let value = value.ok_or_else(|| SubstituteError::Unresolved(brief(name)))?;
        if replaced.len() + value.len() > *left {
            return Err(SubstituteError::TooLarge);
        }
        replaced.push_str(value);
        rest = after;
    }
    replaced.push_str(rest);
    *left = left.checked_sub(replaced.len()).ok_or(SubstituteError::TooLarge)?;
    Ok(replaced)
}

/// Whether a text has placeholders, so that what it will be is not known yet.
pub(crate) fn has_placeholders(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{"))
}

fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arguments() -> Arguments {
        [("a", "1"), ("quote", "\"},{\\"), ("again", "{{args.a}}"), ("empty", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn placeholders_are_replaced_wherever_strings_are() {
        let metric = json!({
            "url": "http://x/{{args.a}}?{{ args.a }}", "list": ["{{args.quote}}", 5, null],
            "{{args.a}}": {"deep": "{{  args.again}}{{args.empty}}"}, "plain": "{ } }} {",
        });
        let expected = json!({
            "url": "http://x/1?1", "list": ["\"},{\\", 5, null],
            "1": {"deep": "{{args.a}}"}, "plain": "{ } }} {",
        });
        assert_eq!(substitute(&metric, &arguments()), Ok(expected));
    }

    #[test]
    fn what_cannot_be_replaced_is_an_error() {
        for (text, expected) in [
            ("{{args.b}}", SubstituteError::Unresolved("args.b".to_owned())),
            ("{{ a }}", SubstituteError::Unresolved(" a ".to_owned())),
            ("{{}}", SubstituteError::Unresolved(String::new())),
            ("{{args.a", SubstituteError::Unclosed("args.a".to_owned())),
        ] {
            assert_eq!(substitute(&json!([text]), &arguments()), Err(expected), "{text}");
        }
        let long = Arguments::from([("l".to_owned(), "x".repeat(MOST_BYTES / 4))]);
        assert_eq!(substitute(&json!("{{args.l}}".repeat(5)), &long), Err(SubstituteError::TooLarge));
        assert_eq!(substitute(&json!(vec!["{{args.l}}"; 5]), &long), Err(SubstituteError::TooLarge));
    }
}
