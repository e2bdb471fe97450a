//! Roles that are exchanged: after a promotion with ping-pong the Service that was the canary's is the stable one, and each
//! Service keeps its weight.

use serde_json::json;
use tidegate_router_sdk::Target;
use tidegate_router_sdk::testing::{self, Objects};

use crate::managed::{exact, header_rule};
use crate::{Istio, both, cart_with_service, virtual_service, weights};

fn exchanged(target: &Target) -> Target {
    target.clone().with_services(Some("cart-canary"), Some("cart"))
}

#[test]
fn nothing_is_to_be_written() {
    let target = cart_with_service();
    let mut objects = Objects::new().with(virtual_service("cart", json!([both(0)])));
    objects.route::<Istio>(&target, &testing::traffic(&target, 100)).unwrap();
    let target = exchanged(&target);
    let outcome = objects.route::<Istio>(&target, &testing::traffic(&target, 0)).unwrap();
    assert_eq!(outcome.changes, []);
    assert_eq!(weights(&objects, "cart"), [[0, 100]]);
}

#[test]
fn managed_routes_go_in_one_write_and_no_weight_changes() {
    let target = cart_with_service();
    let mut objects = Objects::new().with(virtual_service("cart", json!([both(0)])));
    let rule = Some(header_rule(&[("x-user", exact("me"))]));
    let all = testing::traffic(&target, 100).with_managed_route("beta", rule.clone());
    objects.route::<Istio>(&target, &all).unwrap();
    assert_eq!(weights(&objects, "cart").len(), 2);
    let exchanged = exchanged(&target);
    let none = testing::traffic(&exchanged, 0).with_managed_route("beta", None);
    let outcome = objects.route::<Istio>(&exchanged, &none).unwrap();
    assert_eq!(outcome.changes.len(), 1);
    assert_eq!(weights(&objects, "cart"), [[0, 100]]);
    // The next update divides the other way round, and leads its users to the other Service.
    let next = testing::traffic(&exchanged, 30).with_managed_route("beta", rule);
    objects.route::<Istio>(&exchanged, &next).unwrap();
    let service = objects.get("VirtualService", "shop", "cart").unwrap();
    let routes = service["spec"]["http"].as_array().unwrap();
    let managed = routes.iter().find(|route| route["name"] == "beta").unwrap();
    assert_eq!(managed["route"][0]["destination"]["host"], "cart");
    let ordinary = routes.iter().find(|route| route["name"] != "beta").unwrap();
    assert_eq!((&ordinary["route"][0]["weight"], &ordinary["route"][1]["weight"]), (&json!(30), &json!(70)));
}
