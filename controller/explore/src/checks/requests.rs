//! Requests as such: who may send them, one write of an object at a time, and not too many.

use std::time::Duration;

use tidegate_api::{ObjectKey, Request};

use super::Checker;
use crate::process::describe;
use crate::scenario::Scenario;

/// So many requests per minute and Rollout are a storm. An update takes a few dozen in all; there may be several in a minute,
/// and two controllers at them.
const STORM: u64 = 600;

/// How many requests there were in the last minute or two.
#[derive(Debug)]
pub(super) struct Rate {
    most: u64,
    minute: u64,
    count: u64,
}

impl Rate {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let rollouts = u64::try_from(scenario.apps.len()).unwrap_or(1).max(1);
        // Measurements, two writes each, go on beside that.
        let each = if scenario.evidence.is_empty() { STORM } else { 2 * STORM };
        Self { most: each.saturating_mul(rollouts), minute: 0, count: 0 }
    }

    fn count(&mut self, now: Duration) -> bool {
        let minute = now.as_secs() / 60;
        if minute != self.minute {
            (self.minute, self.count) = (minute, 0);
        }
        self.count += 1;
        self.count > self.most
    }
}

impl Checker {
    /// A controller sends a request.
    pub(crate) fn sent(&mut self, now: Duration) {
        if self.rate.count(now) {
            self.violated(now, "no-storm", format!("more than {} requests in a minute", self.rate.most));
        }
    }

    /// One that does not lead sends one.
    pub(crate) fn sent_without_leading(&mut self, now: Duration, controller: usize, request: &Request) {
        let message = format!("controller {controller} does not lead, and sends {}", describe(request));
        self.violated(now, "only-the-leader-writes", message);
    }

    /// One sends a second write of an object before the first is answered.
    pub(crate) fn sent_twice(&mut self, now: Duration, controller: usize, request: &Request) {
        let message =
            format!("controller {controller} has a write of it under way, and sends {}", describe(request));
        self.violated(now, "one-write-at-a-time", message);
    }

    /// A pass ended in a panic.
    pub(crate) fn panicked(&mut self, now: Duration, rollout: &ObjectKey, message: &str) {
        self.violated(now, "no-panic", format!("{rollout}: {message}"));
    }
}
