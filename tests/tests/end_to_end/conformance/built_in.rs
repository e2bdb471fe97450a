//! Built-in kinds that the controller writes.

use serde_json::{Value, json};
use tidegate_api::{Preconditions, builtin};

use super::client::{Client, uid, version};
use super::compare;

/// Without replicas, so that no pods come and go between two requests.
fn replica_set(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": { "name": name, "labels": { "app": "web" } },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": "example.com/web:v1" }] },
            },
        },
    })
}

#[test]
fn replica_sets() {
    compare("replica-sets", async |client: &mut Client| {
        client.about(builtin::replica_sets());
        client.create("create, with defaults filled in", replica_set("web")).await;
        client.settle("web").await;
        let first = client.get("get", "web").await;
        client.create("create again", replica_set("web")).await;
        let mut unlike = replica_set("unlike");
        unlike["spec"]["template"]["metadata"]["labels"] = json!({ "app": "other" });
        client.create("labels that the selector does not match", unlike).await;
        let mut empty = replica_set("empty");
        empty["spec"]["selector"] = json!({});
        client.create("an empty selector", empty).await;

        client
            .merge("an annotation", "web", None, json!({ "metadata": { "annotations": { "note": "x" } } }))
            .await;
        client
            .merge(
                "with an old version",
                "web",
                None,
                json!({
                    "metadata": { "resourceVersion": version(&first), "annotations": { "note": "y" } },
                }),
            )
            .await;
        client
            .merge(
                "labels of the template",
                "web",
                None,
                json!({
                    "spec": { "template": { "metadata": { "labels": { "more": "x" } } } },
                }),
            )
            .await;
        client.settle("web").await;
        client
            .merge(
                "another selector",
                "web",
                None,
                json!({
                    "spec": { "selector": { "matchLabels": { "more": "x" } } },
                }),
            )
            .await;
        client.merge("below zero", "web", None, json!({ "spec": { "replicas": -1 } })).await;
        client
            .merge("scale to nothing again", "web", Some("scale"), json!({ "spec": { "replicas": 0 } }))
            .await;
        client
            .merge(
                "two controllers",
                "web",
                None,
                json!({
                    "metadata": { "ownerReferences": [
                        { "apiVersion": "v1", "kind": "A", "name": "a", "uid": "1", "controller": true },
                        { "apiVersion": "v1", "kind": "B", "name": "b", "uid": "2", "controller": true },
                    ] },
                }),
            )
            .await;
        let wrong = Preconditions {
            uid: Some("00000000-0000-0000-0000-000000000000".into()),
            resource_version: None,
        };
        client.delete("of another uid", "web", wrong).await;
        // Last: it has no such owner, so it may be collected at any time from now on.
        client
            .merge(
                "owned",
                "web",
                None,
                json!({
                    "metadata": { "ownerReferences": [{
                        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web",
                        "uid": uid(&first), "controller": true, "blockOwnerDeletion": true,
                    }] },
                }),
            )
            .await;
    });
}

#[test]
fn replica_set_deletion() {
    compare("replica-set-deletion", async |client: &mut Client| {
        client.about(builtin::replica_sets());
        let first = client.create("create", replica_set("web")).await;
        client.settle("web").await;
        let right = Preconditions { uid: Some(uid(&first)), resource_version: None };
        client.delete("delete", "web", right).await;
        client.get("get", "web").await;
    });
}

#[test]
fn services() {
    compare("services", async |client: &mut Client| {
        client.about(builtin::services());
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": "web-stable" },
            "spec": { "selector": { "app": "web" }, "ports": [{ "name": "http", "port": 80, "targetPort": "http" }] },
        });
        let first = client.create("create, with defaults filled in", service.clone()).await;
        client
            .merge(
                "select a revision",
                "web-stable",
                None,
                // Not the annotation of a real one: controllers of tests beside this one would clean the Service up.
                json!({
                    "metadata": { "annotations": { "example.com/managed-by": "web" } },
                    "spec": { "selector": { "rollouts-pod-template-hash": "abc" } },
                }),
            )
            .await;
        client
            .merge(
                "the same again",
                "web-stable",
                None,
                json!({
                    "spec": { "selector": { "rollouts-pod-template-hash": "abc" } },
                }),
            )
            .await;
        client
            .merge(
                "with an old version",
                "web-stable",
                None,
                json!({
                    "metadata": { "resourceVersion": version(&first) },
                    "spec": { "selector": { "rollouts-pod-template-hash": "def" } },
                }),
            )
            .await;
        client
            .merge(
                "select all again",
                "web-stable",
                None,
                json!({
                    "spec": { "selector": { "rollouts-pod-template-hash": null } },
                }),
            )
            .await;
        let mut bad = service;
        bad["metadata"]["name"] = "1web".into();
        client.create("a bad name", bad).await;
    });
}

#[test]
fn events() {
    compare("events", async |client: &mut Client| {
        client.about(builtin::events());
        let namespace = client.namespace().to_owned();
        let event = |namespace: &str| {
            json!({
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": { "generateName": "web." },
                "involvedObject": { "kind": "Rollout", "name": "web", "namespace": namespace },
                "reason": "RolloutUpdated",
                "message": "Rollout updated to revision 2",
                "type": "Normal",
                "source": { "component": "rollouts-controller" },
                "firstTimestamp": "2026-01-01T00:00:00Z",
                "lastTimestamp": "2026-01-01T00:00:00Z",
                "count": 1,
            })
        };
        client.create("create", event(&namespace)).await;
        client.create("about an object elsewhere", event("elsewhere")).await;
    });
}

#[test]
fn leases() {
    compare("leases", async |client: &mut Client| {
        client.about(builtin::leases());
        client.get("get what is not there", "lock").await;
        let lease = |holder: &str| {
            json!({
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": { "name": "lock" },
                "spec": {
                    "holderIdentity": holder,
                    "leaseDurationSeconds": 15,
                    "leaseTransitions": 0,
                    "acquireTime": "2026-01-01T00:00:00.000000Z",
                    "renewTime": "2026-01-01T00:00:00.000000Z",
                },
            })
        };
        let first = client.create("create", lease("a")).await;
        client.create("create again", lease("b")).await;
        let mut renewed = first.clone();
        renewed["spec"]["renewTime"] = "2026-01-01T00:00:02.000000Z".into();
        let second = client.replace("renew", "lock", None, renewed.clone()).await;
        client.replace("renew with an old version", "lock", None, renewed).await;
        let mut released = second;
        released["spec"]["holderIdentity"] = "".into();
        released["spec"]["leaseDurationSeconds"] = 1.into();
        client.replace("give back", "lock", None, released).await;
        let mut bad = lease("a");
        bad["spec"]["leaseDurationSeconds"] = 0.into();
        bad["metadata"]["name"] = "bad".into();
        client.create("a duration of nothing", bad).await;
        client.replace("without a version", "lock", None, lease("c")).await;
    });
}
