//! Whatever a plugin answers, what is written does no harm: judged by a second, plainer account of the rules,
//! which knows one kind of object only.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use tidegate_contract::{Change, Edit, ManagedRoute, Object, Observation, Rule, RuleAction};
use tidegate_route::equal::equal;
use tidegate_route::{Answer, Pass, apply};

use crate::plugin::{Plugin, WEIGHT, elements, made_kind, outcome, pass_on, query, reference, route, steady};
use crate::properties::{Mutation, mutated, mutation, value};

const SERVICES: [&str; 2] = ["web-stable", "web-canary"];
const OWN_RULES: [&str; 3] = ["beta", "beta-1", "beta-22"];

fn name() -> impl Strategy<Value = &'static str> {
    select(vec![
        "web-stable",
        "web-canary",
        "web-canary.shop",
        "web-canary.other",
        "beta",
        "beta-1",
        "beta-22",
        "beta-x",
        "legacy",
        "shared",
        "web",
    ])
}

fn backend() -> impl Strategy<Value = Value> {
    (name(), option::weighted(0.2, select(vec!["shop", "other"])), 0..3u32).prop_map(
        |(name, namespace, weight)| {
            let mut backend = json!({"name": name, "weight": weight});
            if let Some(namespace) = namespace {
                backend["namespace"] = json!(namespace);
            }
            backend
        },
    )
}

fn rule() -> impl Strategy<Value = Value> {
    let name = prop_oneof![2 => select(OWN_RULES.to_vec()).prop_map(Some), 1 => option::of(name())];
    (name, vec(backend(), 0..4), 0..3u32).prop_map(|(name, backends, path)| {
        let mut rule = json!({"matches": [{"path": path}], "backendRefs": backends});
        if let Some(name) = name {
            rule["name"] = json!(name);
        }
        rule
    })
}

fn web(rules: &[Value]) -> Value {
    let mut web = route("web");
    web["spec"]["rules"] = json!(rules);
    web
}

/// What a plugin might do to a route.
#[derive(Clone, Debug)]
enum Deed {
    AddRule(Index, Value),
    RemoveRule(Index),
    MoveRule(Index, Index),
    AddBackend(Index, Index, Value),
    RemoveBackend(Index, Index),
    Weigh(Index, Index, u32),
    Anything(Index, Mutation),
}

fn deed() -> impl Strategy<Value = Deed> {
    let at = any::<Index>;
    prop_oneof![
        3 => (at(), rule()).prop_map(|(at, rule)| Deed::AddRule(at, rule)),
        2 => at().prop_map(Deed::RemoveRule),
        1 => (at(), at()).prop_map(|(from, to)| Deed::MoveRule(from, to)),
        2 => (at(), at(), backend()).prop_map(|(rule, at, backend)| Deed::AddBackend(rule, at, backend)),
        2 => (at(), at()).prop_map(|(rule, at)| Deed::RemoveBackend(rule, at)),
        3 => (at(), at(), 0..3u32).prop_map(|(rule, at, weight)| Deed::Weigh(rule, at, weight)),
        1 => mutation().prop_map(|(at, mutation)| Deed::Anything(at, mutation)),
    ]
}

fn done(object: &Value, deed: &Deed) -> Value {
    fn list<'v>(object: &'v mut Value, pointer: &str) -> Option<&'v mut Vec<Value>> {
        object.pointer_mut(pointer)?.as_array_mut()
    }
    let mut object = object.clone();
    let rules = list(&mut object, "/spec/rules").map_or(0, |rules| rules.len());
    let backends = |rule: &Index| format!("/spec/rules/{}/backendRefs", rule.index(rules));
    let place = |at: &Index, list: &Vec<Value>| (!list.is_empty()).then(|| at.index(list.len()));
    match deed {
        Deed::Anything(at, mutation) => return mutated(&object, &[(*at, mutation.clone())]),
        Deed::AddRule(at, rule) => {
            if let Some(rules) = list(&mut object, "/spec/rules") {
                rules.insert(at.index(rules.len() + 1), rule.clone());
            }
        }
        _ if rules == 0 => {}
        Deed::RemoveRule(at) => drop(list(&mut object, "/spec/rules").unwrap().remove(at.index(rules))),
        Deed::MoveRule(from, to) => {
            let list = list(&mut object, "/spec/rules").unwrap();
            let rule = list.remove(from.index(rules));
            list.insert(to.index(rules), rule);
        }
        Deed::AddBackend(rule, at, backend) => {
            if let Some(list) = list(&mut object, &backends(rule)) {
                list.insert(at.index(list.len() + 1), backend.clone());
            }
        }
        Deed::RemoveBackend(rule, at) => {
            if let Some(list) = list(&mut object, &backends(rule))
                && let Some(at) = place(at, list)
            {
                list.remove(at);
            }
        }
        Deed::Weigh(rule, at, weight) => {
            if let Some(list) = list(&mut object, &backends(rule))
                && let Some(at) = place(at, list)
                && list[at].is_object()
            {
                list[at]["weight"] = json!(weight);
            }
        }
    }
    object
}

/// The Rollout of the tests with the managed route `beta`.
fn pass(web: &Value) -> Pass {
    let mut pass = pass_on(20, web);
    let rule = Rule { matches: Vec::new(), action: RuleAction::ToCanary };
    pass.traffic.managed_routes = vec![ManagedRoute { name: "beta".into(), rule: Some(rule) }];
    pass
}

fn answer(old: &Value, new: &Value) -> Answer {
    let pass = pass(old);
    let change = Change { reference: reference("web"), edit: Edit::Replace(new.to_string()) };
    let first = outcome(vec![change], steady(&pass.traffic, &pass.seen).shares);
    Plugin::once(first).fields(&[WEIGHT]).elements(elements()).run(&pass)
}

// ---- The rules once more ----

fn is_in_our_namespace(element: &Value) -> bool {
    ["shop", ""].contains(&element["namespace"].as_str().unwrap_or(""))
        && (element["namespace"].is_string() || element["namespace"].is_null())
}

fn is_own(element: &Value) -> bool {
    let name = element["name"].as_str().unwrap_or("");
    OWN_RULES.contains(&name)
        || is_in_our_namespace(element) && (SERVICES.contains(&name) || name == "web-canary.shop")
}

/// Whether a rule or backend of the kinds made here names something of the Rollout's, or `web`, which is configured.
fn has_to_do_with_us(element: &Value) -> bool {
    match element {
        Value::Object(fields) => {
            is_own(element)
                || element["name"] == "web"
                || fields.iter().any(|(key, value)| {
                    // What is called otherwise than a name counts too; a name was looked at above.
                    let text = value.as_str().unwrap_or("");
                    let loose = key != "name" && (text == "web" || OWN_RULES.contains(&text))
                        || key != "name" && SERVICES.contains(&text) && is_in_our_namespace(element);
                    loose || !value.is_string() && has_to_do_with_us(value)
                })
        }
        Value::Array(elements) => elements.iter().any(|element| match element.as_str() {
            Some(text) => SERVICES.contains(&text) || OWN_RULES.contains(&text) || text == "web",
            None => has_to_do_with_us(element),
        }),
        _ => false,
    }
}

fn rules(object: &Value) -> Vec<Value> {
    object["spec"]["rules"].as_array().cloned().unwrap_or_default()
}

/// A rule of others, without what may change in it.
fn essence(old_rule: &Value, rule: &Value) -> Value {
    let mut rule = rule.clone();
    if has_to_do_with_us(old_rule)
        && let Some(backends) = rule.get_mut("backendRefs").and_then(Value::as_array_mut)
    {
        backends.retain(|backend| !is_own(backend));
        for backend in backends.iter_mut().filter(|backend| has_to_do_with_us(backend)) {
            backend.as_object_mut().unwrap().remove("weight");
        }
    }
    // An empty list and none are the same to these rules: neither has an element of others.
    if rule["backendRefs"].as_array().is_none_or(Vec::is_empty)
        && let Some(fields) = rule.as_object_mut()
        && fields.get("backendRefs").is_none_or(Value::is_array)
    {
        fields.remove("backendRefs");
    }
    rule
}

fn backend_names(rule: &Value) -> Vec<(String, String)> {
    let backends = rule["backendRefs"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    backends.iter().map(|backend| (text(&backend["name"]), text(&backend["namespace"]))).collect()
}

/// What is wrong with a change, if anything.
fn harm(old: &Value, new: &Value) -> Option<String> {
    let without_rules = |object: &Value| {
        let mut object = object.clone();
        object["spec"].as_object_mut().unwrap().remove("rules");
        object
    };
    if !equal(&without_rules(old), &without_rules(new)) {
        return Some("something beside the rules".into());
    }
    let others = |object: &Value| rules(object).into_iter().filter(|rule| !is_own(rule)).collect::<Vec<_>>();
    let (before, after) = (others(old), others(new));
    if before.len() != after.len() {
        return Some("somebody else's rule came or went".into());
    }
    for (before, after) in before.iter().zip(&after) {
        if !equal(&essence(before, before), &essence(before, after)) {
            return Some(format!("somebody else's rule {before} became {after}"));
        }
    }
    let known: Vec<_> =
        rules(old).iter().filter(|rule| has_to_do_with_us(rule)).flat_map(backend_names).collect();
    for rule in
        rules(new).iter().filter(|rule| is_own(rule) && !rules(old).iter().any(|old| equal(old, rule)))
    {
        for (name, namespace) in backend_names(rule) {
            let backend = json!({"name": name, "namespace": namespace});
            let is_configured = name == "web" && is_in_our_namespace(&backend);
            if !name.is_empty()
                && !is_own(&backend)
                && !is_configured
                && !known.contains(&(name.clone(), namespace))
            {
                return Some(format!("an own rule sends to {name}"));
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_is_permitted_changes_nothing_of_others(rules in vec(rule(), 0..5), deeds in vec(deed(), 1..4)) {
        let old = web(&rules);
        let new = deeds.iter().fold(old.clone(), |object, deed| done(&object, deed));
        if let Answer::Routed(routed) = answer(&old, &new) {
            for write in &routed.writes {
                let after = apply(write.patch().unwrap(), &old).unwrap();
                prop_assert_eq!(harm(&old, &after), None);
            }
        }
    }

    /// And what does no harm is not refused, as long as a plugin keeps to what it knows.
    #[test]
    fn what_harms_nobody_is_permitted(
        rules in vec(rule(), 0..5),
        deeds in vec(deed().prop_filter("one that knows what it does", |deed| !matches!(deed, Deed::Anything(..))), 1..4),
    ) {
        let old = web(&rules);
        let new = deeds.iter().fold(old.clone(), |object, deed| done(&object, deed));
        if harm(&old, &new).is_none() {
            let answer = answer(&old, &new);
            prop_assert!(matches!(answer, Answer::Routed(_)), "{:?}\n{}\n{}", answer, old["spec"]["rules"], new["spec"]["rules"]);
        }
    }

    /// Of an object that a plugin made, the host's part stays.
    #[test]
    fn own_objects_stay_owned(new in value(), mutations in vec(mutation(), 0..4), whole: bool) {
        let old = json!({
            "apiVersion": "example.com/v1", "kind": "Made",
            "metadata": {
                "name": "m", "namespace": "shop", "uid": "u", "finalizers": ["f"],
                "labels": {"app.kubernetes.io/managed-by": "tidegate", "a": "b"},
                "ownerReferences": [{"kind": "Rollout", "name": "web", "uid": "uid-rollout", "controller": true}],
            },
            "spec": {"a": [1, 2]},
            "status": {"b": 1},
        });
        let new = if whole { new } else { mutated(&old, &mutations) };
        let own = tidegate_contract::ObjectRef { kind: made_kind(), namespace: Some("shop".into()), name: "m".into() };
        let made = tidegate_contract::Query { kind: made_kind(), ..query("m") };
        let object = Object { reference: own.clone(), api_version: "example.com/v1".into(), json: old.to_string().into() };
        let mut pass = pass_on(20, &route("web"));
        pass.seen.push(Observation { query: made.clone(), served: true, objects: vec![object] });
        let mut changes = vec![Change { reference: own, edit: Edit::Replace(new.to_string()) }];
        let plugin = Plugin::new(|_, traffic, seen| {
            let shares = steady(traffic, &seen[..1]).shares;
            Ok(outcome(std::mem::take(&mut changes), shares))
        });
        let answer = plugin.locate(|_| Ok(vec![query("web"), made.clone()])).run(&pass);
        if let Answer::Routed(routed) = answer {
            for write in &routed.writes {
                let after = apply(write.patch().unwrap(), &old).unwrap();
                for kept in [
                    "/apiVersion", "/kind", "/status", "/metadata/name", "/metadata/namespace", "/metadata/uid",
                    "/metadata/finalizers", "/metadata/ownerReferences",
                    "/metadata/labels/app.kubernetes.io~1managed-by",
                ] {
                    prop_assert_eq!(after.pointer(kept), old.pointer(kept));
                }
            }
        }
    }
}
