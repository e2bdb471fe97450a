//! Scripted measurements: what the providers of metrics answer in a simulation, as a file says it.
//!
//! ```yaml
//! metrics:
//!   - name: success-rate        # the metric in the template; `*` stands for any text
//!     values: [0.99, 0.98, 0.62]
//!   - name: latency
//!     run: checkout-*-2-*       # only AnalysisRuns with such a name
//!     overTime:
//!       - { from: 0s, value: [0.2, 0.3] }
//!       - { from: 2m, error: connection refused }
//! ```
//!
//! `values` are the measurements of each run, one after another, and the last one stays. `overTime` is by the time of the
//! simulation. The first entry that fits a measurement answers it.
//!
//! A value is a number, a text or a list, or a map with one of: `value` (anything, also a map), `body` (all that the server
//! answers), `status` (an HTTP status), `error` (the server cannot be reached; why), `noAnswer: true`, and of Jobs
//! `job: succeeds` or `job: fails`. What a server answers is read by the provider itself, so that conditions see
//! what they would see of a real one.

mod answer;
mod read;

pub use read::MetricsError;

use std::time::Duration;

use serde_json::Value;

/// What the providers answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    entries: Vec<Entry>,
}

/// Which measurement is answered.
#[derive(Clone, Copy, Debug)]
pub struct Measurement<'a> {
    /// The name of its AnalysisRun.
    pub run: &'a str,
    /// The name of its metric.
    pub metric: &'a str,
    /// Its number, from 1.
    pub number: u64,
    /// The time since the simulation began.
    pub elapsed: Duration,
}

/// What answers some measurements.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    metric: String,
    run: Option<String>,
    course: Course,
}

/// Which of several answers it is.
#[derive(Clone, Debug, PartialEq)]
enum Course {
    /// One for each measurement of a run; never empty.
    Each(Vec<Scripted>),
    /// From a time on, the earliest first; never empty, and the first one is from the beginning.
    OverTime(Vec<(Duration, Scripted)>),
}

/// What a provider does when it is asked.
#[derive(Clone, Debug, PartialEq)]
enum Scripted {
    /// It answers with this value, in its own form.
    Value(Value),
    /// It answers with this, as it is.
    Body(Value),
    /// It answers with this HTTP status.
    Status(u16),
    /// It cannot be reached.
    Error(String),
    /// It never answers.
    NoAnswer,
    /// The Job succeeds or fails.
    Job { succeeds: bool },
}

impl Script {
    /// What is said about a measurement.
    fn find(&self, measurement: &Measurement<'_>) -> Option<&Scripted> {
        let fits = |entry: &&Entry| {
            matches(&entry.metric, measurement.metric)
                && entry.run.as_ref().is_none_or(|run| matches(run, measurement.run))
        };
        match &self.entries.iter().find(fits)?.course {
            Course::Each(all) => {
                let index = usize::try_from(measurement.number.saturating_sub(1)).unwrap_or(usize::MAX);
                all.get(index).or_else(|| all.last())
            }
            Course::OverTime(all) => {
                let begun = all.iter().take_while(|(from, _)| *from <= measurement.elapsed);
                begun.last().map(|(_, scripted)| scripted)
            }
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, mut pattern)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    while let Some((part, rest)) = pattern.split_once('*') {
        let Some((_, after)) = text.split_once(part) else { return false };
        (text, pattern) = (after, rest);
    }
    text.ends_with(pattern)
}
