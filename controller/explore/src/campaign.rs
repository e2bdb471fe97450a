//! Many seeds, on several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate_shell::Deciders;

use crate::checks::Violation;
use crate::coverage::Coverage;
use crate::plan::Plan;
use crate::run::run;

/// What became of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    /// Seeds that were run to their end.
    pub seeds: u64,
    /// Those among them in which something did not hold, with that; in order.
    pub failures: Vec<(u64, Violation)>,
    /// What happened in all of them.
    pub coverage: Coverage,
    /// Requests that controllers sent.
    pub requests: u64,
    /// Questions that were put to routers.
    pub questions: u64,
    /// Virtual time.
    pub elapsed: Duration,
}

/// Which seeds, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// On how many threads.
    pub threads: usize,
    /// After so many failures no more seeds are begun.
    pub failures: usize,
    /// What decides.
    pub deciders: Deciders,
}

/// Runs seeds. `progress` is told the state of things after each.
pub fn explore(options: Options, progress: impl Fn(&Campaign) + Sync) -> Campaign {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Campaign::default());
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| work(options, &next, &total, &progress));
        }
    });
    let mut campaign = total.into_inner().unwrap_or_default();
    campaign.failures.sort_by_key(|(seed, _)| *seed);
    campaign
}

fn work(options: Options, next: &AtomicU64, total: &Mutex<Campaign>, progress: &(impl Fn(&Campaign) + Sync)) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= options.seeds {
            return;
        }
        let seed = options.from.wrapping_add(number);
        let outcome = run(&Plan::of(seed), options.deciders, false);
        let Ok(mut total) = total.lock() else { return };
        total.seeds += 1;
        total.requests += outcome.requests;
        total.questions += outcome.questions;
        total.elapsed += outcome.elapsed;
        total.coverage.add(&outcome.coverage);
        total.failures.extend(outcome.violation.map(|violation| (seed, violation)));
        if total.failures.len() >= options.failures {
            next.store(options.seeds, Ordering::Relaxed);
        }
        progress(&total);
    }
}
