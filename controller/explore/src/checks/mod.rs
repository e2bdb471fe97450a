//! What must always hold, checked after everything that happens, on the cluster's objects alone: nothing here knows how
//! decisions are made.
//!
//! A write is judged by what was true at some moment since what its controller had seen. A controller that sees all at once is
//! therefore judged strictly, and one whose watches are late is forgiven exactly what it could not know.

mod destinations;
mod experiments;
mod lab;
mod pods;
mod requests;
mod routes;
mod runs;
mod services;
mod sets;
mod status;
mod verdicts;
mod workloads;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_api::{ObjectKey, Request, object};
use tidegate_cluster::Cluster;

use crate::coverage::Coverage;
use crate::facts::{Facts, Kinds};
use crate::history::{History, Window};
use crate::lab::{Kinds as LabKinds, Lab};
use crate::scenario::{App, Scenario};
use crate::trace::Trace;

use self::lab::LabScene;
use requests::Rate;

/// Something that must always hold, and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What must hold, in a word; stable.
    pub invariant: &'static str,
    /// What happened instead.
    pub message: String,
    /// When.
    pub at: Duration,
}

/// What a check finds.
type Verdict = Result<(), Broken>;

/// What must hold and does not, and how that shows.
struct Broken(&'static str, String);

/// A write of a controller that went through.
pub(crate) struct Write<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) request: &'a Request,
    /// The object as it was; nothing: it is new.
    pub(crate) before: Option<&'a Value>,
    /// The object as it is; nothing: it is gone.
    pub(crate) after: Option<&'a Value>,
    /// It was decided on objects as they were then or later.
    pub(crate) since: Duration,
    pub(crate) now: Duration,
    /// The latest that the controllers' clocks have shown since.
    pub(crate) wall: Timestamp,
    /// How far ahead they were then, in seconds.
    pub(crate) clock: i64,
}

/// Watches everything.
pub(crate) struct Checker {
    kinds: Kinds,
    lab_kinds: LabKinds,
    /// All that was true of analyses and experiments.
    labs: History<Lab>,
    /// Objects into which a user has written something that nobody expects, by uid.
    scribbled: BTreeSet<String>,
    apps: Vec<Watched>,
    violation: Option<Violation>,
    /// When each version of the cluster was first seen.
    versions: Vec<(u64, Duration)>,
    /// How far clocks were ahead since when.
    clocks: Vec<(Duration, i64)>,
    gateway_tells: bool,
    /// Until then gateways may report what they have not done yet.
    unsettled_until: Duration,
    rate: Rate,
    /// Whether nothing has gone wrong that routers could fail from.
    is_calm: bool,
    pub(crate) coverage: Coverage,
}

/// What is known of one Rollout.
struct Watched {
    app: App,
    history: History<Facts>,
    /// Whether a user has written the selectors of its Services last.
    edited: [bool; 2],
}

/// One Rollout, as a check looks at it.
struct Scene<'a> {
    app: &'a App,
    window: Window<'a, Facts>,
    history: &'a History<Facts>,
    edited: [bool; 2],
    clocks: &'a [(Duration, i64)],
    is_calm: bool,
}

impl Checker {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let mut labs = History::default();
        labs.add(Duration::ZERO, Arc::default());
        let watched =
            |app: &App| Watched { app: app.clone(), history: History::default(), edited: [false; 2] };
        Self {
            kinds: Kinds::new(),
            lab_kinds: LabKinds::new(),
            labs,
            scribbled: BTreeSet::new(),
            apps: scenario.apps.iter().map(watched).collect(),
            violation: None,
            versions: Vec::new(),
            clocks: vec![(Duration::ZERO, 0)],
            gateway_tells: scenario.gateway_reports,
            unsettled_until: Duration::ZERO,
            rate: Rate::new(scenario),
            is_calm: true,
            coverage: Coverage::default(),
        }
    }

    /// What was violated first.
    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Notes that something does not hold. The first one counts.
    pub(crate) fn violated(&mut self, at: Duration, invariant: &'static str, message: String) {
        self.violation.get_or_insert(Violation { invariant, message, at });
    }

    fn judge(&mut self, at: Duration, verdict: Verdict) {
        if let Err(Broken(invariant, message)) = verdict {
            self.violated(at, invariant, message);
        }
    }

    /// The cluster may have changed.
    pub(crate) fn observe(&mut self, cluster: &Cluster, now: Duration, trace: &mut Trace) {
        let version = cluster.resource_version();
        if self.versions.last().is_none_or(|(last, _)| *last < version) {
            self.versions.push((version, now));
        }
        let tells = self.gateway_tells && now >= self.unsettled_until;
        let last = self.lab();
        let lab = Lab::read(cluster, &self.lab_kinds, &last);
        if !Arc::ptr_eq(&lab, &last) {
            self.coverage.saw_evidence(&last, &lab);
            self.labs.add(now, lab.clone());
        }
        for watched in &mut self.apps {
            let last = watched.history.last().map(AsRef::as_ref);
            let facts = Facts::read(cluster, &self.kinds, &watched.app, tells, watched.edited, &lab, last);
            if last.is_some_and(|last| last.is_same(&facts)) {
                continue;
            }
            self.coverage.saw(last, &facts);
            trace.say_facts(now, &watched.app.name, last, &facts);
            watched.history.add(now, Arc::new(facts));
        }
    }

    /// When a version of the cluster was first seen.
    pub(crate) fn time_of(&self, version: u64) -> Duration {
        let index = self.versions.partition_point(|(seen, _)| *seen < version);
        self.versions.get(index).or_else(|| self.versions.last()).map(|(_, at)| *at).unwrap_or_default()
    }

    /// What is true of each Rollout now.
    pub(crate) fn facts(&self) -> impl Iterator<Item = (&App, &Facts)> {
        self.apps.iter().filter_map(|watched| Some((&watched.app, watched.history.last()?.as_ref())))
    }

    /// How far the controllers' clocks were ahead at most since then, in seconds.
    pub(crate) fn furthest_clock(&self, since: Duration) -> i64 {
        let after = self.clocks.partition_point(|(from, _)| *from <= since);
        let clocks = self.clocks.get(after.saturating_sub(1)..).unwrap_or_default();
        clocks.iter().map(|(_, offset)| *offset).max().unwrap_or_default()
    }

    /// The controllers' clocks are this far ahead from now on.
    pub(crate) fn clock_set(&mut self, now: Duration, offset: i64) {
        self.clocks.push((now, offset));
    }

    /// Gateways behave otherwise from now on.
    pub(crate) fn gateway_set(&mut self, now: Duration, tells: bool) {
        self.gateway_tells = tells;
        self.unsettled_until = now.saturating_add(Duration::from_secs(2));
    }

    /// Something has gone wrong, or a user has touched a route.
    pub(crate) const fn troubled(&mut self) {
        self.is_calm = false;
    }

    /// A user has written the selector of a Service.
    pub(crate) fn selector_edited(&mut self, app: usize, stable: bool) {
        let edited = self.apps.get_mut(app).and_then(|watched| watched.edited.get_mut(usize::from(!stable)));
        if let Some(edited) = edited {
            *edited = true;
        }
    }

    /// A controller has written something.
    pub(crate) fn written(&mut self, write: &Write<'_>) {
        let kind = &*write.key.kind;
        let verdict = match kind {
            "Rollout" => self.of_rollout(&write.key.name, write, status::check),
            "ReplicaSet" | "Service" if Self::is_of_an_experiment(write) => self.of_part(write),
            "ReplicaSet" => self.of_set(write),
            "Service" => self.of_service(write),
            "AnalysisRun" => self.of_run(write),
            "Experiment" => self.of_experiment(write),
            "Job" => runs::job(&self.lab_scene(write), write),
            "HTTPRoute" => self.of_route(write),
            "Pod" => self.of_pod(write),
            "Deployment" => self.of_rollout(&write.key.name, write, workloads::check),
            _ => Err(Broken("only-own-objects", format!("it wrote {}", write.key))),
        };
        self.judge(write.now, verdict);
    }

    fn scene<'a>(&'a self, watched: &'a Watched, write: &Write<'_>) -> Scene<'a> {
        Scene {
            app: &watched.app,
            window: watched.history.since(write.since),
            history: &watched.history,
            edited: watched.edited,
            clocks: &self.clocks,
            is_calm: self.is_calm,
        }
    }

    fn of_rollout(
        &self,
        name: &str,
        write: &Write<'_>,
        check: fn(&Scene<'_>, &Write<'_>) -> Verdict,
    ) -> Verdict {
        match self.apps.iter().find(|watched| watched.app.name == name) {
            // What it says about itself proves nothing any more.
            Some(watched) if self.is_scribbled_on(watched) => Ok(()),
            Some(watched) => check(&self.scene(watched, write), write),
            None => Err(Broken("only-own-objects", format!("it wrote {} for nobody", write.key))),
        }
    }

    fn of_set(&self, write: &Write<'_>) -> Verdict {
        let object = write.after.or(write.before);
        let owner = |object: &Value| {
            let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            owners?.iter().find_map(|owner| owner.get("name").and_then(Value::as_str).map(str::to_owned))
        };
        let owner = object.and_then(owner).unwrap_or_default();
        self.of_rollout(&owner, write, sets::check)
    }

    fn of_pod(&self, write: &Write<'_>) -> Verdict {
        let owner = write.before.and_then(object::controller_uid).unwrap_or_default();
        let is_owner = |facts: &Facts| facts.sets.iter().any(|set| object::uid(&set.object) == owner);
        let found =
            self.apps.iter().find(|watched| watched.history.last().is_some_and(|facts| is_owner(facts)));
        match found {
            Some(watched) if self.is_scribbled_on(watched) => Ok(()),
            Some(watched) => pods::check(&self.scene(watched, write), write),
            None => Err(Broken("only-own-objects", format!("it wrote {}, which is nobody's", write.key))),
        }
    }

    fn of_service(&mut self, write: &Write<'_>) -> Verdict {
        let mut found = self.apps.iter().enumerate().filter_map(|(index, watched)| {
            Some((index, watched.app.services().iter().position(|name| **name == *write.key.name)?))
        });
        let Some((index, place)) = found.next() else {
            return Err(Broken("only-own-objects", format!("it wrote {}, which is nobody's", write.key)));
        };
        let expected = self.apps.get(index).filter(|watched| !self.is_scribbled_on(watched));
        let verdict = expected.map(|watched| services::check(&self.scene(watched, write), place, write));
        if let Some(edited) = self.apps.get_mut(index).and_then(|watched| watched.edited.get_mut(place)) {
            *edited = false;
        }
        verdict.unwrap_or(Ok(()))
    }

    fn of_route(&self, write: &Write<'_>) -> Verdict {
        let concerned: Vec<&Watched> = self
            .apps
            .iter()
            .filter(|watched| watched.app.routes().any(|name| *name == *write.key.name))
            .collect();
        let apps: Vec<&App> = concerned.iter().map(|watched| &watched.app).collect();
        routes::check_foreign(&apps, write)?;
        let mut expected = concerned.iter().filter(|watched| !self.is_scribbled_on(watched));
        expected.try_for_each(|watched| routes::check(&self.scene(watched, write), write))
    }
}

impl Scene<'_> {
    /// Whether something was so at some moment since what the controller had seen.
    fn any(&self, test: impl Fn(&Facts) -> bool) -> bool {
        self.window.any(test)
    }

    /// The spec's replicas when they were fewest.
    fn fewest_replicas(&self) -> i64 {
        let replicas = self.window.iter().filter_map(|(_, facts)| Some(facts.spec()?.replicas));
        replicas.min().unwrap_or_default()
    }
}

/// Whether two objects are the same but for their metadata's bookkeeping and these places.
fn differs_only(before: &Value, after: &Value, places: &[&str]) -> bool {
    let mut both = [before.clone(), after.clone()];
    for object in &mut both {
        for place in ["/metadata/resourceVersion", "/metadata/generation"].iter().chain(places) {
            remove(object, place);
        }
        for fields in ["/metadata/annotations", "/metadata/labels"] {
            if object.pointer(fields).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
                remove(object, fields);
            }
        }
    }
    both[0] == both[1]
}

/// Removes what a JSON pointer names.
fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    let name = name.replace("~1", "/").replace("~0", "~");
    if let Some(Value::Object(fields)) = object.pointer_mut(parent) {
        fields.shift_remove(&name);
    }
}

/// A key of a map as part of a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
