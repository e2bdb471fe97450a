//! What `assess` answers.

use jiff::Timestamp;
use serde_json::Value;

use crate::answer::Key;
use crate::argument::SecretKey;
use crate::provider::Provider;

/// What should be done about one AnalysisRun now.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The whole status of the run as it should be, unknown fields kept.
    pub status: Value,
    /// What should be under way or be done. What was asked for before and is no longer should be dropped.
    pub effects: Vec<Effect>,
    /// Secrets that the run needs: they should be read, and be known when it is assessed again.
    pub secrets: Vec<SecretKey>,
    /// Kubernetes events to publish once the status is written.
    pub notes: Vec<Note>,
    /// When to assess again though nothing changes.
    pub wake_at: Option<Timestamp>,
}

/// Something to do for a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Take a measurement, if that was not begun yet. A Job that was begun for it and is not asked for any more, nor resumed, is to
    /// be deleted.
    Measure {
        /// Which.
        key: Key,
        /// What to ask; its arguments are in place, secrets included.
        provider: Box<Provider>,
    },
    /// Look at a Job whose measurement is under way.
    Resume {
        /// Of which measurement.
        key: Key,
        /// The Job's name.
        job: String,
    },
    /// End a Job whose measurement is under way; the answer is [`crate::Outcome::Terminated`].
    Terminate {
        /// Of which measurement.
        key: Key,
        /// The Job's name.
        job: String,
    },
    /// Delete a Job whose measurement is not kept any more.
    DeleteJob {
        /// Its name.
        job: String,
    },
    /// Delete the run: its time to live is over.
    DeleteRun,
}

/// An event on the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether somebody should look.
    pub kind: NoteKind,
    /// Argo's event reason, for example `MetricFailed`.
    pub reason: String,
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
