//! The errors of an API server, with the codes, reasons and messages of `k8s.io/apimachinery/pkg/api/errors` and
//! `.../util/validation/field`.

use serde_json::Value;
use tidegate_api::{ApiError, Cause, Resource};

/// `rollouts.argoproj.io`, `pods`.
fn qualified(resource: &Resource) -> String {
    join(&resource.plural, &resource.group)
}

/// `Rollout.argoproj.io`, `Pod`.
fn qualified_kind(resource: &Resource) -> String {
    join(&resource.kind, &resource.group)
}

fn join(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

/// No object of that name.
pub(crate) fn not_found(resource: &Resource, name: &str) -> ApiError {
    ApiError::new(404, "NotFound", format!("{} {name:?} not found", qualified(resource)))
}

/// No such path at all: the resource, or its subresource, is not served.
pub(crate) fn not_served() -> ApiError {
    ApiError::new(404, "NotFound", "the server could not find the requested resource")
}

/// No path of that group at all.
pub(crate) fn no_such_page() -> ApiError {
    ApiError::new(404, "", "404 page not found\n")
}

/// The path is served, but not with this verb.
pub(crate) fn method_not_allowed() -> ApiError {
    ApiError::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
}

/// An object of that name exists.
pub(crate) fn already_exists(resource: &Resource, name: &str, being_deleted: bool) -> ApiError {
    let prefix = if being_deleted { "object is being deleted: " } else { "" };
    ApiError::new(409, "AlreadyExists", format!("{prefix}{} {name:?} already exists", qualified(resource)))
}

/// The object is not in the state that the request is for.
pub(crate) fn conflict(resource: &Resource, name: &str, detail: &str) -> ApiError {
    let message = format!("Operation cannot be fulfilled on {} {name:?}: {detail}", qualified(resource));
    ApiError::new(409, "Conflict", message)
}

/// A precondition of a deletion does not hold. (The server names the kind here, not the resource.)
pub(crate) fn delete_conflict(resource: &Resource, name: &str, detail: &str) -> ApiError {
    let message = format!("Operation cannot be fulfilled on {} {name:?}: {detail}", qualified_kind(resource));
    ApiError::new(409, "Conflict", message)
}

/// The request as such makes no sense.
pub(crate) fn bad_request(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "BadRequest", message)
}

/// Somebody does not allow it.
pub(crate) fn forbidden(resource: &Resource, name: &str, detail: &str) -> ApiError {
    let message = if name.is_empty() {
        format!("{} is forbidden: {detail}", qualified(resource))
    } else {
        format!("{} {name:?} is forbidden: {detail}", qualified(resource))
    };
    ApiError::new(403, "Forbidden", message)
}

/// The object that would result is not valid.
pub(crate) fn invalid(resource: &Resource, name: &str, causes: Vec<Cause>) -> ApiError {
    invalid_as(&qualified_kind(resource), name, causes)
}

/// A replacement that must name a version does not. (The server names the resource here, not the kind.)
pub(crate) fn version_required(resource: &Resource, name: &str) -> ApiError {
    let cause = value_invalid("metadata.resourceVersion", &Value::from(0), "must be specified for an update");
    invalid_as(&qualified(resource), name, vec![cause])
}

fn invalid_as(what: &str, name: &str, causes: Vec<Cause>) -> ApiError {
    let mut all = Vec::<String>::new();
    for cause in &causes {
        let text = format!("{}: {}", cause.field, cause.message);
        if !all.contains(&text) {
            all.push(text);
        }
    }
    let all = match all.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    };
    ApiError { causes, ..ApiError::new(422, "Invalid", format!("{what} {name:?} is invalid: {all}")) }
}

/// A JSON patch that is well formed and does not apply; a failing `test` among others. The server gives no detail.
pub(crate) fn patch_does_not_apply() -> ApiError {
    ApiError::new(422, "Invalid", "the server rejected our request due to an error in our request")
}

/// A patch whose result is no object of its kind.
pub(crate) fn patch_result_unreadable(detail: &str) -> ApiError {
    let cause = Cause { field: "patch".into(), message: format!("Invalid value: {detail}") };
    invalid_as("", "", vec![cause])
}

/// A patch whose result strict validation refuses.
pub(crate) fn patch_result_refused(result: &Value, detail: &str) -> ApiError {
    patch_result_unreadable(&format!("{:?}: {detail}", result.to_string()))
}

/// The watch cannot start there any more.
pub(crate) fn expired(asked: u64, oldest: u64) -> ApiError {
    ApiError::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
}

/// A value as the server prints it in messages.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

/// `Invalid value`.
pub(crate) fn value_invalid(field: &str, value: &Value, detail: &str) -> Cause {
    Cause { field: field.into(), message: format!("Invalid value: {}: {detail}", shown(value)) }
}

/// `Required value`.
pub(crate) fn value_required(field: &str, detail: &str) -> Cause {
    let message =
        if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
    Cause { field: field.into(), message }
}

/// `Forbidden`.
pub(crate) fn value_forbidden(field: &str, detail: &str) -> Cause {
    Cause { field: field.into(), message: format!("Forbidden: {detail}") }
}

/// `Too many`.
pub(crate) fn too_many(field: &str, actual: usize, most: u64) -> Cause {
    let items = if most == 1 { "item" } else { "items" };
    Cause { field: field.into(), message: format!("Too many: {actual}: must have at most {most} {items}") }
}

/// `Too long`.
pub(crate) fn too_long(field: &str, most: u64) -> Cause {
    Cause { field: field.into(), message: format!("Too long: may not be more than {most} bytes") }
}

/// `Unsupported value`.
pub(crate) fn unsupported(field: &str, value: &Value, supported: &[Value]) -> Cause {
    let supported: Vec<String> = supported.iter().map(shown).collect();
    Cause {
        field: field.into(),
        message: format!("Unsupported value: {}: supported values: {}", shown(value), supported.join(", ")),
    }
}

/// `Duplicate value`.
pub(crate) fn duplicate(field: &str, value: &Value) -> Cause {
    Cause { field: field.into(), message: format!("Duplicate value: {}", shown(value)) }
}
