//! Why an API server refused, as far as a client may act on it.

use serde_json::{Map, Value, json};

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status; 0 when no answer came back, so that nobody knows whether it was carried out.
    pub code: u16,
    /// The server's `reason`, for example `Conflict`, `NotFound`, `Invalid`.
    pub reason: String,
    /// The server's message.
    pub message: String,
    /// What exactly is wrong, where the server says so.
    pub causes: Vec<Cause>,
    /// Seconds to wait before another try, where the server says so.
    pub retry_after: Option<u32>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Path of the field.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl ApiError {
    /// An error with a code, a reason and a message.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), message: message.into(), causes: Vec::new(), retry_after: None }
    }

    /// From the body of an answer: a `Status` object, or any other text.
    pub fn from_body(code: u16, body: &str) -> Self {
        let Ok(status) = serde_json::from_str::<Value>(body) else {
            return Self::new(code, "", body.chars().take(1024).collect::<String>());
        };
        let text = |key: &str| status.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let details = status.get("details");
        let causes = details
            .and_then(|details| details.get("causes"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|cause| {
                let text = |key: &str| cause.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                Cause { field: text("field"), message: text("message") }
            })
            .collect();
        let retry_after = details
            .and_then(|details| details.get("retryAfterSeconds"))
            .and_then(Value::as_u64)
            .and_then(|seconds| u32::try_from(seconds).ok());
        Self { code, reason: text("reason"), message: text("message"), causes, retry_after }
    }

    /// The `Status` object that says this, as a server answers it.
    pub fn to_status(&self) -> Value {
        let mut details = Map::new();
        if !self.causes.is_empty() {
            let cause = |cause: &Cause| json!({"message": cause.message, "field": cause.field});
            details.insert("causes".into(), self.causes.iter().map(cause).collect());
        }
        if let Some(seconds) = self.retry_after {
            details.insert("retryAfterSeconds".into(), seconds.into());
        }
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
        });
        if let Some(status) = status.as_object_mut() {
            if !self.reason.is_empty() {
                status.insert("reason".into(), self.reason.as_str().into());
            }
            if !details.is_empty() {
                status.insert("details".into(), details.into());
            }
            status.insert("code".into(), self.code.into());
        }
        status
    }

    /// It does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code == 404
    }

    /// Somebody was faster; look again.
    pub fn is_conflict(&self) -> bool {
        self.code == 409 && self.reason != "AlreadyExists"
    }

    /// One of that name exists.
    pub fn is_already_exists(&self) -> bool {
        self.code == 409 && self.reason == "AlreadyExists"
    }

    /// The object, or the patch, was not acceptable.
    pub fn is_invalid(&self) -> bool {
        self.code == 422
    }

    /// The list or watch must start anew.
    pub fn is_expired(&self) -> bool {
        self.code == 410
    }

    /// We lack the right. A webhook or another admission check that says no answers 403 too, in other words.
    pub fn is_missing_right(&self) -> bool {
        self.code == 403 && self.message.contains("is forbidden: User \"")
    }

    /// The same request may succeed later, with nothing changed.
    pub fn is_transient(&self) -> bool {
        matches!(self.code, 0 | 408 | 429 | 500..=599)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let plain = ApiError::new(409, "Conflict", "the object has been modified");
        let cause = Cause { field: "spec.replicas".into(), message: "Invalid value: -1".into() };
        let invalid = ApiError { causes: vec![cause], ..ApiError::new(422, "Invalid", "no") };
        let busy = ApiError { retry_after: Some(2), ..ApiError::new(429, "TooManyRequests", "later") };
        for error in [plain, invalid, busy, ApiError::new(500, "", "")] {
            assert_eq!(ApiError::from_body(error.code, &error.to_status().to_string()), error);
        }
    }

    #[test]
    fn a_denial_by_a_webhook_is_no_missing_right() {
        let right = "httproutes.gateway.networking.k8s.io \"web\" is forbidden: User \"system:serviceaccount:a:b\" cannot \
                     patch resource \"httproutes\" in API group \"gateway.networking.k8s.io\" in the namespace \"default\"";
        assert!(ApiError::new(403, "Forbidden", right).is_missing_right());
        for denial in [
            "admission webhook \"guard.example.com\" denied the request: weights are frozen",
            "pods \"web\" is forbidden: exceeded quota: small",
        ] {
            assert!(!ApiError::new(403, "Forbidden", denial).is_missing_right(), "{denial}");
        }
    }
}
