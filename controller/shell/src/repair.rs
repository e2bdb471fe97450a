//! Counting how often an object had to be repaired, so that two who each want it their way do not write
//! against each other for ever.

use std::collections::VecDeque;
use std::time::Duration;

/// The repairs of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repairs {
    times: VecDeque<Duration>,
    /// There were too many; from now on one at a time.
    is_contested: bool,
}

impl Repairs {
    /// `None` when the object may be repaired now, else when it may be.
    pub(crate) fn blocked_until(
        &mut self,
        now: Duration,
        limit: usize,
        window: Duration,
    ) -> Option<Duration> {
        let last = *self.times.back()?;
        if self.is_contested {
            return Some(last.saturating_add(window)).filter(|until| *until > now);
        }
        while self.times.front().is_some_and(|first| first.saturating_add(window) <= now) {
            self.times.pop_front();
        }
        if self.times.len() < limit {
            return None;
        }
        self.is_contested = true;
        Some(last.saturating_add(window))
    }

    /// It was repaired.
    pub(crate) fn count(&mut self, now: Duration) {
        self.times.push_back(now);
        while self.is_contested && self.times.len() > 1 {
            self.times.pop_front();
        }
    }

    /// It is as it should be: whoever has left it alone for a whole window no longer contests it.
    pub(crate) fn at_peace(&mut self, now: Duration, window: Duration) {
        if self.times.back().is_some_and(|last| last.saturating_add(window) <= now) {
            *self = Self::default();
        }
    }

    /// Whether nothing is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_mins(10);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn blocked(repairs: &mut Repairs, seconds: u64) -> Option<u64> {
        repairs.blocked_until(at(seconds), 3, WINDOW).map(|until| until.as_secs())
    }

    #[test]
    fn three_repairs_in_ten_minutes_and_then_one_every_ten() {
        let mut repairs = Repairs::default();
        for second in [0, 60, 120] {
            assert_eq!(blocked(&mut repairs, second), None);
            repairs.count(at(second));
        }
        assert_eq!(blocked(&mut repairs, 180), Some(720));
        assert_eq!(blocked(&mut repairs, 601), Some(720), "the first has aged out, but it is contested");
        assert_eq!(blocked(&mut repairs, 720), None);
        repairs.count(at(720));
        assert_eq!(blocked(&mut repairs, 730), Some(1320));
    }

    #[test]
    fn repairs_far_apart_are_no_quarrel() {
        let mut repairs = Repairs::default();
        for second in [0, 300, 600, 900, 1200] {
            assert_eq!(blocked(&mut repairs, second), None, "{second}");
            repairs.count(at(second));
        }
    }

    #[test]
    fn ten_quiet_minutes_end_a_quarrel() {
        let mut repairs = Repairs::default();
        for second in [0, 1, 2] {
            repairs.count(at(second));
        }
        assert_eq!(blocked(&mut repairs, 3), Some(602));
        repairs.at_peace(at(601), WINDOW);
        assert!(!repairs.is_empty());
        repairs.at_peace(at(602), WINDOW);
        assert!(repairs.is_empty());
        assert_eq!(blocked(&mut repairs, 603), None);
    }
}
