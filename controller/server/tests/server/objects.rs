//! Writing over HTTP.

use http::Method;
use serde_json::{Value, json};

use crate::client::{MAPS, ask, get, put, request, send, server, server_with};

#[test]
fn an_object_is_made_changed_and_removed() {
    let mut server = server();
    let made = put(&mut server, "web", false);
    let path = format!("{MAPS}/web");
    assert_eq!(get(&mut server, &path), (200, made.clone()));
    let (code, changed) = send(&mut server, Method::PATCH, &path, &json!({"data": {"a": "1"}}));
    assert_eq!((code, &changed["data"]["a"]), (200, &json!("1")));
    let (code, _) = send(&mut server, Method::PUT, &path, &made);
    assert_eq!(code, 409, "it replaces an older version");
    let json_patch = [("content-type", "application/json-patch+json")];
    let patch = json!([{"op": "test", "path": "/data/a", "value": "2"}]).to_string();
    assert_eq!(ask(&mut server, &request(Method::PATCH, &path, &json_patch, &patch)).0, 422);
    let old = json!({"preconditions": {"resourceVersion": made["metadata"]["resourceVersion"]}});
    assert_eq!(send(&mut server, Method::DELETE, &path, &old).0, 409);
    let right = json!({"propagationPolicy": "Background", "preconditions": {"uid": made["metadata"]["uid"]}});
    assert_eq!(send(&mut server, Method::DELETE, &path, &right).0, 200);
    assert_eq!(get(&mut server, &path).0, 404);
}

#[test]
fn what_is_not_modelled_is_refused() {
    let mut server = server_with(1);
    let path = format!("{MAPS}/map-0");
    for (method, uri, content_type, body, code) in [
        (Method::PATCH, path.clone(), "application/strategic-merge-patch+json", "{}", 415),
        (Method::PATCH, path.clone(), "application/apply-patch+yaml", "{}", 415),
        (Method::POST, MAPS.to_owned(), "application/vnd.kubernetes.protobuf", "k8s", 415),
        (
            Method::POST,
            format!("{MAPS}?dryRun=All"),
            "application/json",
            r#"{"metadata": {"name": "x"}}"#,
            400,
        ),
        (Method::DELETE, path.clone(), "application/json", r#"{"propagationPolicy": "Foreground"}"#, 400),
        (Method::DELETE, MAPS.to_owned(), "application/json", "", 405),
        (Method::POST, path.clone(), "application/json", "{}", 405),
        (Method::GET, format!("{path}/status"), "application/json", "", 404),
        (Method::POST, MAPS.to_owned(), "application/json", "{", 400),
    ] {
        let answer =
            ask(&mut server, &request(method.clone(), &uri, &[("content-type", content_type)], body));
        assert_eq!(answer.0, code, "{method} {uri} {content_type}: {}", answer.1);
    }
    assert_eq!(get(&mut server, &path).0, 200);
}

#[test]
fn unknown_fields_are_refused_only_where_that_is_asked_for() {
    let mut server = server();
    let schema = json!({"type": "object", "properties": {"spec": {
        "type": "object", "properties": {"known": {"type": "integer"}},
    }}});
    let definition = json!({"spec": {
        "group": "example.com", "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things"},
        "versions": [{"name": "v1", "storage": true, "schema": {"openAPIV3Schema": schema}}],
    }});
    server.cluster.serve_definition(&definition).unwrap();
    let things = "/apis/example.com/v1/namespaces/shop/things";
    let thing = |spec: Value| json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "one"}, "spec": spec});
    let strict = format!("{things}?fieldValidation=Strict");
    assert_eq!(send(&mut server, Method::POST, &strict, &thing(json!({"unknown": 1}))).0, 400);
    assert_eq!(send(&mut server, Method::POST, &strict, &thing(json!({"known": 1}))).0, 201);
    let object = format!("{things}/one");
    let strict = format!("{object}?fieldValidation=Strict");
    let json_patch = [("content-type", "application/json-patch+json")];
    let patch = json!([{"op": "add", "path": "/spec/unknown", "value": 1}]).to_string();
    assert_eq!(ask(&mut server, &request(Method::PATCH, &strict, &json_patch, &patch)).0, 422);
    assert_eq!(ask(&mut server, &request(Method::PATCH, &object, &json_patch, &patch)).0, 200);
    let merge = json!({"spec": {"unknown": 1}});
    assert_eq!(send(&mut server, Method::PATCH, &strict, &merge).0, 422);
    assert_eq!(send(&mut server, Method::PATCH, &object, &merge).0, 200);
    assert_eq!(get(&mut server, &object).1["spec"], json!({"known": 1}));
}

#[test]
fn the_scale_of_an_object_is_an_object() {
    let mut server = server();
    let path = "/apis/apps/v1/namespaces/shop/replicasets";
    let set = json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}},
        },
    });
    assert_eq!(send(&mut server, Method::POST, path, &set).0, 201);
    let scale = format!("{path}/web/scale");
    assert_eq!(get(&mut server, &scale).1["spec"]["replicas"], 2);
    let (_, after) = send(&mut server, Method::PATCH, &scale, &json!({"spec": {"replicas": 3}}));
    assert_eq!((&after["kind"], &after["spec"]["replicas"]), (&json!("Scale"), &json!(3)));
}

#[test]
fn everything_is_allowed() {
    let mut server = server();
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let (code, review) = send(&mut server, Method::POST, path, &json!({"spec": {"resourceAttributes": {}}}));
    assert_eq!((code, &review["status"]["allowed"]), (201, &json!(true)));
}
