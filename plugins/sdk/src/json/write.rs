//! Writing JSON texts piece by piece, for elements and objects that a plugin makes.

use crate::prelude::*;
use crate::text::push_decimal;

/// Appends a text as a JSON string.
///
/// ```
/// let mut json = String::new();
/// tidegate_router_sdk::json::push_text(&mut json, "a \"b\"");
/// assert_eq!(json, r#""a \"b\"""#);
/// ```
pub fn push_text(out: &mut String, text: &str) {
    out.push('"');
    if !text.contains(|c: char| c < ' ' || c == '"' || c == '\\') {
        out.push_str(text);
        out.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                const HEX: [char; 16] =
                    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
                let code = c as usize;
                out.push_str("\\u00");
                out.push(HEX.get(code >> 4).copied().unwrap_or('0'));
                out.push(HEX.get(code & 15).copied().unwrap_or('0'));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Appends a whole number.
pub fn push_number(out: &mut String, number: u64) {
    push_decimal(out, number);
}

/// Appends a member, whose value is JSON text, to an object that was begun with `{`.
///
/// ```
/// use tidegate_router_sdk::json::push_member;
/// let mut json = "{".to_owned();
/// push_member(&mut json, "name", r#""primary""#);
/// push_member(&mut json, "weight", "20");
/// json.push('}');
/// assert_eq!(json, r#"{"name":"primary","weight":20}"#);
/// ```
pub fn push_member(out: &mut String, key: &str, value: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    push_text(out, key);
    out.push(':');
    out.push_str(value);
}
