//! Any weights, of 100 and of any other sum.

use tidegate_route::{Answer, Purpose};

use crate::bench::{Bench, Broken, Case, End, Ended, answer_in_words, in_words};
use crate::checks::without_feature;
use crate::sample;
use crate::world::World;

/// Any weight of 100, one after the other. That shares are right and a second pass has nothing to do is for the host
/// to see.
pub(crate) fn weights(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    if !case.has("weights") {
        return without_feature(bench, case, "weights", &case.traffic(20, 100));
    }
    one_after_the_other(bench, case, 100, bench.cases)
}

/// The same with other sums.
pub(crate) fn max_weight(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    if !case.has("max-weight") {
        return scales(bench, case);
    }
    let mut sums = vec![1000, 1, 3, 7, 10, 255, 10_000, 1_000_000];
    sums.extend((0..bench.cases.div_ceil(8)).map(|_| bench.random.u32(1..=1_000_000)));
    for sum in sums {
        one_after_the_other(bench, case, sum, 2)?;
    }
    Ok(End::Passed)
}

fn one_after_the_other(bench: &mut Bench<'_>, case: &Case<'_>, sum: u32, cases: u32) -> Ended {
    let mut world = case.world();
    for canary in sample::weights(&mut bench.random, sum, cases) {
        if let Err(broken) = bench.settle(case, &case.traffic(canary, sum), Purpose::Route, &mut world) {
            return Err(smallest(bench, case, canary, sum, broken));
        }
    }
    Ok(End::Passed)
}

/// The smallest weight, from the fixture's own objects, with which it still goes wrong.
fn smallest(bench: &mut Bench<'_>, case: &Case<'_>, canary: u32, sum: u32, broken: Broken) -> Broken {
    let world: World = case.world();
    for smaller in (0..6).map(|halvings| canary >> (6 - halvings)).chain([canary]) {
        if let Err(broken) =
            bench.settle(case, &case.traffic(smaller, sum), Purpose::Route, &mut world.clone())
        {
            return broken;
        }
    }
    broken
}

/// Without the feature `max-weight` a plugin may scale, or say that it cannot.
fn scales(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    let traffic = case.traffic(200, 1000);
    match bench.answer(case, &traffic, Purpose::Route, &case.world())? {
        Answer::Fault(fault) => Err(Broken::new(
            in_words(case, &traffic, Purpose::Route),
            format!("{}: {}", fault.reason, fault.message),
            "the problem `unsupported`, because `max-weight` is not described",
        )),
        answer => Ok(End::NotApplicable(format!(
            "`max-weight` is not a feature of it; asked all the same, it answers: {}",
            crate::world::cut(&answer_in_words(&answer), 120)
        ))),
    }
}
