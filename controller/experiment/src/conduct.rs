//! `conduct`: the table of contents of the state machine.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_analysis::Phase;
use tidegate_api::{Body, Operation, Preconditions, Request, Resource, object};

use crate::services::Lack;
use crate::sets::{self, Found};
use crate::spec::{Spec, Template};
use crate::status::{AnalysisStatus, Stage, Status, TemplateStatus};
use crate::time;
use crate::world::{Decision, Note, World};

/// A decision in the making.
pub(crate) struct Conductor<'a> {
    pub(crate) world: &'a World,
    pub(crate) spec: Spec,
    writes: Vec<Request>,
    wake_at: Option<Timestamp>,
}

/// What should be done about an Experiment now, and what it should say about itself.
///
/// Total: whatever the world looks like, there is a decision.
pub fn conduct(world: &World, now: Timestamp) -> Decision {
    let mut status = Status::read(&world.experiment);
    let (spec, errors) = Spec::read(&world.experiment);
    let conductor = Conductor { world, spec, writes: Vec::new(), wake_at: None };
    if object::is_deleting(&world.experiment) {
        // What it owns goes with it.
        return conductor.finish(status, Vec::new());
    }
    if status.is_over() {
        return conductor.clear_away(status, now);
    }
    if !errors.is_empty() {
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let message = format!("Experiment spec invalid: {}", texts.join("; "));
        let notes = vec![ended(Phase::Error, &message)];
        status.phase = Some(Phase::Error);
        status.message = message;
        return conductor.finish(status, notes);
    }
    conductor.go_on(status, now)
}

impl Conductor<'_> {
    /// An Experiment that is not over.
    fn go_on(mut self, mut status: Status, now: Timestamp) -> Decision {
        let before = status.phase;
        let templates = self.spec.templates.clone();
        let mut stages: Vec<TemplateStatus> = Vec::new();
        for template in &templates {
            self.keep_set(template);
            self.keep_service(template);
            stages.push(self.assess(template, status.template(&template.name), now));
        }
        let were_all_available = status.available_at.is_some();
        if !were_all_available && stages.iter().all(|one| one.stage == Some(Stage::Running)) {
            status.available_at = Some(time::whole(now));
        }

        let is_ending = self.is_ending(&status, &stages, now);
        // Analyses begin once the status says that the pods were available: what begins them must not be forgotten.
        let analyses = self.spec.analyses.clone();
        let followed: Vec<AnalysisStatus> = if were_all_available {
            analyses.iter().map(|analysis| self.follow(analysis, &status, is_ending)).collect()
        } else {
            status.analyses.clone()
        };
        let is_ending = is_ending || followed.iter().any(|one| one.phase.is_some_and(Phase::is_ending));
        if is_ending {
            for one in stages.iter_mut().filter(|one| !one.stage.is_some_and(Stage::is_over)) {
                one.enter(Stage::Successful, "", now);
            }
        }
        let (phase, message) = verdict(is_ending, &status, &stages, &followed);
        status.templates = stages;
        status.analyses = followed;
        status.phase = Some(phase);
        status.message = message;
        let mut notes = Vec::new();
        if phase.is_completed() {
            notes.push(ended(phase, &status.message));
        } else if before != Some(phase) {
            let reason = format!("Experiment{}", phase.name());
            let message = format!("Experiment transitioned to {}", phase.name());
            notes.push(Note { is_warning: false, reason, message });
        }
        self.finish(status, notes)
    }

    /// How far the pods of a template are.
    fn assess(&mut self, template: &Template, mut noted: TemplateStatus, now: Timestamp) -> TemplateStatus {
        noted.service = String::new();
        noted.hash = sets::template_hash(&self.world.experiment, template);
        if noted.stage.is_some_and(Stage::is_over) {
            noted.service = self.service(template).unwrap_or_default();
            return noted;
        }
        let set = match self.set(template) {
            Found::Own(set) => Some(set),
            Found::None => None,
            Found::Taken => {
                let name = sets::name(&self.world.experiment, template);
                noted.enter(
                    Stage::Error,
                    format!("ReplicaSet \"{name}\" belongs to somebody else; rename the template"),
                    now,
                );
                return noted;
            }
        };
        let count = |of: fn(&tidegate_model::ReplicaSet) -> i64| set.as_deref().map_or(0, of);
        noted.replicas = count(|set| set.current);
        noted.ready = count(|set| set.ready);
        noted.available = count(|set| set.available);
        let (mut lacks_service, mut message) = (false, "");
        match self.service(template) {
            Ok(name) => noted.service = name,
            Err(Lack::Taken) => {
                noted.enter(
                    Stage::Error,
                    "its Service's name belongs to somebody else; choose another in service.name",
                    now,
                );
                return noted;
            }
            // Without ports there is no Service, as in Argo Rollouts, and so no traffic.
            Err(Lack::Ports) => {
                message = "no container declares a port, so there is no Service and no traffic; declare containerPort";
            }
            // An earlier try keeps it until its pods are gone.
            Err(Lack::Leaving) => {
                lacks_service = true;
                message =
                    "its Service still belongs to another Experiment; this one goes on when that is gone";
            }
            Err(Lack::Nothing) => lacks_service = template.has_service,
        }
        let is_there = set.as_deref().is_some_and(|set| {
            set.is_observed && set.desired == template.replicas && set.available >= template.replicas
        });
        if is_there && !lacks_service {
            noted.enter(Stage::Running, message, now);
            return noted;
        }
        noted.enter(Stage::Progressing, message, now);
        let deadline = time::later(noted.since.unwrap_or(now), self.spec.progress_deadline_seconds);
        if deadline <= now {
            let name = sets::name(&self.world.experiment, template);
            let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
            noted.enter(Stage::Failed, message, now);
        } else {
            self.wake(deadline);
        }
        noted
    }

    /// Whether it is time to end, by what is known before the analyses are looked at.
    fn is_ending(&mut self, status: &Status, stages: &[TemplateStatus], now: Timestamp) -> bool {
        let is_broken = |one: &TemplateStatus| {
            matches!(one.stage, Some(Stage::Failed | Stage::Error | Stage::Successful))
        };
        if self.spec.is_terminated || stages.iter().any(is_broken) {
            return true;
        }
        let phase_of = |name: &str| status.analysis(name).phase;
        if self.spec.analyses.iter().any(|one| phase_of(&one.name).is_some_and(Phase::is_ending)) {
            return true;
        }
        let mut required = self.spec.analyses.iter().filter(|one| one.is_required).peekable();
        let has_required = required.peek().is_some();
        let are_required_over = required.all(|one| phase_of(&one.name).is_some_and(Phase::is_completed));
        if has_required && are_required_over {
            return true;
        }
        let (Some(available), Some(duration)) = (status.available_at, self.spec.duration) else {
            return false;
        };
        let end = time::later(available, duration);
        if end > now {
            self.wake(end);
        }
        end <= now && !has_required
    }

    /// An Experiment that is over: its pods go when nothing reaches them, its Services when its pods are gone.
    fn clear_away(mut self, mut status: Status, now: Timestamp) -> Decision {
        for template in &self.spec.templates.clone() {
            self.scale_down(template, now);
            self.delete_service(template);
            let mut noted = status.template(&template.name);
            if let Found::Own(set) = self.set(template) {
                (noted.replicas, noted.ready, noted.available) = (set.current, set.ready, set.available);
            }
            noted.service = self.service(template).unwrap_or_default();
            if let Some(known) = status.templates.iter_mut().find(|known| known.name == template.name) {
                *known = noted;
            }
        }
        for analysis in &self.spec.analyses.clone() {
            let noted = self.follow(analysis, &status, true);
            if let Some(known) = status.analyses.iter_mut().find(|known| known.name == analysis.name) {
                *known = noted;
            }
        }
        self.finish(status, Vec::new())
    }

    pub(crate) fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |known| known.min(at)));
    }

    pub(crate) fn create(&mut self, resource: Resource, object: Value) {
        self.request(resource, Operation::Create { object });
    }

    /// A merge patch on an object as it was seen; an empty one is none.
    pub(crate) fn patch(&mut self, resource: Resource, object: &Value, mut patch: Value) {
        let Some(fields) = patch.as_object_mut().filter(|fields| !fields.is_empty()) else { return };
        let version = object::resource_version(object);
        if !version.is_empty() {
            let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert("resourceVersion".to_owned(), Value::from(version));
            }
        }
        let name = object::name(object).to_owned();
        self.request(resource, Operation::Patch { name, subresource: None, body: Body::Merge(patch) });
    }

    pub(crate) fn delete(&mut self, resource: Resource, object: &Value) {
        let preconditions =
            Preconditions { uid: Some(object::uid(object).to_owned()), resource_version: None };
        self.request(resource, Operation::Delete { name: object::name(object).to_owned(), preconditions });
    }

    fn request(&mut self, resource: Resource, operation: Operation) {
        let namespace = Some(object::namespace(&self.world.experiment).to_owned());
        self.writes.push(Request { resource, namespace, operation });
    }

    fn finish(self, status: Status, notes: Vec<Note>) -> Decision {
        Decision { writes: self.writes, status: status.write(), notes, wake_at: self.wake_at }
    }
}

/// The phase of an Experiment, and why.
fn verdict(
    is_ending: bool,
    status: &Status,
    templates: &[TemplateStatus],
    analyses: &[AnalysisStatus],
) -> (Phase, String) {
    let is_open = analyses.iter().any(|one| !one.is_over());
    if !is_ending || is_open {
        let phase = if status.available_at.is_some() { Phase::Running } else { Phase::Pending };
        return (phase, String::new());
    }
    let of_templates = templates.iter().filter_map(|one| {
        let phase = match one.stage? {
            Stage::Failed => Phase::Failed,
            Stage::Error => Phase::Error,
            Stage::Successful | Stage::Running | Stage::Progressing => Phase::Successful,
        };
        Some((phase, format!("Template '{}'", one.name), one.message.as_str()))
    });
    let of_analyses = analyses
        .iter()
        .filter_map(|one| Some((one.phase?, format!("Analysis '{}'", one.name), one.message.as_str())));
    let mut worst = (Phase::Successful, String::new());
    for (phase, what, message) in of_templates.chain(of_analyses) {
        if phase > worst.0 {
            worst = (phase, format!("{what} {}: {message}", phase.name()));
        }
    }
    worst
}

fn ended(phase: Phase, message: &str) -> Note {
    Note {
        is_warning: matches!(phase, Phase::Failed | Phase::Error),
        reason: format!("Experiment{}", phase.name()),
        message: format!("Experiment completed {}. {message}", phase.name()).trim_end().to_owned(),
    }
}

/// Whether an object belongs to the Experiment.
pub(crate) fn is_own(experiment: &Value, object: &Value) -> bool {
    let uid = object::uid(experiment);
    !uid.is_empty() && object::controller_uid(object) == Some(uid)
}

/// The owner reference of what belongs to it.
pub(crate) fn owner(experiment: &Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "name": object::name(experiment),
        "uid": object::uid(experiment),
        "controller": true,
        "blockOwnerDeletion": true,
    })
}
