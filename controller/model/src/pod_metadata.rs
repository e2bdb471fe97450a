//! Ephemeral metadata: labels and annotations that pods have because of the role of their ReplicaSet (`canaryMetadata`,
//! `stableMetadata`), and that no template knows.
//!
//! A ReplicaSet remembers in an annotation what was put into its template, so that this can be told from what its Rollout's template
//! says, and taken away when the role changes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tidegate_api::object;

use crate::names::EPHEMERAL_METADATA_ANNOTATION;

/// Labels and annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodMetadata {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// What was put into a ReplicaSet's template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// What is in it now.
    pub now: PodMetadata,
    /// What pods may still have from before, while they are brought in line; `None`: they are. Argo Rollouts does not read it.
    pub before: Option<PodMetadata>,
}

/// Where the metadata of the two roles stands in a canary strategy.
pub const CANARY_METADATA: &str = "/spec/strategy/canary/canaryMetadata";
/// See [`CANARY_METADATA`].
pub const STABLE_METADATA: &str = "/spec/strategy/canary/stableMetadata";

/// The key of [`Injected::before`] in the annotation.
const BEFORE: &str = "before";

impl PodMetadata {
    /// Reads it from an object with `labels` and `annotations`; what is no text is left out.
    pub fn read(value: &Value) -> Self {
        let texts = |field: &str| -> BTreeMap<String, String> {
            let entries = value.get(field).and_then(Value::as_object).into_iter().flatten();
            entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        };
        Self { labels: texts("labels"), annotations: texts("annotations") }
    }

    /// What pods in a role should have.
    pub fn of_role(rollout: &Value, pointer: &str) -> Self {
        rollout.pointer(pointer).map(Self::read).unwrap_or_default()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }

    /// This and another; of a key that both have, this one's value.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (key, value) in other.labels {
            self.labels.entry(key).or_insert(value);
        }
        for (key, value) in other.annotations {
            self.annotations.entry(key).or_insert(value);
        }
        self
    }

    /// The merge patch of some `metadata` that makes it have this, and not the keys of `before`; `None`: it is so.
    pub fn patch(&self, metadata: &Value, before: &Self) -> Option<Value> {
        let of = |field: &str, wanted: &BTreeMap<String, String>, before: &BTreeMap<String, String>| {
            let found = |key: &str| metadata.get(field).and_then(|texts| texts.get(key));
            let gone = before.keys().filter(|key| !wanted.contains_key(*key) && found(key).is_some());
            let mut patch: Map<String, Value> = gone.map(|key| (key.clone(), Value::Null)).collect();
            let new = wanted
                .iter()
                .filter(|(key, value)| found(key).and_then(Value::as_str) != Some(value.as_str()));
            patch.extend(new.map(|(key, value)| (key.clone(), json!(value))));
            (!patch.is_empty()).then_some(patch)
        };
        let mut patch = Map::new();
        if let Some(labels) = of("labels", &self.labels, &before.labels) {
            patch.insert("labels".to_owned(), labels.into());
        }
        if let Some(annotations) = of("annotations", &self.annotations, &before.annotations) {
            patch.insert("annotations".to_owned(), annotations.into());
        }
        (!patch.is_empty()).then_some(patch.into())
    }

    fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        for (name, texts) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if !texts.is_empty() {
                fields.insert(name.to_owned(), json!(texts));
            }
        }
        fields
    }
}

impl Injected {
    /// What a ReplicaSet remembers.
    pub fn read(set: &Value) -> Self {
        let text = object::annotation(set, EPHEMERAL_METADATA_ANNOTATION).unwrap_or_default();
        let Ok(value) = serde_json::from_str::<Value>(text) else { return Self::default() };
        Self { now: PodMetadata::read(&value), before: value.get(BEFORE).map(PodMetadata::read) }
    }

    /// As a ReplicaSet remembers it; `None`: there is nothing to remember.
    pub fn text(&self) -> Option<String> {
        let mut fields = self.now.fields();
        if let Some(before) = &self.before {
            fields.insert(BEFORE.to_owned(), before.fields().into());
        }
        (!fields.is_empty()).then(|| Value::Object(fields).to_string())
    }
}

/// The template of a ReplicaSet without what was put into it.
pub fn template_without_injected(set: &Value) -> Value {
    let mut template = set.pointer("/spec/template").cloned().unwrap_or_default();
    let Injected { now, before } = Injected::read(set);
    let all = now.and(before.unwrap_or_default());
    for (field, texts) in [("labels", &all.labels), ("annotations", &all.annotations)] {
        let fields = template.get_mut("metadata").and_then(|metadata| metadata.get_mut(field));
        if let Some(fields) = fields.and_then(Value::as_object_mut) {
            fields.retain(|key, _| !texts.contains_key(key));
        }
    }
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> PodMetadata {
        let labels = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        PodMetadata { labels, ..PodMetadata::default() }
    }

    #[test]
    fn a_patch_names_what_is_missing_and_what_is_left() {
        let canary = labels(&[("role", "canary"), ("only", "canary")]);
        let stable = labels(&[("role", "stable")]);
        for (metadata, patch) in [
            (json!({"labels": {"app": "web"}}), json!({"labels": {"role": "stable"}})),
            (
                json!({"labels": {"role": "canary", "only": "canary"}}),
                json!({"labels": {"role": "stable", "only": null}}),
            ),
            (json!({"labels": {"role": "stable", "other": "x"}}), json!(null)),
            (json!({}), json!({"labels": {"role": "stable"}})),
        ] {
            assert_eq!(stable.patch(&metadata, &canary).unwrap_or_default(), patch, "{metadata}");
        }
        assert_eq!(
            PodMetadata::default().patch(&json!({"labels": {"x": "y"}}), &PodMetadata::default()),
            None
        );
    }

    #[test]
    fn what_is_remembered_is_what_argo_rollouts_reads() {
        let injected = Injected { now: labels(&[("role", "canary")]), before: None };
        assert_eq!(injected.text().as_deref(), Some(r#"{"labels":{"role":"canary"}}"#));
        assert_eq!(Injected::default().text(), None);
        let under_way = Injected { before: Some(PodMetadata::default()), ..Injected::default() };
        assert_eq!(under_way.text().as_deref(), Some(r#"{"before":{}}"#), "that pods are to be looked at");
        for one in [injected, under_way, Injected::default()] {
            let set = json!({"metadata": {"annotations": {EPHEMERAL_METADATA_ANNOTATION: one.text()}}});
            assert_eq!(Injected::read(&set), one);
        }
        let odd = json!({"metadata": {"annotations": {EPHEMERAL_METADATA_ANNOTATION: "[1"}}});
        assert_eq!(Injected::read(&odd), Injected::default());
    }

    #[test]
    fn templates_are_compared_without_it() {
        let text =
            Injected { now: labels(&[("role", "canary")]), before: Some(labels(&[("old", "x")])) }.text();
        let set = json!({
            "metadata": {"annotations": {EPHEMERAL_METADATA_ANNOTATION: text}},
            "spec": {"template": {"metadata": {"labels": {"app": "web", "role": "canary", "old": "x"}}}},
        });
        assert_eq!(template_without_injected(&set), json!({"metadata": {"labels": {"app": "web"}}}));
    }
}
