//! Watches a simulation and tells what changed, line by line.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{Body, ObjectKey, Operation, Request, builtin, object};
use tidegate_cluster::Cluster;
use tidegate_core::{NoteKind, Routing};
use tidegate_shell::{KubernetesEvent, Report};

use crate::backends;
use crate::driver::{Driver, Happening};
use crate::frame::{Analysis, Frame};
use crate::line::Line;

/// Remembers the last frame of each Rollout, so that only changes are told.
pub(crate) struct Observer {
    keys: Vec<ObjectKey>,
    routing: BTreeMap<ObjectKey, Routing>,
    last: BTreeMap<ObjectKey, Frame>,
    /// The AnalysisRuns of each Rollout whose measurements were told.
    analyses: BTreeMap<ObjectKey, Vec<Analysis>>,
    /// Events of a pass that has yet to be reported: what the routers answered in it is their reason, and is told first.
    events: Vec<(ObjectKey, KubernetesEvent)>,
    /// How a write failed last, by what it was about: it is tried again and again, and told once.
    failures: BTreeMap<(ObjectKey, String), String>,
    changed_at: Duration,
}

impl Observer {
    pub(crate) fn new(keys: Vec<ObjectKey>) -> Self {
        Self {
            keys,
            routing: BTreeMap::new(),
            last: BTreeMap::new(),
            analyses: BTreeMap::new(),
            events: Vec::new(),
            changed_at: Duration::ZERO,
            failures: BTreeMap::new(),
        }
    }

    /// The Rollouts as the cluster has them.
    pub(crate) fn rollouts(&self, cluster: &Cluster) -> Vec<Arc<Value>> {
        self.keys
            .iter()
            .filter_map(|key| cluster.object(&builtin::rollouts(), &key.namespace, &key.name).cloned())
            .collect()
    }

    /// When a Rollout last looked otherwise than before. Events alone are no change: a write that is refused again and
    /// again has some.
    pub(crate) fn changed_at(&self) -> Duration {
        self.changed_at
    }

    /// Tells something that was done to every Rollout from outside.
    pub(crate) fn announce_all(
        &mut self,
        driver: &Driver,
        event: &'static str,
        note: &str,
        tell: &mut dyn FnMut(&Line),
    ) {
        for key in self.keys.clone() {
            self.announce(driver, &key, event, note, tell);
        }
    }

    /// Tells something that was done to a Rollout from outside.
    pub(crate) fn announce(
        &mut self,
        driver: &Driver,
        key: &ObjectKey,
        event: &'static str,
        note: &str,
        tell: &mut dyn FnMut(&Line),
    ) {
        self.tell(&driver.cluster, driver.elapsed(), key, Told::new(event, note), tell);
    }

    /// Takes note of what the shell did.
    pub(crate) fn note(
        &mut self,
        cluster: &Cluster,
        elapsed: Duration,
        happening: Happening,
        tell: &mut dyn FnMut(&Line),
    ) {
        match happening {
            Happening::Event(event) => {
                self.events.push((object::key(&builtin::rollouts(), &event.regarding), event));
            }
            Happening::Report(Report::Pass { rollout, routing, .. }) => {
                match routing {
                    Some(routing) => self.routing.insert(rollout.clone(), routing),
                    None => self.routing.remove(&rollout),
                };
                self.tell_measured(cluster, elapsed, &rollout, tell);
                self.tell_routers(cluster, elapsed, &rollout, tell);
                self.tell_events(cluster, elapsed, tell);
            }
            Happening::Report(Report::Wrote { rollout, request }) => {
                self.failures.remove(&(rollout.clone(), about(&request)));
                if let Some(told) = route_write(&request) {
                    self.tell(cluster, elapsed, &rollout, told, tell);
                }
            }
            Happening::Report(Report::WriteFailed { rollout, request, error }) => {
                let note = format!("{}: {error}", about(&request));
                if self.failures.insert((rollout.clone(), about(&request)), note.clone())
                    != Some(note.clone())
                {
                    self.tell(cluster, elapsed, &rollout, Told::warning("WriteFailed", &note), tell);
                }
            }
            // A simulation ends before its controller would be taken out.
            Happening::Report(Report::GivenBack { .. } | Report::Intends(_)) => {}
            Happening::Report(Report::Panicked { rollout, message }) => {
                self.tell(cluster, elapsed, &rollout, Told::warning("InternalError", &message), tell);
            }
        }
    }

    /// Compares every Rollout with its last frame and tells what differs.
    pub(crate) fn look(&mut self, driver: &Driver, tell: &mut dyn FnMut(&Line)) {
        self.tell_events(&driver.cluster, driver.elapsed(), tell);
        for key in self.keys.clone() {
            self.tell_measured(&driver.cluster, driver.elapsed(), &key, tell);
            let Some(frame) = self.frame(&driver.cluster, &key) else { continue };
            let Some(told) = difference(self.last.get(&key), &frame) else { continue };
            self.tell(&driver.cluster, driver.elapsed(), &key, told, tell);
        }
    }

    /// Tells what was measured since: the reason of what follows.
    fn tell_measured(
        &mut self,
        cluster: &Cluster,
        elapsed: Duration,
        key: &ObjectKey,
        tell: &mut dyn FnMut(&Line),
    ) {
        let Some(frame) = self.frame(cluster, key) else { return };
        let old = self.analyses.insert(key.clone(), frame.analyses.clone()).unwrap_or_default();
        for told in measured(&old, &frame.analyses) {
            self.tell(cluster, elapsed, key, told, tell);
        }
    }

    /// Tells of a router that says something else than in the last frame.
    fn tell_routers(
        &mut self,
        cluster: &Cluster,
        elapsed: Duration,
        key: &ObjectKey,
        tell: &mut dyn FnMut(&Line),
    ) {
        let (Some(last), Some(frame)) = (self.last.get(key), self.frame(cluster, key)) else { return };
        if let Some(told) = routers_difference(last, &frame) {
            self.tell(cluster, elapsed, key, told, tell);
        }
    }

    fn tell_events(&mut self, cluster: &Cluster, elapsed: Duration, tell: &mut dyn FnMut(&Line)) {
        for (key, event) in std::mem::take(&mut self.events) {
            let told =
                Told { warning: event.kind == NoteKind::Warning, ..Told::new(&event.reason, &event.message) };
            self.tell(cluster, elapsed, &key, told, tell);
        }
    }

    fn tell(
        &mut self,
        cluster: &Cluster,
        elapsed: Duration,
        key: &ObjectKey,
        told: Told,
        tell: &mut dyn FnMut(&Line),
    ) {
        let Some(frame) = self.frame(cluster, key) else { return };
        if self.last.insert(key.clone(), frame.clone()).as_ref() != Some(&frame) {
            self.changed_at = elapsed;
        }
        let Told { event, note, warning, patch, object } = told;
        tell(&Line { t: elapsed.as_secs_f64(), event, note, warning, frame, patch, object });
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
            .filter(|object| object::namespace(object) == &*key.namespace && backends::is_route(object))
            .filter(|route| backends::sends_to(route, rollout))
            .collect();
        let kind = builtin::analysis_runs();
        let runs = cluster.objects(&kind, Some(&key.namespace));
        let runs = runs.filter(|run| object::controller_uid(run) == Some(uid));
        let frame = Frame::of(rollout, &replica_sets, &routes, self.routing.get(key));
        Some(Frame { analyses: runs.map(|run| Analysis::of(run)).collect(), ..frame })
    }
}

/// What is told besides the frame.
struct Told {
    event: String,
    note: String,
    warning: bool,
    patch: Option<Value>,
    object: Option<Value>,
}

impl Told {
    fn new(event: &str, note: &str) -> Self {
        Self { event: event.to_owned(), note: note.to_owned(), warning: false, patch: None, object: None }
    }

    fn warning(event: &str, note: &str) -> Self {
        Self { warning: true, ..Self::new(event, note) }
    }
}

/// What a write on anything but the Rollout's own objects did.
fn route_write(request: &Request) -> Option<Told> {
    let told = |event| Told::new(event, &object_of(request));
    match &request.operation {
        Operation::Patch { body: Body::Json(patch), .. } => {
            Some(Told { patch: Some(patch.clone()), ..told("RouteWritten") })
        }
        Operation::CreateStrictly { object } => {
            Some(Told { object: Some(object.clone()), ..told("RouteCreated") })
        }
        Operation::Delete { .. } if request.resource.group != builtin::replica_sets().group => {
            Some(told("RouteRemoved"))
        }
        _ => None,
    }
}

/// The verb and the object of a request.
fn about(request: &Request) -> String {
    format!("{} {}", request.verb(), object_of(request))
}

fn object_of(request: &Request) -> String {
    let name = match &request.operation {
        Operation::Create { object } | Operation::CreateStrictly { object } => object::name(object),
        _ => request.name().unwrap_or_default(),
    };
    format!("{} {name}", request.resource.kind)
}

/// What was measured since, and the ends of AnalysisRuns.
fn measured(old: &[Analysis], new: &[Analysis]) -> Vec<Told> {
    let mut all = Vec::new();
    for run in new {
        let before = old.iter().find(|before| before.name == run.name);
        for one in &run.measurements {
            if before.is_some_and(|before| before.measurements.contains(one)) {
                continue;
            }
            let said = [one.value.as_str(), one.message.as_str()];
            let said: Vec<&str> = said.into_iter().filter(|text| !text.is_empty()).collect();
            let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) };
            let note = format!("{} no. {}: {}{said}", one.metric, one.count, one.phase);
            all.push(Told { warning: one.phase != "Successful", ..Told::new("Measured", &note) });
        }
        if before.is_none_or(|before| before.phase != run.phase) && !run.phase.is_empty() {
            let said = if run.message.is_empty() { String::new() } else { format!(": {}", run.message) };
            let warning = !matches!(run.phase.as_str(), "Pending" | "Running" | "Successful");
            let note = format!("AnalysisRun {}{said}", run.name);
            all.push(Told { warning, ..Told::new(&format!("Analysis{}", run.phase), &note) });
        }
    }
    all
}

/// The most telling difference between two frames.
fn difference(old: Option<&Frame>, new: &Frame) -> Option<Told> {
    let Some(old) = old else { return Some(Told::new("Applied", "")) };
    if old == new {
        return None;
    }
    if let Some(told) = routers_difference(old, new) {
        return Some(told);
    }
    if old.phase != new.phase || old.message != new.message {
        let told = Told::new("PhaseChanged", &new.message);
        return Some(Told { warning: new.phase == "Degraded", ..told });
    }
    let event = if old.step != new.step {
        "StepChanged"
    } else if old.weights != new.weights {
        "WeightChanged"
    } else if old.routes != new.routes {
        "RouteChanged"
    } else {
        "ReplicasChanged"
    };
    Some(Told::new(event, ""))
}

/// What the first router that says something else says.
fn routers_difference(old: &Frame, new: &Frame) -> Option<Told> {
    let router = new.routers.iter().find(|router| !old.routers.contains(router))?;
    let note = match router.message.as_str() {
        "" => router.name.clone(),
        message => format!("{}: {message}", router.name),
    };
    let warning = router.state == "Failed" || router.state == "NotApplicable" && !router.message.is_empty();
    Some(Told { warning, ..Told::new(router.state, &note) })
}
