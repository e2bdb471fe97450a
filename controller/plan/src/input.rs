//! What is planned.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_simulate::ScenarioError;

use crate::live::Listing;

/// What a plan is made of.
#[derive(Clone, Debug)]
pub struct Input {
    /// The objects of the files, in order. A Rollout that comes again is a later version. Those that have a uid were read
    /// from a cluster: they are taken as they are, with their status; others are applied.
    pub manifests: Vec<Value>,
    /// What the live cluster has, if the plan is about one. Rollouts among the manifests are new versions of what is here.
    pub live: Option<Vec<Listing>>,
    /// New images by container name, after all versions.
    pub images: BTreeMap<String, String>,
    /// What is done.
    pub action: Action,
    /// The time at which it begins.
    pub now: Timestamp,
    /// Give up after this much virtual time.
    pub limit: Duration,
    /// How pods and gateways behave.
    pub cluster: tidegate_cluster::Settings,
    /// How the controller is set up.
    pub controller: tidegate_shell::Settings,
}

/// What is done to the Rollouts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// The versions and images are applied one after the other; what is in flight goes on.
    #[default]
    Update,
    /// The same up to where somebody has to promote; then it is aborted.
    Abort,
    /// The template of the revision before the newest comes back.
    Undo,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The manifests cannot be used.
    #[error(transparent)]
    Manifests(#[from] ScenarioError),
    /// There is nothing to abort.
    #[error(
        "{rollout} has no update in flight, so there is nothing to abort; give its next version, or an image"
    )]
    NothingToAbort {
        /// Which one.
        rollout: String,
    },
    /// There is no revision to go back to.
    #[error("{rollout} has no earlier revision to go back to: none of its ReplicaSets has another template")]
    NothingToUndo {
        /// Which one.
        rollout: String,
    },
}

impl PlanError {
    /// The stable reason code.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Manifests(error) => error.reason(),
            Self::NothingToAbort { .. } => "NothingToAbort",
            Self::NothingToUndo { .. } => "NothingToUndo",
        }
    }
}
