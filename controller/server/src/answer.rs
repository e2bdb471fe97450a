//! HTTP answers.

use axum::body::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;
use tidegate_api::ApiError;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What was asked for.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response<Bytes> {
    bytes(status, value.to_string().into_bytes())
}

/// The same, as JSON text that is there already.
pub(crate) fn bytes(status: StatusCode, text: Vec<u8>) -> Response<Bytes> {
    answer(status, JSON, text)
}

/// A refusal.
pub(crate) fn refusal(error: &ApiError) -> Response<Bytes> {
    let status = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if error.reason.is_empty() && status == StatusCode::NOT_FOUND {
        // Of groups that it does not know a server speaks as any web server does.
        return answer(status, TEXT, error.message.clone().into_bytes());
    }
    let mut answer = json(status, &error.to_status());
    if let Some(seconds) = error.retry_after {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}

fn answer(status: StatusCode, content_type: HeaderValue, text: Vec<u8>) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// Nothing is at that path.
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

/// The request as such makes no sense.
pub(crate) fn bad_request(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "BadRequest", message)
}

/// A real server might do it, this one does not.
pub(crate) fn not_modelled(what: &str) -> ApiError {
    bad_request(format!("the in-memory cluster has no {what}"))
}
