//! Which rules are the Rollout's, and what their weights become.

use serde_json::{Value, json};
use tidegate_router_sdk::Edit;
use tidegate_router_sdk::testing::{self, Objects};

use crate::{GatewayApi, both, cart, cart_with_route, http_route, route, rule, weights};

/// Rules before, the weights of all backends after 20 of 100 went to canary.
#[test]
fn a_rule_with_both_services_is_divided_and_no_other() {
    for (what, rules, expected) in [
        ("the usual", json!([both(0)]), vec![vec![80, 20]]),
        ("canary first", json!([rule(&[("cart-canary", Some(0)), ("cart", Some(100))])]), vec![vec![20, 80]]),
        (
            "no weights yet: 1 each",
            json!([rule(&[("cart", None), ("cart-canary", None)])]),
            vec![vec![80, 20]],
        ),
        ("every rule with both", json!([both(0), both(50), both(20)]), vec![vec![80, 20]; 3]),
        (
            "rules of one Service are the user's own",
            json!([
                rule(&[("cart-canary", Some(7))]),
                both(0),
                rule(&[("cart", None)]),
                rule(&[("cart", Some(3)), ("other", Some(1))])
            ]),
            vec![vec![7], vec![80, 20], vec![-1], vec![3, 1]],
        ),
        (
            "backends of others keep their weight, on top",
            json!([rule(&[
                ("search", Some(5)),
                ("cart", Some(95)),
                ("cart-canary", Some(0)),
                ("tap", None)
            ])]),
            vec![vec![5, 80, 20, -1]],
        ),
        (
            "several entries of a Service share its weight",
            json!([rule(&[("cart", Some(1)), ("cart-canary", Some(0)), ("cart", Some(1)), ("cart", None)])]),
            vec![vec![27, 20, 27, 26]],
        ),
        (
            "a rule without backends",
            json!([{"matches": []}, both(0), {"backendRefs": []}]),
            vec![vec![], vec![80, 20], vec![]],
        ),
    ] {
        let mut objects = Objects::new().with(http_route("cart", rules));
        route(&mut objects, &cart_with_route(), 20).unwrap();
        assert_eq!(weights(&objects, "cart"), expected, "{what}");
    }
}

#[test]
fn only_weights_are_written_and_only_those_that_differ() {
    let mut objects = Objects::new().with(http_route(
        "cart",
        json!([
            both(20),
            rule(&[("cart", None), ("cart-canary", Some(20))]),
            rule(&[("cart-canary", Some(9)), ("cart", Some(80))])
        ]),
    ));
    let target = cart(&json!({"httpRoute": "cart", "disableInProgressLabel": true}));
    let outcome = route(&mut objects, &target, 20).unwrap();
    let [change] = outcome.changes.as_slice() else {
        panic!("one change for the one route: {:?}", outcome.changes)
    };
    let Edit::JsonPatch(patch) = &change.edit else { panic!("a patch: {change:?}") };
    assert_eq!(
        serde_json::from_str::<Value>(patch).unwrap(),
        json!([
            {"op": "add", "path": "/spec/rules/1/backendRefs/0/weight", "value": 80},
            {"op": "replace", "path": "/spec/rules/2/backendRefs/0/weight", "value": 20},
        ])
    );
    assert_eq!(route(&mut objects, &target, 20).unwrap().changes, []);
}

#[test]
fn an_absent_weight_is_one() {
    let mut objects =
        Objects::new().with(http_route("cart", json!([rule(&[("cart", None), ("cart-canary", None)])])));
    let target = cart(&json!({"httpRoute": "cart", "disableInProgressLabel": true}));
    let outcome = objects.route::<GatewayApi>(&target, &testing::traffic(&target, 1).out_of(2)).unwrap();
    assert_eq!(outcome.changes, []);
    assert!(outcome.shares.iter().all(|share| (share.weight, share.total) == (1, 2)));
}

#[test]
fn weights_are_parts_of_max_weight() {
    for (max, canary, expected) in
        [(1000, 1, [999, 1]), (1, 1, [0, 1]), (1_000_000, 333_333, [666_667, 333_333]), (95, 20, [75, 20])]
    {
        let mut objects = Objects::new().with(http_route("cart", json!([both(0)])));
        let traffic = testing::traffic(&cart_with_route(), canary.min(100));
        let mut traffic = traffic;
        traffic.canary.weight = canary;
        objects.route::<GatewayApi>(&cart_with_route(), &traffic.out_of(max)).unwrap();
        assert_eq!(weights(&objects, "cart"), [expected]);
    }
}

#[test]
fn shares_say_what_is_seen_and_where() {
    let mut objects = Objects::new().with(http_route(
        "cart",
        json!([
            rule(&[("cart", None)]),
            rule(&[("x", Some(9)), ("cart", Some(60)), ("cart", Some(10)), ("cart-canary", Some(30))])
        ]),
    ));
    let outcome = route(&mut objects, &cart_with_route(), 20).unwrap();
    let shares: Vec<_> = outcome
        .shares
        .iter()
        .map(|share| (share.about.to_string(), &*share.at, &*share.destination, share.weight, share.total))
        .collect();
    assert_eq!(
        shares,
        [
            ("HTTPRoute shop/cart".to_owned(), "/spec/rules/1", "stable", 70, 100),
            ("HTTPRoute shop/cart".to_owned(), "/spec/rules/1", "canary", 30, 100),
        ]
    );
}

#[test]
fn a_backend_is_the_rollouts_only_when_it_means_its_service() {
    let target = cart_with_route();
    for (what, backend, is_ours) in [
        (
            "as the API server defaults it",
            json!({"group": "", "kind": "Service", "name": "cart-canary", "weight": 0}),
            true,
        ),
        ("named with its namespace", json!({"name": "cart-canary", "namespace": "shop", "weight": 0}), true),
        ("another namespace", json!({"name": "cart-canary", "namespace": "elsewhere", "weight": 0}), false),
        (
            "another kind",
            json!({"kind": "ServiceImport", "group": "multicluster.x-k8s.io", "name": "cart-canary"}),
            false,
        ),
        ("another group", json!({"group": "serving.knative.dev", "name": "cart-canary"}), false),
        ("another name", json!({"name": "cart-canary-2"}), false),
        ("no name", json!({"port": 80}), false),
    ] {
        let mut objects = Objects::new()
            .with(http_route("cart", json!([{"backendRefs": [{"name": "cart", "weight": 100}, backend]}])));
        match route(&mut objects, &target, 20) {
            Ok(_) => assert!(is_ours, "{what}"),
            Err(problem) => {
                assert!(!is_ours, "{what}: {}", problem.message);
                assert_eq!(problem.code, "missing-backend");
            }
        }
    }
}

#[test]
fn a_route_elsewhere_must_name_the_rollouts_namespace() {
    let target = cart(&json!({"httpRoute": "cart", "namespace": "gateways"}));
    let elsewhere = |backends: Value| {
        let mut route = http_route("cart", json!([{"backendRefs": backends}]));
        route["metadata"]["namespace"] = json!("gateways");
        Objects::new().with(route)
    };
    let mut objects = elsewhere(
        json!([{"name": "cart", "namespace": "shop"}, {"name": "cart-canary", "namespace": "shop"}]),
    );
    route(&mut objects, &target, 20).unwrap();
    assert_eq!(
        objects.get("HTTPRoute", "gateways", "cart").unwrap()["spec"]["rules"][0]["backendRefs"][1]["weight"],
        20
    );
    let problem =
        route(&mut elsewhere(json!([{"name": "cart"}, {"name": "cart-canary"}])), &target, 20).unwrap_err();
    assert_eq!(problem.code, "missing-backend");
    assert!(problem.message.contains("in namespace gateways"), "{}", problem.message);
}

/// A route without a place for the weights; what the message names.
#[test]
fn a_route_without_a_place_says_what_is_missing() {
    for (rules, named) in [
        (json!([rule(&[("cart", None)])]), vec!["`cart-canary`", "next to `cart`"]),
        (json!([rule(&[("cart-canary", None)])]), vec!["Service `cart`", "next to `cart-canary`"]),
        (json!([rule(&[("other", None)])]), vec!["`cart`", "`cart-canary`"]),
        (json!([rule(&[("cart", None)]), rule(&[("cart-canary", None)])]), vec!["in no rule both"]),
        (json!([]), vec!["`cart`", "`cart-canary`"]),
    ] {
        let mut objects = Objects::new().with(http_route("cart", rules));
        let before = objects.clone();
        let problem = route(&mut objects, &cart_with_route(), 20).unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.about.as_ref().unwrap().name.as_str()),
            ("missing-backend", "cart")
        );
        for part in named.iter().chain(&["HTTPRoute shop/cart"]) {
            assert!(problem.message.contains(part), "{part} is not in: {}", problem.message);
        }
        assert_eq!(objects, before);
    }
}

#[test]
fn rule_names_limit_what_is_divided() {
    let named = |name: &str| {
        let mut rule = both(0);
        rule["name"] = json!(name);
        rule
    };
    let rules = json!([named("live"), both(0), named("argo")]);
    for (config, expected) in [
        (json!({"httpRoute": "cart", "httpRouteRuleName": "argo"}), [[100, 0], [100, 0], [80, 20]]),
        (json!({"httpRoutes": [{"name": "cart", "ruleName": "live"}]}), [[80, 20], [100, 0], [100, 0]]),
        (
            json!({"httpRoutes": [{"name": "cart", "ruleName": "live"}, {"name": "cart", "ruleName": "argo"}]}),
            [[80, 20], [100, 0], [80, 20]],
        ),
        (json!({"httpRoutes": [{"name": "cart", "ruleName": "live"}, {"name": "cart"}]}), [[80, 20]; 3]),
        (
            json!({"httpRoutes": [{"name": "cart", "ruleName": "live"}], "httpRouteSelector": {"matchLabels": {"app": "cart"}}}),
            [[80, 20], [100, 0], [100, 0]],
        ),
    ] {
        let mut objects = Objects::new().with(http_route("cart", rules.clone()));
        route(&mut objects, &cart(&config), 20).unwrap();
        assert_eq!(weights(&objects, "cart"), expected, "{config}");
    }
    let target = cart(&json!({"httpRoute": "cart", "httpRouteRuleName": "none-such"}));
    let problem = route(&mut Objects::new().with(http_route("cart", rules)), &target, 20).unwrap_err();
    assert_eq!(problem.code, "missing-backend");
    assert!(problem.message.contains("none-such"));
}

#[test]
fn a_route_that_cannot_be_read_is_a_problem() {
    for broken in [
        json!([{"backendRefs": [{"name": "cart", "weight": -1}]}]),
        json!([{"backendRefs": [{"name": "cart", "weight": 5_000_000_000_u64}]}]),
        json!([{"backendRefs": "cart"}]),
        json!({"a": 1}),
    ] {
        let problem =
            route(&mut Objects::new().with(http_route("cart", broken)), &cart_with_route(), 20).unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.about.as_ref().unwrap().name.as_str()),
            ("invalid-object", "cart")
        );
    }
}

#[test]
fn releasing_gives_all_to_stable_and_needs_nothing_that_is_gone() {
    let target = cart(&json!({"httpRoutes": [{"name": "cart"}, {"name": "gone"}, {"name": "changed"}],
        "httpRouteSelector": {"matchLabels": {"no": "such"}}}));
    let mut objects = Objects::new()
        .with(http_route("cart", json!([both(30), rule(&[("cart-canary", Some(5))])])))
        .with(http_route("changed", json!([rule(&[("cart", Some(1))])])));
    objects.release::<GatewayApi>(&target, &testing::traffic(&target, 30)).unwrap();
    assert_eq!(weights(&objects, "cart"), [vec![100, 0], vec![5]]);
    assert_eq!(weights(&objects, "changed"), [[1]]);
    let outcome = Objects::new().release::<GatewayApi>(&target, &testing::traffic(&target, 30)).unwrap();
    assert_eq!((outcome.changes.len(), outcome.shares.len()), (0, 0));
}

/// Every kind of route, and the versions it is read in.
#[test]
fn routes_of_all_kinds_are_divided_alike() {
    for (kind, key, version) in [
        ("HTTPRoute", "httpRoute", "v1"),
        ("GRPCRoute", "grpcRoute", "v1"),
        ("TCPRoute", "tcpRoute", "v1alpha2"),
        ("TLSRoute", "tlsRoute", "v1alpha3"),
    ] {
        let mut manifest =
            http_route("cart", json!([both(0), {"backendRefs": [{"name": "search", "port": 1}]}]));
        manifest["kind"] = json!(kind);
        manifest["apiVersion"] = json!(format!("gateway.networking.k8s.io/{version}"));
        manifest["spec"]["rules"][0].as_object_mut().unwrap().remove("matches");
        let mut objects = Objects::new().with(manifest);
        let target = cart(&json!({key: "cart"}));
        let outcome = route(&mut objects, &target, 20).unwrap();
        assert_eq!(outcome.shares.len(), 2, "{kind}");
        let after = objects.get(kind, "shop", "cart").unwrap();
        let backends = &after["spec"]["rules"][0]["backendRefs"];
        assert_eq!((&backends[0]["weight"], &backends[1]["weight"]), (&json!(80), &json!(20)), "{kind}");
        assert_eq!(after["metadata"]["labels"]["rollouts.argoproj.io/gatewayapi-canary"], "in-progress");
        objects.release::<GatewayApi>(&target, &testing::traffic(&target, 20)).unwrap();
        assert_eq!(
            objects.get(kind, "shop", "cart").unwrap()["spec"]["rules"][0]["backendRefs"][1]["weight"],
            0
        );
    }
}

#[test]
fn routes_of_several_kinds_are_divided_together() {
    let target = cart(
        &json!({"httpRoute": "cart", "grpcRoute": "cart", "tcpRouteSelector": {"matchLabels": {"app": "cart"}}}),
    );
    let of_kind = |kind: &str| {
        let mut manifest = http_route("cart", json!([both(0)]));
        manifest["kind"] = json!(kind);
        manifest
    };
    let mut objects = ["HTTPRoute", "GRPCRoute", "TCPRoute"]
        .iter()
        .fold(Objects::new(), |all, kind| all.with(of_kind(kind)));
    let outcome = route(&mut objects, &target, 20).unwrap();
    let changed: Vec<_> = outcome.changes.iter().map(|change| change.ref_.kind.kind.as_str()).collect();
    assert_eq!(changed, ["HTTPRoute", "GRPCRoute", "TCPRoute"]);
    assert_eq!(outcome.shares.len(), 6);
}
