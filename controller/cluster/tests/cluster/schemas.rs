//! Schemas of custom resources: those of the Gateway API, and one's own.

use serde_json::{Value, json};
use tidegate_api::{ApiError, Operation, Request, Resource, builtin};
use tidegate_cluster::{Cluster, Schema, ServeOptions};

use crate::support::*;

fn fields(error: &ApiError) -> Vec<&str> {
    error.causes.iter().map(|cause| cause.field.as_str()).collect()
}

#[test]
fn routes_get_the_defaults_of_the_definition() {
    let mut cluster = cluster();
    let mut manifest = route("web", &[]);
    manifest["spec"]["rules"] =
        json!([{"backendRefs": [{"name": "a", "port": 80}], "filters": [{"type": "Own", "own": {}}]}]);
    let created = create(&mut cluster, &routes(), manifest).unwrap();
    let group = "gateway.networking.k8s.io";
    assert_eq!(created["spec"]["parentRefs"], json!([{"group": group, "kind": "Gateway", "name": "edge"}]));
    let backend = json!({"group": "", "kind": "Service", "name": "a", "port": 80, "weight": 1});
    assert_eq!(
        created["spec"]["rules"],
        json!([{
            "backendRefs": [backend],
            "filters": [{"type": "Own", "own": {}}],
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
        }])
    );
    let manifest = json!({"apiVersion": format!("{group}/v1"), "kind": "HTTPRoute", "metadata": {"name": "bare"}, "spec": {}});
    let created = create(&mut cluster, &routes(), manifest).unwrap();
    assert_eq!(
        created["spec"]["rules"],
        json!([{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}])
    );
}

/// The kinds of routes that gateways serve besides `HTTPRoute`, in their current versions.
#[test]
fn routes_of_all_kinds_are_served_and_reported_on() {
    let mut cluster = cluster();
    for (kind, plural, rules) in
        [("GRPCRoute", "grpcroutes", 16), ("TCPRoute", "tcproutes", 1), ("TLSRoute", "tlsroutes", 1)]
    {
        let resource = Resource::namespaced("gateway.networking.k8s.io", "v1", kind, plural);
        let mut manifest = route("web", &[("a", 1), ("b", 0)]);
        manifest["kind"] = json!(kind);
        let created = create(&mut cluster, &resource, manifest).unwrap();
        assert_eq!(created["spec"]["rules"][0]["backendRefs"][1]["kind"], "Service", "{kind}");
        let backend = json!({"backendRefs": [{"name": "a", "port": 80}]});
        let many = json!({"spec": {"rules": vec![backend.clone(); rules + 1]}});
        let error = merge(&mut cluster, &resource, "web", None, many).unwrap_err();
        assert_eq!(fields(&error), ["spec.rules"], "{kind}");
        settle(&mut cluster);
        let seen = get(&mut cluster, &resource, "web").unwrap();
        assert_eq!(seen["status"]["parents"][0]["conditions"][0]["type"], "Accepted", "{kind}");
    }
}

#[test]
fn routes_have_the_limits_of_the_definition() {
    let mut cluster = cluster();
    create(&mut cluster, &routes(), route("web", &[("a", 1), ("b", 0)])).unwrap();
    let backend = |edit: Value| {
        let mut backend = json!({"name": "a", "port": 80});
        json_patch::merge_into(&mut backend, &edit);
        json!({"spec": {"rules": [{"backendRefs": [backend]}]}})
    };
    let at = "spec.rules[0].backendRefs[0]";
    let mirror_at = "spec.rules[0].filters[0].requestMirror";
    let mirror = |edit: Value| {
        let mut mirror = json!({"backendRef": {"name": "a", "port": 80}});
        json_patch::merge_into(&mut mirror, &edit);
        json!({"spec": {"rules": [{"filters": [{"type": "RequestMirror", "requestMirror": mirror}]}]}})
    };
    let table = [
        (backend(json!({"weight": 1_000_001})), format!("{at}.weight")),
        (backend(json!({"weight": -1})), format!("{at}.weight")),
        (backend(json!({"weight": "1"})), format!("{at}.weight")),
        (backend(json!({"weight": 0.5})), format!("{at}.weight")),
        (backend(json!({"port": 0})), format!("{at}.port")),
        (backend(json!({"port": null})), at.to_owned()),
        (backend(json!({"name": null})), format!("{at}.name")),
        (backend(json!({"name": ""})), format!("{at}.name")),
        (mirror(json!({"percent": 101})), format!("{mirror_at}.percent")),
        (mirror(json!({"percent": 10, "fraction": {"numerator": 1}})), mirror_at.to_owned()),
        (mirror(json!({"backendRef": {"name": "a"}})), format!("{mirror_at}.backendRef")),
        (json!({"spec": {"rules": [{"name": "a"}, {"name": "a"}]}}), "spec.rules".into()),
        (json!({"spec": {"rules": vec![json!({"matches": vec![json!({}); 43]}); 3]}}), "spec.rules".into()),
        (json!({"spec": {"rules": vec![json!({}); 17]}}), "spec.rules".into()),
        (json!({"spec": {"rules": []}}), "spec.rules".into()),
        (
            json!({"spec": {"rules": [{"backendRefs": vec![json!({"name": "a", "port": 1}); 17]}]}}),
            "spec.rules[0].backendRefs".into(),
        ),
        (json!({"spec": {"hostnames": vec!["a"; 17]}}), "spec.hostnames".into()),
        (json!({"spec": {"rules": {}}}), "spec.rules".into()),
        (
            json!({"spec": {"rules": [{"matches": [{"headers": [
                {"name": "x", "value": "1"}, {"name": "x", "value": "2"},
            ]}]}]}}),
            "spec.rules[0].matches[0].headers[1]".into(),
        ),
    ];
    for (patch, field) in table {
        let error = refused(merge(&mut cluster, &routes(), "web", None, patch), 422, "Invalid");
        assert_eq!(fields(&error), [field.as_str()], "{}", error.message);
    }
    let error =
        merge(&mut cluster, &routes(), "web", None, backend(json!({"weight": 1_000_001}))).unwrap_err();
    assert_eq!(
        error.message,
        "HTTPRoute.gateway.networking.k8s.io \"web\" is invalid: spec.rules[0].backendRefs[0].weight: Invalid value: \
         1000001: spec.rules[0].backendRefs[0].weight in body should be less than or equal to 1000000"
    );
    merge(&mut cluster, &routes(), "web", None, backend(json!({"weight": 1_000_000}))).unwrap();
    let status = json!({"status": {"parents": [{"parentRef": {"name": "edge"}}]}});
    let error = refused(merge(&mut cluster, &routes(), "web", Some("status"), status), 422, "Invalid");
    assert_eq!(fields(&error), ["status.parents[0].conditions", "status.parents[0].controllerName"]);
}

mod json_patch {
    use serde_json::Value;

    /// Sets the members of one object in another; null removes.
    pub(super) fn merge_into(object: &mut Value, edit: &Value) {
        for (key, value) in edit.as_object().unwrap() {
            if value.is_null() {
                object.as_object_mut().unwrap().shift_remove(key);
            } else {
                object[key] = value.clone();
            }
        }
    }
}

fn widgets() -> Resource {
    Resource::namespaced("example.com", "v1", "Widget", "widgets")
}

fn with_widgets(schema: &Value) -> Cluster {
    let mut cluster = cluster();
    let schema = Some(Schema::from_openapi(schema).unwrap());
    cluster.serve(widgets(), ServeOptions { status: true, schema, ..ServeOptions::default() });
    cluster
}

fn widget(spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec})
}

#[test]
fn a_kind_of_ones_own_is_pruned_defaulted_and_validated() {
    let mut cluster = with_widgets(&json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "minimum": 1},
                    "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                    "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                    "anything": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "port": {"x-kubernetes-int-or-string": true},
                    "note": {"type": "string", "nullable": true},
                    "names": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                    "ratio": {"type": "number", "maximum": 1.5},
                },
            },
            "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
        },
    }));
    assert_eq!(cluster.served("example.com", "Widget"), Some(&widgets()));
    let created = create(&mut cluster, &widgets(), widget(json!({
        "size": 2, "unknown": 1, "tags": {"a": "b"}, "anything": {"goes": [1]}, "port": "http", "note": null,
        "ratio": 1,
    })))
    .unwrap();
    assert_eq!(
        created["spec"],
        json!({
            "size": 2, "tags": {"a": "b"}, "anything": {"goes": [1]}, "port": "http", "note": null, "ratio": 1,
            "color": "red",
        })
    );
    for (spec, field) in [
        (json!({"size": null}), "spec.size"),
        (json!({"size": 0}), "spec.size"),
        (json!({"size": 1.5}), "spec.size"),
        (json!({"color": "green"}), "spec.color"),
        (json!({"tags": {"a": 1}}), "spec.tags.a"),
        (json!({"port": 1.5}), "spec.port"),
        (json!({"names": ["a", "b", "a"]}), "spec.names[2]"),
        (json!({"ratio": 1.6}), "spec.ratio"),
        (json!({"anything": 1}), "spec.anything"),
    ] {
        let error =
            refused(merge(&mut cluster, &widgets(), "w", None, json!({"spec": spec})), 422, "Invalid");
        assert_eq!(fields(&error), [field], "{}", error.message);
    }
    let status = json!({"status": {"ready": true, "more": 1}});
    let written = merge(&mut cluster, &widgets(), "w", Some("status"), status).unwrap();
    assert_eq!(written["status"], json!({"ready": true}));
}

#[test]
fn what_a_schema_does_not_know_is_refused_where_that_is_asked_for() {
    let mut cluster = with_widgets(&json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "rules": {"type": "array", "items": {"type": "object", "properties": {"weight": {"type": "integer"}}}},
                    "tags": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {}}}},
                    "free": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {"known": {"type": "object"}},
                    },
                },
            },
        },
    }));
    let strictly = |cluster: &mut Cluster, object: Value| {
        let operation = Operation::CreateStrictly { object };
        cluster.handle(&Request { resource: widgets(), namespace: Some(NAMESPACE.into()), operation })
    };
    let wrong = json!({
        "rules": [{"weight": 1}, {"name": "b", "weight": 2}], "tags": {"x": {"a": 1, "b": 2}},
        "free": {"any": {"thing": 1}, "known": {"c": 1}}, "none": null,
    });
    let error = strictly(&mut cluster, widget(wrong.clone())).unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str()),
        (
            400,
            "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown field \
             \"spec.free.known.c\", unknown field \"spec.none\", unknown field \"spec.rules[1].name\", unknown field \
             \"spec.tags.x.b\""
        )
    );
    strictly(&mut cluster, widget(json!({"rules": [{"weight": 1}]}))).unwrap();
    let name = json!([{"op": "add", "path": "/spec/rules/0/name", "value": "a"}]);
    let error = refused(json_patch(&mut cluster, &widgets(), "w", name), 422, "Invalid");
    assert_eq!(fields(&error), ["patch"]);
    assert!(
        error.message.ends_with("strict decoding error: unknown field \"spec.rules[0].name\""),
        "{}",
        error.message
    );
    let weight = json!([{"op": "replace", "path": "/spec/rules/0/weight", "value": 2}]);
    json_patch(&mut cluster, &widgets(), "w", weight).unwrap();
    // Other writes leave it out.
    let written = merge(&mut cluster, &widgets(), "w", None, json!({"spec": wrong})).unwrap();
    assert_eq!(written["spec"]["rules"], json!([{"weight": 1}, {"weight": 2}]));
}

#[test]
fn what_the_scale_subresource_reads_must_be_a_count() {
    let mut cluster = cluster();
    create(&mut cluster, &builtin::rollouts(), rollout("web")).unwrap();
    for replicas in [json!(-1), json!("two"), json!(1.5)] {
        let patch = json!({"spec": {"replicas": replicas}});
        let error = refused(merge(&mut cluster, &builtin::rollouts(), "web", None, patch), 422, "Invalid");
        assert!(fields(&error).contains(&".spec.replicas"), "{}", error.message);
    }
}

#[test]
fn what_was_wrong_before_is_let_pass() {
    let lenient = json!({"type": "object", "properties": {"spec": {
        "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    }}});
    let mut strict = lenient.clone();
    strict["properties"]["spec"]["properties"]["a"]["maximum"] = json!(5);
    let mut cluster = with_widgets(&lenient);
    create(&mut cluster, &widgets(), widget(json!({"a": 9, "b": 1}))).unwrap();
    let schema = Some(Schema::from_openapi(&strict).unwrap());
    cluster.serve(widgets(), ServeOptions { schema, ..ServeOptions::default() });
    merge(&mut cluster, &widgets(), "w", None, json!({"spec": {"b": 2}})).unwrap();
    refused(merge(&mut cluster, &widgets(), "w", None, json!({"spec": {"a": 8}})), 422, "Invalid");
    merge(&mut cluster, &widgets(), "w", None, json!({"spec": {"a": 4}})).unwrap();
}

#[test]
fn a_kind_without_a_schema_keeps_everything() {
    let mut cluster = cluster();
    cluster.serve(widgets(), ServeOptions::default());
    let spec = json!({"any": [null, {"thing": 1.5}]});
    let created = create(&mut cluster, &widgets(), widget(spec.clone())).unwrap();
    assert_eq!(created["spec"], spec);
    assert!(Schema::from_openapi(&json!({"type": "integre"})).is_err());
    assert!(Schema::from_openapi(&json!([])).is_err());
}
