//! The `ReplicaSet` controller (`pkg/controller/replicaset`): as many pods as there should be, and their counts in the
//! status.
//!
//! Not modelled: adoption of pods without an owner and release of pods whose labels no longer fit, bursts of at most
//! 500 pods at a time, the coarse (logarithmic) comparison of ages, and the Events it writes.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_api::{ApiError, Preconditions, object};

use super::Task;
use super::pods::{available_from, is_ready, most_restarts, ready_since};
use crate::cluster::Cluster;
use crate::json::{as_object, at, items, number, text};
use crate::metadata;
use crate::selector::Selector;
use crate::store::Place;

/// The pause after a failure, in seconds; it doubles with each, up to 256 times.
const RETRY: u64 = 1;

impl Cluster {
    pub(super) fn sync_replica_set(&mut self, place: &Place) {
        let Some(set) = self.store.at(place).cloned() else { return };
        let pods = self.pods_of(object::uid(&set));
        let wanted = number(&set, &["spec", "replicas"]).unwrap_or(1);
        let wanted = usize::try_from(wanted).unwrap_or_default();
        let outcome =
            if object::is_deleting(&set) { Ok(()) } else { self.manage(place, &set, &pods.active, wanted) };
        if outcome.is_ok() {
            self.failures.remove(place);
        } else {
            let failures = self.failures.entry(place.clone()).or_default();
            *failures = failures.saturating_add(1);
            let pause = RETRY << failures.saturating_sub(1).min(8);
            self.after(Duration::from_secs(pause), Task::ReplicaSet(place.clone()));
        }
        self.count(place, &set, &pods, wanted, outcome.err().as_ref());
    }

    /// The pods that a `ReplicaSet` controls and that have not ended.
    fn pods_of(&self, uid: &str) -> Pods {
        let (terminating, active): (Vec<_>, Vec<_>) = self
            .store
            .dependents(uid)
            .filter(|place| place.table == self.known.pods)
            .filter_map(|place| Some((place.clone(), self.store.at(place)?.clone())))
            .filter(|(_, pod)| {
                object::controller_uid(pod) == Some(uid)
                    && !matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed")
            })
            .partition(|(_, pod)| object::is_deleting(pod));
        Pods { active, terminating: terminating.len() }
    }

    fn manage(
        &mut self,
        place: &Place,
        set: &Value,
        pods: &[(Place, Arc<Value>)],
        wanted: usize,
    ) -> Result<(), ApiError> {
        let Some(kind) = self.store.kind(self.known.pods).cloned() else { return Ok(()) };
        let table = self.known.pods;
        if pods.len() < wanted {
            let pod = pod_of(set);
            for _ in pods.len()..wanted {
                self.create(table, &kind, &place.namespace, &pod)?;
            }
            return Ok(());
        }
        let mut by_rank: Vec<&(Place, Arc<Value>)> = pods.iter().collect();
        by_rank.sort_by_cached_key(|(_, pod)| Rank::of(pod));
        for (place, pod) in by_rank.into_iter().take(pods.len() - wanted) {
            let same = Preconditions { uid: Some(object::uid(pod).to_owned()), resource_version: None };
            self.delete(table, &kind, &place.namespace, &place.name, &same)?;
        }
        Ok(())
    }

    fn count(&mut self, place: &Place, set: &Value, pods: &Pods, wanted: usize, error: Option<&ApiError>) {
        let terminating = pods.terminating;
        let pods: Vec<&Value> = pods.active.iter().map(|(_, pod)| pod.as_ref()).collect();
        let min_ready = number(set, &["spec", "minReadySeconds"]).unwrap_or_default();
        let labels = at(set, &["spec", "template", "metadata", "labels"]);
        let template = Selector::from_labels(labels.unwrap_or(&Value::Null));
        let labelled = pods.iter().filter(|pod| template.matches(at(pod, &["metadata", "labels"]))).count();
        let ready = pods.iter().filter(|pod| is_ready(pod)).count();
        let from: Vec<Timestamp> = pods.iter().filter_map(|pod| available_from(pod, min_ready)).collect();
        let available = from.iter().filter(|from| **from <= self.now).count();
        // Nothing else would tell that the next one has been ready for long enough.
        if let Some(next) = from.iter().filter(|from| **from > self.now).min() {
            self.schedule.add(Task::ReplicaSet(place.clone()), *next);
        }

        let generation = object::generation(set).unwrap_or_default();
        let now = self.timestamp();
        // The status alone is copied first: mostly it turns out to be the same.
        let mut new = set.get("status").cloned().unwrap_or_default();
        let status = as_object(&mut new);
        status.insert("replicas".into(), pods.len().into());
        for (key, count) in
            [("fullyLabeledReplicas", labelled), ("readyReplicas", ready), ("availableReplicas", available)]
        {
            // The typed object leaves out zeros.
            if count == 0 {
                status.shift_remove(key);
            } else {
                status.insert(key.into(), count.into());
            }
        }
        status.insert("terminatingReplicas".into(), terminating.into());
        status.insert("observedGeneration".into(), generation.into());
        let failed =
            items(set, &["status", "conditions"]).iter().any(|one| text(one, &["type"]) == "ReplicaFailure");
        match error {
            Some(error) if !failed => {
                let reason = if pods.len() < wanted { "FailedCreate" } else { "FailedDelete" };
                let condition = json!({
                    "type": "ReplicaFailure", "status": "True", "reason": reason, "message": error.message,
                    "lastTransitionTime": now,
                });
                status.insert("conditions".into(), json!([condition]));
            }
            None if failed => {
                status.shift_remove("conditions");
            }
            _ => {}
        }
        // The set may have changed since it was read only by this very controller's pods, which leave it alone.
        if set.get("status") != Some(&new) {
            let mut set = set.clone();
            as_object(&mut set).insert("status".into(), new);
            self.acting = true;
            self.put(place, set);
            self.acting = false;
        }
    }
}

/// The pods of a `ReplicaSet`.
struct Pods {
    active: Vec<(Place, Arc<Value>)>,
    /// How many are about to end.
    terminating: usize,
}

/// The pods of a `ReplicaSet` that was read from elsewhere.
pub(crate) struct PodsOf<'a> {
    pub(crate) set: &'a Value,
    pub(crate) place: &'a Place,
}

impl Cluster {
    /// Makes one of them: ready since some time, or new.
    pub(crate) fn restore_pod(&mut self, PodsOf { set, place }: &PodsOf<'_>, ready_since: Option<Timestamp>) {
        let table = self.known.pods;
        let mut pod = pod_of(set);
        let Some(ready_since) = ready_since else {
            if let Some(kind) = self.store.kind(table).cloned() {
                // One that is refused is tried again by the controller.
                let _ = self.create(table, &kind, &place.namespace, &pod);
            }
            return;
        };
        let name = format!("{}-{}", place.name, self.suffix());
        metadata::set(&mut pod, "name", name.as_str());
        metadata::set(&mut pod, "namespace", place.namespace.as_ref());
        metadata::set(&mut pod, "uid", self.uid());
        metadata::set(&mut pod, "creationTimestamp", crate::cluster::seconds(ready_since));
        let place = Place { table, namespace: place.namespace.clone(), name: name.into() };
        self.store.restore(&place, pod.clone());
        self.set_ready(&place, pod, ready_since);
    }
}

/// The order in which pods are deleted, first ones first (`ActivePodsWithRanks`).
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    placed: bool,
    phase: u8,
    ready: bool,
    cost: i64,
    ready_since: Reverse<Option<Timestamp>>,
    restarts: Reverse<u64>,
    created: Reverse<String>,
    name: String,
}

impl Rank {
    fn of(pod: &Value) -> Self {
        Self {
            placed: !text(pod, &["spec", "nodeName"]).is_empty(),
            phase: match text(pod, &["status", "phase"]) {
                "Pending" => 0,
                "Unknown" => 1,
                _ => 2,
            },
            ready: is_ready(pod),
            cost: object::annotation(pod, "controller.kubernetes.io/pod-deletion-cost")
                .and_then(|cost| cost.parse().ok())
                .unwrap_or_default(),
            ready_since: Reverse(ready_since(pod)),
            restarts: Reverse(most_restarts(pod)),
            created: Reverse(text(pod, &["metadata", "creationTimestamp"]).to_owned()),
            name: object::name(pod).to_owned(),
        }
    }
}

/// A pod as a `ReplicaSet`'s template has it.
fn pod_of(set: &Value) -> Value {
    let template = at(set, &["spec", "template"]).unwrap_or(&Value::Null);
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}});
    for key in ["labels", "annotations", "finalizers"] {
        metadata::copy(template, &mut pod, key);
    }
    let name = object::name(set);
    metadata::set(&mut pod, "generateName", format!("{name}-"));
    let owner = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": object::uid(set),
        "controller": true, "blockOwnerDeletion": true,
    });
    metadata::set(&mut pod, "ownerReferences", json!([owner]));
    let spec = template.get("spec").cloned().unwrap_or_default();
    as_object(&mut pod).insert("spec".into(), spec);
    pod
}
