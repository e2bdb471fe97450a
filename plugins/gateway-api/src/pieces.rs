//! Pieces of JSON text, of which managed rules are put together without understanding what else is in them.

use tidegate_router_sdk::concat;
use tidegate_router_sdk::json::{self, push_member, push_number, push_text};
use tidegate_router_sdk::prelude::*;

/// A member of an object, as JSON; `null` when there is none.
pub(crate) fn member<'a>(json: &'a str, key: &str) -> json::Result<&'a str> {
    let mut found = "null";
    json::Reader::document(json, |reader| {
        reader.object(&mut |name, reader| {
            let value = reader.raw()?;
            if name == key {
                found = value;
            }
            Ok(())
        })
    })?;
    Ok(found)
}

/// A list of what is JSON already.
pub(crate) fn list(elements: &[String]) -> String {
    concat(&["[", &elements.join(","), "]"])
}

/// Appends a member with a text.
pub(crate) fn push_words(out: &mut String, key: &str, text: &str) {
    let mut value = String::new();
    push_text(&mut value, text);
    push_member(out, key, &value);
}

/// Appends a member with a whole number.
pub(crate) fn push_whole(out: &mut String, key: &str, number: u64) {
    let mut value = String::new();
    push_number(&mut value, number);
    push_member(out, key, &value);
}
