//! What was true when. A controller acts on what it has seen, which may be a while ago; so what it writes must have been right at
//! some moment since then.

use std::sync::Arc;
use std::time::Duration;

use crate::facts::Facts;

/// All that was true of one Rollout.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: Vec<(Duration, Arc<Facts>)>,
}

/// A part of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'a> {
    entries: &'a [(Duration, Arc<Facts>)],
}

impl History {
    pub(crate) fn add(&mut self, now: Duration, facts: Facts) {
        self.entries.push((now, Arc::new(facts)));
    }

    /// What is true now.
    pub(crate) fn last(&self) -> Option<&Arc<Facts>> {
        self.entries.last().map(|(_, facts)| facts)
    }

    /// What was true at some moment since then.
    pub(crate) fn since(&self, then: Duration) -> Window<'_> {
        let after = self.entries.partition_point(|(at, _)| *at < then);
        Window { entries: self.entries.get(after.saturating_sub(1)..).unwrap_or_default() }
    }
}

impl<'a> Window<'a> {
    /// Whether something was so at some moment.
    pub(crate) fn any(self, test: impl Fn(&Facts) -> bool) -> bool {
        self.entries.iter().any(|(_, facts)| test(facts))
    }

    /// Everything, oldest first.
    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = (Duration, &'a Facts)> {
        self.entries.iter().map(|(at, facts)| (*at, facts.as_ref()))
    }
}
