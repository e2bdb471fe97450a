//! Seeds through the kube driver.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_core::decide;
use tidegate_explore::{Plan, mutants};
use tidegate_explore_kube::run;

/// So many seeds; `cargo xtask simulate --driver kube` runs as many as one likes.
const SEEDS: u64 = 300;

#[test]
fn every_seed_ends_well() {
    let (next, requests) = (AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= SEEDS {
                return failures;
            }
            let outcome = run(&Plan::of(seed), decide).unwrap();
            requests.fetch_add(outcome.requests, Ordering::Relaxed);
            failures.extend(outcome.wrong.map(|wrong| (seed, wrong)));
        }
    };
    let failures: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "cargo xtask simulate --driver kube --from SEED --seeds 1: {failures:?}");
    // Where nothing happens, nothing is proven.
    let requests = requests.into_inner();
    assert!(requests > SEEDS * 100, "{requests}");
}

#[test]
fn a_controller_that_is_never_silent_is_noticed() {
    let restless = mutants().find(|mutant| mutant.name == "is-restless").unwrap();
    let wrong = (0..5).find_map(|seed| run(&Plan::of(seed), restless.deciders.rollout).unwrap().wrong);
    assert!(wrong.is_some_and(|wrong| wrong.contains("requests in the last")));
}
