//! A cluster's objects, as far as a plugin can tell.

use alloc::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::labels;
use crate::prelude::*;
use crate::{Change, Edit, Kind, Object, ObjectRef, Observation, Query, Selection, Target};

/// Objects by kind, namespace and name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects {
    objects: BTreeMap<ObjectRef, Value>,
    unserved: BTreeSet<Kind>,
}

impl Objects {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this object, which has `apiVersion`, `kind`, `metadata.name` and, unless its kind is
    /// cluster-scoped, `metadata.namespace`. One of the same name is replaced.
    #[must_use]
    pub fn with(mut self, object: Value) -> Self {
        self.objects.insert(reference(&object), object);
        self
    }

    /// The same where the API server does not serve this kind.
    #[must_use]
    pub fn without_kind(mut self, kind: Kind) -> Self {
        self.unserved.insert(kind);
        self
    }

    /// The object of this kind, namespace and name.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.objects
            .iter()
            .find(|(key, _)| {
                key.kind.kind == kind && key.namespace.as_deref() == Some(namespace) && key.name == name
            })
            .map(|(_, object)| object)
    }

    /// All objects, in the order of their references.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectRef, &Value)> {
        self.objects.iter()
    }

    /// All objects, to be changed as somebody else would.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&ObjectRef, &mut Value)> {
        self.objects.iter_mut()
    }

    /// Removes an object.
    pub fn remove(&mut self, reference: &ObjectRef) -> Option<Value> {
        self.objects.remove(reference)
    }

    /// What a host would hand to the plugin for these queries.
    pub fn observe(&self, target: &Target, queries: &[Query]) -> Vec<Observation> {
        let mut queries = queries.to_vec();
        queries.sort();
        queries.dedup();
        queries.into_iter().map(|query| self.observation(target, query)).collect()
    }

    /// Carries changes out.
    ///
    /// # Panics
    /// When one cannot be: an unknown object, a patch that does not apply, JSON that is none.
    pub fn apply(&mut self, changes: &[Change]) {
        for Change { ref_, edit } in changes {
            match edit {
                Edit::Replace(json) => {
                    let mut object: Value = serde_json::from_str(json)
                        .unwrap_or_else(|error| panic!("{ref_} is replaced by no JSON: {error}"));
                    if object["metadata"]["namespace"].is_null() && ref_.namespace.is_some() {
                        object["metadata"]["namespace"] = json!(ref_.namespace);
                    }
                    assert_eq!(reference(&object), *ref_, "an object is replaced by another one");
                    self.objects.insert(ref_.clone(), object);
                }
                Edit::JsonPatch(json) => {
                    let patch: json_patch::Patch = serde_json::from_str(json)
                        .unwrap_or_else(|error| panic!("the patch of {ref_} is none ({error}): {json}"));
                    let object = self
                        .objects
                        .get_mut(ref_)
                        .unwrap_or_else(|| panic!("{ref_} is changed and does not exist"));
                    json_patch::patch(object, &patch).unwrap_or_else(|error| {
                        panic!("the patch of {ref_} does not apply ({error}): {json}")
                    });
                    assert_eq!(reference(object), *ref_, "an object becomes another one");
                }
                Edit::Remove => {
                    assert!(self.objects.remove(ref_).is_some(), "{ref_} is removed and does not exist");
                }
            }
        }
    }

    fn observation(&self, target: &Target, query: Query) -> Observation {
        let served = !self.unserved.contains(&query.kind);
        let namespace = query.namespace.as_ref().unwrap_or(&target.namespace);
        let objects = self
            .objects
            .iter()
            .filter(|(key, object)| {
                served
                    && key.kind == query.kind
                    && key.namespace.as_ref().is_none_or(|other| other == namespace)
                    && match &query.select {
                        Selection::Name(name) => key.name == *name,
                        Selection::Labels(selector) => labels::matches(selector, object),
                    }
            })
            .map(|(key, object)| Object {
                ref_: key.clone(),
                api_version: text(object, "/apiVersion").unwrap_or_default().to_owned(),
                json: object.to_string(),
            })
            .collect();
        Observation { query, served, objects }
    }
}

/// Which object this is.
///
/// # Panics
/// When it does not say so.
fn reference(object: &Value) -> ObjectRef {
    let required =
        |pointer| text(object, pointer).unwrap_or_else(|| panic!("an object without {pointer}: {object}"));
    let group = required("/apiVersion").split_once('/').map_or("", |(group, _)| group);
    ObjectRef {
        kind: Kind::new(group, required("/kind")),
        namespace: text(object, "/metadata/namespace").map(str::to_owned),
        name: required("/metadata/name").to_owned(),
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer)?.as_str()
}
