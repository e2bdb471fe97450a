//! One line of a simulation's output, the same for people (a table) and for programs (JSON lines).

use serde::Serialize;
use serde_json::Value;
use tidegate_api::object;

use crate::evidence::Evidence;
use crate::frame::Frame;

/// Something happened, in most cases to a Rollout; what it looks like now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Virtual seconds since the start.
    pub t: f64,
    /// What happened: `RouteWritten`, `Verified`, `ReplicasChanged`, …, or the reason of a Kubernetes event.
    pub event: String,
    /// The same in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Whether somebody should look.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub warning: bool,
    /// To what it happened.
    #[serde(flatten)]
    pub subject: Subject,
    /// The patch that was written, for `RouteWritten`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<Value>,
    /// The object that was made, for `RouteCreated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Value>,
}

/// To what something happened, as it is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Subject {
    /// A Rollout, or what it has made.
    Rollout(Frame),
    /// Experiments and AnalysisRuns that no Rollout has made.
    Alone(Alone),
}

/// The Experiments and AnalysisRuns that users have made in a namespace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alone {
    /// The namespace.
    pub namespace: String,
    /// They themselves.
    #[serde(flatten)]
    pub evidence: Evidence,
}

impl Line {
    /// What the Rollout looks like that it is about, if it is about one.
    pub const fn frame(&self) -> Option<&Frame> {
        match &self.subject {
            Subject::Rollout(frame) => Some(frame),
            Subject::Alone(_) => None,
        }
    }
}

/// How a simulation ended: the last line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ending {
    /// `Healthy` when every Rollout is; else the phase of the first that is not.
    pub result: String,
    /// Why it ended.
    pub stopped: Stopped,
    /// Virtual seconds since the start.
    pub t: f64,
    /// Each Rollout's end.
    pub rollouts: Vec<RolloutEnding>,
}

/// Why a simulation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Stopped {
    /// Every Rollout is Healthy and nothing more is due.
    Settled,
    /// Rollouts stand at a pause that only a user ends, and there is no such user.
    Held,
    /// Nothing happened for so long that nothing more is to be expected.
    NothingHappens,
    /// The time limit was reached.
    TimeLimit,
}

/// How one Rollout ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
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

impl RolloutEnding {
    pub(crate) fn of(rollout: &Value) -> Self {
        let status = |field: &str| rollout.get("status").and_then(|status| status.get(field));
        let text = |field: &str| status(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            rollout: format!("{}/{}", object::namespace(rollout), object::name(rollout)),
            phase: text("phase"),
            message: text("message"),
            conditions: status("conditions").and_then(Value::as_array).cloned().unwrap_or_default(),
        }
    }
}
