//! Values with the path where they stand, and what is wrong with them.

use serde_json::Value;
use tidegate_model::duration::pause_duration;
use tidegate_model::validate::SpecError;

/// A value and where it stands; absent and null are the same.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    pub(crate) path: String,
    pub(crate) value: &'a Value,
}

impl<'a> Field<'a> {
    pub(crate) fn new(path: impl Into<String>, value: Option<&'a Value>) -> Self {
        Self { path: path.into(), value: value.unwrap_or(&Value::Null) }
    }

    /// A field of an object.
    pub(crate) fn get(&self, key: &str) -> Self {
        Self::new(format!("{}.{key}", self.path), self.value.get(key))
    }

    pub(crate) fn is_given(&self) -> bool {
        !self.value.is_null()
    }

    /// A text that is not empty.
    pub(crate) fn text(&self) -> Option<&'a str> {
        self.value.as_str().filter(|text| !text.is_empty())
    }

    /// The elements of a list; none of anything else.
    pub(crate) fn elements(&self) -> impl Iterator<Item = Self> + use<'a> {
        let path = self.path.clone();
        let elements = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        elements
            .iter()
            .enumerate()
            .map(move |(index, value)| Field { path: format!("{path}[{index}]"), value })
    }
}

/// What was found so far.
#[derive(Default)]
pub(crate) struct Problems(pub(crate) Vec<SpecError>);

impl Problems {
    /// Notes that a field is wrong.
    pub(crate) fn say(&mut self, field: &Field<'_>, message: impl Into<String>) {
        self.0.push(SpecError { path: field.path.clone(), message: message.into() });
    }

    /// A text, which must not be empty.
    pub(crate) fn needed_text(&mut self, field: &Field<'_>, what: &str) -> String {
        if field.text().is_none() {
            self.say(field, format!("must be {what}, not {}", brief(field.value)));
        }
        field.text().unwrap_or_default().to_owned()
    }

    /// A text, if given.
    pub(crate) fn text(&mut self, field: &Field<'_>) -> Option<String> {
        if field.is_given() && !field.value.is_string() {
            self.say(field, format!("must be a string, not {}; put it in quotes", brief(field.value)));
        }
        field.text().map(str::to_owned)
    }

    /// `true` or `false`, if given.
    pub(crate) fn flag(&mut self, field: &Field<'_>) -> bool {
        if field.is_given() && !field.value.is_boolean() {
            self.say(field, format!("must be true or false, not {}", brief(field.value)));
        }
        field.value.as_bool().unwrap_or_default()
    }

    /// A whole number, also in a string, as arguments give it.
    pub(crate) fn number(&mut self, field: &Field<'_>, least: i64) -> Option<i64> {
        let number = match field.value {
            Value::Null => return None,
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        };
        let number = number.filter(|number| (least..=i64::from(i32::MAX)).contains(number));
        if number.is_none() {
            let given = brief(field.value);
            self.say(field, format!("must be a whole number from {least} to {}, not {given}", i32::MAX));
        }
        number
    }

    /// Seconds of a duration, if given; an empty one is none.
    pub(crate) fn duration(&mut self, field: &Field<'_>) -> Option<i64> {
        if !field.is_given() || field.value.as_str() == Some("") {
            return None;
        }
        match pause_duration(field.value) {
            Ok(seconds) => seconds,
            Err(error) => {
                self.say(field, error.to_string());
                None
            }
        }
    }

    /// A list, if given.
    pub(crate) fn list(&mut self, field: &Field<'_>, of: &str) {
        if field.is_given() && !field.value.is_array() {
            self.say(field, format!("must be a list of {of}, not {}", brief(field.value)));
        }
    }

    /// Fields that nobody reads: a misspelled one would silently change what is meant.
    pub(crate) fn only(&mut self, field: &Field<'_>, known: &[&str]) {
        for (key, value) in field.value.as_object().into_iter().flatten() {
            if !value.is_null() && !known.contains(&key.as_str()) {
                let known = known.join(", ");
                self.say(
                    &field.get(key),
                    format!("is no field of it, there are {known}; correct or remove it"),
                );
            }
        }
    }
}

/// A value for a message.
pub(crate) fn brief(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > 80 => "a long string".to_owned(),
        other => other.to_string(),
    }
}

/// Several problems as one message.
pub(crate) fn joined(problems: &[SpecError]) -> String {
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
