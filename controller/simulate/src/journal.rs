//! What was written, by whom, and the objects before and after.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ObjectKey, Operation, Request, object};
use tidegate_cluster::Cluster;

/// A write that was carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Virtual time since the start.
    pub at: Duration,
    /// What a user did, in words; `None`: the controller wrote it.
    pub by_user: Option<String>,
    /// The Rollout for which the controller wrote it.
    pub rollout: Option<ObjectKey>,
    /// The object.
    pub object: ObjectKey,
    /// The object before; `None`: it was made.
    pub before: Option<Arc<Value>>,
    /// The object after; `None`: it is gone.
    pub after: Option<Arc<Value>>,
    request: Request,
}

/// All writes, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    writes: Vec<Write>,
}

/// A write that may be carried out: the object before it.
pub(crate) struct Before {
    object: ObjectKey,
    before: Option<Arc<Value>>,
}

impl Before {
    /// Before a request is handled; `None`: it writes nothing.
    pub(crate) fn of(cluster: &Cluster, request: &Request) -> Option<Self> {
        let name = match &request.operation {
            Operation::Get { .. } | Operation::List { .. } => return None,
            Operation::Create { object } | Operation::CreateStrictly { object } => object::name(object),
            _ => request.name()?,
        };
        let namespace = request.namespace.as_deref().unwrap_or_default();
        let resource = &request.resource;
        let object = ObjectKey {
            group: resource.group.clone(),
            kind: resource.kind.clone(),
            namespace: namespace.into(),
            name: name.into(),
        };
        Some(Self { object, before: cluster.object(resource, namespace, name).cloned() })
    }
}

impl Journal {
    /// Takes note of a request that was carried out.
    pub(crate) fn note(
        &mut self,
        Before { object, before }: Before,
        cluster: &Cluster,
        at: Duration,
        request: &Request,
        by_user: Option<&str>,
    ) {
        let after = cluster.object(&request.resource, &object.namespace, &object.name).cloned();
        if before != after {
            let by_user = by_user.map(str::to_owned);
            self.writes.push(Write {
                at,
                by_user,
                rollout: None,
                object,
                before,
                after,
                request: request.clone(),
            });
        }
    }

    /// Takes note of the Rollout for which something was written.
    pub(crate) fn attribute(&mut self, rollout: &ObjectKey, request: &Request) {
        let is_meant = |write: &&mut Write| {
            write.by_user.is_none() && write.rollout.is_none() && write.request == *request
        };
        if let Some(write) = self.writes.iter_mut().rfind(is_meant) {
            write.rollout = Some(rollout.clone());
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Write> {
        std::mem::take(&mut self.writes)
    }
}
