//! Which Rollouts are to be looked at, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::name::Name;
use crate::settings::Timing;

/// Rollouts by the time at which they are due; those due at the same time in the order in which they became so.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    due: BTreeMap<Name, (Duration, u64)>,
    order: BTreeMap<(Duration, u64), Name>,
    ticket: u64,
}

impl Queue {
    /// At this time, or earlier if it is due earlier.
    pub(crate) fn at_latest(&mut self, name: &Name, at: Duration) {
        if self.due.get(name).is_none_or(|(due, _)| *due > at) {
            self.put(name, at);
        }
    }

    /// At this time, whatever was said before.
    pub(crate) fn put(&mut self, name: &Name, at: Duration) {
        self.remove(name);
        self.ticket = self.ticket.wrapping_add(1);
        self.due.insert(name.clone(), (at, self.ticket));
        self.order.insert((at, self.ticket), name.clone());
    }

    /// Not any more.
    pub(crate) fn remove(&mut self, name: &Name) {
        if let Some(place) = self.due.remove(name) {
            self.order.remove(&place);
        }
    }

    /// Takes the Rollout that has been due for longest.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<Name> {
        let first = self.order.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let name = first.remove();
        self.due.remove(&name);
        Some(name)
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.order.first_key_value().map(|((at, _), _)| *at)
    }
}

/// Delays between tries of what fails: doubled each time, without jitter, because one process looks at each
/// Rollout by itself and the same events must give the same effects.
pub(crate) fn delay(failures: u32, timing: &Timing) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    timing.backoff_first.saturating_mul(1 << doublings).min(timing.backoff_last)
}

/// How a Rollout's passes go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// In a row.
    pub(crate) failures: u32,
    /// Not before.
    pub(crate) until: Option<Duration>,
}

/// So many times in a row it is no failure that somebody was faster.
const RACES: u32 = 3;

impl Backoff {
    /// A pass failed; the server may have said how long to wait.
    pub(crate) fn failed(&mut self, now: Duration, at_least: Option<u32>, timing: &Timing) {
        self.failures = self.failures.saturating_add(1);
        let at_least = Duration::from_secs(at_least.unwrap_or_default().into());
        self.until = Some(now.saturating_add(delay(self.failures, timing).max(at_least)));
    }

    /// Somebody was faster: at once again, as long as that does not happen all the time.
    pub(crate) fn lost_race(&mut self, now: Duration, timing: &Timing) {
        self.failures = self.failures.saturating_add(1);
        let beyond = self.failures.saturating_sub(RACES);
        self.until = (beyond > 0).then(|| now.saturating_add(delay(beyond, timing)));
    }

    /// Something changed, so waiting makes no sense any more.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Whether it is too early for another try.
    pub(crate) fn is_waiting(&self, now: Duration) -> Option<Duration> {
        self.until.filter(|until| *until > now)
    }
}

/// How many writes a Rollout may make: many at once, but not all the time.
///
/// Nothing that is right ever comes near it. It is there for what is wrong: a webhook that undoes a change while
/// it is written, a field that the server does not keep, a decision that never settles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    left: u32,
    /// When it last grew.
    since: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: Self::MOST, since: Duration::ZERO }
    }
}

impl Budget {
    /// A canary of dozens of steps without pauses passes.
    const MOST: u32 = 100;
    /// Time in which one more write becomes possible.
    const GROWTH: Duration = Duration::from_secs(1);

    /// A write is made.
    pub(crate) const fn spend(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// `None` when there is something left, else when there will be.
    pub(crate) fn empty_until(&mut self, now: Duration) -> Option<Duration> {
        let grown = now.saturating_sub(self.since).as_secs();
        if grown > 0 {
            self.left = self.left.saturating_add(u32::try_from(grown).unwrap_or(u32::MAX)).min(Self::MOST);
            self.since = now;
        }
        (self.left == 0).then(|| self.since.saturating_add(Self::GROWTH))
    }
}

/// Rollouts that wait for an object on which another one's write is under way.
#[derive(Debug, Default)]
pub(crate) struct Blocked<K: Ord> {
    waiting: BTreeMap<K, BTreeSet<Name>>,
}

impl<K: Ord> Blocked<K> {
    pub(crate) const fn new() -> Self {
        Self { waiting: BTreeMap::new() }
    }

    pub(crate) fn wait(&mut self, key: K, rollout: &Name) {
        self.waiting.entry(key).or_default().insert(rollout.clone());
    }

    pub(crate) fn release(&mut self, key: &K) -> BTreeSet<Name> {
        self.waiting.remove(key).unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_one_that_is_due_for_longest_comes_first() {
        let mut queue = Queue::default();
        let (a, b, c) = (Name::new("x", "a"), Name::new("x", "b"), Name::new("x", "c"));
        queue.put(&b, at(5));
        queue.put(&a, at(5));
        queue.put(&c, at(9));
        queue.at_latest(&c, at(12));
        assert_eq!(queue.next(), Some(at(5)));
        assert_eq!(queue.pop(at(4)), None);
        assert_eq!(queue.pop(at(5)), Some(b.clone()));
        assert_eq!(queue.pop(at(5)), Some(a));
        assert_eq!(queue.pop(at(8)), None);
        queue.at_latest(&c, at(7));
        assert_eq!(queue.pop(at(8)), Some(c));
        queue.put(&b, at(1));
        queue.remove(&b);
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn failures_double_the_delay_up_to_a_minute() {
        let timing = Timing::default();
        let mut backoff = Backoff::default();
        let mut delays = Vec::new();
        for _ in 0..8 {
            backoff.failed(at(0), None, &timing);
            delays.push(backoff.until.unwrap().as_secs());
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.failed(at(0), Some(90), &timing);
        assert_eq!(backoff.until, Some(at(90)), "the server asked for more");
        backoff.reset();
        assert_eq!(backoff.is_waiting(at(0)), None);
    }

    #[test]
    fn a_budget_is_spent_and_grows_back() {
        let mut budget = Budget::default();
        assert_eq!(budget.empty_until(at(5)), None);
        (0..Budget::MOST).for_each(|_| budget.spend());
        assert_eq!(budget.empty_until(at(5)), Some(at(6)));
        assert_eq!(budget.empty_until(at(6)), None);
        budget.spend();
        assert_eq!(budget.empty_until(at(6)), Some(at(7)));
        assert_eq!(budget.empty_until(at(1000)), None);
        (0..Budget::MOST).for_each(|_| budget.spend());
        assert!(budget.empty_until(at(1000)).is_some(), "it does not grow beyond its size");
    }

    #[test]
    fn lost_races_are_run_again_at_once_but_not_for_ever() {
        let timing = Timing::default();
        let mut backoff = Backoff::default();
        let waits: Vec<Option<Duration>> = (0..5)
            .map(|_| {
                backoff.lost_race(at(0), &timing);
                backoff.is_waiting(at(0))
            })
            .collect();
        assert_eq!(waits, [None, None, None, Some(at(1)), Some(at(2))]);
    }
}
