//! Experiments and AnalysisRuns at one moment, and what is told of them.

use serde::Serialize;
use serde_json::Value;
use tidegate_api::{builtin, object};
use tidegate_cluster::Cluster;

use crate::told::Told;

/// Experiments and AnalysisRuns that belong together, because one Rollout or nobody has made them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The Experiments, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub experiments: Vec<Experiment>,
    /// The AnalysisRuns, by name, without those of Experiments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<Analysis>,
}

/// An Experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Experiment {
    /// Its name.
    pub name: String,
    /// `status.phase`, empty before there is one.
    pub phase: String,
    /// `status.message`, empty when none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Its templates, in the order of its status.
    pub templates: Vec<Template>,
    /// Its AnalysisRuns, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<Analysis>,
}

/// The pods of one template of an Experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// The template's name.
    pub name: String,
    /// How many pods there are.
    pub replicas: u64,
    /// How many of them are available.
    pub available: u64,
    /// Their share of the traffic, of the Rollout's `weights.max`.
    pub weight: u64,
}

/// An AnalysisRun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// Its name.
    pub name: String,
    /// `status.phase`, empty before there is one.
    pub phase: String,
    /// `status.message`, empty when none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The last measurement of each metric that has one.
    pub measurements: Vec<Measured>,
}

/// The last measurement of a metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The metric's name.
    pub metric: String,
    /// How many measurements have ended.
    pub count: u64,
    /// How it ended.
    pub phase: String,
    /// What was measured; empty when nothing was.
    pub value: String,
    /// Why, empty when nothing is said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl Evidence {
    /// What a Rollout has made.
    pub(crate) fn of_rollout(cluster: &Cluster, rollout: &Value) -> Self {
        let (namespace, uid) = (object::namespace(rollout), object::uid(rollout));
        let weights = rollout.pointer("/status/canary/weights/additional").and_then(Value::as_array);
        Self::of(cluster, namespace, weights.map_or(&[], Vec::as_slice), |owner| owner == Some(uid))
    }

    /// What is in a namespace and was made by nobody whose lines tell of it.
    pub(crate) fn alone(cluster: &Cluster, namespace: &str) -> Self {
        let makers = [builtin::rollouts(), builtin::experiments()];
        let makers: Vec<&str> = makers
            .iter()
            .flat_map(|kind| cluster.objects(kind, Some(namespace)))
            .map(|one| object::uid(one))
            .collect();
        Self::of(cluster, namespace, &[], |owner| owner.is_none_or(|owner| !makers.contains(&owner)))
    }

    fn of(
        cluster: &Cluster,
        namespace: &str,
        weights: &[Value],
        is_owner: impl Fn(Option<&str>) -> bool,
    ) -> Self {
        let (experiments, runs) = (builtin::experiments(), builtin::analysis_runs());
        let experiments = cluster.objects(&experiments, Some(namespace));
        let experiments = experiments.filter(|one| is_owner(object::controller_uid(one)));
        let runs_of = |is_owner: &dyn Fn(Option<&str>) -> bool| {
            let runs = cluster.objects(&runs, Some(namespace));
            runs.filter(|run| is_owner(object::controller_uid(run))).map(|run| Analysis::of(run)).collect()
        };
        Self {
            experiments: experiments
                .map(|one| {
                    let analyses = runs_of(&|owner| owner == Some(object::uid(one)));
                    Experiment::of(one, weights, analyses)
                })
                .collect(),
            analyses: runs_of(&is_owner),
        }
    }

    /// What is to be told since an earlier moment: what was measured, and what it came to.
    pub(crate) fn told_since(&self, old: &Self) -> Vec<Told> {
        let mut all = Vec::new();
        for experiment in &self.experiments {
            let before = old.experiments.iter().find(|before| before.name == experiment.name);
            all.extend(measured(before.map_or(&[], |before| &before.analyses), &experiment.analyses));
            if before.is_none_or(|before| before.phase != experiment.phase) {
                let name = format!("Experiment {}", experiment.name);
                all.extend(came_to("Experiment", &experiment.phase, &name, &experiment.message));
            }
        }
        all.extend(measured(&old.analyses, &self.analyses));
        all
    }
}

impl Experiment {
    fn of(experiment: &Value, weights: &[Value], analyses: Vec<Analysis>) -> Self {
        let status = experiment.get("status").unwrap_or(&Value::Null);
        let templates = status.get("templateStatuses").and_then(Value::as_array).into_iter().flatten();
        let templates = templates.map(|template| {
            let number = |field: &str| template.get(field).and_then(Value::as_u64).unwrap_or_default();
            let is_its = |one: &&Value| {
                one.get("serviceName").is_some_and(|service| Some(service) == template.get("serviceName"))
            };
            let weight = weights.iter().find(is_its).and_then(|one| one.get("weight")?.as_u64());
            Template {
                name: text(template, "name"),
                replicas: number("replicas"),
                available: number("availableReplicas"),
                weight: weight.unwrap_or_default(),
            }
        });
        Self {
            name: object::name(experiment).to_owned(),
            phase: text(status, "phase"),
            message: text(status, "message"),
            templates: templates.collect(),
            analyses,
        }
    }
}

impl Analysis {
    /// What an AnalysisRun says of itself.
    fn of(run: &Value) -> Self {
        let status = run.get("status").unwrap_or(&Value::Null);
        let results = status.get("metricResults").and_then(Value::as_array).into_iter().flatten();
        let measurements = results.filter_map(|result| {
            let all = result.get("measurements").and_then(Value::as_array)?;
            let ended = |one: &&Value| one.get("finishedAt").is_some_and(Value::is_string);
            let last = all.iter().rfind(ended)?;
            // A count for each way to end.
            let counts = ["successful", "failed", "inconclusive", "error"]
                .map(|way| result.get(way).and_then(Value::as_u64).unwrap_or_default());
            Some(Measured {
                metric: text(result, "name"),
                count: counts.iter().copied().fold(0, u64::saturating_add),
                phase: text(last, "phase"),
                value: text(last, "value"),
                message: text(last, "message"),
            })
        });
        Self {
            name: object::name(run).to_owned(),
            measurements: measurements.collect(),
            phase: text(status, "phase"),
            message: text(status, "message"),
        }
    }
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What was measured since, and what became of the runs.
fn measured(old: &[Analysis], new: &[Analysis]) -> Vec<Told> {
    let mut all = Vec::new();
    for run in new {
        let before = old.iter().find(|before| before.name == run.name);
        for one in &run.measurements {
            if before.is_some_and(|before| before.measurements.contains(one)) {
                continue;
            }
            let said = [one.value.as_str(), one.message.as_str()];
            let said: Vec<&str> = said.into_iter().filter(|text| !text.is_empty()).collect();
            let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) };
            let note = format!("{} no. {}: {}{said}", one.metric, one.count, one.phase);
            all.push(Told { warning: one.phase != "Successful", ..Told::new("Measured", &note) });
        }
        if before.is_none_or(|before| before.phase != run.phase) {
            all.extend(came_to("Analysis", &run.phase, &format!("AnalysisRun {}", run.name), &run.message));
        }
    }
    all
}

/// Tells that something has come to a phase; that it is there, once it has one.
fn came_to(what: &str, phase: &str, name: &str, message: &str) -> Option<Told> {
    if phase.is_empty() {
        return None;
    }
    let said = if message.is_empty() { String::new() } else { format!(": {message}") };
    let warning = !matches!(phase, "Pending" | "Running" | "Successful");
    Some(Told { warning, ..Told::new(&format!("{what}{phase}"), &format!("{name}{said}")) })
}
