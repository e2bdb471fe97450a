//! Asking the API server what this user may do. It is a POST that stores nothing, so whoever only reads may send it, too.

use serde_json::{Value, json};
use tidegate_api::{ApiError, Operation, Request, Resource};

use crate::api::Api;

/// The path of the request.
pub(crate) const PATH: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// Whether this user may do what these `resourceAttributes` describe.
pub(crate) async fn is_allowed(api: &Api, attributes: Value) -> Result<bool, ApiError> {
    let answer = api.send(&request(attributes)).await?;
    Ok(answer.pointer("/status/allowed").and_then(Value::as_bool).unwrap_or_default())
}

/// The request that asks.
pub(crate) fn request(attributes: Value) -> Request {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    });
    Request {
        resource: Resource::cluster_scoped(
            "authorization.k8s.io",
            "v1",
            "SelfSubjectAccessReview",
            "selfsubjectaccessreviews",
        ),
        namespace: None,
        operation: Operation::Create { object: review },
    }
}
