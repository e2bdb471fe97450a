//! Gauges about each Rollout, computed from its last known state whenever somebody asks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use serde_json::Value;
use tidegate_api::{ObjectKey, object};
use tidegate_core::{RouterState, Routing};

/// What is shown of one Rollout.
#[derive(Debug, Default)]
struct Facts {
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

/// All Rollouts, by namespace and name.
#[derive(Debug, Default)]
pub(super) struct Table {
    rollouts: BTreeMap<(String, String), Facts>,
    /// While a list is read: those that it has not named so far.
    unlisted: BTreeSet<(String, String)>,
}

impl Table {
    /// A list begins.
    pub(super) fn begin(&mut self) {
        self.unlisted = self.rollouts.keys().cloned().collect();
    }

    /// The list is complete; answers those that it did not name.
    pub(super) fn end(&mut self) -> BTreeSet<(String, String)> {
        let gone = std::mem::take(&mut self.unlisted);
        self.rollouts.retain(|key, _| !gone.contains(key));
        gone
    }

    pub(super) fn insert(&mut self, object: &Value) {
        let key = key_of(object);
        self.unlisted.remove(&key);
        let facts = self.rollouts.entry(key).or_default();
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

    pub(super) fn remove(&mut self, object: &Value) {
        self.rollouts.remove(&key_of(object));
    }

    pub(super) fn routed(&mut self, rollout: &ObjectKey, routing: Option<&Routing>) {
        let key = (rollout.namespace.to_string(), rollout.name.to_string());
        // A pass may end after its Rollout is gone.
        let Some(facts) = self.rollouts.get_mut(&key) else { return };
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

fn key_of(rollout: &Value) -> (String, String) {
    (object::namespace(rollout).to_owned(), object::name(rollout).to_owned())
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

type Label<'a> = (&'a str, &'a str);

/// Reads one number.
type Count = fn(&Facts) -> i64;

impl Collector for Rollouts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        family(&mut encoder, "rollout_info", "Rollouts", &table, |facts, show| {
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
            family(&mut encoder, &name, help, &table, |facts, show| show(&[], number(facts)))?;
        }
        family(
            &mut encoder,
            "tidegate_rollout_weight",
            "Weight that a destination should have",
            &table,
            |facts, show| {
                facts.weights.iter().try_for_each(|(name, weight)| show(&[("destination", name)], *weight))
            },
        )?;
        family(
            &mut encoder,
            "tidegate_router_state",
            "How far a router of a Rollout is: Verified, NotApplicable, Waiting or Failed",
            &table,
            |facts, show| {
                facts.routers.iter().try_for_each(|(router, state)| {
                    show(&[("router", router.as_str()), ("state", *state)], 1)
                })
            },
        )
    }
}

fn family(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    table: &Table,
    each: impl Fn(&Facts, &mut dyn FnMut(&[Label<'_>], i64) -> fmt::Result) -> fmt::Result,
) -> fmt::Result {
    if table.rollouts.is_empty() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for ((namespace, rollout), facts) in &table.rollouts {
        each(facts, &mut |more, value| {
            let mut labels = vec![("namespace", namespace.as_str()), ("name", rollout.as_str())];
            labels.extend_from_slice(more);
            ConstGauge::new(value).encode(metric.encode_family(&labels)?)
        })?;
    }
    Ok(())
}
