//! Differences in time. Two controllers that look at the same objects do not act at the same instant, so most differences
//! last a moment: until the other one has got there, or the objects have moved on. One that stays as it is for longer is an
//! opinion of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_api::ObjectKey;

use crate::difference::{Difference, Subject};

/// How far a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Age {
    /// It was seen for the first time, or is another one than before in the same place.
    Begun,
    /// It has stayed the same for long.
    Lasting,
    /// It is gone.
    Ended,
}

impl Age {
    /// A stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Lasting => "lasting",
            Self::Ended => "ended",
        }
    }
}

/// News about a difference.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// The Rollout that it is about.
    pub rollout: ObjectKey,
    /// The difference.
    pub difference: Difference,
    /// How far it is.
    pub age: Age,
    /// Since it is what it is.
    pub lasted: Duration,
    /// Whether it was ever told as lasting.
    pub was_lasting: bool,
}

/// All differences that there are.
#[derive(Debug)]
pub struct Ledger {
    long: Duration,
    open: BTreeMap<ObjectKey, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    difference: Difference,
    since: Duration,
    is_lasting: bool,
}

impl Ledger {
    /// An empty one; what stays the same for `long` is lasting.
    pub const fn new(long: Duration) -> Self {
        Self { long, open: BTreeMap::new() }
    }

    /// The differences of one Rollout, at this monotonic time; those that are not among them are gone.
    pub fn update(&mut self, now: Duration, rollout: &ObjectKey, found: Vec<Difference>) -> Vec<News> {
        let mut news = self.look(now);
        let mut before = self.open.remove(rollout).unwrap_or_default();
        let mut entries = Vec::new();
        for difference in found {
            let place = before.iter().position(|entry| entry.difference == difference);
            let entry = if let Some(place) = place {
                before.swap_remove(place)
            } else {
                let entry = Entry { difference, since: now, is_lasting: false };
                news.push(told(rollout, &entry, Age::Begun, now));
                entry
            };
            entries.push(entry);
        }
        news.extend(before.iter().map(|entry| told(rollout, entry, Age::Ended, now)));
        if !entries.is_empty() {
            self.open.insert(rollout.clone(), entries);
        }
        news
    }

    /// A Rollout is gone, and with it what differed.
    pub fn forget(&mut self, now: Duration, rollout: &ObjectKey) -> Vec<News> {
        self.update(now, rollout, Vec::new())
    }

    /// Those that have become lasting since the last look.
    pub fn look(&mut self, now: Duration) -> Vec<News> {
        let long = self.long;
        let mut news = Vec::new();
        for (rollout, entries) in &mut self.open {
            for entry in entries.iter_mut() {
                if !entry.is_lasting && now >= entry.since.saturating_add(long) {
                    entry.is_lasting = true;
                    news.push(told(rollout, entry, Age::Lasting, now));
                }
            }
        }
        news
    }

    /// How many differences of a Rollout there are about a subject: those of a moment, and the lasting ones.
    pub fn count(&self, rollout: &ObjectKey, subject: Subject) -> (usize, usize) {
        let of_subject = self.open.get(rollout).into_iter().flatten();
        let of_subject = of_subject.filter(|entry| entry.difference.subject == subject);
        let (lasting, momentary): (Vec<_>, Vec<_>) = of_subject.partition(|entry| entry.is_lasting);
        (momentary.len(), lasting.len())
    }
}

fn told(rollout: &ObjectKey, entry: &Entry, age: Age, now: Duration) -> News {
    News {
        rollout: rollout.clone(),
        difference: entry.difference.clone(),
        age,
        lasted: now.saturating_sub(entry.since),
        was_lasting: entry.is_lasting,
    }
}
