//! The plan, for people and for programs.

use serde::Serialize;
use serde_json::Value;
use tidegate_simulate::{Ending, RolloutEnding};

use crate::difference::FieldChange;

/// What an update would write.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Each Rollout that it is about.
    pub rollouts: Vec<RolloutPlan>,
    /// What it takes for granted.
    pub assumptions: Vec<String>,
    /// What it cannot know.
    pub unknown: Vec<String>,
    /// How the run ended.
    pub ending: Ending,
}

/// What one Rollout would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutPlan {
    /// `namespace/name`.
    pub rollout: String,
    /// What is written, in order.
    pub sections: Vec<Section>,
    /// Where it ends.
    pub ending: RolloutEnding,
    /// The conditions for which it goes no further, if it does not end well.
    pub stopped_by: Vec<String>,
}

/// What is written while a Rollout stands at one place.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// Where it stands, or what a user does: `Step 1/6 (setWeight: 20)`.
    pub title: String,
    /// The step, counted from 0, while it stands at one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// Virtual seconds from the start of the plan to its first write.
    pub t: f64,
    /// How the traffic is divided in the end, where routers divide it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
    /// Each object that changes, in the order of the first change.
    pub changes: Vec<ObjectChange>,
}

/// Shares of the traffic, as the Rollout's status has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Weights {
    /// The canary's.
    pub canary: u64,
    /// The stable's.
    pub stable: u64,
    /// Those of others, by Service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional: Vec<(String, u64)>,
}

/// What becomes of an object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What is done to it.
    pub verb: Verb,
    /// Whether a user does it, and not the controller.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_user: bool,
    /// Its fields that change.
    pub fields: Vec<FieldChange>,
    /// The object, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Value>,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is removed.
    Delete,
}

impl Plan {
    /// Whether every Rollout gets to its end.
    pub fn is_complete(&self) -> bool {
        self.rollouts.iter().all(|one| one.stopped_by.is_empty())
    }

    /// Whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.rollouts.iter().all(|one| one.sections.is_empty())
    }
}
