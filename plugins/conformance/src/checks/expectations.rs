//! What the author of a fixture says should become of it.

use serde_json::Value;
use tidegate_contract::{Traffic, Verdict};
use tidegate_route::difference::difference;
use tidegate_route::pointer::pointer;
use tidegate_route::{Answer, Purpose, Routed};

use crate::bench::{Bench, Broken, Case, End, Ended, answer_in_words, in_words};
use crate::fixture::{Expectation, FixtureDestination, FixtureRoute, Situation};
use crate::sample::{Story, with_additional};
use crate::world::{World, excerpt, reference};

/// What API servers fill in, which no expectation is about.
const FILLED_IN: [&str; 6] =
    ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"];

/// The label that hosts give to objects that a plugin makes.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Every expectation holds.
pub(crate) fn expectations(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    if case.fixture.expectations.is_empty() {
        return Ok(End::NotApplicable("the fixture has none".to_owned()));
    }
    case.fixture.expectations.iter().try_for_each(|expectation| {
        hold(bench, case, expectation).map_err(|mut broken| {
            if !expectation.summary.is_empty() {
                broken.failure.asked = format!("{} ({})", broken.failure.asked, expectation.summary);
            }
            broken
        })
    })?;
    Ok(End::Passed)
}

/// Verdicts of a plugin that cannot say whether anything is in force.
pub(crate) fn verify(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    if case.has("verify") {
        return Ok(End::NotApplicable(
            "it verifies, and what its router reports no other can know: expectations with `verdict` say it"
                .to_owned(),
        ));
    }
    if !case.has("weights") {
        return Ok(End::NotApplicable("`weights` is not a feature of it".to_owned()));
    }
    let traffic = case.traffic(20, 100);
    let routed = bench.settle(case, &traffic, Purpose::Route, &mut case.world())?;
    if routed.verdict == Verdict::Unverifiable {
        return Ok(End::Passed);
    }
    Err(Broken::new(
        in_words(case, &traffic, Purpose::Route),
        format!("the verdict {:?}", routed.verdict),
        "the verdict `unverifiable`, because `verify` is not a feature of it",
    ))
}

fn hold(bench: &mut Bench<'_>, case: &Case<'_>, expectation: &Expectation) -> Result<(), Broken> {
    let (mut story, mut world) = (Story::default(), case.world());
    for situation in &expectation.after {
        let traffic = story.next(traffic(case, situation));
        bench.settle(case, &traffic, purpose(situation), &mut world)?;
    }
    let when = &expectation.when;
    let traffic = story.next(traffic(case, when));
    let asked = || in_words(case, &traffic, purpose(when));
    if let Some(code) = &expectation.problem {
        return match bench.pass(case, &traffic, purpose(when), &world)? {
            Answer::Problem(problem) if problem.code == *code => Ok(()),
            answer => Err(Broken::new(asked(), answer_in_words(&answer), format!("the problem `{code}`"))),
        };
    }
    let routed = bench.settle(case, &traffic, purpose(when), &mut world)?;
    if let Some((found, expected)) = unlike(case, expectation, &world, &routed) {
        return Err(Broken::new(asked(), found, expected));
    }
    Ok(())
}

/// What is not as expected, and what is expected.
fn unlike(
    case: &Case<'_>,
    expectation: &Expectation,
    world: &World,
    routed: &Routed,
) -> Option<(String, String)> {
    let namespace = &case.target.namespace;
    if let Some(expected) = &expectation.verdict {
        let verdict = verdict(&routed.verdict);
        if verdict != expected {
            return Some((format!("the verdict {:?}", routed.verdict), format!("the verdict `{expected}`")));
        }
    }
    for value in &expectation.values {
        let object = world.iter().find(|(_, object)| value.object.names(object, namespace));
        let found = object.and_then(|(_, object)| object.pointer(&value.at));
        let is_equal = match (found, &value.is) {
            (Some(found), Some(expected)) => tidegate_route::equal::equal(found, expected),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        if !is_equal {
            let at = format!("at {} of {} {}", value.at, value.object.kind, value.object.name);
            let or_nothing = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), excerpt);
            return Some((
                format!("{at} there is {}", or_nothing(found)),
                format!("{at} there is {}", or_nothing(value.is.as_ref())),
            ));
        }
    }
    for expected in &expectation.objects {
        let name = reference(expected)?;
        let expected = plain(expected, None);
        let Some((_, found)) = world.iter().find(|(reference, _)| **reference == name) else {
            return Some((format!("{name} does not exist"), format!("{name} is {}", excerpt(&expected))));
        };
        let found = plain(found, Some(&expected));
        if let Some(one) = difference(&expected, &found).into_iter().next() {
            let at = pointer(&one.path);
            return Some((
                format!("{name} differs at {at:?}: {}", excerpt(found.pointer(&at).unwrap_or(&Value::Null))),
                format!("there {}", excerpt(expected.pointer(&at).unwrap_or(&Value::Null))),
            ));
        }
    }
    let left =
        |gone: &&crate::fixture::ObjectName| world.iter().any(|(_, object)| gone.names(object, namespace));
    expectation.gone.iter().find(left).map(|gone| {
        (format!("{} {} exists", gone.kind, gone.name), format!("{} {} does not exist", gone.kind, gone.name))
    })
}

fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Verified => "verified",
        Verdict::Pending(_) => "pending",
        Verdict::Rejected(_) => "rejected",
        Verdict::Unreported(_) => "unreported",
        Verdict::Unverifiable => "unverifiable",
    }
}

/// An object without what API servers fill in, and without what hosts give to objects that a plugin makes, unless that
/// is expected.
fn plain(object: &Value, expected: Option<&Value>) -> Value {
    let mut object = object.clone();
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return object };
    let is_expected = |at: &str| expected.is_none_or(|expected| expected.pointer(at).is_some());
    metadata.retain(|key, _| !FILLED_IN.contains(&key.as_str()));
    if !is_expected("/metadata/ownerReferences") {
        metadata.shift_remove("ownerReferences");
    }
    if !is_expected("/metadata/labels/app.kubernetes.io~1managed-by")
        && let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut)
        && labels.get(MANAGED_BY).is_some_and(|value| value == "tidegate")
    {
        labels.shift_remove(MANAGED_BY);
        if labels.is_empty() {
            metadata.shift_remove("labels");
        }
    }
    object
}

fn purpose(situation: &Situation) -> Purpose {
    if situation.release { Purpose::Release } else { Purpose::Route }
}

fn traffic(case: &Case<'_>, situation: &Situation) -> Traffic {
    let additional = situation.additional.iter().map(FixtureDestination::destination).collect();
    let mut traffic = with_additional(case.traffic(situation.canary, situation.max_weight), additional);
    traffic.managed_routes = situation.managed_routes.iter().map(FixtureRoute::managed_route).collect();
    traffic
}
