//! When to try again: later after each failure in a row, and not in step with other processes.

use std::time::Duration;

use tidegate_artifact::LoadError;

use crate::settings::ManagerTiming;

/// A small generator (splitmix64): the same seed gives the same delays.
#[derive(Clone, Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Between three quarters of a delay and all of it.
    pub(crate) fn of(&mut self, delay: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let part = u32::try_from((bits ^ (bits >> 31)) % 256).unwrap_or_default();
        delay.saturating_sub(delay / 4 / 256 * part)
    }
}

/// Failures in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures(u32);

impl Failures {
    /// One more: how long to wait.
    pub(crate) fn failed(
        &mut self,
        error: &LoadError,
        timing: &ManagerTiming,
        jitter: &mut Jitter,
    ) -> Duration {
        let (first, last) = if error.is_transient() {
            (timing.transient_first, timing.transient_last)
        } else {
            (timing.lasting_first, timing.lasting_last)
        };
        let delay = first.saturating_mul(1_u32.checked_shl(self.0.min(16)).unwrap_or(u32::MAX)).min(last);
        self.0 = self.0.saturating_add(1);
        // What a server asks for counts, but not for ever.
        jitter.of(delay).max(error.retry_after.unwrap_or_default().min(Duration::from_hours(1)))
    }
}

/// The earlier of two times, where there is any.
pub(crate) fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use tidegate_artifact::{LoadReason, Stage};

    use super::*;

    #[test]
    fn delays_grow_to_their_limit() {
        let timing = ManagerTiming::default();
        let mut jitter = Jitter::new(7);
        for (reason, first, last) in [
            (LoadReason::Unreachable, timing.transient_first, timing.transient_last),
            (LoadReason::DigestMismatch, timing.lasting_first, timing.lasting_last),
        ] {
            let error = LoadError::new(Stage::Read, reason, "", "");
            let mut failures = Failures::default();
            let delays: Vec<_> = (0..40).map(|_| failures.failed(&error, &timing, &mut jitter)).collect();
            assert!(delays[0] <= first && delays[0] >= first * 3 / 4, "{delays:?}");
            assert!(delays[39] <= last && delays[39] >= last * 3 / 4, "{delays:?}");
        }
    }

    #[test]
    fn a_server_is_heard_but_not_for_ever() {
        let timing = ManagerTiming::default();
        let mut error = LoadError::new(Stage::Read, LoadReason::HttpStatus, "", "");
        error.retry_after = Some(Duration::from_secs(600));
        let wait = Failures::default().failed(&error, &timing, &mut Jitter::new(1));
        assert_eq!(wait, Duration::from_secs(600));
        error.retry_after = Some(Duration::MAX);
        let wait = Failures::default().failed(&error, &timing, &mut Jitter::new(1));
        assert_eq!(wait, Duration::from_hours(1));
    }
}
