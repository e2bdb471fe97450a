//! Gauges about each Rollout, computed from its last known state whenever somebody asks.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use serde_json::Value;
use tidegate_api::ObjectKey;
use tidegate_core::{RouterState, Routing};

use super::table::{self, family};

/// What is shown of one Rollout.
#[derive(Debug, Default)]
pub(super) struct Facts {
    strategy: &'static str,
    traffic_router: String,
    phase: String,
    desired: i64,
    available: i64,
    updated: i64,
    /// Destination and weight.
    weights: Vec<(String, i64)>,
    /// Router and state.
    routers: Vec<(String, &'static str)>,
}

/// All Rollouts.
pub(super) type Table = table::Table<Facts>;

impl Table {
    pub(super) fn insert(&mut self, object: &Value) {
        let facts = self.put(object);
        let number = |path: &str| object.pointer(path).and_then(Value::as_i64);
        let routing = object.pointer("/spec/strategy/canary/trafficRouting").and_then(Value::as_object);
        facts.strategy =
            if object.pointer("/spec/strategy/blueGreen").is_some() { "blueGreen" } else { "canary" };
        facts.traffic_router = routing.map(routers).unwrap_or_default();
        object
            .pointer("/status/phase")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .clone_into(&mut facts.phase);
        facts.desired = number("/spec/replicas").unwrap_or(1);
        facts.available = number("/status/availableReplicas").unwrap_or(0);
        facts.updated = number("/status/updatedReplicas").unwrap_or(0);
    }

    pub(super) fn routed(&mut self, rollout: &ObjectKey, routing: Option<&Routing>) {
        let Some(facts) = self.get_mut(&rollout.namespace, &rollout.name) else { return };
        let Some(routing) = routing else {
            facts.weights.clear();
            facts.routers.clear();
            return;
        };
        let traffic = &routing.traffic;
        facts.weights = [&traffic.stable, &traffic.canary]
            .into_iter()
            .chain(&traffic.additional)
            .map(|destination| (destination.name.clone(), i64::from(destination.weight)))
            .collect();
        facts.routers = routing
            .routers
            .iter()
            .map(|report| {
                let state = match report.state {
                    RouterState::Verified => "Verified",
                    RouterState::NotApplicable { .. } => "NotApplicable",
                    RouterState::Waiting { .. } | RouterState::Loading { .. } => "Waiting",
                    RouterState::Failed { .. } | RouterState::Unavailable { .. } => "Failed",
                };
                (report.router.clone(), state)
            })
            .collect();
    }
}

/// The names of the routers: of plugins their own, of those built into Argo the field.
fn routers(routing: &serde_json::Map<String, Value>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (field, value) in routing {
        match (field.as_str(), value) {
            ("plugins", Value::Object(plugins)) => names.extend(plugins.keys().map(String::as_str)),
            ("managedRoutes" | "maxTrafficWeight", _) => {}
            (router, _) => names.push(router),
        }
    }
    names.sort_unstable();
    names.join(",")
}

/// Shows the table.
pub(super) struct Rollouts(pub(super) Arc<Mutex<Table>>);

impl fmt::Debug for Rollouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rollouts")
    }
}

/// Reads one number.
type Count = fn(&Facts) -> i64;

impl Collector for Rollouts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = [&*table];
        family(&mut encoder, "rollout_info", "Rollouts", &tables, |facts, show| {
            let labels = [
                ("strategy", facts.strategy),
                ("traffic_router", &facts.traffic_router),
                ("phase", &facts.phase),
            ];
            show(&labels, 1)
        })?;
        let replicas: [(&str, &str, Count); 4] = [
            ("desired", "Replicas that should be", |facts| facts.desired),
            ("available", "Available replicas", |facts| facts.available),
            ("unavailable", "Replicas that should be available and are not", |facts| {
                facts.desired.saturating_sub(facts.available).max(0)
            }),
            ("updated", "Replicas of the newest revision", |facts| facts.updated),
        ];
        for (name, help, number) in replicas {
            let name = format!("rollout_info_replicas_{name}");
            family(&mut encoder, &name, help, &tables, |facts, show| show(&[], number(facts)))?;
        }
        family(
            &mut encoder,
            "tidegate_rollout_weight",
            "Weight that a destination should have",
            &tables,
            |facts, show| {
                facts.weights.iter().try_for_each(|(name, weight)| show(&[("destination", name)], *weight))
            },
        )?;
        family(
            &mut encoder,
            "tidegate_router_state",
            "How far a router of a Rollout is: Verified, NotApplicable, Waiting or Failed",
            &tables,
            |facts, show| {
                facts.routers.iter().try_for_each(|(router, state)| {
                    show(&[("router", router.as_str()), ("state", *state)], 1)
                })
            },
        )
    }
}
