//! A ReplicaSet, read. Total, like reading a Rollout.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_api::object;

use crate::names::{HASH_LABEL, REVISION_ANNOTATION, SCALE_DOWN_DEADLINE_ANNOTATION};

/// A ReplicaSet of a Rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaSet {
    /// The object itself.
    pub object: Arc<Value>,
    /// Name.
    pub name: String,
    /// Value of the hash label, empty when absent.
    pub hash: String,
    /// Revision, 0 when unknown.
    pub revision: i64,
    /// `spec.replicas`; 1 when absent (the API server's default).
    pub desired: i64,
    /// `status.replicas`.
    pub current: i64,
    /// `status.readyReplicas`.
    pub ready: i64,
    /// `status.availableReplicas`.
    pub available: i64,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it scales down.
    pub scale_down_deadline: Option<Timestamp>,
    /// Whether its controller has seen the newest spec.
    pub is_observed: bool,
    /// Whether somebody else controls nothing of it: it has no controlling owner.
    pub is_orphan: bool,
    /// The condition `ReplicaFailure`, when true: reason and message.
    pub failure: Option<(String, String)>,
}

impl ReplicaSet {
    /// Reads a ReplicaSet.
    pub fn read(value: &Arc<Value>) -> Self {
        let number = |pointer: &str| value.pointer(pointer).and_then(Value::as_i64);
        let failure = value
            .pointer("/status/conditions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .find(|condition| {
                condition.get("type").and_then(Value::as_str) == Some("ReplicaFailure")
                    && condition.get("status").and_then(Value::as_str) == Some("True")
            })
            .map(|condition| {
                let text =
                    |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
                (text("reason"), text("message"))
            });
        Self {
            name: object::name(value).to_owned(),
            hash: object::label(value, HASH_LABEL).unwrap_or_default().to_owned(),
            revision: object::annotation(value, REVISION_ANNOTATION)
                .and_then(|revision| revision.parse().ok())
                .unwrap_or_default(),
            desired: number("/spec/replicas").unwrap_or(1).max(0),
            current: number("/status/replicas").unwrap_or_default().max(0),
            ready: number("/status/readyReplicas").unwrap_or_default().max(0),
            available: number("/status/availableReplicas").unwrap_or_default().max(0),
            created_at: value
                .pointer("/metadata/creationTimestamp")
                .and_then(Value::as_str)
                .and_then(|at| at.parse().ok()),
            scale_down_deadline: object::annotation(value, SCALE_DOWN_DEADLINE_ANNOTATION)
                .and_then(|at| at.parse().ok()),
            is_observed: number("/status/observedGeneration").unwrap_or_default()
                >= object::generation(value).unwrap_or_default(),
            is_orphan: object::controller_uid(value).is_none(),
            failure,
            object: value.clone(),
        }
    }
}
