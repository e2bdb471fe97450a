//! What people do to analyses and experiments by hand, and putting right what is wrong with them.

use serde_json::{Value, json};
use tidegate_api::{Operation, Resource, builtin, object};

use super::{JobFault, Kind, Meddling, MetricFault};
use crate::happens::request;
use crate::scenario::NAMESPACE;
use crate::simulation::Simulation;

impl Kind {
    fn resource(self) -> Resource {
        match self {
            Self::Run => builtin::analysis_runs(),
            Self::Experiment => builtin::experiments(),
            Self::Rollout => builtin::rollouts(),
        }
    }
}

impl Simulation {
    /// Somebody meddles with analyses and experiments.
    pub(crate) fn meddle(&mut self, what: &Meddling) {
        match what {
            Meddling::End(kind, which) => {
                self.patch_nth(&kind.resource(), *which, |_| true, json!({"spec": {"terminate": true}}));
            }
            Meddling::Delete(kind, which) => self.delete_nth(&kind.resource(), *which, |_| true),
            Meddling::DeleteSet(which) => {
                self.delete_nth(&builtin::replica_sets(), *which, is_of_an_experiment);
            }
            Meddling::ScaleSet(which, replicas) => {
                let body = json!({"spec": {"replicas": replicas}});
                self.patch_nth(&builtin::replica_sets(), *which, is_of_an_experiment, body);
            }
            Meddling::DeleteService(which) => {
                self.delete_nth(&builtin::services(), *which, is_of_an_experiment);
            }
            Meddling::Scribble(kind, which, pointer, value) => {
                self.scribble(&kind.resource(), *which, pointer, value);
            }
            Meddling::DeleteTemplate(which) => {
                if let Some(template) = self.scenario.evidence.templates.get(*which).cloned() {
                    self.delete_object(&template);
                }
            }
            Meddling::RestoreTemplate(which) => {
                if let Some(template) = self.scenario.evidence.templates.get(*which).cloned() {
                    self.restore(&template);
                }
            }
            Meddling::ChangeTemplate(which, spec) => {
                let template = self.scenario.evidence.templates.get(*which).cloned();
                if let Some(mut template) = template.filter(|template| template.get("spec").is_some()) {
                    let fields = template.get_mut("spec").and_then(Value::as_object_mut);
                    if let (Some(fields), Some(changes)) = (fields, spec.as_object()) {
                        fields.extend(changes.clone());
                    }
                    self.restore(&template);
                }
            }
        }
    }

    /// Metrics, Jobs and templates are as they were at first.
    pub(crate) fn evidence_heals(&mut self) {
        self.metrics_behave(MetricFault::Well);
        self.jobs_behave(JobFault::Well);
        for template in self.scenario.evidence.templates.clone() {
            self.restore(&template);
        }
    }

    /// Writes anything at a place of an object, whatever is there.
    fn scribble(&mut self, resource: &Resource, which: usize, pointer: &str, value: &Value) {
        let Some(found) = self.nth(resource, which, |_| true) else { return };
        let mut changed = found.clone();
        let Some((parent, field)) = pointer.rsplit_once('/') else { return };
        match changed.pointer_mut(parent) {
            Some(Value::Object(fields)) => {
                fields.insert(field.to_owned(), value.clone());
            }
            Some(Value::Array(elements)) => {
                match field.parse().ok().and_then(|index: usize| elements.get_mut(index)) {
                    Some(element) => *element = value.clone(),
                    None => return,
                }
            }
            _ => return,
        }
        self.checker.scribbled(object::uid(&found));
        let is_status = pointer.starts_with("/status") && *resource == builtin::rollouts();
        let operation = Operation::Replace {
            name: object::name(&found).to_owned(),
            subresource: is_status.then(|| "status".to_owned()),
            object: changed,
        };
        self.by_user(&request(resource, operation));
    }

    fn restore(&mut self, template: &Value) {
        self.delete_object(template);
        self.create(template.clone());
    }

    fn delete_object(&mut self, object: &Value) {
        let Some(resource) = self.resource_of(object) else { return };
        let namespace = if resource.namespaced { NAMESPACE } else { "" };
        if self.cluster.object(&resource, namespace, object::name(object)).is_some() {
            self.delete(&resource, object::name(object));
        }
    }

    fn nth(&self, resource: &Resource, which: usize, is_meant: impl Fn(&Value) -> bool) -> Option<Value> {
        let objects = self.cluster.objects(resource, Some(NAMESPACE));
        objects.filter(|object| is_meant(object)).nth(which).map(|object| object.as_ref().clone())
    }

    fn patch_nth(
        &mut self,
        resource: &Resource,
        which: usize,
        is_meant: impl Fn(&Value) -> bool,
        body: Value,
    ) {
        if let Some(found) = self.nth(resource, which, is_meant) {
            self.patch(resource, object::name(&found), None, body);
        }
    }

    fn delete_nth(&mut self, resource: &Resource, which: usize, is_meant: impl Fn(&Value) -> bool) {
        if let Some(found) = self.nth(resource, which, is_meant) {
            self.delete(resource, object::name(&found));
        }
    }
}

/// Whether an Experiment controls an object.
fn is_of_an_experiment(object: &Value) -> bool {
    object::controller_of_kind(object, "Experiment").is_some()
}
