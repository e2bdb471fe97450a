//! Times as Kubernetes writes them: RFC 3339, UTC, whole seconds.

use jiff::Timestamp;

/// A time as text.
pub(crate) fn text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time without its fraction of a second, as it is read back after being written.
pub(crate) fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
