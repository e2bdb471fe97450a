//! TLS and TCP routes, which have no names.

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};

use crate::{Istio, both, cart, cart_with_service, route, route_to, virtual_service_of, weights_of};

fn matching(matches: Value, mut route: Value) -> Value {
    route["match"] = matches;
    route
}

#[test]
fn the_only_route_of_each_protocol_is_divided() {
    let start = Objects::new().with(virtual_service_of(
        "cart",
        json!({
            "http": [both(0)],
            "tls": [matching(json!([{"port": 443, "sniHosts": ["cart.example"]}]), both(0))],
            "tcp": [both(0)],
        }),
    ));
    let mut objects = start.clone();
    let outcome = route(&mut objects, &cart_with_service(), 20).unwrap();
    for protocol in ["http", "tls", "tcp"] {
        assert_eq!(weights_of(&objects, "cart", protocol), [[80, 20]], "{protocol}");
    }
    let places: Vec<_> = outcome.shares.iter().map(|share| share.at.as_str()).collect();
    assert_eq!(
        places,
        ["/spec/http/0", "/spec/http/0", "/spec/tls/0", "/spec/tls/0", "/spec/tcp/0", "/spec/tcp/0"]
    );
    objects.release::<Istio>(&cart_with_service(), &testing::traffic(&cart_with_service(), 20)).unwrap();
    assert_eq!(objects, start);
}

#[test]
fn routes_of_others_do_not_stand_in_the_way() {
    let mut objects = Objects::new().with(virtual_service_of(
        "cart",
        json!({
            "http": [route_to(&[("front", None)]), route_to(&[("search", None)])],
            "tls": [matching(json!([{"port": 443, "sniHosts": ["x.example"]}]), route_to(&[("x", None)]))],
            "tcp": [both(0)],
        }),
    ));
    route(&mut objects, &cart_with_service(), 20).unwrap();
    assert_eq!(weights_of(&objects, "cart", "http"), [[-1], [-1]]);
    assert_eq!(weights_of(&objects, "cart", "tcp"), [[80, 20]]);
}

/// What is configured, and which of the routes it means.
#[test]
fn a_route_is_meant_by_all_that_its_matches_name() {
    let tls = json!([
        matching(json!([{"port": 443, "sniHosts": ["a.example", "b.example"]}]), both(0)),
        matching(
            json!([{"port": 443, "sniHosts": ["b.example"]}, {"port": 443, "sniHosts": ["a.example"]}]),
            both(0)
        ),
        matching(json!([{"sniHosts": ["a.example"]}]), both(0)),
        matching(
            json!([{"port": 443, "sniHosts": ["c.example"]}, {"port": 444, "sniHosts": ["c.example"]}]),
            both(0)
        ),
        matching(json!([{"port": 443, "sniHosts": ["c.example"]}]), both(0)),
    ]);
    let tcp = json!([
        matching(json!([{"port": 3306}, {"port": 3306, "destinationSubnets": ["10.0.0.0/8"]}]), both(0)),
        both(0),
        matching(json!([{"port": 3307}]), both(0)),
    ]);
    for (what, config, tls_divided, tcp_divided) in [
        (
            "hosts in any order, in any number of matches",
            json!({"tlsRoutes": [{"port": 443, "sniHosts": ["b.example", "a.example"]}], "tcpRoutes": [{"port": 3306}]}),
            vec![0, 1],
            vec![0],
        ),
        (
            "without a port",
            json!({"tlsRoutes": [{"sniHosts": ["a.example"]}], "tcpRoutes": [{}]}),
            vec![2],
            vec![1],
        ),
        (
            "several ports never match",
            json!({"tlsRoutes": [{"port": 443, "sniHosts": ["c.example"]}], "tcpRoutes": [{"port": 3307}, {"port": 3306}]}),
            vec![4],
            vec![0, 2],
        ),
    ] {
        let start = Objects::new().with(virtual_service_of("cart", json!({"tls": tls, "tcp": tcp})));
        let mut objects = start.clone();
        let mut named = config;
        named["name"] = json!("cart");
        let target = cart(json!({"virtualService": named}));
        route(&mut objects, &target, 20).unwrap();
        for (protocol, expected) in [("tls", tls_divided), ("tcp", tcp_divided)] {
            let divided: Vec<_> = weights_of(&objects, "cart", protocol)
                .iter()
                .enumerate()
                .filter(|(_, weights)| **weights == [80, 20])
                .map(|(index, _)| index)
                .collect();
            assert_eq!(divided, expected, "{what}: {protocol}");
        }
        objects.release::<Istio>(&target, &testing::traffic(&target, 20)).unwrap();
        assert_eq!(objects, start, "{what}");
    }
}

#[test]
fn what_is_not_clear_is_a_problem_that_says_where() {
    for (what, config, routes, pointer) in [
        ("two TCP routes", json!({}), json!({"tcp": [both(0), both(0)]}), "/spec/tcp/0"),
        ("no such port", json!({"tcpRoutes": [{"port": 1}]}), json!({"tcp": [both(0)]}), "/spec/tcp"),
        ("no such host", json!({"tlsRoutes": [{"sniHosts": ["a"]}]}), json!({"tls": [both(0)]}), "/spec/tls"),
        (
            "without canary",
            json!({"tcpRoutes": [{}]}),
            json!({"tcp": [route_to(&[("cart", None)])]}),
            "/spec/tcp/0",
        ),
    ] {
        let mut config = config;
        config["name"] = json!("cart");
        let target = cart(json!({"virtualService": config}));
        let mut objects = Objects::new().with(virtual_service_of("cart", routes));
        let problem = route(&mut objects, &target, 20).unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.pointer.as_deref()),
            ("missing-backend", Some(pointer)),
            "{what}"
        );
    }
}
