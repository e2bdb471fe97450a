//! What is routed depends on what is desired and on whose the objects are, never on what was routed before.

use tidegate_contract::{ObjectRef, Traffic};
use tidegate_route::Purpose;
use tidegate_route::difference::{self, Difference};

use crate::bench::{Bench, Broken, Case, End, Ended, in_words};
use crate::checks::is_number_of_a_field;
use crate::sample::{self, Story};

/// There and back again, then random ways: at the end all is as if only the last question had been asked.
pub(crate) fn history(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    if !case.has("weights") {
        return Ok(End::NotApplicable("`weights` is not a feature of it".to_owned()));
    }
    let full = |canary, exists| {
        let mut traffic = case.traffic(canary, 100);
        traffic.managed_routes = sample::managed_routes(case, &mut |_| exists);
        traffic
    };
    if let Some(failure) = way(bench, case, &[full(20, false), full(70, true), full(20, false)])? {
        return Err(failure);
    }
    for _ in 0..bench.cases.div_ceil(4) {
        let length = bench.random.usize(2..6);
        let mut steps: Vec<_> = (0..length).map(|_| sample::traffic(&mut bench.random, case)).collect();
        let Some(mut failure) = way(bench, case, &steps)? else { continue };
        // The shortest way that goes wrong: leave out steps as long as it does.
        let mut index = 0;
        while index + 1 < steps.len() {
            let mut fewer = steps.clone();
            fewer.remove(index);
            match way(bench, case, &fewer)? {
                Some(shorter) => (steps, failure) = (fewer, shorter),
                None => index += 1,
            }
        }
        return Err(failure);
    }
    Ok(End::Passed)
}

/// Routes one after the other, and the last one alone; the difference, if there is one.
fn way(bench: &mut Bench<'_>, case: &Case<'_>, steps: &[Traffic]) -> Result<Option<Broken>, Broken> {
    let Some((last, before)) = steps.split_last() else { return Ok(None) };
    let (mut story, mut world) = (Story::default(), case.world());
    let mut asked = Vec::new();
    for traffic in before.iter().chain([last]) {
        let traffic = story.next(traffic.clone());
        bench.settle(case, &traffic, Purpose::Route, &mut world)?;
        asked.push(in_words(case, &traffic, Purpose::Route));
    }
    let mut direct = case.world();
    bench.settle(case, &Story::default().next(last.clone()), Purpose::Route, &mut direct)?;
    // A weight that is left out at first, because it is the default, may be written out on the way.
    let is_default = |reference: &ObjectRef, one: &Difference<'_>| {
        !matches!(one.kind, difference::Kind::Set { .. }) && is_number_of_a_field(bench, reference, one)
    };
    let difference = direct.differences(&world, &is_default).into_iter().next();
    Ok(difference.map(|difference| {
        Broken::new(
            asked.join("; then "),
            format!("in the end {difference}"),
            "the same objects as when only the last one is asked",
        )
    }))
}

/// Another template makes other hashes; and there may be no pods at all.
pub(crate) fn pod_template_hashes(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    if !case.has("weights") {
        return Ok(End::NotApplicable("`weights` is not a feature of it".to_owned()));
    }
    let with = |canary: u32, hash: &str| {
        let mut traffic = case.traffic(canary, 100);
        traffic.canary.pod_template_hash = Some(hash.to_owned());
        traffic
    };
    let promoted = |canary: u32| {
        let mut traffic = case.traffic(canary, 100);
        traffic.stable.pod_template_hash.clone_from(&case.fixture.target.canary_pod_template_hash);
        traffic
    };
    let ways = [[with(20, "5c6d7e8f9a"), with(20, "9f8e7d6c5b")], [case.traffic(100, 100), promoted(0)]];
    for steps in ways {
        if let Some(failure) = way(bench, case, &steps)? {
            return Err(failure);
        }
    }
    // Before the first pods there are no hashes; whether that is a problem is the router's affair.
    let mut none = case.traffic(0, 100);
    none.stable.pod_template_hash = None;
    none.canary.pod_template_hash = None;
    bench.pass(case, &none, Purpose::Route, &case.world())?;
    Ok(End::Passed)
}
