//! Extra destinations: the pods of experiments.

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Destination, Rule, RuleAction, Target, Traffic};

use crate::managed::{exact, request};
use crate::{
    Istio, both, both_subsets, cart_with_service, cart_with_subsets, destination_rule, route_to,
    virtual_service, virtual_service_of, weights_of,
};

/// 10 to `a`, 5 to `b`.
fn two(target: &Target, canary: u32) -> Traffic {
    testing::traffic(target, canary).with_additional("a", "cart-a", 10).with_additional("b", "cart-b", 5)
}

fn retired(mut traffic: Traffic) -> Traffic {
    let gone: Vec<Destination> = traffic.additional.drain(..).collect();
    for mut destination in gone {
        traffic.stable.weight += destination.weight;
        destination.weight = 0;
        traffic.retired.push(destination);
    }
    traffic
}

fn destinations(objects: &Objects, protocol: &str) -> Vec<Value> {
    let service = objects.get("VirtualService", "shop", "cart").unwrap();
    service["spec"][protocol][0]["route"].as_array().cloned().unwrap_or_default()
}

#[test]
fn they_come_and_go_in_every_divided_route() {
    let target = cart_with_service();
    let start = Objects::new()
        .with(virtual_service_of("cart", json!({"http": [both(0)], "tls": [both(0)], "tcp": [both(0)]})));
    let mut objects = start.clone();
    objects.route::<Istio>(&target, &two(&target, 20)).unwrap();
    for protocol in ["http", "tls", "tcp"] {
        assert_eq!(weights_of(&objects, "cart", protocol), [[65, 20, 10, 5]], "{protocol}");
        assert_eq!(
            destinations(&objects, protocol)[2],
            json!({"destination": {"host": "cart-a"}, "weight": 10}),
            "{protocol}"
        );
    }
    let shares = objects.route::<Istio>(&target, &two(&target, 20)).unwrap().shares;
    let first: Vec<_> = shares.iter().take(4).map(|share| (&*share.destination, share.weight)).collect();
    assert_eq!(first, [("stable", 65), ("canary", 20), ("a", 10), ("b", 5)]);

    let mut ended = objects.clone();
    let outcome = ended.route::<Istio>(&target, &retired(two(&target, 20))).unwrap();
    assert!(outcome.shares.iter().any(|share| share.destination == "a" && share.weight == 10), "as seen");
    assert_eq!(weights_of(&ended, "cart", "http"), [[80, 20]]);

    objects.release::<Istio>(&target, &two(&target, 20)).unwrap();
    assert_eq!(objects, start);
}

#[test]
fn their_hosts_are_written_like_the_canarys() {
    let target = cart_with_service();
    let full = route_to(&[
        ("cart.shop.svc.cluster.local", Some(100)),
        ("cart-canary.shop.svc.cluster.local", Some(0)),
    ]);
    let mut objects = Objects::new().with(virtual_service("cart", json!([full])));
    objects.route::<Istio>(&target, &two(&target, 20)).unwrap();
    let hosts: Vec<_> =
        destinations(&objects, "http").iter().map(|one| one["destination"]["host"].clone()).collect();
    assert_eq!(hosts[2..], [json!("cart-a.shop.svc.cluster.local"), json!("cart-b.shop.svc.cluster.local")]);
}

#[test]
fn between_subsets_they_are_hosts_too() {
    let target = cart_with_subsets();
    let start = Objects::new()
        .with(virtual_service("cart", json!([both_subsets(0)])))
        .with(destination_rule(json!([{"name": "now"}, {"name": "next"}])));
    let mut objects = start.clone();
    objects.route::<Istio>(&target, &two(&target, 20)).unwrap();
    assert_eq!(destinations(&objects, "http")[3], json!({"destination": {"host": "cart-b"}, "weight": 5}));
    assert_eq!(
        objects.get("DestinationRule", "shop", "cart").unwrap()["spec"]["subsets"].as_array().unwrap().len(),
        2
    );
    objects.release::<Istio>(&target, &two(&target, 20)).unwrap();
    assert_eq!(objects, start);
}

#[test]
fn they_share_what_others_leave() {
    let target = cart_with_service();
    let http = json!([route_to(&[("legacy", Some(90)), ("cart", Some(10)), ("cart-canary", Some(0))])]);
    let mut objects = Objects::new().with(virtual_service("cart", http));
    let mut traffic = testing::traffic(&target, 20).with_additional("a", "cart-a", 1);
    traffic.additional[0].weight = 1;
    objects.route::<Istio>(&target, &traffic).unwrap();
    let weights = weights_of(&objects, "cart", "http");
    assert_eq!(weights[0].iter().sum::<i64>(), 100);
    assert_eq!(weights[0].len(), 4, "also when its part rounds to nothing");
}

#[test]
fn mirror_routes_have_them_too() {
    let target = cart_with_service();
    let rule = Rule { matches: vec![request(None, &[("x", exact("y"))])], action: RuleAction::Mirror(100) };
    let mut objects = Objects::new().with(virtual_service("cart", json!([both(0)])));
    for traffic in [two(&target, 20), two(&target, 30), retired(two(&target, 30))] {
        objects.route::<Istio>(&target, &traffic.with_managed_route("shadow", Some(rule.clone()))).unwrap();
        let weights = weights_of(&objects, "cart", "http");
        assert_eq!(weights[0], weights[1]);
    }
    assert_eq!(weights_of(&objects, "cart", "http"), [[70, 30], [70, 30]]);
}

#[test]
fn without_a_service_there_is_no_way_to_them() {
    let target = cart_with_service();
    let mut traffic = two(&target, 20);
    traffic.additional[1].service = None;
    let mut objects = Objects::new().with(virtual_service("cart", json!([both(0)])));
    assert_eq!(objects.route::<Istio>(&target, &traffic).unwrap_err().code, "missing-service");
    traffic.stable.weight += 5;
    traffic.additional[1].weight = 0;
    objects.route::<Istio>(&target, &traffic).unwrap();
}
