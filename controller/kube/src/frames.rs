//! The bytes of a watch: one JSON document per line, cut anywhere by the transport. Pure.

use serde_json::Value;
use tidegate_api::{ApiError, WatchEvent};

use crate::list::is_object;

/// The longest line that is kept. An object is 1.5 MiB in etcd at most, and JSON is seldom twice as long.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// Puts lines together.
#[derive(Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
}

/// A line that does not end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineTooLong;

impl Lines {
    /// Adds bytes; answers the lines that are now complete, without empty ones.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, LineTooLong> {
        let mut complete = Vec::new();
        let mut parts = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            self.rest.extend_from_slice(part);
            if self.rest.len() > MAX_LINE_BYTES {
                return Err(LineTooLong);
            }
            let ended = parts.peek().is_some();
            if ended && !self.rest.iter().all(u8::is_ascii_whitespace) {
                complete.push(std::mem::take(&mut self.rest));
            } else if ended {
                self.rest.clear();
            }
        }
        Ok(complete)
    }
}

/// What one line says; as an error why it says nothing that can be used.
pub(crate) fn decode(line: &[u8]) -> Result<WatchEvent, String> {
    let mut event: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let object = event.get_mut("object").map(Value::take).unwrap_or_default();
    let type_ = event.get("type").and_then(Value::as_str).unwrap_or_default();
    let usable = object.as_object().is_some_and(is_object);
    match type_ {
        "ADDED" | "MODIFIED" if usable => Ok(WatchEvent::Applied(object)),
        "DELETED" if usable => Ok(WatchEvent::Deleted(object)),
        "ADDED" | "MODIFIED" | "DELETED" => Err(format!("{type_} without metadata.name or resourceVersion")),
        "BOOKMARK" => {
            let version = tidegate_api::object::resource_version(&object);
            if version.is_empty() {
                return Err("a bookmark without resourceVersion".into());
            }
            Ok(WatchEvent::Bookmark(version.to_owned()))
        }
        "ERROR" => Ok(WatchEvent::Failed(status(&object))),
        // A server that refuses may send its Status bare.
        "" if event.get("kind").and_then(Value::as_str) == Some("Status") => {
            Ok(WatchEvent::Failed(status(&event)))
        }
        other => Err(format!("an event of unknown type {other:?}")),
    }
}

fn status(object: &Value) -> ApiError {
    let code = object.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    ApiError::from_body(code.unwrap_or(500), &object.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_come_together_however_they_are_cut() {
        let text = b"{\"a\":1}\n\n{\"b\":2}\r\n{\"c\"";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut complete = Vec::new();
            for part in text.chunks(size) {
                complete.extend(lines.push(part).unwrap());
            }
            let values: Vec<Value> =
                complete.iter().map(|line| serde_json::from_slice(line).unwrap()).collect();
            assert_eq!(values, [json!({"a": 1}), json!({"b": 2})], "pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut lines = Lines::default();
        let piece = vec![b'x'; MAX_LINE_BYTES / 2];
        assert!(lines.push(&piece).is_ok());
        assert!(lines.push(&piece).is_ok());
        assert_eq!(lines.push(&piece), Err(LineTooLong));
    }

    #[test]
    fn events_are_told_apart() {
        let object =
            json!({ "metadata": { "name": "a", "resourceVersion": "5" }, "unknown": { "kept": true } });
        let decoded = |event: Value| decode(event.to_string().as_bytes());
        let event = |type_: &str| decoded(json!({ "type": type_, "object": object }));
        assert_eq!(event("ADDED"), Ok(WatchEvent::Applied(object.clone())));
        assert_eq!(event("MODIFIED"), Ok(WatchEvent::Applied(object.clone())));
        assert_eq!(event("DELETED"), Ok(WatchEvent::Deleted(object.clone())));
        assert_eq!(event("BOOKMARK"), Ok(WatchEvent::Bookmark("5".into())));
        assert!(event("SOMETHING").is_err());
        assert!(decoded(json!({ "type": "ADDED", "object": { "metadata": {} } })).is_err());
        assert!(decode(b"{").is_err());
        let gone = json!({ "kind": "Status", "code": 410, "reason": "Expired", "message": "too old" });
        for event in [json!({ "type": "ERROR", "object": gone }), gone.clone()] {
            let Ok(WatchEvent::Failed(error)) = decoded(event) else { panic!() };
            assert!(error.is_expired());
        }
    }
}
