//! What becomes of each Rollout after its first revision: later versions among the manifests, new images, or an
//! annotation on the pod template.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tidegate_api::{ObjectKey, builtin, object};

use crate::objects::put_namespace;
use crate::scenario::ScenarioError;

/// The annotation on the pod template that makes a new revision when nothing else was asked for.
const DEFAULT_CHANGE: &str = "tidegate.dev/simulated-revision";

/// The lists of containers in a pod template.
const CONTAINERS: [&str; 2] = ["containers", "initContainers"];

/// The versions of each Rollout, in the order of the manifests. There is at least one of each.
pub type Versions = BTreeMap<ObjectKey, Vec<Value>>;

/// What a user does to a Rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// In words.
    pub what: String,
    /// The merge patch.
    pub patch: Value,
    /// Whether it waits for the Rollout to be Healthy. What is not among the manifests makes sense only then.
    pub needs_health: bool,
}

/// Splits the Rollouts, by name, from everything else; a Rollout without a namespace is in `default`.
pub fn partition(objects: Vec<Value>) -> (Versions, Vec<Value>) {
    let mut versions = Versions::new();
    let mut others = Vec::new();
    for mut one in objects {
        let text = |field: &str| one.get(field).and_then(Value::as_str).unwrap_or_default();
        let is_rollout = text("kind") == "Rollout" && text("apiVersion").starts_with("argoproj.io/");
        if is_rollout {
            put_namespace(&mut one);
            versions.entry(object::key(&builtin::rollouts(), &one)).or_default().push(one);
        } else {
            others.push(one);
        }
    }
    (versions, others)
}

/// What makes the later revisions of each Rollout, in order.
pub fn changes(versions: &Versions, images: &BTreeMap<String, String>) -> BTreeMap<ObjectKey, Vec<Change>> {
    versions.iter().map(|(key, versions)| (key.clone(), changes_of(versions, images))).collect()
}

fn changes_of(versions: &[Value], images: &BTreeMap<String, String>) -> Vec<Change> {
    let mut changes: Vec<Change> = versions
        .windows(2)
        .enumerate()
        .filter_map(|(index, pair)| match pair {
            [old, new] => Some(Change {
                what: format!("version {} of the manifest is applied", index + 2),
                patch: version_patch(old, new),
                needs_health: false,
            }),
            _ => None,
        })
        .collect();
    if let Some((names, patch)) = versions.last().and_then(|last| image_patch(last, images)) {
        changes.push(Change { what: format!("new image: {names}"), patch, needs_health: true });
    } else if changes.is_empty() && images.is_empty() {
        changes.push(Change {
            what: "a new annotation on the pod template starts the canary".to_owned(),
            patch: json!({"spec": {"template": {"metadata": {"annotations": {DEFAULT_CHANGE: "2"}}}}}),
            needs_health: true,
        });
    }
    changes
}

/// The merge patch from one version of a Rollout to the next: its spec, labels and annotations.
fn version_patch(old: &Value, new: &Value) -> Value {
    let metadata: Map<String, Value> = ["labels", "annotations"]
        .into_iter()
        .map(|field| {
            let of =
                |version: &Value| version.get("metadata").and_then(|metadata| metadata.get(field)).cloned();
            let (old, new) = (of(old), of(new).unwrap_or_else(|| json!({})));
            (field.to_owned(), difference(old.as_ref(), Some(&new)))
        })
        .collect();
    json!({"metadata": metadata, "spec": difference(old.get("spec"), new.get("spec"))})
}

/// The merge patch from one value to another: what is gone becomes null.
pub fn difference(old: Option<&Value>, new: Option<&Value>) -> Value {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null));
            let kept = new
                .iter()
                .filter(|(key, value)| old.get(*key) != Some(value))
                .map(|(key, value)| (key.clone(), difference(old.get(key), Some(value))));
            gone.chain(kept).collect()
        }
        (_, new) => new.cloned().unwrap_or_default(),
    }
}

/// The merge patch that puts the images in, with what it does in words, if the Rollout has such containers.
pub fn image_patch(rollout: &Value, images: &BTreeMap<String, String>) -> Option<(String, Value)> {
    let mut changed = Vec::new();
    let mut pod = Map::new();
    for list in CONTAINERS {
        let mut containers = containers(rollout, list).cloned().collect::<Vec<_>>();
        let before = changed.len();
        for container in &mut containers {
            let name = name(container).to_owned();
            if let (Some(image), Value::Object(fields)) = (images.get(&name), container) {
                fields.insert("image".to_owned(), json!(image));
                changed.push(format!("{name}={image}"));
            }
        }
        if changed.len() > before {
            pod.insert(list.to_owned(), Value::Array(containers));
        }
    }
    (!changed.is_empty()).then(|| (changed.join(", "), json!({"spec": {"template": {"spec": pod}}})))
}

/// That each image is for a container that some Rollout has.
///
/// # Errors
/// When one is not.
pub fn check_images(versions: &Versions, images: &BTreeMap<String, String>) -> Result<(), ScenarioError> {
    let mut known: Vec<&str> = versions
        .values()
        .filter_map(|versions| versions.last())
        .flat_map(|rollout| CONTAINERS.into_iter().flat_map(|list| containers(rollout, list)))
        .map(name)
        .collect();
    known.sort_unstable();
    known.dedup();
    match images.keys().find(|container| !known.contains(&container.as_str())) {
        None => Ok(()),
        Some(container) => {
            Err(ScenarioError::UnknownContainer { container: container.clone(), known: known.join(", ") })
        }
    }
}

fn containers<'a>(rollout: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    let pod = rollout.pointer("/spec/template/spec");
    pod.and_then(|pod| pod.get(list)).and_then(Value::as_array).into_iter().flatten()
}

fn name(container: &Value) -> &str {
    container.get("name").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(name: &str, image: &str) -> Value {
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
               "spec": {"replicas": 3, "template": {"spec": {
                   "containers": [{"name": "web", "image": image}, {"name": "proxy", "image": "p"}],
                   "initContainers": [{"name": "migrate", "image": "m"}]}}}})
    }

    fn images(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, image)| ((*name).to_owned(), (*image).to_owned())).collect()
    }

    fn only(objects: Vec<Value>, pairs: &[(&str, &str)]) -> Vec<Change> {
        let (versions, _) = partition(objects);
        changes(&versions, &images(pairs)).into_values().next().unwrap()
    }

    /// A merge patch as RFC 7396 says.
    fn merge(target: &mut Value, patch: &Value) {
        let Value::Object(fields) = patch else { return *target = patch.clone() };
        if !target.is_object() {
            *target = json!({});
        }
        for (key, value) in fields {
            if value.is_null() {
                target.as_object_mut().unwrap().remove(key);
            } else {
                merge(&mut target[key], value);
            }
        }
    }

    #[test]
    fn without_a_wish_the_pod_template_gets_an_annotation() {
        let changes = only(vec![rollout("a", "v1")], &[]);
        assert_eq!(changes.len(), 1);
        assert!(changes[0].patch.pointer("/spec/template/metadata/annotations").is_some());
        assert!(changes[0].needs_health);
    }

    #[test]
    fn a_later_version_is_what_the_patch_makes() {
        let mut first = rollout("a", "v1");
        let mut second = rollout("a", "v2");
        first["spec"]["paused"] = json!(true);
        first["metadata"]["labels"] = json!({"old": "1", "kept": "1"});
        second["metadata"]["labels"] = json!({"kept": "1", "new": "1"});
        second["spec"]["replicas"] = json!(5);
        let changes = only(vec![first.clone(), second.clone()], &[]);
        assert_eq!(changes.len(), 1, "and no annotation after it");
        merge(&mut first, &changes[0].patch);
        for pointer in ["/spec", "/metadata/labels"] {
            assert_eq!(first.pointer(pointer), second.pointer(pointer));
        }
    }

    #[test]
    fn images_come_after_all_versions_and_leave_the_other_containers() {
        let changes = only(vec![rollout("a", "v1"), rollout("a", "v2")], &[("web", "v3"), ("migrate", "m2")]);
        assert_eq!(changes.len(), 2);
        let mut last = rollout("a", "v2");
        merge(&mut last, &changes[1].patch);
        let mut expected = rollout("a", "v3");
        expected["spec"]["template"]["spec"]["initContainers"][0]["image"] = json!("m2");
        assert_eq!(last, expected);
    }

    #[test]
    fn a_rollout_without_the_container_stays_as_it_is() {
        let mut other = rollout("b", "v1");
        other["spec"]["template"]["spec"] = json!({"containers": [{"name": "worker", "image": "w"}]});
        let (versions, _) = partition(vec![rollout("a", "v1"), other]);
        let counts: Vec<usize> =
            changes(&versions, &images(&[("web", "v2")])).values().map(Vec::len).collect();
        assert_eq!(counts, [1, 0]);
    }

    #[test]
    fn an_image_needs_a_container() {
        let (versions, _) = partition(vec![rollout("a", "v1")]);
        assert_eq!(check_images(&versions, &images(&[("proxy", "x")])), Ok(()));
        let error = check_images(&versions, &images(&[("wbe", "x")])).unwrap_err();
        assert_eq!(error.reason(), "UnknownContainer");
        for name in ["wbe", "web", "proxy", "migrate"] {
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn the_same_rollout_is_one_with_or_without_its_namespace() {
        let mut second = rollout("a", "v2");
        second["metadata"]["namespace"] = json!("default");
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}});
        let knative = json!({"apiVersion": "example.com/v1", "kind": "Rollout", "metadata": {"name": "a"}});
        let (versions, others) =
            partition(vec![rollout("a", "v1"), service.clone(), second, knative.clone()]);
        assert_eq!(versions.values().map(Vec::len).collect::<Vec<_>>(), [2]);
        assert_eq!(others, [service, knative]);
    }
}
