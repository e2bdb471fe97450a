//! Giving back, and what is not there.

use tidegate_contract::{ObjectRef, Traffic, Verdict};
use tidegate_route::difference::Difference;
use tidegate_route::{Answer, Purpose};

use crate::bench::{Bench, Broken, Case, End, Ended, answer_in_words, in_words};
use crate::checks::managed::all_routes;
use crate::checks::{covers, is_number_of_a_field};
use crate::sample::{Story, with_additional};
use crate::world::World;

/// After a release all is as the fixture has it, but for the weights.
pub(crate) fn release(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    let original = case.world();
    for traffic in questions(case) {
        let (mut story, mut world) = (Story::default(), case.world());
        let traffic = story.next(traffic);
        if case.has("weights") {
            bench.settle(case, &traffic, Purpose::Route, &mut world)?;
        }
        bench.settle(case, &traffic, Purpose::Release, &mut world)?;
        let may_differ = |reference: &ObjectRef, one: &Difference<'_>| is_weight(bench, case, reference, one);
        let differences = original.differences(&world, &may_differ);
        if let Some(difference) = differences.into_iter().next() {
            return Err(Broken::new(
                in_words(case, &traffic, Purpose::Release),
                format!("afterwards {difference}"),
                "the objects of the fixture again, but for weights: all to stable",
            ));
        }
        // Once more, and never having routed.
        bench.settle(case, &traffic, Purpose::Release, &mut world)?;
        bench.settle(case, &traffic, Purpose::Release, &mut case.world())?;
    }
    Ok(End::Passed)
}

/// Some weights, and all that the plugin can do at once.
fn questions(case: &Case<'_>) -> Vec<Traffic> {
    let mut full = case.traffic(30, 100);
    if case.has("additional-destinations") {
        let mut extra = case.fixture.extra_destinations();
        for destination in &mut extra {
            destination.weight = 10;
        }
        full = with_additional(full, extra);
    }
    full.managed_routes = all_routes(case);
    vec![case.traffic(30, 100), case.traffic(100, 100), full]
}

/// Whether a difference is a weight, or is allowed by the fixture.
fn is_weight(bench: &Bench<'_>, case: &Case<'_>, reference: &ObjectRef, one: &Difference<'_>) -> bool {
    is_number_of_a_field(bench, reference, one)
        || case.fixture.kept.iter().any(|pattern| covers(pattern, one))
}

/// Nothing is there, or all but one object is there.
pub(crate) fn missing_objects(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    let traffic = questions(case).pop().unwrap_or_else(|| case.traffic(20, 100));
    let mut nothing = case.world();
    nothing.clear();
    if let Answer::Routed(routed) = bench.pass(case, &case.traffic(20, 100), Purpose::Route, &nothing)?
        && routed.writes.is_empty()
    {
        return Err(Broken::new(
            format!("{}, and no object exists", in_words(case, &case.traffic(20, 100), Purpose::Route)),
            "no changes",
            "a problem: nothing divides the traffic",
        ));
    }
    released(bench, case, &traffic, &nothing, "no object")?;
    let references: Vec<_> = case.world().iter().map(|(reference, _)| reference.clone()).collect();
    // What it does not look at is not its affair.
    for reference in
        references.into_iter().filter(|reference| bench.describes(&reference.kind)).collect::<Vec<_>>()
    {
        let mut world = case.world();
        world.remove(&reference);
        bench.pass(case, &traffic, Purpose::Route, &world)?;
        let mut world = case.world();
        if case.has("weights") {
            bench.settle(case, &traffic, Purpose::Route, &mut world)?;
        }
        world.remove(&reference);
        let mut after = world.clone();
        match bench.pass(case, &traffic, Purpose::Release, &world)? {
            Answer::Routed(_) => drop(bench.settle(case, &traffic, Purpose::Release, &mut after)?),
            answer => {
                return Err(no_problem(case, &traffic, &answer, &format!("{reference} does not exist")));
            }
        }
        // Whose kind is not served any more.
        let mut world = case.world();
        world.do_not_serve(reference.kind.clone());
        bench.pass(case, &traffic, Purpose::Route, &world)?;
    }
    Ok(End::Passed)
}

/// What is gone needs no release.
fn released(
    bench: &mut Bench<'_>,
    case: &Case<'_>,
    traffic: &Traffic,
    world: &World,
    exists: &str,
) -> Result<(), Broken> {
    let situation = format!("{exists} exists");
    match bench.pass(case, traffic, Purpose::Release, world)? {
        Answer::Routed(routed) if routed.writes.is_empty() && routed.verdict == Verdict::Verified => Ok(()),
        Answer::Routed(routed) if routed.writes.is_empty() => Err(Broken::new(
            format!("{}, and {situation}", in_words(case, traffic, Purpose::Release)),
            format!("the verdict {:?}", routed.verdict),
            "the verdict `verified`: nothing is left to release",
        )),
        answer => Err(no_problem(case, traffic, &answer, &situation)),
    }
}

fn no_problem(case: &Case<'_>, traffic: &Traffic, answer: &Answer, situation: &str) -> Broken {
    Broken::new(
        format!("{}, and {situation}", in_words(case, traffic, Purpose::Release)),
        answer_in_words(answer),
        "no problem: what is gone needs no release",
    )
}
