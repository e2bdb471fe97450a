//! What can be configured, and what each configuration can do.

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Router, Target};

use crate::{Istio, both, cart, cart_with_subsets, route, virtual_service};

fn check(target: &Target) -> Result<Vec<String>, (String, Option<String>)> {
    Istio::check(target).map_err(|problem| (problem.code.clone(), problem.pointer.clone()))
}

#[test]
fn features_depend_on_the_configuration() {
    let all = ["weights", "additional-destinations", "header-routes", "mirror-routes", "verify"];
    let connections = ["weights", "additional-destinations", "verify"];
    let verified_never = ["weights", "additional-destinations", "header-routes", "mirror-routes"];
    for (config, expected) in [
        (json!({"virtualService": {"name": "cart"}}), all.as_slice()),
        (json!({"virtualService": {"name": "cart", "routes": ["a"], "tcpRoutes": [{"port": 1}]}}), &all),
        (json!({"virtualService": {"name": "cart", "tcpRoutes": [{"port": 1}]}}), &connections),
        (json!({"virtualServices": [{"name": "cart"}, {"name": "b", "tlsRoutes": [{}]}]}), &connections),
        (json!({"virtualService": {"name": "cart"}, "verify": "Never"}), &verified_never),
    ] {
        assert_eq!(check(&cart(config.clone())).unwrap(), expected, "{config}");
    }
    assert_eq!(check(&cart_with_subsets()).unwrap(), all, "subsets need no Services");
    let described = Istio::describe().features;
    assert!(all.iter().all(|feature| described.iter().any(|other| other == feature)));
}

#[test]
fn keys_are_read_as_go_reads_them() {
    let target = cart(json!({
        "VirtualService": null,
        "virtualservices": [{"NAME": "cart", "routes": null, "tlsRoutes": []}],
        "destinationRule": null,
        "typo": 1,
    }));
    let mut objects = Objects::new().with(virtual_service("cart", json!([both(0)])));
    let outcome = route(&mut objects, &target, 20).unwrap();
    assert_eq!(outcome.notes.len(), 1);
    assert!(outcome.notes[0].contains("/typo"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let rule = |rule: Value| json!({"virtualService": {"name": "cart"}, "destinationRule": rule});
    for (config, pointer) in [
        (json!({}), ""),
        (json!([]), ""),
        (json!({"virtualServices": []}), ""),
        (json!({"virtualService": {}}), "/virtualService/name"),
        (json!({"virtualService": {"name": "Cart"}}), "/virtualService/name"),
        (json!({"virtualService": {"name": "cart."}}), "/virtualService/name"),
        (json!({"virtualService": {"name": ".shop"}}), "/virtualService/name"),
        (json!({"virtualService": {"name": 1}}), "/virtualService/name"),
        (json!({"virtualService": {"name": "a"}, "virtualServices": [{"name": "b"}]}), "/virtualService"),
        (json!({"virtualServices": [{"name": "a"}, {"name": "a.shop"}]}), "/virtualServices/1/name"),
        (json!({"virtualService": {"name": "a", "routes": "b"}}), "/virtualService/routes"),
        (
            json!({"virtualService": {"name": "a", "tcpRoutes": [{"port": "1"}]}}),
            "/virtualService/tcpRoutes/0/port",
        ),
        (
            json!({"virtualService": {"name": "a", "tlsRoutes": [{"sniHosts": [1]}]}}),
            "/virtualService/tlsRoutes/0/sniHosts/0",
        ),
        (rule(json!({})), "/destinationRule/name"),
        (rule(json!({"name": "a", "stableSubsetName": "s"})), "/destinationRule/canarySubsetName"),
        (rule(json!({"name": "a", "canarySubsetName": "s"})), "/destinationRule/stableSubsetName"),
        (
            rule(json!({"name": "a", "canarySubsetName": "s", "stableSubsetName": "s"})),
            "/destinationRule/canarySubsetName",
        ),
        (json!({"virtualService": {"name": "a"}, "verify": "Always"}), "/verify"),
    ] {
        let expected = Err(("invalid-config".to_owned(), Some(pointer.to_owned())));
        assert_eq!(check(&cart(config.clone())), expected, "{config}");
        let target = cart(config.clone());
        assert!(Istio::locate(&target, &testing::traffic(&target, 20), &[]).is_err(), "{config}");
    }
}

#[test]
fn hosts_need_two_services() {
    for services in [(None, None), (Some("cart"), None), (Some("cart"), Some("cart"))] {
        let target = cart(json!({"virtualService": {"name": "cart"}})).with_services(services.0, services.1);
        assert_eq!(check(&target).unwrap_err().0, "missing-service");
        let problem = Istio::route(&target, &testing::traffic(&target, 1), &[]).unwrap_err();
        assert_eq!(problem.code, "missing-service");
    }
}

#[test]
fn schemas_are_json_and_hold_for_what_argo_documents() {
    let description = Istio::describe();
    for schema in [description.config_schema, description.settings_schema] {
        let schema: Value = serde_json::from_str(&schema).unwrap();
        assert_eq!(schema["type"], "object");
    }
}
