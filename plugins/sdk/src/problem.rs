//! Saying why there is no answer.

use core::fmt;
use core::ops::Deref;

use crate::bindings::exports::tidegate::traffic::router as record;
use crate::prelude::*;
use crate::{ObjectRef, Pointer};

/// Why a plugin cannot answer: the contract's record of this name, which is what its fields are, behind a pointer,
/// so that results stay small.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem(Box<record::Problem>);

impl Problem {
    /// A problem with a code of one's own: lower case, hyphens, never changed once published.
    #[cold]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(record::Problem {
            code: code.into(),
            message: message.into(),
            about: None,
            pointer: None,
        }))
    }

    /// `target.config` or `target.settings` is wrong at this place.
    pub fn invalid_config(pointer: Pointer, message: impl Into<String>) -> Self {
        Self::new("invalid-config", message).at(pointer)
    }

    /// The Rollout names no Service where this router needs one; or not a usable one.
    pub fn missing_service(message: impl Into<String>) -> Self {
        Self::new("missing-service", message)
    }

    /// An object does not exist.
    pub fn missing_object(message: impl Into<String>) -> Self {
        Self::new("missing-object", message)
    }

    /// An object has no place for the weights.
    pub fn missing_backend(object: &ObjectRef, message: impl Into<String>) -> Self {
        Self::new("missing-backend", message).about(object)
    }

    /// An object is not of the expected form.
    pub fn invalid_object(object: &ObjectRef, message: impl Into<String>) -> Self {
        Self::new("invalid-object", message).about(object)
    }

    /// The traffic needs something that this plugin, this configuration or this router lacks.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new("unsupported", message)
    }

    /// The object it is about.
    #[must_use]
    pub fn about(mut self, object: &ObjectRef) -> Self {
        self.0.about = Some(object.clone());
        self
    }

    /// The place in the object it is about or, without one, in the configuration.
    #[must_use]
    pub fn at(mut self, pointer: Pointer) -> Self {
        self.0.pointer = Some(pointer.into());
        self
    }

    /// The contract's record.
    pub fn into_record(self) -> record::Problem {
        *self.0
    }
}

/// What is wrong and what to do.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Problem {}

impl Deref for Problem {
    type Target = record::Problem;

    fn deref(&self) -> &record::Problem {
        &self.0
    }
}
