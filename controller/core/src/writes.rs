//! Collects the writes of a decision: at most one per object, each with the precondition that it was made on.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Preconditions, Request, Resource, builtin, object};
use tidegate_model::ReplicaSet;

use crate::context::Context;

/// The writes so far.
#[derive(Default)]
pub(crate) struct Writes {
    created: Vec<Value>,
    replica_sets: BTreeMap<String, (String, Value)>,
    services: BTreeMap<String, (String, Value)>,
    rollout: Option<Value>,
    workload: Option<(Resource, String, Value)>,
    deleted: BTreeMap<String, Preconditions>,
    evicted: Vec<(String, Preconditions)>,
    pods: BTreeMap<String, Value>,
    /// On AnalysisRuns and Experiments.
    evidence: Vec<(Resource, Operation)>,
}

impl Writes {
    /// Makes a ReplicaSet.
    pub(crate) fn create_replica_set(&mut self, object: Value) {
        self.created.push(object);
    }

    /// Changes a ReplicaSet by a merge patch; several changes of one become one.
    pub(crate) fn replica_set(&mut self, set: &ReplicaSet, patch: Value) {
        let version = object::resource_version(&set.object).to_owned();
        let (_, merged) = self.replica_sets.entry(set.name.clone()).or_insert_with(|| (version, json!({})));
        merge(merged, patch);
    }

    /// Deletes a ReplicaSet as it was seen: one that has got pods since must not go.
    pub(crate) fn delete_replica_set(&mut self, set: &ReplicaSet) {
        let version = object::resource_version(&set.object);
        let preconditions = Preconditions {
            uid: Some(object::uid(&set.object).to_owned()),
            resource_version: (!version.is_empty()).then(|| version.to_owned()),
        };
        self.deleted.insert(set.name.clone(), preconditions);
    }

    /// Changes a Service by a merge patch.
    pub(crate) fn service(&mut self, service: &Value, patch: Value) {
        let version = object::resource_version(service).to_owned();
        let (_, merged) =
            self.services.entry(object::name(service).to_owned()).or_insert_with(|| (version, json!({})));
        merge(merged, patch);
    }

    /// Changes the Rollout's metadata or spec by a merge patch.
    pub(crate) fn rollout(&mut self, patch: Value) {
        merge(self.rollout.get_or_insert_with(|| json!({})), patch);
    }

    /// Gives the workload that the Rollout refers to a size.
    pub(crate) fn scale_workload(&mut self, resource: Resource, workload: &Value, replicas: i64) {
        let mut scale = json!({"spec": {"replicas": replicas}});
        let version = object::resource_version(workload);
        if !version.is_empty() {
            merge(&mut scale, json!({"metadata": {"resourceVersion": version}}));
        }
        self.workload = Some((resource, object::name(workload).to_owned(), scale));
    }

    /// Makes an AnalysisRun or an Experiment.
    pub(crate) fn begin(&mut self, resource: Resource, object: Value) {
        self.evidence.push((resource, Operation::Create { object }));
    }

    /// Ends an AnalysisRun or an Experiment; what has come of it stays.
    pub(crate) fn end(&mut self, resource: Resource, object: &Value) {
        let mut body = json!({"spec": {"terminate": true}});
        let version = object::resource_version(object);
        if !version.is_empty() {
            merge(&mut body, json!({"metadata": {"resourceVersion": version}}));
        }
        let name = object::name(object).to_owned();
        self.evidence.push((resource, Operation::Patch { name, subresource: None, body: Body::Merge(body) }));
    }

    /// Deletes an AnalysisRun or an Experiment.
    pub(crate) fn forget(&mut self, resource: Resource, object: &Value) {
        let preconditions =
            Preconditions { uid: Some(object::uid(object).to_owned()), ..Preconditions::default() };
        self.evidence
            .push((resource, Operation::Delete { name: object::name(object).to_owned(), preconditions }));
    }

    /// Changes a pod by a merge patch.
    pub(crate) fn pod(&mut self, name: &str, patch: Value) {
        self.pods.insert(name.to_owned(), patch);
    }

    /// Asks that a pod goes.
    pub(crate) fn evict(&mut self, pod: &Value) {
        let preconditions =
            Preconditions { uid: Some(object::uid(pod).to_owned()), ..Preconditions::default() };
        self.evicted.push((object::name(pod).to_owned(), preconditions));
    }

    /// All writes, in a fixed order: the Rollout, new ReplicaSets, ReplicaSets, Services, the workload, deletions,
    /// analyses and experiments, evictions.
    pub(crate) fn finish(self, context: &Context<'_>) -> Vec<Request> {
        let namespace = &context.rollout.namespace;
        let request = |resource: Resource, operation| Request {
            resource,
            namespace: Some(namespace.clone()),
            operation,
        };
        let patch = |resource: Resource, name: String, version: &str, mut body: Value| {
            if !version.is_empty() {
                merge(&mut body, json!({"metadata": {"resourceVersion": version}}));
            }
            request(resource, Operation::Patch { name, subresource: None, body: Body::Merge(body) })
        };
        let mut requests = Vec::new();
        if let Some(body) = self.rollout {
            let version = object::resource_version(&context.world.rollout);
            requests.push(patch(builtin::rollouts(), context.rollout.name.clone(), version, body));
        }
        requests.extend(
            self.created
                .into_iter()
                .map(|object| request(builtin::replica_sets(), Operation::Create { object })),
        );
        for (name, (version, body)) in self.replica_sets {
            if !self.deleted.contains_key(&name) {
                requests.push(patch(builtin::replica_sets(), name, &version, body));
            }
        }
        for (name, (version, body)) in self.services {
            requests.push(patch(builtin::services(), name, &version, body));
        }
        if let Some((resource, name, scale)) = self.workload {
            let subresource = Some("scale".to_owned());
            requests
                .push(request(resource, Operation::Patch { name, subresource, body: Body::Merge(scale) }));
        }
        for (name, preconditions) in self.deleted {
            requests.push(request(builtin::replica_sets(), Operation::Delete { name, preconditions }));
        }
        for (name, body) in self.pods {
            // One that goes needs no metadata any more.
            if !self.evicted.iter().any(|(evicted, _)| *evicted == name) {
                requests.push(patch(builtin::pods(), name, "", body));
            }
        }
        requests.extend(self.evidence.into_iter().map(|(resource, operation)| request(resource, operation)));
        let evict =
            |(name, preconditions)| request(builtin::pods(), Operation::Evict { name, preconditions });
        requests.extend(self.evicted.into_iter().map(evict));
        requests
    }
}

/// Puts a merge patch on top of another, so that applying the result is applying both; nulls stay.
pub(crate) fn merge(into: &mut Value, patch: Value) {
    match (into, patch) {
        (Value::Object(fields), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(fields.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch,
    }
}
