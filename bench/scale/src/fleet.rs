//! A cluster at rest with very many Rollouts. A controller brings those of one namespace to where they are after two updates,
//! with three ReplicaSets each; the others are copies, as if it had done the same for each of them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Preconditions, Request, Resource, builtin, object};
use tidegate_cluster::Cluster;
use tidegate_server::Handle;

use crate::manifests;

/// Rollouts in one namespace.
pub(crate) const APPS: usize = 20;
/// The namespace that is copied.
pub(crate) const FIRST: &str = "team-0";

/// The kind of the routes.
pub(crate) fn routes() -> Resource {
    Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
}

/// The name of an app.
pub(crate) fn app(number: usize) -> String {
    format!("app-{number}")
}

fn send(cluster: &mut Cluster, resource: &Resource, namespace: &str, operation: Operation) -> Result<Value> {
    let request = Request { resource: resource.clone(), namespace: Some(namespace.to_owned()), operation };
    let answer = cluster.handle(&request);
    let answer = answer.with_context(|| format!("writing {} in {namespace}", resource.kind))?;
    Ok(answer.as_ref().clone())
}

fn resource_of(cluster: &Cluster, object: &Value) -> Result<Resource> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    cluster.served(group, text("kind")).cloned().with_context(|| format!("{} is not served", text("kind")))
}

/// The definition of `RouterPlugin` resources: without it, the controller would look now and then whether it has come.
const ROUTER_PLUGINS: &str = include_str!("../../../deploy/helm/tidegate/crds/routerplugins.yaml");

/// Makes the apps of the first namespace.
pub(crate) fn make_first(cluster: &mut Cluster) -> Result<()> {
    let definition: Value = serde_yaml_ng::from_str(ROUTER_PLUGINS)?;
    cluster.serve_definition(&definition).map_err(|error| anyhow::anyhow!("RouterPlugin: {error}"))?;
    for number in 0..APPS {
        for object in manifests::app(&app(number)) {
            let resource = resource_of(cluster, &object)?;
            send(cluster, &resource, FIRST, Operation::Create { object })?;
        }
    }
    Ok(())
}

/// Begins an update of an app.
pub(crate) fn update(cluster: &mut Cluster, namespace: &str, number: usize, version: u32) -> Result<()> {
    let name = app(number);
    let containers = manifests::containers(&name, version);
    let change = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    let operation = Operation::Patch { name, subresource: None, body: Body::Merge(change) };
    send(cluster, &builtin::rollouts(), namespace, operation).map(drop)
}

/// Whether an app is healthy, and nothing of it is left to be done.
pub(crate) fn is_healthy(cluster: &Cluster, namespace: &str, number: usize) -> bool {
    let Some(rollout) = cluster.object(&builtin::rollouts(), namespace, &app(number)) else { return false };
    let generation = object::generation(rollout).map(|generation| generation.to_string());
    let text = |pointer: &str| rollout.pointer(pointer).and_then(Value::as_str);
    text("/status/phase") == Some("Healthy")
        && text("/status/observedGeneration") == generation.as_deref()
        && text("/status/stableRS") == text("/status/currentPodHash")
}

/// Copies the first namespace to another. Time has to pass until the copy is at rest.
pub(crate) fn copy(handle: &Handle, namespace: &str) -> Result<()> {
    let kinds = [builtin::services(), routes(), builtin::rollouts(), builtin::replica_sets()];
    handle.with(|cluster| {
        let all = |kind: &Resource| {
            cluster.objects(kind, Some(FIRST)).map(|object| object.as_ref().clone()).collect::<Vec<_>>()
        };
        let originals: Vec<_> = kinds.iter().map(|kind| (kind.clone(), all(kind))).collect();
        copy_one(cluster, &originals, namespace)
    })
}

/// Checks that it is what is to be measured.
pub(crate) fn check(cluster: &Cluster, namespaces: usize) -> Result<()> {
    let rollouts = namespaces * APPS;
    for (kind, expected) in
        [(builtin::rollouts(), 1), (builtin::replica_sets(), 3), (builtin::services(), 2), (routes(), 1)]
    {
        let count = cluster.objects(&kind, None).count();
        anyhow::ensure!(
            count == expected * rollouts,
            "there are {count} {} for {rollouts} Rollouts",
            kind.plural
        );
    }
    Ok(())
}

fn copy_one(cluster: &mut Cluster, originals: &[(Resource, Vec<Value>)], namespace: &str) -> Result<()> {
    let mut uids: BTreeMap<String, String> = BTreeMap::new();
    for (resource, objects) in originals {
        for original in objects {
            let made = copy_object(cluster, resource, original, namespace, &uids)?;
            uids.insert(object::uid(original).to_owned(), object::uid(&made).to_owned());
        }
    }
    Ok(())
}

fn copy_object(
    cluster: &mut Cluster,
    resource: &Resource,
    original: &Value,
    namespace: &str,
    uids: &BTreeMap<String, String>,
) -> Result<Value> {
    let mut new = original.clone();
    let name = object::name(original).to_owned();
    if let Some(metadata) = new.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata
            .retain(|key, _| matches!(key.as_str(), "name" | "labels" | "annotations" | "ownerReferences"));
        for owner in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
            let uid = owner.get("uid").and_then(Value::as_str).and_then(|uid| uids.get(uid));
            let uid = uid.with_context(|| format!("the owner of {name} is not copied"))?;
            if let Some(owner) = owner.as_object_mut() {
                owner.insert("uid".into(), uid.as_str().into());
            }
        }
    }
    if let Some(spec) = new.get_mut("spec").and_then(Value::as_object_mut) {
        spec.retain(|key, _| !matches!(key.as_str(), "clusterIP" | "clusterIPs"));
    }
    let made = send(cluster, resource, namespace, Operation::Create { object: new })?;
    if *resource.kind != *"Rollout" {
        // The controllers of the cluster say how the others are.
        return Ok(made);
    }
    // It was observed at a generation that the copy does not have yet.
    let mut status = original.get("status").cloned().unwrap_or_default();
    if let Some(status) = status.as_object_mut() {
        let generation = object::generation(&made).unwrap_or(1).to_string();
        status.insert("observedGeneration".into(), generation.into());
    }
    let body = Body::Merge(json!({"status": status}));
    let operation = Operation::Patch { name, subresource: Some("status".into()), body };
    send(cluster, resource, namespace, operation)
}

/// Whether nothing is about to happen by itself.
pub(crate) fn is_at_rest(cluster: &Cluster) -> bool {
    let soon = cluster.now().checked_add(SignedDuration::from_mins(1)).unwrap_or(cluster.now());
    cluster.next_event_at().is_none_or(|at| at > soon)
}

/// Nobody has held any lease.
pub(crate) fn forget_leases(cluster: &mut Cluster) -> Result<()> {
    let kind = builtin::leases();
    let key =
        |lease: &std::sync::Arc<Value>| (object::namespace(lease).to_owned(), object::name(lease).to_owned());
    let leases: Vec<_> = cluster.objects(&kind, None).map(key).collect();
    for (namespace, name) in leases {
        send(
            cluster,
            &kind,
            &namespace,
            Operation::Delete { name, preconditions: Preconditions::default() },
        )?;
    }
    Ok(())
}
