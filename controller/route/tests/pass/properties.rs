//! What holds for any objects, any changes and any answers.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};
use tidegate_contract::{Change, Edit, Kind, ObjectRef, Outcome, Query, Selection, Share, Verdict};
use tidegate_route::equal::equal;
use tidegate_route::{Answer, Purpose, apply, patch, tested_values_hold};

use crate::plugin::{
    Plugin, WEIGHT, kind, observation, outcome, pass, pass_on, query, reference, route, steady,
};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..4i64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(vec!["a", "b", "web-canary", "x/y~z"]).prop_map(Value::from),
    ]
}

fn key() -> impl Strategy<Value = String> {
    select(vec!["name", "weight", "a", "b", "x/y~z", "0", ""]).prop_map(str::to_owned)
}

/// Small values that often resemble each other.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((key(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// All places of a value.
fn pointers(value: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, found: &mut Vec<String>) {
        found.push(path.to_owned());
        match value {
            Value::Array(elements) => {
                for (index, value) in elements.iter().enumerate() {
                    walk(value, &format!("{path}/{index}"), found);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    walk(value, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    Set(Value),
    Remove,
    Insert(String, Value),
    Swap(Index),
    Copy(Index),
}

pub(crate) fn mutation() -> impl Strategy<Value = (Index, Mutation)> {
    let kinds = prop_oneof![
        value().prop_map(Mutation::Set),
        Just(Mutation::Remove),
        (key(), value()).prop_map(|(key, value)| Mutation::Insert(key, value)),
        any::<Index>().prop_map(Mutation::Swap),
        any::<Index>().prop_map(Mutation::Copy),
    ];
    (any::<Index>(), kinds)
}

/// Changes something somewhere below the root.
fn mutate(root: &mut Value, at: Index, mutation: &Mutation) {
    let places = pointers(root);
    let Some(place) = places.get(1..).filter(|places| !places.is_empty()).map(|places| at.get(places)) else {
        return;
    };
    let (parent, last) = place.rsplit_once('/').unwrap();
    match mutation {
        Mutation::Set(value) => *root.pointer_mut(place).unwrap() = value.clone(),
        Mutation::Remove => match root.pointer_mut(parent).unwrap() {
            Value::Array(elements) => drop(elements.remove(last.parse().unwrap())),
            Value::Object(fields) => drop(fields.remove(&last.replace("~1", "/").replace("~0", "~"))),
            _ => unreachable!(),
        },
        Mutation::Insert(key, value) => match root.pointer_mut(place).unwrap() {
            Value::Array(elements) => elements.insert(at.index(elements.len() + 1), value.clone()),
            Value::Object(fields) => drop(fields.insert(key.clone(), value.clone())),
            scalar => *scalar = value.clone(),
        },
        Mutation::Swap(with) => {
            if let Value::Array(elements) = root.pointer_mut(parent).unwrap() {
                let other = with.index(elements.len());
                elements.swap(last.parse().unwrap(), other);
            }
        }
        Mutation::Copy(from) => {
            let value = root.pointer(&places[from.index(places.len())]).unwrap().clone();
            if let Value::Array(elements) = root.pointer_mut(parent).unwrap() {
                elements.push(value);
            }
        }
    }
}

pub(crate) fn mutated(root: &Value, mutations: &[(Index, Mutation)]) -> Value {
    let mut root = root.clone();
    for (at, mutation) in mutations {
        mutate(&mut root, *at, mutation);
    }
    root
}

fn has_elements(value: &Value) -> bool {
    match value {
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(fields) => fields.values().any(has_elements),
        _ => false,
    }
}

/// The object without what a plugin may change: the weights of backends that are ours.
fn without_our_weights(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(rules) = object.pointer_mut("/spec/rules").and_then(Value::as_array_mut) {
        for backend in
            rules.iter_mut().filter_map(|rule| rule.get_mut("backendRefs")?.as_array_mut()).flatten()
        {
            if backend["name"] == "web-stable" || backend["name"] == "web-canary" {
                // A weight that is a list would be elements that come.
                let fields = backend.as_object_mut().unwrap();
                if !fields.get("weight").is_some_and(has_elements) {
                    fields.remove("weight");
                }
            }
        }
    }
    object
}

fn rule(name: Option<u8>, stable: u32, canary: u32, path: u8) -> Value {
    let mut rule = json!({
        "matches": [{"path": {"value": format!("/{path}")}}],
        "backendRefs": [
            {"name": "web-stable", "port": 80, "weight": stable},
            {"name": "web-canary", "port": 80, "weight": canary},
        ],
    });
    if let Some(name) = name {
        rule["name"] = json!(format!("rule-{name}"));
    }
    rule
}

proptest! {
    #[test]
    fn a_patch_makes_exactly_what_was_wanted(old in value(), new in value()) {
        let patched = apply(&patch(&old, &new), &old).unwrap();
        prop_assert!(equal(&patched, &new), "{patched} is not {new}");
    }

    #[test]
    fn and_so_it_does_for_small_changes(old in value(), mutations in vec(mutation(), 0..5)) {
        let new = mutated(&old, &mutations);
        let patch = patch(&old, &new);
        prop_assert_eq!(patch.is_empty(), equal(&old, &new));
        let patched = apply(&patch, &old).unwrap();
        prop_assert!(equal(&patched, &new), "{patched} is not {new}");
        prop_assert!(tested_values_hold(&patch, &old));
    }

    #[test]
    fn tests_say_beforehand_whether_a_patch_can_be_carried_out(
        old in value(), mutations in vec(mutation(), 1..3), meanwhile in vec(mutation(), 0..3)
    ) {
        let patch = patch(&old, &mutated(&old, &mutations));
        let meanwhile = mutated(&old, &meanwhile);
        prop_assert_eq!(tested_values_hold(&patch, &meanwhile), apply(&patch, &meanwhile).is_ok());
    }

    /// Whatever happens to the list in front of a rule, another rule is never hit.
    #[test]
    fn a_shifted_list_is_noticed(
        paths in vec((any::<bool>(), 0..3u32), 1..6), at in any::<Index>(), shift in any::<Index>(), remove: bool
    ) {
        let rules: Vec<_> = (0u8..).zip(&paths).map(|(index, (named, canary))| {
            rule(named.then_some(index), 100 - canary, *canary, index)
        }).collect();
        let old = json!({"metadata": {"uid": "u"}, "spec": {"rules": rules}});
        let mut new = old.clone();
        let index = at.index(rules.len());
        new["spec"]["rules"][index]["backendRefs"][1]["weight"] = json!(50);
        new["spec"]["rules"][index]["backendRefs"][0]["weight"] = json!(50);
        let patch = patch(&old, &new);
        let mut meanwhile = old.clone();
        let shifted = meanwhile["spec"]["rules"].as_array_mut().unwrap();
        let place = shift.index(index + 1);
        if remove {
            shifted.remove(place);
        } else {
            shifted.insert(place, rule(Some(200), 100, 0, 200));
        }
        prop_assert!(apply(&patch, &meanwhile).is_err());
        prop_assert!(!tested_values_hold(&patch, &meanwhile));
    }

    /// Whatever a plugin makes of an object, what is written changes nothing but our weights.
    #[test]
    fn nothing_else_is_ever_changed(mutations in vec(mutation(), 1..4), weights in vec((any::<Index>(), 0..100u32), 0..4)) {
        let old = route("web");
        let mut new = old.clone();
        for (at, weight) in &weights {
            let places: Vec<_> =
                pointers(&new).into_iter().filter(|place| place.ends_with("/weight")).collect();
            *new.pointer_mut(&places[at.index(places.len())]).unwrap() = json!(weight);
        }
        let new = mutated(&new, &mutations);
        let pass = pass_on(20, &old);
        let change = Change { reference: reference("web"), edit: Edit::Replace(new.to_string()) };
        let first = outcome(vec![change], steady(&pass.traffic, &pass.seen).shares);
        let allowed = equal(&without_our_weights(&old), &without_our_weights(&new));
        match Plugin::once(first).fields(&[WEIGHT]).run(&pass) {
            Answer::Routed(routed) => {
                prop_assert!(allowed);
                for write in &routed.writes {
                    prop_assert!(equal(&apply(write.patch().unwrap(), &old).unwrap(), &new));
                }
            }
            Answer::Refused(refusal) => prop_assert!(!allowed, "{refusal}: {new}"),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    /// An honest plugin is never refused.
    #[test]
    fn weights_of_any_route_are_set(
        rules in vec((option::of(any::<u8>()), 0..1000u32, 0..1000u32, any::<u8>()), 1..8),
        canary in 0..=100u32, release: bool
    ) {
        let mut web = route("web");
        web["spec"]["rules"] =
            rules.iter().map(|(name, stable, canary, path)| rule(*name, *stable, *canary, *path)).collect();
        let mut pass = pass_on(canary, &web);
        pass.purpose = if release { Purpose::Release } else { Purpose::Route };
        let expected = if release { 0 } else { canary };
        let answer = Plugin::honest().run(&pass);
        let Answer::Routed(routed) = answer else { return Err(TestCaseError::fail(format!("{answer:?}"))) };
        let mut after = web.clone();
        for write in &routed.writes {
            after = apply(write.patch().unwrap(), &after).unwrap();
        }
        for rule in after["spec"]["rules"].as_array().unwrap() {
            prop_assert_eq!(&rule["backendRefs"][0]["weight"], &json!(100 - expected));
            prop_assert_eq!(&rule["backendRefs"][1]["weight"], &json!(expected));
        }
        prop_assert!(equal(&without_our_weights(&after), &without_our_weights(&web)));
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec!["web", "shop", "", "/", "/spec", "stable", "canary", "{}", "[]", "[{}]", "null", "gone"])
            .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => Just(kind()),
        1 => Just(Kind::new("", "Secret")),
        1 => Just(Kind::new("example.com", "Made")),
        1 => (any_text(), any_text()).prop_map(|(group, kind)| Kind { group, kind }),
    ]
}

fn any_reference() -> impl Strategy<Value = ObjectRef> {
    prop_oneof![
        4 => Just(reference("web")),
        1 => (any_kind(), option::of(any_text()), any_text())
            .prop_map(|(kind, namespace, name)| ObjectRef { kind, namespace, name }),
    ]
}

fn any_query() -> impl Strategy<Value = Query> {
    let select = prop_oneof![any_text().prop_map(Selection::Name), any_text().prop_map(Selection::Labels)];
    prop_oneof![
        4 => Just(query("web")),
        1 => (any_kind(), option::of(any_text()), select, any::<bool>())
            .prop_map(|(kind, namespace, select, optional)| Query { kind, namespace, select, optional }),
    ]
}

fn any_operation() -> impl Strategy<Value = Value> {
    let place = || {
        prop_oneof![
            select(pointers(&route("web"))),
            select(pointers(&route("web"))).prop_map(|place| format!("{place}/-")),
            select(pointers(&route("web"))).prop_map(|place| format!("{place}/0")),
            any_text(),
        ]
    };
    let op = select(vec!["add", "remove", "replace", "move", "copy", "test", "what"]);
    (op, place(), place(), value())
        .prop_map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}))
}

fn any_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        any_text().prop_map(Edit::Replace),
        any_text().prop_map(Edit::JsonPatch),
        Just(Edit::Remove),
        value().prop_map(|value| Edit::Replace(value.to_string())),
        vec(mutation(), 0..4)
            .prop_map(|mutations| Edit::Replace(mutated(&route("web"), &mutations).to_string())),
        vec(any_operation(), 0..6).prop_map(|patch| Edit::JsonPatch(Value::from(patch).to_string())),
    ]
}

fn any_share() -> impl Strategy<Value = Share> {
    let number = || prop_oneof![Just(0), Just(20), Just(80), Just(100), any::<u32>()];
    (any_reference(), any_text(), any_text(), number(), number())
        .prop_map(|(about, at, destination, weight, total)| Share { about, at, destination, weight, total })
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let change = (any_reference(), any_edit()).prop_map(|(reference, edit)| Change { reference, edit });
    let facts = vec((any_text(), any_text()), 0..3);
    (vec(change, 0..4), vec(any_share(), 0..6), any_text(), vec(any_text(), 0..3), facts).prop_map(
        |(changes, shares, why, notes, facts)| Outcome {
            changes,
            shares,
            verdict: Verdict::Pending(why),
            notes,
            facts,
        },
    )
}

fn any_fields() -> impl Strategy<Value = Vec<String>> {
    let fields =
        vec!["/*", "/spec", "/spec/rules/*", "/metadata/labels/*", WEIGHT, "", "/~", "/spec/*/*/*/*"];
    vec(select(fields).prop_map(str::to_owned), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Whatever a plugin answers, there is an answer, and it is always the same one.
    #[test]
    fn any_answer_has_an_answer(
        located in vec(vec(any_query(), 0..3), 1..5),
        outcomes in vec(any_outcome(), 1..3),
        fields in any_fields(),
        max_weight in prop_oneof![Just(100), Just(0), any::<u32>()],
        release: bool,
        config in any_text(),
    ) {
        let mut pass = pass(20, vec![observation("web", &route("web"))]);
        pass.traffic.max_weight = max_weight;
        pass.target.config = config;
        pass.purpose = if release { Purpose::Release } else { Purpose::Route };
        let answer = || {
            let (mut queries, mut answers) = (located.iter().cycle(), outcomes.iter().cycle());
            let fields: Vec<_> = fields.iter().map(String::as_str).collect();
            Plugin::new(|_, _, _| Ok(answers.next().unwrap().clone()))
                .locate(|_| Ok(queries.next().unwrap().clone()))
                .fields(&fields)
                .run(&pass)
        };
        prop_assert_eq!(answer(), answer());
    }

    /// The same for edits that reach the guard and the second question.
    #[test]
    fn any_edit_has_an_answer(edit in any_edit(), fields in any_fields()) {
        let pass = pass_on(20, &route("web"));
        let change = Change { reference: reference("web"), edit };
        let first = outcome(vec![change], steady(&pass.traffic, &pass.seen).shares);
        let fields: Vec<_> = fields.iter().map(String::as_str).collect();
        if let Answer::Routed(routed) = Plugin::once(first).fields(&fields).run(&pass) {
            for write in &routed.writes {
                let before = route("web");
                let after = apply(write.patch().unwrap(), &before).unwrap();
                for reserved in ["/apiVersion", "/kind", "/metadata/name", "/metadata/uid", "/status"] {
                    prop_assert_eq!(after.pointer(reserved), before.pointer(reserved));
                }
            }
        }
    }
}
