//! At which version, and under which name in URLs, a kind is served.

use serde_json::Value;
use tidegate_api::{ApiError, Resource};
use tidegate_shell::{Unwatchable, WatchKey};

use crate::api::Api;

/// What the API server says about a kind.
pub(crate) enum Discovery {
    /// It is served, and can be listed and watched.
    Served(Resource),
    /// It is not, or not so.
    Unwatchable(Unwatchable),
}

/// Asks the discovery API. Versions that the key names are tried in its order; without any, the server's
/// preferred version comes first. A kind that is served only at versions which the key does not name is not
/// served, as far as the asker is concerned: it would not understand the objects.
pub(crate) async fn discover(api: &Api, key: &WatchKey) -> Result<Discovery, ApiError> {
    let not_served = Ok(Discovery::Unwatchable(Unwatchable::NotServed));
    let served = if key.group.is_empty() {
        vec!["v1".to_owned()]
    } else {
        match api.get(&format!("/apis/{}", key.group)).await {
            Ok(group) => served_versions(&group),
            Err(error) if error.is_not_found() => return not_served,
            Err(error) => return refused(error),
        }
    };
    for version in candidates(&key.versions, served) {
        let path = if key.group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{}/{version}", key.group)
        };
        match api.get(&path).await {
            Ok(resources) => {
                if let Some(found) = find_kind(&resources, key, &version) {
                    return Ok(found);
                }
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return refused(error),
        }
    }
    not_served
}

fn refused(error: ApiError) -> Result<Discovery, ApiError> {
    if error.code == 403 {
        Ok(Discovery::Unwatchable(Unwatchable::Forbidden { message: error.message }))
    } else {
        Err(error)
    }
}

/// From an `APIGroup`: its versions, the preferred one first.
fn served_versions(group: &Value) -> Vec<String> {
    let version = |entry: &Value| entry.get("version").and_then(Value::as_str).map(str::to_owned);
    let preferred = group.get("preferredVersion").and_then(version);
    let all = group.get("versions").and_then(Value::as_array).into_iter().flatten().filter_map(version);
    let mut versions: Vec<String> = preferred.iter().cloned().collect();
    versions.extend(all.filter(|version| Some(version) != preferred.as_ref()));
    versions
}

fn candidates<T: AsRef<str>>(wanted: &[T], served: Vec<String>) -> Vec<String> {
    if wanted.is_empty() {
        return served;
    }
    wanted
        .iter()
        .map(|version| version.as_ref().to_owned())
        .filter(|version| served.contains(version))
        .collect()
}

/// From an `APIResourceList`: the kind itself, not its subresources.
fn find_kind(resources: &Value, key: &WatchKey, version: &str) -> Option<Discovery> {
    let text =
        |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let entry = resources
        .get("resources")?
        .as_array()?
        .iter()
        .find(|entry| text(entry, "kind") == key.kind.as_ref() && !text(entry, "name").contains('/'))?;
    let verbs: Vec<&str> = entry.get("verbs")?.as_array()?.iter().filter_map(Value::as_str).collect();
    if !(verbs.contains(&"list") && verbs.contains(&"watch")) {
        let message = format!("the API server offers no list and watch of {}", key.kind);
        return Some(Discovery::Unwatchable(Unwatchable::Forbidden { message }));
    }
    Some(Discovery::Served(Resource {
        group: key.group.clone(),
        version: version.into(),
        kind: key.kind.clone(),
        plural: text(entry, "name").into(),
        namespaced: entry.get("namespaced").and_then(Value::as_bool).unwrap_or(true),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(versions: &[&str]) -> WatchKey {
        WatchKey {
            group: "gateway.networking.k8s.io".into(),
            kind: "HTTPRoute".into(),
            versions: versions.iter().map(|version| (*version).into()).collect(),
            namespace: None,
            name: None,
        }
    }

    #[test]
    fn versions_are_tried_as_wanted_else_as_the_server_prefers() {
        let group = json!({
            "preferredVersion": { "version": "v1" },
            "versions": [{ "version": "v1beta1" }, { "version": "v1" }],
        });
        let served = served_versions(&group);
        assert_eq!(served, ["v1", "v1beta1"]);
        assert_eq!(candidates(&key(&[]).versions, served.clone()), ["v1", "v1beta1"]);
        assert_eq!(candidates(&key(&["v1beta1", "v1"]).versions, served.clone()), ["v1beta1", "v1"]);
        assert_eq!(candidates(&key(&["v2", "v1"]).versions, served.clone()), ["v1"]);
        assert!(candidates(&key(&["v2"]).versions, served).is_empty());
    }

    #[test]
    fn the_kind_is_found_and_its_subresources_are_not() {
        let verbs = json!(["get", "list", "watch"]);
        let resources = json!({ "resources": [
            { "name": "httproutes/status", "kind": "HTTPRoute", "namespaced": true, "verbs": ["get"] },
            { "name": "httproutes", "kind": "HTTPRoute", "namespaced": true, "verbs": verbs },
            { "name": "gatewayclasses", "kind": "GatewayClass", "namespaced": false, "verbs": verbs },
        ]});
        let Some(Discovery::Served(resource)) = find_kind(&resources, &key(&[]), "v1") else { panic!() };
        assert_eq!(
            resource,
            Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
        );
        let other = WatchKey { kind: "GatewayClass".into(), ..key(&[]) };
        let Some(Discovery::Served(resource)) = find_kind(&resources, &other, "v1") else { panic!() };
        assert!(!resource.namespaced);
        assert!(find_kind(&resources, &WatchKey { kind: "Other".into(), ..key(&[]) }, "v1").is_none());
    }

    #[test]
    fn a_kind_that_cannot_be_watched_says_so() {
        let resources = json!({ "resources": [
            { "name": "httproutes", "kind": "HTTPRoute", "namespaced": true, "verbs": ["create"] },
        ]});
        assert!(matches!(
            find_kind(&resources, &key(&[]), "v1"),
            Some(Discovery::Unwatchable(Unwatchable::Forbidden { .. }))
        ));
    }
}
