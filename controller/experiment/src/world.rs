//! What `conduct` knows, and what it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_analysis::Templates;
use tidegate_api::Request;
use tidegate_contract::Traffic;
use tidegate_model::RoutingRecord;

/// Everything that a decision about one Experiment depends on, besides the time.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The Experiment as the API server has it, untouched.
    pub experiment: Arc<Value>,
    /// ReplicaSets in its namespace that it controls, or that have a name which one of its own should have.
    pub replica_sets: Vec<Arc<Value>>,
    /// Services in its namespace that it controls, or that have a name which one of its own should have; by name.
    pub services: BTreeMap<String, Arc<Value>>,
    /// AnalysisRuns in its namespace that it controls, or that have a name which one of its own should have; by name.
    pub runs: BTreeMap<String, Arc<Value>>,
    /// The templates of its analyses that exist.
    pub templates: Templates,
    /// Services that a router sends something to, or may; None: that is not known.
    pub held: Option<BTreeSet<String>>,
}

/// What should be done about one Experiment now.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Writes on ReplicaSets, Services and AnalysisRuns, at most one for each object, each safe whatever becomes of the others.
    pub writes: Vec<Request>,
    /// The whole status as it should be, unknown fields kept.
    pub status: Value,
    /// Kubernetes events to publish once the status is written.
    pub notes: Vec<Note>,
    /// When to decide again though nothing changes.
    pub wake_at: Option<Timestamp>,
}

/// An event on the Experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether somebody should look.
    pub is_warning: bool,
    /// Argo's event reason, for example `ExperimentRunning`.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// The Services of experiments that the routers of a Rollout have something to do with: of the traffic that they are asked for
/// now, and of what record and status name. What destinations are about to get is recorded before, and both name one until the
/// routers have verified that it is gone.
pub fn held(rollout: &Value, traffic: Option<&Traffic>) -> BTreeSet<String> {
    let asked = traffic.into_iter().flat_map(|traffic| traffic.additional.iter().chain(&traffic.retired));
    let asked = asked.filter_map(|one| one.service.as_deref());
    let record = RoutingRecord::read(rollout);
    let recorded = record.destinations().map(|(service, _)| service);
    let noted = rollout.pointer("/status/canary/weights/additional").and_then(Value::as_array);
    let noted = noted.into_iter().flatten().filter_map(|one| one.get("serviceName")?.as_str());
    asked.chain(recorded).chain(noted).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
