//! Watches a simulation and tells what changed, line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ObjectKey, Resource, builtin, object};
use tidegate_cluster::Cluster;
use tidegate_core::{NoteKind, Routing};
use tidegate_shell::{KubernetesEvent, Report};

use crate::backends;
use crate::driver::{Driver, Happening};
use crate::evidence::Evidence;
use crate::frame::Frame;
use crate::line::{Alone, Line, Subject};
use crate::told::{Told, about, difference, route_write, routers_difference};

/// What a line is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A Rollout, and what it has made.
    Rollout(ObjectKey),
    /// What users have made in this namespace for themselves.
    Alone(Arc<str>),
}

/// Remembers the last frame of each Rollout, so that only changes are told.
pub(crate) struct Observer {
    keys: Vec<ObjectKey>,
    routing: BTreeMap<ObjectKey, Routing>,
    last: BTreeMap<ObjectKey, Frame>,
    /// The Experiments and AnalysisRuns whose measurements and phases were told.
    evidence: BTreeMap<Place, Evidence>,
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
            evidence: BTreeMap::new(),
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
        let place = Place::Rollout(key.clone());
        self.tell(&driver.cluster, driver.elapsed(), &place, Told::new(event, note), tell);
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
            // What becomes of Experiments and AnalysisRuns is told by their state.
            Happening::Event(event) if !is_rollout(&event.regarding) => {}
            Happening::Event(event) => {
                self.events.push((object::key(&builtin::rollouts(), &event.regarding), event));
            }
            Happening::Report(Report::Pass { rollout, routing, .. }) => {
                match routing {
                    Some(routing) => self.routing.insert(rollout.clone(), routing),
                    None => self.routing.remove(&rollout),
                };
                self.tell_evidence(cluster, elapsed, &Place::Rollout(rollout.clone()), tell);
                self.tell_routers(cluster, elapsed, &rollout, tell);
                self.tell_events(cluster, elapsed, tell);
            }
            Happening::Report(Report::Wrote { rollout: key, request }) => {
                self.failures.remove(&(key.clone(), about(&request)));
                if let Some(told) = route_write(&request).filter(|_| key.kind == builtin::rollouts().kind) {
                    self.tell(cluster, elapsed, &Place::Rollout(key), told, tell);
                }
            }
            Happening::Report(Report::WriteFailed { rollout: key, request, error }) => {
                let note = format!("{}: {error}", about(&request));
                let before = self.failures.insert((key.clone(), about(&request)), note.clone());
                if before.as_ref() != Some(&note) {
                    let place = place_of(cluster, &key);
                    self.tell(cluster, elapsed, &place, Told::warning("WriteFailed", &note), tell);
                }
            }
            // A simulation ends before its controller would be taken out.
            Happening::Report(Report::GivenBack { .. } | Report::Intends(_)) => {}
            Happening::Report(Report::Panicked { rollout: key, message }) => {
                let place = place_of(cluster, &key);
                self.tell(cluster, elapsed, &place, Told::warning("InternalError", &message), tell);
            }
        }
    }

    /// Compares every Rollout with its last frame and tells what differs.
    pub(crate) fn look(&mut self, driver: &Driver, tell: &mut dyn FnMut(&Line)) {
        self.tell_events(&driver.cluster, driver.elapsed(), tell);
        for key in self.keys.clone() {
            let place = Place::Rollout(key.clone());
            self.tell_evidence(&driver.cluster, driver.elapsed(), &place, tell);
            let Some(frame) = self.frame(&driver.cluster, &key) else { continue };
            let Some(told) = difference(self.last.get(&key), &frame) else { continue };
            self.tell(&driver.cluster, driver.elapsed(), &place, told, tell);
        }
        for namespace in namespaces(&driver.cluster) {
            self.tell_evidence(&driver.cluster, driver.elapsed(), &Place::Alone(namespace), tell);
        }
    }

    /// Tells what was measured since, and what it came to: the reason of what follows.
    fn tell_evidence(
        &mut self,
        cluster: &Cluster,
        elapsed: Duration,
        place: &Place,
        tell: &mut dyn FnMut(&Line),
    ) {
        let now = match place {
            Place::Rollout(key) => match cluster.object(&builtin::rollouts(), &key.namespace, &key.name) {
                Some(rollout) => Evidence::of_rollout(cluster, rollout),
                None => return,
            },
            Place::Alone(namespace) => Evidence::alone(cluster, namespace),
        };
        let old = self.evidence.insert(place.clone(), now.clone()).unwrap_or_default();
        if old != now {
            self.changed_at = elapsed;
        }
        for told in now.told_since(&old) {
            self.tell(cluster, elapsed, place, told, tell);
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
            self.tell(cluster, elapsed, &Place::Rollout(key.clone()), told, tell);
        }
    }

    fn tell_events(&mut self, cluster: &Cluster, elapsed: Duration, tell: &mut dyn FnMut(&Line)) {
        for (key, event) in std::mem::take(&mut self.events) {
            let told =
                Told { warning: event.kind == NoteKind::Warning, ..Told::new(&event.reason, &event.message) };
            self.tell(cluster, elapsed, &Place::Rollout(key), told, tell);
        }
    }

    fn tell(
        &mut self,
        cluster: &Cluster,
        elapsed: Duration,
        place: &Place,
        told: Told,
        tell: &mut dyn FnMut(&Line),
    ) {
        let subject = match place {
            Place::Rollout(key) => {
                let Some(frame) = self.frame(cluster, key) else { return };
                if self.last.insert(key.clone(), frame.clone()).as_ref() != Some(&frame) {
                    self.changed_at = elapsed;
                }
                Subject::Rollout(frame)
            }
            Place::Alone(namespace) => Subject::Alone(Alone {
                namespace: namespace.to_string(),
                evidence: Evidence::alone(cluster, namespace),
            }),
        };
        let Told { event, note, warning, patch, object } = told;
        tell(&Line { t: elapsed.as_secs_f64(), event, note, warning, subject, patch, object });
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
        let frame = Frame::of(rollout, &replica_sets, &routes, self.routing.get(key));
        Some(Frame { evidence: Evidence::of_rollout(cluster, rollout), ..frame })
    }
}

fn is_rollout(object: &Value) -> bool {
    object.get("kind").and_then(Value::as_str) == Some(&*builtin::rollouts().kind)
}

/// The namespaces of all Experiments and AnalysisRuns.
fn namespaces(cluster: &Cluster) -> BTreeSet<Arc<str>> {
    [builtin::experiments(), builtin::analysis_runs()]
        .iter()
        .flat_map(|kind| cluster.objects(kind, None))
        .map(|one| Arc::from(object::namespace(one)))
        .collect()
}

/// With what something is told that was done for a Rollout, an Experiment or an AnalysisRun.
fn place_of(cluster: &Cluster, key: &ObjectKey) -> Place {
    let (rollouts, experiments) = (builtin::rollouts(), builtin::experiments());
    let owner = |object: &Value, kind: &Resource| {
        let uid = object::controller_uid(object)?;
        cluster.objects(kind, Some(&key.namespace)).find(|one| object::uid(one) == uid).cloned()
    };
    let object = [&rollouts, &experiments, &builtin::analysis_runs()]
        .into_iter()
        .find(|kind| kind.kind == key.kind)
        .and_then(|kind| cluster.object(kind, &key.namespace, &key.name));
    let experiment = object.and_then(|run| owner(run, &experiments));
    let made = experiment.as_ref().or(object);
    let rollout = made.and_then(|made| owner(made, &rollouts));
    match rollout {
        Some(rollout) => Place::Rollout(object::key(&rollouts, &rollout)),
        None if key.kind == rollouts.kind => Place::Rollout(key.clone()),
        None => Place::Alone(key.namespace.clone()),
    }
}
