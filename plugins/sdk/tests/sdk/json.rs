//! The JSON reader reads what `serde_json` reads.

use proptest::prelude::*;
use serde_json::{Map, Value};
use tidegate_router_sdk::json::{Reader, Result, push_text, same};

use crate::helpers::json_value;

/// Reads a whole value by all of the reader's functions, each of which refuses what is of another kind.
fn read(reader: &mut Reader<'_>) -> Result<Value> {
    let raw = reader.raw()?;
    let of = |raw| -> Result<Value> {
        if let Ok(flag) = Reader::document(raw, Reader::flag) {
            return Ok(flag.map_or(Value::Null, Value::from));
        }
        if let Ok(text) = Reader::document(raw, Reader::text) {
            return Ok(text.map_or(Value::Null, |text| Value::from(text.as_str())));
        }
        if let Ok(number) = Reader::document(raw, Reader::integer::<i64>) {
            return Ok(number.map_or(Value::Null, Value::from));
        }
        let mut list = Vec::new();
        let is_list = Reader::document(raw, |reader| {
            reader.list(&mut |reader| {
                list.push(read(reader)?);
                Ok(())
            })
        });
        if is_list.is_ok() {
            return Ok(Value::from(list));
        }
        let mut members = Map::new();
        Reader::document(raw, |reader| {
            reader.object(&mut |key, reader| {
                members.insert(key.to_owned(), read(reader)?);
                Ok(())
            })
        })?;
        Ok(Value::from(members))
    };
    of(raw)
}

#[test]
fn what_is_not_as_expected_has_a_place() {
    let weights = |text: &str| {
        let mut weights = Vec::new();
        Reader::document(text, |reader| {
            reader.object(&mut |key, reader| match key {
                "list" => reader.list(&mut |reader| {
                    weights.push(reader.integer::<u32>()?);
                    Ok(())
                }),
                _ => reader.skip(),
            })
        })
        .map(|()| weights)
        .map_err(|error| error.pointer().to_string())
    };
    for (text, expected) in [
        (r#" { "a/b" : [1, {"c": "}]"}] , "list" : [ 1 , null,2 ] } "#, Ok(vec![Some(1), None, Some(2)])),
        (r#"{"list": [], "list": [3]}"#, Ok(vec![Some(3)])),
        ("null", Ok(vec![])),
        ("{}", Ok(vec![])),
        (r#"{"list": [1, -1]}"#, Err("/list/1")),
        (r#"{"list": [4294967296]}"#, Err("/list/0")),
        (r#"{"list": [1.5]}"#, Err("/list/0")),
        (r#"{"list": [1e3]}"#, Err("/list/0")),
        (r#"{"list": ["1"]}"#, Err("/list/0")),
        (r#"{"list": {}}"#, Err("/list")),
        (r#"{"a~/": ]}"#, Err("/a~0~1")),
        (r#"{"list": [1 2]}"#, Err("/list")),
        (r#"{"list": [1,]}"#, Err("/list/1")),
        (r#"{"list": [,1]}"#, Err("/list/0")),
        (r#"{"list": [1]"#, Err("")),
        (r#"{"list" [1]}"#, Err("")),
        (r"{list: [1]}", Err("")),
        ("{} {}", Err("")),
        ("[]", Err("")),
        ("", Err("")),
    ] {
        assert_eq!(weights(text), expected.map_err(str::to_owned), "{text}");
    }
}

#[test]
fn escapes_are_decoded() {
    let text = |json: &str| Reader::document(json, Reader::text).map(|text| text.map(String::from)).ok();
    assert_eq!(
        text(r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 é""#),
        Some(Some("a\"\\/\u{8}\u{c}\n\r\té😀 é".to_owned()))
    );
    for wrong in [r#""\x""#, r#""\ud83d""#, r#""a"#, "\"\n\"", r#""a\"#, r#""\u12"#] {
        assert_eq!(text(wrong), None, "{wrong}");
    }
}

#[test]
fn deep_nesting_is_skipped_without_a_deep_stack() {
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(Reader::document(&deep, Reader::skip), Ok(()));
    assert!(Reader::document(&deep[1..], Reader::skip).is_err());
    assert!(Reader::document(&deep[..1_000_000], Reader::skip).is_err());
}

#[test]
fn what_says_the_same_is_the_same() {
    for (a, b, expected) in [
        (r#"{"a":1,"b":2}"#, r#" { "b" : 2 , "a" : 1 } "#, true),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#, true),
        (r#"{"a":null}"#, "{}", true),
        ("[null]", "[]", false),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
        (r#"{"a":[{"b":"\u00e9"}]}"#, r#"{"a":[{"b":"é"}]}"#, true),
        ("1", "2", false),
        ("1", r#""1""#, false),
        ("[1]", "{}", false),
        ("true", "true ", true),
        ("{", "{x", false),
    ] {
        assert_eq!(same(a, b), expected, "{a} {b}");
        assert_eq!(same(b, a), expected, "{b} {a}");
    }
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(same(&deep("1"), &deep("1")));
    assert!(!same(&deep("1"), &deep(" 1")), "too deep to look");
}

#[test]
fn texts_are_written_as_they_are_read() {
    for text in ["", "plain", "a \"b\" \\ \u{1}\n\u{1f} é😀"] {
        let mut json = String::new();
        push_text(&mut json, text);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}

proptest! {
    #[test]
    fn equal_values_are_the_same_however_they_are_written(a in json_value(), b in json_value()) {
        prop_assert!(same(&a.to_string(), &serde_json::to_string_pretty(&a).unwrap()));
        if same(&a.to_string(), &b.to_string()) {
            prop_assert_eq!(without_nulls(a), without_nulls(b));
        }
    }

    #[test]
    fn it_reads_what_serde_reads(value in json_value()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert_eq!(Reader::document(&text, read).unwrap(), value.clone());
            prop_assert_eq!(Reader::document(&text, Reader::raw).unwrap(), text.as_str());
        }
    }

    /// A text that is cut off is refused, unless it is a number.
    #[test]
    fn what_does_not_end_is_refused(value in json_value(), at in any::<prop::sample::Index>()) {
        let text = value.to_string();
        let cut: String = text.chars().take(at.index(text.chars().count())).collect();
        prop_assert!(value.is_number() || Reader::document(&cut, read).is_err(), "{}", cut);
    }

    #[test]
    fn no_text_makes_it_panic(text in r#"[\[\]{}:,"\\ntfu0-9.eé \n]{0,24}"#) {
        let _ = Reader::document(&text, read);
        let _ = Reader::document(&text, Reader::skip);
        let _ = Reader::document(&text, |reader| reader.list(&mut |reader| reader.text().map(|_| ())));
    }
}

/// The value without members that are `null`, in the order of keys.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            let members: std::collections::BTreeMap<_, _> =
                members.map(|(key, value)| (key, without_nulls(value))).collect();
            members.into_iter().collect()
        }
        Value::Array(elements) => elements.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
