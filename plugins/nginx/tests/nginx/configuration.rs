//! What can be configured.

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Router, Target};

use crate::{Nginx, cart, cart_with_ingress, ingress, path, route, rule, web};

fn check(target: &Target) -> Result<Vec<String>, (String, Option<String>)> {
    Nginx::check(target).map_err(|problem| (problem.code.clone(), problem.pointer.clone()))
}

#[test]
fn every_configuration_divides_by_weight() {
    for config in [
        json!({"stableIngress": "web"}),
        json!({"stableIngresses": ["web", "internal"], "stableIngress": ""}),
        json!({"stableingress": "web", "stableIngresses": []}),
    ] {
        assert_eq!(check(&cart(config.clone())).unwrap(), ["weights", "max-weight"], "{config}");
    }
    assert_eq!(Nginx::describe().features, ["weights", "max-weight"]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (config, pointer) in [
        (json!({}), ""),
        (json!("web"), ""),
        (json!({"stableIngress": 1}), "/stableIngress"),
        (json!({"stableIngress": "Web"}), "/stableIngress"),
        (json!({"stableIngress": "web", "stableIngresses": ["web"]}), "/stableIngress"),
        (json!({"stableIngresses": ["web", ""]}), "/stableIngresses/1"),
        (json!({"stableIngresses": ["web", "web"]}), "/stableIngresses/1"),
        (json!({"stableIngresses": ["web", "cart-web-canary"]}), "/stableIngresses/1"),
        (json!({"stableIngresses": ["cart-web-canary", "web"]}), "/stableIngresses/1"),
        (json!({"stableIngress": "web", "annotationPrefix": "a b"}), "/annotationPrefix"),
        (
            json!({"stableIngress": "web", "additionalIngressAnnotations": {"a": 1}}),
            "/additionalIngressAnnotations/a",
        ),
        (json!({"stableIngress": "web", "canaryIngressAnnotations": []}), "/canaryIngressAnnotations"),
    ] {
        let expected = Err(("invalid-config".to_owned(), Some(pointer.to_owned())));
        let target = cart(config.clone());
        assert_eq!(check(&target), expected, "{config}");
        assert!(Nginx::locate(&target, &testing::traffic(&target, 20), &[]).is_err(), "{config}");
    }
}

#[test]
fn unknown_keys_are_told() {
    let target = cart(json!({"stableIngress": "web", "typo": 1}));
    let outcome = route(&mut Objects::new().with(web()), &target, 20).unwrap();
    assert_eq!(outcome.notes.len(), 1);
    assert!(outcome.notes[0].contains("/typo"));
}

#[test]
fn two_services_are_needed() {
    for services in [(None, None), (Some("cart"), None), (Some("cart"), Some("cart"))] {
        let target = cart_with_ingress().with_services(services.0, services.1);
        assert_eq!(check(&target).unwrap_err().0, "missing-service");
        let problem = Nginx::route(&target, &testing::traffic(&target, 1), &[]).unwrap_err();
        assert_eq!(problem.code, "missing-service");
    }
}

/// At most 253 characters, cut as Argo cuts them.
#[test]
fn long_names_are_cut() {
    let long = |length: usize| "a".repeat(length);
    for (stable, expected) in [
        ("web".to_owned(), "cart-web-canary".to_owned()),
        (long(241), format!("cart-{}-canary", long(241))),
        (long(242), format!("cart-{}-canary", long(241))),
        (long(253), format!("cart-{}-canary", long(241))),
        (format!("{}.b", long(240)), format!("cart-{}-canary", long(240))),
    ] {
        assert!(expected.len() <= 253);
        let stable_ingress = ingress(&stable, json!([rule("a", json!([path("/", "cart")]))]));
        let mut objects = Objects::new().with(stable_ingress);
        route(&mut objects, &cart(json!({"stableIngress": stable})), 20).unwrap();
        assert!(objects.get("Ingress", "shop", &expected).is_some(), "{stable}");
    }
    let clash = cart(json!({"stableIngresses": [long(250), long(251)]}));
    assert_eq!(check(&clash).unwrap_err().0, "invalid-config");
}

#[test]
fn schemas_are_json() {
    let description = Nginx::describe();
    for schema in [description.config_schema, description.settings_schema] {
        let schema: Value = serde_json::from_str(&schema).unwrap();
        assert_eq!(schema["type"], "object");
    }
}
