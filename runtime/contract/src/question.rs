//! What a plugin is asked: whose traffic, how it should be divided, and the objects as they are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A Kubernetes kind without a version; which version is served is the host's to find out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Kind {
    /// API group, empty for the core group.
    pub group: String,
    /// Kind, for example `HTTPRoute`.
    pub kind: String,
}

impl Kind {
    /// A kind of the named API group (empty for the core group).
    pub fn new(group: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { group: group.into(), kind: kind.into() }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.kind)
        } else {
            write!(f, "{}.{}", self.kind, self.group)
        }
    }
}

/// One object, named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// What it is.
    pub kind: Kind,
    /// Its namespace; `None` for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind.kind, self.name),
            None => write!(f, "{} {}", self.kind.kind, self.name),
        }
    }
}

/// Whose traffic it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The Rollout's namespace.
    pub namespace: String,
    /// The Rollout's name.
    pub name: String,
    /// The Rollout's uid.
    pub uid: String,
    /// What the Rollout says under this router's key, as JSON text.
    pub config: String,
    /// What the operator configured for this plugin, as JSON text; `{}` when nothing.
    pub settings: String,
    /// The Service in the stable role.
    pub stable_service: Option<String>,
    /// The Service in the canary role.
    pub canary_service: Option<String>,
}

/// One receiver of traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// `stable`, `canary`, or the name of an extra destination.
    pub name: String,
    /// The Service that reaches it.
    pub service: Option<String>,
    /// The value of the pod-template-hash label behind it.
    pub pod_template_hash: Option<String>,
    /// Its part of `Traffic::max_weight`.
    pub weight: u32,
}

/// How a text is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TextMatch {
    /// The whole text.
    Exact(String),
    /// Its beginning.
    Prefix(String),
    /// A regular expression over the whole text.
    Regex(String),
}

/// A condition on one request header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeaderMatch {
    /// Header name, compared without case.
    pub name: String,
    /// What its value must be.
    pub value: TextMatch,
}

/// A condition on a request; all parts that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestMatch {
    /// Condition on the method.
    pub method: Option<TextMatch>,
    /// Condition on the path.
    pub path: Option<TextMatch>,
    /// Conditions on headers.
    pub headers: Vec<HeaderMatch>,
}

/// What happens to a request that matches a managed route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RuleAction {
    /// All of it goes to the canary.
    ToCanary,
    /// This percentage (0 to 100) is also sent to the canary, whose answer is dropped.
    Mirror(u32),
}

/// What a managed route does now.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Any of these must match.
    pub matches: Vec<RequestMatch>,
    /// What then happens.
    pub action: RuleAction,
}

/// One entry of `spec.strategy.canary.trafficRouting.managedRoutes`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ManagedRoute {
    /// Its name.
    pub name: String,
    /// What it does now; `None`: it must not exist now.
    pub rule: Option<Rule>,
}

/// The whole desired state of a Rollout's traffic, every time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Sum of all weights, 1 to 1,000,000.
    pub max_weight: u32,
    /// What the stable role gets.
    pub stable: Destination,
    /// What the canary role gets.
    pub canary: Destination,
    /// What extra destinations (of experiments) get.
    pub additional: Vec<Destination>,
    /// Destinations that were ours once and must be gone.
    pub retired: Vec<Destination>,
    /// All managed routes, highest precedence first.
    pub managed_routes: Vec<ManagedRoute>,
}

/// Which objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Selection {
    /// The one of this name.
    Name(String),
    /// Those that match this Kubernetes label selector in its text form (`app=web,tier in (a,b)`); never empty.
    Labels(String),
}

/// Objects that a plugin needs to see.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Query {
    /// Of this kind.
    pub kind: Kind,
    /// In this namespace; `None`: the Rollout's.
    pub namespace: Option<String>,
    /// These.
    pub select: Selection,
    /// Whether `route` may run although the kind is not served.
    pub optional: bool,
}

/// One object as it is. The text is shared: the same object is handed to many calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    /// Which one.
    pub reference: ObjectRef,
    /// The version it was read at, for example `gateway.networking.k8s.io/v1`.
    pub api_version: String,
    /// The object as JSON text, without `metadata.managedFields`.
    pub json: Arc<str>,
}

/// The answer to one query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observation {
    /// The query.
    pub query: Query,
    /// Whether the API server serves the kind.
    pub served: bool,
    /// What was found, sorted by namespace and name; empty: nothing.
    pub objects: Vec<Object>,
}
