//! What the client may do: everything.

use http::StatusCode;
use serde_json::{Value, json};
use tidegate_api::ApiError;

use crate::answer::not_served;

/// Answers a review.
pub(crate) fn answer(plural: &str, mut review: Value) -> Result<(StatusCode, Value), ApiError> {
    let status = match plural {
        "selfsubjectaccessreviews" | "localsubjectaccessreviews" | "subjectaccessreviews" => {
            json!({"allowed": true})
        }
        "selfsubjectrulesreviews" => json!({
            "incomplete": false,
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        }),
        _ => return Err(not_served()),
    };
    if let Some(fields) = review.as_object_mut() {
        fields.insert("status".into(), status);
    }
    Ok((StatusCode::CREATED, review))
}
