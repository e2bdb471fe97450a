//! Whether this process may write: asked before each write, not once at the start.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// What the lease allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leading {
    /// Somebody else leads, or nobody.
    No,
    /// The lease is held.
    Held {
        /// No new write from then on, unless the lease was renewed.
        write_until: Instant,
        /// From then on somebody else may lead: a write that has no answer by then is given up.
        expires: Instant,
    },
    /// There is no election.
    Always,
}

/// What the lease allows, as of now.
#[derive(Clone, Debug)]
pub(crate) struct Leadership(watch::Receiver<Leading>);

impl Leadership {
    pub(crate) fn new() -> (watch::Sender<Leading>, Self) {
        let (sender, receiver) = watch::channel(Leading::No);
        (sender, Self(receiver))
    }

    /// How long a write that starts now may take at most, within this limit; `None`: it may not start.
    pub(crate) fn write_within(&self, limit: Duration) -> Option<Duration> {
        let now = Instant::now();
        match *self.0.borrow() {
            Leading::No => None,
            Leading::Always => Some(limit),
            Leading::Held { write_until, expires } => {
                (now < write_until).then(|| limit.min(expires.saturating_duration_since(now)))
            }
        }
    }

    /// Whether a write may start now.
    pub(crate) fn may_write(&self) -> bool {
        self.write_within(Duration::MAX).is_some()
    }

    /// Waits until something changed. Pending for ever once nobody can change it any more.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_not_renewed_ends_writing_by_itself() {
        let (sender, leadership) = Leadership::new();
        let limit = Duration::from_secs(10);
        assert_eq!(leadership.write_within(limit), None);
        let now = Instant::now();
        sender.send_replace(Leading::Held {
            write_until: now + Duration::from_secs(10),
            expires: now + Duration::from_secs(15),
        });
        assert_eq!(leadership.write_within(limit), Some(limit));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(leadership.write_within(limit), Some(Duration::from_secs(6)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!leadership.may_write());
        sender.send_replace(Leading::Always);
        assert_eq!(leadership.write_within(limit), Some(limit));
    }
}
