//! What scripts send with: requests one after the other, with the answers written down so that they compare.

use serde_json::{Map, Value, json};
use tidegate_api::{ApiError, Body, Operation, Preconditions, Request, Resource, builtin};

use super::server::Server;

/// One answer, evened out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Note {
    /// What was asked.
    pub(super) what: String,
    /// What was answered.
    pub(super) answer: Value,
}

/// Sends for a script and takes notes.
pub(super) struct Client {
    server: Server,
    namespace: String,
    resource: Resource,
    notes: Vec<Note>,
    /// The last resource version of each object, to say whether a write made a new one.
    versions: std::collections::BTreeMap<String, String>,
}

impl Client {
    pub(super) fn new(server: Server, namespace: &str) -> Self {
        Self {
            server,
            namespace: namespace.to_owned(),
            resource: builtin::rollouts(),
            notes: Vec::new(),
            versions: std::collections::BTreeMap::new(),
        }
    }

    pub(super) fn into_notes(self) -> Vec<Note> {
        self.notes
    }

    /// The namespace of the script.
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// From now on, requests are about this resource.
    pub(super) fn about(&mut self, resource: Resource) {
        self.resource = resource;
    }

    /// Lets the ReplicaSet controller catch up.
    pub(super) async fn settle(&mut self, replica_set: &str) {
        self.server.settle(&self.namespace, replica_set).await;
    }

    /// Sends, takes a note, and answers what was answered (null for an error).
    pub(super) async fn send(&mut self, what: &str, operation: Operation) -> Value {
        let request =
            Request { resource: self.resource.clone(), namespace: Some(self.namespace.clone()), operation };
        let result = self.server.send(&request).await;
        let answer = match &result {
            Ok(value) => self.evened(value.clone()),
            Err(error) => refusal(error),
        };
        self.notes.push(Note { what: what.to_owned(), answer });
        result.unwrap_or_default()
    }

    /// Asks for a path, and answers what is answered; of refusals the code. Without a note.
    pub(super) async fn raw(&self, method: &str, path: &str, accept: &str, body: Option<&Value>) -> Value {
        let admin = self.server.admin().expect("a server that understands HTTP");
        match admin.raw_as(method, path, accept, body).await {
            Ok(answer) => answer,
            Err(kube::Error::Api(status)) => json!({ "code": status.code }),
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }

    /// Takes a note of something that needs no evening out.
    pub(super) fn note(&mut self, what: &str, answer: Value) {
        self.notes.push(Note { what: what.to_owned(), answer });
    }

    pub(super) async fn create(&mut self, what: &str, object: Value) -> Value {
        self.send(what, Operation::Create { object }).await
    }

    pub(super) async fn get(&mut self, what: &str, name: &str) -> Value {
        self.send(what, Operation::Get { name: name.to_owned() }).await
    }

    pub(super) async fn list(&mut self, what: &str, labels: Option<&str>) -> Value {
        self.send(what, Operation::List { labels: labels.map(str::to_owned) }).await
    }

    pub(super) async fn replace(
        &mut self,
        what: &str,
        name: &str,
        part: Option<&str>,
        object: Value,
    ) -> Value {
        let subresource = part.map(str::to_owned);
        self.send(what, Operation::Replace { name: name.to_owned(), subresource, object }).await
    }

    pub(super) async fn merge(&mut self, what: &str, name: &str, part: Option<&str>, change: Value) -> Value {
        self.patch(what, name, part, Body::Merge(change)).await
    }

    pub(super) async fn json(&mut self, what: &str, name: &str, part: Option<&str>, change: Value) -> Value {
        self.patch(what, name, part, Body::Json(change)).await
    }

    async fn patch(&mut self, what: &str, name: &str, part: Option<&str>, body: Body) -> Value {
        let subresource = part.map(str::to_owned);
        self.send(what, Operation::Patch { name: name.to_owned(), subresource, body }).await
    }

    pub(super) async fn delete(&mut self, what: &str, name: &str, preconditions: Preconditions) -> Value {
        self.send(what, Operation::Delete { name: name.to_owned(), preconditions }).await
    }

    /// Without what has to differ; with a word on whether the object changed since it was last answered.
    fn evened(&mut self, mut value: Value) -> Value {
        if let Some(items) = value.get_mut("items").and_then(Value::as_array_mut) {
            // The order of a list is that of the names on both.
            let items: Vec<Value> = items.iter_mut().map(Value::take).collect();
            let items: Vec<Value> = items.into_iter().map(|item| self.evened(item)).collect();
            return json!({ "kind": value["kind"], "apiVersion": value["apiVersion"], "items": items });
        }
        let version = tidegate_api::object::resource_version(&value).to_owned();
        let key = format!("{} {}", value["kind"], tidegate_api::object::name(&value));
        let news = match self.versions.insert(key, version.clone()) {
            Some(before) if before == version => "as before",
            Some(_) => "changed",
            None => "new",
        };
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            even_metadata(metadata);
            if !version.is_empty() {
                metadata.insert("resourceVersion".into(), news.into());
            }
        }
        if value["kind"] == "ReplicaSet" || value["kind"] == "Scale" {
            // Written by a controller at a time of its own.
            if let Some(fields) = value.as_object_mut() {
                fields.remove("status");
            }
        }
        if value["kind"] == "Status" {
            // The uid of what was deleted.
            if let Some(details) = value.get_mut("details").and_then(Value::as_object_mut) {
                details.remove("uid");
            }
        }
        if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
            for field in ["clusterIP", "clusterIPs"] {
                if let Some(address) = spec.get_mut(field) {
                    *address = "assigned".into();
                }
            }
        }
        ordered(value)
    }
}

fn even_metadata(metadata: &mut Map<String, Value>) {
    for field in ["uid", "creationTimestamp", "managedFields", "resourceVersion"] {
        metadata.remove(field);
    }
    for owner in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
        owner["uid"] = "of the owner".into();
    }
    if metadata.contains_key("deletionTimestamp") {
        metadata.insert("deletionTimestamp".into(), "set".into());
    }
    if let Some(prefix) = metadata.get("generateName").and_then(Value::as_str).map(str::to_owned) {
        let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
        let fits = name.starts_with(&prefix) && name.len() == prefix.len() + 5;
        metadata.insert("name".into(), if fits { "generated".into() } else { name.into() });
    }
}

/// What a client may act on: the code, the reason and which fields are wrong. Texts may differ.
fn refusal(error: &ApiError) -> Value {
    let fields = error.causes.iter().map(|cause| cause.field.as_str());
    // A server adds under this name that it left out the CEL rules, because the schema had enough to say.
    let mut fields: Vec<&str> = fields.filter(|field| *field != "<nil>").collect();
    fields.sort_unstable();
    fields.dedup();
    json!({ "code": error.code, "reason": error.reason, "fields": fields })
}

/// With the keys of objects in alphabetical order: two servers may write them in any.
fn ordered(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().map(|(key, value)| (key, ordered(value))).collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(ordered).collect()),
        other => other,
    }
}

/// The resource version that an answer has.
pub(super) fn version(answer: &Value) -> String {
    tidegate_api::object::resource_version(answer).to_owned()
}

/// The uid that an answer has.
pub(super) fn uid(answer: &Value) -> String {
    tidegate_api::object::uid(answer).to_owned()
}
