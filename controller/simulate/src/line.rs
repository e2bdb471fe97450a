//! One line of a simulation's output, the same for people (a table) and for programs (JSON lines).

use serde::Serialize;
use serde_json::Value;

use crate::frame::Frame;

/// Something happened to a Rollout; what it looks like now.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Virtual seconds since the start.
    pub t: f64,
    /// What happened: `RouteWritten`, `Verified`, `ReplicasChanged`, …, or the reason of a Kubernetes event.
    pub event: String,
    /// The same in words.
    #[serde(skip_serializing_if = "String::is_empty", rename = "note")]
    pub note: String,
    /// Whether somebody should look.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub warning: bool,
    /// The Rollout now.
    #[serde(flatten)]
    pub frame: Frame,
    /// The patch that was written, for `RouteWritten`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<Value>,
}

/// How a simulation ended: the last line.
#[derive(Clone, Debug, Serialize)]
pub struct Ending {
    /// `Healthy` when every Rollout is; else the phase of the first that is not.
    pub result: String,
    /// Virtual seconds since the start.
    pub t: f64,
    /// Each Rollout's end.
    pub rollouts: Vec<RolloutEnding>,
}

/// How one Rollout ended.
#[derive(Clone, Debug, Serialize)]
pub struct RolloutEnding {
    /// `namespace/name`.
    pub rollout: String,
    /// `status.phase`.
    pub phase: String,
    /// `status.message`.
    pub message: String,
    /// `status.conditions`.
    pub conditions: Vec<Value>,
}

impl Ending {
    /// Whether all is well.
    pub fn is_healthy(&self) -> bool {
        self.result == "Healthy"
    }
}
