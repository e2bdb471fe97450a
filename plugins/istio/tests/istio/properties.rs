//! What holds for any routes and any traffic.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Target, Traffic};

use crate::{Istio, cart, cart_with_service, cart_with_subsets, destination_rule, virtual_service_of};

/// A destination of the Rollout's, or of somebody else's.
fn destination() -> impl Strategy<Value = Value> {
    let host = prop_oneof![
        4 => Just("cart"), 1 => Just("cart.shop.svc.cluster.local"),
        4 => Just("cart-canary"), 1 => Just("cart-canary.shop"),
        1 => Just("search"), 1 => Just("cart.elsewhere"),
    ];
    let subset =
        prop_oneof![3 => Just(None), 2 => Just(Some("now")), 2 => Just(Some("next")), 1 => Just(Some("x"))];
    let weight = prop::option::weighted(0.8, prop_oneof![0_u32..=30, 0_u32..=100]);
    (host, subset, weight, any::<bool>()).prop_map(|(host, subset, weight, more)| {
        let mut destination = json!({"destination": {"host": host}});
        if let Some(subset) = subset {
            destination["destination"]["subset"] = json!(subset);
        }
        if let Some(weight) = weight {
            destination["weight"] = json!(weight);
        }
        if more {
            destination["headers"] = json!({"request": {"set": {"x": "1"}}});
            destination["later"] = json!({"weight": 1.5e300});
        }
        destination
    })
}

fn route() -> impl Strategy<Value = Value> {
    (prop::collection::vec(destination(), 0..6), any::<bool>()).prop_map(|(destinations, more)| {
        let mut route = json!({"route": destinations});
        if more {
            route["name"] = json!("a\"\\é");
            route["retries"] = json!({"attempts": 3, "weight": 7});
        }
        route
    })
}

fn routes() -> impl Strategy<Value = Value> {
    let list = || prop::collection::vec(route(), 0..3);
    (list(), list(), list()).prop_map(|(http, tls, tcp)| json!({"http": http, "tls": tls, "tcp": tcp}))
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![Just(cart_with_service()), Just(cart_with_subsets())]
}

fn traffic(target: &Target, canary: u32) -> Traffic {
    testing::traffic(target, canary)
}

fn objects(routes: Value) -> Objects {
    let subset = |name: &str| json!({"name": name, "labels": {"app": "cart"}});
    Objects::new().with(virtual_service_of("cart", routes)).with(destination_rule(json!([
        subset("now"),
        subset("x"),
        subset("next")
    ])))
}

/// The role of a destination for this target.
fn role<'a>(target: &Target, destination: &'a Value) -> Option<&'a str> {
    let host = destination["destination"]["host"].as_str()?;
    let subset = destination["destination"]["subset"].as_str();
    if target.stable_service.is_some() {
        return ["cart", "cart-canary"].into_iter().find(|service| {
            host.strip_prefix(service).is_some_and(|rest| rest.is_empty() || rest.starts_with(".shop"))
        });
    }
    let is_host = host == "cart" || host.starts_with("cart.shop");
    subset.filter(|subset| is_host && ["now", "next"].contains(subset))
}

fn lists(service: &Value) -> impl Iterator<Item = &Value> {
    ["http", "tls", "tcp"].into_iter().flat_map(|key| service["spec"][key].as_array().into_iter().flatten())
}

fn destinations(route: &Value) -> &[Value] {
    route["route"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_divided(target: &Target, route: &Value) -> bool {
    let mut roles: Vec<_> = destinations(route).iter().filter_map(|one| role(target, one)).collect();
    roles.sort_unstable();
    roles.dedup();
    roles.len() == 2
}

/// The object without the weights and hashes that are the Rollout's, as text: order and all.
fn foreign(target: &Target, object: &Value) -> String {
    let mut object = object.clone();
    for key in ["http", "tls", "tcp"] {
        for route in object["spec"][key].as_array_mut().into_iter().flatten() {
            if is_divided(target, route) {
                for destination in route["route"].as_array_mut().unwrap() {
                    if role(target, destination).is_some() {
                        destination.as_object_mut().unwrap().remove("weight");
                    }
                }
            }
        }
    }
    for subset in object["spec"]["subsets"].as_array_mut().into_iter().flatten() {
        subset["labels"].as_object_mut().unwrap().remove("rollouts-pod-template-hash");
    }
    object.to_string()
}

fn everything_foreign(target: &Target, objects: &Objects) -> Vec<String> {
    objects.iter().map(|(_, object)| foreign(target, object)).collect()
}

/// Any JSON value, with the keys that the plugin reads more often than others.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        "[a-zA-Z/~]{0,6}",
        prop::sample::select(vec![
            "virtualService",
            "virtualServices",
            "destinationRule",
            "name",
            "routes",
            "tlsRoutes",
            "tcpRoutes",
            "port",
            "sniHosts",
            "canarySubsetName",
            "stableSubsetName",
            "verify",
            "metadata",
            "generation",
            "spec",
            "http",
            "tls",
            "tcp",
            "match",
            "route",
            "destination",
            "host",
            "subset",
            "subsets",
            "labels",
            "weight",
            "status",
            "conditions",
            "type",
            "observedGeneration",
            "headers",
            "uri",
            "method",
            "exact",
            "regex",
            "ignoreUriCase",
        ])
        .prop_map(str::to_owned),
    ];
    let text = prop_oneof![
        ".{0,6}".boxed(),
        prop::sample::select(vec![
            "cart",
            "cart-canary",
            "now",
            "next",
            "Never",
            "Reconciled",
            "True",
            "users",
            "users-1"
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

/// Asks everything there is to ask about this text as every object.
fn ask_all(target: &Target, object: &str) {
    let traffic = testing::traffic(target, 20).with_managed_route("users", None);
    testing::ask_everything::<Istio>(target, &traffic, "networking.istio.io/v1", object);
}

proptest! {
    /// The kit's pass asserts that routing on its own result changes nothing, and that the shares are right.
    #[test]
    fn nothing_of_others_changes(routes in routes(), target in target(), canary in 0_u32..=100) {
        let before = objects(routes);
        let mut after = before.clone();
        match after.route::<Istio>(&target, &traffic(&target, canary)) {
            Ok(_) => prop_assert_eq!(everything_foreign(&target, &after), everything_foreign(&target, &before)),
            Err(problem) => {
                prop_assert_eq!(problem.code.as_str(), "missing-backend");
                prop_assert_eq!(&after, &before);
            }
        }
    }

    #[test]
    fn destinations_of_a_divided_route_sum_to_100(routes in routes(), target in target(), canary in 0_u32..=100) {
        let mut objects = objects(routes);
        let Ok(outcome) = objects.route::<Istio>(&target, &traffic(&target, canary)) else { return Ok(()) };
        for share in &outcome.shares {
            let service = objects.get("VirtualService", "shop", "cart").unwrap();
            let route = service.pointer(&share.at).unwrap();
            prop_assert!(is_divided(&target, route));
            let sum: u64 = destinations(route).iter().map(|one| one["weight"].as_u64().unwrap_or(0)).sum();
            prop_assert_eq!(sum, 100);
        }
    }

    #[test]
    fn releasing_leaves_canary_nothing(routes in routes(), target in target(), canary in 0_u32..=100, routed in any::<bool>()) {
        let before = objects(routes);
        let mut objects = before.clone();
        let routed = routed && objects.route::<Istio>(&target, &traffic(&target, canary)).is_ok();
        objects.release::<Istio>(&target, &traffic(&target, canary)).unwrap();
        prop_assert_eq!(everything_foreign(&target, &objects), everything_foreign(&target, &before));
        if routed {
            let canary = if target.stable_service.is_some() { "cart-canary" } else { "next" };
            for route in lists(objects.get("VirtualService", "shop", "cart").unwrap()) {
                let both = is_divided(&target, route);
                let mut ours = destinations(route).iter().filter(|one| role(&target, one) == Some(canary));
                prop_assert!(!both || ours.all(|one| one["weight"].as_u64().unwrap_or(0) == 0));
            }
            let rule = objects.get("DestinationRule", "shop", "cart").unwrap();
            prop_assert!(!rule.to_string().contains("rollouts-pod-template-hash"));
        }
    }

    /// What comes out depends on what is desired, not on the steps in which it came about.
    #[test]
    fn the_way_there_does_not_matter(routes in routes(), target in target(), first in 0_u32..=100, last in 0_u32..=100) {
        let start = objects(routes);
        let (mut direct, mut detour) = (start.clone(), start);
        let _ = detour.route::<Istio>(&target, &traffic(&target, first));
        let _ = detour.route::<Istio>(&target, &traffic(&target, last));
        let _ = direct.route::<Istio>(&target, &traffic(&target, last));
        // Weights of 0 may be absent or written.
        let written = |objects: &Objects| {
            let service = objects.get("VirtualService", "shop", "cart").unwrap();
            let weights = |route: &Value| -> Vec<u64> {
                destinations(route).iter().map(|one| one["weight"].as_u64().unwrap_or(0)).collect()
            };
            lists(service).map(weights).collect::<Vec<_>>()
        };
        prop_assert_eq!(written(&direct), written(&detour));
    }

    #[test]
    fn no_configuration_and_no_object_makes_it_panic(config in any_json(), settings in any_json(), object in any_json()) {
        ask_all(&cart(config.clone()).with_settings(&settings), &object.to_string());
        for target in [cart_with_service(), cart_with_subsets()] {
            ask_all(&target, &object.to_string());
            ask_all(&target, &json!({"metadata": object, "spec": object, "status": object}).to_string());
            ask_all(&target, &json!({"spec": {"http": [object, object], "tls": [object], "host": "cart",
                "subsets": [{"name": "now", "labels": object}, {"name": "next"}, object]}}).to_string());
        }
    }

    #[test]
    fn no_text_makes_it_panic(config in ".{0,40}", settings in ".{0,20}", object in ".{0,60}") {
        let mut target = cart_with_service();
        ask_all(&target, &object);
        target.settings = settings;
        ask_all(&target, "{}");
        target.config = config;
        ask_all(&target, &object);
    }
}
