//! Lists, whole or in pages. All pages of a list are of the same state, that of the first.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Map, Value};
use tidegate_api::{ApiError, Resource};
use tidegate_cluster::Cluster;

use crate::answer::bad_request;
use crate::form::{Form, append};
use crate::query::Query;
use crate::selection::Selection;

/// So many lists can be under way; older ones have to begin anew.
const MOST_LISTS: usize = 64;

/// The lists that are under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    begun: VecDeque<Begun>,
    count: u64,
}

/// A list that was begun, as everything was then.
#[derive(Clone, Debug)]
struct Begun {
    number: u64,
    resource: Resource,
    resource_version: u64,
    objects: Vec<Arc<Value>>,
}

/// Where a list goes on.
struct Token {
    list: u64,
    from: usize,
}

impl Token {
    fn read(text: &str) -> Option<Self> {
        let (list, from) = text.split_once('.')?;
        Some(Self { list: list.parse().ok()?, from: from.parse().ok()? })
    }
}

impl Lists {
    /// The whole list, or a page of it, as JSON text.
    pub(crate) fn answer(
        &mut self,
        cluster: &Cluster,
        resource: &Resource,
        namespace: Option<&str>,
        query: &Query,
        form: Form,
    ) -> Result<Vec<u8>, ApiError> {
        let selection = Selection::read(resource, query)?;
        let (begun, from) = match &query.continues {
            Some(text) => {
                let token = Token::read(text).ok_or_else(|| bad_request("continue key is not valid"))?;
                (self.find(cluster, resource, token.list)?, token.from)
            }
            None => (self.begin(cluster, resource, namespace, &selection, query.limit.is_some()), 0),
        };
        let rest = begun.objects.get(from..).unwrap_or_default();
        let limit = query.limit.unwrap_or(usize::MAX);
        let (page, after) = rest.split_at_checked(limit).unwrap_or((rest, &[]));
        let mut metadata = Map::new();
        metadata.insert("resourceVersion".into(), begun.resource_version.to_string().into());
        let is_custom = cluster.served_as(resource).is_some_and(|served| served.custom);
        if !after.is_empty() {
            metadata.insert("continue".into(), format!("{}.{}", begun.number, from + page.len()).into());
            if selection.is_all() {
                metadata.insert("remainingItemCount".into(), after.len().into());
            }
        } else if is_custom && form == Form::Whole {
            metadata.insert("continue".into(), "".into());
        }
        Ok(write(resource, metadata, page, form, is_custom))
    }

    fn begin(
        &mut self,
        cluster: &Cluster,
        resource: &Resource,
        namespace: Option<&str>,
        selection: &Selection,
        is_paged: bool,
    ) -> Begun {
        let objects = cluster.objects(resource, namespace);
        self.count += 1;
        let begun = Begun {
            number: self.count,
            resource: resource.clone(),
            resource_version: cluster.resource_version(),
            objects: objects.filter(|object| selection.fits(object)).cloned().collect(),
        };
        if is_paged {
            self.begun.truncate(MOST_LISTS - 1);
            self.begun.push_front(begun.clone());
        }
        begun
    }

    fn find(&self, cluster: &Cluster, resource: &Resource, number: u64) -> Result<Begun, ApiError> {
        let is_it = |begun: &&Begun| begun.number == number && begun.resource == *resource;
        let found = self.begun.iter().find(is_it);
        // As long as the changes since then are known, the state of then is.
        let is_known = |begun: &&Begun| cluster.changes_since(resource, None, begun.resource_version).is_ok();
        found.filter(is_known).cloned().ok_or_else(|| {
            let message = "The provided continue parameter is too old to display a consistent list result. You must start a \
                           new list without the continue parameter.";
            ApiError::new(410, "Expired", message)
        })
    }
}

fn write(
    resource: &Resource,
    metadata: Map<String, Value>,
    objects: &[Arc<Value>],
    form: Form,
    is_custom: bool,
) -> Vec<u8> {
    let (kind, api_version) = form.list_type(&resource.kind, resource.api_version());
    let mut text = b"{\"kind\":".to_vec();
    append(&kind.into(), &mut text);
    text.extend_from_slice(b",\"apiVersion\":");
    append(&api_version.into(), &mut text);
    text.extend_from_slice(b",\"metadata\":");
    append(&metadata.into(), &mut text);
    text.extend_from_slice(b",\"items\":[");
    for (index, object) in objects.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        form.write(object, is_custom, &mut text);
    }
    text.extend_from_slice(b"]}");
    text
}
