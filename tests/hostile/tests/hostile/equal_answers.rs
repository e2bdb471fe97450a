//! Two equal questions get equal answers, to the last byte and unit of fuel: in any sandbox, from any allocator, whoever
//! was there before.

use tidegate_hostile::{Ends, Hostile, zoo};
use tidegate_route::Answer;
use tidegate_runtime::Allocation;

use crate::keeper::{Asked, Keeper};
use crate::watch::watched;
use crate::world::config;

#[test]
fn equal_questions_get_equal_answers() {
    watched(|at| {
        let pooled = Keeper::new(Allocation::Pool);
        let mapped = Keeper::new(Allocation::OnDemand);
        for hostile in zoo() {
            at(hostile.name);
            let Some(first) = ask(&pooled, &hostile) else { continue };
            assert_eq!(ask(&pooled, &hostile).as_ref(), Some(&first), "{}", hostile.name);
            assert_eq!(ask(&mapped, &hostile).as_ref(), Some(&first), "{}", hostile.name);
        }
    });
}

/// The answer of one that is loaded.
fn ask(keeper: &Keeper, hostile: &Hostile) -> Option<Asked> {
    let plugin = keeper.load(hostile).ok()?;
    Some(keeper.ask(&plugin, hostile.question, &config(hostile, "web")))
}

#[test]
fn nothing_is_found_of_the_world_or_of_the_sandbox_before() {
    let keeper = Keeper::new(Allocation::Pool);
    let told = |name: &str| {
        let all = zoo();
        let hostile = all.iter().find(|hostile| hostile.name == name).unwrap();
        match ask(&keeper, hostile).unwrap().answer {
            Answer::Routed(routed) => routed.facts,
            other => panic!("{name}: {other:?}"),
        }
    };
    let fact = |name: &str, key: &str| {
        let facts = told(name);
        let found = facts.iter().find(|(told, _)| told == key);
        found.unwrap_or_else(|| panic!("{name} tells no {key}: {facts:?}")).1.clone()
    };
    for _ in 0..3 {
        assert_eq!(fact("memory", "calls before"), "0");
        assert_eq!(fact("memory", "markers"), "0");
    }
    assert_eq!(fact("environment", "variables"), "0");
    assert_eq!(fact("environment", "arguments"), "0");
    // What differs in one sandbox is the same in each: a guest's hash maps need two different seeds.
    assert_ne!(fact("random", "hash"), fact("random", "another"));
}

#[test]
fn every_attempt_to_differ_is_harmless() {
    for name in ["clocks", "random", "hash-order", "environment", "addresses", "memory"] {
        let ends = zoo().into_iter().find(|hostile| hostile.name == name).map(|hostile| hostile.ends);
        assert_eq!(ends, Some(Ends::Harmless), "{name}");
    }
}
