//! What `decide` answers: what should be done now, and what the Rollout should say about itself.

use jiff::Timestamp;
use serde_json::Value;
use tidegate_api::Request;
use tidegate_contract::Traffic;

/// What should be done about one Rollout now.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Writes on ReplicaSets, Services and the Rollout's metadata, at most one per object, each safe whatever
    /// becomes of the others. Empty in steady state.
    pub writes: Vec<Request>,
    /// The traffic that every router should express now; `None`: leave the routers alone.
    pub traffic: Option<Traffic>,
    /// The whole `status` of the Rollout as it should be, unknown fields kept. Whoever writes it writes only
    /// the difference.
    pub status: Value,
    /// Kubernetes events to publish once the status that reports the same thing is written.
    pub notes: Vec<Note>,
    /// When to decide again though nothing changes.
    pub wake_at: Option<Timestamp>,
}

/// An event on the Rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether somebody should look.
    pub kind: NoteKind,
    /// Argo's event reason, for example `RolloutStepCompleted`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

/// Whether an event is a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// All is well.
    Normal,
    /// Somebody should look.
    Warning,
}

impl Note {
    /// An event that nobody needs to act on.
    pub(crate) fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind: NoteKind::Normal, reason, message: message.into() }
    }

    /// An event that somebody should look at.
    pub(crate) fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind: NoteKind::Warning, reason, message: message.into() }
    }
}
