//! What a plugin answers: what it is, what should change, and what the objects express now.

use serde::{Deserialize, Serialize};

use crate::question::{Kind, ObjectRef};

/// What a plugin may do to a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// See objects.
    Read,
    /// Change existing ones.
    Update,
    /// Make new ones.
    Create,
    /// Delete those it made.
    Delete,
}

/// The most a plugin ever asks for, of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindUse {
    /// The kind.
    pub kind: Kind,
    /// API versions that it understands, best first.
    pub versions: Vec<String>,
    /// What it does to them.
    pub verbs: Vec<Verb>,
    /// JSON pointer patterns of the fields it changes, `*` being one list element or key.
    pub fields: Vec<String>,
    /// Lists whose elements it adds and removes.
    #[serde(default)]
    pub elements: Vec<ElementUse>,
}

/// List elements that a plugin adds, changes as a whole, and removes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElementUse {
    /// Which ones: a pattern that ends with the `*` of the list.
    pub at: String,
    /// Where in the element it is said whose it is, as a pointer from there.
    pub identity: String,
    /// Places in it, as patterns from there, that may name only what this Rollout has to do with.
    #[serde(default)]
    pub references: Vec<String>,
}

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What some configuration of it can do (open words).
    pub features: Vec<String>,
    /// What it touches.
    pub kinds: Vec<KindUse>,
    /// JSON Schema (2020-12) of `Target::config`.
    pub config_schema: String,
    /// JSON Schema (2020-12) of `Target::settings`.
    pub settings_schema: String,
    /// Anything else worth showing.
    pub annotations: Vec<(String, String)>,
}

/// How an object is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The whole object as it should be, as JSON text.
    Replace(String),
    /// An RFC 6902 patch of the JSON text that was seen.
    JsonPatch(String),
    /// It should not exist.
    Remove,
}

/// One object that should change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which one.
    pub reference: ObjectRef,
    /// How.
    pub edit: Edit,
}

/// What one place of one object gives a destination now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The object.
    pub about: ObjectRef,
    /// The place in it, as a JSON pointer.
    pub at: String,
    /// The destination's name.
    pub destination: String,
    /// Its weight there.
    pub weight: u32,
    /// Of this total.
    pub total: u32,
}

/// Whether what the objects say is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The router reports that it is.
    Verified,
    /// The router reports, and not yet so: what is waited for.
    Pending(String),
    /// The router reports that it refuses: what it says.
    Rejected(String),
    /// Nobody has reported on it so far. The host waits a while, then takes it for unverifiable.
    Unreported(String),
    /// There is nothing that could report.
    Unverifiable,
}

/// What should be, and what is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Changes in writing order; empty in steady state.
    pub changes: Vec<Change>,
    /// The shares as seen.
    pub shares: Vec<Share>,
    /// As seen; without meaning while there are changes.
    pub verdict: Verdict,
    /// Warnings for the reader of the Rollout, at most 16.
    pub notes: Vec<String>,
    /// Anything else worth showing.
    pub facts: Vec<(String, String)>,
}

/// Why a plugin cannot answer. The same input gives the same problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// `invalid-config`, `missing-object`, `unsupported`, … (open words).
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
    /// Which object it is about.
    pub about: Option<ObjectRef>,
    /// Which place, as a JSON pointer into the object or the configuration.
    pub pointer: Option<String>,
}
