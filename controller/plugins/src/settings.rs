//! What a manager is made with.

use std::time::Duration;

use crate::wanted::Wanted;

/// How a manager is set up.
#[derive(Clone, Debug)]
pub struct ManagerSettings {
    /// The controller's own namespace: Argo's ConfigMap is there, and the last good bytes.
    pub namespace: String,
    /// What flags say, and what there is without them.
    pub flags: Vec<Wanted>,
    /// Where the jitter of retries begins, so that replicas do not try in step.
    pub seed: u64,
    /// Delays and limits.
    pub timing: ManagerTiming,
}

/// Delays and limits, in monotonic time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagerTiming {
    /// So many plugins are loaded at the same time: most of it is waiting for servers, and compiling waits for its turn.
    pub parallel: usize,
    /// How long a start waits for the first try of plugins that it can do without.
    pub first_tries: Duration,
    /// Delay before the second try of what may pass by itself; doubles with each failure in a row.
    pub transient_first: Duration,
    /// The longest such delay.
    pub transient_last: Duration,
    /// Delay before the second try of what somebody has to put right.
    pub lasting_first: Duration,
    /// The longest such delay.
    pub lasting_last: Duration,
    /// How often it is asked again what the API server allows while that is not enough.
    pub review: Duration,
    /// How long bytes are kept in memory for a leader that is yet to be elected.
    pub bytes: Duration,
    /// How long a new leader waits before it removes stored bytes: Rollouts that need them may not be known yet.
    pub discard: Duration,
    /// Delay before storing is tried again.
    pub store_again: Duration,
}

impl ManagerSettings {
    /// With the usual delays.
    pub fn new(namespace: impl Into<String>, flags: Vec<Wanted>, seed: u64) -> Self {
        Self { namespace: namespace.into(), flags, seed, timing: ManagerTiming::default() }
    }
}

impl Default for ManagerTiming {
    fn default() -> Self {
        Self {
            parallel: 8,
            first_tries: Duration::from_secs(10),
            transient_first: Duration::from_secs(5),
            transient_last: Duration::from_mins(5),
            lasting_first: Duration::from_mins(1),
            lasting_last: Duration::from_mins(15),
            review: Duration::from_mins(5),
            bytes: Duration::from_mins(1),
            discard: Duration::from_mins(10),
            store_again: Duration::from_mins(5),
        }
    }
}
