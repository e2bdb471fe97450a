//! What of a route is read. Everything else is skipped over without being copied, so that reading costs a few
//! microseconds and nothing can be lost or changed that is not ours.

use serde::Deserialize;
use tidegate_router_sdk::Text;

/// A route of any kind.
#[derive(Debug, Deserialize)]
pub(crate) struct Document<'a> {
    #[serde(default)]
    pub(crate) metadata: Metadata,
    #[serde(borrow)]
    pub(crate) spec: Option<Spec<'a>>,
    #[serde(borrow)]
    pub(crate) status: Option<Status<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Metadata {
    /// Counts changes of the spec, from 1.
    pub(crate) generation: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spec<'a> {
    #[serde(borrow)]
    pub(crate) parent_refs: Option<Vec<Reference<'a>>>,
    #[serde(borrow)]
    pub(crate) rules: Option<Vec<Rule<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) backend_refs: Option<Vec<Reference<'a>>>,
}

/// A reference to a parent or to a backend. What is absent has a default: for both kinds the route's namespace;
/// for parents a Gateway, for backends a Service and the weight 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reference<'a> {
    #[serde(borrow)]
    pub(crate) group: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) namespace: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    /// Of a parent.
    #[serde(borrow)]
    pub(crate) section_name: Option<Text<'a>>,
    pub(crate) port: Option<i64>,
    /// Of a backend.
    pub(crate) weight: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Status<'a> {
    #[serde(borrow)]
    pub(crate) parents: Option<Vec<ParentStatus<'a>>>,
}

/// What one controller says of a route and one of its parents.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParentStatus<'a> {
    #[serde(borrow)]
    pub(crate) parent_ref: Reference<'a>,
    #[serde(borrow)]
    pub(crate) controller_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) conditions: Option<Vec<Condition<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(borrow)]
    pub(crate) status: Text<'a>,
    #[serde(borrow)]
    pub(crate) reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) message: Option<Text<'a>>,
    pub(crate) observed_generation: Option<i64>,
}
