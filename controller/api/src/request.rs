//! What is asked of an API server.

use serde_json::Value;

use crate::resource::Resource;

/// One request to an API server.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Of which resource.
    pub resource: Resource,
    /// In which namespace; `None` for cluster-scoped resources and for lists over all namespaces.
    pub namespace: Option<String>,
    /// What to do.
    pub operation: Operation,
}

/// What to do with objects of a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Read one object.
    Get {
        /// Its name.
        name: String,
    },
    /// Read all objects, or those that match a label selector in its text form.
    List {
        /// The label selector; `None`: all.
        labels: Option<String>,
    },
    /// Make an object.
    Create {
        /// The object.
        object: Value,
    },
    /// The same, but refused when the object has fields that the server does not know, instead of leaving them out
    /// (`fieldValidation=Strict`; servers before 1.25 leave them out all the same).
    CreateStrictly {
        /// The object.
        object: Value,
    },
    /// Put a whole object in place of the old one; conflicts when it carries an older `resourceVersion`.
    Replace {
        /// Its name.
        name: String,
        /// `status`, or none for the object itself.
        subresource: Option<String>,
        /// The object.
        object: Value,
    },
    /// Change parts of an object.
    Patch {
        /// Its name.
        name: String,
        /// `status` or `scale`, or none for the object itself.
        subresource: Option<String>,
        /// The change.
        body: Body,
    },
    /// Ask that a pod goes, which a disruption budget may refuse (429): `policy/v1` Eviction. Answered with a `Status`.
    Evict {
        /// The pod's name.
        name: String,
        /// What must be true of it.
        preconditions: Preconditions,
    },
    /// Remove an object (in the background, as far as its dependents are concerned).
    Delete {
        /// Its name.
        name: String,
        /// What must be true of it.
        preconditions: Preconditions,
    },
}

/// The change that a patch makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// RFC 7386. A `metadata.resourceVersion` or `metadata.uid` in it is a precondition.
    Merge(Value),
    /// RFC 6902: a list of operations. A failing `test` is answered with 422, and so is a result with fields that
    /// the server does not know (`fieldValidation=Strict`; servers before 1.25 leave them out). Without strictness
    /// for subresources.
    Json(Value),
}

/// What must be true of an object for a deletion to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// It is still this very object.
    pub uid: Option<String>,
    /// It has not changed since.
    pub resource_version: Option<String>,
}

impl Request {
    /// The name of the object it is about, if it is about one that exists.
    pub fn name(&self) -> Option<&str> {
        match &self.operation {
            Operation::Get { name }
            | Operation::Replace { name, .. }
            | Operation::Patch { name, .. }
            | Operation::Evict { name, .. }
            | Operation::Delete { name, .. } => Some(name),
            Operation::List { .. } | Operation::Create { .. } | Operation::CreateStrictly { .. } => None,
        }
    }

    /// The RBAC verb it needs.
    pub fn verb(&self) -> &'static str {
        match &self.operation {
            Operation::Get { .. } => "get",
            Operation::List { .. } => "list",
            Operation::Create { .. } | Operation::CreateStrictly { .. } | Operation::Evict { .. } => "create",
            Operation::Replace { .. } => "update",
            Operation::Patch { .. } => "patch",
            Operation::Delete { .. } => "delete",
        }
    }
}
