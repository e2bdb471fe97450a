//! Namespace and name of an object whose kind is known from where it is used.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{ObjectKey, Resource, builtin, object};

/// Namespace (empty for cluster-scoped objects) and name. Cheap to copy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Name {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// In a namespace, for no object in particular: none has an empty name.
    pub(crate) fn nobody(namespace: &str) -> Self {
        Self::new(namespace, "")
    }

    /// The name of this object.
    pub(crate) fn of(object: &Value) -> Self {
        Self::new(object::namespace(object), object::name(object))
    }

    /// The key of the object of this resource.
    pub(crate) fn key(&self, resource: &Resource) -> ObjectKey {
        ObjectKey {
            group: resource.group.clone(),
            kind: resource.kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// The key of the Rollout of this name.
    pub(crate) fn rollout_key(&self) -> ObjectKey {
        self.key(&builtin::rollouts())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
