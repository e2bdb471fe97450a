use proptest::prelude::*;
use serde_json::{Value, json};

use super::{validate, validate_with};

/// A Rollout with this canary strategy.
pub(super) fn rollout(canary: &Value) -> Value {
    json!({"spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}},
        "strategy": {"canary": canary},
    }})
}

/// A Rollout with these steps, whose traffic is routed.
pub(super) fn routed(steps: &Value) -> Value {
    rollout(&json!({
        "canaryService": "c", "stableService": "s", "steps": steps,
        "trafficRouting": {"plugins": {"a/b": {}}, "managedRoutes": [{"name": "beta"}]},
    }))
}

/// A Rollout with one field at a path replaced.
pub(super) fn with(mut rollout: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    rollout.pointer_mut(parent).expect(pointer)[key] = value;
    rollout
}

pub(super) fn paths(rollout: &Value) -> Vec<String> {
    validate(rollout).into_iter().map(|error| error.path).collect()
}

/// Asserts that each value, put at the pointer, is wrong in exactly this place (below `spec`).
fn assert_wrong(rollout: &Value, cases: Vec<(&str, Value, &str)>) {
    for (pointer, value, path) in cases {
        let found = paths(&with(rollout.clone(), pointer, value.clone()));
        assert_eq!(found, [format!("spec.{path}")], "{pointer} {value}");
    }
}

#[test]
fn what_argo_users_write_is_valid() {
    let steps = json!([
        {"setWeight": 0}, {"pause": {}}, {"pause": {"duration": "1h30m"}}, {"pause": {"duration": 10}},
        {"setCanaryScale": {"replicas": 3}}, {"setCanaryScale": {"weight": 25}},
        {"setCanaryScale": {"matchTrafficWeight": true}}, {"setWeight": 100},
        {"setHeaderRoute": {"name": "beta", "match": [
            {"headerName": "X-User", "headerValue": {"exact": "me", "prefix": "", "regex": null}},
            {"headerName": "X-Tier", "headerValue": {"regex": "a|b"}},
        ]}},
        {"setHeaderRoute": {"name": "beta"}}, {"setMirrorRoute": {"name": "beta", "match": []}},
        {"setMirrorRoute": {"name": "beta", "percentage": 35, "match": [
            {"method": {"exact": "GET"}, "path": {"prefix": "/"}, "headers": {"a": {"regex": "b"}}},
            {"headers": {"A": {"exact": "c"}}},
        ]}},
    ]);
    let none: [&str; 0] = [];
    assert_eq!(paths(&routed(&steps)), none);
    assert_eq!(paths(&rollout(&json!({}))), none);
    for (pointer, value) in [
        ("/spec/replicas", json!(0)),
        ("/spec/replicas", json!(null)),
        ("/spec/restartAt", json!("2026-01-01T00:00:00Z")),
        ("/spec/rollbackWindow", json!({"revisions": 3})),
        ("/spec/analysis", json!({"successfulRunHistoryLimit": 1})),
        ("/spec/progressDeadlineSeconds", json!(1)),
        ("/spec/strategy/blueGreen", json!(null)),
        ("/spec/strategy/canary/steps", json!(null)),
        ("/spec/strategy/canary/maxSurge", json!("25%")),
        ("/spec/strategy/canary/maxSurge", json!("150%")),
        ("/spec/strategy/canary/maxSurge", json!(0)),
        ("/spec/strategy/canary/maxUnavailable", json!("0")),
        ("/spec/strategy/canary/scaleDownDelaySeconds", json!(0)),
        ("/spec/strategy/canary/dynamicStableScale", json!(false)),
        ("/spec/strategy/canary/dynamicStableScale", json!(true)),
        ("/spec/strategy/canary/replicaProgressThreshold", json!({"type": "Percent", "value": 100})),
        ("/spec/strategy/canary/replicaProgressThreshold", json!({"type": "Pods", "value": 1000})),
        ("/spec/strategy/canary/replicaProgressThreshold", json!({"type": "Pod", "value": 1})),
        ("/spec/strategy/canary/replicaProgressThreshold", json!(null)),
        ("/spec/strategy/canary/trafficRouting/managedRoutes", json!([{"name": "a-1"}, {"name": "beta"}])),
        ("/spec/strategy/canary/trafficRouting/alb", json!(null)),
        ("/spec/strategy/canary/trafficRouting/istio", json!({"virtualService": {"name": "web"}})),
        ("/spec/strategy/canary/trafficRouting/nginx", json!({"stableIngress": "web"})),
        ("/spec/strategy/canary/trafficRouting/plugins", json!({"builtin:istio": {}})),
        ("/spec/strategy/canary/canaryService", json!("")),
        ("/spec/strategy/canary/stableService", json!(null)),
        ("/spec/strategy/canary/trafficRouting/maxTrafficWeight", json!(1_000_000)),
        ("/spec/fromTheFuture", json!(true)),
    ] {
        assert_eq!(paths(&with(routed(&steps), pointer, value.clone())), none, "{pointer} {value}");
    }
}

#[test]
fn each_wrong_field_of_the_spec_is_named() {
    let rollout = rollout(&json!({}));
    assert_eq!(paths(&json!({})), ["spec"]);
    assert_eq!(paths(&json!({"spec": []})), ["spec"]);
    assert_wrong(
        &rollout,
        vec![
            ("/spec/replicas", json!(-1), "replicas"),
            ("/spec/replicas", json!("2"), "replicas"),
            ("/spec/replicas", json!(1.5), "replicas"),
            ("/spec/replicas", json!(1_i64 << 32), "replicas"),
            ("/spec/workloadRef", deployment(json!({})), "workloadRef"),
            ("/spec/minReadySeconds", json!(-1), "minReadySeconds"),
            ("/spec/minReadySeconds", json!(600), "progressDeadlineSeconds"),
            ("/spec/progressDeadlineSeconds", json!(0), "progressDeadlineSeconds"),
            ("/spec/progressDeadlineSeconds", json!("10m"), "progressDeadlineSeconds"),
            ("/spec/progressDeadlineAbort", json!("yes"), "progressDeadlineAbort"),
            ("/spec/revisionHistoryLimit", json!(-1), "revisionHistoryLimit"),
            ("/spec/paused", json!(1), "paused"),
            ("/spec/restartAt", json!("soon"), "restartAt"),
            ("/spec/restartAt", json!(1), "restartAt"),
            ("/spec/rollbackWindow", json!(3), "rollbackWindow"),
            ("/spec/rollbackWindow", json!({"revisions": -3}), "rollbackWindow.revisions"),
            ("/spec/strategy", json!(null), "strategy"),
            ("/spec/strategy", json!("canary"), "strategy"),
            ("/spec/strategy", json!({}), "strategy"),
            ("/spec/strategy", json!({"canary": {}, "blueGreen": {}}), "strategy"),
            ("/spec/strategy", json!({"blueGreen": {"activeService": "a"}}), "strategy.blueGreen"),
            ("/spec/strategy", json!({"canary": []}), "strategy.canary"),
        ],
    );
}

#[test]
fn the_selector_selects_the_template() {
    let rollout = rollout(&json!({}));
    let expression = |key: &str, operator: &str, values: Value| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
    assert_wrong(
        &rollout,
        vec![
            ("/spec/selector", json!(null), "selector"),
            ("/spec/selector", json!({}), "selector"),
            ("/spec/selector", json!({"matchLabels": {}, "matchExpressions": []}), "selector"),
            ("/spec/selector", json!("app=web"), "selector"),
            ("/spec/selector", json!({"matchLabels": {"app": "api"}}), "selector.matchLabels[\"app\"]"),
            ("/spec/selector", json!({"matchLabels": {"app": 1}}), "selector.matchLabels[\"app\"]"),
            ("/spec/selector", json!({"matchExpressions": ["app"]}), "selector.matchExpressions[0]"),
            ("/spec/selector", expression("", "In", json!(["web"])), "selector.matchExpressions[0].key"),
            (
                "/spec/selector",
                expression("app", "Is", json!(["web"])),
                "selector.matchExpressions[0].operator",
            ),
            ("/spec/selector", expression("app", "In", json!([])), "selector.matchExpressions[0].values"),
            ("/spec/selector", expression("app", "In", json!("web")), "selector.matchExpressions[0].values"),
            (
                "/spec/selector",
                expression("app", "Exists", json!(["web"])),
                "selector.matchExpressions[0].values",
            ),
            ("/spec/selector", expression("app", "In", json!(["api"])), "selector.matchExpressions[0]"),
            ("/spec/selector", expression("app", "NotIn", json!(["web"])), "selector.matchExpressions[0]"),
            ("/spec/selector", expression("tier", "Exists", json!([])), "selector.matchExpressions[0]"),
            (
                "/spec/selector",
                expression("app", "DoesNotExist", json!(null)),
                "selector.matchExpressions[0]",
            ),
            ("/spec/template/spec", json!([]), "template.spec"),
            ("/spec/template/metadata/annotations", json!({"a": 1}), "template.metadata.annotations[\"a\"]"),
            ("/spec/template/metadata/labels", json!({}), "selector.matchLabels[\"app\"]"),
        ],
    );
    for selector in [
        expression("app", "In", json!(["web", "api"])),
        expression("app", "NotIn", json!(["api"])),
        expression("app", "Exists", json!(null)),
        expression("tier", "DoesNotExist", json!([])),
    ] {
        assert!(
            validate(&with(rollout.clone(), "/spec/selector", selector.clone())).is_empty(),
            "{selector}"
        );
    }
    let without_template = with(rollout, "/spec/template", Value::Null);
    assert_eq!(paths(&without_template), ["spec.template", "spec.selector.matchLabels[\"app\"]"]);
}

fn deployment(more: Value) -> Value {
    let mut reference = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    for (field, value) in more.as_object().unwrap() {
        reference[field] = value.clone();
    }
    reference
}

#[test]
fn each_wrong_reference_to_a_workload_is_named() {
    for (change, path) in [
        (json!({}), None),
        (json!({"scaleDown": "never"}), None),
        (json!({"scaleDown": "onsuccess"}), None),
        (json!({"scaleDown": "progressively"}), None),
        (json!({"scaleDown": ""}), None),
        (json!({"scaleDown": "onSuccess"}), Some("spec.workloadRef.scaleDown")),
        (json!({"scaleDown": 1}), Some("spec.workloadRef.scaleDown")),
        (json!({"kind": "ReplicaSet", "scaleDown": "onsuccess"}), Some("spec.workloadRef.scaleDown")),
        (json!({"name": ""}), Some("spec.workloadRef.name")),
        (json!({"name": null}), Some("spec.workloadRef.name")),
        (json!({"kind": "StatefulSet"}), Some("spec.workloadRef")),
        (json!({"namespace": "other"}), Some("spec.workloadRef.namespace")),
    ] {
        let referring =
            json!({"spec": {"workloadRef": deployment(change.clone()), "strategy": {"canary": {}}}});
        assert_eq!(paths(&referring), path.into_iter().collect::<Vec<_>>(), "{change}");
    }
}

#[test]
fn what_a_workload_has_is_checked_like_what_a_rollout_has() {
    let referring = json!({"spec": {"workloadRef": deployment(json!({})), "strategy": {"canary": {}}}});
    let check = |workload: Value| -> Vec<String> {
        validate_with(&referring, Some(&workload)).into_iter().map(|error| error.path).collect()
    };
    let workload = |labels: Value, selector: Value| json!({"spec": {"template": {"metadata": {"labels": labels}, "spec": {}}, "selector": selector}});
    let none: [&str; 0] = [];
    let own = json!({"matchLabels": {"app": "web"}});
    assert_eq!(check(workload(json!({"app": "web"}), own.clone())), none);
    let wrong = check(workload(json!({"app": "api"}), own));
    assert_eq!(wrong, ["spec.workloadRef: its selector.matchLabels[\"app\"]"]);
    assert_eq!(check(workload(json!({"app": "web"}), json!(null))), ["spec.selector"]);
    assert_eq!(check(json!({})), ["spec.workloadRef: its template"]);
}

#[test]
fn each_wrong_step_is_named() {
    for (step, path) in [
        (json!({"setWeight": 101}), ".setWeight"),
        (json!({"setWeight": -1}), ".setWeight"),
        (json!({"setWeight": "20"}), ".setWeight"),
        (json!({"setWeight": 1.5}), ".setWeight"),
        (json!({"pause": 10}), ".pause"),
        (json!({"pause": {"duration": "soon"}}), ".pause.duration"),
        (json!({"pause": {"duration": -1}}), ".pause.duration"),
        (json!({"pause": {"duraton": "1h"}}), ".pause.duraton"),
        (json!({"pause": null}), ""),
        (json!({"setWeight": 20, "pause": {}}), ""),
        (json!({"setWeight": 20, "setCanaryScale": {"replicas": 1}}), ""),
        (json!({}), ""),
        (json!(null), ""),
        (json!("pause"), ""),
        (json!({"plugin": {"name": "x"}}), ".plugin"),
        (json!({"sleep": 10}), ".sleep"),
        (json!({"setCanaryScale": 3}), ".setCanaryScale"),
        (json!({"setCanaryScale": {}}), ".setCanaryScale"),
        (json!({"setCanaryScale": {"replicas": 1, "weight": 2}}), ".setCanaryScale"),
        (json!({"setCanaryScale": {"weight": 1, "matchTrafficWeight": true}}), ".setCanaryScale"),
        (json!({"setCanaryScale": {"matchTrafficWeight": false}}), ".setCanaryScale"),
        (json!({"setCanaryScale": {"matchTrafficWeight": "yes"}}), ".setCanaryScale.matchTrafficWeight"),
        (json!({"setCanaryScale": {"replicas": -1}}), ".setCanaryScale.replicas"),
        (json!({"setCanaryScale": {"weight": 101}}), ".setCanaryScale.weight"),
        (json!({"setCanaryScale": {"weight": 1, "pods": 2}}), ".setCanaryScale.pods"),
    ] {
        let found = paths(&routed(&json!([{"setWeight": 1}, step])));
        assert_eq!(found, [format!("spec.strategy.canary.steps[1]{path}")], "{step}");
    }
    let unrouted = rollout(&json!({"steps": [{"setWeight": 101}, {"setCanaryScale": {"replicas": 1}}]}));
    let steps = "spec.strategy.canary.steps";
    assert_eq!(paths(&unrouted), [format!("{steps}[0].setWeight"), format!("{steps}[1].setCanaryScale")]);
    assert_eq!(paths(&rollout(&json!({"steps": {"setWeight": 1}}))), [steps]);
}

#[test]
fn each_wrong_managed_route_is_named() {
    let header =
        |value: Value| json!({"name": "beta", "match": [{"headerName": "X-User", "headerValue": value}]});
    let named =
        |name: Value| json!({"name": "beta", "match": [{"headerName": name, "headerValue": {"exact": "a"}}]});
    let one = json!({"headerName": "X-User", "headerValue": {"exact": "a"}});
    let other = json!({"headerName": "x-user", "headerValue": {"prefix": "b"}});
    for (step, path) in [
        (json!("beta"), ""),
        (json!([]), ""),
        (json!({}), ".name"),
        (json!({"name": ""}), ".name"),
        (json!({"name": 1}), ".name"),
        (json!({"name": "gamma"}), ".name"),
        (json!({"name": "beta", "matches": []}), ".matches"),
        (json!({"name": "beta", "percentage": 10}), ".percentage"),
        (json!({"name": "beta", "match": {}}), ".match"),
        (json!({"name": "beta", "match": ["x"]}), ".match[0]"),
        (header(json!(null)), ".match[0].headerValue"),
        (header(json!("a")), ".match[0].headerValue"),
        (header(json!({})), ".match[0].headerValue"),
        (header(json!({"exact": ""})), ".match[0].headerValue"),
        (header(json!({"exact": "a", "regex": "b"})), ".match[0].headerValue"),
        (header(json!({"exact": 1})), ".match[0].headerValue.exact"),
        (header(json!({"exact": "a", "suffix": "b"})), ".match[0].headerValue.suffix"),
        (named(json!(null)), ".match[0].headerName"),
        (named(json!("")), ".match[0].headerName"),
        (named(json!("X User")), ".match[0].headerName"),
        (named(json!(3)), ".match[0].headerName"),
        (json!({"name": "beta", "match": [one, other]}), ".match[1].headerName"),
    ] {
        let found = paths(&routed(&json!([{"setHeaderRoute": step}])));
        assert_eq!(found, [format!("spec.strategy.canary.steps[0].setHeaderRoute{path}")], "{step}");
    }
    let mirror = |entry: Value| json!({"name": "beta", "match": [{"path": {"exact": "/"}}, entry]});
    for (step, path) in [
        (json!(1), ""),
        (json!({"name": "gamma"}), ".name"),
        (json!({"name": "beta", "percentage": 101}), ".percentage"),
        (json!({"name": "beta", "percentage": -1}), ".percentage"),
        (json!({"name": "beta", "percentage": "10"}), ".percentage"),
        (mirror(json!(null)), ".match[1]"),
        (mirror(json!({})), ".match[1]"),
        (mirror(json!({"headers": {}})), ".match[1]"),
        (mirror(json!({"path": "/a"})), ".match[1].path"),
        (mirror(json!({"method": {"exact": "GET", "prefix": "G"}})), ".match[1].method"),
        (mirror(json!({"path": {"exact": "/"}, "host": {"exact": "a"}})), ".match[1].host"),
        (mirror(json!({"path": {"exact": "/"}, "headers": ["x"]})), ".match[1].headers"),
        (mirror(json!({"headers": {"x": "y"}})), ".match[1].headers[\"x\"]"),
        (mirror(json!({"headers": {"x y": {"exact": "z"}}})), ".match[1].headers[\"x y\"]"),
        (mirror(json!({"headers": {"x": {"exact": "z"}, "X": {"exact": "z"}}})), ".match[1].headers[\"X\"]"),
    ] {
        let found = paths(&routed(&json!([{"setMirrorRoute": step}])));
        assert_eq!(found, [format!("spec.strategy.canary.steps[0].setMirrorRoute{path}")], "{step}");
    }
}

#[test]
fn managed_routes_need_a_router() {
    let steps = json!([{"setWeight": 1}, {"setHeaderRoute": {"name": "beta"}}]);
    let step = ["spec.strategy.canary.steps[1].setHeaderRoute"];
    let without = rollout(&json!({"steps": steps, "trafficRouting": {"managedRoutes": [{"name": "beta"}]}}));
    assert_eq!(paths(&without), step);
    let unrouted = rollout(&json!({"steps": steps}));
    let name = "spec.strategy.canary.steps[1].setHeaderRoute.name".to_owned();
    assert_eq!(paths(&unrouted), [step[0].to_owned(), name]);
    // Without routers there are still the numbers of pods of a routed canary.
    for routing in [json!({}), json!({"plugins": {}})] {
        let steps = json!([{"setWeight": 1}, {"setCanaryScale": {"replicas": 1}}]);
        assert!(validate(&rollout(&json!({"steps": steps, "trafficRouting": routing}))).is_empty());
    }
}

#[test]
fn what_is_not_served_is_refused_by_name() {
    for (field, value) in [("canaryMetadata", json!([])), ("stableMetadata", json!("canary"))] {
        let rollout = with(routed(&json!([])), &format!("/spec/strategy/canary/{field}"), value);
        assert_eq!(paths(&rollout), [format!("spec.strategy.canary.{field}")]);
    }
    for router in ["alb", "smi", "ambassador", "appMesh", "traefik", "apisix"] {
        let path = format!("spec.strategy.canary.trafficRouting.{router}");
        assert_eq!(paths(&rollout(&json!({"trafficRouting": {router: {}}}))), std::slice::from_ref(&path));
        let both =
            with(routed(&json!([])), &format!("/spec/strategy/canary/trafficRouting/{router}"), json!({}));
        assert_eq!(paths(&both), [path]);
    }
}

#[test]
fn each_wrong_field_of_the_canary_is_named() {
    let canary = |path: &str| format!("/spec/strategy/canary/{path}");
    for (pointer, value, path) in [
        ("canaryService", json!("s"), "canaryService"),
        ("canaryService", json!(1), "canaryService"),
        ("stableService", json!(["s"]), "stableService"),
        ("scaleDownDelaySeconds", json!(-1), "scaleDownDelaySeconds"),
        ("scaleDownDelayRevisionLimit", json!("all"), "scaleDownDelayRevisionLimit"),
        ("abortScaleDownDelaySeconds", json!(-1), "abortScaleDownDelaySeconds"),
        ("minPodsPerReplicaSet", json!(-1), "minPodsPerReplicaSet"),
        ("dynamicStableScale", json!("true"), "dynamicStableScale"),
        ("replicaProgressThreshold", json!(90), "replicaProgressThreshold"),
        ("replicaProgressThreshold", json!({"value": 90}), "replicaProgressThreshold.type"),
        (
            "replicaProgressThreshold",
            json!({"type": "percent", "value": 90}),
            "replicaProgressThreshold.type",
        ),
        ("replicaProgressThreshold", json!({"type": "Percent"}), "replicaProgressThreshold.value"),
        (
            "replicaProgressThreshold",
            json!({"type": "Percent", "value": 0}),
            "replicaProgressThreshold.value",
        ),
        (
            "replicaProgressThreshold",
            json!({"type": "Percent", "value": 101}),
            "replicaProgressThreshold.value",
        ),
        ("replicaProgressThreshold", json!({"type": "Pods", "value": -1}), "replicaProgressThreshold.value"),
        ("maxSurge", json!(-1), "maxSurge"),
        ("maxSurge", json!("a%"), "maxSurge"),
        ("maxSurge", json!("25%%"), "maxSurge"),
        ("maxSurge", json!([1]), "maxSurge"),
        ("maxUnavailable", json!("-1%"), "maxUnavailable"),
        ("maxUnavailable", json!("101%"), "maxUnavailable"),
        ("trafficRouting/istio", json!("web"), "trafficRouting.istio"),
        ("trafficRouting/nginx", json!([]), "trafficRouting.nginx"),
        ("trafficRouting", json!({"istio": {}, "plugins": {"builtin:istio": {}}}), "trafficRouting.istio"),
        ("trafficRouting", json!({"plugins": ["a/b"]}), "trafficRouting.plugins"),
        ("trafficRouting", json!([]), "trafficRouting"),
        ("trafficRouting/plugins", json!({"a/b": "x"}), "trafficRouting.plugins[\"a/b\"]"),
        ("trafficRouting/plugins", json!({"a/b": null}), "trafficRouting.plugins[\"a/b\"]"),
        ("trafficRouting/plugin", json!({"a/b": {}}), "trafficRouting.plugin"),
        ("trafficRouting/managedRoutes", json!("a"), "trafficRouting.managedRoutes"),
        ("trafficRouting/managedRoutes", json!(["a"]), "trafficRouting.managedRoutes[0].name"),
        ("trafficRouting/managedRoutes", json!([{"name": "a"}, {"name": "a"}]), {
            "trafficRouting.managedRoutes[1].name"
        }),
        ("trafficRouting/managedRoutes", json!([{"name": "a-1"}, {"name": "a"}]), {
            "trafficRouting.managedRoutes[0].name"
        }),
        ("trafficRouting/maxTrafficWeight", json!(0), "trafficRouting.maxTrafficWeight"),
        ("trafficRouting/maxTrafficWeight", json!(1_000_001), "trafficRouting.maxTrafficWeight"),
        ("trafficRouting/maxTrafficWeight", json!("100"), "trafficRouting.maxTrafficWeight"),
    ] {
        let found = paths(&with(routed(&json!([{"setWeight": 1}])), &canary(pointer), value.clone()));
        assert_eq!(found, [format!("spec.strategy.canary.{path}")], "{pointer} {value}");
    }
    for surge in [json!(0), json!("0"), json!("0%")] {
        let found = paths(&rollout(&json!({"maxSurge": surge, "maxUnavailable": 0})));
        assert_eq!(found, ["spec.strategy.canary.maxSurge"]);
    }
    assert_eq!(paths(&rollout(&json!({"scaleDownDelaySeconds": 30}))), {
        ["spec.strategy.canary.scaleDownDelaySeconds"]
    });
    assert_eq!(paths(&rollout(&json!({"canaryService": "a", "stableService": "a"}))), {
        ["spec.strategy.canary.canaryService"]
    });
}

#[test]
fn weights_go_up_to_the_sum_of_all_weights() {
    let steps = json!([{"setWeight": 900}, {"setCanaryScale": {"weight": 1000}}, {"setWeight": 1001}]);
    let rollout = with(routed(&steps), "/spec/strategy/canary/trafficRouting/maxTrafficWeight", json!(1000));
    assert_eq!(paths(&rollout), ["spec.strategy.canary.steps[2].setWeight"]);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let mut rollout = routed(&json!([{"setWeight": 900}, {"pause": 1}]));
    rollout["spec"]["replicas"] = json!(-1);
    rollout["spec"]["strategy"]["canary"]["canaryService"] = json!("s");
    let errors = validate(&rollout);
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    let canary = "spec.strategy.canary";
    assert_eq!(
        paths,
        [
            "spec.replicas".to_owned(),
            format!("{canary}.canaryService"),
            format!("{canary}.steps[0].setWeight"),
            format!("{canary}.steps[1].pause"),
        ]
    );
    for error in errors {
        assert_eq!(error.to_string(), format!("{}: {}", error.path, error.message));
    }
}

/// Any JSON, often with the field names that are looked at.
fn arbitrary() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        "[0-9]{1,12}[%smh]?".prop_map(Value::from),
    ];
    let known = vec![
        "spec",
        "template",
        "metadata",
        "labels",
        "selector",
        "matchLabels",
        "matchExpressions",
        "key",
        "operator",
        "values",
        "strategy",
        "canary",
        "blueGreen",
        "steps",
        "setWeight",
        "pause",
        "duration",
        "setCanaryScale",
        "weight",
        "replicas",
        "trafficRouting",
        "plugins",
        "managedRoutes",
        "maxTrafficWeight",
        "maxSurge",
        "maxUnavailable",
        "canaryService",
        "stableService",
        "pingPong",
        "pingService",
        "pongService",
        "antiAffinity",
        "preferredDuringSchedulingIgnoredDuringExecution",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nginx",
        "destinationRule",
        "replicas",
        "minReadySeconds",
        "rollbackWindow",
        "setHeaderRoute",
        "setMirrorRoute",
        "match",
        "headerName",
        "headerValue",
        "exact",
        "path",
        "headers",
        "percentage",
        "name",
        "istio",
        "experiment",
        "analysis",
        "templates",
        "analyses",
        "args",
        "valueFrom",
    ];
    let key = prop_oneof![6 => prop::sample::select(known).prop_map(str::to_owned), 1 => "\\PC{0,8}"];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_answered(any in arbitrary(), steps in prop::collection::vec(arbitrary(), 0..4)) {
        let _ = validate(&any);
        let _ = validate(&json!({"spec": any.clone()}));
        let _ = validate(&rollout(&any));
        let _ = validate(&with(routed(&json!([])), "/spec/strategy/canary/trafficRouting", any));
        let errors = validate(&routed(&Value::from(steps)));
        let below_steps = errors.iter().all(|error| error.path.starts_with("spec.strategy.canary.steps["));
        prop_assert!(below_steps);
    }

    /// What passes reads as it was meant: the reader needs none of its defaults for values of a wrong type.
    #[test]
    fn a_valid_weight_is_read_as_written(weight in any::<i64>(), max in 1..2_000_i64) {
        let pointer = "/spec/strategy/canary/trafficRouting/maxTrafficWeight";
        let rollout = with(routed(&json!([{"setWeight": weight}])), pointer, json!(max));
        let is_valid = validate(&rollout).is_empty();
        prop_assert_eq!(is_valid, (0..=max).contains(&weight));
        if is_valid {
            let read = crate::Rollout::read(&rollout);
            prop_assert_eq!(read.canary.steps, vec![crate::Step::SetWeight(u32::try_from(weight).unwrap())]);
        }
    }
}

#[test]
fn stable_pods_that_go_with_their_traffic_need_routing_and_no_delay() {
    let steps = json!([{"setWeight": 1}]);
    let dynamic = |rollout: Value| with(rollout, "/spec/strategy/canary/dynamicStableScale", json!(true));
    assert_eq!(
        paths(&dynamic(rollout(&json!({"steps": steps})))),
        ["spec.strategy.canary.dynamicStableScale"]
    );
    for seconds in [0, 30] {
        let delayed =
            with(dynamic(routed(&steps)), "/spec/strategy/canary/scaleDownDelaySeconds", json!(seconds));
        assert_eq!(paths(&delayed), ["spec.strategy.canary.scaleDownDelaySeconds"]);
    }
    let aborted =
        with(dynamic(routed(&steps)), "/spec/strategy/canary/abortScaleDownDelaySeconds", json!(30));
    assert!(validate(&aborted).is_empty());
}
