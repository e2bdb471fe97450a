//! JSON text as the API server writes it.
//!
//! It makes a difference for one thing: the server carries out the `test` operations of a JSON Patch by
//! comparing the text of scalars byte by byte (with its own, which Go's `encoding/json` wrote). A path match
//! `/a?b&c` or a float `1e21` would never equal itself if the patch wrote it in another valid way.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// The text of a value, with characters and numbers written as Go writes them.
pub fn to_text(value: &Value) -> String {
    let mut text = Vec::with_capacity(256);
    let written = value.serialize(&mut Serializer::with_formatter(&mut text, LikeGo));
    match (written, String::from_utf8(text)) {
        (Ok(()), Ok(text)) => text,
        // Writing a value to memory does not fail; this is the same JSON in another form.
        _ => value.to_string(),
    }
}

struct LikeGo;

impl Formatter for LikeGo {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        // Go escapes what could end a script element in a page, and the line ends of JavaScript.
        let mut rest = fragment;
        while let Some((at, special)) =
            rest.char_indices().find(|(_, c)| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'))
        {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            write!(writer, "\\u{:04x}", u32::from(special))?;
            rest = from.strip_prefix(special).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_f64<W>(&mut self, writer: &mut W, value: f64) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        // As in JavaScript: exponents only for very large and very small numbers, and then with a sign.
        let size = value.abs();
        if size == 0.0 || (1e-6..1e21).contains(&size) {
            write!(writer, "{value}")
        } else {
            let text = format!("{value:e}");
            match text.split_once('e') {
                Some((digits, power)) if !power.starts_with('-') => write!(writer, "{digits}e+{power}"),
                _ => writer.write_all(text.as_bytes()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_and_numbers_are_written_as_go_does() {
        // What encoding/json makes of the same values.
        for (value, expected) in [
            (json!("a&b<c>d"), r#""a\u0026b\u003cc\u003ed""#),
            (json!("\u{2028}x\u{2029}"), r#""\u2028x\u2029""#),
            (json!("tab\t quote\" back\\ ümlaut \u{1} /"), r#""tab\t quote\" back\\ ümlaut \u0001 /""#),
            (json!({"&": "<"}), r#"{"\u0026":"\u003c"}"#),
            (json!(1.0), "1"),
            (json!(-0.5), "-0.5"),
            (json!(1e20), "100000000000000000000"),
            (json!(1e21), "1e+21"),
            (json!(-1.5e300), "-1.5e+300"),
            (json!(0.000_001), "0.000001"),
            (json!(0.000_000_15), "1.5e-7"),
            (json!(0.1), "0.1"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!([null, true, {}, []]), "[null,true,{},[]]"),
        ] {
            assert_eq!(to_text(&value), expected);
        }
    }

    #[test]
    fn it_is_the_same_json() {
        let value = json!({"a&": ["<>", 1, -2.5, 3e40, null, {"\u{2028}": "\u{7f}é\n"}], "": false});
        assert_eq!(serde_json::from_str::<Value>(&to_text(&value)).ok(), Some(value));
    }
}
