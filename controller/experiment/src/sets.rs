//! The ReplicaSets of an Experiment: made, scaled, and scaled down when nothing reaches their pods any more.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tidegate_api::{builtin, object};
use tidegate_model::names::{HASH_LABEL, SCALE_DOWN_DEADLINE_ANNOTATION};
use tidegate_model::{ReplicaSet, hash};

use crate::conduct::{Conductor, is_own, owner};
use crate::spec::Template;
use crate::time;

/// Annotation of a ReplicaSet: its Experiment (Argo Rollouts).
const EXPERIMENT_NAME_ANNOTATION: &str = "experiment.argoproj.io/name";
/// Annotation of a ReplicaSet: its template in the Experiment (Argo Rollouts).
const TEMPLATE_NAME_ANNOTATION: &str = "experiment.argoproj.io/template-name";

/// What there is of a template's ReplicaSet.
pub(crate) enum Found {
    /// Its own.
    Own(Box<ReplicaSet>),
    /// Somebody else's has the name.
    Taken,
    None,
}

/// The name of a template's ReplicaSet.
pub(crate) fn name(experiment: &Value, template: &Template) -> String {
    format!("{}-{}", object::name(experiment), template.name)
}

/// The hash by which a template's pods are told from others. It counts the names of template and Experiment: two templates with
/// equal pods must not select each other's.
pub(crate) fn template_hash(experiment: &Value, template: &Template) -> String {
    let mut told_apart = template.pods.clone();
    put(&mut told_apart, &["metadata", "annotations", EXPERIMENT_NAME_ANNOTATION], object::name(experiment));
    put(&mut told_apart, &["metadata", "annotations", TEMPLATE_NAME_ANNOTATION], &template.name);
    hash::template_hash(&told_apart, None)
}

/// The labels of a template's pods.
pub(crate) fn pod_labels(experiment: &Value, template: &Template) -> Map<String, Value> {
    let labels = template.pods.pointer("/metadata/labels").and_then(Value::as_object);
    let mut labels = labels.cloned().unwrap_or_default();
    labels.insert(HASH_LABEL.to_owned(), Value::from(template_hash(experiment, template)));
    labels
}

impl Conductor<'_> {
    pub(crate) fn set(&self, template: &Template) -> Found {
        let name = name(&self.world.experiment, template);
        let found: Option<&Arc<Value>> =
            self.world.replica_sets.iter().find(|set| object::name(set) == name && !object::is_deleting(set));
        match found {
            Some(set) if is_own(&self.world.experiment, set) => Found::Own(Box::new(ReplicaSet::read(set))),
            Some(_) => Found::Taken,
            None => Found::None,
        }
    }

    /// Makes or keeps a template's ReplicaSet while the Experiment goes on.
    pub(crate) fn keep_set(&mut self, template: &Template) {
        match self.set(template) {
            Found::None => {
                let object = self.new_set(template);
                self.create(builtin::replica_sets(), object);
            }
            Found::Own(set) => {
                let mut patch = json!({});
                // To have none is to be gone: only when nothing is sent there.
                let goes = template.replicas == 0 && self.is_held(template);
                if set.desired != template.replicas && !goes {
                    patch = json!({"spec": {"replicas": template.replicas}});
                }
                if set.scale_down_deadline.is_some() {
                    put_null(&mut patch, SCALE_DOWN_DEADLINE_ANNOTATION);
                }
                self.patch(builtin::replica_sets(), &set.object, patch);
            }
            Found::Taken => {}
        }
    }

    /// Takes the pods of a template away, once the delay is over and nothing holds its Service. The Experiment is seen to be
    /// over, so no Rollout gives it anything any more.
    pub(crate) fn scale_down(&mut self, template: &Template, now: Timestamp) {
        let Found::Own(set) = self.set(template) else { return };
        if set.desired == 0 {
            return;
        }
        let Some(deadline) = set.scale_down_deadline else {
            let deadline = time::later(time::whole(now), self.spec.scale_down_delay_seconds);
            let annotations = json!({SCALE_DOWN_DEADLINE_ANNOTATION: time::text(deadline)});
            self.patch(
                builtin::replica_sets(),
                &set.object,
                json!({"metadata": {"annotations": annotations}}),
            );
            self.wake(deadline);
            return;
        };
        if deadline > now {
            self.wake(deadline);
        } else if !self.is_held(template) {
            self.patch(builtin::replica_sets(), &set.object, json!({"spec": {"replicas": 0}}));
        }
    }

    fn new_set(&self, template: &Template) -> Value {
        let experiment = &self.world.experiment;
        let labels = pod_labels(experiment, template);
        let hash = labels.get(HASH_LABEL).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (mut selector, mut pods) = (template.selector.clone(), template.pods.clone());
        put(&mut selector, &["matchLabels", HASH_LABEL], &hash);
        put(&mut pods, &["metadata", "labels", HASH_LABEL], &hash);
        json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name(experiment, template),
                "namespace": object::namespace(experiment),
                "labels": labels,
                "annotations": {
                    EXPERIMENT_NAME_ANNOTATION: object::name(experiment),
                    TEMPLATE_NAME_ANNOTATION: template.name,
                },
                "ownerReferences": [owner(experiment)],
            },
            "spec": {
                "replicas": template.replicas,
                "minReadySeconds": template.min_ready_seconds,
                "selector": selector,
                "template": pods,
            },
        })
    }
}

fn put_null(patch: &mut Value, annotation: &str) {
    if let Some(fields) = patch.as_object_mut() {
        fields.insert("metadata".to_owned(), json!({"annotations": {annotation: null}}));
    }
}

/// Puts a text at a path of an object, making the objects on the way.
fn put(value: &mut Value, path: &[&str], text: &str) {
    let mut value = value;
    for key in path {
        if !value.is_object() {
            *value = json!({});
        }
        let Value::Object(fields) = value else { return };
        value = fields.entry((*key).to_owned()).or_insert(Value::Null);
    }
    *value = Value::from(text);
}
