//! Reading configuration the way Go programs do, because that is what existing Rollouts were written for: keys
//! match without case, `null` and empty texts mean absent, unknown keys are no error. Unlike a Go program this
//! tells which keys it did not know, and the exact place of what is wrong.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tidegate_router_sdk::{Pointer, Problem, Text, concat};

/// A JSON object whose members are taken out one by one; what is left at the end was not known.
pub(crate) struct Fields<'a> {
    at: Pointer,
    members: Vec<(Text<'a>, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// The object in this text, which stands at this place; `null` is an empty one.
    pub(crate) fn of(json: &'a str, at: Pointer) -> Result<Self, Problem> {
        match serde_json::from_str::<Option<Members<'a>>>(json) {
            Ok(members) => Ok(Self { at, members: members.unwrap_or_default().0 }),
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

    /// All members, which are texts, with their places.
    pub(crate) fn into_texts(self) -> Result<Vec<(Text<'a>, String, Pointer)>, Problem> {
        let Self { at, members } = self;
        members
            .into_iter()
            .map(|(key, value)| {
                let at = at.clone().key(&key);
                let value = serde_json::from_str(value.get())
                    .map_err(|error| invalid(at.clone(), "a text", &error))?;
                Ok((key, value, at))
            })
            .collect()
    }

    /// Adds the places of the keys that nobody took.
    pub(crate) fn finish(self, unknown: &mut Vec<Pointer>) {
        unknown.extend(self.members.iter().map(|(key, _)| self.at.clone().key(key)));
    }

    fn value<T: Deserialize<'a>>(&mut self, key: &str, expected: &str) -> Result<Option<T>, Problem> {
        let Some((json, at)) = self.take(key) else { return Ok(None) };
        serde_json::from_str(json).map(Some).map_err(|error| invalid(at, expected, &error))
    }

    /// Takes the members of this name; of several (in other case, or written twice) the last one counts.
    fn take(&mut self, key: &str) -> Option<(&'a str, Pointer)> {
        let mut taken = None;
        while let Some(index) = self.members.iter().position(|(name, _)| name.eq_ignore_ascii_case(key)) {
            let (name, value) = self.members.remove(index);
            taken = Some((value.get(), self.at.clone().key(&name)));
        }
        taken.filter(|(json, _)| *json != "null")
    }
}

/// The members of an object, in the order in which they are written.
#[derive(Default)]
struct Members<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cold]
fn invalid(at: Pointer, expected: &str, error: &serde_json::Error) -> Problem {
    let place = if at.as_str().is_empty() { "the configuration" } else { at.as_str() };
    let message = concat(&[place, " must be ", expected, ": ", &error.to_string()]);
    Problem::invalid_config(at, message)
}
