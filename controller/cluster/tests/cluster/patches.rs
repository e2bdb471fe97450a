//! JSON patches and merge patches of objects.

use serde_json::{Value, json};

use crate::support::*;

fn weights(object: &Value) -> Vec<i64> {
    let backends = object["spec"]["rules"][0]["backendRefs"].as_array().unwrap();
    backends.iter().map(|backend| backend["weight"].as_i64().unwrap()).collect()
}

#[test]
fn compare_and_set() {
    let mut cluster = cluster();
    create(&mut cluster, &routes(), route("web", &[("stable", 100), ("canary", 0)])).unwrap();
    let set = |index: usize, name: &str, from: i64, to: i64| {
        let at = format!("/spec/rules/0/backendRefs/{index}");
        vec![
            json!({"op": "test", "path": format!("{at}/name"), "value": name}),
            json!({"op": "test", "path": format!("{at}/weight"), "value": from}),
            json!({"op": "replace", "path": format!("{at}/weight"), "value": to}),
        ]
    };
    let step = |stable: i64, canary: i64, next: i64| {
        Value::Array([set(0, "stable", stable, 100 - next), set(1, "canary", canary, next)].concat())
    };
    let patched = json_patch(&mut cluster, &routes(), "web", step(100, 0, 20)).unwrap();
    assert_eq!(weights(&patched), [80, 20]);
    let error = refused(json_patch(&mut cluster, &routes(), "web", step(100, 0, 40)), 422, "Invalid");
    assert_eq!(error.message, "the server rejected our request due to an error in our request");
    assert!(error.causes.is_empty());
    let now = get(&mut cluster, &routes(), "web").unwrap();
    assert_eq!(now, patched, "a patch that does not apply changes nothing");
}

#[test]
fn what_does_not_apply_and_what_is_malformed() {
    let mut cluster = cluster();
    create(&mut cluster, &config_maps(), config_map("a")).unwrap();
    let mut try_patch = |patch: Value| json_patch(&mut cluster, &config_maps(), "a", patch);
    for patch in [
        json!([{"op": "test", "path": "/data", "value": {}}]),
        json!([{"op": "remove", "path": "/data"}]),
        json!([{"op": "add", "path": "/data/a/b", "value": 1}]),
        json!([{"op": "move", "from": "/x", "path": "/y"}]),
        json!([{"op": "copy", "from": "/x/y", "path": "/y"}]),
        json!([{"op": "frobnicate", "path": "/data"}]),
        json!([{"op": "add", "value": 1}]),
    ] {
        refused(try_patch(patch), 422, "Invalid");
    }
    for patch in [json!({}), json!("x"), json!([1]), json!([{"op": 1, "path": "/a"}])] {
        refused(try_patch(patch), 400, "BadRequest");
    }
    let many = Value::Array(vec![json!({"op": "test", "path": "/kind", "value": "ConfigMap"}); 10_001]);
    refused(try_patch(many), 413, "RequestEntityTooLarge");
    refused(merge(&mut cluster, &config_maps(), "a", None, json!([])), 400, "BadRequest");
}

#[test]
fn the_leniencies_of_the_servers_library() {
    let mut cluster = cluster();
    let mut manifest = config_map("a");
    manifest["data"] = json!({"a": "1"});
    manifest["list"] = json!([1, 2, 3]);
    create(&mut cluster, &config_maps(), manifest).unwrap();
    let mut apply = |patch: Value| json_patch(&mut cluster, &config_maps(), "a", patch).unwrap();
    let added = apply(json!([{"op": "replace", "path": "/data/b", "value": "2"}]));
    assert_eq!(added["data"], json!({"a": "1", "b": "2"}));
    apply(json!([{"op": "test", "path": "/data/c", "value": null}]));
    apply(json!([{"op": "test", "path": "/data/c"}]));
    let last = apply(json!([{"op": "remove", "path": "/list/-1"}]));
    assert_eq!(last["list"], json!([1, 2]));
}
