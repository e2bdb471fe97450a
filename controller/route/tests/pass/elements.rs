//! Which list elements may come, change and go.

use serde_json::{Value, json};
use tidegate_contract::{ManagedRoute, Rule, RuleAction};
use tidegate_route::{Answer, Pass, apply, reason};

use crate::plugin::{Plugin, WEIGHT, elements, outcome, pass_on, patched, route, steady};

/// The Rollout of the tests with the managed route `beta`.
fn pass(web: &Value) -> Pass {
    let mut pass = pass_on(20, web);
    let rule = Rule { matches: Vec::new(), action: RuleAction::ToCanary };
    pass.traffic.managed_routes = vec![ManagedRoute { name: "beta".into(), rule: Some(rule) }];
    pass
}

/// What becomes of this patch of the route, when own rules and backends may come and go.
fn judged(web: &Value, patch: &Value) -> Result<(), &'static str> {
    let pass = pass(web);
    let first = outcome(vec![patched("web", patch)], steady(&pass.traffic, &pass.seen).shares);
    match Plugin::once(first).fields(&[WEIGHT]).elements(elements()).run(&pass) {
        Answer::Refused(refusal) => Err(refusal.reason),
        Answer::Routed(routed) => {
            let [write] = routed.writes.as_slice() else { panic!("{routed:?}") };
            let wanted = apply(patch.as_array().unwrap(), web).unwrap();
            assert_eq!(apply(write.patch().unwrap(), web), Ok(wanted));
            Ok(())
        }
        other => panic!("{other:?}"),
    }
}

fn add(path: &str, value: &Value) -> Value {
    json!([{"op": "add", "path": path, "value": value}])
}

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!([{"op": "replace", "path": path, "value": value.into()}])
}

fn remove(path: &str) -> Value {
    json!([{"op": "remove", "path": path}])
}

fn moved(from: &str, path: &str) -> Value {
    json!([{"op": "move", "from": from, "path": path}])
}

/// A rule of this name that sends to this backend.
fn named(name: &str, backend: &str) -> Value {
    json!({
        "name": name,
        "matches": [{"headers": [{"name": "x-canary", "value": "true"}]}],
        "backendRefs": [{"name": backend, "port": 80}],
    })
}

const FOREIGN: Result<(), &str> = Err(reason::FOREIGN_ELEMENT);
const FORBIDDEN: Result<(), &str> = Err(reason::FORBIDDEN_CHANGE);
const REFERENCE: Result<(), &str> = Err(reason::FOREIGN_REFERENCE);

#[test]
fn own_elements_come_change_and_go() {
    let mut web = route("web");
    web["spec"]["rules"].as_array_mut().unwrap().insert(0, named("beta", "web-canary"));
    for (patch, expected) in [
        (add("/spec/rules/0", &named("beta-1", "web-canary")), Ok(())),
        (add("/spec/rules/4", &named("beta-2", "web-stable")), Ok(())),
        (remove("/spec/rules/0"), Ok(())),
        (replace("/spec/rules/0/matches", json!([])), Ok(())),
        (replace("/spec/rules/0/backendRefs/0/port", 81), Ok(())),
        (replace("/spec/rules/0/name", "beta-3"), Ok(())),
        (moved("/spec/rules/0", "/spec/rules/3"), Ok(())),
        (replace("/spec/rules/0", named("beta", "web-stable")), Ok(())),
        // It would no longer be own, or was not before.
        (replace("/spec/rules/0/name", "other"), FOREIGN),
        (remove("/spec/rules/0/name"), FOREIGN),
        (add("/spec/rules/2/name", &json!("beta-1")), FOREIGN),
        (add("/spec/rules/1/name", &json!("beta-1")), FOREIGN),
        (add("/spec/rules/0", &named("other", "web-canary")), FOREIGN),
        (add("/spec/rules/0", &named("beta-x", "web-canary")), FOREIGN),
        (add("/spec/rules/0", &json!({"backendRefs": [{"name": "web-canary"}]})), FOREIGN),
        (remove("/spec/rules/1"), FOREIGN),
        (remove("/spec/rules/2"), FOREIGN),
        // In their order they are compared one by one.
        (moved("/spec/rules/1", "/spec/rules/2"), FORBIDDEN),
        (remove("/spec/rules"), FOREIGN),
        (replace("/spec/rules", json!([])), FOREIGN),
        (replace("/spec/rules", json!({})), FOREIGN),
        (add("/spec/parentRefs/1", &json!({"name": "web-canary"})), FORBIDDEN),
        (replace("/spec/rules/2/filters/0/type", "RequestMirror"), FORBIDDEN),
    ] {
        assert_eq!(judged(&web, &patch), expected, "{patch}");
    }
}

#[test]
fn own_backends_come_only_where_others_are_ours() {
    let web = route("web");
    let canary = json!({"name": "web-canary", "port": 81, "weight": 5});
    for (patch, expected) in [
        (add("/spec/rules/0/backendRefs/0", &canary), Ok(())),
        (remove("/spec/rules/0/backendRefs/1"), Ok(())),
        (replace("/spec/rules/0/backendRefs/0/port", 81), Ok(())),
        (remove("/spec/rules/0/backendRefs"), Ok(())),
        (add("/spec/rules/1/backendRefs/1", &canary), FOREIGN),
        (remove("/spec/rules/1/backendRefs/0"), FOREIGN),
        (remove("/spec/rules/1/backendRefs"), FOREIGN),
        (add("/spec/rules/0/backendRefs/0", &json!({"name": "legacy"})), FOREIGN),
        (add("/spec/rules/0/backendRefs/0", &json!({"name": "web-canary", "namespace": "other"})), FOREIGN),
        (add("/spec/rules/0/backendRefs/0", &json!({"name": "web-canary", "namespace": "shop"})), Ok(())),
        (add("/spec/rules/0/backendRefs/0/namespace", &json!("other")), FOREIGN),
        (add("/spec/rules/0/filters", &json!([{"name": "web-canary"}])), FORBIDDEN),
    ] {
        assert_eq!(judged(&web, &patch), expected, "{patch}");
    }
}

#[test]
fn own_elements_refer_to_what_is_ours_configured_or_there_already() {
    let mut web = route("web");
    let backends = web["spec"]["rules"][0]["backendRefs"].as_array_mut().unwrap();
    backends.push(json!({"name": "shared", "port": 80, "weight": 10}));
    backends.push(json!({"name": "far", "namespace": "other", "port": 80, "weight": 10}));
    let beta = |backends: Value| {
        let mut rule = named("beta", "web-canary");
        rule["backendRefs"] = backends;
        rule
    };
    let mirror = |name: &str| {
        let mut rule = named("beta", "web-stable");
        rule["filters"] = json!([{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": name}}}]);
        rule
    };
    for (rule, expected) in [
        (beta(json!([{"name": "web-canary"}, {"name": "web-stable"}])), Ok(())),
        (beta(json!([])), Ok(())),
        (beta(json!([{"name": "web-canary", "port": 1}, {"port": 2}])), Ok(())),
        // Named by the configuration, `{"httpRoute": "web"}`.
        (beta(json!([{"name": "web"}])), Ok(())),
        (beta(json!([{"name": "web", "namespace": "other"}])), REFERENCE),
        // Named by a rule of the same list that has to do with the Rollout.
        (beta(json!([{"name": "shared"}])), Ok(())),
        (beta(json!([{"name": "far", "namespace": "other"}])), Ok(())),
        (beta(json!([{"name": "shared", "namespace": "other"}])), REFERENCE),
        (beta(json!([{"name": "far"}])), REFERENCE),
        // Named by a rule that has not.
        (beta(json!([{"name": "legacy"}])), REFERENCE),
        (beta(json!([{"name": "evil"}])), REFERENCE),
        (beta(json!([{"name": "web-canary", "namespace": "other"}])), REFERENCE),
        (beta(json!([{"name": ["evil"]}])), REFERENCE),
        (beta(json!([{"name": {"x": "evil"}}])), REFERENCE),
        (mirror("web-canary"), Ok(())),
        (mirror("evil"), REFERENCE),
        (mirror("web-canary.shop"), Ok(())),
        // What is named at another place does not count.
        (mirror("shared"), REFERENCE),
    ] {
        assert_eq!(judged(&web, &add("/spec/rules/0", &rule)), expected, "{rule}");
    }
    // One that is as it was may say what it said.
    web["spec"]["rules"].as_array_mut().unwrap().push(named("beta", "evil"));
    assert_eq!(judged(&web, &add("/spec/rules/0", &named("beta-1", "web-canary"))), Ok(()));
    assert_eq!(judged(&web, &moved("/spec/rules/3", "/spec/rules/0")), Ok(()));
}

#[test]
fn elements_change_together_with_fields_of_others() {
    let web = route("web");
    let patch = json!([
        {"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 20},
        {"op": "add", "path": "/spec/rules/0", "value": named("beta", "web-canary")},
    ]);
    assert_eq!(judged(&web, &patch), Ok(()));
    let patch = json!([
        {"op": "replace", "path": "/spec/rules/1/backendRefs/0/weight", "value": 20},
        {"op": "add", "path": "/spec/rules/0", "value": named("beta", "web-canary")},
    ]);
    assert_eq!(judged(&web, &patch), FOREIGN);
}

#[test]
fn what_an_object_is_has_no_elements_to_grant() {
    let web = route("web");
    let pass = pass(&web);
    let mut all = elements();
    for (used, at) in all.iter_mut().zip(["/metadata/ownerReferences/*", "/status/parents/*"]) {
        used.at = at.into();
    }
    for path in ["/metadata/ownerReferences", "/status/parents"] {
        let patch = add(path, &json!([{"name": "web-canary"}]));
        let first = outcome(vec![patched("web", &patch)], steady(&pass.traffic, &pass.seen).shares);
        let answer = Plugin::once(first).elements(all.clone()).run(&pass);
        assert_eq!(crate::plugin::refused(answer), reason::FORBIDDEN_CHANGE, "{path}");
    }
}

#[test]
fn impossible_elements_are_said_to_be_so() {
    let web = route("web");
    let pass = pass(&web);
    for (at, identity, reference) in
        [("/spec/rules", "/name", "/a"), ("/spec/rules/*", "name", "/a"), ("/spec/rules/*", "/name", "a")]
    {
        let mut used = elements();
        used.truncate(1);
        (used[0].at, used[0].identity) = (at.into(), identity.into());
        used[0].references = vec![reference.into()];
        let patch = replace("/spec/rules/0/backendRefs/1/weight", 20);
        let first = outcome(vec![patched("web", &patch)], steady(&pass.traffic, &pass.seen).shares);
        let answer = Plugin::once(first).elements(used).run(&pass);
        assert_eq!(
            crate::plugin::refused(answer),
            reason::INVALID_DESCRIPTION,
            "{at} {identity} {reference}"
        );
    }
}
