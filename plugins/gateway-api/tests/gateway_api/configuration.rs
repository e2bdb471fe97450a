//! What users write, and what it means.

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Router, Selection};

use crate::{GatewayApi, both, cart, http_route, route, weights};

/// What a configuration asks for: `namespace/name` or `namespace/{labels}`, `.` being the Rollout's namespace.
fn asked(config: &Value) -> Vec<String> {
    let target = cart(config);
    let queries = GatewayApi::locate(&target, &testing::traffic(&target, 20), &[]).unwrap();
    queries
        .iter()
        .map(|query| {
            assert!(!query.optional);
            let kind = query.kind.kind.strip_suffix("Route").unwrap();
            let kind = if kind == "HTTP" { String::new() } else { format!("{kind} ") };
            let namespace = query.namespace.as_deref().unwrap_or(".");
            match &query.select {
                Selection::Name(name) => format!("{kind}{namespace}/{name}"),
                Selection::Labels(labels) => format!("{kind}{namespace}/{{{labels}}}"),
            }
        })
        .collect()
}

#[test]
fn routes_are_named_as_in_argos_plugin() {
    for (config, expected) in [
        (json!({"httpRoute": "a"}), vec!["./a"]),
        (json!({"httpRoute": "a", "namespace": ""}), vec!["./a"]),
        (json!({"httpRoute": "a", "namespace": "shop"}), vec!["./a"]),
        (json!({"httpRoute": "a", "namespace": "gateways"}), vec!["gateways/a"]),
        (json!({"httpRoutes": [{"name": "a", "useHeaderRoutes": true}, {"name": "b"}]}), vec!["./a", "./b"]),
        (
            json!({"httpRoutes": [{"name": "a"}, {"name": "b"}, {"name": "a"}], "httpRoute": "b"}),
            vec!["./a", "./b"],
        ),
        (json!({"httpRoutes": [], "httpRoute": "a", "grpcRoutes": [], "tcpRoute": ""}), vec!["./a"]),
        (json!({"httpRoutes": null, "httpRoute": "a", "tlsRouteSelector": null}), vec!["./a"]),
        (json!({"httproute": "a", "HTTPROUTES": [{"Name": "b"}]}), vec!["./b", "./a"]),
        (
            json!({"httpRouteSelector": {"matchLabels": {"app": "web"},
                "matchExpressions": [{"key": "env", "operator": "In", "values": ["a", "b"]}]}}),
            vec!["./{app=web,env in (a,b)}"],
        ),
        (
            json!({"httpRoute": "a", "httpRouteSelector": {"matchLabels": {"x": "y"}}, "namespace": "gateways"}),
            vec!["gateways/a", "gateways/{x=y}"],
        ),
        (
            json!({"tlsRoute": "d", "tcpRoutes": [{"name": "c"}], "grpcRoute": "b", "httpRoute": "a",
                "tcpRouteSelector": {"matchLabels": {"x": "y"}}}),
            vec!["./a", "GRPC ./b", "TCP ./c", "TLS ./d", "TCP ./{x=y}"],
        ),
        (json!({"grpcRoute": "a", "namespace": "gateways"}), vec!["GRPC gateways/a"]),
        (
            json!({"httpRoute": "a", "disableInProgressLabel": true, "inProgressLabelKey": "k", "inProgressLabelValue": "v",
                "activeRolloutsAnnotationKey": "k", "configMap": "c", "verify": "Never"}),
            vec!["./a"],
        ),
    ] {
        assert_eq!(asked(&config), expected, "{config}");
        assert!(GatewayApi::check(&cart(&config)).is_ok());
    }
}

/// What is wrong, its code, and its place.
#[test]
fn a_wrong_configuration_is_refused_with_its_place() {
    for (config, code, pointer) in [
        (json!({}), "invalid-config", ""),
        (Value::Null, "invalid-config", ""),
        (json!([]), "invalid-config", ""),
        (json!("cart"), "invalid-config", ""),
        (json!({"httpRoute": 1}), "invalid-config", "/httpRoute"),
        (json!({"httpRoute": "Not A Name"}), "invalid-config", "/httpRoute"),
        (json!({"httpRoute": "a/b"}), "invalid-config", "/httpRoute"),
        (json!({"httpRoute": "a", "namespace": {}}), "invalid-config", "/namespace"),
        (json!({"httpRoute": "a", "namespace": "../x"}), "invalid-config", "/namespace"),
        (json!({"httpRoutes": {"name": "a"}}), "invalid-config", "/httpRoutes"),
        (json!({"httpRoutes": ["a"]}), "invalid-config", "/httpRoutes/0"),
        (
            json!({"httpRoutes": [{"name": "a"}, {"useHeaderRoutes": true}]}),
            "invalid-config",
            "/httpRoutes/1/name",
        ),
        (
            json!({"httpRoutes": [{"name": "a", "useHeaderRoutes": "yes"}]}),
            "invalid-config",
            "/httpRoutes/0/useHeaderRoutes",
        ),
        (json!({"httpRoute": "a", "verify": "Sometimes"}), "invalid-config", "/verify"),
        (
            json!({"httpRoute": "a", "disableInProgressLabel": "true"}),
            "invalid-config",
            "/disableInProgressLabel",
        ),
        (json!({"httpRouteSelector": {}}), "invalid-config", "/httpRouteSelector"),
        (
            json!({"httpRouteSelector": {"matchLabels": {"a": 1}}}),
            "invalid-config",
            "/httpRouteSelector/matchLabels/a",
        ),
        (
            json!({"httpRouteSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}),
            "invalid-config",
            "/httpRouteSelector/matchExpressions/0/operator",
        ),
        (json!({"grpcRoutes": [{"ruleName": "b"}]}), "invalid-config", "/grpcRoutes/0/name"),
        (json!({"tlsRouteSelector": {}}), "invalid-config", "/tlsRouteSelector"),
        (
            json!({"httpRoute": "a", "inProgressLabelKey": "not a key"}),
            "invalid-config",
            "/inProgressLabelKey",
        ),
        (
            json!({"httpRoute": "a", "inProgressLabelValue": "not a value"}),
            "invalid-config",
            "/inProgressLabelKey",
        ),
        (
            json!({"httpRoute": "a", "activeRolloutsAnnotationKey": "a/b/c"}),
            "invalid-config",
            "/activeRolloutsAnnotationKey",
        ),
    ] {
        let target = cart(&config);
        let problem = GatewayApi::check(&target).unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.pointer.as_deref()),
            (code, Some(pointer)),
            "{config}: {}",
            problem.message
        );
        assert_eq!(GatewayApi::locate(&target, &testing::traffic(&target, 20), &[]).unwrap_err(), problem);
    }
}

#[test]
fn both_services_are_needed() {
    let config = json!({"httpRoute": "cart"});
    for (stable, canary) in [(None, Some("b")), (Some("a"), None), (Some("a"), Some("a"))] {
        let target = cart(&config).with_services(stable, canary);
        assert_eq!(GatewayApi::check(&target).unwrap_err().code, "missing-service");
        let mut objects = Objects::new().with(http_route("cart", json!([both(0)])));
        assert_eq!(route(&mut objects, &target, 20).unwrap_err().code, "missing-service");
    }
}

#[test]
fn unknown_keys_are_noted_and_ignored() {
    let target =
        cart(&json!({"httpRoute": "cart", "httpRouts": 1, "httpRoutes": [{"name": "cart", "port": 80}],
        "httpRouteSelector": {"matchLabels": {"app": "cart"}, "matchLabel": {}}}));
    let outcome = route(&mut Objects::new().with(http_route("cart", json!([both(0)]))), &target, 20).unwrap();
    for key in ["/httpRouts", "/httpRoutes/0/port", "/httpRouteSelector/matchLabel"] {
        let about = outcome.notes.iter().filter(|note| note.contains(&format!("{key} "))).count();
        assert_eq!(about, 1, "{key} in {:?}", outcome.notes);
    }
    assert_eq!(outcome.notes.len(), 3);
}

/// Each key of the published schema, with a value of its type, is one that the plugin knows; and the schema's
/// choice of `verify` is the plugin's.
#[test]
fn the_schema_and_the_plugin_know_the_same_keys() {
    let description = GatewayApi::describe();
    let schema: Value = serde_json::from_str(&description.config_schema).unwrap();
    let settings: Value = serde_json::from_str(&description.settings_schema).unwrap();
    let mut config = json!({"httpRoute": "cart"});
    for (key, property) in schema["properties"].as_object().unwrap() {
        if let Some(choices) = property["enum"].as_array() {
            assert_eq!(settings["properties"][key]["enum"], property["enum"]);
            for choice in choices {
                assert!(
                    GatewayApi::check(&cart(&json!({"httpRoute": "cart", key.as_str(): choice}))).is_ok()
                );
            }
            continue;
        }
        let is_of_http = key.starts_with("http");
        let definition = property["$ref"].as_str().and_then(|pointer| schema.pointer(&pointer[1..]));
        config[key] = match definition.unwrap_or(property)["type"].as_str().unwrap() {
            "string" if key.ends_with("RuleName") || key.ends_with("Route") && !is_of_http => json!(""),
            "string" => json!("cart"),
            "boolean" => json!(true),
            "array" if !is_of_http => json!([]),
            "object" if !is_of_http => Value::Null,
            "array" => json!([{"name": "cart", "useHeaderRoutes": true, "ruleName": ""}]),
            "object" => {
                json!({"matchLabels": {"app": "cart"}, "matchExpressions": [{"key": "app", "operator": "Exists"}]})
            }
            other => panic!("{key} is of type {other}"),
        };
    }
    config["namespace"] = json!("shop");
    let outcome =
        route(&mut Objects::new().with(http_route("cart", json!([both(0)]))), &cart(&config), 20).unwrap();
    assert_eq!(outcome.notes, [""; 0]);
}

#[test]
fn routes_that_do_not_exist_are_named() {
    let exists = || Objects::new().with(http_route("cart", json!([both(0)])));
    let named = cart(&json!({"httpRoutes": [{"name": "cart"}, {"name": "crat"}]}));
    let problem = route(&mut exists(), &named, 20).unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.pointer.as_deref()),
        ("missing-object", Some("/httpRoutes/1/name"))
    );
    assert!(problem.message.contains("`crat`"));

    let labelled = cart(&json!({"httpRouteSelector": {"matchLabels": {"app": "crat"}}}));
    let problem = route(&mut exists(), &labelled, 20).unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.pointer.as_deref()),
        ("missing-object", Some("/httpRouteSelector"))
    );
    assert!(problem.message.contains("app=crat"));

    // A selector that finds nothing next to a named route may be meant so: routes can come later.
    let both = cart(&json!({"httpRoute": "cart", "httpRouteSelector": {"matchLabels": {"app": "crat"}}}));
    let mut objects = exists();
    let outcome = route(&mut objects, &both, 20).unwrap();
    assert_eq!((weights(&objects, "cart"), outcome.notes.len()), (vec![vec![80, 20]], 1));
}

#[test]
fn all_routes_of_a_rollout_are_divided_in_one_order() {
    let target = cart(
        &json!({"httpRoutes": [{"name": "z"}, {"name": "a"}], "httpRouteSelector": {"matchLabels": {"app": "m"}}}),
    );
    let mut objects = ["a", "m", "z", "other"]
        .into_iter()
        .fold(Objects::new(), |objects, name| objects.with(http_route(name, json!([both(0)]))));
    let outcome = route(&mut objects, &target, 20).unwrap();
    assert_eq!(
        outcome.changes.iter().map(|change| change.ref_.name.as_str()).collect::<Vec<_>>(),
        ["z", "a", "m"]
    );
    assert_eq!(weights(&objects, "other"), [[100, 0]]);
}

#[test]
fn labels_alone_find_routes_and_rule_names_do_not_limit_them() {
    let objects = || {
        let mut named = both(0);
        named["name"] = json!("live");
        let pinned = http_route("cart", json!([named, both(0)]));
        let mut labelled = http_route("mobile", json!([both(0), both(0)]));
        labelled["metadata"]["labels"] = json!({"team": "shop", "app": "cart"});
        Objects::new().with(pinned).with(labelled)
    };
    let selector = json!({"matchLabels": {"team": "shop"}});
    let mut found = objects();
    route(&mut found, &cart(&json!({"httpRouteSelector": selector})), 20).unwrap();
    assert_eq!(
        (weights(&found, "cart"), weights(&found, "mobile")),
        (vec![vec![100, 0]; 2], vec![vec![80, 20]; 2])
    );

    let config = json!({"httpRoutes": [{"name": "cart", "ruleName": "live"}], "httpRouteSelector": {"matchLabels": {"app": "cart"}}});
    let mut found = objects();
    route(&mut found, &cart(&config), 20).unwrap();
    assert_eq!(weights(&found, "cart"), [[80, 20], [100, 0]]);
    assert_eq!(weights(&found, "mobile"), [[80, 20], [80, 20]]);
}

#[test]
fn the_operators_settings_are_defaults() {
    let features = |config: Value, settings: Value| {
        GatewayApi::check(&testing::target("shop", "cart").with_config(&config).with_settings(&settings))
            .map(|features| features.contains(&"verify".to_owned()))
    };
    let config = json!({"httpRoute": "cart"});
    assert_eq!(features(config.clone(), json!({})), Ok(true));
    assert_eq!(features(config.clone(), json!({"verify": "Never"})), Ok(false));
    assert_eq!(
        features(json!({"httpRoute": "cart", "verify": "Always"}), json!({"verify": "Never"})),
        Ok(true)
    );
    assert_eq!(features(config, json!({"verify": 1})).unwrap_err().code, "invalid-config");
}

#[test]
fn it_describes_what_it_does() {
    let description = GatewayApi::describe();
    assert_eq!(description.name, "gateway-api");
    let verbs: Vec<_> = description.kinds.iter().map(|used| used.verbs.join(",")).collect();
    assert_eq!(verbs, ["read,update", "read,update", "read,update", "read,update", "read"]);
    let kinds: Vec<_> = description
        .kinds
        .iter()
        .map(|used| (used.kind.kind.as_str(), used.versions.join(","), used.elements.len()))
        .collect();
    let expected = [
        ("HTTPRoute", "v1,v1beta1", 2),
        ("GRPCRoute", "v1", 2),
        ("TCPRoute", "v1,v1alpha2", 1),
        ("TLSRoute", "v1,v1alpha3,v1alpha2", 1),
        ("Service", "v1", 0),
    ];
    assert_eq!(kinds, expected.map(|(kind, versions, elements)| (kind, versions.to_owned(), elements)));
    assert_eq!(description.features, GatewayApi::check(&cart(&json!({"httpRoute": "cart"}))).unwrap());
}

/// A configuration, and whether some route of it can have header routes, and mirror routes.
#[test]
fn features_are_those_of_this_very_configuration() {
    for (config, header, mirror) in [
        (json!({"httpRoute": "a"}), true, true),
        (json!({"grpcRoute": "a"}), true, true),
        (json!({"httpRoutes": [{"name": "a"}]}), false, true),
        (json!({"httpRoutes": [{"name": "a"}, {"name": "b", "useHeaderRoutes": true}]}), true, true),
        (
            json!({"httpRoutes": [{"name": "a"}], "grpcRoutes": [{"name": "b", "useHeaderRoutes": true}]}),
            true,
            true,
        ),
        (json!({"httpRoutes": [{"name": "a"}], "httpRoute": "a"}), true, true),
        (json!({"httpRouteSelector": {"matchLabels": {"a": "b"}}}), false, true),
        (json!({"tcpRoute": "a"}), false, false),
        (json!({"tlsRoutes": [{"name": "a", "useHeaderRoutes": true}]}), false, false),
        (json!({"tcpRoute": "a", "grpcRouteSelector": {"matchLabels": {"a": "b"}}}), false, true),
    ] {
        let features = GatewayApi::check(&cart(&config)).unwrap();
        let has = |feature: &str| features.iter().any(|other| other == feature);
        assert_eq!((has("header-routes"), has("mirror-routes")), (header, mirror), "{config}");
        assert!(["weights", "max-weight", "additional-destinations"].into_iter().all(has));
    }
}
