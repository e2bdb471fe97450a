//! From what is asked to the HTTP request that asks it. Pure.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, Operation, Preconditions, Request, Resource};

/// The name under which the API server records what we changed.
pub(crate) const FIELD_MANAGER: &str = "tidegate";

/// Objects per page of a list, the same as other controllers use: few round trips, no page of hundreds of MiB.
pub(crate) const PAGE_SIZE: u32 = 500;

/// Everything that has a meaning in a query is escaped.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An HTTP request, before it becomes one of a particular client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpRequest {
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) content_type: Option<&'static str>,
    /// In which form the answer should be, if not the usual one.
    pub(crate) accept: Option<&'static str>,
    pub(crate) body: Vec<u8>,
}

impl HttpRequest {
    pub(crate) fn get(uri: String) -> Self {
        Self { method: Method::GET, uri, content_type: None, accept: None, body: Vec::new() }
    }
}

/// Which objects a list or a watch is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListQuery {
    pub(crate) resource: Resource,
    pub(crate) namespace: Option<String>,
    pub(crate) labels: Option<String>,
    /// Only the object of this name. A role may grant this for that name alone.
    pub(crate) name: Option<String>,
}

/// What a list request asks for; `None` when it is another kind of request. Lists come in pages, so they are
/// more than one exchange.
pub(crate) fn list_query(request: &Request) -> Option<ListQuery> {
    match &request.operation {
        Operation::List { labels } => Some(ListQuery {
            resource: request.resource.clone(),
            namespace: request.namespace.clone(),
            labels: labels.clone(),
            name: None,
        }),
        _ => None,
    }
}

impl ListQuery {
    /// One page: the first, or the one that a token continues. `limit` 0 asks for everything at once.
    pub(crate) fn page(&self, limit: u32, token: Option<&str>) -> Result<HttpRequest, ApiError> {
        let mut query = Vec::new();
        if limit > 0 {
            query.push(("limit", limit.to_string()));
        }
        query.extend(token.map(|token| ("continue", token.to_owned())));
        Ok(HttpRequest::get(self.uri(query)?))
    }

    /// A watch that continues after a resource version, for at most so many seconds.
    pub(crate) fn watch(&self, resource_version: &str, seconds: u32) -> Result<HttpRequest, ApiError> {
        let query = vec![
            ("watch", "true".to_owned()),
            ("allowWatchBookmarks", "true".to_owned()),
            ("resourceVersion", resource_version.to_owned()),
            ("timeoutSeconds", seconds.to_string()),
        ];
        Ok(HttpRequest::get(self.uri(query)?))
    }

    fn uri(&self, mut query: Vec<(&str, String)>) -> Result<String, ApiError> {
        check_segments([self.namespace.as_deref()])?;
        query.extend(self.labels.clone().map(|labels| ("labelSelector", labels)));
        query.extend(self.name.as_ref().map(|name| ("fieldSelector", format!("metadata.name={name}"))));
        Ok(with_query(self.resource.path(self.namespace.as_deref(), None, None), &query))
    }
}

/// The HTTP request for anything but a list.
///
/// # Errors
/// When a name in it cannot be part of a path: then it names no object that could exist.
pub(crate) fn http_request(request: &Request) -> Result<HttpRequest, ApiError> {
    let Request { resource, namespace, operation } = request;
    let namespace = namespace.as_deref();
    check_segments([namespace, request.name()])?;
    let path = |name: Option<&str>, subresource: Option<&str>| resource.path(namespace, name, subresource);
    let managed = |path: String| with_query(path, &[("fieldManager", FIELD_MANAGER.to_owned())]);
    let strict = |path: String| {
        let strictly = ("fieldValidation", "Strict".to_owned());
        with_query(path, &[("fieldManager", FIELD_MANAGER.to_owned()), strictly])
    };
    Ok(match operation {
        Operation::Get { name } => HttpRequest::get(path(Some(name), None)),
        Operation::List { .. } => HttpRequest::get(path(None, None)),
        Operation::Create { object } => {
            with_body(Method::POST, managed(path(None, None)), "application/json", object)
        }
        Operation::CreateStrictly { object } => {
            with_body(Method::POST, strict(path(None, None)), "application/json", object)
        }
        Operation::Replace { name, subresource, object } => {
            check_segments([subresource.as_deref()])?;
            let uri = managed(path(Some(name), subresource.as_deref()));
            with_body(Method::PUT, uri, "application/json", object)
        }
        Operation::Patch { name, subresource, body } => {
            check_segments([subresource.as_deref()])?;
            let path = path(Some(name), subresource.as_deref());
            match body {
                Body::Merge(change) => {
                    with_body(Method::PATCH, managed(path), "application/merge-patch+json", change)
                }
                Body::Json(change) => {
                    let uri = if subresource.is_none() { strict(path) } else { managed(path) };
                    with_body(Method::PATCH, uri, "application/json-patch+json", change)
                }
            }
        }
        Operation::Evict { name, preconditions } => {
            let eviction = json!({
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": { "name": name, "namespace": namespace },
                "deleteOptions": delete_options(preconditions),
            });
            with_body(Method::POST, path(Some(name), Some("eviction")), "application/json", &eviction)
        }
        Operation::Delete { name, preconditions } => {
            let options = delete_options(preconditions);
            with_body(Method::DELETE, path(Some(name), None), "application/json", &options)
        }
    })
}

fn with_body(method: Method, uri: String, content_type: &'static str, body: &Value) -> HttpRequest {
    HttpRequest {
        method,
        uri,
        content_type: Some(content_type),
        accept: None,
        body: body.to_string().into_bytes(),
    }
}

fn delete_options(preconditions: &Preconditions) -> Value {
    let mut options =
        json!({ "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background" });
    let mut conditions = serde_json::Map::new();
    if let Some(uid) = &preconditions.uid {
        conditions.insert("uid".into(), uid.clone().into());
    }
    if let Some(version) = &preconditions.resource_version {
        conditions.insert("resourceVersion".into(), version.clone().into());
    }
    if let (false, Some(options)) = (conditions.is_empty(), options.as_object_mut()) {
        options.insert("preconditions".into(), Value::Object(conditions));
    }
    options
}

fn with_query(path: String, query: &[(&str, String)]) -> String {
    let mut uri = path;
    for (index, (key, value)) in query.iter().enumerate() {
        uri.push(if index == 0 { '?' } else { '&' });
        uri.push_str(key);
        uri.push('=');
        uri.extend(utf8_percent_encode(value, QUERY_VALUE));
    }
    uri
}

/// Names may come from what users wrote. One with a slash or a question mark in it would reach another object
/// than the one that was meant; the API server accepts no object of such a name, so nothing is lost.
fn check_segments<const N: usize>(segments: [Option<&str>; N]) -> Result<(), ApiError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':');
    for segment in segments.into_iter().flatten() {
        if segment.is_empty() || segment == "." || segment == ".." || !segment.bytes().all(plain) {
            let message = format!("{segment:?} cannot be the name of an object");
            return Err(ApiError::new(400, "BadRequest", message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tidegate_api::builtin;

    use super::*;

    fn request(operation: Operation) -> Request {
        Request { resource: builtin::rollouts(), namespace: Some("shop".into()), operation }
    }

    fn line(operation: Operation) -> String {
        let http = http_request(&request(operation)).unwrap();
        format!(
            "{} {} {} {}",
            http.method,
            http.uri,
            http.content_type.unwrap_or("-"),
            String::from_utf8(http.body).unwrap()
        )
    }

    #[test]
    fn each_operation_becomes_the_http_request_that_the_api_documents() {
        let name = "web".to_owned();
        let status = Some("status".to_owned());
        let cases = [
            (
                Operation::Get { name: name.clone() },
                "GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web - ",
            ),
            (
                Operation::Create { object: json!({"a": 1}) },
                "POST /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?fieldManager=tidegate application/json \
                 {\"a\":1}",
            ),
            (
                Operation::Replace { name: name.clone(), subresource: None, object: json!({}) },
                "PUT /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web?fieldManager=tidegate \
                 application/json {}",
            ),
            (
                Operation::Patch {
                    name: name.clone(),
                    subresource: status,
                    body: Body::Merge(json!({"status": null})),
                },
                "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status?fieldManager=tidegate \
                 application/merge-patch+json {\"status\":null}",
            ),
            (
                Operation::Patch { name: name.clone(), subresource: None, body: Body::Json(json!([])) },
                "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web?fieldManager=tidegate&\
                 fieldValidation=Strict application/json-patch+json []",
            ),
            (
                Operation::Patch {
                    name: name.clone(),
                    subresource: Some("status".to_owned()),
                    body: Body::Json(json!([])),
                },
                "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status?fieldManager=tidegate \
                 application/json-patch+json []",
            ),
            (
                Operation::CreateStrictly { object: json!({"a": 1}) },
                "POST /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?fieldManager=tidegate&\
                 fieldValidation=Strict application/json {\"a\":1}",
            ),
            (
                Operation::Delete {
                    name,
                    preconditions: Preconditions {
                        uid: Some("u".into()),
                        resource_version: Some("7".into()),
                    },
                },
                "DELETE /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web application/json \
                 {\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\",\
                 \"preconditions\":{\"uid\":\"u\",\"resourceVersion\":\"7\"}}",
            ),
        ];
        for (operation, expected) in cases {
            assert_eq!(line(operation), expected);
        }
    }

    #[test]
    fn a_name_that_would_change_the_path_is_refused() {
        for name in ["", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "ä"] {
            let error = http_request(&request(Operation::Get { name: name.into() })).unwrap_err();
            assert_eq!(error.code, 400, "{name:?}");
        }
        assert!(http_request(&request(Operation::Get { name: "system:node".into() })).is_ok());
    }

    #[test]
    fn list_and_watch_escape_what_they_are_given() {
        let query = ListQuery {
            resource: builtin::pods(),
            namespace: None,
            labels: Some("app in (a,b),!x".into()),
            name: None,
        };
        assert_eq!(
            query.page(500, Some("a+/=")).unwrap().uri,
            "/api/v1/pods?limit=500&continue=a%2B%2F%3D&labelSelector=app%20in%20%28a%2Cb%29%2C%21x"
        );
        assert_eq!(
            query.watch("42", 300).unwrap().uri,
            "/api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion=42&timeoutSeconds=300&\
             labelSelector=app%20in%20%28a%2Cb%29%2C%21x"
        );
        let one = ListQuery { labels: None, name: Some("web-1".into()), ..query };
        assert_eq!(one.page(0, None).unwrap().uri, "/api/v1/pods?fieldSelector=metadata.name%3Dweb-1");
    }
}
