//! All objects of a resource, page by page.

use std::time::Duration;

use serde_json::{Map, Value};
use tidegate_api::{ApiError, Resource};

use crate::api::{Api, no_answer};
use crate::request::{ListQuery, PAGE_SIZE};

/// The time limit of one page. Longer than that of other requests: a page of large objects is megabytes.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a list answered.
pub(crate) struct List {
    /// The objects, each with its `apiVersion` and `kind`.
    pub(crate) objects: Vec<Value>,
    /// The state of the cluster that they are of; a watch continues from here.
    pub(crate) resource_version: String,
    /// Items that are no objects; left out.
    pub(crate) malformed: usize,
}

impl List {
    /// As one list object.
    pub(crate) fn into_value(self, resource: &Resource) -> Value {
        serde_json::json!({
            "apiVersion": resource.api_version(),
            "kind": format!("{}List", resource.kind),
            "metadata": { "resourceVersion": self.resource_version },
            "items": self.objects,
        })
    }
}

/// Reads all pages. A token that expired on the way (the list took longer than the server keeps its history)
/// is answered with one request for everything, as client-go does.
pub(crate) async fn list(api: &Api, query: &ListQuery) -> Result<List, ApiError> {
    match pages(api, query, PAGE_SIZE).await {
        Err(error) if error.is_expired() => pages(api, query, 0).await,
        other => other,
    }
}

async fn pages(api: &Api, query: &ListQuery, limit: u32) -> Result<List, ApiError> {
    let mut list = List { objects: Vec::new(), resource_version: String::new(), malformed: 0 };
    let mut token: Option<String> = None;
    loop {
        let exchange = api.exchange(query.page(limit, token.as_deref())?);
        let page = tokio::time::timeout(PAGE_TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(no_answer("the API server took too long to list".into())))?;
        token = take_page(&mut list, page, &query.resource);
        if token.is_none() {
            return Ok(list);
        }
    }
}

/// Adds a page to the list; answers the token of the next one. All pages are of the same state of the cluster,
/// so the first page's resource version is that of the list.
fn take_page(list: &mut List, mut page: Value, resource: &Resource) -> Option<String> {
    let metadata = |field: &str| page.get("metadata")?.get(field)?.as_str().map(str::to_owned);
    let token = metadata("continue").filter(|token| !token.is_empty());
    if list.resource_version.is_empty() {
        list.resource_version = metadata("resourceVersion").unwrap_or_default();
    }
    if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
        for item in items {
            match item {
                Value::Object(fields) if is_object(&fields) => {
                    list.objects.push(with_type(fields, resource));
                }
                _ => list.malformed += 1,
            }
        }
    }
    token
}

/// Whether it is an object that can be told from others.
pub(crate) fn is_object(fields: &Map<String, Value>) -> bool {
    let text = |field: &str| fields.get("metadata").and_then(|metadata| metadata.get(field)?.as_str());
    text("name").is_some_and(|name| !name.is_empty())
        && text("resourceVersion").is_some_and(|version| !version.is_empty())
}

/// Items of a list of built-in objects come without `apiVersion` and `kind`; everything else has them.
fn with_type(fields: Map<String, Value>, resource: &Resource) -> Value {
    if fields.contains_key("kind") && fields.contains_key("apiVersion") {
        return Value::Object(fields);
    }
    let mut whole = Map::with_capacity(fields.len() + 2);
    whole.insert("apiVersion".into(), resource.api_version().into());
    whole.insert("kind".into(), resource.kind.as_ref().into());
    whole.extend(fields.into_iter().filter(|(key, _)| key != "kind" && key != "apiVersion"));
    Value::Object(whole)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_api::builtin;

    use super::*;

    #[test]
    fn pages_add_up_and_items_get_their_type() {
        let mut list = List { objects: Vec::new(), resource_version: String::new(), malformed: 0 };
        let first = json!({
            "metadata": { "resourceVersion": "7", "continue": "next" },
            "items": [{ "metadata": { "name": "a", "resourceVersion": "1" } }, "junk", { "metadata": {} }],
        });
        let second = json!({
            "metadata": { "resourceVersion": "9" },
            "items": [{ "kind": "Pod", "apiVersion": "v1", "metadata": { "name": "b", "resourceVersion": "2" } }],
        });
        assert_eq!(take_page(&mut list, first, &builtin::pods()).as_deref(), Some("next"));
        assert_eq!(take_page(&mut list, second, &builtin::pods()), None);
        assert_eq!(list.resource_version, "7");
        assert_eq!(list.malformed, 2);
        let types: Vec<_> = list
            .objects
            .iter()
            .map(|object| (object["apiVersion"].as_str(), object["kind"].as_str(), object["metadata"]["name"].as_str()))
            .collect();
        assert_eq!(types, [(Some("v1"), Some("Pod"), Some("a")), (Some("v1"), Some("Pod"), Some("b"))]);
    }
}
