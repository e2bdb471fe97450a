//! What goes on behind the API server: controllers that see every change and act on it a little later.

mod garbage;
mod gateway;
mod job;
mod job_status;
mod namespace;
mod pods;
mod replica_set;

use serde_json::Value;
use tidegate_api::object;

use crate::cluster::Cluster;
use crate::metadata;
use crate::store::Place;

pub(crate) use gateway::{Parent, Programmed, parents, reports_at};
pub(crate) use pods::is_ready;
pub(crate) use replica_set::PodsOf;

/// Something that will happen by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    /// The `ReplicaSet` controller looks at one.
    ReplicaSet(Place),
    /// The Job controller looks at one.
    Job(Place),
    /// The Job controller lets a pod go whose Job is gone.
    Untrack(Place),
    /// The next step in the life of a pod, unless it has been replaced by another of its name.
    Pod(Place, String, pods::Step),
    /// The garbage collector looks at an object.
    Collect(Place),
    /// The namespace controller looks at one that is being deleted.
    Namespace(Place),
    /// The gateway makes the traffic at a parent follow a route.
    Program(Place, Parent),
    /// The gateway reports on a route at a parent.
    Report(Place, Parent),
    /// The gateway reports on a Gateway.
    Gateway(Place),
}

impl Cluster {
    /// Does a task that is due.
    pub(crate) fn run(&mut self, task: Task) {
        match task {
            Task::ReplicaSet(place) => self.sync_replica_set(&place),
            Task::Job(place) => self.sync_job(&place),
            Task::Untrack(place) => self.untrack(&place),
            Task::Pod(place, uid, step) => self.step_pod(&place, &uid, step),
            Task::Collect(place) => self.collect(&place),
            Task::Namespace(place) => self.sweep(&place),
            Task::Program(place, parent) => self.program(place, parent),
            Task::Report(place, parent) => self.report(&place, &parent),
            Task::Gateway(place) => self.report_gateway(&place),
        }
    }

    /// Schedules what follows from a change.
    pub(crate) fn react(&mut self, place: &Place, old: Option<&Value>, new: Option<&Value>) {
        self.react_garbage(place, old, new);
        let soon = self.settings.controllers_act_after;
        let table = place.table;
        if table == self.known.pods {
            self.react_pod(place, old, new);
            let owners = [old, new].into_iter().flatten().filter_map(object::controller_uid);
            let owners = owners.filter_map(|uid| self.store.live(uid));
            let owners: Vec<Place> = owners.cloned().collect();
            for owner in owners {
                if owner.table == self.known.replica_sets {
                    self.after(soon, Task::ReplicaSet(owner));
                } else if owner.table == self.known.jobs {
                    self.after(soon, Task::Job(owner));
                }
            }
        } else if table == self.known.replica_sets {
            if new.is_none() {
                self.failures.remove(place);
            } else if !self.acting {
                self.after(soon, Task::ReplicaSet(place.clone()));
            }
        } else if table == self.known.jobs {
            match (old, new) {
                (Some(gone), None) => self.orphan_pods(gone),
                _ => self.after(soon, Task::Job(place.clone())),
            }
        } else if table == self.known.namespaces {
            if new.is_some_and(object::is_deleting) {
                self.after(soon, Task::Namespace(place.clone()));
            }
        } else {
            self.react_gateway(place, old, new);
        }
        if table == self.known.services {
            self.react_gateway(place, old, new);
        }
        if new.is_none() && !place.namespace.is_empty() {
            let namespace =
                Place { table: self.known.namespaces, namespace: "".into(), name: place.namespace.clone() };
            if self.store.at(&namespace).is_some_and(|found| object::is_deleting(found)) {
                self.after(soon, Task::Namespace(namespace));
            }
        }
    }

    fn react_garbage(&mut self, place: &Place, old: Option<&Value>, new: Option<&Value>) {
        let delay = self.settings.garbage_collected_after;
        match (old, new) {
            (Some(gone), None) => {
                let dependents: Vec<Place> = self.store.dependents(object::uid(gone)).cloned().collect();
                for dependent in dependents {
                    self.after(delay, Task::Collect(dependent));
                }
            }
            (old, Some(new)) => {
                let owners = metadata::owners(new);
                let unchanged = old.is_some_and(|old| metadata::owners(old) == owners);
                let dangling = !unchanged
                    && owners.iter().any(|owner| {
                        let uid = crate::json::text(owner, &["uid"]);
                        let live = self.store.live(uid);
                        live.is_none_or(|owner| {
                            !owner.namespace.is_empty() && owner.namespace != place.namespace
                        })
                    });
                if dangling {
                    self.after(delay, Task::Collect(place.clone()));
                }
            }
            (None, None) => {}
        }
    }
}
