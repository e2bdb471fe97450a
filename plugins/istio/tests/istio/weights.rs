//! Which HTTP routes are the Rollout's, and what their weights become.

use serde_json::{Value, json};
use tidegate_router_sdk::Edit;
use tidegate_router_sdk::testing::{self, Objects};

use crate::{Istio, both, cart, cart_with_service, named, route, route_to, virtual_service, weights};

/// Routes before, the weights of all destinations after 20 of 100 went to canary.
#[test]
fn the_only_route_is_divided() {
    for (what, http, expected) in [
        ("the usual", json!([both(0)]), vec![vec![80, 20]]),
        ("with a name", json!([named("primary", both(0))]), vec![vec![80, 20]]),
        (
            "canary first",
            json!([route_to(&[("cart-canary", Some(0)), ("cart", Some(100))])]),
            vec![vec![20, 80]],
        ),
        ("no weights yet", json!([route_to(&[("cart", None), ("cart-canary", None)])]), vec![vec![80, 20]]),
        (
            "hosts in full",
            json!([route_to(&[
                ("cart.shop.svc.cluster.local", Some(100)),
                ("cart-canary.shop.svc", Some(0))
            ])]),
            vec![vec![80, 20]],
        ),
        (
            "several entries of a Service share its weight",
            json!([route_to(&[
                ("cart", Some(1)),
                ("cart-canary", Some(0)),
                ("cart", Some(99)),
                ("cart", None)
            ])]),
            vec![vec![27, 20, 27, 26]],
        ),
        (
            "destinations of others without weight stay",
            json!([route_to(&[
                ("tap", None),
                ("cart", Some(100)),
                ("cart-canary", Some(0)),
                ("cart.other", Some(0))
            ])]),
            vec![vec![-1, 80, 20, 0]],
        ),
        (
            "what others leave is divided",
            json!([route_to(&[("legacy", Some(50)), ("cart", Some(50)), ("cart-canary", Some(0))])]),
            vec![vec![50, 40, 10]],
        ),
        (
            "what others leave need not divide evenly",
            json!([route_to(&[("legacy", Some(97)), ("cart", Some(3)), ("cart-canary", None)])]),
            vec![vec![97, 2, 1]],
        ),
    ] {
        let mut objects = Objects::new().with(virtual_service("cart", http));
        route(&mut objects, &cart_with_service(), 20).unwrap();
        assert_eq!(weights(&objects, "cart"), expected, "{what}");
    }
}

#[test]
fn named_routes_are_divided_and_no_others() {
    let http = json!([
        named("admin", route_to(&[("admin", None)])),
        named("first", both(0)),
        named("other", both(7)),
        both(9),
        named("second", both(50)),
    ]);
    let mut objects = Objects::new().with(virtual_service("cart", http));
    let target = cart(json!({"virtualService": {"name": "cart", "routes": ["second", "first"]}}));
    route(&mut objects, &target, 20).unwrap();
    assert_eq!(weights(&objects, "cart"), [vec![-1], vec![80, 20], vec![93, 7], vec![91, 9], vec![80, 20]]);
}

#[test]
fn only_weights_are_written_and_only_those_that_differ() {
    let http = json!([route_to(&[("cart", Some(80)), ("cart-canary", None)])]);
    let mut objects = Objects::new().with(virtual_service("cart", http));
    let outcome = route(&mut objects, &cart_with_service(), 20).unwrap();
    let [change] = outcome.changes.as_slice() else { panic!("one change: {:?}", outcome.changes) };
    let Edit::JsonPatch(patch) = &change.edit else { panic!("a patch: {change:?}") };
    assert_eq!(
        serde_json::from_str::<Value>(patch).unwrap(),
        json!([{"op": "add", "path": "/spec/http/0/route/1/weight", "value": 20}])
    );
    assert_eq!(route(&mut objects, &cart_with_service(), 20).unwrap().changes, []);
}

#[test]
fn shares_say_what_is_seen_without_what_others_have() {
    let http = json!([route_to(&[("x", Some(9)), ("cart", Some(60)), ("cart-canary", Some(31))])]);
    let mut objects = Objects::new().with(virtual_service("cart", http));
    let outcome = route(&mut objects, &cart_with_service(), 20).unwrap();
    let shares: Vec<_> = outcome
        .shares
        .iter()
        .map(|share| (share.about.to_string(), &*share.at, &*share.destination, share.weight, share.total))
        .collect();
    let about = "VirtualService shop/cart".to_owned();
    assert_eq!(
        shares,
        [(about.clone(), "/spec/http/0", "stable", 60, 91), (about, "/spec/http/0", "canary", 31, 91)]
    );
}

#[test]
fn what_is_not_clear_is_a_problem_that_says_where() {
    let one = |routes: Value| cart(json!({"virtualService": {"name": "cart", "routes": routes}}));
    for (what, target, http, pointer) in [
        ("no canary", one(json!([])), json!([route_to(&[("cart", Some(100))])]), "/spec"),
        ("no routes", one(json!([])), json!([]), "/spec"),
        (
            "Services of another namespace",
            one(json!([])),
            json!([route_to(&[("cart", None), ("cart-canary.other", None)])]),
            "/spec",
        ),
        ("two routes", one(json!([])), json!([both(0), route_to(&[("x", None)])]), "/spec/http/0"),
        ("no such route", one(json!(["primary"])), json!([named("secondary", both(0))]), "/spec/http"),
        (
            "a named route without canary",
            one(json!(["b", "a"])),
            json!([named("a", route_to(&[("cart", None)])), named("b", both(0))]),
            "/spec/http/0",
        ),
        (
            "others have it all",
            one(json!([])),
            json!([route_to(&[("x", Some(100)), ("cart", Some(0)), ("cart-canary", Some(0))])]),
            "/spec/http/0",
        ),
    ] {
        let before = Objects::new().with(virtual_service("cart", http));
        let mut objects = before.clone();
        let problem = route(&mut objects, &target, 20).unwrap_err();
        assert_eq!(problem.code, "missing-backend", "{what}");
        assert_eq!(problem.about.as_ref().unwrap().name, "cart", "{what}");
        assert_eq!(problem.pointer.as_deref(), Some(pointer), "{what}");
        assert_eq!(objects, before, "{what}");
        assert_eq!(
            objects.release::<Istio>(&target, &testing::traffic(&target, 20)).map(|_| ()),
            Ok(()),
            "{what}: what is not there needs no release"
        );
    }
}

#[test]
fn what_is_of_another_form_is_a_problem_that_says_where() {
    for (http, pointer) in [
        (json!({}), "/spec/http"),
        (json!([{"route": [{"destination": {"host": 1}}]}]), "/spec/http/0/route/0/destination/host"),
        (json!([route_to(&[("cart", None)]), {"route": [{"weight": -1}]}]), "/spec/http/1/route/0/weight"),
    ] {
        let mut objects = Objects::new().with(virtual_service("cart", http));
        let problem = route(&mut objects, &cart_with_service(), 20).unwrap_err();
        assert_eq!((problem.code.as_str(), problem.pointer.as_deref()), ("invalid-object", Some(pointer)));
    }
}

#[test]
fn every_virtual_service_is_divided_in_any_namespace() {
    let elsewhere = |host: &str, namespace: &str| {
        let canary = host.replacen("cart", "cart-canary", 1);
        let mut service = virtual_service("edge", json!([route_to(&[(host, None), (&canary, None)])]));
        service["metadata"]["namespace"] = json!(namespace);
        service
    };
    let target =
        cart(json!({"virtualServices": [{"name": "cart"}, {"name": "edge.infra"}, {"name": "edge.shop"}]}));
    let start =
        Objects::new().with(virtual_service("cart", json!([both(0)]))).with(elsewhere("cart", "shop"));
    let weight = |objects: &Objects, namespace: &str| {
        objects.get("VirtualService", namespace, "edge").unwrap()["spec"]["http"][0]["route"][1]["weight"]
            .clone()
    };

    let mut objects = start.clone().with(elsewhere("cart.shop.svc.cluster.local", "infra"));
    let outcome = route(&mut objects, &target, 20).unwrap();
    let order: Vec<_> = outcome.changes.iter().map(|change| change.ref_.to_string()).collect();
    assert_eq!(order, ["VirtualService shop/cart", "VirtualService infra/edge", "VirtualService shop/edge"]);
    assert_eq!((weight(&objects, "infra"), weight(&objects, "shop")), (json!(20), json!(20)));
    objects.release::<Istio>(&target, &testing::traffic(&target, 20)).unwrap();
    assert_eq!((weight(&objects, "infra"), weight(&objects, "shop")), (json!(0), json!(0)));

    let mut objects = start.clone().with(elsewhere("cart", "infra"));
    let problem = route(&mut objects, &target, 20).unwrap_err();
    assert_eq!(problem.code, "missing-backend", "a short name means a Service next to the VirtualService");

    let problem = route(&mut start.clone(), &target, 20).unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.pointer.as_deref()),
        ("missing-object", Some("/virtualServices/1/name"))
    );
    start.clone().release::<Istio>(&target, &testing::traffic(&target, 20)).unwrap();
}

#[test]
fn weights_are_parts_of_100() {
    let mut objects = Objects::new().with(virtual_service("cart", json!([both(0)])));
    let traffic = testing::traffic(&cart_with_service(), 20).out_of(1000);
    let problem = objects.route::<Istio>(&cart_with_service(), &traffic).unwrap_err();
    assert_eq!(problem.code, "unsupported");
    objects.release::<Istio>(&cart_with_service(), &traffic).unwrap();
    assert_eq!(weights(&objects, "cart"), [[100, 0]]);
}
