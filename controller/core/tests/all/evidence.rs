//! Templates, and what runs and Experiments come to, for the tests about them.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_analysis::Reference;

use crate::cluster::Cluster;
use crate::manifests::{rollout, running};

impl Cluster {
    /// Makes an AnalysisTemplate.
    pub(crate) fn template(&mut self, name: &str, spec: Value) {
        let reference = Reference { cluster: false, name: name.to_owned() };
        self.evidence
            .templates
            .insert(reference, Arc::new(json!({"metadata": {"name": name}, "spec": spec})));
    }

    /// A run comes to a phase.
    pub(crate) fn run_ends(&mut self, name: &str, phase: &str, message: &str) {
        let run = Arc::make_mut(self.evidence.runs.get_mut(name).unwrap_or_else(|| panic!("no run {name}")));
        run["status"] = json!({"phase": phase, "message": message});
    }

    /// The names of all runs, with `!` where somebody told one to end.
    pub(crate) fn runs(&self) -> Vec<String> {
        let named = |(name, run): (&String, &Arc<Value>)| {
            let mark = if run["spec"]["terminate"] == true { "!" } else { "" };
            format!("{}{mark}", self.short(name))
        };
        sorted(self.evidence.runs.iter().map(named).collect())
    }

    /// The names of all Experiments, likewise.
    pub(crate) fn experiments(&self) -> Vec<String> {
        let named = |(name, one): (&String, &Arc<Value>)| {
            let mark = if one["spec"]["terminate"] == true { "!" } else { "" };
            format!("{}{mark}", self.short(name))
        };
        sorted(self.evidence.experiments.iter().map(named).collect())
    }

    /// A name with images in place of hashes.
    pub(crate) fn short(&self, name: &str) -> String {
        ["v1", "v2", "v3"]
            .into_iter()
            .filter(|image| self.set(image).is_some())
            .fold(name.to_owned(), |name, image| name.replace(self.hash(image), image))
    }

    /// A name with hashes in place of images.
    pub(crate) fn long(&self, name: &str) -> String {
        ["v1", "v2", "v3"]
            .into_iter()
            .filter(|image| self.set(image).is_some())
            .fold(name.to_owned(), |name, image| name.replace(image, self.hash(image)))
    }

    /// The controller of runs comes to a phase with one of them, and the Rollout follows.
    pub(crate) fn judge(&mut self, name: &str, phase: &str) {
        let name = self.long(name);
        self.run_ends(&name, phase, &format!("it {phase}"));
        self.settle();
    }

    /// The Rollout's notes of its runs: of the step, and of the background.
    pub(crate) fn noted(&self) -> [Option<String>; 2] {
        ["/canary/currentStepAnalysisRunStatus", "/canary/currentBackgroundAnalysisRunStatus"].map(|at| {
            let run = Some(self.status(at)).filter(|run| !run.is_null())?;
            Some(format!("{} {}", self.short(run["name"].as_str()?), run["status"].as_str()?))
        })
    }

    /// The message of a condition.
    pub(crate) fn says(&self, kind: &str) -> &str {
        let conditions = self.status("/conditions").as_array().unwrap();
        let one = conditions.iter().find(|one| one["type"] == kind);
        one.and_then(|one| one["message"].as_str()).unwrap_or_default()
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// One metric that is measured once.
pub(crate) fn metric(name: &str) -> Value {
    json!({"name": name, "provider": {"web": {"url": "http://x/{{args.hash}}"}}})
}

/// A template with an argument.
pub(crate) fn template() -> Value {
    json!({"args": [{"name": "hash"}], "metrics": [metric("m")]})
}

/// An analysis of a template, whose argument gets the hash of the newest pods.
pub(crate) fn analysis() -> Value {
    json!({"templates": [{"templateName": "t"}],
        "args": [{"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}]})
}

/// A Rollout with these steps, whose template exists, with `v2` on its way.
pub(crate) fn updating(steps: Value, canary: &Value) -> Cluster {
    let mut cluster = running(rollout(json!([])));
    cluster.template("t", template());
    cluster.canary(canary);
    cluster.canary(&json!({"steps": steps}));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.runs().len()), ("Healthy", 0), "{:#}", cluster.rollout["status"]);
    cluster.notes.clear();
    cluster.deploy("v2");
    cluster.settle();
    cluster
}
