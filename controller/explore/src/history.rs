//! What was true when. A controller acts on what it has seen, which may be a while ago; so what it writes must have been right at
//! some moment since then.

use std::sync::Arc;
use std::time::Duration;

/// All that was true of something.
#[derive(Debug)]
pub(crate) struct History<T> {
    entries: Vec<(Duration, Arc<T>)>,
}

/// A part of it.
#[derive(Debug)]
pub(crate) struct Window<'a, T> {
    entries: &'a [(Duration, Arc<T>)],
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<T> Clone for Window<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Window<'_, T> {}

impl<T> History<T> {
    pub(crate) fn add(&mut self, now: Duration, truth: Arc<T>) {
        self.entries.push((now, truth));
    }

    /// What is true now.
    pub(crate) fn last(&self) -> Option<&Arc<T>> {
        self.entries.last().map(|(_, truth)| truth)
    }

    /// What was true at some moment since then.
    pub(crate) fn since(&self, then: Duration) -> Window<'_, T> {
        let after = self.entries.partition_point(|(at, _)| *at < then);
        Window { entries: self.entries.get(after.saturating_sub(1)..).unwrap_or_default() }
    }
}

impl<'a, T> Window<'a, T> {
    /// Whether something was so at some moment.
    pub(crate) fn any(self, test: impl Fn(&T) -> bool) -> bool {
        self.entries.iter().any(|(_, truth)| test(truth))
    }

    /// Everything, oldest first.
    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = (Duration, &'a T)> {
        self.entries.iter().map(|(at, truth)| (*at, truth.as_ref()))
    }
}
