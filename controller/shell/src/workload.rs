//! The workload that a Rollout takes its template from: watched only while some Rollout refers to one of its kind.
//!
//! All Deployments are watched, as text, for the sake of those that are referred to; a ReplicaSet by its name, because the watch
//! that is always there leaves out those of others.

use std::sync::Arc;

use serde_json::Value;
use tidegate_core::Workload;
use tidegate_model::workload::workload_ref;
use tidegate_model::{WorkloadKind, WorkloadRef};

use crate::cache::{Keep, State};
use crate::caches::{Caches, WatchId};
use crate::event::WatchKey;
use crate::guard::Turn;
use crate::name::Name;
use crate::rbac;
use crate::shell::Shell;

impl Shell {
    /// Watches the workload that a Rollout refers to, and no other. Whether nobody knows yet what there is: nothing can be decided
    /// then, and the end of the first list is a reason to look again.
    pub(crate) fn follow_workload(&mut self, turn: &mut Turn<'_>, rollout: &Value) -> bool {
        let wanted = workload_ref(rollout);
        let watch = wanted.as_ref().map(|reference| self.caches.workloads(turn.name, reference));
        let followed = watch.zip(wanted.as_ref().map(|reference| Arc::from(&*reference.name)));
        if turn.memory.workload != followed {
            turn.memory.workload = followed;
            self.depend(turn.name, turn.memory);
        }
        let cache = watch.and_then(|watch| self.caches.cache(watch));
        cache.is_some_and(|cache| cache.state == State::Unknown)
    }

    /// What a Rollout takes its template from.
    pub(crate) fn workload(&mut self, home: &Name, rollout: &Value) -> Workload {
        let Some(reference) = workload_ref(rollout) else { return Workload::None };
        let keep_parsed = self.settings.timing.parsed_objects;
        let watch = self.caches.workloads(home, &reference);
        let Some(cache) = self.caches.cache_mut(watch) else { return Workload::Missing };
        match &cache.state {
            State::Unknown => {
                Workload::Unreadable { message: "it is being read for the first time".to_owned() }
            }
            State::NotServed => Workload::Missing,
            State::Forbidden(message) => {
                let resource = reference.kind.resource();
                let allow = rbac::allow_watching(&resource.group, &resource.kind, Some(&resource));
                Workload::Unreadable { message: format!("{message}\n{allow}") }
            }
            State::Synced => {
                let name = Name::new(&home.namespace, &reference.name);
                cache.value(&name, keep_parsed).map_or(Workload::Missing, Workload::Found)
            }
        }
    }
}

impl Caches {
    /// The watch in which a Rollout's workload appears.
    fn workloads(&mut self, home: &Name, reference: &WorkloadRef) -> WatchId {
        let resource = reference.kind.resource();
        let is_one = reference.kind == WorkloadKind::ReplicaSet;
        let key = WatchKey {
            group: resource.group,
            kind: resource.kind,
            versions: vec![resource.version],
            namespace: if is_one { Some(home.namespace.clone()) } else { self.namespace() },
            name: is_one.then(|| reference.name.as_str().into()),
        };
        self.id_of(key, Keep::Text)
    }
}
