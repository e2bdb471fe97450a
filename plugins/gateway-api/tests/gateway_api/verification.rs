//! What parents report, and the verdict on it.

use serde_json::{Value, json};
use tidegate_router_sdk::Verdict;
use tidegate_router_sdk::testing::Objects;

use crate::{both, cart, http_route, route};

/// The verdict's case.
fn case(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Verified => "verified",
        Verdict::Pending(_) => "pending",
        Verdict::Rejected(_) => "rejected",
        Verdict::Unreported(_) => "unreported",
        Verdict::Unverifiable => "unverifiable",
    }
}

fn text(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Pending(text) | Verdict::Rejected(text) | Verdict::Unreported(text) => text,
        Verdict::Verified | Verdict::Unverifiable => "",
    }
}

/// A settled route of generation 4 with these entries in `status.parents`.
fn reported(name: &str, parents: Value) -> Value {
    let mut route = http_route(name, json!([both(20)]));
    route["status"] = json!({"parents": parents});
    route
}

fn condition(kind: &str, status: &str, generation: Option<i64>) -> Value {
    let mut condition = json!({"type": kind, "status": status, "reason": "Because", "message": "so it is",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    if let Some(generation) = generation {
        condition["observedGeneration"] = json!(generation);
    }
    condition
}

/// An entry for the Gateway `infra/edge` with these conditions.
fn edge(conditions: &[Value]) -> Value {
    json!({"parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge", "namespace": "infra"},
        "controllerName": "example.net/gateway", "conditions": conditions})
}

fn verdict(verify: &str, route_object: Value) -> Verdict {
    let target = cart(&json!({"httpRoute": "cart", "verify": verify, "disableInProgressLabel": true}));
    let outcome = route(&mut Objects::new().with(route_object), &target, 20).unwrap();
    assert_eq!(outcome.changes, []);
    outcome.verdict
}

/// What one parent says, and the verdict by default and with `verify: Always`.
#[test]
fn what_a_parent_says_of_this_generation_counts() {
    let accepted = || condition("Accepted", "True", Some(4));
    for (what, parents, if_reported, always) in [
        ("nobody reports", json!([]), "unreported", "pending"),
        ("accepted", json!([edge(&[accepted()])]), "verified", "verified"),
        (
            "accepted and resolved",
            json!([edge(&[accepted(), condition("ResolvedRefs", "True", Some(4))])]),
            "verified",
            "verified",
        ),
        (
            "an older generation",
            json!([edge(&[condition("Accepted", "True", Some(3))])]),
            "pending",
            "pending",
        ),
        (
            "a refusal of an older generation",
            json!([edge(&[condition("Accepted", "False", Some(3))])]),
            "pending",
            "pending",
        ),
        (
            "references of an older generation",
            json!([edge(&[accepted(), condition("ResolvedRefs", "True", Some(3))])]),
            "pending",
            "pending",
        ),
        ("refused", json!([edge(&[condition("Accepted", "False", Some(4))])]), "rejected", "rejected"),
        (
            "a backend is missing",
            json!([edge(&[accepted(), condition("ResolvedRefs", "False", Some(4))])]),
            "rejected",
            "rejected",
        ),
        ("not known yet", json!([edge(&[condition("Accepted", "Unknown", Some(4))])]), "pending", "pending"),
        (
            "no generation: cannot tell",
            json!([edge(&[condition("Accepted", "True", None)])]),
            "unreported",
            "pending",
        ),
        (
            "no generation, but refused",
            json!([edge(&[condition("Accepted", "False", None)])]),
            "rejected",
            "rejected",
        ),
        (
            "only a policy's conditions",
            json!([edge(&[condition("example.net/Policy", "True", Some(4))])]),
            "unreported",
            "pending",
        ),
        ("no conditions", json!([edge(&[])]), "unreported", "pending"),
        (
            "an entry of a parent that is no longer there",
            json!([{"parentRef": {"name": "old"}, "controllerName": "x", "conditions": [condition("Accepted", "False", Some(2))]}]),
            "unreported",
            "pending",
        ),
        (
            "two controllers, one of them behind",
            json!([edge(&[accepted()]), edge(&[condition("Accepted", "True", Some(2))])]),
            "pending",
            "pending",
        ),
        (
            "two controllers, one of which never reports properly",
            json!([edge(&[accepted()]), edge(&[condition("Programmed", "True", None)])]),
            "verified",
            "verified",
        ),
    ] {
        let route = reported("cart", parents);
        assert_eq!(case(&verdict("IfReported", route.clone())), if_reported, "{what}");
        assert_eq!(case(&verdict("Always", route.clone())), always, "{what}, Always");
        assert_eq!(verdict("Never", route), Verdict::Unverifiable, "{what}, Never");
    }
}

#[test]
fn every_parent_that_reports_is_waited_for_and_with_always_every_parent() {
    let mut route = reported("cart", json!([edge(&[condition("Accepted", "True", Some(4))])]));
    route["spec"]["parentRefs"] = json!([{"name": "edge", "namespace": "infra"}, {"kind": "Service", "group": "", "name": "cart", "port": 80}]);
    assert_eq!(verdict("IfReported", route.clone()), Verdict::Verified);
    let waiting = verdict("Always", route.clone());
    assert_eq!(case(&waiting), "pending");
    assert!(text(&waiting).contains("Service shop/cart"), "{waiting:?}");

    let mesh = json!({"parentRef": {"kind": "Service", "group": "", "name": "cart", "namespace": "shop", "port": 80},
        "controllerName": "mesh", "conditions": [condition("Accepted", "True", Some(3))]});
    route["status"]["parents"].as_array_mut().unwrap().push(mesh);
    assert_eq!(case(&verdict("IfReported", route.clone())), "pending");
    route["status"]["parents"][1]["conditions"][0]["observedGeneration"] = json!(4);
    assert_eq!(verdict("Always", route), Verdict::Verified);
}

#[test]
fn sections_and_ports_tell_parents_apart() {
    let mut route = reported("cart", json!([edge(&[condition("Accepted", "True", Some(4))])]));
    route["spec"]["parentRefs"] = json!([{"name": "edge", "namespace": "infra", "sectionName": "https"}]);
    assert_eq!(case(&verdict("IfReported", route.clone())), "unreported");
    route["status"]["parents"][0]["parentRef"]["sectionName"] = json!("https");
    assert_eq!(verdict("IfReported", route.clone()), Verdict::Verified);
    route["spec"]["parentRefs"][0]["port"] = json!(443);
    assert_eq!(case(&verdict("IfReported", route)), "unreported");
}

#[test]
fn a_verdict_tells_who_says_what() {
    let refused =
        verdict("IfReported", reported("cart", json!([edge(&[condition("Accepted", "False", Some(4))])])));
    for part in
        ["HTTPRoute shop/cart", "infra/edge", "example.net/gateway", "Accepted=False", "Because", "so it is"]
    {
        assert!(text(&refused).contains(part), "{part} in {refused:?}");
    }
    let behind =
        verdict("IfReported", reported("cart", json!([edge(&[condition("Accepted", "True", Some(3))])])));
    assert!(text(&behind).contains("generation 3 of 4"), "{behind:?}");
}

#[test]
fn of_several_routes_the_worst_counts() {
    let target = cart(&json!({"httpRoutes": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}));
    let good = json!([edge(&[condition("Accepted", "True", Some(4))])]);
    let behind = json!([edge(&[condition("Accepted", "True", Some(3))])]);
    let bad = json!([edge(&[condition("Accepted", "False", Some(4))])]);
    for (parents, expected) in [
        ([&good, &good, &good], "verified"),
        ([&good, &json!([]), &good], "unreported"),
        ([&json!([]), &behind, &good], "pending"),
        ([&behind, &good, &bad], "rejected"),
    ] {
        let mut objects = ["a", "b", "c"]
            .into_iter()
            .zip(parents)
            .fold(Objects::new(), |objects, (name, parents)| objects.with(reported(name, parents.clone())));
        assert_eq!(case(&route(&mut objects, &target, 20).unwrap().verdict), expected);
    }
}

#[test]
fn a_partly_invalid_route_is_noted() {
    let partly = |generation| {
        let conditions =
            [condition("Accepted", "True", Some(4)), condition("PartiallyInvalid", "True", Some(generation))];
        let target = cart(&json!({"httpRoute": "cart"}));
        route(&mut Objects::new().with(reported("cart", json!([edge(&conditions)]))), &target, 20).unwrap()
    };
    assert_eq!((partly(4).notes.len(), partly(4).verdict), (1, Verdict::Verified));
    assert_eq!(partly(3).notes.len(), 0);
}
