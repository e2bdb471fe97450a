//! Watches a simulation and tells what changed, line by line.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{Body, ObjectKey, Operation, Request, builtin, object};
use tidegate_cluster::Cluster;
use tidegate_core::{NoteKind, Routing};
use tidegate_shell::Report;

use crate::driver::{Driver, Happening};
use crate::frame::Frame;
use crate::line::Line;

/// Remembers the last frame of each Rollout, so that only changes are told.
pub(crate) struct Observer {
    keys: Vec<ObjectKey>,
    routing: BTreeMap<ObjectKey, Routing>,
    last: BTreeMap<ObjectKey, Frame>,
}

impl Observer {
    pub(crate) fn new(keys: Vec<ObjectKey>) -> Self {
        Self { keys, routing: BTreeMap::new(), last: BTreeMap::new() }
    }

    /// The Rollouts as the cluster has them.
    pub(crate) fn rollouts(&self, cluster: &Cluster) -> Vec<Arc<Value>> {
        self.keys
            .iter()
            .filter_map(|key| cluster.object(&builtin::rollouts(), &key.namespace, &key.name).cloned())
            .collect()
    }

    /// Tells something that was done to every Rollout from outside.
    pub(crate) fn announce(&mut self, driver: &Driver, event: &str, note: &str, tell: &mut dyn FnMut(&Line)) {
        for key in self.keys.clone() {
            self.tell(&driver.cluster, driver.elapsed(), &key, event, note, false, None, tell);
        }
    }

    /// Takes note of what the shell did.
    pub(crate) fn note(
        &mut self,
        cluster: &Cluster,
        elapsed: Duration,
        happening: &Happening,
        tell: &mut dyn FnMut(&Line),
    ) {
        match happening {
            Happening::Event(event) => {
                let key = object::key(&builtin::rollouts(), &event.regarding);
                let warning = event.kind == NoteKind::Warning;
                self.tell(cluster, elapsed, &key, &event.reason, &event.message, warning, None, tell);
            }
            Happening::Report(Report::Pass { rollout, routing, .. }) => {
                match routing {
                    Some(routing) => self.routing.insert(rollout.clone(), routing.clone()),
                    None => self.routing.remove(rollout),
                };
            }
            Happening::Report(Report::Wrote { rollout, request }) => {
                if let Some((note, patch)) = route_patch(request) {
                    self.tell(cluster, elapsed, rollout, "RouteWritten", &note, false, Some(patch), tell);
                }
            }
            Happening::Report(Report::WriteFailed { rollout, request, error }) => {
                let note = format!("{} {}: {error}", request.verb(), about(request));
                self.tell(cluster, elapsed, rollout, "WriteFailed", &note, true, None, tell);
            }
            Happening::Report(Report::Panicked { rollout, message }) => {
                self.tell(cluster, elapsed, rollout, "InternalError", message, true, None, tell);
            }
        }
    }

    /// Compares every Rollout with its last frame and tells what differs. Returns whether anything did.
    pub(crate) fn look(&mut self, driver: &Driver, tell: &mut dyn FnMut(&Line)) -> bool {
        let mut changed = false;
        for key in self.keys.clone() {
            let Some(frame) = self.frame(&driver.cluster, &key) else { continue };
            let Some((event, note, warning)) = difference(self.last.get(&key), &frame) else { continue };
            changed = true;
            self.tell(&driver.cluster, driver.elapsed(), &key, event, &note, warning, None, tell);
        }
        changed
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a line, named by the callee")]
    fn tell(
        &mut self,
        cluster: &Cluster,
        elapsed: Duration,
        key: &ObjectKey,
        event: &str,
        note: &str,
        warning: bool,
        patch: Option<Value>,
        tell: &mut dyn FnMut(&Line),
    ) {
        let Some(frame) = self.frame(cluster, key) else { return };
        self.last.insert(key.clone(), frame.clone());
        let (event, note) = (event.to_owned(), note.to_owned());
        tell(&Line { t: elapsed.as_secs_f64(), event, note, warning, frame, patch });
    }

    fn frame(&self, cluster: &Cluster, key: &ObjectKey) -> Option<Frame> {
        let rollout = cluster.object(&builtin::rollouts(), &key.namespace, &key.name)?;
        let uid = object::uid(rollout);
        let replica_sets: Vec<&Value> = cluster
            .objects(&builtin::replica_sets(), Some(&key.namespace))
            .map(|object| &**object)
            .filter(|set| object::controller_uid(set) == Some(uid))
            .collect();
        let routes: Vec<&Value> = cluster
            .all_objects()
            .map(|object| &**object)
            .filter(|object| object::namespace(object) == &*key.namespace && is_route(object))
            .collect();
        Some(Frame::of(rollout, &replica_sets, &routes, self.routing.get(key)))
    }
}

fn is_route(object: &Value) -> bool {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    text("apiVersion").starts_with("gateway.networking.k8s.io/") && text("kind").ends_with("Route")
}

/// The patch of a write on anything but the Rollout's own objects, and which object it is on.
fn route_patch(request: &Request) -> Option<(String, Value)> {
    match &request.operation {
        Operation::Patch { body: Body::Json(patch), .. } => Some((about(request), patch.clone())),
        _ => None,
    }
}

fn about(request: &Request) -> String {
    format!("{} {}", request.resource.kind, request.name().unwrap_or_default())
}

/// The most telling difference between two frames: event, note, warning.
fn difference(old: Option<&Frame>, new: &Frame) -> Option<(&'static str, String, bool)> {
    let Some(old) = old else { return Some(("Applied", String::new(), false)) };
    if old == new {
        return None;
    }
    if old.routers != new.routers
        && let Some(router) = new.routers.iter().find(|router| !old.routers.contains(router))
    {
        let note = if router.message.is_empty() {
            router.name.clone()
        } else {
            format!("{}: {}", router.name, router.message)
        };
        return Some((router.state, note, router.state == "Failed"));
    }
    if old.phase != new.phase || old.message != new.message {
        return Some(("PhaseChanged", new.message.clone(), new.phase == "Degraded"));
    }
    if old.step != new.step {
        return Some(("StepChanged", String::new(), false));
    }
    if old.weights != new.weights {
        return Some(("WeightChanged", String::new(), false));
    }
    if old.routes != new.routes {
        return Some(("RouteChanged", String::new(), false));
    }
    Some(("ReplicasChanged", String::new(), false))
}
