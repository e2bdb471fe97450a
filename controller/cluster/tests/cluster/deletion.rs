//! Deletion: preconditions, finalizers, owners and namespaces.

use serde_json::{Value, json};
use tidegate_api::{Operation, Preconditions, Request, builtin, object};

use crate::support::*;

#[test]
fn what_a_deletion_answers() {
    let mut cluster = cluster();
    let created = create(&mut cluster, &builtin::rollouts(), rollout("web")).unwrap();
    let status = delete(&mut cluster, &builtin::rollouts(), "web").unwrap();
    assert_eq!((&status["kind"], &status["status"]), (&json!("Status"), &json!("Success")));
    assert_eq!(
        status["details"],
        json!({
            "group": "argoproj.io", "kind": "rollouts", "name": "web", "uid": created["metadata"]["uid"],
        })
    );
    create(&mut cluster, &builtin::services(), service("web", json!({}))).unwrap();
    let gone = delete(&mut cluster, &builtin::services(), "web").unwrap();
    assert_eq!(gone["kind"], "Service");
    refused(delete(&mut cluster, &builtin::services(), "web"), 404, "NotFound");
}

#[test]
fn preconditions() {
    let mut cluster = cluster();
    let maps = config_maps();
    let created = create(&mut cluster, &maps, config_map("a")).unwrap();
    let uid = object::uid(&created).to_owned();
    let version = object::resource_version(&created).to_owned();
    let if_uid = |uid: &str| Preconditions { uid: Some(uid.into()), resource_version: None };
    let if_version = |version: &str| Preconditions { uid: None, resource_version: Some(version.into()) };
    refused(delete_if(&mut cluster, &maps, "a", if_uid("another")), 409, "Conflict");
    merge(&mut cluster, &maps, "a", None, json!({"data": {"x": "y"}})).unwrap();
    refused(delete_if(&mut cluster, &maps, "a", if_version(&version)), 409, "Conflict");
    delete_if(&mut cluster, &maps, "a", if_uid(&uid)).unwrap();
}

#[test]
fn finalizers_hold_an_object() {
    let mut cluster = cluster();
    let rollouts = builtin::rollouts();
    let mut manifest = rollout("web");
    manifest["metadata"]["finalizers"] = json!(["example.com/a", "example.com/b"]);
    create(&mut cluster, &rollouts, manifest).unwrap();
    let held = delete(&mut cluster, &rollouts, "web").unwrap();
    assert_eq!(held["metadata"]["deletionTimestamp"], "2025-01-01T00:00:00Z");
    assert_eq!(held["metadata"]["deletionGracePeriodSeconds"], 0);
    assert_eq!(object::generation(&held), Some(2));
    assert_eq!(delete(&mut cluster, &rollouts, "web").unwrap(), held, "deleting it again changes nothing");
    let error = refused(create(&mut cluster, &rollouts, rollout("web")), 409, "AlreadyExists");
    assert!(error.message.starts_with("object is being deleted"), "{}", error.message);

    let finalizers = |list: Value| json!({"metadata": {"finalizers": list}});
    let more = finalizers(json!(["example.com/a", "example.com/b", "example.com/c"]));
    refused(merge(&mut cluster, &rollouts, "web", None, more), 422, "Invalid");
    let revived = json!({"metadata": {"deletionTimestamp": null}});
    let still = merge(&mut cluster, &rollouts, "web", None, revived).unwrap();
    assert!(object::is_deleting(&still));
    merge(&mut cluster, &rollouts, "web", None, finalizers(json!(["example.com/b"]))).unwrap();
    let last = merge(&mut cluster, &rollouts, "web", None, finalizers(json!([]))).unwrap();
    assert_eq!(last["metadata"].get("finalizers"), None);
    refused(get(&mut cluster, &rollouts, "web"), 404, "NotFound");
}

#[test]
fn dependents_go_with_their_last_owner() {
    let mut cluster = cluster();
    let maps = config_maps();
    let one = create(&mut cluster, &maps, config_map("one")).unwrap();
    let two = create(&mut cluster, &maps, config_map("two")).unwrap();
    let owned = |name: &str, owners: &[&Value]| {
        let mut manifest = config_map(name);
        manifest["metadata"]["ownerReferences"] = owners.iter().map(|owner| owned_by(owner)).collect();
        manifest
    };
    let child = create(&mut cluster, &maps, owned("child", &[&one])).unwrap();
    create(&mut cluster, &maps, owned("grandchild", &[&child])).unwrap();
    create(&mut cluster, &maps, owned("shared", &[&one, &two])).unwrap();
    delete(&mut cluster, &maps, "one").unwrap();
    assert_eq!(names(&mut cluster, &maps, None).unwrap().len(), 4, "not at once");
    settle(&mut cluster);
    assert_eq!(names(&mut cluster, &maps, None).unwrap(), ["shared", "two"]);
    let shared = get(&mut cluster, &maps, "shared").unwrap();
    assert_eq!(shared["metadata"]["ownerReferences"], json!([owned_by(&two)]));
    delete(&mut cluster, &maps, "two").unwrap();
    settle(&mut cluster);
    assert!(names(&mut cluster, &maps, None).unwrap().is_empty());
}

#[test]
fn an_owner_that_never_was_is_gone_and_one_that_cannot_be_known_is_there() {
    let mut cluster = cluster();
    let maps = config_maps();
    for (name, kind, version) in [
        ("orphan", "ConfigMap", "v1"),
        ("unknown", "Thing", "example.com/v1"),
        ("replaced", "ConfigMap", "v1"),
    ] {
        let mut manifest = config_map(name);
        let owner = json!({"apiVersion": version, "kind": kind, "name": "unknown", "uid": "none"});
        manifest["metadata"]["ownerReferences"] = json!([owner]);
        create(&mut cluster, &maps, manifest).unwrap();
    }
    settle(&mut cluster);
    assert_eq!(names(&mut cluster, &maps, None).unwrap(), ["unknown"]);
}

#[test]
fn a_namespace_takes_its_content_along() {
    let mut cluster = cluster();
    create(&mut cluster, &namespaces(), json!({"metadata": {"name": "shop"}})).unwrap();
    let inside = |operation| Request { resource: config_maps(), namespace: Some("shop".into()), operation };
    let mut held = config_map("held");
    held["metadata"]["finalizers"] = json!(["example.com/a"]);
    for object in [config_map("a"), held] {
        cluster.handle(&inside(Operation::Create { object })).unwrap();
    }
    let gone = delete(&mut cluster, &namespaces(), "shop").unwrap();
    assert_eq!(gone["status"]["phase"], "Terminating");
    let late = cluster.handle(&inside(Operation::Create { object: config_map("late") }));
    refused(late, 403, "Forbidden");
    settle(&mut cluster);
    assert_eq!(cluster.objects(&config_maps(), Some("shop")).count(), 1);
    assert!(get(&mut cluster, &namespaces(), "shop").is_ok());
    let body = tidegate_api::Body::Merge(json!({"metadata": {"finalizers": null}}));
    cluster.handle(&inside(Operation::Patch { name: "held".into(), subresource: None, body })).unwrap();
    settle(&mut cluster);
    refused(get(&mut cluster, &namespaces(), "shop"), 404, "NotFound");
    refused(delete(&mut cluster, &namespaces(), "default"), 403, "Forbidden");
}
