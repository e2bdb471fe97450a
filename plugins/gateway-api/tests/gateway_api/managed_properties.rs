//! What holds for managed routes of any kind and any rules of the user's.

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{RequestMatch, Rule, RuleAction, TextMatch, Traffic};

use crate::managed::{exact, headers, rules};
use crate::properties::unmarked;
use crate::{GatewayApi, both, cart_with_route, http_route};

/// Names that managed routes have here.
const MANAGED: [&str; 3] = ["beta", "tap", "beta-1"];

/// A rule of a user's, with any name that no managed route has, or without.
fn user_rule() -> impl Strategy<Value = Value> {
    let name = prop_oneof![3 => Just(None), 1 => Just(Some("live")), 1 => Just(Some("beta-x")), 1 => Just(Some("tap2"))];
    let names = vec!["cart", "cart-canary", "search"];
    let backends = prop::collection::vec((prop::sample::select(names), prop::option::of(0_u32..=100)), 0..4);
    let a_match = prop_oneof![
        Just(json!({})),
        Just(json!({"path": {"type": "PathPrefix", "value": "/a"}})),
        Just(json!({"path": {"type": "Exact", "value": "/a/b"}, "method": "GET"})),
        Just(json!({"headers": [{"name": "x", "value": "1"}], "later": [1.5e300]})),
    ];
    let matches = prop::option::of(prop::collection::vec(a_match, 0..3));
    (name, backends, matches, any::<bool>()).prop_map(|(name, backends, matches, has_more)| {
        let mut rule = json!({});
        if let Some(name) = name {
            rule["name"] = json!(name);
        }
        if let Some(matches) = matches {
            rule["matches"] = json!(matches);
        }
        let backends = backends.iter().map(|(name, weight)| {
            let mut backend = json!({"name": name, "port": 80});
            if let Some(weight) = weight {
                backend["weight"] = json!(weight);
            }
            backend
        });
        rule["backendRefs"] = backends.collect();
        if has_more {
            rule["timeouts"] = json!({"request": "10s"});
            rule["filters"] = json!([{"type": "ExtensionRef", "extensionRef": {"group": "a", "kind": "B", "name": "é\"\\"}}]);
        }
        rule
    })
}

/// At most one rule of each name, as the API has it.
fn user_rules() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(user_rule(), 1..5).prop_map(|mut rules| {
        let mut seen = Vec::new();
        for rule in &mut rules {
            if let Some(name) = rule["name"].as_str().map(str::to_owned) {
                if seen.contains(&name) {
                    rule.as_object_mut().unwrap().remove("name");
                }
                seen.push(name);
            }
        }
        rules
    })
}

fn request() -> impl Strategy<Value = RequestMatch> {
    prop_oneof![
        Just(headers(&[("y", exact("2"))])),
        Just(headers(&[("x", exact("1")), ("z", TextMatch::Prefix("p.".to_owned()))])),
        Just(RequestMatch { method: Some(exact("GET")), path: None, headers: vec![] }),
        Just(RequestMatch { method: None, path: Some(TextMatch::Prefix("/a".to_owned())), headers: vec![] }),
    ]
}

fn rule() -> impl Strategy<Value = Option<Rule>> {
    let action = prop_oneof![Just(RuleAction::ToCanary), (0_u32..=100).prop_map(RuleAction::Mirror)];
    let rule = (prop::collection::vec(request(), 1..3), action)
        .prop_map(|(matches, action)| Rule { matches, action });
    prop::option::weighted(0.7, rule)
}

fn desired() -> impl Strategy<Value = Traffic> {
    (0_u32..=90, prop::collection::vec(rule(), MANAGED.len()), any::<bool>()).prop_map(
        |(canary, rules, extra)| {
            let mut traffic = testing::traffic(&cart_with_route(), canary);
            if extra {
                traffic = traffic.with_additional("baseline", "cart-baseline", 10);
            } else {
                let mut retired =
                    testing::traffic(&cart_with_route(), 0).with_additional("baseline", "cart-baseline", 0);
                traffic.retired = retired.additional.drain(..).collect();
            }
            MANAGED
                .iter()
                .zip(rules)
                .fold(traffic, |traffic, (name, rule)| traffic.with_managed_route(name, rule))
        },
    )
}

/// Whether a name is a managed route's, or of a further copy.
fn is_managed(rule: &Value) -> bool {
    let name = rule["name"].as_str().unwrap_or_default();
    MANAGED.iter().any(|managed| {
        name.strip_prefix(managed).is_some_and(|rest| rest.is_empty() || rest[1..].parse::<u32>().is_ok())
    })
}

/// The rules that are not managed, without the backends and weights that are the Rollout's where it divides.
fn users(rules: &[Value]) -> Vec<String> {
    let all = rules.iter().filter(|rule| !is_managed(rule)).cloned().map(|mut rule| {
        let divides = ["cart", "cart-canary"].iter().all(|name| {
            rule["backendRefs"].as_array().unwrap().iter().any(|backend| backend["name"] == *name)
        });
        if divides {
            let backends = rule["backendRefs"].as_array_mut().unwrap();
            backends.retain(|backend| backend["name"] != "cart-baseline");
            for backend in backends.iter_mut().filter(|backend| backend["name"] != "search") {
                backend.as_object_mut().unwrap().remove("weight");
            }
        }
        rule.to_string()
    });
    all.collect()
}

fn managed_route_of(rule: &Value) -> usize {
    let name = rule["name"].as_str().unwrap();
    // The longest name that it begins with: `beta-1` may also be a copy for `beta`, but never is while both exist.
    let place = |managed: &&str| *managed == name || name.starts_with(&format!("{managed}-"));
    let best = MANAGED.iter().filter(|managed| place(managed)).max_by_key(|managed| managed.len()).unwrap();
    MANAGED.iter().position(|managed| managed == best).unwrap()
}

proptest! {
    /// The kit's pass asserts that routing on its own result changes nothing, and that the shares are the desired ones.
    #[test]
    fn they_are_on_top_in_order_and_the_users_rules_stay(before in user_rules(), first in desired(), last in desired()) {
        let target = cart_with_route();
        let mut objects = Objects::new().with(http_route("cart", Value::from(before.clone())));
        for traffic in [&first, &last, &first] {
            let routed = objects.route::<GatewayApi>(&target, traffic);
            let after = rules(&objects);
            prop_assert_eq!(users(&after), users(&before));
            if let Err(problem) = routed {
                prop_assert!(["missing-backend", "unsupported"].contains(&problem.code.as_str()), "{}", problem);
                continue;
            }
            let managed: Vec<_> = after.iter().take_while(|rule| is_managed(rule)).collect();
            prop_assert_eq!(managed.len(), after.iter().filter(|rule| is_managed(rule)).count());
            let order: Vec<_> = managed.iter().map(|rule| managed_route_of(rule)).collect();
            prop_assert!(order.is_sorted(), "{:?}", managed);
            prop_assert!(order.iter().all(|place| traffic.managed_routes[*place].rule.is_some()));
        }
    }

    #[test]
    fn a_release_leaves_nothing_of_them(before in user_rules(), desired in desired()) {
        let target = cart_with_route();
        let start = http_route("cart", Value::from(before.clone()));
        let mut objects = Objects::new().with(start.clone());
        let _ = objects.route::<GatewayApi>(&target, &desired);
        objects.release::<GatewayApi>(&target, &desired).unwrap();
        let after = rules(&objects);
        prop_assert!(!after.iter().any(is_managed));
        prop_assert_eq!(users(&after), users(&before));
        let mut rest = unmarked(objects.get("HTTPRoute", "shop", "cart").unwrap());
        rest["spec"]["rules"] = start["spec"]["rules"].clone();
        prop_assert_eq!(rest, start);
    }

    /// What comes out depends on what is desired, not on what was there before.
    #[test]
    fn the_way_there_does_not_matter(mut before in user_rules(), first in desired(), last in desired()) {
        before.push(both(0));
        let target = cart_with_route();
        let start = Objects::new().with(http_route("cart", Value::from(before)));
        let (mut direct, mut detour) = (start.clone(), start);
        let by_detour = (detour.route::<GatewayApi>(&target, &first), detour.route::<GatewayApi>(&target, &last));
        let directly = direct.route::<GatewayApi>(&target, &last);
        if by_detour.0.is_err() || by_detour.1.is_err() || directly.is_err() {
            return Ok(());
        }
        prop_assert_eq!(written(&rules(&direct)), written(&rules(&detour)));
    }
}

/// Rules with all weights written.
fn written(rules: &[Value]) -> Vec<Value> {
    let mut rules = rules.to_vec();
    for rule in &mut rules {
        for backend in rule["backendRefs"].as_array_mut().unwrap() {
            if backend["weight"].is_null() {
                backend["weight"] = json!(1);
            }
        }
    }
    rules
}
