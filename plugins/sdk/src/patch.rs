//! JSON patches (RFC 6902): how a large object is changed in a few places.

#[cfg(feature = "serde")]
use crate::Problem;
use crate::json::{push_number, push_text};
use crate::prelude::*;
use crate::{Change, Edit, ObjectRef, Pointer};

/// A patch that is built operation by operation. The host adds `test` operations for the old values by itself.
///
/// ```
/// use tidegate_router_sdk::{Patch, Pointer};
/// let mut patch = Patch::new();
/// patch.weight(&Pointer::root().key("spec").key("weight"), true, 80);
/// assert_eq!(patch.as_json(), r#"[{"op":"replace","path":"/spec/weight","value":80}]"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// The operations so far: empty, or a JSON list without its closing bracket.
    text: String,
}

impl Patch {
    /// A patch that changes nothing.
    pub const fn new() -> Self {
        Self { text: String::new() }
    }

    /// Whether it changes nothing.
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Sets a member that may or may not exist, or inserts an element into a list before this index (`-` as the
    /// last part: at its end).
    ///
    /// # Errors
    /// When the value is not JSON (a map with keys that are no texts, for example).
    #[cfg(feature = "serde")]
    pub fn add<T: serde::Serialize + ?Sized>(&mut self, path: &Pointer, value: &T) -> Result<(), Problem> {
        self.operation("add", path, Some(&json(value)?));
        Ok(())
    }

    /// Sets a member or element that exists.
    ///
    /// # Errors
    /// As for [`Self::add`].
    #[cfg(feature = "serde")]
    pub fn replace<T: serde::Serialize + ?Sized>(
        &mut self,
        path: &Pointer,
        value: &T,
    ) -> Result<(), Problem> {
        self.operation("replace", path, Some(&json(value)?));
        Ok(())
    }

    /// Sets a member to a weight: what most patches do. `exists` says whether it exists.
    pub fn weight(&mut self, path: &Pointer, exists: bool, weight: u32) {
        let mut value = String::new();
        push_number(&mut value, weight.into());
        self.operation(if exists { "replace" } else { "add" }, path, Some(&value));
    }

    /// As [`Self::add`], with a value that is JSON text already.
    pub fn add_json(&mut self, path: &Pointer, value: &str) {
        self.operation("add", path, Some(value));
    }

    /// As [`Self::replace`], with a value that is JSON text already.
    pub fn replace_json(&mut self, path: &Pointer, value: &str) {
        self.operation("replace", path, Some(value));
    }

    /// Removes a member or element that exists. Elements behind it move up, so remove from the back.
    pub fn remove(&mut self, path: &Pointer) {
        self.operation("remove", path, None);
    }

    /// The patch as JSON text.
    pub fn as_json(&self) -> String {
        if self.text.is_empty() { "[]".to_owned() } else { [self.text.as_str(), "]"].concat() }
    }

    /// The change of an object by this patch; nothing when the patch changes nothing.
    pub fn of(&self, object: &ObjectRef) -> Option<Change> {
        (!self.is_empty()).then(|| Change { ref_: object.clone(), edit: Edit::JsonPatch(self.as_json()) })
    }

    fn operation(&mut self, name: &str, path: &Pointer, value: Option<&str>) {
        self.text.push(if self.text.is_empty() { '[' } else { ',' });
        self.text.push_str(r#"{"op":""#);
        self.text.push_str(name);
        self.text.push_str(r#"","path":"#);
        push_text(&mut self.text, path.as_str());
        if let Some(value) = value {
            self.text.push_str(r#","value":"#);
            self.text.push_str(value);
        }
        self.text.push('}');
    }
}

#[cfg(feature = "serde")]
fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| {
        Problem::new("internal", format!("a patch's value cannot be written as JSON: {error}"))
    })
}
