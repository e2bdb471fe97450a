//! What an elector is told, and what it wants done.

use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ApiError, Request};

/// Names one request of an elector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something happened.
#[derive(Clone, Debug)]
pub enum LeaseEvent {
    /// The process starts, or the time of a `WakeAt` has come. Harmless at any other time.
    Woken,
    /// A request was answered. An error with code 0 says that nobody knows whether it was carried out.
    Answered {
        /// This one.
        id: RequestId,
        /// The Lease as it is now, or why not.
        result: Result<Value, ApiError>,
    },
    /// The process ends: stop to lead and give the Lease back. All that writes under it must have ended.
    Release,
}

/// Something should be done.
#[derive(Clone, Debug, PartialEq)]
pub enum LeaseEffect {
    /// Send a request, without retrying; answered by `Answered`.
    Send {
        /// Repeated in the answer.
        id: RequestId,
        /// The request.
        request: Request,
        /// How long to wait for an answer.
        timeout: Duration,
    },
    /// The term has begun, is longer than it was, or (`None`) has ended.
    Leading(Option<Term>),
    /// Send `Woken` at this monotonic time. Replaces any earlier one.
    WakeAt(Duration),
    /// A request failed in a way that somebody may have to mend; the next try comes by itself.
    Failed(ApiError),
    /// After `Release`: nothing is left to do.
    Released,
}

/// How long this process leads unless it renews its lease; monotonic times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// No new write from then on.
    pub write_until: Duration,
    /// From then on somebody else may lead: a write without an answer is to be given up before.
    pub expires: Duration,
}
