//! Reading configuration the way Go programs do, because that is what existing Rollouts were written for: keys
//! match without case, `null` and empty texts mean absent, unknown keys are no error. Unlike a Go program this
//! tells which keys it did not know, and the exact place of what is wrong.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_router_sdk::{Pointer, Problem};

/// A JSON object whose members are taken out one by one; what is left at the end was not known.
pub(crate) struct Fields<'a> {
    at: Pointer,
    members: BTreeMap<String, &'a RawValue>,
}

impl<'a> Fields<'a> {
    /// The object in this text, which stands at this place; `null` is an empty one.
    pub(crate) fn of(json: &'a str, at: Pointer) -> Result<Self, Problem> {
        match serde_json::from_str::<Option<BTreeMap<String, &'a RawValue>>>(json) {
            Ok(members) => Ok(Self { at, members: members.unwrap_or_default() }),
            Err(error) => Err(invalid(at, "an object", &error)),
        }
    }

    /// Where it stands.
    pub(crate) fn at(&self) -> Pointer {
        self.at.clone()
    }

    /// A text that is not empty.
    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>, Problem> {
        Ok(self.value::<String>(key, "a text")?.filter(|text| !text.is_empty()))
    }

    /// A truth value, false when absent.
    pub(crate) fn flag(&mut self, key: &str) -> Result<bool, Problem> {
        Ok(self.value(key, "true or false")?.unwrap_or_default())
    }

    /// An object.
    pub(crate) fn object(&mut self, key: &str) -> Result<Option<Self>, Problem> {
        self.take(key).map(|(json, at)| Self::of(json, at)).transpose()
    }

    /// A list of objects, empty when absent.
    pub(crate) fn objects(&mut self, key: &str) -> Result<Vec<Self>, Problem> {
        let Some((json, at)) = self.take(key) else { return Ok(Vec::new()) };
        let elements: Vec<&'a RawValue> =
            serde_json::from_str(json).map_err(|error| invalid(at.clone(), "a list of objects", &error))?;
        elements
            .into_iter()
            .enumerate()
            .map(|(index, element)| Self::of(element.get(), at.clone().index(index)))
            .collect()
    }

    /// A list of texts, empty when absent.
    pub(crate) fn texts(&mut self, key: &str) -> Result<Vec<String>, Problem> {
        Ok(self.value(key, "a list of texts")?.unwrap_or_default())
    }

    /// An object whose values are texts, empty when absent.
    pub(crate) fn text_map(&mut self, key: &str) -> Result<BTreeMap<String, String>, Problem> {
        Ok(self.value(key, "an object whose values are texts")?.unwrap_or_default())
    }

    /// The places of the keys that nobody took.
    pub(crate) fn unknown(self) -> impl Iterator<Item = Pointer> {
        let at = self.at;
        self.members.into_keys().map(move |key| at.clone().key(&key))
    }

    fn value<T: Deserialize<'a>>(&mut self, key: &str, expected: &str) -> Result<Option<T>, Problem> {
        let Some((json, at)) = self.take(key) else { return Ok(None) };
        serde_json::from_str(json).map(Some).map_err(|error| invalid(at, expected, &error))
    }

    /// The member of this name as written, else the first one that differs only in case.
    fn take(&mut self, key: &str) -> Option<(&'a str, Pointer)> {
        let name = if self.members.contains_key(key) {
            key.to_owned()
        } else {
            self.members.keys().find(|name| name.eq_ignore_ascii_case(key))?.clone()
        };
        let value = self.members.remove(&name)?;
        (value.get() != "null").then(|| (value.get(), self.at.clone().key(&name)))
    }
}

fn invalid(at: Pointer, expected: &str, error: &serde_json::Error) -> Problem {
    let place = if at.as_str().is_empty() { "the configuration" } else { at.as_str() };
    let message = [place, " must be ", expected, ": ", &error.to_string()].concat();
    Problem::invalid_config(at, message)
}
