//! Reading configuration the way Go programs do, because that is what existing Rollouts were written for: keys
//! match without case, `null` and empty texts mean absent, unknown keys are no error. Unlike a Go program this
//! tells which keys it did not know, and the exact place of what is wrong.

use crate::json::{Reader, Unexpected};
use crate::prelude::*;
use crate::{Pointer, Problem, Text, concat};

/// A JSON object of the configuration, whose members are taken out one by one; what is left at the end was not known.
/// The small and fast alternative to [`Target::config`](crate::Target::config), for keys that come from Go programs.
///
/// ```
/// use tidegate_router_sdk::{Fields, Pointer};
/// let mut fields = Fields::of(r#"{"Split": "cart", "typo": 1, "namespace": ""}"#, Pointer::root())?;
/// assert_eq!(fields.text("split")?.as_deref(), Some("cart"));
/// assert_eq!(fields.text("namespace")?, None);
/// let mut unknown = Vec::new();
/// fields.finish(&mut unknown);
/// assert_eq!(unknown[0].as_str(), "/typo");
/// # Ok::<(), tidegate_router_sdk::Problem>(())
/// ```
#[derive(Debug)]
pub struct Fields<'a> {
    at: Pointer,
    /// Keys and JSON texts.
    members: Vec<(Text<'a>, &'a str)>,
}

impl<'a> Fields<'a> {
    /// The object in this text, which stands at this place; `null` is an empty one.
    ///
    /// # Errors
    /// `invalid-config`, with the place, when it is something else.
    pub fn of(json: &'a str, at: Pointer) -> Result<Self, Problem> {
        let mut members = Vec::new();
        Reader::document(json, |reader| {
            reader.object(&mut |key, reader| {
                members.push((Text::from(key.to_owned()), reader.raw()?));
                Ok(())
            })
        })
        .map_err(|error| invalid(&at, &error))?;
        Ok(Self { at, members })
    }

    /// Where it stands.
    pub fn at(&self) -> Pointer {
        self.at.clone()
    }

    /// A text that is not empty.
    ///
    /// # Errors
    /// `invalid-config`, with the place, when it is something else.
    pub fn text(&mut self, key: &str) -> Result<Option<String>, Problem> {
        let Some((json, at)) = self.take(key) else { return Ok(None) };
        let text = Reader::document(json, Reader::text).map_err(|error| invalid(&at, &error))?;
        Ok(text.filter(|text| !text.is_empty()).map(String::from))
    }

    /// A truth value, false when absent.
    ///
    /// # Errors
    /// `invalid-config`, with the place, when it is something else.
    pub fn flag(&mut self, key: &str) -> Result<bool, Problem> {
        let Some((json, at)) = self.take(key) else { return Ok(false) };
        let flag = Reader::document(json, Reader::flag).map_err(|error| invalid(&at, &error))?;
        Ok(flag.unwrap_or_default())
    }

    /// A whole number that fits the wanted type.
    ///
    /// # Errors
    /// `invalid-config`, with the place, when it is something else.
    pub fn integer<N: TryFrom<i64>>(&mut self, key: &str) -> Result<Option<N>, Problem> {
        let Some((json, at)) = self.take(key) else { return Ok(None) };
        Reader::document(json, Reader::integer).map_err(|error| invalid(&at, &error))
    }

    /// An object.
    ///
    /// # Errors
    /// `invalid-config`, with the place, when it is something else.
    pub fn object(&mut self, key: &str) -> Result<Option<Self>, Problem> {
        self.take(key).map(|(json, at)| Self::of(json, at)).transpose()
    }

    /// A list of objects, empty when absent.
    ///
    /// # Errors
    /// `invalid-config`, with the place, when it is something else.
    pub fn objects(&mut self, key: &str) -> Result<Vec<Self>, Problem> {
        let elements = self.list(key, Reader::raw)?;
        elements.into_iter().map(|(json, at)| Self::of(json, at)).collect()
    }

    /// A list of texts, empty when absent.
    ///
    /// # Errors
    /// `invalid-config`, with the place, when it is something else.
    pub fn texts(&mut self, key: &str) -> Result<Vec<String>, Problem> {
        let elements = self.list(key, |reader| Ok(reader.text()?.unwrap_or_default()))?;
        Ok(elements.into_iter().map(|(text, _)| text.into()).collect())
    }

    /// All members, which are texts, with their places.
    ///
    /// # Errors
    /// `invalid-config`, with the place, when it is something else.
    pub fn into_texts(self) -> Result<Vec<(String, String, Pointer)>, Problem> {
        let Self { at, members } = self;
        members
            .into_iter()
            .map(|(key, json)| {
                let at = at.clone().key(&key);
                let value = Reader::document(json, Reader::text).map_err(|error| invalid(&at, &error))?;
                Ok((key.into(), value.unwrap_or_default().into(), at))
            })
            .collect()
    }

    /// Adds the places of the keys that nobody took.
    pub fn finish(self, unknown: &mut Vec<Pointer>) {
        unknown.extend(self.members.iter().map(|(key, _)| self.at.clone().key(key)));
    }

    fn list<T>(
        &mut self,
        key: &str,
        read: fn(&mut Reader<'a>) -> Result<T, Unexpected>,
    ) -> Result<Vec<(T, Pointer)>, Problem> {
        let Some((json, at)) = self.take(key) else { return Ok(Vec::new()) };
        let mut elements = Vec::new();
        let result = Reader::document(json, |reader| {
            reader.list(&mut |reader| {
                let at = at.clone().index(elements.len());
                elements.push((read(reader)?, at));
                Ok(())
            })
        });
        result.map_err(|error| invalid(&at, &error))?;
        Ok(elements)
    }

    /// Takes the members of this name; of several (in other case, or written twice) the last one counts.
    fn take(&mut self, key: &str) -> Option<(&'a str, Pointer)> {
        if self.members.is_empty() {
            return None;
        }
        let mut taken = None;
        while let Some(index) = self.members.iter().position(|(name, _)| name.eq_ignore_ascii_case(key)) {
            let (name, json) = self.members.remove(index);
            taken = Some((json, self.at.clone().key(&name)));
        }
        taken.filter(|(json, _)| *json != "null")
    }
}

#[cold]
fn invalid(at: &Pointer, error: &Unexpected) -> Problem {
    let at = at.clone().join(&error.pointer());
    let place = if at.as_str().is_empty() { "the configuration" } else { at.as_str() };
    let message = concat(&[place, " is not as it should be: expected ", error.expected()]);
    Problem::invalid_config(at, message)
}
