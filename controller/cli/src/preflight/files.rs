//! Objects of files in the place of a cluster.

use std::path::PathBuf;

use serde_json::Value;
use tidegate_api::{ApiError, Resource, object};
use tidegate_handover::{Listing, Source};
use tidegate_shell::{WatchKey, guess_plural};

/// What the files have.
pub(super) struct Files(Vec<Value>);

impl Files {
    pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut objects = Vec::new();
        for path in paths {
            for file in crate::files::read(std::slice::from_ref(path))? {
                objects.extend(tidegate_simulate::manifests::parse(&file.name, &file.content)?);
            }
        }
        for object in &mut objects {
            complete(object);
        }
        Ok(Self(objects))
    }
}

/// What every object in a cluster has.
fn complete(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for (field, value) in [("namespace", "default"), ("resourceVersion", "1")] {
        metadata.entry(field).or_insert_with(|| value.into());
    }
}

impl Source for Files {
    fn list(&mut self, watch: &WatchKey) -> Result<Option<Listing>, ApiError> {
        let group_and_version = |object: &Value| {
            let text = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
            let (group, version) = text.split_once('/').unwrap_or(("", text));
            (group.to_owned(), version.to_owned())
        };
        let is_of_kind = |object: &&Value| {
            object.get("kind").and_then(Value::as_str) == Some(&watch.kind)
                && group_and_version(object).0 == *watch.group
        };
        let version = self.0.iter().find(is_of_kind).map(|object| group_and_version(object).1);
        let version = version.or_else(|| watch.versions.first().map(ToString::to_string));
        let resource = Resource::namespaced(
            &watch.group,
            version.as_deref().unwrap_or("v1"),
            &watch.kind,
            &guess_plural(&watch.kind),
        );
        let is_meant = |object: &&Value| {
            watch.namespace.as_deref().is_none_or(|namespace| namespace == object::namespace(object))
                && watch.name.as_deref().is_none_or(|name| name == object::name(object))
        };
        let objects = self.0.iter().filter(is_of_kind).filter(is_meant).cloned().collect();
        Ok(Some(Listing { resource, objects }))
    }
}
