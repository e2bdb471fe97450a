//! Naming, finding and reading objects.

use alloc::borrow::Cow;
use core::fmt;

use crate::json::{self, Reader};
use crate::prelude::*;
use crate::{Kind, Object, ObjectRef, Observation, Problem, Query, Selection, concat};

impl Kind {
    /// The kind of this name in this API group (empty: the core group).
    pub fn new(group: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { group: group.into(), kind: kind.into() }
    }
}

impl ObjectRef {
    /// The object of this kind, namespace and name.
    pub fn namespaced(kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: Some(namespace.into()), name: name.into() }
    }

    /// As people write it: `HTTPRoute shop/cart`. What displaying it gives, without the machinery behind that.
    pub fn to_text(&self) -> String {
        match &self.namespace {
            Some(namespace) => concat(&[&self.kind.kind, " ", namespace, "/", &self.name]),
            None => concat(&[&self.kind.kind, " ", &self.name]),
        }
    }
}

/// As people write it: `HTTPRoute shop/cart`. See [`ObjectRef::to_text`] for guests.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl Query {
    /// The object of this name in the Rollout's namespace, of a kind that must be served.
    pub fn named(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, namespace: None, select: Selection::Name(name.into()), optional: false }
    }

    /// The objects in the Rollout's namespace that match this label selector (see
    /// [`LabelSelector::to_text`](crate::LabelSelector::to_text)), of a kind that must be served.
    pub fn labelled(kind: Kind, selector: impl Into<String>) -> Self {
        Self { kind, namespace: None, select: Selection::Labels(selector.into()), optional: false }
    }

    /// The same in another namespace, which needs a grant.
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// The same of a kind that need not be served.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// What was seen by this query; `None` when it was not asked.
    pub fn find<'a>(&self, seen: &'a [Observation]) -> Option<&'a Observation> {
        seen.iter().find(|observation| observation.query == *self)
    }
}

impl Object {
    /// The object as a type of the plugin's own (feature `serde`), which may borrow from the text ([`Text`]) and leave out all
    /// that the plugin does not need. See [`Self::read_with`] for the smaller and faster way.
    ///
    /// # Errors
    /// `invalid-object` when it is not of that type.
    #[cfg(feature = "serde")]
    pub fn read<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        serde_json::from_str(&self.json).map_err(|error| {
            Problem::invalid_object(&self.ref_, format!("{} is not of the expected form: {error}", self.ref_))
        })
    }

    /// What this function reads from the object.
    ///
    /// # Errors
    /// `invalid-object`, with the place, when the function finds something else than it expects.
    pub fn read_with<'a, T>(
        &'a self,
        read: impl FnOnce(&mut Reader<'a>) -> json::Result<T>,
    ) -> Result<T, Problem> {
        Reader::document(&self.json, read)
            .map_err(|error| error.problem("invalid-object", &self.ref_.to_text()).about(&self.ref_))
    }
}

/// A text that borrows from the JSON it was read from when it can, that is unless it has escapes in it.
/// (Of the standard library's types, `&str` refuses escapes and an optional `Cow<str>` always copies.)
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.0.into_owned()
    }
}

impl core::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "serde")]
mod derived {
    use alloc::borrow::Cow;
    use core::fmt;

    use serde::de::{Deserialize, Deserializer, Visitor};

    use super::Text;
    use crate::prelude::*;

    impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct TextVisitor;

            impl<'de> Visitor<'de> for TextVisitor {
                type Value = Text<'de>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a text")
                }

                fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                    Ok(Text(Cow::Borrowed(text)))
                }

                fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                    Ok(Text(Cow::Owned(text.to_owned())))
                }

                fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                    Ok(Text(Cow::Owned(text)))
                }
            }

            deserializer.deserialize_str(TextVisitor)
        }
    }
}
