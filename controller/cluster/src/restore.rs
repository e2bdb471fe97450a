//! Objects of another cluster, taken as they are: with their uids, versions and statuses. So what would become of them can
//! be tried out without touching them.
//!
//! What a cluster knows and its objects do not say is made up from their statuses: a `ReplicaSet` gets as many pods, ready
//! and available, as it says it has, and gateways are taken to serve the routes that they report on.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;
use tidegate_api::{Resource, object};

use crate::cluster::Cluster;
use crate::controllers::{PodsOf, Task};
use crate::json::{number, text};
use crate::metadata;
use crate::store::{Place, TableId};

impl Cluster {
    /// Takes these objects, in place of what there is under their names. Watches from before have to list again. Objects
    /// of resources that are not served, and what is no object at all, are left out.
    pub fn restore(&mut self, objects: impl IntoIterator<Item = (Resource, Value)>) {
        let mut places: Vec<(Place, TableId)> = Vec::new();
        for (resource, mut object) in objects {
            let Ok((table, kind)) = self.resolve(&resource) else { continue };
            if metadata::normalise(&mut object).is_err() || object::name(&object).is_empty() {
                continue;
            }
            let namespace = if kind.resource.namespaced { object::namespace(&object) } else { "" };
            let place = Place { table, namespace: namespace.into(), name: object::name(&object).into() };
            self.store.restore(&place, object);
            places.push((place, table));
        }
        for (place, table) in places {
            if table == self.known.replica_sets {
                self.restore_pods(&place);
            } else if self.is_route(table) {
                self.restore_route(place);
            }
        }
    }

    /// Makes the pods that a `ReplicaSet` says it has. Those that are not ready get ready as new ones do.
    fn restore_pods(&mut self, place: &Place) {
        let Some(set) = self.store.at(place).cloned() else { return };
        let count = |field: &str| {
            let count = number(&set, &["status", field]).unwrap_or_default();
            usize::try_from(count).unwrap_or_default()
        };
        let (all, ready, available) = (count("replicas"), count("readyReplicas"), count("availableReplicas"));
        let min_ready = number(&set, &["spec", "minReadySeconds"]).unwrap_or_default();
        let long_ago = self.now.checked_sub(SignedDuration::from_secs(min_ready.max(0))).unwrap_or(self.now);
        let pods = PodsOf { set: &set, place };
        for index in 0..all {
            let ready_since =
                if index < available { Some(long_ago) } else { Some(self.now).filter(|_| index < ready) };
            self.restore_pod(&pods, ready_since);
        }
        self.after(self.settings.controllers_act_after, Task::ReplicaSet(place.clone()));
    }

    /// Has each parent serve a route that reports on it, and report where its report is behind.
    fn restore_route(&mut self, place: Place) {
        let Some(route) = self.store.at(&place).cloned() else { return };
        let generation = object::generation(&route);
        let all: Vec<_> = crate::controllers::parents(&route).map(|(parent, _)| parent).collect();
        for parent in all {
            let is_current = crate::controllers::reports_at(&route, &parent).any(|entry| {
                let mut conditions = crate::json::items(entry, &["conditions"]).iter();
                conditions.any(|one| {
                    text(one, &["type"]) == "Accepted" && number(one, &["observedGeneration"]) == generation
                })
            });
            let behaviour = self.settings.gateway.at(&parent.name, &place.name);
            let reports = behaviour.reports_after.filter(|_| !is_current);
            self.after(Duration::ZERO, Task::Program(place.clone(), parent.clone()));
            if let Some(after) = reports {
                self.after(after, Task::Report(place.clone(), parent));
            }
        }
    }
}
