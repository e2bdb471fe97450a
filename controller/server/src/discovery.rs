//! Which groups, versions and kinds are served.

use serde_json::{Value, json};
use tidegate_api::{ApiError, Resource};
use tidegate_cluster::Cluster;

use crate::answer::{no_such_page, not_served};

/// What can be done with every kind here.
const VERBS: [&str; 7] = ["create", "delete", "get", "list", "patch", "update", "watch"];
/// And with subresources.
const PART_VERBS: [&str; 3] = ["get", "patch", "update"];

/// `/version`.
pub(crate) fn version() -> Value {
    json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0", "platform": "in memory"})
}

/// `/api`.
pub(crate) fn core_versions() -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
}

/// `/apis`.
pub(crate) fn groups(cluster: &Cluster) -> Value {
    let mut names: Vec<&str> = Vec::new();
    for resource in cluster.resources().filter(|resource| !resource.group.is_empty()) {
        if !names.contains(&&*resource.group) {
            names.push(&resource.group);
        }
    }
    let groups: Vec<Value> = names.into_iter().filter_map(|name| describe(cluster, name)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`.
pub(crate) fn group(cluster: &Cluster, name: &str) -> Result<Value, ApiError> {
    let mut group = describe(cluster, name).ok_or_else(no_such_page)?;
    if let Some(fields) = group.as_object_mut() {
        fields.insert("kind".into(), "APIGroup".into());
        fields.insert("apiVersion".into(), "v1".into());
    }
    Ok(group)
}

fn describe(cluster: &Cluster, name: &str) -> Option<Value> {
    let mut versions: Vec<&str> = Vec::new();
    for resource in cluster.resources().filter(|resource| *resource.group == *name) {
        if !versions.contains(&&*resource.version) {
            versions.push(&resource.version);
        }
    }
    // A server prefers what is most stable: `v1` before `v1beta1` before `v1alpha1`.
    versions.sort_by_key(|version| std::cmp::Reverse(stability(version)));
    let entry = |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let preferred = versions.first().map(entry)?;
    let versions: Vec<Value> = versions.iter().map(entry).collect();
    Some(json!({"name": name, "versions": versions, "preferredVersion": preferred}))
}

/// How stable a version is, and then how new.
fn stability(version: &str) -> (u8, u32, u32) {
    let rest = version.strip_prefix('v').unwrap_or(version);
    let (level, major, minor) = if let Some((major, minor)) = rest.split_once("beta") {
        (1, major, minor)
    } else if let Some((major, minor)) = rest.split_once("alpha") {
        (0, major, minor)
    } else {
        (2, rest, "")
    };
    (level, major.parse().unwrap_or_default(), minor.parse().unwrap_or_default())
}

/// `/api/VERSION` and `/apis/GROUP/VERSION`.
pub(crate) fn resources(cluster: &Cluster, group: &str, version: &str) -> Result<Value, ApiError> {
    let mut resources = Vec::new();
    for resource in cluster.resources() {
        if *resource.group == *group && *resource.version == *version {
            list_kind(cluster, resource, &mut resources);
        }
    }
    if resources.is_empty() {
        return Err(if group.is_empty() { not_served() } else { no_such_page() });
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let mut list = json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": resources});
    if let Some(fields) = list.as_object_mut().filter(|_| !group.is_empty()) {
        fields.insert("apiVersion".into(), "v1".into());
    }
    Ok(list)
}

fn list_kind(cluster: &Cluster, resource: &Resource, list: &mut Vec<Value>) {
    let Resource { kind, plural, namespaced, .. } = resource;
    let singular = kind.to_lowercase();
    let (kind, plural) = (kind.as_ref(), plural.as_ref());
    list.push(json!({
        "name": plural, "singularName": singular, "namespaced": namespaced, "kind": kind, "verbs": VERBS,
    }));
    let Some(served) = cluster.served_as(resource) else { return };
    if served.status {
        list.push(json!({
            "name": format!("{plural}/status"), "singularName": "", "namespaced": namespaced, "kind": kind,
            "verbs": PART_VERBS,
        }));
    }
    if served.scale {
        list.push(json!({
            "name": format!("{plural}/scale"), "singularName": "", "namespaced": namespaced,
            "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": PART_VERBS,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_versions_come_first() {
        let mut versions = ["v1alpha1", "v1beta2", "v2", "v1beta1", "v1"];
        versions.sort_by_key(|version| std::cmp::Reverse(stability(version)));
        assert_eq!(versions, ["v2", "v1", "v1beta2", "v1beta1", "v1alpha1"]);
    }
}
