//! The API server: a request in, an object or an error out.

mod admission;
mod create;
mod delete;
mod scale;
mod update;

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Operation, Request, Resource};

use crate::answer;
use crate::cluster::Cluster;
use crate::kinds::{Family, Kind};
use crate::selector::Selector;
use crate::store::TableId;

/// What of an object a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything but the status, where that is a subresource.
    Main,
    /// The status.
    Status,
    /// How many replicas there should be.
    Scale,
}

impl Cluster {
    /// Answers a request as an API server would.
    ///
    /// `Get`, `Create`, `Replace` and `Patch` answer the object (a `Scale` for the scale subresource), `List` a list
    /// object, `Delete` the object or a `Status`.
    ///
    /// # Errors
    /// What an API server would refuse, with its code, reason, message and causes.
    pub fn handle(&mut self, request: &Request) -> Result<Arc<Value>, ApiError> {
        let (table, kind) = self.resolve(&request.resource)?;
        let namespace = request.namespace.as_deref().filter(|_| kind.resource.namespaced);
        match &request.operation {
            Operation::List { labels } => self.answer_list(table, &kind, namespace, labels.as_deref()),
            Operation::Create { object } => {
                // A collection over all namespaces can be read, not written.
                let namespace = place_of(&kind, namespace).ok_or_else(answer::method_not_allowed)?;
                self.create(table, &kind, namespace, object)
            }
            Operation::Get { name } => {
                let namespace = place_of(&kind, namespace).ok_or_else(answer::not_served)?;
                let found = self.store.get(table, namespace, name).cloned();
                found.ok_or_else(|| answer::not_found(&kind.resource, name))
            }
            Operation::Replace { name, subresource, object } => {
                let namespace = place_of(&kind, namespace).ok_or_else(answer::not_served)?;
                match part(&kind, subresource.as_deref())? {
                    Part::Scale => self.replace_scale(table, &kind, namespace, name, object),
                    part => self.replace(table, &kind, namespace, name, part, object),
                }
            }
            Operation::Patch { name, subresource, body } => {
                let namespace = place_of(&kind, namespace).ok_or_else(answer::not_served)?;
                match part(&kind, subresource.as_deref())? {
                    Part::Scale => self.patch_scale(table, &kind, namespace, name, body),
                    part => self.patch(table, &kind, namespace, name, part, body),
                }
            }
            Operation::Delete { name, preconditions } => {
                let namespace = place_of(&kind, namespace).ok_or_else(answer::not_served)?;
                self.delete(table, &kind, namespace, name, preconditions)
            }
        }
    }

    /// The served kind at the path of a resource: its group, version and plural name.
    pub(crate) fn resolve(&self, resource: &Resource) -> Result<(TableId, Arc<Kind>), ApiError> {
        let found = self.store.kinds().find(|(_, kind)| {
            let served = &kind.resource;
            served.plural == resource.plural
                && served.group == resource.group
                && served.version == resource.version
        });
        found.map(|(table, kind)| (table, kind.clone())).ok_or_else(answer::not_served)
    }

    fn answer_list(
        &self,
        table: TableId,
        kind: &Kind,
        namespace: Option<&str>,
        labels: Option<&str>,
    ) -> Result<Arc<Value>, ApiError> {
        let selector = match labels {
            None => Selector::default(),
            Some(text) => Selector::parse(text)
                .map_err(|error| answer::bad_request(format!("unable to parse requirement: {error}")))?,
        };
        let items: Vec<Value> = self
            .store
            .list(table, namespace)
            .map(|(_, object)| object)
            .filter(|object| {
                let labels = object.get("metadata").and_then(|metadata| metadata.get("labels"));
                selector.is_empty() || selector.matches(labels)
            })
            .map(|object| object.as_ref().clone())
            .collect();
        Ok(Arc::new(json!({
            "kind": format!("{}List", kind.resource.kind),
            "apiVersion": kind.resource.api_version(),
            "metadata": {"resourceVersion": self.store.revision().to_string()},
            "items": items,
        })))
    }
}

/// The namespace of objects of a kind, empty for cluster-scoped ones; nothing when it is needed and not given.
fn place_of<'a>(kind: &Kind, namespace: Option<&'a str>) -> Option<&'a str> {
    if kind.resource.namespaced { namespace.filter(|name| !name.is_empty()) } else { Some("") }
}

fn part(kind: &Kind, subresource: Option<&str>) -> Result<Part, ApiError> {
    match subresource {
        None => Ok(Part::Main),
        Some("status") if kind.options.status => Ok(Part::Status),
        Some("scale") if kind.options.scale.is_some() => Ok(Part::Scale),
        Some(_) => Err(answer::not_served()),
    }
}

/// Checks that an object says it is of the kind of the request. Built-in kinds may leave it out.
fn check_type(kind: &Kind, object: &mut Value) -> Result<(), String> {
    let expected = kind.resource.api_version();
    let said = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (version, name) = (said("apiVersion"), said("kind"));
    if kind.family == Family::Custom {
        if name.is_empty() {
            return Err(format!("Object 'Kind' is missing in '{object}'"));
        }
        if version.is_empty() {
            return Err(format!("Object 'apiVersion' is missing in '{object}'"));
        }
    }
    if !version.is_empty() && version != expected {
        return Err(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        ));
    }
    if !name.is_empty() && name != *kind.resource.kind {
        return Err(format!(
            "{name} in version {expected:?} cannot be handled as a {}: no kind {name:?} is registered",
            kind.resource.kind
        ));
    }
    if version.is_empty() || name.is_empty() {
        let fields = crate::json::as_object(object);
        fields.insert("apiVersion".into(), expected.into());
        fields.insert("kind".into(), kind.resource.kind.as_ref().into());
    }
    Ok(())
}
