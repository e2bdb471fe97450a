//! Metadata: what is refused, and what does not survive.

use serde_json::{Value, json};

use crate::support::*;

#[test]
fn what_is_empty_or_unknown_is_not_kept() {
    let mut cluster = cluster();
    let mut manifest = config_map("a");
    manifest["metadata"] = json!({
        "name": "a", "labels": {}, "annotations": null, "finalizers": [], "ownerReferences": null,
        "clusterName": "x", "managedFields": [{"manager": "m"}], "creationTimestamp": null,
        "deletionTimestamp": "2020-01-01T00:00:00Z", "deletionGracePeriodSeconds": 5,
    });
    let created = create(&mut cluster, &config_maps(), manifest).unwrap();
    let keys: Vec<&str> = created["metadata"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["creationTimestamp", "name", "namespace", "resourceVersion", "uid"]);
}

#[test]
fn what_is_not_valid() {
    let mut cluster = cluster();
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u", "controller": true});
    let second =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "p", "uid": "v", "controller": true});
    let table: Vec<(&str, Value, &str)> = vec![
        ("labels", json!({"a b": "c"}), "metadata.labels"),
        ("labels", json!({"a": "b c"}), "metadata.labels"),
        ("annotations", json!({"/": "x"}), "metadata.annotations"),
        ("annotations", json!({"a": "x".repeat(300_000)}), "metadata.annotations"),
        ("finalizers", json!(["a b"]), "metadata.finalizers"),
        ("finalizers", json!(["orphan", "foregroundDeletion"]), "metadata.finalizers"),
        ("ownerReferences", json!([{"name": "o"}]), "metadata.ownerReferences.uid"),
        ("ownerReferences", json!([owner, second]), "metadata.ownerReferences"),
        ("finalizers", json!(["nobodys"]), "metadata.finalizers[0]"),
    ];
    for (key, value, field) in table {
        let mut manifest = config_map("a");
        manifest["metadata"][key] = value;
        let error = refused(create(&mut cluster, &config_maps(), manifest), 422, "Invalid");
        assert!(error.causes.iter().any(|cause| cause.field == field), "{field}: {error:?}");
    }
    for (key, value) in [
        ("labels", json!({"a": 1})),
        ("labels", json!([])),
        ("finalizers", json!("a")),
        ("ownerReferences", json!({})),
        ("name", json!(1)),
        ("generation", json!("1")),
    ] {
        let mut manifest = config_map("a");
        manifest["metadata"][key] = value;
        refused(create(&mut cluster, &config_maps(), manifest), 400, "BadRequest");
    }
}

#[test]
fn what_cannot_change() {
    let mut cluster = cluster();
    let created = create(&mut cluster, &config_maps(), config_map("a")).unwrap();
    let patched = merge(
        &mut cluster,
        &config_maps(),
        "a",
        None,
        json!({"metadata": {
            "creationTimestamp": "2000-01-01T00:00:00Z", "generation": 4, "labels": {"x": "y"},
        }}),
    )
    .unwrap();
    assert_eq!(patched["metadata"]["creationTimestamp"], created["metadata"]["creationTimestamp"]);
    assert_eq!(patched["metadata"].get("generation"), None);
    let patched = merge(&mut cluster, &config_maps(), "a", None, json!({"metadata": {"uid": null}})).unwrap();
    assert_eq!(patched["metadata"]["uid"], created["metadata"]["uid"]);

    // As with a real server, another uid in a patch is not a conflict but an invalid change.
    let other = json!({"metadata": {"uid": "another"}});
    refused(merge(&mut cluster, &config_maps(), "a", None, other), 422, "Invalid");
    let deleted = json!({"metadata": {"deletionTimestamp": "2030-01-01T00:00:00Z"}});
    refused(merge(&mut cluster, &config_maps(), "a", None, deleted), 422, "Invalid");
    for metadata in [json!({"name": "b"}), json!({"namespace": "b"}), json!({"name": null})] {
        let patch = json!({"metadata": metadata});
        refused(merge(&mut cluster, &config_maps(), "a", None, patch), 400, "BadRequest");
    }
    let kind = json!({"kind": "Secret"});
    assert!(merge(&mut cluster, &config_maps(), "a", None, kind).is_err());
}

#[test]
fn a_version_in_a_patch_is_a_precondition() {
    let mut cluster = cluster();
    let created = create(&mut cluster, &routes(), route("web", &[("a", 1)])).unwrap();
    let patch = |version: &Value, label: &str| json!({"metadata": {"resourceVersion": version, "labels": {"step": label}}});
    let version = created["metadata"]["resourceVersion"].clone();
    merge(&mut cluster, &routes(), "web", None, patch(&version, "1")).unwrap();
    refused(merge(&mut cluster, &routes(), "web", None, patch(&version, "2")), 409, "Conflict");
    refused(merge(&mut cluster, &routes(), "web", None, patch(&Value::Null, "2")), 422, "Invalid");
    create(&mut cluster, &config_maps(), config_map("a")).unwrap();
    merge(&mut cluster, &config_maps(), "a", None, patch(&Value::Null, "2")).unwrap();
}
