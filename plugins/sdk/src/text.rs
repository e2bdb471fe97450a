//! Making texts without `format!`, whose machinery costs a guest more code than all of this crate.

use crate::prelude::*;

/// Puts texts together.
///
/// ```
/// let (kind, name) = ("HTTPRoute", "cart");
/// assert_eq!(tidegate_router_sdk::concat(&[kind, " `", name, "` does not exist"]), "HTTPRoute `cart` does not exist");
/// ```
// One copy of it for all callers: that is what it is for.
#[inline(never)]
pub fn concat(parts: &[&str]) -> String {
    parts.concat()
}

/// A number in decimal.
///
/// ```
/// assert_eq!(tidegate_router_sdk::decimal(-20), "-20");
/// ```
pub fn decimal(number: i64) -> String {
    let mut text = String::new();
    if number < 0 {
        text.push('-');
    }
    push_decimal(&mut text, number.unsigned_abs());
    text
}

/// Appends a number in decimal.
pub(crate) fn push_decimal(text: &mut String, number: u64) {
    if number >= 10 {
        push_decimal(text, number / 10);
    }
    let digit = u8::try_from(number % 10).unwrap_or_default();
    text.push(char::from(b'0' + digit));
}
