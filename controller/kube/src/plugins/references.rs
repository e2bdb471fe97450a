//! Reads Secrets and ConfigMaps that a plugin's source refers to: by their names, never as lists.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tidegate_api::{ApiError, Operation, Request, Resource};
use tidegate_artifact::{LoadError, LoadReason, Stage};
use tidegate_plugins::{KeyKind, KeyRef};

use crate::api::Api;

/// The bytes of one key.
pub(super) async fn key(api: &Api, reference: &KeyRef) -> Result<Vec<u8>, LoadError> {
    let KeyRef { kind, namespace, name, key } = reference;
    let (object, fields): (Value, &[(&str, bool)]) = match kind {
        KeyKind::Secret => (get(api, &secrets(), namespace, name).await?, &[("data", true)]),
        KeyKind::ConfigMap => {
            (config_map(api, namespace, name).await?, &[("data", false), ("binaryData", true)])
        }
    };
    let text = |field: &str| object.get(field)?.get(key)?.as_str();
    let found = fields.iter().find_map(|(field, encoded)| Some((text(field)?, *encoded)));
    let bytes = match found {
        Some((text, false)) => Some(text.as_bytes().to_vec()),
        Some((text, true)) => STANDARD.decode(text).ok(),
        None => None,
    };
    bytes.ok_or_else(|| {
        LoadError::new(
            Stage::Read,
            LoadReason::Unreachable,
            format!("{} {namespace}/{name} has no key {key:?} that can be read", kind_of(*kind)),
            "add the key, or name another one",
        )
    })
}

/// All keys of a Secret.
pub(super) async fn secret(
    api: &Api,
    namespace: &str,
    name: &str,
) -> Result<BTreeMap<String, Vec<u8>>, LoadError> {
    let object = get(api, &secrets(), namespace, name).await?;
    let data = object.get("data").and_then(Value::as_object).into_iter().flatten();
    let decoded = data.filter_map(|(key, text)| Some((key.clone(), STANDARD.decode(text.as_str()?).ok()?)));
    Ok(decoded.collect())
}

/// A ConfigMap.
pub(super) async fn config_map(api: &Api, namespace: &str, name: &str) -> Result<Value, LoadError> {
    get(api, &config_maps(), namespace, name).await
}

pub(super) fn config_maps() -> Resource {
    Resource::namespaced("", "v1", "ConfigMap", "configmaps")
}

fn secrets() -> Resource {
    Resource::namespaced("", "v1", "Secret", "secrets")
}

const fn kind_of(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Secret => "Secret",
        KeyKind::ConfigMap => "ConfigMap",
    }
}

async fn get(api: &Api, resource: &Resource, namespace: &str, name: &str) -> Result<Value, LoadError> {
    let request = Request {
        resource: resource.clone(),
        namespace: Some(namespace.to_owned()),
        operation: Operation::Get { name: name.to_owned() },
    };
    api.send(&request).await.map_err(|error| explain(&error, resource, namespace, name))
}

/// Why something that is named could not be read.
pub(super) fn explain(error: &ApiError, resource: &Resource, namespace: &str, name: &str) -> LoadError {
    let what = format!("{} {namespace}/{name}", resource.kind);
    if error.is_not_found() {
        return LoadError::new(
            Stage::Read,
            LoadReason::Unreachable,
            format!("{what} does not exist"),
            "make it, or correct its name and namespace",
        );
    }
    if error.is_missing_right() {
        return LoadError::new(
            Stage::Read,
            LoadReason::Forbidden,
            format!("{what} may not be read by the controller"),
            format!(
                "add to the rules of a Role in namespace {namespace}, bound to the controller's service account:\n- \
                 apiGroups: [\"{}\"]\n  resources: [\"{}\"]\n  resourceNames: [\"{name}\"]\n  verbs: [\"get\"]",
                resource.group, resource.plural
            ),
        );
    }
    let mut explained = LoadError::new(
        Stage::Read,
        LoadReason::HostFault,
        format!("{what} could not be read: {error}"),
        "not the plugin's fault: see what is wrong with the API server",
    );
    explained.retry_after = error.retry_after.map(|seconds| std::time::Duration::from_secs(seconds.into()));
    explained
}
