//! Roles that are exchanged: after a promotion with ping-pong the Service that was the canary's is the stable one, and each
//! Service keeps its weight.

use serde_json::json;
use tidegate_router_sdk::Target;
use tidegate_router_sdk::testing::{self, Objects};

use crate::managed::{exact, headers, rules, to_canary};
use crate::{GatewayApi, both, cart, cart_with_route, http_route, weights};

fn exchanged(target: &Target) -> Target {
    target.clone().with_services(Some("cart-canary"), Some("cart"))
}

#[test]
fn nothing_is_to_be_written() {
    let target = cart(&json!({"httpRoute": "cart", "disableInProgressLabel": true}));
    let mut objects = Objects::new().with(http_route("cart", json!([both(0), both(20)])));
    objects.route::<GatewayApi>(&target, &testing::traffic(&target, 100)).unwrap();
    let target = exchanged(&target);
    let outcome = objects.route::<GatewayApi>(&target, &testing::traffic(&target, 0)).unwrap();
    assert_eq!(outcome.changes, []);
    assert_eq!(weights(&objects, "cart"), [[0, 100], [0, 100]]);
}

#[test]
fn the_mark_and_the_managed_routes_go_in_one_write_and_no_weight_changes() {
    let target = cart_with_route();
    let mut objects = Objects::new().with(http_route("cart", json!([both(0)])));
    let rule = to_canary(headers(&[("x-user", exact("me"))]));
    let all = testing::traffic(&target, 100).with_managed_route("beta", rule.clone());
    objects.route::<GatewayApi>(&target, &all).unwrap();
    assert_eq!(rules(&objects).len(), 2);
    let exchanged = exchanged(&target);
    let none = testing::traffic(&exchanged, 0).with_managed_route("beta", None);
    let outcome = objects.route::<GatewayApi>(&exchanged, &none).unwrap();
    assert_eq!(outcome.changes.len(), 1);
    assert_eq!(weights(&objects, "cart"), [[0, 100]]);
    let labels = &objects.get("HTTPRoute", "shop", "cart").unwrap()["metadata"]["labels"];
    assert_eq!(labels, &json!({"app": "cart"}));
    // The next update divides the other way round, and leads its users to the other Service.
    let next = testing::traffic(&exchanged, 30).with_managed_route("beta", rule);
    objects.route::<GatewayApi>(&exchanged, &next).unwrap();
    let rules = rules(&objects);
    let managed = rules.iter().find(|rule| rule["name"] == "beta").unwrap();
    assert_eq!(managed["backendRefs"][0]["name"], "cart");
    let ordinary = rules.iter().find(|rule| rule["name"] != "beta").unwrap();
    assert_eq!(
        (&ordinary["backendRefs"][0]["weight"], &ordinary["backendRefs"][1]["weight"]),
        (&json!(30), &json!(70))
    );
}
