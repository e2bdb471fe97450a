//! Argo's kinds, as their `CustomResourceDefinition`s serve them.
//!
//! A Rollout has the status and scale subresources, and its schema prunes status fields it does not know; the other
//! four kinds have no status subresource, so that their status is written with the rest and moves the generation.
//! The spec is kept whole: what of it is known is the controller's business.

use serde_json::{Map, Value, json};
use tidegate_api::{Cause, Resource, builtin};

use super::{Kind, ScalePaths, ServeOptions, immutable};
use crate::schema::Schema;

/// The fields of `RolloutStatus` (Argo Rollouts 1.10).
const STATUS: [&str; 27] = [
    "HPAReplicas",
    "abort",
    "abortedAt",
    "alb",
    "albs",
    "availableReplicas",
    "blueGreen",
    "canary",
    "collisionCount",
    "conditions",
    "controllerPause",
    "currentPodHash",
    "currentStepHash",
    "currentStepIndex",
    "duration",
    "message",
    "observedGeneration",
    "pauseConditions",
    "phase",
    "promoteFull",
    "readyReplicas",
    "replicas",
    "restartedAt",
    "selector",
    "stableRS",
    "updatedReplicas",
    "workloadObservedGeneration",
];

pub(super) fn kinds() -> Vec<Kind> {
    let argo = |kind: &str, plural: &str| Resource::namespaced("argoproj.io", "v1alpha1", kind, plural);
    let cluster_templates = Resource::cluster_scoped(
        "argoproj.io",
        "v1alpha1",
        "ClusterAnalysisTemplate",
        "clusteranalysistemplates",
    );
    let without_status = [
        argo("AnalysisRun", "analysisruns"),
        argo("AnalysisTemplate", "analysistemplates"),
        cluster_templates,
        argo("Experiment", "experiments"),
    ];
    let mut kinds = vec![Kind::custom(builtin::rollouts(), rollout())];
    kinds.extend(without_status.map(|resource| Kind::custom(resource, ServeOptions::default())));
    kinds
}

fn rollout() -> ServeOptions {
    let known: Map<String, Value> = STATUS
        .iter()
        .map(|field| ((*field).to_owned(), json!({"x-kubernetes-preserve-unknown-fields": true})))
        .collect();
    let schema = json!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "properties": {
                    "replicas": {"type": "integer"},
                    "paused": {"type": "boolean"},
                    "minReadySeconds": {"type": "integer"},
                    "progressDeadlineSeconds": {"type": "integer"},
                    "revisionHistoryLimit": {"type": "integer"},
                },
            },
            "status": {"type": "object", "properties": known},
        },
    });
    ServeOptions {
        status: true,
        scale: Some(ScalePaths {
            spec_replicas: "/spec/replicas".into(),
            status_replicas: "/status/HPAReplicas".into(),
            selector: "/status/selector".into(),
        }),
        schema: Schema::from_openapi(&schema).ok(),
        validate: Some(validate),
    }
}

/// The one CEL rule of the definition.
fn validate(new: &Value, old: Option<&Value>) -> Vec<Cause> {
    let path = ["spec", "selector"];
    old.filter(|old| crate::json::at(old, &path).is_some())
        .and_then(|old| immutable("spec.selector", new, old, &path))
        .into_iter()
        .collect()
}
