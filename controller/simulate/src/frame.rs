//! What a Rollout looks like at one moment: the content of one line of a simulation's output.
//!
//! Frames are plain data, read from the cluster's objects; how they are shown (a table, JSON lines) is decided
//! by whoever prints them.

use serde::Serialize;
use serde_json::Value;
use tidegate_api::object;
use tidegate_core::{PLUGIN_LOADING, RouterState, Routing};

use crate::backends;
use crate::evidence::Evidence;

/// One moment of one Rollout.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Frame {
    /// `namespace/name` of the Rollout.
    pub rollout: String,
    /// `status.phase`, empty before there is one.
    pub phase: String,
    /// `status.message`, empty when none.
    pub message: String,
    /// `status.currentStepIndex`; equal to `steps` when all are done, none when there are no steps.
    pub step: Option<u64>,
    /// How many steps there are.
    pub steps: u64,
    /// How traffic is divided, as the Rollout's status says; without traffic routing, as available pods are.
    pub weights: Weights,
    /// The routes that have a backend for one of the Rollout's Services, as the API server has them.
    pub routes: Vec<Route>,
    /// The Rollout's ReplicaSets that have or want pods, newest revision first.
    pub replica_sets: Vec<ReplicaSet>,
    /// What the Rollout has made to decide whether its update goes on.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// What each router says of the desired traffic.
    pub routers: Vec<RouterView>,
}

/// Shares of traffic; they sum to `max`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Weights {
    /// The canary's.
    pub canary: u64,
    /// The stable's.
    pub stable: u64,
    /// Those of extra destinations.
    pub additional: Vec<u64>,
    /// Of this total.
    pub max: u64,
}

/// A route and where it sends traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// For example `HTTPRoute`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// All backends of all rules, in order.
    pub backends: Vec<Backend>,
}

/// One backend of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backend {
    /// The rule it belongs to, counted from 0.
    #[serde(skip)]
    pub rule: usize,
    /// The Service's name.
    pub name: String,
    /// Its weight among the rule's backends.
    pub weight: u64,
}

/// A ReplicaSet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaSet {
    /// Its name.
    pub name: String,
    /// `stable`, `canary`, or `old`.
    pub role: &'static str,
    /// Its revision, 0 when unknown.
    pub revision: u64,
    /// How many pods it should have.
    pub replicas: u64,
    /// How many of them are available.
    pub available: u64,
}

/// A router's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouterView {
    /// Its name.
    pub name: String,
    /// `Verified`, `NotApplicable`, `Waiting` or `Failed`.
    pub state: &'static str,
    /// Stable code, when it waits or failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What is waited for or wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// The label with a pod template's hash (Argo Rollouts).
const HASH_LABEL: &str = "rollouts-pod-template-hash";
/// The annotation with a revision number (Argo Rollouts).
const REVISION_ANNOTATION: &str = "rollout.argoproj.io/revision";

impl Frame {
    /// The frame of a Rollout, with its ReplicaSets, the routes to show, and what the routers last answered.
    pub fn of(
        rollout: &Value,
        replica_sets: &[&Value],
        routes: &[&Value],
        routing: Option<&Routing>,
    ) -> Self {
        let status = |pointer: &str| rollout.pointer(&format!("/status{pointer}"));
        let text = |pointer: &str| status(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let steps =
            rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array).map_or(0, Vec::len);
        let (stable_hash, current_hash) = (text("/stableRS"), text("/currentPodHash"));
        let mut replica_sets: Vec<ReplicaSet> = replica_sets
            .iter()
            .map(|object| replica_set(object, &stable_hash, &current_hash))
            .filter(|one| one.replicas > 0 || one.available > 0)
            .collect();
        replica_sets.sort_by(|a, b| b.revision.cmp(&a.revision).then_with(|| a.name.cmp(&b.name)));
        Self {
            rollout: format!("{}/{}", object::namespace(rollout), object::name(rollout)),
            phase: text("/phase"),
            message: text("/message"),
            step: status("/currentStepIndex").and_then(Value::as_u64),
            steps: u64::try_from(steps).unwrap_or(u64::MAX),
            weights: weights(rollout, &replica_sets),
            routes: routes.iter().map(|object| route(object)).collect(),
            replica_sets,
            evidence: Evidence::default(),
            routers: routing.into_iter().flat_map(|routing| &routing.routers).map(router).collect(),
        }
    }
}

fn weights(rollout: &Value, replica_sets: &[ReplicaSet]) -> Weights {
    let Some(routing) =
        rollout.pointer("/spec/strategy/canary/trafficRouting").filter(|routing| routing.is_object())
    else {
        return weights_by_pods(replica_sets);
    };
    let max = routing.get("maxTrafficWeight").and_then(Value::as_u64).unwrap_or(100);
    let Some(weights) = rollout.pointer("/status/canary/weights").filter(|weights| weights.is_object())
    else {
        return Weights { canary: 0, stable: max, additional: Vec::new(), max };
    };
    let weight = |value: &Value| value.get("weight").and_then(Value::as_u64).unwrap_or_default();
    Weights {
        canary: weights.get("canary").map(weight).unwrap_or_default(),
        stable: weights.get("stable").map(weight).unwrap_or_default(),
        additional: weights
            .get("additional")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(weight)
            .collect(),
        max,
    }
}

/// Without traffic routing, traffic follows the pods.
fn weights_by_pods(replica_sets: &[ReplicaSet]) -> Weights {
    let available = |only_canary: bool| -> u64 {
        let counted = replica_sets.iter().filter(|set| !only_canary || set.role == "canary");
        counted.map(|set| set.available).fold(0, u64::saturating_add)
    };
    let canary = available(true).saturating_mul(100).checked_div(available(false)).unwrap_or(0);
    Weights { canary, stable: 100 - canary, additional: Vec::new(), max: 100 }
}

fn route(object: &Value) -> Route {
    Route {
        kind: object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned(),
        name: object::name(object).to_owned(),
        backends: backends::of(object),
    }
}

fn replica_set(object: &Value, stable_hash: &str, current_hash: &str) -> ReplicaSet {
    let hash = object::label(object, HASH_LABEL).unwrap_or_default();
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    ReplicaSet {
        name: object::name(object).to_owned(),
        role: match hash {
            _ if !stable_hash.is_empty() && hash == stable_hash => "stable",
            _ if hash == current_hash => "canary",
            _ => "old",
        },
        revision: object::annotation(object, REVISION_ANNOTATION)
            .and_then(|revision| revision.parse().ok())
            .unwrap_or_default(),
        replicas: number("/spec/replicas"),
        available: number("/status/availableReplicas"),
    }
}

fn router(report: &tidegate_core::RouterReport) -> RouterView {
    let (state, reason, message) = match &report.state {
        RouterState::Verified => ("Verified", "", ""),
        RouterState::NotApplicable { warning } => {
            ("NotApplicable", "", warning.as_deref().unwrap_or_default())
        }
        RouterState::Waiting { reason, message } => ("Waiting", reason.as_str(), message.as_str()),
        RouterState::Loading { message } => ("Waiting", PLUGIN_LOADING, message.as_str()),
        RouterState::Failed { reason, message } | RouterState::Unavailable { reason, message } => {
            ("Failed", reason.as_str(), message.as_str())
        }
    };
    RouterView { name: report.router.clone(), state, reason: reason.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_rollout_gives_all_to_stable() {
        let frame = Frame::of(&json!({"metadata": {"name": "a", "namespace": "b"}}), &[], &[], None);
        assert_eq!(frame.rollout, "b/a");
        assert_eq!(frame.weights, Weights { canary: 0, stable: 100, additional: vec![], max: 100 });
        assert_eq!((frame.step, frame.steps), (None, 0));
    }

    #[test]
    fn without_traffic_routing_traffic_follows_the_pods() {
        let rollout = json!({"metadata": {"name": "a"}, "status": {"stableRS": "s", "currentPodHash": "c"}});
        let set = |hash: &str, available: u64| {
            json!({"metadata": {"name": hash, "labels": {HASH_LABEL: hash}},
                   "spec": {"replicas": 4}, "status": {"availableReplicas": available}})
        };
        let (stable, canary) = (set("s", 3), set("c", 1));
        let frame = Frame::of(&rollout, &[&stable, &canary], &[], None);
        assert_eq!((frame.weights.canary, frame.weights.stable), (25, 75));
    }

    #[test]
    fn roles_come_from_the_status() {
        let rollout = json!({"metadata": {"name": "a"}, "status": {"stableRS": "s", "currentPodHash": "c"}});
        let set = |name: &str, hash: &str, revision: &str| {
            json!({"metadata": {"name": name, "labels": {HASH_LABEL: hash}, "annotations": {REVISION_ANNOTATION: revision}},
                   "spec": {"replicas": 1}})
        };
        let (one, two, three) = (set("x", "s", "1"), set("y", "c", "2"), set("z", "o", "0"));
        let frame = Frame::of(&rollout, &[&one, &two, &three], &[], None);
        let roles: Vec<_> = frame.replica_sets.iter().map(|set| (set.name.as_str(), set.role)).collect();
        assert_eq!(roles, [("y", "canary"), ("x", "stable"), ("z", "old")]);
    }
}
