//! Pointers, patches, weights, configuration, verdicts.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_router_sdk::{
    Edit, Kind, Object, ObjectRef, Outcome, Patch, Pointer, Text, Verdict, split_by, split_evenly, testing,
};

fn cart() -> ObjectRef {
    ObjectRef::namespaced(Kind::new("example.com", "Split"), "shop", "cart")
}

#[test]
fn an_object_is_written_as_people_write_it() {
    assert_eq!(cart().to_string(), "Split shop/cart");
    assert_eq!(ObjectRef { namespace: None, ..cart() }.to_string(), "Split cart");
}

#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default)]
    routes: Vec<Route>,
}

#[derive(Debug, Deserialize)]
struct Route {
    name: String,
}

#[test]
fn what_is_wrong_in_a_configuration_has_a_place() {
    for (config, pointer) in [
        (r#"{"routes": [{"name": "a"}, {"name": 1}]}"#, "/routes/1/name"),
        (r#"{"routes": {}}"#, "/routes"),
        ("1", ""),
        ("{", ""),
        ("{} {}", ""),
        ("", ""),
    ] {
        let mut target = testing::target("shop", "cart");
        target.config = config.to_owned();
        let problem = target.config::<Config>().unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.pointer.as_deref()),
            ("invalid-config", Some(pointer)),
            "{config}"
        );
    }
    let target = testing::target("shop", "cart").with_config(&json!({"routes": [{"name": "a"}], "more": 1}));
    assert_eq!(target.config::<Config>().unwrap().routes[0].name, "a");
}

#[test]
fn two_different_services_are_needed() {
    let target = testing::target("shop", "cart");
    assert_eq!(target.services().unwrap().canary, "cart-canary");
    for (stable, canary) in [(None, Some("b")), (Some("a"), None), (None, None), (Some("a"), Some("a"))] {
        let target = target.clone().with_services(stable, canary);
        assert_eq!(target.services().unwrap_err().code, "missing-service");
    }
}

#[test]
fn texts_are_borrowed_unless_they_have_escapes() {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        name: Option<Text<'a>>,
    }
    let object =
        |json: &str| Object { ref_: cart(), api_version: "example.com/v1".into(), json: json.into() };
    for (json, expected) in
        [(r#"{"name": "plain"}"#, Some("plain")), (r#"{"name": "a\n\u00e9"}"#, Some("a\né")), ("{}", None)]
    {
        assert_eq!(object(json).read::<Named<'_>>().unwrap().name.as_deref(), expected);
    }
    let problem = object(r#"{"name": 1}"#).read::<Named<'_>>().err().unwrap();
    assert_eq!((problem.code.as_str(), problem.about.as_ref()), ("invalid-object", Some(&cart())));
}

#[test]
fn the_worse_verdict_counts_and_of_equals_the_first() {
    let ordered = [
        Verdict::Verified,
        Verdict::Unverifiable,
        Verdict::Unreported("u".into()),
        Verdict::Pending("p".into()),
        Verdict::Rejected("r".into()),
    ];
    for (i, a) in ordered.iter().enumerate() {
        for (j, b) in ordered.iter().enumerate() {
            assert_eq!(a.clone().and(b.clone()), ordered[i.max(j)]);
        }
    }
    let (first, second) = (Verdict::Pending("first".into()), Verdict::Pending("second".into()));
    assert_eq!(first.clone().and(second), first);
}

#[test]
fn notes_are_bounded_and_totals_are_sums() {
    let mut outcome = Outcome::default();
    (0..40).for_each(|n| outcome.note(format!("note {n}")));
    assert_eq!(outcome.notes.len(), 16);
    outcome.place(&cart(), "/spec", &[("stable", 70), ("canary", 20), ("extra", 10)]);
    assert!(outcome.shares.iter().all(|share| share.total == 100 && share.at == "/spec"));
    assert_eq!(outcome.shares.iter().map(|share| share.weight).collect::<Vec<_>>(), [70, 20, 10]);
}

#[test]
fn released_traffic_is_all_stable() {
    let target = testing::target("shop", "cart");
    let traffic = testing::traffic(&target, 20)
        .out_of(1000)
        .with_additional("baseline", "cart-baseline", 50)
        .with_managed_route("beta", None);
    assert_eq!(traffic.stable.weight, 930);
    let released = traffic.released();
    assert_eq!(
        released.destinations().map(|d| (&*d.name, d.weight)).collect::<Vec<_>>(),
        [("stable", 1000), ("canary", 0)]
    );
    assert_eq!(released.retired.len(), 1);
    assert_eq!(released.retired[0].weight, 0);
    assert!(traffic.only_stable_and_canary("x").unwrap_err().message.contains("baseline"));
    assert!(released.only_stable_and_canary("x").is_ok());
}

/// Any JSON value, small.
pub(crate) fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn a_patch_does_what_it_says_whatever_the_keys_and_values(keys in prop::collection::vec(".{0,6}", 1..4), value in json_value()) {
        let mut document = Value::Object(serde_json::Map::new());
        let mut patch = Patch::new();
        let mut at = Pointer::root();
        for key in &keys {
            at = at.key(key);
            patch.add(&at, &json!({})).unwrap();
        }
        patch.replace(&at, &value).unwrap();
        let apply = |document: &mut Value, patch: &Patch| {
            let patch: json_patch::Patch = serde_json::from_str(&patch.as_json()).unwrap();
            json_patch::patch(document, &patch).unwrap();
        };
        apply(&mut document, &patch);
        prop_assert_eq!(document.pointer(at.as_str()), Some(&value));
        let mut patch = Patch::new();
        patch.remove(&Pointer::root().key(&keys[0]));
        apply(&mut document, &patch);
        prop_assert_eq!(document, json!({}));
        prop_assert!(matches!(patch.of(&cart()).unwrap().edit, Edit::JsonPatch(_)));
        prop_assert_eq!(Patch::new().of(&cart()), None);
        prop_assert_eq!(Patch::new().as_json(), "[]");
    }

    #[test]
    fn an_even_split_loses_nothing(weight in any::<u32>(), parts in 1_u32..50) {
        let split: Vec<_> = split_evenly(weight, parts).collect();
        prop_assert_eq!(split.len(), parts as usize);
        prop_assert_eq!(split.iter().copied().map(u64::from).sum::<u64>(), u64::from(weight));
        prop_assert!(split.iter().max().unwrap() - split.iter().min().unwrap() <= 1);
        prop_assert!(split.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn a_proportional_split_loses_nothing_and_is_off_by_less_than_one(
        weight in 0_u32..2_000_000,
        proportions in prop::collection::vec(prop_oneof![Just(0_u32), any::<u32>(), 0_u32..101], 1..8),
    ) {
        let split = split_by(weight, &proportions);
        prop_assert_eq!(split.iter().copied().map(u64::from).sum::<u64>(), u64::from(weight));
        let total: u128 = proportions.iter().copied().map(u128::from).sum();
        for (part, proportion) in split.iter().zip(&proportions).filter(|_| total > 0) {
            let exact = u128::from(weight) * u128::from(*proportion);
            prop_assert!((u128::from(*part) * total).abs_diff(exact) < total);
        }
    }
}

#[test]
fn splits_over_nothing_are_empty() {
    assert_eq!(split_evenly(5, 0).count(), 0);
    assert_eq!(split_by(5, &[]), [0_u32; 0]);
    assert_eq!(split_by(5, &[0, 0]), [5, 0]);
}
