//! One HTTP exchange with the API server, with values as they are on both sides: no type in between that
//! could lose a field it does not know.

use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tidegate_api::{ApiError, Request};

use crate::access_review;
use crate::request::{self, HttpRequest};

/// The time limit of one request. A healthy API server answers within a second, webhooks included; what took
/// longer than this will be looked at again anyway.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer that is read. etcd refuses objects above 1.5 MiB and a page has at most
/// [`request::PAGE_SIZE`] of them; no real page comes near this.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// Sends requests to one API server as one user.
#[derive(Clone)]
pub struct Api {
    client: Client,
    reads_only: bool,
}

impl Api {
    /// Over this client. It should not retry by itself.
    pub fn new(client: Client) -> Self {
        Self { client, reads_only: false }
    }

    /// The same, but nothing that could change anything leaves this process: everything is sent through here, and only what
    /// reads is. Whatever else is wrong, a shadow cannot write.
    #[must_use]
    pub fn reading_only(self) -> Self {
        Self { reads_only: true, ..self }
    }

    /// The namespace of the pod's service account, or of the kubeconfig's context.
    pub(crate) fn default_namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// Sends one request and waits for the answer, 10 seconds at most.
    ///
    /// # Errors
    /// What the server says, or an error with code 0 when no answer came back: nobody knows then whether the
    /// request was carried out.
    pub async fn send(&self, request: &Request) -> Result<Value, ApiError> {
        self.send_within(request, REQUEST_TIMEOUT).await
    }

    /// The same with a time limit of the caller's.
    pub(crate) async fn send_within(&self, request: &Request, limit: Duration) -> Result<Value, ApiError> {
        let answer = async {
            if let Some(query) = request::list_query(request) {
                return crate::list::list(self, &query).await;
            }
            self.exchange(request::http_request(request)?).await
        };
        tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(no_answer_within(limit)))
    }

    /// Reads the metadata of objects, without the objects themselves.
    pub(crate) async fn list_metadata(&self, query: &request::ListQuery) -> Result<Value, ApiError> {
        const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        let request = HttpRequest { accept: Some(METADATA), ..query.page(0, None)? };
        tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(request))
            .await
            .unwrap_or_else(|_| Err(no_answer_within(REQUEST_TIMEOUT)))
    }

    /// Reads a path, for example of the discovery API.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, ApiError> {
        tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(HttpRequest::get(path.to_owned())))
            .await
            .unwrap_or_else(|_| Err(no_answer_within(REQUEST_TIMEOUT)))
    }

    /// Sends a request and reads the whole answer. Without a time limit of its own.
    pub(crate) async fn exchange(&self, request: HttpRequest) -> Result<Value, ApiError> {
        let response = self.open(request).await?;
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await.map_err(|error| {
            no_answer(format!("the answer of the API server could not be read to its end: {error}"))
        })?;
        serde_json::from_slice(&body.to_bytes()).map_err(|error| {
            no_answer(format!("the API server answered something that is not JSON: {error}"))
        })
    }

    /// Sends a request and leaves the answer's body to the caller. An answer that says no is an error.
    pub(crate) async fn open(&self, request: HttpRequest) -> Result<Response<Body>, ApiError> {
        if self.reads_only && !is_reading(&request) {
            let message =
                format!("not sent, because this process only reads: {} {}", request.method, request.uri);
            return Err(ApiError::new(0, "ReadOnly", message));
        }
        let response = self.client.send(compose(request)?).await.map_err(|error| {
            no_answer(format!("the API server could not be reached, or ended the connection: {error}"))
        })?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }
}

/// Whether a request changes nothing: it reads, or asks what one may do.
fn is_reading(request: &HttpRequest) -> bool {
    let path = request.uri.split('?').next();
    request.method == Method::GET || request.method == Method::POST && path == Some(access_review::PATH)
}

fn compose(request: HttpRequest) -> Result<http::Request<Body>, ApiError> {
    let HttpRequest { method, uri, content_type, accept, body } = request;
    let is_watch = method == Method::GET && uri.contains("watch=true");
    let mut builder = http::Request::builder()
        .method(method)
        .uri(uri)
        .header(ACCEPT, HeaderValue::from_static(accept.unwrap_or("application/json")));
    if is_watch {
        // Servers from 1.37 on compress watches too, one member per event, which no decoder here reads.
        builder = builder.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if let Some(content_type) = content_type {
        builder = builder.header(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    builder
        .body(Body::from(body))
        .map_err(|error| ApiError::new(400, "BadRequest", format!("this is not a valid request: {error}")))
}

async fn refusal(response: Response<Body>) -> ApiError {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok());
    let body = Limited::new(response.into_body(), 1024 * 1024).collect().await;
    let text = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
    let mut error = ApiError::from_body(status.as_u16(), text.trim());
    if error.message.is_empty() {
        error.message = format!("the API server answered {status}");
    }
    if status == StatusCode::TOO_MANY_REQUESTS && error.reason.is_empty() {
        error.reason = "TooManyRequests".into();
    }
    error.retry_after = error.retry_after.or(retry_after);
    error
}

/// Nobody knows what became of the request.
pub(crate) fn no_answer(message: String) -> ApiError {
    ApiError::new(0, "NoAnswer", message)
}

fn no_answer_within(limit: Duration) -> ApiError {
    ApiError::new(0, "Timeout", format!("no answer of the API server within {} s", limit.as_secs_f32()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_api::{Body, Operation, Preconditions, builtin};

    use super::*;
    use crate::testing::StandIn;

    #[tokio::test]
    async fn who_only_reads_sends_nothing_else() {
        let server = StandIn::default();
        let api = server.start().await.reading_only();
        let name = || "web".to_owned();
        for operation in [
            Operation::Create { object: json!({}) },
            Operation::CreateStrictly { object: json!({}) },
            Operation::Replace { name: name(), subresource: None, object: json!({}) },
            Operation::Patch { name: name(), subresource: None, body: Body::Merge(json!({})) },
            Operation::Patch {
                name: name(),
                subresource: Some("status".into()),
                body: Body::Json(json!([])),
            },
            Operation::Delete { name: name(), preconditions: Preconditions::default() },
        ] {
            let request =
                Request { resource: builtin::services(), namespace: Some("shop".into()), operation };
            let error = api.send(&request).await.unwrap_err();
            assert_eq!(error.reason, "ReadOnly", "{request:?}");
        }
        assert!(server.asked().is_empty(), "{:?}", server.asked());
        let read = Request {
            resource: builtin::services(),
            namespace: Some("shop".into()),
            operation: Operation::Get { name: name() },
        };
        let asks = access_review::request(json!({"verb": "get", "resource": "services"}));
        for request in [read, asks] {
            let before = server.asked().len();
            let _ = api.send(&request).await;
            assert_eq!(server.asked().len(), before + 1, "{request:?}");
        }
    }
}
