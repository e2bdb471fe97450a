//! What holds for any Ingress and any traffic.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Target, Traffic};

use crate::{Nginx, canary, cart, cart_with_ingress, ingress, path, route};

fn rules() -> impl Strategy<Value = Value> {
    let backend = prop_oneof![3 => Just("cart"), 1 => Just("cart-canary"), 1 => Just("search")];
    let one = (prop::sample::select(vec!["/", "/a", "/\"\\é"]), backend)
        .prop_map(|(at, service)| path(at, service));
    let http = prop::option::weighted(0.8, prop::collection::vec(one, 0..4));
    let host = prop::option::of(prop::sample::select(vec!["a.example", "*.b.example"]));
    let rule = (host, http).prop_map(|(host, paths)| {
        let mut rule = json!({});
        if let Some(host) = host {
            rule["host"] = json!(host);
        }
        if let Some(paths) = paths {
            rule["http"] = json!({"paths": paths});
        }
        rule
    });
    prop::collection::vec(rule, 0..4).prop_map(Value::from)
}

fn desired() -> impl Strategy<Value = Traffic> {
    prop_oneof![Just(100_u32), 1_u32..=1_000_000].prop_flat_map(|max| {
        (0..=max).prop_map(move |canary| {
            let mut traffic = testing::traffic(&cart_with_ingress(), 0);
            traffic.canary.weight = canary;
            traffic.out_of(max)
        })
    })
}

/// All paths with a backend of this Service: host and path.
fn paths(ingress: &Value, service: &str) -> Vec<(Value, Value)> {
    let rules = ingress["spec"]["rules"].as_array().into_iter().flatten();
    rules
        .flat_map(|rule| {
            let paths = rule["http"]["paths"].as_array().into_iter().flatten();
            let to_service = paths.filter(|path| path["backend"]["service"]["name"] == service);
            to_service.map(|path| (rule["host"].clone(), path["path"].clone())).collect::<Vec<_>>()
        })
        .collect()
}

/// Any JSON value, with the keys that the plugin reads more often than others.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        "[a-zA-Z/~]{0,6}",
        prop::sample::select(vec![
            "stableIngress",
            "stableIngresses",
            "annotationPrefix",
            "additionalIngressAnnotations",
            "canaryIngressAnnotations",
            "metadata",
            "annotations",
            "ownerReferences",
            "uid",
            "controller",
            "spec",
            "ingressClassName",
            "rules",
            "host",
            "http",
            "paths",
            "path",
            "pathType",
            "backend",
            "service",
            "name",
            "port",
            "nginx.ingress.kubernetes.io/canary",
            "nginx.ingress.kubernetes.io/canary-weight",
        ])
        .prop_map(str::to_owned),
    ];
    let text = prop_oneof![
        ".{0,6}".boxed(),
        prop::sample::select(vec!["cart", "web", "true", "20", "shop-cart-uid"])
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
    let traffic = testing::traffic(target, 20);
    testing::ask_everything::<Nginx>(target, &traffic, "networking.k8s.io/v1", object);
}

proptest! {
    /// The kit's pass asserts that routing on its own result changes nothing, and that the shares are right.
    #[test]
    fn the_canary_ingress_has_the_paths_of_the_stable_service(rules in rules(), traffic in desired()) {
        let stable = ingress("web", rules);
        let mut objects = Objects::new().with(stable.clone());
        match objects.route::<Nginx>(&cart_with_ingress(), &traffic) {
            Ok(_) => {
                let made = canary(&objects).unwrap();
                prop_assert_eq!(paths(made, "cart-canary"), paths(&stable, "cart"));
                prop_assert_eq!(paths(made, "cart"), []);
                let weight = made["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"].clone();
                prop_assert_eq!(weight, json!(traffic.canary.weight.to_string()));
            }
            Err(problem) => {
                prop_assert_eq!(problem.code.as_str(), "missing-backend");
                prop_assert_eq!(paths(&stable, "cart"), []);
            }
        }
        prop_assert_eq!(objects.get("Ingress", "shop", "web"), Some(&stable));
    }

    #[test]
    fn the_way_there_does_not_matter(before in rules(), after in rules(), first in desired(), last in desired()) {
        let end = |start: Objects| {
            let mut objects = start.with(ingress("web", after.clone()));
            objects.route::<Nginx>(&cart_with_ingress(), &last).is_ok().then_some(objects)
        };
        let mut detour = Objects::new().with(ingress("web", before));
        let _ = detour.route::<Nginx>(&cart_with_ingress(), &first);
        prop_assert_eq!(end(Objects::new()), end(detour));
    }

    #[test]
    fn releasing_leaves_only_what_was_there(rules in rules(), traffic in desired(), weight in 0_u32..=100) {
        let start = Objects::new().with(ingress("web", rules));
        let mut objects = start.clone();
        let _ = route(&mut objects, &cart_with_ingress(), weight);
        let _ = objects.route::<Nginx>(&cart_with_ingress(), &traffic);
        objects.release::<Nginx>(&cart_with_ingress(), &traffic).unwrap();
        prop_assert_eq!(objects, start);
    }

    #[test]
    fn no_configuration_and_no_object_makes_it_panic(config in any_json(), settings in any_json(), object in any_json()) {
        ask_all(&cart(config.clone()).with_settings(&settings), &object.to_string());
        ask_all(&cart_with_ingress(), &object.to_string());
        ask_all(&cart(json!({"stableIngress": "web", "additionalIngressAnnotations": {"a": "b"}})),
            &json!({"metadata": object, "spec": {"rules": [object, {"http": {"paths": [object]}},
                {"http": {"paths": [{"backend": {"service": {"name": "cart", "port": object}}}]}}]}}).to_string());
    }

    #[test]
    fn no_text_makes_it_panic(config in ".{0,40}", settings in ".{0,20}", object in ".{0,60}") {
        let mut target = cart_with_ingress();
        ask_all(&target, &object);
        target.settings = settings;
        ask_all(&target, "{}");
        target.config = config;
        ask_all(&target, &object);
    }
}
