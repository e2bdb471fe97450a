//! Seeds in which everything holds.

use tidegate_explore::{Options, Plan, explore, run};
use tidegate_shell::Deciders;

/// So many seeds; `cargo xtask simulate` runs as many as one likes.
const SEEDS: u64 = 1000;

#[test]
fn everything_holds_in_every_seed() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options { from: 0, seeds: SEEDS, threads, failures: 1, deciders: Deciders::default() };
    let campaign = explore(options, |_| {});
    assert!(
        campaign.failures.is_empty(),
        "cargo xtask simulate --from SEED --seeds 1: {:?}",
        campaign.failures
    );
    assert_eq!(campaign.seeds, SEEDS);
    // Where nothing happens, nothing is proven.
    let coverage = campaign.coverage;
    for (what, count) in [
        ("promotions", coverage.promotions),
        ("steps", coverage.steps),
        ("aborts", coverage.aborts),
        ("superseded", coverage.superseded),
        ("role moves", coverage.role_moves),
        ("weight changes", coverage.weight_changes),
        ("managed routes", coverage.managed_routes),
        ("stable shrunk", coverage.stable_shrunk),
        ("not verified", coverage.not_verified),
        ("not ready", coverage.not_ready),
        ("good runs", coverage.good_runs),
        ("other runs", coverage.other_runs),
        ("good experiments", coverage.good_experiments),
        ("experiments with traffic", coverage.experiments_fed),
    ] {
        assert!(count > SEEDS / 20, "{what}: {count}");
    }
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for seed in 0..8 {
        let [one, other] = [(), ()].map(|()| run(&Plan::of(seed), Deciders::default(), true));
        assert!(!one.trace.is_empty());
        assert_eq!(one.trace, other.trace, "{seed}");
        let silent = run(&Plan::of(seed), Deciders::default(), false);
        assert_eq!(
            (silent.requests, silent.elapsed),
            (one.requests, one.elapsed),
            "whether it is traced or not"
        );
    }
}
