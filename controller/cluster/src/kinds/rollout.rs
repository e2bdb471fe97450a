//! Argo's kinds, as their `CustomResourceDefinition`s serve them.
//!
//! A Rollout has the status and scale subresources, and its schema refuses status fields of the wrong type and prunes those it does not know; the other
//! four kinds have no status subresource, so that their status is written with the rest and moves the generation.
//! The spec is kept whole; serve the definition itself ([`crate::Cluster::serve_definition`]) where unknown fields of it
//! should go too.

use serde_json::{Map, Value, json};
use tidegate_api::{Cause, Resource, builtin};

use super::{Kind, ScalePaths, ServeOptions};
use crate::schema::Schema;

/// The fields of `RolloutStatus` (Argo Rollouts 1.10), by type. `observedGeneration` really is a string.
const STATUS: [(&str, &[&str]); 5] = [
    ("boolean", &["abort", "controllerPause", "promoteFull"]),
    (
        "integer",
        &[
            "HPAReplicas",
            "availableReplicas",
            "collisionCount",
            "currentStepIndex",
            "readyReplicas",
            "replicas",
            "updatedReplicas",
        ],
    ),
    (
        "string",
        &[
            "abortedAt",
            "currentPodHash",
            "currentStepHash",
            "message",
            "observedGeneration",
            "phase",
            "restartedAt",
            "selector",
            "stableRS",
            "workloadObservedGeneration",
        ],
    ),
    ("object", &["alb", "blueGreen", "canary"]),
    ("array", &["albs", "conditions", "pauseConditions"]),
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
        .flat_map(|(kind, fields)| fields.iter().map(move |field| (*field, *kind)))
        .map(|(field, kind)| {
            (field.to_owned(), json!({"type": kind, "x-kubernetes-preserve-unknown-fields": true}))
        })
        .collect();
    // Of the template only ports matter: their protocol is the one default that users see.
    let containers = json!({
        "type": "array",
        "items": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"ports": {
                "type": "array",
                "items": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {"protocol": {"type": "string", "default": "TCP"}},
                },
            }},
        },
    });
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let template = json!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "metadata": anything,
            "spec": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "properties": {"containers": containers, "initContainers": containers},
            },
        },
    });
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
                    "progressDeadlineAbort": {"type": "boolean"},
                    "restartAt": {"type": "string"},
                    "revisionHistoryLimit": {"type": "integer"},
                    "analysis": anything,
                    "rollbackWindow": anything,
                    "selector": anything,
                    "strategy": anything,
                    "template": template,
                    "workloadRef": anything,
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
    let selector = |object| crate::json::at(object, &["spec", "selector"]);
    let changed =
        old.is_some_and(|old| selector(old).zip(selector(new)).is_some_and(|(old, new)| old != new));
    let cause =
        Cause { field: "spec.selector".into(), message: "Invalid value: .spec.selector is immutable".into() };
    changed.then_some(cause).into_iter().collect()
}
