//! How long something takes, over many times.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// The fastest one: what it would take on a machine with nothing else to do.
    pub(crate) best: f64,
}

impl Spread {
    /// Does the work so many times, and a tenth as often before that without looking at the clock.
    pub(crate) fn of<E>(times: usize, mut work: impl FnMut() -> Result<(), E>) -> Result<Self, E> {
        for _ in 0..times / 10 {
            work()?;
        }
        let mut taken = Vec::with_capacity(times);
        for _ in 0..times {
            let started = Instant::now();
            work()?;
            taken.push(started.elapsed());
        }
        Ok(Self::from(taken))
    }

    /// The same of what was measured elsewhere.
    pub(crate) fn from(mut taken: Vec<Duration>) -> Self {
        taken.sort_unstable();
        let at = |percent: usize| {
            let index = (taken.len() * percent / 100).min(taken.len().saturating_sub(1));
            taken.get(index).copied().unwrap_or_default().as_secs_f64() * 1e6
        };
        Self { p50: at(50), p99: at(99), best: at(0) }
    }
}
