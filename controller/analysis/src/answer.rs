//! What came of a measurement.

use jiff::Timestamp;

use crate::phase::Phase;
use crate::provider::Observation;

/// Which measurement of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The metric's name.
    pub metric: String,
    /// Its number: one more than measurements were completed before, errors included.
    pub number: u64,
}

/// What a provider answered about a measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Which measurement.
    pub key: Key,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When this was known.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a measurement.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is under way and will be looked at again; only of providers whose measurements last.
    Running,
    /// A value, about which the metric's conditions decide.
    Observed(Observation),
    /// The provider decides itself.
    Verdict {
        /// How it ended.
        phase: Phase,
        /// Why; may be empty.
        message: String,
    },
    /// There is no value; why.
    Error(String),
    /// It was ended because the run ends.
    Terminated,
}
