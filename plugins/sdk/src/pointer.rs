//! JSON pointers (RFC 6901): how shares, problems and patches name a place.

use crate::prelude::*;
use crate::text::push_decimal;

/// A JSON pointer that is built part by part, each part escaped.
///
/// ```
/// use tidegate_router_sdk::Pointer;
/// let pointer = Pointer::root().key("metadata").key("annotations").key("example.com/a~b");
/// assert_eq!(pointer.as_str(), "/metadata/annotations/example.com~1a~0b");
/// assert_eq!(Pointer::root().key("rules").index(3).as_str(), "/rules/3");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(String);

impl Pointer {
    /// The whole document.
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// The member of this name.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.0.push('/');
        if !key.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
            self.0.push_str(key);
            return self;
        }
        for c in key.chars() {
            match c {
                '~' => self.0.push_str("~0"),
                '/' => self.0.push_str("~1"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// The list element at this index, from 0.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push('/');
        push_decimal(&mut self.0, index as u64);
        self
    }

    /// The place that `inner` names within this place.
    #[must_use]
    pub fn join(mut self, inner: &Self) -> Self {
        self.0.push_str(&inner.0);
        self
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Pointer> for String {
    fn from(pointer: Pointer) -> Self {
        pointer.0
    }
}

impl core::fmt::Display for Pointer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}
