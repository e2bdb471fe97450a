//! Reading a cluster: discovery and lists, and nothing else. For tools that must not write, whatever they do.

use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ApiError, Resource};
use tidegate_shell::{Unwatchable, WatchKey};

use crate::api::{Api, no_answer};
use crate::client::{ConnectError, Connection, connect};
use crate::discovery::{Discovery, discover};
use crate::request::ListQuery;

/// A list, with all its pages, is there after this time, or it is not waited for any longer.
const LIST_TIMEOUT: Duration = Duration::from_mins(2);

/// Reads from one API server. It has no way to send anything but `GET`.
pub struct Reader {
    api: Api,
}

/// The objects of a kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// At the version at which they are served.
    pub resource: Resource,
    /// As they are.
    pub objects: Vec<Value>,
}

impl Reader {
    /// To the API server that the connection describes. Nothing is asked yet.
    ///
    /// # Errors
    /// When the kubeconfig or the credentials in it cannot be used.
    pub async fn connect(connection: &Connection) -> Result<Self, ConnectError> {
        Ok(Self { api: Api::new(connect(connection).await?) })
    }

    /// The namespace of the kubeconfig's context.
    pub fn default_namespace(&self) -> &str {
        self.api.default_namespace()
    }

    /// The objects that a watch would begin with; `None`: the kind is not served.
    ///
    /// # Errors
    /// What the server says, or an error with code 0 when it does not answer.
    pub async fn list(&self, watch: &WatchKey) -> Result<Option<Listed>, ApiError> {
        let reading = async {
            let resource = match discover(&self.api, watch).await? {
                Discovery::Served(resource) => resource,
                Discovery::Unwatchable(Unwatchable::NotServed) => return Ok(None),
                Discovery::Unwatchable(Unwatchable::Forbidden { message }) => {
                    return Err(ApiError::new(403, "Forbidden", message));
                }
            };
            let namespace = watch.namespace.as_deref().filter(|_| resource.namespaced).map(str::to_owned);
            let name = watch.name.as_deref().map(str::to_owned);
            let query = ListQuery { resource: resource.clone(), namespace, labels: None, name };
            let mut list = crate::list::list(&self.api, &query).await?;
            let objects = match list.get_mut("items").map(Value::take) {
                Some(Value::Array(objects)) => objects,
                _ => Vec::new(),
            };
            Ok(Some(Listed { resource, objects }))
        };
        tokio::time::timeout(LIST_TIMEOUT, reading)
            .await
            .unwrap_or_else(|_| Err(no_answer("the API server took too long to list".into())))
    }
}
