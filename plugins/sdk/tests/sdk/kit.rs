//! The test kit refuses what a host refuses. Each router here does one thing wrong.

use serde_json::{Value, json};
use tidegate_router_sdk::{
    Change, Description, Edit, Kind, KindUse, Observation, Outcome, Patch, Pointer, Problem, Query, Router,
    Target, Traffic, Verdict, testing,
};

fn kind() -> Kind {
    Kind::new("example.com", "Split")
}

fn split() -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Split", "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"stable": 100, "canary": 0, "note": "mine", "others": [{"service": "audit", "weight": 1}]}})
}

/// Which mistake a router makes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    Unsettled,
    ForeignField,
    WrongWeight,
    NeverDone,
    Undescribed,
    ForeignElement,
}

struct Mistaken<const MISTAKE: u8>;

impl<const MISTAKE: u8> Mistaken<MISTAKE> {
    const MISTAKES: [Mistake; 7] = [
        Mistake::None,
        Mistake::Unsettled,
        Mistake::ForeignField,
        Mistake::WrongWeight,
        Mistake::NeverDone,
        Mistake::Undescribed,
        Mistake::ForeignElement,
    ];

    fn makes(mistake: Mistake) -> bool {
        Self::MISTAKES[usize::from(MISTAKE)] == mistake
    }
}

impl<const MISTAKE: u8> Router for Mistaken<MISTAKE> {
    fn describe() -> Description {
        let fields: &[&str] = if Self::makes(Mistake::Undescribed) {
            &[]
        } else {
            &["/spec/stable", "/spec/canary", "/spec/others/*/weight"]
        };
        Description {
            name: "mistaken".into(),
            version: "1.0.0".into(),
            features: vec!["weights".into()],
            kinds: vec![KindUse::new(kind(), &["v1"], fields)],
            config_schema: "{}".into(),
            settings_schema: "{}".into(),
            annotations: vec![],
        }
    }

    fn check(_: &Target) -> Result<Vec<String>, Problem> {
        Ok(vec![])
    }

    fn locate(_: &Target, _: &Traffic, seen: &[Observation]) -> Result<Vec<Query>, Problem> {
        if Self::makes(Mistake::Unsettled) {
            let last = seen.iter().map(|seen| format!("{:?}", seen.query).len()).max().unwrap_or_default();
            return Ok(vec![Query::named(kind(), "x".repeat(last + 1))]);
        }
        Ok(vec![Query::named(kind(), "cart")])
    }

    fn route(_: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        let object = &seen[0].objects[0];
        let split: Value = object.read()?;
        let mut patch = Patch::new();
        let mut set = |key: &str, value: Value| {
            if split["spec"][key] != value {
                patch.replace(&Pointer::root().key("spec").key(key), &value).unwrap();
            }
        };
        let off = u32::from(Self::makes(Mistake::WrongWeight));
        set("stable", json!(traffic.stable.weight + off));
        set("canary", json!(traffic.canary.weight - off));
        if Self::makes(Mistake::ForeignField) {
            set("note", json!("theirs"));
        }
        if Self::makes(Mistake::ForeignElement) {
            let weight = Pointer::root().key("spec").key("others").index(0).key("weight");
            patch.replace(&weight, &2).unwrap();
        }
        let weight = |key: &str| u32::try_from(split["spec"][key].as_u64().unwrap()).unwrap();
        let mut outcome = Outcome { verdict: Verdict::Unverifiable, ..Outcome::default() };
        outcome.place(&object.ref_, "/spec", &[("stable", weight("stable")), ("canary", weight("canary"))]);
        outcome.changes.extend(patch.of(&object.ref_));
        if Self::makes(Mistake::NeverDone) {
            outcome.changes =
                vec![Change { ref_: object.ref_.clone(), edit: Edit::Replace(split.to_string()) }];
        }
        Ok(outcome)
    }
}

fn run<const MISTAKE: u8>() -> Value {
    let target = testing::target("shop", "cart");
    let mut objects = testing::Objects::new().with(split());
    objects.route::<Mistaken<MISTAKE>>(&target, &testing::traffic(&target, 20)).unwrap();
    objects.get("Split", "shop", "cart").unwrap()["spec"].clone()
}

#[test]
fn a_right_router_passes() {
    let mut expected = split()["spec"].clone();
    expected["stable"] = json!(80);
    expected["canary"] = json!(20);
    assert_eq!(run::<0>(), expected);
}

#[test]
#[should_panic(expected = "locate")]
fn a_locate_that_never_settles_does_not() {
    run::<1>();
}

#[test]
#[should_panic(expected = "/spec/note")]
fn a_change_of_a_foreign_field_does_not() {
    run::<2>();
}

#[test]
#[should_panic(expected = "should get")]
fn a_wrong_weight_does_not() {
    run::<3>();
}

#[test]
#[should_panic(expected = "still changes")]
fn a_router_that_is_never_done_does_not() {
    run::<4>();
}

#[test]
#[should_panic(expected = "without describing")]
fn a_change_of_an_undescribed_kind_does_not() {
    run::<5>();
}

#[test]
#[should_panic(expected = "nothing to do with the Rollout")]
fn a_change_of_somebody_elses_list_element_does_not() {
    run::<6>();
}

#[test]
fn a_kind_that_is_not_served_is_a_problem_unless_it_is_optional() {
    let target = testing::target("shop", "cart");
    let mut objects = testing::Objects::new().with(split()).without_kind(kind());
    let problem = objects.route::<Mistaken<0>>(&target, &testing::traffic(&target, 20)).unwrap_err();
    assert_eq!(problem.code, "missing-kind");
    let seen = objects.observe(&target, &[Query::named(kind(), "cart").optional()]);
    assert!(!seen[0].served && seen[0].objects.is_empty());
}

#[test]
fn objects_are_replaced_made_and_removed() {
    let mut objects = testing::Objects::new().with(split());
    let (reference, mut object) =
        objects.iter().map(|(key, object)| (key.clone(), object.clone())).next().unwrap();
    object["spec"]["note"] = json!("other");
    let change = |edit| [Change { ref_: reference.clone(), edit }];
    objects.apply(&change(Edit::Replace(object.to_string())));
    assert_eq!(objects.get("Split", "shop", "cart"), Some(&object));
    objects.apply(&change(Edit::Remove));
    assert_eq!(objects, testing::Objects::new());
    objects.apply(&change(Edit::Replace(object.to_string())));
    assert_eq!(objects, testing::Objects::new().with(object));
}
