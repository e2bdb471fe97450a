//! Extra destinations: the pods of experiments.

use tidegate_contract::Traffic;
use tidegate_route::{Purpose, Routed};

use crate::bench::{Bench, Broken, Case, End, Ended, in_words};
use crate::checks::without_feature;
use crate::sample::{Story, with_additional};

/// They get their weights, and once they are retired there is no trace of them. That their shares are right is for the
/// host to see.
pub(crate) fn additional_destinations(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    let extra = |weights: &[u32]| {
        let mut all = case.fixture.extra_destinations();
        all.truncate(weights.len());
        for (destination, weight) in all.iter_mut().zip(weights) {
            destination.weight = *weight;
        }
        all
    };
    let with = |canary, weights: &[u32]| with_additional(case.traffic(canary, 100), extra(weights));
    if !case.has("additional-destinations") {
        return without_feature(bench, case, "additional-destinations", &with(20, &[10]));
    }
    let (mut story, mut world) = (Story::default(), case.world());
    let mut before = case.world();
    bench.settle(case, &case.traffic(20, 100), Purpose::Route, &mut before)?;
    for traffic in
        [with(20, &[10]), with(20, &[10, 5]), with(0, &[50, 50]), with(5, &[0, 30]), case.traffic(20, 100)]
    {
        let traffic = story.next(traffic);
        let routed = bench.settle(case, &traffic, Purpose::Route, &mut world)?;
        all_are_named(case, &traffic, &routed)?;
    }
    match before.first_difference(&world) {
        None => Ok(End::Passed),
        Some(difference) => Err(Broken::new(
            format!("{}; then without them", in_words(case, &with(20, &[10, 5]), Purpose::Route)),
            format!("in the end {difference}"),
            "the same objects as before there were extra destinations",
        )),
    }
}

/// Each one that has weight is named by some share, and none that is retired.
fn all_are_named(case: &Case<'_>, traffic: &Traffic, routed: &Routed) -> Result<(), Broken> {
    let is_named = |name: &str| routed.shares.iter().any(|share| share.destination == name);
    let asked = || in_words(case, traffic, Purpose::Route);
    if let Some(missing) = traffic.additional.iter().find(|one| one.weight > 0 && !is_named(&one.name)) {
        return Err(Broken::new(
            asked(),
            format!("no share of {}", missing.name),
            "a share for each that has weight",
        ));
    }
    if let Some(left) = traffic.retired.iter().find(|one| is_named(&one.name)) {
        return Err(Broken::new(
            asked(),
            format!("{} still has a share once all is written", left.name),
            "no share of a retired destination: it must be gone",
        ));
    }
    Ok(())
}
