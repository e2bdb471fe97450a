//! Wrong variants of `decide`: each is caught, and what catches it can be made small.

use tidegate_explore::{Options, Plan, explore, mutants, run, shrink};

/// Each is caught in at most so many seeds.
const SEEDS: u64 = 1000;

#[test]
fn every_mutant_is_caught() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for mutant in mutants() {
        let options = Options { from: 0, seeds: SEEDS, threads, failures: 1, deciders: mutant.deciders };
        let campaign = explore(options, |_| {});
        assert!(!campaign.failures.is_empty(), "{} ({}) is not caught", mutant.name, mutant.does);
    }
}

#[test]
fn a_failing_seed_is_made_small_and_still_fails() {
    let mutant = mutants().find(|mutant| mutant.name == "points-canary-early").unwrap();
    let fails = |plan: &Plan| run(plan, mutant.deciders, false).violation;
    let (plan, violation) = (0..SEEDS)
        .map(Plan::of)
        .filter(|plan| plan.happenings.len() > 20)
        .find_map(|plan| fails(&plan).map(|violation| (plan, violation)))
        .unwrap();
    let small = shrink(&plan, mutant.deciders, violation.invariant);
    assert_eq!(fails(&small).unwrap().invariant, violation.invariant);
    assert!(small.happenings.len() < 10, "{} of {}", small.happenings.len(), plan.happenings.len());
    for index in 0..small.happenings.len() {
        let mut fewer = small.happenings.clone();
        fewer.remove(index);
        let invariant = fails(&small.with(fewer)).map(|violation| violation.invariant);
        assert_ne!(invariant, Some(violation.invariant), "number {index} could be left out");
    }
}
