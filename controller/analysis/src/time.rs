//! Times as Kubernetes writes them: RFC 3339, UTC, whole seconds.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub(crate) fn text(at: Timestamp) -> String {
    if at < Timestamp::UNIX_EPOCH {
        // Years before the first have more digits.
        return whole(at).to_string();
    }
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Without the fraction of a second, as it is read back after being written.
pub(crate) fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

pub(crate) fn read(value: Option<&Value>) -> Option<Timestamp> {
    value?.as_str()?.parse().ok()
}

pub(crate) fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
