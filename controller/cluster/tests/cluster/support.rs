//! Short forms of requests and manifests.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, Operation, Preconditions, Request, Resource, builtin};
use tidegate_cluster::{Cluster, Settings};

pub(crate) const NAMESPACE: &str = "default";

pub(crate) type Answer = Result<Arc<Value>, ApiError>;

pub(crate) fn cluster() -> Cluster {
    Cluster::new(Settings::default())
}

pub(crate) fn routes() -> Resource {
    Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
}

pub(crate) fn config_maps() -> Resource {
    Resource::namespaced("", "v1", "ConfigMap", "configmaps")
}

pub(crate) fn namespaces() -> Resource {
    Resource::cluster_scoped("", "v1", "Namespace", "namespaces")
}

pub(crate) fn analysis_runs() -> Resource {
    Resource::namespaced("argoproj.io", "v1alpha1", "AnalysisRun", "analysisruns")
}

fn send(cluster: &mut Cluster, resource: &Resource, operation: Operation) -> Answer {
    let namespace = resource.namespaced.then(|| NAMESPACE.to_owned());
    cluster.handle(&Request { resource: resource.clone(), namespace, operation })
}

pub(crate) fn create(cluster: &mut Cluster, resource: &Resource, object: Value) -> Answer {
    send(cluster, resource, Operation::Create { object })
}

pub(crate) fn get(cluster: &mut Cluster, resource: &Resource, name: &str) -> Answer {
    send(cluster, resource, Operation::Get { name: name.into() })
}

pub(crate) fn replace(
    cluster: &mut Cluster,
    resource: &Resource,
    part: Option<&str>,
    object: Value,
) -> Answer {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    send(cluster, resource, Operation::Replace { name, subresource: part.map(Into::into), object })
}

pub(crate) fn merge(
    cluster: &mut Cluster,
    resource: &Resource,
    name: &str,
    part: Option<&str>,
    patch: Value,
) -> Answer {
    let (name, subresource) = (name.into(), part.map(Into::into));
    send(cluster, resource, Operation::Patch { name, subresource, body: Body::Merge(patch) })
}

pub(crate) fn json_patch(cluster: &mut Cluster, resource: &Resource, name: &str, patch: Value) -> Answer {
    send(
        cluster,
        resource,
        Operation::Patch { name: name.into(), subresource: None, body: Body::Json(patch) },
    )
}

pub(crate) fn delete(cluster: &mut Cluster, resource: &Resource, name: &str) -> Answer {
    let preconditions = Preconditions::default();
    send(cluster, resource, Operation::Delete { name: name.into(), preconditions })
}

pub(crate) fn delete_if(
    cluster: &mut Cluster,
    resource: &Resource,
    name: &str,
    preconditions: Preconditions,
) -> Answer {
    send(cluster, resource, Operation::Delete { name: name.into(), preconditions })
}

/// The names of the objects that a label selector selects.
pub(crate) fn names(
    cluster: &mut Cluster,
    resource: &Resource,
    labels: Option<&str>,
) -> Result<Vec<String>, ApiError> {
    let list = send(cluster, resource, Operation::List { labels: labels.map(Into::into) })?;
    let items = list["items"].as_array().unwrap();
    Ok(items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect())
}

pub(crate) fn refused(answer: Answer, code: u16, reason: &str) -> ApiError {
    let error = answer.expect_err("it should have been refused");
    assert_eq!((error.code, error.reason.as_str()), (code, reason), "{error:?}");
    error
}

pub(crate) fn pass(cluster: &mut Cluster, milliseconds: i64) {
    let to = cluster.now() + SignedDuration::from_millis(milliseconds);
    cluster.advance(to);
}

/// Lets time pass until nothing more happens by itself.
pub(crate) fn settle(cluster: &mut Cluster) {
    for _ in 0..10_000 {
        let Some(next) = cluster.next_event_at() else { return };
        cluster.advance(next);
    }
    panic!("it never settles");
}

pub(crate) fn replica_set(name: &str, replicas: u64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web", "rollouts-pod-template-hash": name}},
            "template": {
                "metadata": {"labels": {"app": "web", "rollouts-pod-template-hash": name}},
                "spec": {"containers": [{"name": "web", "image": format!("web:{name}")}]},
            },
        },
    })
}

pub(crate) fn service(name: &str, selector: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"selector": selector, "ports": [{"port": 80}]},
    })
}

pub(crate) fn rollout(name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": []}},
            "strategy": {"canary": {"steps": [{"setWeight": 20}]}},
        },
    })
}

/// A route with one rule, one parent `edge`, and these weights.
pub(crate) fn route(name: &str, weights: &[(&str, i64)]) -> Value {
    let backends: Vec<Value> =
        weights.iter().map(|(name, weight)| json!({"name": name, "port": 80, "weight": weight})).collect();
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": backends}]},
    })
}

pub(crate) fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

/// An owner reference to an object.
pub(crate) fn owned_by(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"],
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
    })
}

/// The pods, running or not.
pub(crate) fn pods(cluster: &Cluster) -> Vec<Arc<Value>> {
    cluster.objects(&builtin::pods(), Some(NAMESPACE)).cloned().collect()
}
