//! Names as Kubernetes and HTTP have them. Those of objects become parts of paths of requests, so what is none is refused: a `/` in
//! one would name something else.

use crate::problem::Wrong;

/// The longest name of an object, and the longest key of its data.
const LONGEST: usize = 253;

/// The name of an object or a namespace.
pub(crate) fn object(field: &str, text: String) -> Result<String, Wrong> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let ends = is_end(text.bytes().next()) && is_end(text.bytes().next_back());
    if text.len() <= LONGEST && text.bytes().all(plain) && ends {
        return Ok(text);
    }
    Err(Wrong::new(
        format!("{field}: {text:?} cannot be the name of an object"),
        "write lower-case letters, digits, - and ., with a letter or a digit at both ends",
    ))
}

/// A key in the data of a Secret or a ConfigMap.
pub(crate) fn key(field: &str, text: String) -> Result<String, Wrong> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if !text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain) {
        return Ok(text);
    }
    Err(Wrong::new(
        format!("{field}: {text:?} cannot be a key of a Secret or a ConfigMap"),
        "write letters, digits, -, _ and .",
    ))
}

/// The name of a header.
pub(crate) fn header(field: &str, text: String) -> Result<String, Wrong> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(text);
    }
    Err(Wrong::new(
        format!("{field}: {text:?} is no name of a header"),
        "write it without a colon and without spaces: Authorization",
    ))
}
