//! Values with the path where they stand, and the list of what is wrong with them.

use serde_json::Value;

use super::SpecError;

/// A value and where it stands; absent and null are the same.
pub(super) struct Field<'a> {
    pub(super) path: String,
    pub(super) value: &'a Value,
}

impl<'a> Field<'a> {
    /// A value at a path.
    pub(super) fn new(path: impl Into<String>, value: Option<&'a Value>) -> Self {
        Self { path: path.into(), value: value.unwrap_or(&Value::Null) }
    }

    /// A field of an object.
    pub(super) fn get(&self, key: &str) -> Field<'a> {
        Field::new(format!("{}.{key}", self.path), self.value.get(key))
    }

    /// Whether there is anything.
    pub(super) fn is_given(&self) -> bool {
        !self.value.is_null()
    }

    /// A string that is not empty.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str().filter(|text| !text.is_empty())
    }

    /// The elements of a list; none of anything else.
    pub(super) fn elements(&self) -> impl Iterator<Item = Field<'a>> {
        let path = self.path.clone();
        let elements = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        elements
            .iter()
            .enumerate()
            .map(move |(index, value)| Field { path: format!("{path}[{index}]"), value })
    }

    /// The entries of a map that users choose the keys of; none of anything else.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        let path = self.path.clone();
        let entries = self.value.as_object().into_iter().flatten();
        entries.map(move |(key, value)| (key.as_str(), Field { path: format!("{path}[{key:?}]"), value }))
    }
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Checks {
    pub(super) errors: Vec<SpecError>,
}

impl Checks {
    /// Notes that a field is wrong.
    pub(super) fn say(&mut self, field: &Field<'_>, message: impl Into<String>) {
        self.errors.push(SpecError { path: field.path.clone(), message: message.into() });
    }

    /// A whole number of at least `least`, if given. No number in the API has more than 32 bits.
    pub(super) fn number(&mut self, field: &Field<'_>, least: i64) -> Option<i64> {
        if !field.is_given() {
            return None;
        }
        let number = field.value.as_i64().filter(|number| (least..=i64::from(i32::MAX)).contains(number));
        if number.is_none() {
            let message =
                format!("must be a whole number from {least} to {}, not {}", i32::MAX, brief(field.value));
            self.say(field, message);
        }
        number
    }

    /// `true` or `false`, if given.
    pub(super) fn flag(&mut self, field: &Field<'_>) {
        if field.is_given() && !field.value.is_boolean() {
            self.say(field, format!("must be true or false, not {}", brief(field.value)));
        }
    }

    /// An object, if given; whether it is one.
    pub(super) fn object(&mut self, field: &Field<'_>) -> bool {
        if field.is_given() && !field.value.is_object() {
            self.say(field, format!("must be an object, not {}", brief(field.value)));
        }
        field.value.is_object()
    }

    /// A list, if given; whether nothing is wrong.
    pub(super) fn list(&mut self, field: &Field<'_>, of: &str) -> bool {
        let is_right = field.value.is_array() || !field.is_given();
        if !is_right {
            self.say(field, format!("must be a list of {of}, not {}", brief(field.value)));
        }
        is_right
    }

    /// A map of strings, if given.
    pub(super) fn texts(&mut self, field: &Field<'_>) {
        if self.object(field) {
            for (_, value) in field.entries() {
                if !value.value.is_string() {
                    self.say(
                        &value,
                        format!("must be a string, not {}; put it in quotes", brief(value.value)),
                    );
                }
            }
        }
    }

    /// Fields of an object that nobody reads: a misspelled one would silently change what is meant.
    pub(super) fn only(&mut self, field: &Field<'_>, known: &[&str]) {
        for (key, value) in field.value.as_object().into_iter().flatten() {
            if !value.is_null() && !known.contains(&key.as_str()) {
                let message =
                    format!("is no field of it, there are {}; correct or remove it", known.join(", "));
                self.say(&field.get(key), message);
            }
        }
    }
}

/// A value for a message: scalars as they are, of anything else the kind, because it may be large.
pub(super) fn brief(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > 80 => "a long string".to_owned(),
        scalar => scalar.to_string(),
    }
}
