//! Objects that are not as they should be: API servers validate, and not all that a plugin relies on.

use tidegate_route::{Answer, Purpose};

use crate::bench::{Bench, Broken, Case, End, Ended, answer_in_words, in_words};
use crate::checks::managed::all_routes;
use crate::sample;
use crate::world::{cut, excerpt};

/// Anything, or nothing, in some place of some object: a problem is a fine answer, a fault is not.
pub(crate) fn broken_objects(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    let world = case.world();
    let victims: Vec<_> = world
        .iter()
        .map(|(reference, _)| reference.clone())
        .filter(|one| bench.describes(&one.kind))
        .collect();
    if victims.is_empty() {
        return Ok(End::NotApplicable("the fixture has no objects that the plugin looks at".to_owned()));
    }
    let mut traffic = case.traffic(30, 100);
    traffic.managed_routes = all_routes(case);
    for _ in 0..bench.cases.saturating_mul(4) {
        let mut world = case.world();
        let mut broken = Vec::new();
        let victim = bench.random.choice(&victims);
        for (reference, object) in world.iter_mut().filter(|(reference, _)| Some(*reference) == victim) {
            for _ in 0..bench.random.usize(1..3) {
                if let Some((place, with)) = sample::break_somewhere(&mut bench.random, object, &is_fixed) {
                    let with = with.as_ref().map_or_else(|| "absent".to_owned(), excerpt);
                    broken.push(format!("{place} of {reference} {}", cut(&with, 120)));
                }
            }
        }
        for purpose in [Purpose::Route, Purpose::Release] {
            if let answer @ Answer::Fault(_) = bench.answer(case, &traffic, purpose, &world)? {
                return Err(Broken::new(
                    format!("{}, with {}", in_words(case, &traffic, purpose), broken.join(" and ")),
                    answer_in_words(&answer),
                    "a problem that says what is wrong with the object, or an answer",
                ));
            }
        }
    }
    Ok(End::Passed)
}

/// What makes an object this object: API servers guarantee it.
fn is_fixed(place: &str) -> bool {
    ["/apiVersion", "/kind", "/metadata"].contains(&place)
        || ["/metadata/name", "/metadata/namespace", "/metadata/uid", "/metadata/resourceVersion"]
            .iter()
            .any(|fixed| place.starts_with(fixed))
}
