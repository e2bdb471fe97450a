//! What time it is, for people and for what is written: the machine's, or that of a simulation.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Tells the time.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Simulated>);

#[derive(Clone, Debug)]
struct Simulated {
    begun: Instant,
    at: Timestamp,
    /// How far it is ahead, in seconds.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// That of the machine.
    pub fn system() -> Self {
        Self(None)
    }

    /// One that shows this time now, and goes as the runtime's time does, which may be paused.
    pub fn simulated(at: Timestamp) -> Self {
        Self(Some(Simulated { begun: Instant::now(), at, ahead: Arc::default() }))
    }

    /// It is set forward, or back, for all who have it; that of the machine is not.
    pub fn jump(&self, seconds: i64) {
        if let Some(simulated) = &self.0 {
            simulated.ahead.fetch_add(seconds, Ordering::Relaxed);
        }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        let Some(Simulated { begun, at, ahead }) = &self.0 else { return Timestamp::now() };
        let passed = SignedDuration::try_from(begun.elapsed()).unwrap_or(SignedDuration::MAX);
        let ahead = SignedDuration::from_secs(ahead.load(Ordering::Relaxed));
        at.checked_add(passed.saturating_add(ahead)).unwrap_or(Timestamp::MAX)
    }
}
