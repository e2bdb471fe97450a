//! Looking at a cluster without being a controller in it: lists, the lease, and what one may do. For tools that must not
//! write, whatever they do.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Operation, Request, Resource, builtin};
use tidegate_shell::{Unwatchable, WatchKey};

use crate::access_review;
use crate::api::{Api, no_answer};
use crate::client::{ConnectError, Connection, connect};
use crate::discovery::{Discovery, discover};
use crate::options::argo_lease_name;
use crate::request::ListQuery;

/// A list, with all its pages, is there after this time, or it is not waited for any longer.
const LIST_TIMEOUT: Duration = Duration::from_mins(2);

/// Looks at one cluster, as one user.
pub struct Inspector {
    api: Api,
}

impl Inspector {
    /// Of the cluster that the connection describes. Nothing is asked yet.
    ///
    /// # Errors
    /// When the kubeconfig or the credentials in it cannot be used.
    pub async fn connect(connection: &Connection) -> Result<Self, ConnectError> {
        Ok(Self { api: Api::new(connect(connection).await?).reading_only() })
    }

    /// The objects that a watch would begin with, at the version at which they are served; `None`: the kind is not served.
    ///
    /// # Errors
    /// What the server says, or an error with code 0 when it does not answer.
    pub async fn list(&self, watch: &WatchKey) -> Result<Option<(Resource, Vec<Value>)>, ApiError> {
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
            Ok(Some((resource, objects)))
        };
        tokio::time::timeout(LIST_TIMEOUT, reading)
            .await
            .unwrap_or_else(|_| Err(no_answer("the API server took too long to list".into())))
    }

    /// The Lease that Argo Rollouts and Tidegate compete for; `None`: there is none.
    ///
    /// # Errors
    /// What the server says.
    pub async fn lease(&self, namespace: &str, instance_id: Option<&str>) -> Result<Option<Value>, ApiError> {
        let request = Request {
            resource: builtin::leases(),
            namespace: Some(namespace.to_owned()),
            operation: Operation::Get { name: argo_lease_name(instance_id) },
        };
        match self.api.send(&request).await {
            Ok(lease) => Ok(Some(lease)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether this user may do something, in a namespace or in all of them. The resource may name a subresource:
    /// `rollouts/status`.
    ///
    /// # Errors
    /// What the server says.
    pub async fn may(
        &self,
        verb: &str,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
    ) -> Result<bool, ApiError> {
        let (plural, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let attributes = json!({
            "group": group, "resource": plural, "subresource": subresource, "verb": verb,
            "namespace": namespace.unwrap_or_default(),
        });
        access_review::is_allowed(&self.api, attributes).await
    }
}
