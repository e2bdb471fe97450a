//! Canary Ingresses: made, taken over, kept up to date, removed.

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{RequestMatch, Rule, RuleAction, Verdict};

use crate::{Nginx, annotations, canary, cart, cart_with_ingress, ingress, path, route, rule, web};

#[test]
fn a_canary_ingress_is_made_next_to_the_stable_one() {
    let mut objects = Objects::new().with(web());
    let first = route(&mut objects, &cart_with_ingress(), 20).unwrap();
    assert_eq!(first.changes.len(), 1);
    let made = canary(&objects).unwrap();
    assert_eq!(
        made["metadata"]["annotations"],
        json!({"nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "20"})
    );
    assert_eq!(
        made["spec"],
        json!({
            "ingressClassName": "nginx",
            "rules": [rule("cart.example", json!([path("/", "cart-canary")]))],
        })
    );
    assert_eq!(objects.get("Ingress", "shop", "web"), Some(&web()), "the user's own stays as it is");
    let second = route(&mut objects, &cart_with_ingress(), 20).unwrap();
    assert_eq!(second.changes, []);
    assert_eq!(second.verdict, Verdict::Unverifiable);
    let shares = |outcome: &tidegate_router_sdk::Outcome| -> Vec<_> {
        let shares = outcome.shares.iter();
        shares
            .map(|share| (share.about.name.clone(), share.destination.clone(), share.weight, share.total))
            .collect()
    };
    let expected = |stable, canary| {
        [
            ("web".to_owned(), "stable".to_owned(), stable, 100),
            ("web".to_owned(), "canary".to_owned(), canary, 100),
        ]
    };
    assert_eq!(shares(&first), expected(100, 0));
    assert_eq!(shares(&second), expected(80, 20));
}

#[test]
fn it_stays_while_its_weight_is_0_and_goes_when_it_is_released() {
    let start = Objects::new().with(web());
    let mut objects = start.clone();
    for weight in [0, 20, 100, 0] {
        route(&mut objects, &cart_with_ingress(), weight).unwrap();
        assert_eq!(
            annotations(&objects)["nginx.ingress.kubernetes.io/canary-weight"],
            json!(weight.to_string())
        );
    }
    let target = cart_with_ingress();
    objects.release::<Nginx>(&target, &testing::traffic(&target, 20)).unwrap();
    assert_eq!(objects, start);
    objects.release::<Nginx>(&target, &testing::traffic(&target, 20)).unwrap();
    let mut without_stable = Objects::new();
    without_stable.release::<Nginx>(&target, &testing::traffic(&target, 20)).unwrap();
}

/// Rules of the stable Ingress, and of the canary Ingress.
#[test]
fn roles_that_are_exchanged_are_refused_and_nothing_changes() {
    // The stable Ingress names one Service for good, so ping-pong cannot be done; Rollouts that ask for it are refused before.
    let target = cart_with_ingress();
    let mut objects = Objects::new().with(web());
    route(&mut objects, &target, 100).unwrap();
    let before = (objects.get("Ingress", "shop", "web").cloned(), canary(&objects).cloned());
    let exchanged = target.with_services(Some("cart-canary"), Some("cart"));
    assert!(route(&mut objects, &exchanged, 0).is_err());
    assert_eq!((objects.get("Ingress", "shop", "web").cloned(), canary(&objects).cloned()), before);
}

#[test]
fn its_rules_are_the_paths_to_the_stable_service() {
    for (what, stable, expected) in [
        (
            "other paths and rules are left out",
            json!([
                rule("a.example", json!([path("/x", "search"), path("/", "cart"), path("/y", "cart-canary")])),
                rule("b.example", json!([path("/", "search")])),
                {"host": "c.example"},
                {"http": {"paths": [path("/c", "cart")]}},
            ]),
            json!([
                rule("a.example", json!([path("/", "cart-canary")])),
                {"http": {"paths": [path("/c", "cart-canary")]}},
            ]),
        ),
        (
            "ports and kinds of paths are kept",
            json!([rule(
                "a",
                json!([
                    {"pathType": "ImplementationSpecific", "backend": {"service": {"name": "cart", "port": {"number": 80}}}},
                    {"path": "/r", "pathType": "Exact", "backend": {"resource": {"kind": "Bucket", "name": "cart"}}},
                ])
            )]),
            json!([rule(
                "a",
                json!([
                    {"pathType": "ImplementationSpecific", "backend": {"service": {"name": "cart-canary", "port": {"number": 80}}}},
                ])
            )]),
        ),
    ] {
        let mut objects = Objects::new().with(ingress("web", stable));
        route(&mut objects, &cart_with_ingress(), 20).unwrap();
        assert_eq!(canary(&objects).unwrap()["spec"]["rules"], expected, "{what}");
    }
}

#[test]
fn it_follows_the_stable_ingress() {
    let mut objects = Objects::new().with(web());
    route(&mut objects, &cart_with_ingress(), 20).unwrap();
    let mut changed =
        ingress("web", json!([rule("new.example", json!([path("/", "cart"), path("/b", "cart")]))]));
    changed["spec"]["ingressClassName"] = Value::Null;
    changed["metadata"]["annotations"]["kubernetes.io/ingress.class"] = json!("edge");
    objects = objects.with(changed.clone());
    route(&mut objects, &cart_with_ingress(), 20).unwrap();
    let made = canary(&objects).unwrap();
    assert_eq!(
        made["spec"],
        json!({"rules": [rule("new.example", json!([path("/", "cart-canary"), path("/b", "cart-canary")]))]})
    );
    assert_eq!(made["metadata"]["annotations"]["kubernetes.io/ingress.class"], json!("edge"));

    changed["metadata"]["annotations"] = Value::Null;
    objects = objects.with(changed);
    route(&mut objects, &cart_with_ingress(), 20).unwrap();
    assert_eq!(annotations(&objects).get("kubernetes.io/ingress.class"), None);
}

/// What Argo made is taken over: same name, same controller.
#[test]
fn what_argo_made_is_taken_over() {
    let mut made = ingress(
        "cart-web-canary",
        json!([rule("cart.example", json!([path("/", "cart-canary"), path("/x", "search")]))]),
    );
    made["metadata"] = json!({
        "name": "cart-web-canary", "namespace": "shop", "uid": "2",
        "annotations": {
            "nginx.ingress.kubernetes.io/canary": "true",
            "nginx.ingress.kubernetes.io/canary-weight": "5",
            "nginx.ingress.kubernetes.io/canary-weight-total": "10",
            "nginx.ingress.kubernetes.io/canary-by-cookie": "old",
            "field.example/endpoints": "[]",
        },
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"},
            {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "cart", "uid": "shop-cart-uid",
             "controller": true, "blockOwnerDeletion": true},
        ],
    });
    let mut objects = Objects::new().with(web()).with(made.clone());
    let outcome = route(&mut objects, &cart_with_ingress(), 20).unwrap();
    assert_eq!((outcome.shares[1].weight, outcome.shares[1].total), (5, 10));
    assert_eq!(
        annotations(&objects),
        json!({
            "nginx.ingress.kubernetes.io/canary": "true",
            "nginx.ingress.kubernetes.io/canary-weight": "20",
            "field.example/endpoints": "[]",
        })
    );
    assert_eq!(
        canary(&objects).unwrap()["spec"]["tls"],
        Value::Null,
        "certificates are the stable Ingress's"
    );
    assert_eq!(canary(&objects).unwrap()["metadata"]["ownerReferences"], made["metadata"]["ownerReferences"]);

    // What is somebody else's is not.
    for owners in
        [json!(null), json!([{"uid": "shop-cart-uid"}]), json!([{"uid": "other", "controller": true}])]
    {
        let mut foreign = made.clone();
        foreign["metadata"]["ownerReferences"] = owners;
        let before = Objects::new().with(web()).with(foreign);
        let mut objects = before.clone();
        let problem = route(&mut objects, &cart_with_ingress(), 20).unwrap_err();
        assert_eq!(problem.code, "foreign-object");
        assert_eq!(problem.about.as_ref().unwrap().name, "cart-web-canary");
        let target = cart_with_ingress();
        objects.release::<Nginx>(&target, &testing::traffic(&target, 20)).unwrap();
        assert_eq!(objects, before);
    }
}

#[test]
fn a_canary_ingress_without_its_annotations_gives_nothing() {
    let mut objects = Objects::new().with(web());
    route(&mut objects, &cart_with_ingress(), 20).unwrap();
    for (_, object) in objects.iter_mut().filter(|(key, _)| key.name == "cart-web-canary") {
        object["metadata"].as_object_mut().unwrap().remove("annotations");
    }
    let outcome = route(&mut objects, &cart_with_ingress(), 20).unwrap();
    assert_eq!(outcome.shares[1].weight, 0);
    assert_eq!(annotations(&objects)["nginx.ingress.kubernetes.io/canary-weight"], json!("20"));
}

#[test]
fn weights_are_parts_of_max_weight() {
    let mut objects = Objects::new().with(web());
    let traffic = testing::traffic(&cart_with_ingress(), 1).out_of(1000);
    let outcome = objects.route::<Nginx>(&cart_with_ingress(), &traffic).unwrap();
    assert_eq!((outcome.shares[1].weight, outcome.shares[1].total), (0, 1000));
    assert_eq!(
        annotations(&objects),
        json!({
            "nginx.ingress.kubernetes.io/canary": "true",
            "nginx.ingress.kubernetes.io/canary-weight": "1",
            "nginx.ingress.kubernetes.io/canary-weight-total": "1000",
        })
    );
    route(&mut objects, &cart_with_ingress(), 1).unwrap();
    assert_eq!(annotations(&objects).get("nginx.ingress.kubernetes.io/canary-weight-total"), None);
}

#[test]
fn further_annotations_are_set_and_removed_again() {
    let target = cart(json!({
        "stableIngress": "web",
        "annotationPrefix": "edge.example/",
        "additionalIngressAnnotations": {
            "canary-by-header": "X-Canary", "edge.example/canary-by-header-value": "yes", "canary": "false",
        },
        "canaryIngressAnnotations": {"team.example/owner": "cart", "edge.example/canary-by-header-value": "sure"},
    }));
    let mut objects = Objects::new().with(web());
    route(&mut objects, &target, 20).unwrap();
    let both = json!({
        "edge.example/canary-by-header": "X-Canary",
        "edge.example/canary-by-header-value": "sure",
        "team.example/owner": "cart",
        "edge.example/canary": "true",
        "edge.example/canary-weight": "20",
    });
    assert_eq!(annotations(&objects), both);
    let fewer =
        cart(json!({"stableIngress": "web"})).with_settings(&json!({"annotationPrefix": "edge.example"}));
    route(&mut objects, &fewer, 20).unwrap();
    assert_eq!(
        annotations(&objects),
        json!({"team.example/owner": "cart", "edge.example/canary": "true", "edge.example/canary-weight": "20"})
    );
}

#[test]
fn a_total_of_the_users_own_must_be_the_traffics() {
    let target = cart(json!({
        "stableIngress": "web", "additionalIngressAnnotations": {"canary-weight-total": "1000"},
    }));
    let mut objects = Objects::new().with(web());
    assert_eq!(route(&mut objects, &target, 20).unwrap_err().code, "unsupported");
    let traffic = testing::traffic(&target, 20).out_of(1000);
    objects.route::<Nginx>(&target, &traffic).unwrap();
    assert_eq!(annotations(&objects)["nginx.ingress.kubernetes.io/canary-weight-total"], json!("1000"));
}

#[test]
fn every_ingress_gets_its_own() {
    let target = cart(json!({"stableIngresses": ["web", "internal"]}));
    let internal = ingress("internal", json!([rule("cart.internal", json!([path("/", "cart")]))]));
    let start = Objects::new().with(web()).with(internal);
    let mut objects = start.clone();
    let outcome = route(&mut objects, &target, 20).unwrap();
    assert_eq!(outcome.changes.len(), 2);
    assert_eq!(route(&mut objects, &target, 20).unwrap().shares.len(), 4);
    assert_eq!(
        objects.get("Ingress", "shop", "cart-internal-canary").unwrap()["spec"]["rules"][0]["host"],
        json!("cart.internal")
    );
    objects.release::<Nginx>(&target, &testing::traffic(&target, 20)).unwrap();
    assert_eq!(objects, start);
}

#[test]
fn what_is_missing_is_a_problem() {
    let problem = route(&mut Objects::new(), &cart_with_ingress(), 20).unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.pointer.as_deref()),
        ("missing-object", Some("/stableIngress"))
    );
    for rules in [json!([]), json!([rule("a", json!([path("/", "search")]))]), json!(null)] {
        let mut objects = Objects::new().with(ingress("web", rules));
        let problem = route(&mut objects, &cart_with_ingress(), 20).unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.pointer.as_deref()),
            ("missing-backend", Some("/spec/rules"))
        );
    }
    let mut objects = Objects::new().with(ingress("web", json!({})));
    let problem = route(&mut objects, &cart_with_ingress(), 20).unwrap_err();
    assert_eq!((problem.code.as_str(), problem.pointer.as_deref()), ("invalid-object", Some("/spec/rules")));
}

#[test]
fn what_annotations_cannot_say_is_unsupported() {
    let target = cart_with_ingress();
    let rule = Rule {
        matches: vec![RequestMatch { method: None, path: None, headers: Vec::new() }],
        action: RuleAction::ToCanary,
    };
    for (traffic, expected) in [
        (testing::traffic(&target, 20).with_additional("exp", "cart-exp", 5), Some("unsupported")),
        (testing::traffic(&target, 20).with_managed_route("users", Some(rule)), Some("unsupported")),
        (testing::traffic(&target, 20).with_managed_route("users", None), None),
        (testing::traffic(&target, 20).with_additional("exp", "cart-exp", 0), None),
    ] {
        let problem = Objects::new().with(web()).route::<Nginx>(&target, &traffic).err();
        assert_eq!(problem.as_ref().map(|problem| problem.code.as_str()), expected);
    }
}
