//! What holds for any route and any traffic.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Target, Traffic};

use crate::{GatewayApi, cart, cart_with_route, http_route};

/// A backend of the Rollout's, or of somebody else's.
fn backend() -> impl Strategy<Value = Value> {
    let name =
        prop_oneof![4 => Just("cart"), 4 => Just("cart-canary"), 1 => Just("search"), 1 => Just("tap")];
    let namespace = prop_oneof![6 => Just(None), 1 => Just(Some("shop")), 1 => Just(Some("elsewhere"))];
    let kind = prop_oneof![6 => Just(None), 3 => Just(Some("Service")), 1 => Just(Some("Other"))];
    let weight = prop::option::weighted(0.8, prop_oneof![0_u32..=100, 0_u32..=1_000_000]);
    (name, namespace, kind, weight, any::<bool>()).prop_map(|(name, namespace, kind, weight, more)| {
        let mut backend = json!({"name": name, "port": 80});
        for (key, value) in [("namespace", namespace), ("kind", kind)] {
            if let Some(value) = value {
                backend[key] = json!(value);
            }
        }
        if let Some(weight) = weight {
            backend["weight"] = json!(weight);
        }
        if more {
            backend["filters"] =
                json!([{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a"]}}]);
            backend["later"] = json!({"weight": 1.5e300});
        }
        backend
    })
}

fn rules() -> impl Strategy<Value = Value> {
    let rule = (prop::collection::vec(backend(), 0..6), any::<bool>()).prop_map(|(backends, more)| {
        let mut rule =
            json!({"matches": [{"path": {"type": "Exact", "value": "/a\"\\é"}}], "backendRefs": backends});
        if more {
            rule["name"] = json!("named");
            rule["timeouts"] = json!({"request": "10s", "weight": 7});
        }
        rule
    });
    prop::collection::vec(rule, 1..5).prop_map(Value::from)
}

fn desired() -> impl Strategy<Value = Traffic> {
    prop_oneof![Just(100_u32), 1_u32..=1_000_000].prop_flat_map(|max| {
        (0..=max).prop_map(move |canary| {
            let mut traffic = testing::traffic(&cart_with_route(), 0);
            traffic.canary.weight = canary;
            traffic.out_of(max)
        })
    })
}

/// Whether a backend means one of the Rollout's Services, and which.
fn role(backend: &Value) -> Option<&str> {
    let is_ours = backend["namespace"].as_str().is_none_or(|namespace| namespace == "shop")
        && backend["kind"].as_str().is_none_or(|kind| kind == "Service");
    backend["name"].as_str().filter(|name| is_ours && ["cart", "cart-canary"].contains(name))
}

fn backends(rule: &Value) -> &[Value] {
    rule["backendRefs"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_place(rule: &Value) -> bool {
    ["cart", "cart-canary"]
        .iter()
        .all(|name| backends(rule).iter().any(|backend| role(backend) == Some(name)))
}

/// The route without the mark of a canary under way.
pub(crate) fn unmarked(route: &Value) -> Value {
    let mut route = route.clone();
    for (map, key) in [
        ("labels", "rollouts.argoproj.io/gatewayapi-canary"),
        ("annotations", "rollouts.argoproj.io/gatewayapi-active-rollouts"),
    ] {
        let metadata = route["metadata"].as_object_mut().unwrap();
        if let Some(Value::Object(entries)) = metadata.get_mut(map) {
            entries.remove(key);
            if entries.is_empty() {
                metadata.remove(map);
            }
        }
    }
    route
}

/// The route without the weights that are the Rollout's, as text: order and all.
fn foreign(route: &Value) -> String {
    let mut route = unmarked(route);
    for rule in route["spec"]["rules"].as_array_mut().unwrap() {
        if is_place(rule) {
            for backend in rule["backendRefs"].as_array_mut().unwrap() {
                if role(backend).is_some() {
                    backend.as_object_mut().unwrap().remove("weight");
                }
            }
        }
    }
    route.to_string()
}

/// What the Services get in each place.
fn sums(route: &Value) -> Vec<(u64, u64)> {
    let rules = route["spec"]["rules"].as_array().unwrap();
    let sum = |rule: &Value, name| {
        let ours = backends(rule).iter().filter(|backend| role(backend) == Some(name));
        ours.map(|backend| backend["weight"].as_u64().unwrap_or(1)).sum()
    };
    rules
        .iter()
        .filter(|rule| is_place(rule))
        .map(|rule| (sum(rule, "cart"), sum(rule, "cart-canary")))
        .collect()
}

/// Any JSON value, with the keys that the plugin reads more often than others.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        "[a-zA-Z/~]{0,6}",
        prop::sample::select(vec![
            "httpRoute",
            "httpRoutes",
            "httpRouteSelector",
            "httpRouteRuleName",
            "grpcRoutes",
            "namespace",
            "verify",
            "matchLabels",
            "matchExpressions",
            "key",
            "operator",
            "values",
            "name",
            "ruleName",
            "useHeaderRoutes",
            "spec",
            "rules",
            "backendRefs",
            "weight",
            "status",
            "parents",
            "parentRef",
            "parentRefs",
            "conditions",
            "type",
            "observedGeneration",
            "metadata",
            "generation",
            "kind",
            "group",
        ])
        .prop_map(str::to_owned),
    ];
    let text = prop_oneof![
        ".{0,6}".boxed(),
        prop::sample::select(vec![
            "cart",
            "cart-canary",
            "Always",
            "In",
            "Exists",
            "Accepted",
            "True",
            "False",
            "Service"
        ])
        .prop_map(str::to_owned)
        .boxed(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Asks everything there is to ask about this object as the route.
fn ask_all(target: &Target, object: &str) {
    let traffic = testing::traffic(target, 20);
    testing::ask_everything::<GatewayApi>(target, &traffic, "gateway.networking.k8s.io/v1", object);
}

proptest! {
    /// The kit's pass asserts that routing on its own result changes nothing.
    #[test]
    fn weights_sum_to_max_weight_in_each_place_and_nothing_else_changes(rules in rules(), traffic in desired()) {
        let target = cart_with_route();
        let before = http_route("cart", rules);
        let mut objects = Objects::new().with(before.clone());
        let routed = objects.route::<GatewayApi>(&target, &traffic);
        let after = objects.get("HTTPRoute", "shop", "cart").unwrap();
        prop_assert_eq!(foreign(after), foreign(&before));
        match routed {
            Ok(outcome) => {
                let (stable, canary) = (u64::from(traffic.stable.weight), u64::from(traffic.canary.weight));
                prop_assert!(!sums(after).is_empty());
                prop_assert!(sums(after).iter().all(|sum| *sum == (stable, canary)));
                prop_assert_eq!(outcome.changes.is_empty(), before == *after);
            }
            Err(problem) => {
                prop_assert_eq!(problem.code.as_str(), "missing-backend");
                prop_assert_eq!(sums(after), []);
                prop_assert_eq!(after, &before);
            }
        }
    }

    #[test]
    fn releasing_leaves_all_to_stable_and_nothing_else_different(rules in rules(), traffic in desired(), routed in any::<bool>()) {
        let target = cart_with_route();
        let before = http_route("cart", rules);
        let mut objects = Objects::new().with(before.clone());
        if routed {
            let _ = objects.route::<GatewayApi>(&target, &traffic);
        }
        objects.release::<GatewayApi>(&target, &traffic).unwrap();
        let after = objects.get("HTTPRoute", "shop", "cart").unwrap();
        prop_assert_eq!(foreign(after), foreign(&before));
        prop_assert!(sums(after).iter().all(|sum| *sum == (u64::from(traffic.max_weight), 0)));
    }

    /// What comes out depends on what is desired, not on what was there or in which steps it came about.
    #[test]
    fn the_way_there_does_not_matter(rules in rules(), first in desired(), last in desired()) {
        let target = cart_with_route();
        let start = Objects::new().with(http_route("cart", rules));
        let (mut direct, mut detour) = (start.clone(), start);
        let _ = detour.route::<GatewayApi>(&target, &first);
        let _ = detour.route::<GatewayApi>(&target, &last);
        let _ = direct.route::<GatewayApi>(&target, &last);
        // Weights of 1 may be absent or written.
        let written = |objects: &Objects| {
            let mut route = unmarked(objects.get("HTTPRoute", "shop", "cart").unwrap());
            for rule in route["spec"]["rules"].as_array_mut().unwrap() {
                for backend in rule["backendRefs"].as_array_mut().unwrap() {
                    if backend["weight"].is_null() {
                        backend["weight"] = json!(1);
                    }
                }
            }
            route
        };
        prop_assert_eq!(written(&direct), written(&detour));
    }

    #[test]
    fn no_configuration_and_no_object_makes_it_panic(config in any_json(), settings in any_json(), object in any_json()) {
        ask_all(&cart(&config).with_settings(&settings), &object.to_string());
        ask_all(&cart(&config), &object.to_string());
        ask_all(&cart(&json!({"httpRoute": "cart", "namespace": "gw"})), &object.to_string());
        ask_all(&cart_with_route(), &json!({"metadata": object, "spec": {"rules": [object], "parentRefs": [object]},
            "status": {"parents": [object]}}).to_string());
    }

    #[test]
    fn no_text_makes_it_panic(config in ".{0,40}", settings in ".{0,20}", object in ".{0,60}") {
        let mut target = cart_with_route();
        ask_all(&target, &object);
        target.settings = settings;
        ask_all(&target, "{}");
        target.config = config;
        ask_all(&target, &object);
    }
}
