//! What an operator grants, and what is left of what a plugin describes.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_contract::{Change, Edit, ElementUse, Kind, ObjectRef, Observation, Query, Selection};
use tidegate_route::{Answer, Grant, GrantError, Pass, Permission, reason};

use crate::plugin::{
    Plugin, WEIGHT, elements, made_kind, observation, outcome, pass, pass_on, patched, query, refused, route,
    steady,
};

fn permissions(value: Value) -> Vec<Permission> {
    serde_json::from_value(value).unwrap()
}

fn granting(mut pass: Pass, value: Value) -> Pass {
    pass.grant = Some(Arc::new(Grant::new(permissions(value)).unwrap()));
    pass
}

/// A grant for the routes of the tests, with these parts.
fn for_routes(parts: &Value) -> Value {
    let mut permission = json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"});
    permission.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
    json!([permission])
}

fn judged(
    parts: &Value,
    described: &[&str],
    elements: Vec<ElementUse>,
    patch: &Value,
) -> Result<(), &'static str> {
    let pass = granting(pass_on(20, &route("web")), for_routes(parts));
    let first = outcome(vec![patched("web", patch)], steady(&pass.traffic, &pass.seen).shares);
    match Plugin::once(first).fields(described).elements(elements).run(&pass) {
        Answer::Routed(_) => Ok(()),
        other => Err(refused(other)),
    }
}

#[test]
fn what_is_effective_is_covered_by_both() {
    let weight = json!([{"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 20}]);
    let backend = json!([{"op": "remove", "path": "/spec/rules/0/backendRefs/0"}]);
    let label = json!([{"op": "add", "path": "/metadata/labels", "value": {"app": "x"}}]);
    let forbidden = Err(reason::FORBIDDEN_CHANGE);
    let described: &[&str] = &[WEIGHT, "/metadata/labels/*"];
    for (parts, patch, expected) in [
        (json!({}), &weight, Ok(())),
        (json!({"fields": [WEIGHT]}), &weight, Ok(())),
        (json!({"fields": ["/spec"]}), &weight, Ok(())),
        (json!({"fields": ["/spec/rules/0/backendRefs/*/weight"]}), &weight, Ok(())),
        (json!({"fields": ["/*/*/0"]}), &weight, Ok(())),
        (json!({"fields": ["/spec/rules/1"]}), &weight, forbidden),
        (json!({"fields": ["/spec/rules/*/backendRefs/*/weight/x"]}), &weight, forbidden),
        (json!({"fields": ["/spec/rules/*/backendRefs/*/port"]}), &weight, forbidden),
        (json!({"fields": []}), &weight, Err(reason::FORBIDDEN_CHANGE)),
        (json!({"verbs": ["read"]}), &weight, Err(reason::FORBIDDEN_KIND)),
        (json!({"verbs": ["update"]}), &weight, Err(reason::FORBIDDEN_KIND)),
        (json!({"verbs": ["read", "update"]}), &weight, Ok(())),
        (json!({"fields": [WEIGHT]}), &backend, Ok(())),
        (json!({"elements": []}), &backend, forbidden),
        (json!({"elements": ["/spec/rules/*"]}), &backend, forbidden),
        (json!({"elements": ["/spec/rules/*/backendRefs/*"]}), &backend, Ok(())),
        (json!({"elements": ["/spec/rules/0/backendRefs/*"]}), &backend, Ok(())),
        (json!({"elements": ["/spec/rules/1/backendRefs/*"]}), &backend, forbidden),
        (json!({"elements": ["/spec/*"]}), &backend, forbidden),
        // Whoever spells a label out means it.
        (json!({}), &label, forbidden),
        (json!({"fields": ["/metadata/labels/*"]}), &label, forbidden),
        (json!({"fields": ["/metadata/labels/app"]}), &label, Ok(())),
        (json!({"fields": ["/metadata/labels/other"]}), &label, forbidden),
    ] {
        // A backend of ours may change as a whole where elements are described: here it is about the field.
        let elements = if *patch == backend { elements() } else { Vec::new() };
        assert_eq!(judged(&parts, described, elements, patch), expected, "{parts}: {patch}");
    }
}

#[test]
fn a_grant_never_gives_more_than_is_described() {
    let port = json!([{"op": "replace", "path": "/spec/rules/0/backendRefs/1/port", "value": 81}]);
    let parts = json!({"fields": ["/spec"], "verbs": ["read", "update", "create", "delete"]});
    let pass = granting(pass_on(20, &route("web")), for_routes(&parts));
    let first = outcome(vec![patched("web", &port)], steady(&pass.traffic, &pass.seen).shares);
    assert_eq!(refused(Plugin::once(first).run(&pass)), reason::FORBIDDEN_CHANGE);
    let change = Change { reference: crate::plugin::reference("web"), edit: Edit::Remove };
    let first = outcome(vec![change], steady(&pass.traffic, &pass.seen).shares);
    assert_eq!(refused(Plugin::once(first).run(&pass)), reason::FORBIDDEN_REMOVE);
}

#[test]
fn kinds_that_are_not_granted_are_not_even_read() {
    let made = Query { kind: made_kind(), ..query("m") };
    let empty = Observation { query: made.clone(), served: true, objects: Vec::new() };
    let seen = || vec![observation("web", &route("web")), empty.clone()];
    let routes = granting(pass(20, seen()), for_routes(&json!({})));
    let plugin = || Plugin::honest().locate(|_| Ok(vec![query("web"), made.clone()]));
    assert_eq!(refused(plugin().run(&routes)), reason::FORBIDDEN_KIND);
    let both = json!([
        {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"},
        {"group": "example.com", "kind": "Made", "verbs": ["read"]},
    ]);
    let both = granting(pass(20, seen()), both);
    assert!(matches!(plugin().run(&both), Answer::Routed(_)));
    // Read, but not made.
    let reference = ObjectRef { kind: made_kind(), namespace: Some("shop".into()), name: "m".into() };
    let change = Change { reference, edit: Edit::Replace("{}".into()) };
    let shares = steady(&both.traffic, &both.seen[..1]).shares;
    let plugin = Plugin::once(outcome(vec![change], shares)).locate(|_| Ok(vec![query("web"), made.clone()]));
    assert_eq!(refused(plugin.run(&both)), reason::FORBIDDEN_CREATE);
    let selected = Query { select: Selection::Labels("a=b".into()), ..made.clone() };
    let plugin = Plugin::honest().locate(|_| Ok(vec![selected.clone()]));
    assert!(matches!(plugin.run(&both), Answer::Needs(_)));
}

#[test]
fn namespaces_are_those_that_are_granted() {
    let elsewhere = Query { namespace: Some("other".into()), ..query("web") };
    for (parts, expected) in [
        (json!({}), None),
        (json!({"namespaces": ["other"]}), None),
        (json!({"namespaces": ["third"]}), Some(reason::FORBIDDEN_NAMESPACE)),
        (json!({"namespaces": []}), Some(reason::FORBIDDEN_NAMESPACE)),
    ] {
        let pass = granting(pass(20, Vec::new()), for_routes(&parts));
        let plugin = Plugin::honest().locate(|_| Ok(vec![elsewhere.clone()]));
        match plugin.run(&pass) {
            Answer::Needs(queries) => {
                assert_eq!((queries, expected), (vec![elsewhere.clone()], None), "{parts}");
            }
            other => assert_eq!(Some(refused(other)), expected, "{parts}"),
        }
        // The Rollout's own is never in question.
        let own = Query { namespace: Some("shop".into()), ..query("web") };
        let plugin = Plugin::honest().locate(|_| Ok(vec![own.clone()]));
        assert!(matches!(plugin.run(&pass), Answer::Needs(_)));
    }
}

#[test]
fn permissions_that_make_no_sense_are_said_to_be_so() {
    let error = |value| Grant::new(permissions(value)).unwrap_err();
    let kind = |group: &str, kind: &str| Kind::new(group, kind);
    assert_eq!(error(json!([{"kind": "Secret"}])), GrantError::NeverRead(kind("", "Secret")));
    assert_eq!(
        error(json!([{"group": "apps", "kind": "Deployment", "verbs": ["read", "update"]}])),
        GrantError::NeverWritten(kind("apps", "Deployment"))
    );
    assert_eq!(
        error(json!([{"kind": "Service"}, {"kind": "Service"}])),
        GrantError::Twice(kind("", "Service"))
    );
    assert!(matches!(error(json!([{"kind": "Service", "fields": ["spec"]}])), GrantError::Pattern { .. }));
    assert!(matches!(
        error(json!([{"kind": "Service", "elements": ["/spec/ports"]}])),
        GrantError::NoElements { .. }
    ));
    assert!(
        Grant::new(permissions(json!([{"kind": "Pod"}, {"kind": "Service", "elements": ["/spec/ports/*"]}])))
            .is_ok()
    );
    assert!(serde_json::from_value::<Permission>(json!({"kind": "Service", "verb": ["read"]})).is_err());
    assert!(serde_json::from_value::<Permission>(json!({"kind": "Service", "verbs": ["write"]})).is_err());
}
