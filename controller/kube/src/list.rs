//! All objects of a resource, page by page.

use std::time::Duration;

use serde_json::{Map, Value};
use tidegate_api::{ApiError, Resource};

use crate::api::{Api, no_answer};
use crate::request::{ListQuery, PAGE_SIZE};

/// The time limit of one page. Longer than that of other requests: a page of large objects is megabytes.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the objects of a resource, a page at a time.
pub(crate) struct Pages<'a> {
    api: &'a Api,
    query: &'a ListQuery,
    limit: u32,
    next: Next,
    resource_version: String,
}

enum Next {
    First,
    After(String),
    Nothing,
}

/// Some of the objects.
#[derive(Default)]
pub(crate) struct Page {
    /// Each with its `apiVersion` and `kind`.
    pub(crate) objects: Vec<Value>,
    /// Items that are no objects; left out.
    pub(crate) malformed: usize,
}

impl<'a> Pages<'a> {
    /// In pages of a moderate size.
    pub(crate) fn new(api: &'a Api, query: &'a ListQuery) -> Self {
        Self { api, query, limit: PAGE_SIZE, next: Next::First, resource_version: String::new() }
    }

    /// Everything on one page: for when the continuation of a list expired on the way (it took longer than the
    /// server keeps its history), as client-go does.
    pub(crate) fn at_once(api: &'a Api, query: &'a ListQuery) -> Self {
        Self { limit: 0, ..Self::new(api, query) }
    }

    /// The next page; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, ApiError> {
        let token = match &self.next {
            Next::First => None,
            Next::After(token) => Some(token.as_str()),
            Next::Nothing => return Ok(None),
        };
        let exchange = self.api.exchange(self.query.page(self.limit, token)?);
        let page = tokio::time::timeout(PAGE_TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(no_answer("the API server took too long to list".into())))?;
        Ok(Some(self.take(page)))
    }

    /// The state of the cluster that the list is of; a watch continues from here. All pages are of the same
    /// state, so the first one's version is that of the list.
    pub(crate) fn resource_version(&self) -> &str {
        &self.resource_version
    }

    fn take(&mut self, mut page: Value) -> Page {
        let metadata = |field: &str| page.get("metadata")?.get(field)?.as_str().map(str::to_owned);
        let token = metadata("continue").filter(|token| !token.is_empty());
        self.next = token.map_or(Next::Nothing, Next::After);
        if self.resource_version.is_empty() {
            self.resource_version = metadata("resourceVersion").unwrap_or_default();
        }
        let mut taken = Page::default();
        if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
            for item in items {
                match item {
                    Value::Object(fields) if is_object(&fields) => {
                        taken.objects.push(with_type(fields, &self.query.resource));
                    }
                    _ => taken.malformed += 1,
                }
            }
        }
        taken
    }
}

/// All objects, as one list.
pub(crate) async fn list(api: &Api, query: &ListQuery) -> Result<Value, ApiError> {
    match collect(Pages::new(api, query)).await {
        Err(error) if error.is_expired() => collect(Pages::at_once(api, query)).await,
        other => other,
    }
}

async fn collect(mut pages: Pages<'_>) -> Result<Value, ApiError> {
    let mut items = Vec::new();
    while let Some(page) = pages.next().await? {
        items.extend(page.objects);
    }
    let resource = &pages.query.resource;
    Ok(serde_json::json!({
        "apiVersion": resource.api_version(),
        "kind": format!("{}List", resource.kind),
        "metadata": { "resourceVersion": pages.resource_version },
        "items": items,
    }))
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

    /// Takes pages without asking anybody for them.
    fn pages_of<'a>(api: &'a Api, query: &'a ListQuery, pages: Vec<Value>) -> (Pages<'a>, Vec<Page>) {
        let mut reader = Pages::new(api, query);
        let taken = pages.into_iter().map(|page| reader.take(page)).collect();
        (reader, taken)
    }

    #[tokio::test]
    async fn pages_continue_and_items_get_their_type() {
        let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let api = Api::new(kube::Client::try_from(config).unwrap());
        let query = ListQuery { resource: builtin::pods(), namespace: None, labels: None, name: None };
        let first = json!({
            "metadata": { "resourceVersion": "7", "continue": "next" },
            "items": [{ "metadata": { "name": "a", "resourceVersion": "1" } }, "junk", { "metadata": {} }],
        });
        let second = json!({
            "metadata": { "resourceVersion": "9" },
            "items": [{ "kind": "Pod", "apiVersion": "v1", "metadata": { "name": "b", "resourceVersion": "2" } }],
        });
        let (reader, _) = pages_of(&api, &query, vec![first.clone()]);
        assert!(matches!(&reader.next, Next::After(token) if token == "next"));
        let (mut reader, taken) = pages_of(&api, &query, vec![first, second]);
        assert!(reader.next().await.unwrap().is_none(), "the second page was the last");
        assert_eq!(reader.resource_version(), "7");
        assert_eq!(taken.iter().map(|page| page.malformed).collect::<Vec<_>>(), [2, 0]);
        let types: Vec<_> = taken
            .iter()
            .flat_map(|page| &page.objects)
            .map(|object| {
                let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap();
                (text("/apiVersion"), text("/kind"), text("/metadata/name"))
            })
            .collect();
        assert_eq!(types, [("v1", "Pod", "a"), ("v1", "Pod", "b")]);
    }
}
