//! Writes that an API server refuses because it does not know a field: it would leave it out otherwise, and the
//! object would never say what it should. Old custom resource definitions do that, for example with the names of a
//! route's rules.

use tidegate_api::ApiError;

/// What the server says before it names the fields.
const STRICT: &str = "strict decoding error: ";

/// The fields that the server does not know, as it names them: `unknown field "spec.rules[0].name"`.
pub(crate) fn unknown_fields(error: &ApiError) -> Option<&str> {
    let texts = error.causes.iter().map(|cause| cause.message.as_str()).chain([error.message.as_str()]);
    texts.filter(|_| matches!(error.code, 400 | 422)).find_map(|text| {
        // In front of it comes the whole object, in which anything may stand.
        let (_, fields) = text.rsplit_once(STRICT)?;
        (fields.contains("unknown field") && !fields.is_empty()).then_some(fields.trim())
    })
}

#[cfg(test)]
mod tests {
    use tidegate_api::Cause;

    use super::*;

    #[test]
    fn fields_are_named_as_the_server_names_them() {
        let refused = "HTTPRoute in version \"v1\" cannot be handled as a HTTPRoute: strict decoding error: unknown field \"spec.a\", unknown field \"spec.b\"";
        let error = ApiError::new(400, "BadRequest", refused);
        assert_eq!(unknown_fields(&error), Some("unknown field \"spec.a\", unknown field \"spec.b\""));
        let message = " \"\" is invalid: patch: Invalid value: \"{\\\"note\\\":\\\"strict decoding error: unknown field\\\"}\": strict decoding error: unknown field \"spec.rules[0].name\"";
        let mut error = ApiError::new(422, "Invalid", message);
        assert_eq!(unknown_fields(&error), Some("unknown field \"spec.rules[0].name\""));
        error.causes = vec![Cause { field: "patch".into(), message: message.into() }];
        assert_eq!(unknown_fields(&error), Some("unknown field \"spec.rules[0].name\""));
        for error in [
            ApiError::new(422, "Invalid", "spec.rules: Required value"),
            ApiError::new(500, "InternalError", refused),
            ApiError::new(400, "BadRequest", "strict decoding error: duplicate field \"a\""),
        ] {
            assert_eq!(unknown_fields(&error), None, "{error:?}");
        }
    }
}
