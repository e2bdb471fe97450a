//! Reading and writing single objects.

use axum::body::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, Operation, Preconditions, Resource};
use tidegate_cluster::{Cluster, FieldValidation};

use crate::answer::{bad_request, method_not_allowed, not_modelled, not_served};
use crate::query::Query;
use crate::target::Place;

/// Makes an object.
pub(crate) fn create(
    cluster: &mut Cluster,
    resource: Resource,
    namespace: Option<String>,
    request: &Request<Bytes>,
    query: &Query,
) -> Result<(StatusCode, Value), ApiError> {
    let object = body(request)?;
    let answer = send(cluster, resource, namespace, Operation::Create { object }, query)?;
    Ok((StatusCode::CREATED, answer))
}

/// Reads or changes an object, or a subresource of it.
pub(crate) fn answer(
    cluster: &mut Cluster,
    place: Place,
    request: &Request<Bytes>,
    query: &Query,
) -> Result<(StatusCode, Value), ApiError> {
    let Place { resource, namespace, name, subresource } = place;
    let served = cluster.served_as(&resource).ok_or_else(not_served)?;
    match subresource.as_deref() {
        None => {}
        Some("status") if served.status => {}
        Some("scale") if served.scale => {}
        Some("eviction") if *resource.kind == *"Pod" && *request.method() == Method::POST => {}
        Some(_) => return Err(not_served()),
    }
    let in_namespace = namespace.as_deref().unwrap_or_default();
    let mut status = StatusCode::OK;
    let operation = match *request.method() {
        Method::GET if subresource.as_deref() == Some("scale") => {
            return Ok((StatusCode::OK, cluster.scale(&resource, in_namespace, &name)?));
        }
        Method::GET => Operation::Get { name },
        Method::PUT => {
            if cluster.object(&resource, in_namespace, &name).is_none() {
                status = StatusCode::CREATED;
            }
            Operation::Replace { name, subresource, object: body(request)? }
        }
        Method::POST if subresource.as_deref() == Some("eviction") => {
            status = StatusCode::CREATED;
            let eviction = body(request)?;
            let uid = eviction.pointer("/deleteOptions/preconditions/uid").and_then(Value::as_str);
            let preconditions = Preconditions { uid: uid.map(str::to_owned), ..Preconditions::default() };
            Operation::Evict { name, preconditions }
        }
        Method::PATCH => Operation::Patch { name, subresource, body: patch(request)? },
        Method::DELETE if subresource.is_none() => {
            Operation::Delete { name, preconditions: preconditions(request, query)? }
        }
        _ => return Err(method_not_allowed()),
    };
    Ok((status, send(cluster, resource, namespace, operation, query)?))
}

fn send(
    cluster: &mut Cluster,
    resource: Resource,
    namespace: Option<String>,
    operation: Operation,
    query: &Query,
) -> Result<Value, ApiError> {
    if query.is_dry_run {
        return Err(not_modelled("dry runs"));
    }
    let fields = if query.is_strict { FieldValidation::Strict } else { FieldValidation::Ignore };
    let request = tidegate_api::Request { resource, namespace, operation };
    cluster.handle_validated(&request, fields).map(|object| object.as_ref().clone())
}

/// The body as JSON.
pub(crate) fn body(request: &Request<Bytes>) -> Result<Value, ApiError> {
    match content_type(request) {
        "" | "application/json" => read(request),
        other => Err(unsupported(other)),
    }
}

fn read(request: &Request<Bytes>) -> Result<Value, ApiError> {
    serde_json::from_slice(request.body())
        .map_err(|error| bad_request(format!("the object provided is unrecognized: {error}")))
}

fn patch(request: &Request<Bytes>) -> Result<Body, ApiError> {
    match content_type(request) {
        "application/merge-patch+json" => Ok(Body::Merge(read_patch(request)?)),
        "application/json-patch+json" => Ok(Body::Json(read_patch(request)?)),
        other => Err(unsupported(other)),
    }
}

fn read_patch(request: &Request<Bytes>) -> Result<Value, ApiError> {
    serde_json::from_slice(request.body())
        .map_err(|error| bad_request(format!("error decoding patch: {error}")))
}

fn content_type(request: &Request<Bytes>) -> &str {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

fn unsupported(content_type: &str) -> ApiError {
    let message = format!("the body of the request was in an unknown format: {content_type}");
    ApiError::new(415, "UnsupportedMediaType", message)
}

fn preconditions(request: &Request<Bytes>, query: &Query) -> Result<Preconditions, ApiError> {
    let options = if request.body().is_empty() { json!({}) } else { body(request)? };
    let text = |pointer: &str| options.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let propagation = text("/propagationPolicy").or_else(|| query.propagation.clone());
    if let Some(other) = propagation.filter(|policy| policy != "Background") {
        return Err(not_modelled(&format!("deletion with the propagation policy {other}")));
    }
    if options.get("dryRun").and_then(Value::as_array).is_some_and(|runs| !runs.is_empty()) {
        return Err(not_modelled("dry runs"));
    }
    Ok(Preconditions {
        uid: text("/preconditions/uid"),
        resource_version: text("/preconditions/resourceVersion"),
    })
}
