//! The AnalysisRuns of an Experiment: begun when all pods were available, ended with it.

use serde_json::{Value, json};
use tidegate_analysis::{Phase, merge};
use tidegate_api::{builtin, object};
use tidegate_model::names::INSTANCE_ID_LABEL;

use crate::conduct::{Conductor, is_own, owner};
use crate::placeholder::{self, Known};
use crate::spec::Analysis;
use crate::status::{AnalysisStatus, Status};
use crate::{sets, time};

/// How many names are tried when others have the first.
const MOST_NAMES: usize = 100;

impl Conductor<'_> {
    /// Begins an analysis, or notes how far it is.
    pub(crate) fn follow(&mut self, analysis: &Analysis, status: &Status, is_ending: bool) -> AnalysisStatus {
        let mut noted = status.analysis(&analysis.name);
        let run = self.world.runs.get(&noted.run).filter(|run| is_own(&self.world.experiment, run)).cloned();
        if let Some(run) = run {
            let phase = Phase::of(&run).unwrap_or(Phase::Pending);
            let is_told = run.pointer("/spec/terminate").and_then(Value::as_bool).unwrap_or_default();
            if is_ending && !phase.is_completed() && !is_told {
                self.patch(builtin::analysis_runs(), &run, json!({"spec": {"terminate": true}}));
            }
            if !noted.is_over() {
                noted.phase = Some(phase);
                let message = run.pointer("/status/message").and_then(Value::as_str);
                message.unwrap_or_default().clone_into(&mut noted.message);
            }
            return noted;
        }
        if noted.is_over() {
            return noted;
        }
        if is_ending {
            // Never begun, or gone: nothing is to be learnt from it any more.
            noted.phase = Some(Phase::Successful);
            noted.message = String::from("Run Terminated");
            return noted;
        }
        let Some(name) = self.free_name(analysis) else {
            noted.phase = Some(Phase::Error);
            noted.message =
                String::from("all names that its run could have are taken; delete old AnalysisRuns");
            return noted;
        };
        match self.new_run(analysis, status, &name) {
            Ok(run) => {
                // One that is there already was made by us before this was written.
                if !self.world.runs.contains_key(&name) {
                    self.create(builtin::analysis_runs(), run);
                }
                noted.run = name;
                noted.phase = Some(Phase::Pending);
            }
            Err(message) => {
                noted.phase = Some(Phase::Error);
                noted.message = message;
            }
        }
        noted
    }

    /// The first name that is ours or nobody's.
    fn free_name(&self, analysis: &Analysis) -> Option<String> {
        let base = format!("{}-{}", object::name(&self.world.experiment), analysis.name);
        let names =
            (0..MOST_NAMES).map(|count| if count == 0 { base.clone() } else { format!("{base}.{count}") });
        let mut names = names
            .filter(|name| self.world.runs.get(name).is_none_or(|run| is_own(&self.world.experiment, run)));
        names.next()
    }

    fn new_run(&self, analysis: &Analysis, status: &Status, name: &str) -> Result<Value, String> {
        let experiment = &self.world.experiment;
        let field = |field: &str| experiment.pointer(field).cloned().unwrap_or_default();
        let args = placeholder::fill_in(&analysis.args, &self.known(status))?;
        let given = json!({
            "args": args, "dryRun": field("/spec/dryRun"), "measurementRetention": field("/spec/measurementRetention"),
        });
        let merged = merge(std::slice::from_ref(&analysis.reference), &self.world.templates, &given);
        let spec = merged.map_err(|error| error.to_string())?.spec;
        let mut labels = field("/spec/analysisRunMetadata/labels").as_object().cloned().unwrap_or_default();
        if let Some(id) = object::label(experiment, INSTANCE_ID_LABEL) {
            labels.insert(INSTANCE_ID_LABEL.to_owned(), Value::from(id));
        }
        Ok(json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AnalysisRun",
            "metadata": {
                "name": name,
                "namespace": object::namespace(experiment),
                "labels": labels,
                "annotations": field("/spec/analysisRunMetadata/annotations").as_object().cloned().unwrap_or_default(),
                "ownerReferences": [owner(experiment)],
            },
            "spec": spec,
        }))
    }

    /// What the placeholders in its arguments stand for.
    fn known(&self, status: &Status) -> Known {
        let mut known = Known::new();
        let experiment = &self.world.experiment;
        for template in &self.spec.templates {
            let of = |what: &str| format!("templates.{}.{what}", template.name);
            known.insert(of("podTemplateHash"), sets::template_hash(experiment, template));
            known.insert(of("replicaset.name"), sets::name(experiment, template));
        }
        if let Some(available) = status.available_at {
            known.insert("experiment.availableAt".to_owned(), time::text(available));
            if let Some(duration) = self.spec.duration {
                known
                    .insert("experiment.finishedAt".to_owned(), time::text(time::later(available, duration)));
            }
        }
        known
    }
}
