//! A user who may do everything: what tests set up and read back goes through it.

use kube::Client;
use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, Operation, Preconditions, Request, Resource};
use tidegate_kube::Api;

/// Requests of a user who may do everything.
#[derive(Clone)]
pub struct Admin {
    /// For requests as the controller makes them.
    pub api: Api,
    client: Client,
}

impl Admin {
    pub(crate) fn new(client: Client) -> Self {
        Self { api: Api::new(client.clone()), client }
    }

    /// Of a server that lets everybody do everything, at this address.
    ///
    /// # Panics
    /// When that is no address.
    pub fn at(uri: &str) -> Self {
        let mut config = kube::Config::new(uri.parse().expect("an address"));
        config.default_retry = false;
        Self::new(Client::try_from(config).expect("a client without TLS"))
    }

    async fn send(
        &self,
        resource: &Resource,
        namespace: &str,
        operation: Operation,
    ) -> Result<Value, ApiError> {
        let namespace = (resource.namespaced && !namespace.is_empty()).then(|| namespace.to_owned());
        self.api.send(&Request { resource: resource.clone(), namespace, operation }).await
    }

    /// One object.
    ///
    /// # Errors
    /// What the server says.
    pub async fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Value, ApiError> {
        self.send(resource, namespace, Operation::Get { name: name.to_owned() }).await
    }

    /// All objects of a namespace, or of all when it is empty.
    ///
    /// # Errors
    /// What the server says.
    pub async fn list(&self, resource: &Resource, namespace: &str) -> Result<Vec<Value>, ApiError> {
        let list = self.send(resource, namespace, Operation::List { labels: None }).await?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Makes an object, in the namespace that it names.
    ///
    /// # Errors
    /// What the server says.
    pub async fn create(&self, resource: &Resource, object: &Value) -> Result<Value, ApiError> {
        let namespace = tidegate_api::object::namespace(object).to_owned();
        self.send(resource, &namespace, Operation::Create { object: object.clone() }).await
    }

    /// Makes an object, in the namespace that it names, unless it has a field that the server does not know.
    ///
    /// # Errors
    /// What the server says.
    pub async fn create_strictly(&self, resource: &Resource, object: &Value) -> Result<Value, ApiError> {
        let namespace = tidegate_api::object::namespace(object).to_owned();
        self.send(resource, &namespace, Operation::CreateStrictly { object: object.clone() }).await
    }

    /// Changes an object by a merge patch.
    ///
    /// # Errors
    /// What the server says.
    pub async fn merge(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        change: Value,
    ) -> Result<Value, ApiError> {
        self.patch(resource, namespace, name, None, Body::Merge(change)).await
    }

    /// Changes the status of an object by a merge patch.
    ///
    /// # Errors
    /// What the server says.
    pub async fn merge_status(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        status: Value,
    ) -> Result<Value, ApiError> {
        let change = Body::Merge(json!({ "status": status }));
        self.patch(resource, namespace, name, Some("status"), change).await
    }

    /// Changes an object, or a part of it.
    ///
    /// # Errors
    /// What the server says.
    pub async fn patch(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        subresource: Option<&str>,
        body: Body,
    ) -> Result<Value, ApiError> {
        let subresource = subresource.map(str::to_owned);
        self.send(resource, namespace, Operation::Patch { name: name.to_owned(), subresource, body }).await
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// What the server says.
    pub async fn delete(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Value, ApiError> {
        let preconditions = Preconditions::default();
        self.send(resource, namespace, Operation::Delete { name: name.to_owned(), preconditions }).await
    }

    /// What is at a path, as the table that `kubectl get` prints.
    ///
    /// # Errors
    /// What the server says.
    pub async fn table(&self, path: &str) -> Result<Value, kube::Error> {
        let request = http::Request::builder()
            .uri(path)
            .header("accept", "application/json;as=Table;g=meta.k8s.io;v=v1")
            .body(Vec::new())
            .expect("a valid request");
        let text = self.client.request_text(request).await?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Any other request.
    ///
    /// # Errors
    /// What the server says.
    pub async fn raw(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, kube::Error> {
        self.raw_as(method, path, "application/json", body).await
    }

    /// The same, with an answer in a form of one's own.
    ///
    /// # Errors
    /// What the server says.
    pub async fn raw_as(
        &self,
        method: &str,
        path: &str,
        accept: &str,
        body: Option<&Value>,
    ) -> Result<Value, kube::Error> {
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("accept", accept)
            .body(bytes)
            .expect("a valid request");
        let text = self.client.request_text(request).await?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}
