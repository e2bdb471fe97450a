//! Dividing between subsets of one host.

use serde_json::{Value, json};
use tidegate_router_sdk::Traffic;
use tidegate_router_sdk::testing::{self, Objects};

use crate::{
    Istio, both_subsets, cart, cart_with_subsets, destination_rule, route, route_to, virtual_service, weights,
};

/// Two subsets, each with a label of the user's and perhaps a hash.
fn subsets(stable: Option<&str>, canary: Option<&str>) -> Value {
    let subset = |name: &str, hash: Option<&str>| {
        let mut subset = json!({"name": name, "labels": {"app": "cart"}, "trafficPolicy": {"x": 1}});
        if let Some(hash) = hash {
            subset["labels"]["rollouts-pod-template-hash"] = json!(hash);
        }
        subset
    };
    json!([subset("now", stable), {"name": "batch", "labels": {"role": "batch"}}, subset("next", canary)])
}

fn hashes(objects: &Objects) -> (Option<&str>, Option<&str>) {
    let rule = objects.get("DestinationRule", "shop", "cart").unwrap();
    let hash = |index: usize| rule["spec"]["subsets"][index]["labels"]["rollouts-pod-template-hash"].as_str();
    (hash(0), hash(2))
}

fn traffic(canary: u32, stable_hash: Option<&str>, canary_hash: Option<&str>) -> Traffic {
    let mut traffic = testing::traffic(&cart_with_subsets(), canary);
    traffic.stable.pod_template_hash = stable_hash.map(str::to_owned);
    traffic.canary.pod_template_hash = canary_hash.map(str::to_owned);
    traffic
}

fn seen(canary: u32, stable_hash: Option<&str>, canary_hash: Option<&str>) -> Objects {
    Objects::new()
        .with(virtual_service("cart", json!([both_subsets(canary)])))
        .with(destination_rule(subsets(stable_hash, canary_hash)))
}

#[test]
fn subsets_get_weights_and_hashes_and_nothing_else_changes() {
    let mut objects = seen(0, None, None);
    objects.route::<Istio>(&cart_with_subsets(), &traffic(20, Some("a"), Some("b"))).unwrap();
    assert_eq!(weights(&objects, "cart"), [[80, 20]]);
    assert_eq!(
        objects.get("DestinationRule", "shop", "cart").unwrap(),
        &destination_rule(subsets(Some("a"), Some("b")))
    );
}

#[test]
fn releasing_takes_the_hashes_away() {
    let mut objects = seen(20, Some("a"), Some("b"));
    let outcome = objects.release::<Istio>(&cart_with_subsets(), &traffic(20, Some("a"), Some("b"))).unwrap();
    assert_eq!(objects, seen(0, None, None));
    let order: Vec<_> = outcome.changes.iter().map(|change| change.ref_.kind.kind.as_str()).collect();
    assert_eq!(order, ["VirtualService", "DestinationRule"]);
}

#[test]
fn a_subset_has_its_pods_before_it_gets_weight_and_keeps_them_until_it_has_none() {
    const RULE_FIRST: [&str; 2] = ["DestinationRule", "VirtualService"];
    const WEIGHTS_FIRST: [&str; 2] = ["VirtualService", "DestinationRule"];
    for (what, before, after, order) in [
        ("the first weight", (0, Some("a"), None), (20, Some("a"), Some("b")), RULE_FIRST),
        ("promoted", (100, Some("a"), Some("b")), (0, Some("b"), Some("b")), RULE_FIRST),
        ("superseded", (20, Some("a"), Some("b")), (0, Some("a"), Some("c")), WEIGHTS_FIRST),
        ("without pods any more", (20, Some("a"), Some("b")), (0, Some("a"), None), WEIGHTS_FIRST),
    ] {
        let mut objects = seen(before.0, before.1, before.2);
        let outcome =
            objects.route::<Istio>(&cart_with_subsets(), &traffic(after.0, after.1, after.2)).unwrap();
        let changed: Vec<_> = outcome.changes.iter().map(|change| change.ref_.kind.kind.as_str()).collect();
        assert_eq!(changed, order, "{what}");
        assert_eq!(hashes(&objects), (after.1, after.2), "{what}");
    }
}

#[test]
fn a_subset_counts_only_of_the_rules_host() {
    let http = json!([route_to(&[
        ("cart.shop.svc.cluster.local/now", Some(60)),
        ("search/next", Some(30)),
        ("cart/next", Some(10)),
        ("cart/batch", Some(0)),
        ("cart-canary", Some(0)),
    ])]);
    let mut objects =
        Objects::new().with(virtual_service("cart", http)).with(destination_rule(subsets(None, None)));
    objects.route::<Istio>(&cart_with_subsets(), &traffic(50, None, None)).unwrap();
    assert_eq!(weights(&objects, "cart"), [[35, 30, 35, 0, 0]]);
}

#[test]
fn what_is_missing_is_a_problem() {
    let target = cart_with_subsets();
    let service = || virtual_service("cart", json!([both_subsets(0)]));
    let problem = route(&mut Objects::new().with(service()), &target, 20).unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.pointer.as_deref()),
        ("missing-object", Some("/destinationRule/name"))
    );

    let mut objects = Objects::new().with(service()).with(destination_rule(json!([{"name": "now"}])));
    let problem = route(&mut objects, &target, 20).unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.pointer.as_deref()),
        ("missing-backend", Some("/spec/subsets"))
    );
    assert_eq!(problem.about.as_ref().unwrap().kind.kind, "DestinationRule");

    // To be released, nothing has to be there.
    let released = testing::traffic(&target, 20);
    Objects::new().release::<Istio>(&target, &released).unwrap();
    Objects::new().with(service()).release::<Istio>(&target, &released).unwrap();
    Objects::new().with(destination_rule(json!([]))).release::<Istio>(&target, &released).unwrap();
}

#[test]
fn the_rule_may_be_in_another_namespace() {
    let target = cart(json!({
        "virtualService": {"name": "cart"},
        "destinationRule": {"name": "cart.mesh", "canarySubsetName": "next", "stableSubsetName": "now"},
    }))
    .with_services(None, None);
    let mut rule = destination_rule(subsets(None, None));
    rule["metadata"]["namespace"] = json!("mesh");
    rule["spec"]["host"] = json!("cart.shop.svc.cluster.local");
    let mut objects = Objects::new().with(virtual_service("cart", json!([both_subsets(0)]))).with(rule);
    route(&mut objects, &target, 20).unwrap();
    assert_eq!(weights(&objects, "cart"), [[80, 20]]);
}
