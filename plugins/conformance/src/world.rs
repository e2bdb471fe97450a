//! The objects of a fixture as a cluster would hold them: looked at by queries, changed by the host's writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tidegate_contract::{Kind, Object, ObjectRef, Observation, Query, Selection};
use tidegate_route::difference::{self, difference};
use tidegate_route::pointer::pointer;
use tidegate_route::selector::Selector;
use tidegate_route::{ObjectWrite, WriteAction, apply, as_read_back};

/// Objects by kind, namespace and name.
#[derive(Clone, Debug, Default)]
pub struct World {
    objects: BTreeMap<ObjectRef, Value>,
    unserved: BTreeSet<Kind>,
}

/// Which object a manifest is; `None` when it does not say so.
pub(crate) fn reference(object: &Value) -> Option<ObjectRef> {
    let text = |at: &str| object.pointer(at)?.as_str().map(str::to_owned);
    let group = text("/apiVersion")?.split_once('/').map_or(String::new(), |(group, _)| group.to_owned());
    Some(ObjectRef {
        kind: Kind { group, kind: text("/kind")? },
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name")?,
    })
}

impl World {
    /// These objects, with what an API server fills in.
    pub fn new(objects: &[Value], unserved: &[Kind]) -> Self {
        let mut world = Self { objects: BTreeMap::new(), unserved: unserved.iter().cloned().collect() };
        for object in objects {
            world.insert(object.clone());
        }
        world
    }

    /// Adds an object, or puts it in the place of another.
    pub(crate) fn insert(&mut self, mut object: Value) {
        let Some(reference) = reference(&object) else { return };
        drop_empty_maps(&mut object);
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            let uid = format!("uid-of-{}-{}", reference.kind.kind, reference.name).to_lowercase();
            for (key, value) in
                [("uid", json!(uid)), ("resourceVersion", json!("1")), ("generation", json!(1))]
            {
                metadata.entry(key).or_insert(value);
            }
        }
        self.objects.insert(reference, object);
    }

    pub(crate) fn remove(&mut self, reference: &ObjectRef) {
        self.objects.remove(reference);
    }

    pub(crate) fn clear(&mut self) {
        self.objects.clear();
    }

    /// The API server does not serve this kind.
    pub(crate) fn do_not_serve(&mut self, kind: Kind) {
        self.unserved.insert(kind);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ObjectRef, &Value)> {
        self.objects.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&ObjectRef, &mut Value)> {
        self.objects.iter_mut()
    }

    /// What a host hands to the plugin for a query.
    ///
    /// # Errors
    /// When the query has a label selector that no API server would take.
    pub fn observe(&self, namespace: &str, query: &Query) -> Result<Observation, String> {
        let selector = match &query.select {
            Selection::Name(_) => None,
            Selection::Labels(text) => Some(Selector::parse(text).map_err(|error| error.to_string())?),
        };
        let served = !self.unserved.contains(&query.kind);
        let namespace = query.namespace.as_deref().unwrap_or(namespace);
        let is_meant = |reference: &ObjectRef, object: &Value| {
            served
                && reference.kind == query.kind
                && reference.namespace.as_deref().is_none_or(|other| other == namespace)
                && match (&query.select, &selector) {
                    (Selection::Name(name), _) => reference.name == *name,
                    (_, Some(selector)) => {
                        let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
                        selector.matches(labels.unwrap_or(&Map::new()))
                    }
                    _ => false,
                }
        };
        let seen = |(reference, object): (&ObjectRef, &Value)| Object {
            reference: reference.clone(),
            api_version: object.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned(),
            json: object.to_string().into(),
        };
        let objects =
            self.objects.iter().filter(|(reference, object)| is_meant(reference, object)).map(seen).collect();
        Ok(Observation { query: query.clone(), served, objects })
    }

    /// Carries out what the host writes.
    ///
    /// # Errors
    /// When it does not fit the objects: a mistake of the host.
    pub fn write(&mut self, write: &ObjectWrite) -> Result<(), String> {
        let reference = &write.reference;
        let existing = self.objects.get_mut(reference);
        match (&write.action, existing) {
            (WriteAction::Create(object), None) => self.insert(as_read_back(object)),
            (WriteAction::Create(_), Some(_)) => {
                return Err(format!("the host makes {reference}, which exists"));
            }
            (WriteAction::Patch(patch), Some(object)) => {
                *object = apply(patch, object)
                    .map_err(|error| format!("the host's write of {reference}: {error}"))?;
                drop_empty_maps(object);
            }
            (WriteAction::Delete { uid }, Some(object))
                if object.pointer("/metadata/uid").and_then(Value::as_str) == Some(uid) =>
            {
                self.objects.remove(reference);
            }
            (WriteAction::Delete { .. }, Some(_)) => {
                return Err(format!("the host removes another {reference} than the one that is there"));
            }
            (WriteAction::Patch(_) | WriteAction::Delete { .. }, None) => {
                return Err(format!("the host writes {reference}, which does not exist"));
            }
        }
        Ok(())
    }

    /// The first thing in which another world differs, in words.
    pub(crate) fn first_difference(&self, other: &Self) -> Option<String> {
        self.differences(other, &|_, _| false).into_iter().next()
    }

    /// All things in which another world differs, in words, but for those that may.
    pub(crate) fn differences(
        &self,
        other: &Self,
        may_differ: &dyn Fn(&ObjectRef, &difference::Difference<'_>) -> bool,
    ) -> Vec<String> {
        let mut found = Vec::new();
        for (reference, object) in &self.objects {
            let Some(object_there) = other.objects.get(reference) else {
                found.push(format!("{reference} does not exist"));
                continue;
            };
            for one in difference(object, object_there) {
                if !may_differ(reference, &one) {
                    found.push(format!("{} of {reference} {}", pointer(&one.path), in_words(one.kind)));
                }
            }
        }
        let more = other.objects.keys().filter(|reference| !self.objects.contains_key(*reference));
        found.extend(more.map(|reference| format!("{reference} exists")));
        found
    }

    /// Whether a text stands in some object.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        self.objects.values().any(|object| object.to_string().contains(text))
    }
}

/// API servers keep no empty labels and annotations.
fn drop_empty_maps(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
        metadata.retain(|key, value| !(["labels", "annotations"].contains(&key.as_str()) && is_empty(value)));
    }
}

fn in_words(kind: difference::Kind<'_>) -> String {
    match kind {
        difference::Kind::Set { old, new } => format!("is {} instead of {}", excerpt(new), excerpt(old)),
        difference::Kind::Added { new } => format!("is there: {}", excerpt(new)),
        difference::Kind::Removed { old } => format!("is not there: {}", excerpt(old)),
    }
}

/// A value as JSON, cut to what a line can show.
pub(crate) fn excerpt(value: &Value) -> String {
    cut(&value.to_string(), 200)
}

/// The beginning of a text.
pub(crate) fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
