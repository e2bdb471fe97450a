//! The input and the answer of one pass.

use std::sync::Arc;

use serde_json::Value;
use tidegate_contract::{Fault, ObjectRef, Observation, Problem, Query, Share, Target, Traffic, Verdict};

use crate::permission::Grant;

/// What a router is asked for in one pass.
#[derive(Clone, Debug)]
pub struct Pass {
    /// Whose traffic.
    pub target: Target,
    /// How it should be.
    pub traffic: Traffic,
    /// The objects as last observed, one entry for each query that could be answered (that is: whose kind is
    /// synced, or known not to be served).
    pub seen: Vec<Observation>,
    /// Route, or give everything back.
    pub purpose: Purpose,
    /// What the operator lets the plugin do; `None`: all that it describes and any plugin may.
    pub grant: Option<Arc<Grant>>,
}

/// Why a router is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Express the desired traffic.
    Route,
    /// Give everything back to stable.
    Release,
}

/// What became of a pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The plugin needs to see more: all queries of its last answer. Observe them and ask again.
    Needs(Vec<Query>),
    /// It answered.
    Routed(Routed),
    /// It says why it cannot. The same input gives the same problem.
    Problem(Problem),
    /// It failed.
    Fault(Fault),
    /// It answered something that it may not; nothing of it is written.
    Refused(Refusal),
}

/// A pass that was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Routed {
    /// The objects it depends on.
    pub queries: Vec<Query>,
    /// What to write, in this order; empty when the objects are as they should be.
    pub writes: Vec<ObjectWrite>,
    /// What the objects express now, before anything is written.
    pub shares: Vec<Share>,
    /// Whether that is in force; without meaning while there are writes.
    pub verdict: Verdict,
    /// Warnings for the reader of the Rollout.
    pub notes: Vec<String>,
    /// Anything else worth showing.
    pub facts: Vec<(String, String)>,
}

/// A write of one object, as compare and set.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectWrite {
    /// The object.
    pub reference: ObjectRef,
    /// The version it was read at, or is made in, and at which it is written.
    pub api_version: String,
    /// What is done to it.
    pub action: WriteAction,
}

/// What a write does to its object.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteAction {
    /// Makes it, as this. Fails when there is one of its name.
    Create(Value),
    /// Changes it by an RFC 6902 patch. Before it sets a field of an atomic list's element it tests the names on
    /// the way there and the old value, so that it cannot hit another element or undo somebody's change.
    Patch(Vec<Value>),
    /// Removes it, if it is still the one with this uid.
    Delete {
        /// `metadata.uid` as it was seen.
        uid: String,
    },
}

impl ObjectWrite {
    /// The patch, if it is one.
    pub fn patch(&self) -> Option<&[Value]> {
        match &self.action {
            WriteAction::Patch(patch) => Some(patch),
            WriteAction::Create(_) | WriteAction::Delete { .. } => None,
        }
    }
}

/// An answer that a plugin may not give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Stable code, for example `ForbiddenChange`, `WrongShares`, `Unstable`, `TooManyRounds`.
    pub reason: &'static str,
    /// What it did and what it may do.
    pub message: String,
    /// Which object it is about.
    pub about: Option<ObjectRef>,
}
