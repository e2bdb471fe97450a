//! Edits of JSON, chosen by bytes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use serde_json::{Map, Value, json};

use crate::worlds::WORLDS;

/// The most edits of one input.
const MOST_EDITS: usize = 12;
/// The most levels of a value that is put somewhere.
const DEPTH: usize = 4;

/// All field names and texts of the worlds.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut words = BTreeSet::new();
    for world in WORLDS.iter() {
        collect(world, &mut words);
    }
    for odd in [
        "",
        "-3s",
        "100%",
        "101%",
        "9999-12-31T23:59:59Z",
        "-009999-01-01T00:00:00Z",
        "9223372036854775808",
        "{{args.x}}",
        "{{experiment.availableAt}}",
        "Unknown",
        "é\u{0}",
    ] {
        words.insert(odd.to_owned());
    }
    words.into_iter().collect()
});

fn collect(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                words.insert(name.clone());
                collect(value, words);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| collect(value, words)),
        Value::String(text) => {
            words.insert(text.clone());
        }
        _ => {}
    }
}

/// The value with some edits.
pub fn disturbed(base: &Value, input: &mut Unstructured<'_>) -> Value {
    let mut value = base.clone();
    for _ in 0..MOST_EDITS {
        if input.is_empty() || edit(&mut value, input).is_err() {
            break;
        }
    }
    value
}

fn edit(value: &mut Value, input: &mut Unstructured<'_>) -> Result<()> {
    let mut places = Vec::new();
    collect_places(value, String::new(), &mut places);
    let place = input.choose(&places)?.clone();
    match input.int_in_range(0..=5_u8)? {
        0 => {
            let copied = value.pointer(input.choose(&places)?).cloned().unwrap_or_default();
            put(value, &place, copied);
        }
        1 => remove(value, &place),
        2 => {
            let name = input.choose(&WORDS)?.clone();
            let added = anything(input, DEPTH)?;
            match value.pointer_mut(&place) {
                Some(Value::Object(fields)) => {
                    fields.insert(name, added);
                }
                Some(Value::Array(elements)) => elements.push(added),
                _ => put(value, &place, added),
            }
        }
        _ => {
            let other = anything(input, DEPTH)?;
            put(value, &place, other);
        }
    }
    Ok(())
}

/// All places in a value, as JSON pointers.
fn collect_places(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                collect_places(value, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                collect_places(value, format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
    places.push(at);
}

fn put(value: &mut Value, place: &str, other: Value) {
    if let Some(there) = value.pointer_mut(place) {
        *there = other;
    }
}

fn remove(value: &mut Value, place: &str) {
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.shift_remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(elements)) => {
            if let Some(index) = name.parse().ok().filter(|index| *index < elements.len()) {
                elements.remove(index);
            }
        }
        _ => {}
    }
}

fn anything(input: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    const NUMBERS: [i64; 12] =
        [0, 1, -1, 2, 99, 100, 101, 1_000_001, i32::MAX as i64, i32::MAX as i64 + 1, i64::MAX, i64::MIN];
    let kinds = if depth == 0 { 7 } else { 9 };
    Ok(match input.int_in_range(0..=kinds)? {
        0 => Value::Null,
        1 => Value::Bool(input.arbitrary()?),
        2 | 3 => Value::from(*input.choose(&NUMBERS)?),
        4 => Value::from(input.arbitrary::<i64>()?),
        5 => match input.arbitrary::<f64>()? {
            number if number.is_finite() => json!(number),
            _ => json!(u64::MAX),
        },
        6 => Value::from(input.choose(&WORDS)?.clone()),
        7 => Value::from(input.arbitrary::<&str>()?),
        8 => {
            let length = input.int_in_range(0..=3_usize)?;
            let elements: Result<Vec<_>> = (0..length).map(|_| anything(input, depth - 1)).collect();
            Value::from(elements?)
        }
        _ => {
            let mut fields = Map::new();
            for _ in 0..input.int_in_range(0..=4_usize)? {
                fields.insert(input.choose(&WORDS)?.clone(), anything(input, depth - 1)?);
            }
            Value::Object(fields)
        }
    })
}

/// A time: mostly around that of the worlds, sometimes at the end of what there is.
pub fn moment(input: &mut Unstructured<'_>) -> Timestamp {
    // 2026-01-31T12:00:00Z.
    const NOON: i64 = 1_769_860_800;
    let second = match input.int_in_range(0..=7_u8).unwrap_or_default() {
        0 => return Timestamp::MIN,
        1 => return Timestamp::MAX,
        2 => input.int_in_range(0..=4_000_000_000_i64).unwrap_or(NOON),
        _ => NOON + input.int_in_range(-100..=100_000_i64).unwrap_or_default(),
    };
    Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
}
