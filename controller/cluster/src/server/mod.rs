//! The API server: a request in, an object or an error out.

mod admission;
mod create;
mod delete;
mod scale;
mod update;

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, Operation, Request, Resource, object};

use crate::answer;
use crate::cluster::Cluster;
use crate::kinds::{Family, Kind};
use crate::metadata;
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

/// What becomes of fields that a server does not know (`fieldValidation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValidation {
    /// They are left out.
    Ignore,
    /// The request is refused.
    Strict,
}

impl FieldValidation {
    /// What an operation asks for by itself.
    fn of(operation: &Operation) -> Self {
        match operation {
            Operation::CreateStrictly { .. }
            | Operation::Patch { subresource: None, body: Body::Json(_), .. } => Self::Strict,
            _ => Self::Ignore,
        }
    }
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
        self.handle_validated(request, FieldValidation::of(&request.operation))
    }

    /// As [`Cluster::handle`], with what the client wants to become of unknown fields, whatever the operation asks for.
    ///
    /// # Errors
    /// As [`Cluster::handle`].
    pub fn handle_validated(
        &mut self,
        request: &Request,
        fields: FieldValidation,
    ) -> Result<Arc<Value>, ApiError> {
        let (table, kind) = self.resolve(&request.resource)?;
        let namespace = request.namespace.as_deref().filter(|_| kind.resource.namespaced);
        match &request.operation {
            Operation::List { labels } => self.answer_list(table, &kind, namespace, labels.as_deref()),
            Operation::Create { object } | Operation::CreateStrictly { object } => {
                // A collection over all namespaces can be read, not written.
                let namespace = place_of(&kind, namespace).ok_or_else(answer::method_not_allowed)?;
                check_fields(&kind, object, fields)?;
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
                    part => {
                        check_fields(&kind, object, fields)?;
                        self.replace(table, &kind, namespace, name, part, object)
                    }
                }
            }
            Operation::Patch { name, subresource, body } => {
                let namespace = place_of(&kind, namespace).ok_or_else(answer::not_served)?;
                match part(&kind, subresource.as_deref())? {
                    Part::Scale => self.patch_scale(table, &kind, namespace, name, body),
                    part => {
                        let target = update::Target { table, kind: &kind, namespace, name, part };
                        self.patch(&target, body, fields)
                    }
                }
            }
            Operation::Evict { name, preconditions } => {
                let namespace = place_of(&kind, namespace).ok_or_else(answer::not_served)?;
                self.evict(table, &kind, namespace, name, preconditions)
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
        if let Some((table, kind)) = found {
            return Ok((table, kind.clone()));
        }
        let group = |served: &Resource| served.group == resource.group && served.version == resource.version;
        // Of a group that it knows the server says so as an API does; of others, as any web server does.
        Err(if self.resources().any(group) { answer::not_served() } else { answer::no_such_page() })
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
        let mut metadata = json!({"resourceVersion": self.store.revision().to_string()});
        if kind.family == Family::Custom {
            crate::json::as_object(&mut metadata).insert("continue".into(), "".into());
        }
        Ok(Arc::new(json!({
            "kind": format!("{}List", kind.resource.kind),
            "apiVersion": kind.resource.api_version(),
            "metadata": metadata,
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

/// Why an object is not what its request is about.
enum Mismatch {
    /// It cannot be read as the kind.
    Unreadable(String),
    /// It can be read, and is of another kind.
    Invalid(ApiError),
}

/// Checks that an object says it is of the kind of the request. Built-in kinds may leave it out.
fn check_type(kind: &Kind, object: &mut Value) -> Result<(), Mismatch> {
    let expected = kind.resource.api_version();
    let said = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (version, name) = (said("apiVersion"), said("kind"));
    let custom = kind.family == Family::Custom;
    if custom && name.is_empty() {
        return Err(Mismatch::Unreadable(format!(
            "the object provided is unrecognized (must be of type {}): Object 'Kind' is missing in '{object}'",
            kind.resource.kind
        )));
    }
    if version != expected && (custom || !version.is_empty()) {
        return Err(Mismatch::Unreadable(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    if name != *kind.resource.kind && !name.is_empty() {
        if custom {
            let problem = format!("must be {}", kind.resource.kind);
            let cause = answer::value_invalid("kind", &Value::from(name.as_str()), &problem);
            let said = Resource { kind: name.into(), ..kind.resource.clone() };
            return Err(Mismatch::Invalid(answer::invalid(&said, object::name(object), vec![cause])));
        }
        return Err(Mismatch::Unreadable(format!(
            "{name} in version {expected:?} cannot be handled as a {}: unknown conversion",
            kind.resource.kind
        )));
    }
    if version.is_empty() || name.is_empty() {
        let fields = crate::json::as_object(object);
        fields.insert("apiVersion".into(), expected.into());
        fields.insert("kind".into(), kind.resource.kind.as_ref().into());
    }
    Ok(())
}

/// Reads the body of a `create` or `update`: its kind, and metadata in their kept form.
fn read_body(kind: &Kind, object: &Value) -> Result<Value, ApiError> {
    if !object.is_object() {
        let message = format!("the object provided is unrecognized (must be of type {})", kind.resource.kind);
        return Err(answer::bad_request(message));
    }
    let mut new = object.clone();
    check_type(kind, &mut new).map_err(|mismatch| match mismatch {
        Mismatch::Unreadable(message) => answer::bad_request(message),
        Mismatch::Invalid(error) => error,
    })?;
    let unreadable = |field: String| {
        let Resource { kind, version, .. } = &kind.resource;
        answer::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {kind}: json: cannot unmarshal {field}"
        ))
    };
    metadata::normalise(&mut new).map_err(unreadable)?;
    match kind.mistyped(&new) {
        Some(field) => Err(unreadable(field)),
        None => Ok(new),
    }
}

fn check_fields(kind: &Kind, object: &Value, fields: FieldValidation) -> Result<(), ApiError> {
    match unknown_fields(kind, object).filter(|_| fields == FieldValidation::Strict) {
        Some(wrong) => {
            let Resource { kind, version, .. } = &kind.resource;
            let message = format!("{kind} in version {version:?} cannot be handled as a {kind}: {wrong}");
            Err(answer::bad_request(message))
        }
        None => Ok(()),
    }
}

/// What strict validation says of fields that a kind does not know, if it has any. Known is what a schema knows: of
/// built-in kinds this server knows too little to say.
fn unknown_fields(kind: &Kind, object: &Value) -> Option<String> {
    let unknown = kind.options.schema.as_ref()?.unknown(object);
    let named: Vec<String> = unknown.iter().map(|field| format!("unknown field {field:?}")).collect();
    (!named.is_empty()).then(|| format!("strict decoding error: {}", named.join(", ")))
}

/// Reads the result of a patch likewise.
fn read_patched(kind: &Kind, new: &mut Value) -> Result<(), ApiError> {
    check_type(kind, new).map_err(|mismatch| match mismatch {
        Mismatch::Unreadable(_) if kind.family == Family::Custom && new.get("kind").is_some() => {
            let expected = kind.resource.api_version();
            let said = new.get("apiVersion").cloned().unwrap_or_else(|| Value::from(""));
            let cause = answer::value_invalid("apiVersion", &said, &format!("must be {expected}"));
            answer::invalid(&kind.resource, object::name(new), vec![cause])
        }
        Mismatch::Unreadable(message) => answer::patch_result_unreadable(&message),
        Mismatch::Invalid(error) => error,
    })?;
    metadata::normalise(new).map_err(|problem| answer::patch_result_unreadable(&problem))?;
    match kind.mistyped(new) {
        Some(field) => Err(answer::patch_result_unreadable(&format!("json: cannot unmarshal {field}"))),
        None => Ok(()),
    }
}
