//! Applying manifests to the in-memory cluster, as users do it.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::{Operation, Request, Resource, object};
use tidegate_cluster::{Cluster, ServeOptions};

use crate::scenario::ScenarioError;

/// Definitions of resources first, because what they define may be anywhere among the rest.
pub fn in_order(mut manifests: Vec<Value>) -> Vec<Value> {
    manifests.sort_by_key(|manifest| !is_definition(manifest));
    manifests
}

/// Makes an object; one that defines a resource has it served.
///
/// # Errors
/// When the API server refuses it.
pub fn apply(cluster: &mut Cluster, manifest: &Value) -> Result<Arc<Value>, ScenarioError> {
    if is_definition(manifest) {
        return match cluster.serve_definition(manifest) {
            Ok(()) => Ok(Arc::new(manifest.clone())),
            Err(error) => Err(ScenarioError::Refused {
                object: format!("CustomResourceDefinition {}", object::name(manifest)),
                message: error.to_string(),
            }),
        };
    }
    let resource = resource_of(cluster, manifest);
    create(cluster, &resource, manifest.clone())
}

/// The resource of a manifest; a kind that the cluster does not know is served from now on.
pub fn resource_of(cluster: &mut Cluster, manifest: &Value) -> Resource {
    let (api_version, kind) = (text(manifest, "apiVersion"), text(manifest, "kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if let Some(resource) = cluster.served(group, kind) {
        return resource.clone();
    }
    let resource = Resource::namespaced(group, version, kind, &format!("{}s", kind.to_lowercase()));
    cluster.serve(resource.clone(), ServeOptions::default());
    resource
}

/// Puts a namespaced object into `default` unless it says where it is.
pub fn put_namespace(manifest: &mut Value) {
    if let Some(Value::Object(metadata)) = manifest.get_mut("metadata") {
        metadata.entry("namespace").or_insert_with(|| json!("default"));
    }
}

fn create(
    cluster: &mut Cluster,
    resource: &Resource,
    mut manifest: Value,
) -> Result<Arc<Value>, ScenarioError> {
    if resource.namespaced {
        put_namespace(&mut manifest);
    }
    let key = object::key(resource, &manifest);
    let request = Request {
        resource: resource.clone(),
        namespace: resource.namespaced.then(|| key.namespace.to_string()),
        operation: Operation::Create { object: manifest.clone() },
    };
    match cluster.handle(&request) {
        // For example the namespace `default`, which every cluster has.
        Err(error) if error.is_already_exists() && &*key.kind == "Namespace" => Ok(Arc::new(manifest)),
        Err(error) => Err(ScenarioError::refused(&key, &error)),
        Ok(created) => Ok(created),
    }
}

fn is_definition(manifest: &Value) -> bool {
    text(manifest, "kind") == "CustomResourceDefinition"
}

fn text<'a>(manifest: &'a Value, field: &str) -> &'a str {
    manifest.get(field).and_then(Value::as_str).unwrap_or_default()
}
