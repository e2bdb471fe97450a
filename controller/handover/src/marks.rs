//! Who else wrote to a Rollout, as `metadata.managedFields` says: one entry for each manager, with the time when it last
//! changed something.
//!
//! A write of the controller of Argo Rollouts is known by its manager's name, which is that of its program. People and
//! their tools write to the status, too: the CLI, the dashboard and Argo CD express intents there (`abort`,
//! `pauseConditions`, `promoteFull`, `currentStepIndex`). So a manager of another name counts only if it owns what only
//! a controller writes, and is not known to be a tool.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use serde_json::Value;

/// The manager of everything that the controller of Argo Rollouts writes: the name of its program.
const ARGO: &str = "rollouts-controller";

/// Managers whose names begin like this are tools in the hands of people: kubectl with its plugins, Argo CD.
const TOOLS: [&str; 2] = ["kubectl", "argocd"];

/// Fields of the status that no intent of a user touches.
const OF_CONTROLLERS: [&str; 7] = [
    "f:observedGeneration",
    "f:conditions",
    "f:currentPodHash",
    "f:stableRS",
    "f:canary",
    "f:phase",
    "f:replicas",
];

/// How much a write says about who is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Somebody owns what only controllers write: a controller of an unknown name, or a tool that restores objects.
    Suspect,
    /// It is the controller of Argo Rollouts.
    Certain,
}

/// The last write of one manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its name.
    pub manager: String,
    /// What that says.
    pub weight: Weight,
    /// When it was, by the API server's clock, in whole seconds.
    pub at: Option<Timestamp>,
    /// Differs where the write does.
    pub(crate) fingerprint: u64,
}

/// What other controllers wrote to a Rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(pub(crate) Vec<Mark>);

impl Marks {
    /// Reads them off a Rollout; `own` is the manager of our own writes.
    pub fn of(rollout: &Value, own: &str) -> Self {
        let entries = rollout.pointer("/metadata/managedFields").and_then(Value::as_array);
        Self(entries.into_iter().flatten().filter_map(|entry| mark(entry, own)).collect())
    }
}

fn mark(entry: &Value, own: &str) -> Option<Mark> {
    let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
    let manager = text("manager");
    let weight = if manager == ARGO {
        Weight::Certain
    } else if manager != own && !TOOLS.iter().any(|tool| manager.starts_with(tool)) {
        let status = entry.pointer("/fieldsV1/f:status")?;
        OF_CONTROLLERS.iter().find_map(|field| status.get(field)).map(|_| Weight::Suspect)?
    } else {
        return None;
    };
    let mut hasher = DefaultHasher::new();
    ["manager", "operation", "subresource", "time"].map(text).hash(&mut hasher);
    Some(Mark {
        manager: manager.to_owned(),
        weight,
        at: text("time").parse().ok(),
        fingerprint: hasher.finish(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn weights(entries: Value) -> Vec<(String, Weight)> {
        let rollout = json!({ "metadata": { "managedFields": entries } });
        Marks::of(&rollout, "tidegate").0.into_iter().map(|mark| (mark.manager, mark.weight)).collect()
    }

    fn entry(manager: &str, status: Value) -> Value {
        json!({
            "manager": manager, "operation": "Update", "subresource": "status", "time": "2026-05-01T10:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": { "f:status": status },
        })
    }

    #[test]
    fn what_counts_as_the_write_of_a_controller() {
        let all = json!({ "f:observedGeneration": {}, "f:phase": {}, "f:abort": {} });
        let intents = json!({
            "f:abort": {}, "f:abortedAt": {}, "f:promoteFull": {}, "f:pauseConditions": {}, "f:controllerPause": {},
            "f:currentStepIndex": {},
        });
        let argo = Some(("rollouts-controller".to_owned(), Weight::Certain));
        let fork = Some(("our-rollouts".to_owned(), Weight::Suspect));
        for (manager, status, expected) in [
            ("rollouts-controller", &all, &argo),
            // It also writes `spec.replicas`, annotations, and other parts of the status.
            ("rollouts-controller", &json!({}), &argo),
            ("our-rollouts", &all, &fork),
            ("our-rollouts", &intents, &None),
            ("tidegate", &all, &None),
            ("kubectl-argo-rollouts", &all, &None),
            ("kubectl-edit", &all, &None),
            ("kubectl", &all, &None),
            ("argocd-server", &intents, &None),
            ("argocd-controller", &all, &None),
        ] {
            let found = weights(json!([entry(manager, status.clone())]));
            assert_eq!(found.first(), expected.as_ref(), "{manager} {status}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_nobody() {
        for entries in [json!(null), json!({}), json!([1, null, {}]), json!([{ "manager": 7 }])] {
            assert_eq!(weights(entries.clone()), [], "{entries}");
        }
        let odd = json!([{ "manager": "rollouts-controller", "time": "yesterday" }]);
        assert_eq!(weights(odd).len(), 1);
    }
}
