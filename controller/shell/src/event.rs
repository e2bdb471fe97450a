//! What the shell is told.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_analysis::Outcome;
use tidegate_api::{ApiError, Resource};

use crate::job::RouteAnswer;
use crate::plugins::Plugins;

/// The time, in both senses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Calendar time: for what is written into objects and compared with what others wrote there.
    pub wall: Timestamp,
    /// Time since some fixed point in this process; never jumps. For delays and deadlines of our own.
    pub monotonic: Duration,
}

/// What is watched: a kind, in one namespace or in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchKey {
    /// API group, empty for the core group.
    pub group: Arc<str>,
    /// Kind; the driver finds out at which version it is served.
    pub kind: Arc<str>,
    /// Versions to prefer, best first; empty: the server's preferred one.
    pub versions: Vec<Arc<str>>,
    /// In this namespace; `None`: in all.
    pub namespace: Option<Arc<str>>,
    /// Only the object of this name; `None`: all.
    pub name: Option<Arc<str>>,
}

/// Names one request among those under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Why a kind cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unwatchable {
    /// The API server does not serve it (now).
    NotServed,
    /// We may not.
    Forbidden {
        /// The server's message.
        message: String,
    },
}

/// Something happened.
pub enum Event {
    /// Whether this process may write from now on.
    Leading(bool),
    /// The configured plugins; replaces what was said before. A Rollout that names another gets a condition.
    Plugins(Plugins),
    /// All objects of a watch: at its start, and again whenever it had to start anew.
    Listed {
        /// Of this watch.
        watch: WatchKey,
        /// The resource that is served for it.
        resource: Resource,
        /// All objects.
        objects: Vec<Value>,
    },
    /// A list begins, whose objects come as `Changed`, a few at a time, until `ListEnded`. Means the same as
    /// `Listed`, for drivers that read large lists page by page.
    ListBegan {
        /// Of this watch.
        watch: WatchKey,
        /// The resource that is served for it.
        resource: Resource,
    },
    /// The list is complete: what it did not name is gone.
    ListEnded {
        /// Of this watch.
        watch: WatchKey,
    },
    /// An object appeared or changed.
    Changed {
        /// Of this watch.
        watch: WatchKey,
        /// Its state now.
        object: Value,
    },
    /// An object is gone.
    Removed {
        /// Of this watch.
        watch: WatchKey,
        /// Its last state.
        object: Value,
    },
    /// A watch cannot be (or can no longer be) had; the driver keeps trying at a slow pace.
    Unwatchable {
        /// This watch.
        watch: WatchKey,
        /// Why.
        why: Unwatchable,
    },
    /// A request was answered.
    Answered {
        /// This one.
        id: RequestId,
        /// The object as it is now, or why not.
        result: Result<Value, ApiError>,
    },
    /// A router was asked.
    Routed {
        /// The request.
        id: RequestId,
        /// The answer.
        answer: RouteAnswer,
    },
    /// A measurement was taken, or not.
    Measured {
        /// The request.
        id: RequestId,
        /// What came of it.
        outcome: Outcome,
    },
    /// Time has passed.
    Woken,
}
