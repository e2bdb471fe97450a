//! The AnalysisRun of a Rollout: its name, labels and owner, as Argo writes them.

use serde_json::{Map, Value, json};
use tidegate_api::object;
use tidegate_model::names::{HASH_LABEL, INSTANCE_ID_LABEL, REVISION_ANNOTATION};

use crate::template::Merged;

/// Label of a run: for what a Rollout made it (Argo Rollouts).
pub const ROLLOUT_TYPE_LABEL: &str = "rollout-type";
/// Label of a run: the index of its step (Argo Rollouts).
pub const STEP_INDEX_LABEL: &str = "step-index";

/// Annotation of a run whose templates or arguments could not be put together: why. All its measurements are in error for that
/// reason, so that it is seen where people look, and its limits apply.
pub const UNRESOLVED_ANNOTATION: &str = "tidegate.dev/unresolved";

/// For what a Rollout runs an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// As a step; its index.
    Step(usize),
    /// In the background, beside the steps.
    Background,
}

/// Where an update stands.
#[derive(Clone, Copy, Debug)]
pub struct RunOf<'a> {
    /// The Rollout.
    pub rollout: &'a Value,
    /// For what.
    pub kind: RunKind,
    /// The hash of the newest pods.
    pub hash: &'a str,
    /// Their revision.
    pub revision: i64,
    /// How many runs had the name before.
    pub collisions: u32,
    /// What refers to the templates: the step's `analysis`, or the canary's. Its `analysisRunMetadata` is added.
    pub analysis: &'a Value,
}

impl RunOf<'_> {
    /// `<rollout>-<hash>-<revision>`, with the step's index if it is one, and `.1` and so on when the name was taken.
    pub fn name(&self) -> String {
        let mut name = format!("{}-{}-{}", object::name(self.rollout), self.hash, self.revision);
        if let RunKind::Step(index) = self.kind {
            name = format!("{name}-{index}");
        }
        if self.collisions > 0 {
            name = format!("{name}.{}", self.collisions);
        }
        name
    }

    /// The run of templates that could not be put together, ready to be created.
    pub fn unresolved(&self, why: &str) -> Value {
        let metric = json!({"name": "templates", "provider": {}});
        let mut run = self.object(&Merged { spec: json!({"metrics": [metric]}), ..Merged::default() });
        if let Some(annotations) = run.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.insert(UNRESOLVED_ANNOTATION.to_owned(), Value::from(why));
        }
        run
    }

    /// The run, ready to be created.
    pub fn object(&self, merged: &Merged) -> Value {
        let map = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
        let mut labels: Map<String, Value> = map(self.rollout.pointer("/spec/selector/matchLabels"));
        labels.extend(map(self.analysis.pointer("/analysisRunMetadata/labels")));
        labels.insert(HASH_LABEL.to_owned(), Value::from(self.hash));
        match self.kind {
            RunKind::Step(index) => {
                labels.insert(ROLLOUT_TYPE_LABEL.to_owned(), Value::from("Step"));
                labels.insert(STEP_INDEX_LABEL.to_owned(), Value::from(index.to_string()));
            }
            RunKind::Background => {
                labels.insert(ROLLOUT_TYPE_LABEL.to_owned(), Value::from("Background"));
            }
        }
        if let Some(id) = object::label(self.rollout, INSTANCE_ID_LABEL) {
            labels.insert(INSTANCE_ID_LABEL.to_owned(), Value::from(id));
        }
        let mut annotations = map(self.analysis.pointer("/analysisRunMetadata/annotations"));
        annotations.insert(REVISION_ANNOTATION.to_owned(), Value::from(self.revision.to_string()));
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AnalysisRun",
            "metadata": {
                "name": self.name(),
                "namespace": object::namespace(self.rollout),
                "labels": labels,
                "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": "argoproj.io/v1alpha1",
                    "kind": "Rollout",
                    "name": object::name(self.rollout),
                    "uid": object::uid(self.rollout),
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
            },
            "spec": merged.spec,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_cannot_be_put_together_says_why_as_often_as_its_limits_bear() {
        let of = RunOf {
            rollout: &json!({"metadata": {"name": "web", "namespace": "ns", "uid": "r"}}),
            kind: RunKind::Background,
            hash: "abc",
            revision: 3,
            collisions: 0,
            analysis: &Value::Null,
        };
        let mut run = of.unresolved("AnalysisTemplate \"x\" does not exist");
        let mut now = jiff::Timestamp::UNIX_EPOCH;
        for _ in 0..10 {
            let world = crate::World { run: std::sync::Arc::new(run.clone()), ..crate::World::default() };
            let decision = crate::assess(&world, now);
            assert_eq!(decision.effects, []);
            run["status"] = decision.status;
            now = decision.wake_at.unwrap_or(now);
        }
        assert_eq!(run["status"]["phase"], "Error", "{run}");
        let measurements = run["status"]["metricResults"][0]["measurements"].as_array().unwrap();
        assert_eq!(measurements.len(), 5, "{run}");
        assert!(measurements.iter().all(|one| one["message"] == "AnalysisTemplate \"x\" does not exist"));
    }

    #[test]
    fn runs_are_named_and_labelled_as_argo_does() {
        let rollout = json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "r", "labels": {INSTANCE_ID_LABEL: "i", "other": "x"}},
            "spec": {"selector": {"matchLabels": {"app": "web"}}},
        });
        let analysis = json!({"analysisRunMetadata": {"labels": {"a": "b", HASH_LABEL: "odd"}, "annotations": {"c": "d"}}});
        let merged = Merged { spec: json!({"metrics": []}), ..Merged::default() };
        let of = |kind, collisions| RunOf {
            rollout: &rollout,
            kind,
            hash: "abc",
            revision: 3,
            collisions,
            analysis: &analysis,
        };
        let step = of(RunKind::Step(2), 0).object(&merged);
        assert_eq!(
            step["metadata"],
            json!({
                "name": "web-abc-3-2", "namespace": "ns",
                "labels": {"app": "web", "a": "b", HASH_LABEL: "abc", "rollout-type": "Step", "step-index": "2", INSTANCE_ID_LABEL: "i"},
                "annotations": {"c": "d", REVISION_ANNOTATION: "3"},
                "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "r",
                    "controller": true, "blockOwnerDeletion": true}],
            })
        );
        assert_eq!(step["spec"], merged.spec);
        let background = of(RunKind::Background, 1).object(&merged);
        assert_eq!(background["metadata"]["name"], "web-abc-3.1");
        assert_eq!(background["metadata"]["labels"]["rollout-type"], "Background");
        assert_eq!(background["metadata"]["labels"].get("step-index"), None);
        let empty = RunOf { rollout: &Value::Null, analysis: &Value::Null, ..of(RunKind::Background, 0) };
        assert_eq!(
            empty.object(&merged)["metadata"]["labels"],
            json!({HASH_LABEL: "abc", "rollout-type": "Background"})
        );
    }
}
