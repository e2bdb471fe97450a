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

impl Leading {
    fn write_within(self, limit: Duration, now: Instant) -> Option<Duration> {
        match self {
            Self::No => None,
            Self::Always => Some(limit),
            Self::Held { write_until, expires } => {
                (now < write_until).then(|| limit.min(expires.saturating_duration_since(now)))
            }
        }
    }
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
        self.0.borrow().write_within(limit, Instant::now())
    }

    /// Whether a write may start now.
    pub(crate) fn may_write(&self) -> bool {
        self.write_within(Duration::MAX).is_some()
    }

    /// Waits until something changed. Pending for ever once nobody can change it any more.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_is_not_renewed_ends_writing_by_itself() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let limit = Duration::from_secs(10);
        let held = Leading::Held { write_until: after(10), expires: after(15) };
        assert_eq!(held.write_within(limit, begun), Some(limit));
        assert_eq!(held.write_within(limit, after(9)), Some(Duration::from_secs(6)));
        assert_eq!(held.write_within(limit, after(10)), None);
        assert_eq!(held.write_within(limit, after(20)), None);
        assert_eq!(Leading::No.write_within(limit, begun), None);
        assert_eq!(Leading::Always.write_within(limit, after(100)), Some(limit));
    }

    #[tokio::test]
    async fn what_the_lease_says_last_counts() {
        let (sender, mut leadership) = Leadership::new();
        assert!(!leadership.may_write(), "nobody has said anything");
        sender.send_replace(Leading::Always);
        leadership.changed().await;
        assert!(leadership.may_write());
        sender.send_replace(Leading::No);
        assert!(!leadership.may_write());
    }
}
