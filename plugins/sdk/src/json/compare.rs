//! Whether two JSON texts say the same.

use super::{Reader, Result};

use crate::prelude::*;

/// How deep lists and objects are looked into. Deeper, texts that differ count as different.
const DEPTH: usize = 64;

/// Whether two JSON texts say the same: whatever the order of members, the white space and the escapes. `null` members
/// count as absent, as in Kubernetes. Numbers are the same when they are written the same way, as numbers from one API server are.
///
/// ```
/// use tidegate_router_sdk::json::same;
/// assert!(same(r#"{"a": 1, "b": ["\u0078"]}"#, r#"{"b":["x"],"a":1,"c":null}"#));
/// assert!(!same("[1, 2]", "[2, 1]"));
/// ```
pub fn same(a: &str, b: &str) -> bool {
    is_same(a.trim_ascii(), b.trim_ascii(), DEPTH)
}

fn is_same(a: &str, b: &str, depth: usize) -> bool {
    if a == b {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    match (a.as_bytes().first(), b.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => match (members(a), members(b)) {
            (Ok(a), Ok(b)) => {
                let is_in_b = |(key, value): &(String, &str)| {
                    b.iter().any(|(other, there)| other == key && is_same(value, there, depth))
                };
                a.len() == b.len() && a.iter().all(is_in_b)
            }
            _ => false,
        },
        (Some(b'['), Some(b'[')) => match (elements(a), elements(b)) {
            (Ok(a), Ok(b)) => {
                let mut pairs = a.iter().zip(&b);
                a.len() == b.len() && pairs.all(|(a, b)| is_same(a, b, depth))
            }
            _ => false,
        },
        (Some(b'"'), Some(b'"')) => {
            match (Reader::document(a, Reader::text), Reader::document(b, Reader::text)) {
                (Ok(a), Ok(b)) => a == b,
                _ => false,
            }
        }
        _ => false,
    }
}

/// The members of an object that are not `null`, with their JSON texts: for plugins that copy pieces of an object. Of
/// several with one key, the last one.
///
/// # Errors
/// When there is no object.
pub fn members(json: &str) -> Result<Vec<(String, &str)>> {
    let mut members: Vec<(String, &str)> = Vec::new();
    Reader::document(json, |reader| {
        reader.object(&mut |key, reader| {
            let value = reader.raw()?;
            members.retain(|(other, _)| *other != key);
            if value != "null" {
                members.push((key.to_owned(), value));
            }
            Ok(())
        })
    })?;
    Ok(members)
}

/// The JSON texts of a list's elements.
///
/// # Errors
/// When there is no list.
pub fn elements(json: &str) -> Result<Vec<&str>> {
    let mut elements = Vec::new();
    Reader::document(json, |reader| {
        reader.list(&mut |reader| {
            elements.push(reader.raw()?);
            Ok(())
        })
    })?;
    Ok(elements)
}
