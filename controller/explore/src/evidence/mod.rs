//! Analyses and experiments in runs: the templates that there are, what Rollouts ask for, what people do to it, and what metrics
//! answer.
//!
//! All of it is drawn apart from the rest, so that what a seed decides otherwise does not depend on it.

mod draw;
mod edits;
mod ending;
mod metrics;
mod steps;
mod templates;

pub(crate) use draw::add;
pub(crate) use metrics::Measuring;
pub use metrics::{JobFault, MetricFault};

use serde_json::Value;

use crate::happening::Happening;
use crate::scenario::App;

/// What there is at first besides Rollouts and their surroundings.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// `AnalysisTemplate`s and `ClusterAnalysisTemplate`s, and the Secret that one of them needs.
    pub templates: Vec<Value>,
    /// Experiments and AnalysisRuns that belong to no Rollout.
    pub alone: Vec<Value>,
}

impl Evidence {
    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }
}

impl Evidence {
    /// The same, measured by Jobs alone and for a while only: for controllers that would have to ask over a network.
    pub(crate) fn measured_by_jobs(&mut self) {
        for object in self.templates.iter_mut().chain(&mut self.alone) {
            let metrics = object.pointer_mut("/spec/metrics").and_then(Value::as_array_mut);
            for metric in metrics.into_iter().flatten() {
                templates::measure_by_job(metric);
            }
        }
    }
}

/// Whether what happens needs a network to measure.
pub(crate) fn needs_network(what: &Happening) -> bool {
    let Happening::Meddling(Meddling::ChangeTemplate(_, spec)) = what else { return false };
    let metrics = spec.get("metrics").and_then(Value::as_array);
    metrics.into_iter().flatten().any(|metric| {
        let provider = metric.get("provider").and_then(Value::as_object);
        provider.is_some_and(|provider| !provider.is_empty() && !provider.contains_key("job"))
    })
}

/// What somebody does to analyses and experiments by hand.
#[derive(Clone, Debug, PartialEq)]
pub enum Meddling {
    /// `spec.terminate` of the one that is this in order of names.
    End(Kind, usize),
    /// Deletes it.
    Delete(Kind, usize),
    /// Deletes a ReplicaSet of an Experiment.
    DeleteSet(usize),
    /// Scales it.
    ScaleSet(usize, i64),
    /// Deletes a Service of an Experiment.
    DeleteService(usize),
    /// Writes something that nobody expects at a JSON pointer of it.
    Scribble(Kind, usize, &'static str, Value),
    /// Deletes this one of [`Evidence::templates`].
    DeleteTemplate(usize),
    /// Puts it back as it was at first.
    RestoreTemplate(usize),
    /// Makes something else of its first metric.
    ChangeTemplate(usize, Value),
}

/// What somebody meddles with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// AnalysisRuns.
    Run,
    /// Experiments.
    Experiment,
    /// Rollouts.
    Rollout,
}

/// The analysis beside the steps of an app, as a merge patch that leaves nothing of another one.
pub(crate) fn replaced(app: &App) -> Value {
    app.canary.get("analysis").cloned().map(steps::replaced).unwrap_or_default()
}
