//! How long to wait before another try.

use std::time::Duration;

/// The first wait, and the longest: those of client-go's reflectors.
const FIRST: Duration = Duration::from_millis(800);
const LONGEST: Duration = Duration::from_secs(30);

/// Doubles with each failure in a row. Waits are spread at random between half and all of it, so that many
/// watches that failed together do not come back together.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        spread(whole)
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A random time between half of this and all of it.
pub(crate) fn spread(whole: Duration) -> Duration {
    whole.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_start_anew_after_a_success() {
        let mut backoff = Backoff::default();
        for failure in 0..200 {
            let wait = backoff.next();
            let whole = FIRST.saturating_mul(1 << failure.min(16)).min(LONGEST);
            assert!(wait <= whole && wait >= whole / 2, "failure {failure}: {wait:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
