//! A custom resource with a status and a scale subresource.

use serde_json::{Value, json};
use tidegate_api::Preconditions;

use super::client::{Client, uid, version};
use super::compare;

/// Of an instance id that no controller has.
fn rollout(name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {
            "name": name,
            "labels": { "app": name, "argo-rollouts.argoproj.io/controller-instance-id": "nobody" },
            "annotations": { "note": "first" },
        },
        "spec": {
            "replicas": 3,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "web", "image": "example.com/web:v1" }] },
            },
            "strategy": { "canary": { "steps": [{ "setWeight": 20 }, { "pause": {} }] } },
        },
    })
}

#[test]
fn creation() {
    compare("creation", async |client: &mut Client| {
        client.get("get what is not there", "web").await;
        client.create("create", rollout("web")).await;
        client.create("create again", rollout("web")).await;
        client.get("get", "web").await;
        client.create("create another", rollout("api")).await;
        client.list("list all", None).await;
        client.list("list by label", Some("app=web")).await;
        client.list("list by set of labels", Some("app in (web, api),app!=api")).await;
        client.list("list nothing", Some("app=nobody")).await;
        client.list("a selector that is none", Some("app in (")).await;

        let mut object = rollout("generated");
        object["metadata"] = json!({ "generateName": "web-" });
        client.create("create with a generated name", object).await;
        let mut object = rollout("x");
        object["metadata"]["name"] = "No_Name".into();
        client.create("create with a bad name", object).await;
        let mut object = rollout("x");
        object["metadata"].as_object_mut().unwrap().remove("name");
        client.create("create without a name", object).await;
        let mut object = rollout("x");
        object["metadata"]["namespace"] = "elsewhere".into();
        client.create("create in another namespace", object).await;
        let mut object = rollout("x");
        object["kind"] = "Other".into();
        client.create("create as another kind", object).await;
        let mut object = rollout("x");
        object["metadata"]["resourceVersion"] = "5".into();
        client.create("create with a resource version", object).await;
        let mut object = rollout("x");
        object["metadata"]["labels"]["bad value"] = "x y".into();
        client.create("create with a bad label", object).await;
        let mut object = rollout("x");
        object["spec"]["replicas"] = "three".into();
        client.create("create with a wrong type", object).await;
        let mut object = rollout("pruned");
        object["spec"]["unknown"] = json!({ "a": 1 });
        object["status"] = json!({ "phase": "Healthy" });
        client.create("create with an unknown field and a status", object).await;
    });
}

#[test]
fn changes() {
    compare("changes", async |client: &mut Client| {
        let first = client.create("create", rollout("web")).await;
        let stale = version(&first);
        client
            .merge(
                "metadata alone",
                "web",
                None,
                json!({ "metadata": { "annotations": { "note": "second" } } }),
            )
            .await;
        client
            .merge(
                "the same again",
                "web",
                None,
                json!({ "metadata": { "annotations": { "note": "second" } } }),
            )
            .await;
        client.merge("the spec", "web", None, json!({ "spec": { "replicas": 5 } })).await;
        client.merge("nothing", "web", None, json!({})).await;
        client.merge("remove by null", "web", None, json!({ "metadata": { "annotations": null } })).await;
        client
            .merge(
                "with an old version",
                "web",
                None,
                json!({
                    "metadata": { "resourceVersion": stale }, "spec": { "replicas": 6 },
                }),
            )
            .await;
        let now = client.get("get", "web").await;
        client
            .merge(
                "with the current version",
                "web",
                None,
                json!({
                    "metadata": { "resourceVersion": version(&now) }, "spec": { "replicas": 6 },
                }),
            )
            .await;
        client
            .merge(
                "of another uid",
                "web",
                None,
                json!({
                    "metadata": { "uid": "00000000-0000-0000-0000-000000000000" }, "spec": { "replicas": 7 },
                }),
            )
            .await;
        client
            .merge(
                "of this uid",
                "web",
                None,
                json!({ "metadata": { "uid": uid(&now) }, "spec": { "replicas": 7 } }),
            )
            .await;
        client
            .merge("a status through the front door", "web", None, json!({ "status": { "phase": "x" } }))
            .await;
        client.merge("a wrong type", "web", None, json!({ "spec": { "replicas": "seven" } })).await;
        client.merge("an unknown field", "web", None, json!({ "spec": { "unknown": 1 } })).await;
        client.merge("of what is not there", "nobody", None, json!({})).await;
        client.merge("the name", "web", None, json!({ "metadata": { "name": "other" } })).await;
    });
}

#[test]
fn json_patches() {
    compare("json-patches", async |client: &mut Client| {
        let first = client.create("create", rollout("web")).await;
        client
            .json(
                "test and set",
                "web",
                None,
                json!([
                    { "op": "test", "path": "/spec/replicas", "value": 3 },
                    { "op": "replace", "path": "/spec/replicas", "value": 4 },
                ]),
            )
            .await;
        client
            .json(
                "a test that fails",
                "web",
                None,
                json!([
                    { "op": "test", "path": "/spec/replicas", "value": 3 },
                    { "op": "replace", "path": "/spec/replicas", "value": 5 },
                ]),
            )
            .await;
        client
            .json(
                "a test of what is not there",
                "web",
                None,
                json!([
                    { "op": "test", "path": "/spec/paused", "value": true },
                ]),
            )
            .await;
        client
            .json(
                "a test for absence",
                "web",
                None,
                json!([
                    { "op": "test", "path": "/spec/paused", "value": null },
                    { "op": "add", "path": "/spec/paused", "value": true },
                ]),
            )
            .await;
        client
            .json(
                "replace what is not there",
                "web",
                None,
                json!([
                    { "op": "replace", "path": "/spec/minReadySeconds", "value": 5 },
                ]),
            )
            .await;
        client
            .json(
                "remove what is not there",
                "web",
                None,
                json!([{ "op": "remove", "path": "/spec/nothing" }]),
            )
            .await;
        client.json("remove", "web", None, json!([{ "op": "remove", "path": "/spec/paused" }])).await;
        client.json("an unknown operation", "web", None, json!([{ "op": "frob", "path": "/spec" }])).await;
        client.json("no list", "web", None, json!({ "op": "remove" })).await;
        client.json("an empty list", "web", None, json!([])).await;
        client
            .json(
                "an index out of range",
                "web",
                None,
                json!([
                    { "op": "replace", "path": "/spec/strategy/canary/steps/7", "value": { "setWeight": 1 } },
                ]),
            )
            .await;
        client
            .json(
                "append and insert",
                "web",
                None,
                json!([
                    { "op": "add", "path": "/spec/strategy/canary/steps/-", "value": { "setWeight": 60 } },
                    { "op": "add", "path": "/spec/strategy/canary/steps/0", "value": { "setWeight": 5 } },
                ]),
            )
            .await;
        client
            .json(
                "a key with a slash",
                "web",
                None,
                json!([
                    { "op": "add", "path": "/metadata/annotations/example.com~1note", "value": "x" },
                ]),
            )
            .await;
        client
            .json(
                "an old resource version",
                "web",
                None,
                json!([
                    { "op": "replace", "path": "/metadata/resourceVersion", "value": version(&first) },
                    { "op": "replace", "path": "/spec/replicas", "value": 9 },
                ]),
            )
            .await;
        client
            .json(
                "a test of the resource version",
                "web",
                None,
                json!([
                    { "op": "test", "path": "/metadata/resourceVersion", "value": version(&first) },
                    { "op": "replace", "path": "/spec/replicas", "value": 9 },
                ]),
            )
            .await;
        client
            .json(
                "what is not valid",
                "web",
                None,
                json!([
                    { "op": "replace", "path": "/spec/replicas", "value": "nine" },
                ]),
            )
            .await;
        client
            .json(
                "of what is not there",
                "nobody",
                None,
                json!([{ "op": "remove", "path": "/spec/replicas" }]),
            )
            .await;
    });
}

#[test]
fn status() {
    compare("status", async |client: &mut Client| {
        let first = client.create("create", rollout("web")).await;
        client
            .merge("the status", "web", Some("status"), json!({
                "status": {
                    "phase": "Progressing",
                    "observedGeneration": "1",
                    "currentStepIndex": 0,
                    "conditions": [{
                        "type": "Progressing", "status": "True", "reason": "x", "message": "y",
                        "lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z",
                    }],
                },
            }))
            .await;
        client
            .merge("the same again", "web", Some("status"), json!({ "status": { "phase": "Progressing" } }))
            .await;
        client
            .merge("a spec through the back door", "web", Some("status"), json!({
                "spec": { "replicas": 9 }, "metadata": { "labels": { "x": "y" } }, "status": { "phase": "Paused" },
            }))
            .await;
        client
            .merge(
                "an unknown field",
                "web",
                Some("status"),
                json!({ "status": { "unknown": 1, "phase": "Healthy" } }),
            )
            .await;
        client.merge("a wrong type", "web", Some("status"), json!({ "status": { "phase": 5 } })).await;
        client
            .merge(
                "with an old version",
                "web",
                Some("status"),
                json!({
                    "metadata": { "resourceVersion": version(&first) }, "status": { "phase": "Degraded" },
                }),
            )
            .await;
        client
            .merge("remove a field", "web", Some("status"), json!({ "status": { "currentStepIndex": null } }))
            .await;
        client
            .json(
                "test and set",
                "web",
                Some("status"),
                json!([
                    { "op": "test", "path": "/status/phase", "value": "Healthy" },
                    { "op": "replace", "path": "/status/phase", "value": "Paused" },
                ]),
            )
            .await;
        client.merge("a spec keeps the status", "web", None, json!({ "spec": { "replicas": 2 } })).await;
        client.merge("remove it all", "web", Some("status"), json!({ "status": null })).await;
        client.merge("of what is not there", "nobody", Some("status"), json!({ "status": {} })).await;
    });
}

#[test]
fn scale() {
    compare("scale", async |client: &mut Client| {
        client.create("create", rollout("web")).await;
        client.merge("scale", "web", Some("scale"), json!({ "spec": { "replicas": 8 } })).await;
        client.get("get", "web").await;
        client.merge("the same again", "web", Some("scale"), json!({ "spec": { "replicas": 8 } })).await;
        client.merge("below zero", "web", Some("scale"), json!({ "spec": { "replicas": -1 } })).await;
        client
            .merge("of what is not there", "nobody", Some("scale"), json!({ "spec": { "replicas": 1 } }))
            .await;
    });
}

#[test]
fn replacement() {
    compare("replacement", async |client: &mut Client| {
        let first = client.create("create", rollout("web")).await;
        client.replace("without a version", "web", None, rollout("web")).await;
        let mut next = first.clone();
        next["spec"]["replicas"] = 4.into();
        let second = client.replace("with the current version", "web", None, next.clone()).await;
        client.replace("with an old version", "web", None, next).await;
        client.replace("with what is there", "web", None, second.clone()).await;
        let mut other = second.clone();
        other["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000".into();
        client.replace("of another uid", "web", None, other).await;
        let mut status = second.clone();
        status["status"] = json!({ "phase": "Healthy" });
        status["spec"]["replicas"] = 1.into();
        client.replace("the status", "web", Some("status"), status).await;
        client.replace("under another name", "other", None, second.clone()).await;
        let mut missing = second;
        missing["metadata"]["name"] = "nobody".into();
        client.replace("of what is not there", "nobody", None, missing).await;
    });
}

#[test]
fn deletion() {
    compare("deletion", async |client: &mut Client| {
        let first = client.create("create", rollout("web")).await;
        let stale = version(&first);
        let second = client.merge("change", "web", None, json!({ "spec": { "replicas": 1 } })).await;
        let other = Preconditions {
            uid: Some("00000000-0000-0000-0000-000000000000".into()),
            resource_version: None,
        };
        client.delete("of another uid", "web", other).await;
        let old = Preconditions { uid: Some(uid(&second)), resource_version: Some(stale) };
        client.delete("of an old version", "web", old).await;
        let right = Preconditions { uid: Some(uid(&second)), resource_version: Some(version(&second)) };
        client.delete("of the right one", "web", right).await;
        client.get("get", "web").await;
        client.delete("again", "web", Preconditions::default()).await;

        let mut held = rollout("held");
        held["metadata"]["finalizers"] = json!(["example.com/hold"]);
        client.create("create with a finalizer", held).await;
        client.delete("delete what is held", "held", Preconditions::default()).await;
        client.get("it is still there", "held").await;
        client.delete("delete it again", "held", Preconditions::default()).await;
        client.merge("it can be changed", "held", None, json!({ "spec": { "replicas": 2 } })).await;
        client
            .merge(
                "no new finalizer",
                "held",
                None,
                json!({
                    "metadata": { "finalizers": ["example.com/hold", "example.com/more"] },
                }),
            )
            .await;
        client.merge("let go", "held", None, json!({ "metadata": { "finalizers": null } })).await;
        client.get("it is gone", "held").await;
    });
}
