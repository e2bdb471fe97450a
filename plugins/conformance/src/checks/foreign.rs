//! What belongs to somebody else.

use serde_json::{Value, json};
use tidegate_contract::{Kind, Traffic, Verb};
use tidegate_route::Purpose;

use crate::bench::{Bench, Broken, Case, End, Ended, in_words};
use crate::checks::managed::{all_routes, with_routes};
use crate::world::{World, excerpt};

/// A key that nobody knows.
const KEY: &str = "x-tidegate-conformance";
/// The same for labels and annotations.
const LABEL: &str = "conformance.tidegate.dev/foreign";

/// Unknown fields, labels and annotations, and list elements of others, stay byte for byte and in their place.
pub(crate) fn foreign(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    if !case.has("weights") {
        return Ok(End::NotApplicable("`weights` is not a feature of it".to_owned()));
    }
    let mut questions = vec![case.traffic(30, 100)];
    let routes = all_routes(case);
    if !routes.is_empty() {
        questions.push(with_routes(case, 30, routes));
    }
    for traffic in questions {
        let mut plain = case.world();
        bench.settle(case, &traffic, Purpose::Route, &mut plain)?;
        unknown_fields(bench, case, &traffic, &plain)?;
        for index in 0..case.fixture.foreign.len() {
            for first in [true, false] {
                element(bench, case, &traffic, &plain, index, first)?;
            }
        }
    }
    Ok(End::Passed)
}

fn unknown_fields(
    bench: &mut Bench<'_>,
    case: &Case<'_>,
    traffic: &Traffic,
    plain: &World,
) -> Result<(), Broken> {
    let kinds = &bench.router.description().kinds;
    let is_changed =
        |kind: &Kind| kinds.iter().any(|used| used.kind == *kind && used.verbs.contains(&Verb::Update));
    let mut world = case.world();
    for (_, object) in world.iter_mut().filter(|(reference, _)| is_changed(&reference.kind)) {
        mark(object);
    }
    let marked = world.clone();
    bench.settle(case, traffic, Purpose::Route, &mut world)?;
    let asked = || format!("{}, with unknown fields everywhere", in_words(case, traffic, Purpose::Route));
    for (reference, object) in marked.iter() {
        let after = world.iter().find(|(other, _)| *other == reference).map(|(_, object)| object);
        let (before, after) = (count(object), after.map_or(0, count));
        // More than before: a rule that was copied with all that is in it.
        if after < before {
            return Err(Broken::new(
                asked(),
                format!(
                    "of {reference}, {} of {before} unknown fields, labels and annotations are lost",
                    before - after
                ),
                "all that is not the plugin's as it was",
            ));
        }
    }
    for (_, object) in world.iter_mut() {
        unmark(object);
    }
    match plain.first_difference(&world) {
        None => Ok(()),
        Some(difference) => Err(Broken::new(
            asked(),
            format!("apart from these {difference}"),
            "the same changes as without the unknown fields",
        )),
    }
}

/// Puts unknown keys into `spec` and all list elements, and a label and an annotation on the object.
fn mark(object: &mut Value) {
    for place in ["labels", "annotations"] {
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { continue };
        if let Some(map) = metadata.entry(place).or_insert_with(|| json!({})).as_object_mut() {
            map.insert(LABEL.to_owned(), json!("kept"));
        }
    }
    if let Some(spec) = object.get_mut("spec") {
        mark_map(spec);
        mark_elements(spec);
    }
}

fn mark_map(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        // More digits than a 64-bit float has.
        map.insert(KEY.to_owned(), json!({"digits": 9_007_199_254_740_993_u64, "nothing": null}));
    }
}

fn mark_elements(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.iter_mut().filter(|(key, _)| *key != KEY).for_each(|(_, value)| mark_elements(value));
        }
        Value::Array(elements) => {
            for element in elements {
                mark_elements(element);
                mark_map(element);
            }
        }
        _ => {}
    }
}

fn unmark(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.shift_remove(KEY);
            for place in ["labels", "annotations"] {
                // The map came with the mark.
                if let Some(marked) = map.get_mut(place).and_then(Value::as_object_mut)
                    && marked.shift_remove(LABEL).is_some()
                    && marked.is_empty()
                {
                    map.shift_remove(place);
                }
            }
            map.values_mut().for_each(unmark);
        }
        Value::Array(elements) => elements.iter_mut().for_each(unmark),
        _ => {}
    }
}

fn count(value: &Value) -> usize {
    let intact = json!({"digits": 9_007_199_254_740_993_u64, "nothing": null});
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| match key.as_str() {
                KEY => usize::from(*value == intact),
                LABEL => usize::from(*value == "kept"),
                _ => count(value),
            })
            .sum(),
        Value::Array(elements) => elements.iter().map(count).sum(),
        _ => 0,
    }
}

/// One of the fixture's foreign elements, at the beginning or the end of its list.
fn element(
    bench: &mut Bench<'_>,
    case: &Case<'_>,
    traffic: &Traffic,
    plain: &World,
    index: usize,
    first: bool,
) -> Result<(), Broken> {
    let Some(foreign) = case.fixture.foreign.get(index) else { return Ok(()) };
    let mut world = case.world();
    for (_, object) in world.iter_mut() {
        if foreign.object.names(object, &case.target.namespace)
            && let Some(list) = object.pointer_mut(&foreign.at).and_then(Value::as_array_mut)
        {
            list.insert(if first { 0 } else { list.len() }, foreign.element.clone());
        }
    }
    bench.settle(case, traffic, Purpose::Route, &mut world)?;
    let place = if first { "beginning" } else { "end" };
    let asked = || {
        let asked = in_words(case, traffic, Purpose::Route);
        format!(
            "{asked}, with somebody else's {} at the {place} of {}",
            excerpt(&foreign.element),
            foreign.at
        )
    };
    // Managed routes come on top, so lists move, and a rule may be copied with all that is in it.
    let has_moved = traffic.managed_routes.iter().any(|route| route.rule.is_some());
    let mut found = 0;
    for (_, object) in
        world.iter_mut().filter(|(_, object)| foreign.object.names(object, &case.target.namespace))
    {
        let list = object.pointer(&foreign.at).and_then(Value::as_array);
        let there = list.and_then(|list| if first { list.first() } else { list.last() });
        let stands = has_moved || there == Some(&foreign.element);
        found += take(object, &foreign.element) * usize::from(stands);
    }
    if found == 0 || (found > 1 && !has_moved) {
        return Err(Broken::new(
            asked(),
            format!("it is there {found} times as it was and where it was"),
            "it is there once, as it was and where it was",
        ));
    }
    match plain.first_difference(&world) {
        None => Ok(()),
        Some(difference) => {
            Err(Broken::new(asked(), format!("apart from it {difference}"), "the same changes as without it"))
        }
    }
}

/// Takes all elements like this out of all lists; answers with their number.
fn take(value: &mut Value, element: &Value) -> usize {
    match value {
        Value::Object(map) => map.values_mut().map(|value| take(value, element)).sum(),
        Value::Array(elements) => {
            let before = elements.len();
            elements.retain(|other| other != element);
            let taken = before - elements.len();
            taken + elements.iter_mut().map(|value| take(value, element)).sum::<usize>()
        }
        _ => 0,
    }
}
