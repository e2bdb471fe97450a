//! Extra destinations: backends that come, get their weight, and go.

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Destination, Router, Traffic};

use crate::{GatewayApi, both, cart, cart_with_route, http_route, rule};

fn backends(objects: &Objects, rule: usize) -> Vec<(String, i64)> {
    let rules = &objects.get("HTTPRoute", "shop", "cart").unwrap()["spec"]["rules"];
    let backends = rules[rule]["backendRefs"].as_array().unwrap();
    backends
        .iter()
        .map(|backend| {
            (backend["name"].as_str().unwrap().to_owned(), backend["weight"].as_i64().unwrap_or(-1))
        })
        .collect()
}

fn names(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
}

/// The same traffic when the extra destinations are retired.
fn retired(mut traffic: Traffic) -> Traffic {
    let additional: Vec<Destination> = traffic.additional.drain(..).collect();
    traffic.retired = additional.into_iter().map(|one| Destination { weight: 0, ..one }).collect();
    traffic.out_of(100)
}

#[test]
fn they_come_into_every_rule_of_the_rollout_and_go() {
    let target = cart_with_route();
    let before = http_route(
        "cart",
        json!([
            both(0),
            rule(&[("search", Some(5)), ("cart", Some(95)), ("cart-canary", Some(0))]),
            rule(&[("cart-canary", Some(3))])
        ]),
    );
    let mut objects = Objects::new().with(before.clone());
    let traffic = testing::traffic(&target, 20)
        .with_additional("baseline", "cart-baseline", 5)
        .with_additional("large", "cart-large", 10);
    let outcome = objects.route::<GatewayApi>(&target, &traffic).unwrap();
    assert!(outcome.shares.iter().all(|share| ["stable", "canary"].contains(&&*share.destination)));
    let extra = [("cart-baseline", 5), ("cart-large", 10)];
    assert_eq!(backends(&objects, 0), names(&[&[("cart", 65), ("cart-canary", 20)], &extra[..]].concat()));
    assert_eq!(
        backends(&objects, 1),
        names(&[&[("search", 5), ("cart", 65), ("cart-canary", 20)], &extra[..]].concat())
    );
    assert_eq!(backends(&objects, 2), names(&[("cart-canary", 3)]));
    let added = &objects.get("HTTPRoute", "shop", "cart").unwrap()["spec"]["rules"][0]["backendRefs"][2];
    assert_eq!(
        *added,
        json!({"group": "", "kind": "Service", "name": "cart-baseline", "port": 80, "weight": 5})
    );

    // In the next pass they have shares, and a new weight.
    let more = testing::traffic(&target, 20)
        .with_additional("baseline", "cart-baseline", 15)
        .with_additional("large", "cart-large", 10);
    let outcome = objects.route::<GatewayApi>(&target, &more).unwrap();
    let shares: Vec<_> =
        outcome.shares.iter().take(4).map(|share| (&*share.destination, share.weight)).collect();
    assert_eq!(shares, [("stable", 65), ("canary", 20), ("baseline", 5), ("large", 10)]);
    assert_eq!(backends(&objects, 0)[2], ("cart-baseline".to_owned(), 15));

    // Retired ones are named as long as they are there.
    let outcome = objects.route::<GatewayApi>(&target, &retired(more.clone())).unwrap();
    assert!(outcome.shares.iter().any(|share| share.destination == "baseline"));
    assert_eq!(backends(&objects, 0), names(&[("cart", 80), ("cart-canary", 20)]));
    let outcome = objects.route::<GatewayApi>(&target, &retired(more.clone())).unwrap();
    assert!(outcome.changes.is_empty() && outcome.shares.len() == 4);

    objects.route::<GatewayApi>(&target, &more).unwrap();
    objects.release::<GatewayApi>(&target, &more).unwrap();
    assert_eq!(
        objects.get("HTTPRoute", "shop", "cart").unwrap()["spec"]["rules"][1],
        before["spec"]["rules"][1].clone().tap(|rule| rule["backendRefs"][1]["weight"] = json!(100))
    );
}

trait Tap: Sized {
    fn tap(self, change: impl FnOnce(&mut Self)) -> Self;
}

impl Tap for Value {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

#[test]
fn one_that_is_there_gets_its_weight_and_keeps_its_form() {
    let target = cart_with_route();
    let there = json!({"backendRefs": [{"name": "cart-baseline", "port": 8080, "weight": 1, "filters": []},
        {"name": "cart", "port": 80}, {"name": "cart-canary", "port": 80}]});
    let mut objects = Objects::new().with(http_route("cart", json!([there])));
    let traffic = testing::traffic(&target, 20).with_additional("baseline", "cart-baseline", 5);
    objects.route::<GatewayApi>(&target, &traffic).unwrap();
    assert_eq!(backends(&objects, 0), names(&[("cart-baseline", 5), ("cart", 75), ("cart-canary", 20)]));
    let rules = &objects.get("HTTPRoute", "shop", "cart").unwrap()["spec"]["rules"];
    assert_eq!(rules[0]["backendRefs"][0]["port"], 8080);
}

/// A Service's ports (name and number), and the port of the backend for it next to a stable backend with port 80.
#[test]
fn the_port_is_one_of_the_services() {
    for (what, ports, expected) in [
        ("no Service is seen", None, 80),
        (
            "it has the stable backend's",
            Some(json!([{"name": "http", "port": 8080}, {"name": "b", "port": 80}])),
            80,
        ),
        (
            "it has one named http",
            Some(json!([{"name": "a", "port": 1}, {"name": "http", "port": 8080}])),
            8080,
        ),
        ("it has others", Some(json!([{"name": "a", "port": 9000}, {"name": "b", "port": 8080}])), 9000),
        ("it has one without a name", Some(json!([{"port": 9000}])), 9000),
        ("it has none", Some(json!([])), 80),
    ] {
        let service = |name: &str, ports: Value| {
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"},
                "spec": {"ports": ports}})
        };
        let mut objects = Objects::new()
            .with(http_route("cart", json!([both(0)])))
            .with(service("other", json!([{"name": "http", "port": 7}])));
        if let Some(ports) = ports {
            objects = objects.with(service("cart-baseline", ports));
        }
        let traffic =
            testing::traffic(&cart_with_route(), 20).with_additional("baseline", "cart-baseline", 5);
        objects.route::<GatewayApi>(&cart_with_route(), &traffic).unwrap();
        let rules = &objects.get("HTTPRoute", "shop", "cart").unwrap()["spec"]["rules"];
        assert_eq!(rules[0]["backendRefs"][2]["port"], expected, "{what}");
    }
}

/// Which ones were there before does not matter, nor who stands between them.
#[test]
fn they_are_in_the_order_of_their_names() {
    let target = cart_with_route();
    let all = testing::traffic(&target, 20)
        .with_additional("a", "cart-a", 1)
        .with_additional("b", "cart-b", 2)
        .with_additional("c", "cart-c", 3);
    for (before, between, expected) in [
        (vec![], None, vec!["cart", "cart-canary", "cart-a", "cart-b", "cart-c"]),
        (vec!["b"], None, vec!["cart", "cart-canary", "cart-a", "cart-b", "cart-c"]),
        (vec!["a", "c"], None, vec!["cart", "cart-canary", "cart-a", "cart-b", "cart-c"]),
        (vec!["b"], Some("other"), vec!["cart", "cart-canary", "cart-a", "cart-b", "other", "cart-c"]),
    ] {
        let mut objects = Objects::new().with(http_route("cart", json!([both(0)])));
        let first = before.iter().fold(testing::traffic(&target, 20), |traffic, name| {
            traffic.with_additional(name, &format!("cart-{name}"), 5)
        });
        objects.route::<GatewayApi>(&target, &first).unwrap();
        if let Some(name) = between {
            for (_, object) in objects.iter_mut() {
                let list = object["spec"]["rules"][0]["backendRefs"].as_array_mut().unwrap();
                list.push(json!({"name": name, "port": 80}));
            }
        }
        objects.route::<GatewayApi>(&target, &all).unwrap();
        let names: Vec<_> = backends(&objects, 0).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected, "{before:?}");
    }
}

#[test]
fn services_are_looked_at_only_for_extra_destinations() {
    let target = cart_with_route();
    let kinds = |traffic: &Traffic| -> Vec<String> {
        let queries = GatewayApi::locate(&target, traffic, &[]).unwrap();
        queries.into_iter().map(|query| query.kind.kind).collect()
    };
    let traffic = testing::traffic(&target, 20).with_additional("baseline", "cart-baseline", 5);
    assert_eq!(kinds(&traffic), ["HTTPRoute", "Service"]);
    assert_eq!(kinds(&retired(traffic)), ["HTTPRoute"]);
}

#[test]
fn a_backend_in_a_route_elsewhere_names_its_namespace() {
    let mut divided = both(0);
    for backend in divided["backendRefs"].as_array_mut().unwrap() {
        backend["namespace"] = json!("shop");
    }
    let mut manifest = http_route("cart", json!([divided]));
    manifest["metadata"]["namespace"] = json!("gateways");
    let mut objects = Objects::new().with(manifest);
    let target = cart(&json!({"httpRoute": "cart", "namespace": "gateways"}));
    let traffic = testing::traffic(&target, 20).with_additional("baseline", "cart-baseline", 5);
    objects.route::<GatewayApi>(&target, &traffic).unwrap();
    let rules = &objects.get("HTTPRoute", "gateways", "cart").unwrap()["spec"]["rules"];
    assert_eq!(
        rules[0]["backendRefs"][2],
        json!({"group": "", "kind": "Service", "name": "cart-baseline", "namespace": "shop", "port": 80, "weight": 5})
    );
}

#[test]
fn what_cannot_be_added_is_said_before_anything_is_written() {
    let target = cart_with_route();
    let many: Vec<(String, Option<u32>)> =
        (0..14).map(|number| (format!("other-{number}"), Some(1))).collect();
    let mut list: Vec<_> = many.iter().map(|(name, weight)| (name.as_str(), *weight)).collect();
    list.extend([("cart", Some(100)), ("cart-canary", Some(0))]);
    let traffic = testing::traffic(&target, 20).with_additional("baseline", "cart-baseline", 5);
    let mut without_service = testing::traffic(&target, 20).with_additional("baseline", "cart-baseline", 5);
    without_service.additional[0].service = None;
    for (rules, traffic, named) in
        [(json!([rule(&list)]), traffic, "16 backends"), (json!([both(0)]), without_service, "`baseline`")]
    {
        let mut objects = Objects::new().with(http_route("cart", rules));
        let before = objects.clone();
        let problem = objects.route::<GatewayApi>(&target, &traffic).unwrap_err();
        assert_eq!(problem.code, "unsupported");
        assert!(problem.message.contains(named), "{}", problem.message);
        assert_eq!(objects, before);
    }
}
