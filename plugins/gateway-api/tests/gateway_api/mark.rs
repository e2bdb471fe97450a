//! The mark on a route while a canary is under way.

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{RequestMatch, Rule, RuleAction, Target};

use crate::{GatewayApi, both, cart, cart_with_route, http_route, route};

const LABEL: &str = "rollouts.argoproj.io/gatewayapi-canary";
const ROLLOUTS: &str = "rollouts.argoproj.io/gatewayapi-active-rollouts";

/// The label and the list of Rollouts.
fn mark(objects: &Objects) -> (Value, Value) {
    let metadata = &objects.get("HTTPRoute", "shop", "cart").unwrap()["metadata"];
    (metadata["labels"][LABEL].clone(), metadata["annotations"][ROLLOUTS].clone())
}

fn with(labels: Value, annotations: Value) -> Objects {
    let mut manifest = http_route("cart", json!([both(0)]));
    for (key, map) in [("labels", labels), ("annotations", annotations)] {
        let metadata = manifest["metadata"].as_object_mut().unwrap();
        metadata.remove(key);
        if !map.is_null() {
            metadata.insert(key.to_owned(), map);
        }
    }
    Objects::new().with(manifest)
}

#[test]
fn a_route_is_marked_while_canary_has_weight() {
    for (labels, annotations) in
        [(Value::Null, Value::Null), (json!({}), json!({})), (json!({"app": "cart"}), json!({"a~/b": "c"}))]
    {
        let mut objects = with(labels.clone(), annotations.clone());
        assert_eq!(route(&mut objects, &cart_with_route(), 0).unwrap().changes, []);
        route(&mut objects, &cart_with_route(), 20).unwrap();
        assert_eq!(mark(&objects), (json!("in-progress"), json!("shop/cart")));
        assert_eq!(route(&mut objects, &cart_with_route(), 20).unwrap().changes, []);
        route(&mut objects, &cart_with_route(), 0).unwrap();
        assert_eq!(mark(&objects), (Value::Null, Value::Null));
        let metadata = &objects.get("HTTPRoute", "shop", "cart").unwrap()["metadata"];
        assert_eq!(metadata["labels"]["app"], labels["app"]);
        assert_eq!(metadata["annotations"]["a~/b"], annotations["a~/b"]);
    }
}

#[test]
fn a_route_is_marked_while_it_has_managed_rules() {
    let target = cart_with_route();
    let mut objects = with(Value::Null, Value::Null);
    let matches = vec![RequestMatch { method: None, path: None, headers: vec![] }];
    let rule = Rule { matches, action: RuleAction::Mirror(10) };
    let traffic = testing::traffic(&target, 0).with_managed_route("tap", Some(rule));
    objects.route::<GatewayApi>(&target, &traffic).unwrap();
    assert_eq!(mark(&objects).0, "in-progress");
    objects.release::<GatewayApi>(&target, &traffic).unwrap();
    assert_eq!(mark(&objects), (Value::Null, Value::Null));
}

/// Two Rollouts with one route; after each step, who is listed. The label is there while somebody is.
#[test]
fn rollouts_that_share_a_route_do_not_fight_about_it() {
    let search = || testing::target("shop", "search").with_config(&json!({"httpRoute": "cart"}));
    let rules = json!([
        both(0),
        {"backendRefs": [{"name": "search", "port": 80, "weight": 100}, {"name": "search-canary", "port": 80, "weight": 0}]},
    ]);
    let mut objects = Objects::new().with(http_route("cart", rules));
    let cart = cart_with_route();
    for (target, canary, listed) in [
        (&search(), 10, "shop/search"),
        (&cart, 10, "shop/cart,shop/search"),
        (&search(), 50, "shop/cart,shop/search"),
        (&search(), 0, "shop/cart"),
        (&cart, 90, "shop/cart"),
        (&cart, 0, ""),
    ] {
        route(&mut objects, target, canary).unwrap();
        let label = if listed.is_empty() { Value::Null } else { json!("in-progress") };
        let list = if listed.is_empty() { Value::Null } else { json!(listed) };
        assert_eq!(mark(&objects), (label, list));
        // Neither changes what the other has just made.
        for (other, weight) in [(&cart, weight(&objects, 0)), (&search(), weight(&objects, 1))] {
            assert_eq!(route(&mut objects, other, weight).unwrap().changes, []);
        }
    }
}

fn weight(objects: &Objects, rule: usize) -> u32 {
    let rules = &objects.get("HTTPRoute", "shop", "cart").unwrap()["spec"]["rules"];
    u32::try_from(rules[rule]["backendRefs"][1]["weight"].as_u64().unwrap()).unwrap()
}

/// What is there, and what remains of it when this Rollout has no canary.
#[test]
fn what_others_left_is_tidied_only_when_nobody_is_listed() {
    for (label, list, expected) in [
        (json!("in-progress"), Value::Null, (Value::Null, Value::Null)),
        (json!("by hand"), Value::Null, (json!("by hand"), Value::Null)),
        (json!("in-progress"), json!("shop/cart"), (Value::Null, Value::Null)),
        (json!("in-progress"), json!("shop/b, shop/cart ,"), (json!("in-progress"), json!("shop/b"))),
        (Value::Null, json!("shop/b"), (json!("in-progress"), json!("shop/b"))),
    ] {
        let entry = |key: &str, value: &Value| if value.is_null() { json!({}) } else { json!({key: value}) };
        let mut objects = with(entry(LABEL, &label), entry(ROLLOUTS, &list));
        route(&mut objects, &cart_with_route(), 0).unwrap();
        assert_eq!(mark(&objects), expected, "{label} {list}");
    }
}

#[test]
fn keys_and_value_are_configurable_and_it_can_be_switched_off() {
    let marked = |target: &Target| {
        let mut objects = with(Value::Null, Value::Null);
        route(&mut objects, target, 20).unwrap();
        objects.get("HTTPRoute", "shop", "cart").unwrap()["metadata"].clone()
    };
    let own = json!({"httpRoute": "cart", "inProgressLabelKey": "example.com/canary", "inProgressLabelValue": "yes",
        "activeRolloutsAnnotationKey": "example.com/rollouts"});
    let metadata = marked(&cart(&own));
    assert_eq!(metadata["labels"], json!({"example.com/canary": "yes"}));
    assert_eq!(metadata["annotations"], json!({"example.com/rollouts": "shop/cart"}));
    let by_operator = cart_with_route().with_settings(&json!({"inProgressLabelValue": "running"}));
    assert_eq!(marked(&by_operator)["labels"][LABEL], "running");
    for target in [
        cart(&json!({"httpRoute": "cart", "disableInProgressLabel": true})),
        cart_with_route().with_settings(&json!({"disableInProgressLabel": true})),
    ] {
        let metadata = marked(&target);
        assert_eq!((&metadata["labels"], &metadata["annotations"]), (&Value::Null, &Value::Null));
    }
}
