//! Connects the shell with the in-memory cluster: a single-threaded loop in virtual time.
//!
//! The other driver of the same shell talks to a real API server. This one carries effects out in the order in
//! which they were asked for, so the same manifests give the same run, always.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_analysis::Outcome;
use tidegate_analysis::provider::job;
use tidegate_api::{ApiError, Operation, Request, Resource, WatchEvent, object};
use tidegate_cluster::{Cluster, PodRule};
use tidegate_shell::{
    Effect, Event, KubernetesEvent, MeasureJob, Now, PluginState, Report, RequestId, Shell, Unwatchable,
    WatchKey,
};

use crate::journal::{Before, Journal, Write};
use crate::metrics::{Measurement, Script};

/// Something that happened and that an observer may want to show.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Happening {
    /// The shell told something.
    Report(Report),
    /// A Kubernetes event was published.
    Event(KubernetesEvent),
}

/// A shell, a cluster, and what is under way between them.
pub struct Driver {
    /// The cluster; requests of users go to it directly.
    pub cluster: Cluster,
    shell: Shell,
    started_at: Timestamp,
    inbox: VecDeque<Event>,
    watches: BTreeMap<WatchKey, Position>,
    watched: BTreeSet<WatchKey>,
    wake_at: Option<Duration>,
    journal: Option<Journal>,
    metrics: Script,
    /// What providers will answer, by when they do.
    measuring: BTreeMap<(Duration, RequestId), Outcome>,
}

/// How far a watch has been read.
struct Position {
    resource: Resource,
    resource_version: u64,
}

impl Driver {
    /// A shell that leads, knows these plugins, and sees this cluster.
    pub fn new(cluster: Cluster, shell: Shell, plugins: BTreeMap<String, PluginState>) -> Self {
        let started_at = cluster.now();
        let inbox = VecDeque::from([Event::Plugins(plugins.into()), Event::Leading(true), Event::Woken]);
        Self {
            cluster,
            shell,
            started_at,
            inbox,
            watches: BTreeMap::new(),
            watched: BTreeSet::new(),
            wake_at: None,
            journal: None,
            metrics: Script::default(),
            measuring: BTreeMap::new(),
        }
    }

    /// From now on has the providers of metrics answer as a script says. Without one they answer that nothing is known.
    pub fn measure_by(&mut self, metrics: Script) {
        self.metrics = metrics;
    }

    /// From now on keeps what is written.
    pub fn keep_journal(&mut self) {
        self.journal = Some(Journal::default());
    }

    /// What was written since the last time, if it is kept.
    pub fn take_journal(&mut self) -> Vec<Write> {
        self.journal.as_mut().map(Journal::take).unwrap_or_default()
    }

    /// All that was ever watched.
    pub fn watched(&self) -> &BTreeSet<WatchKey> {
        &self.watched
    }

    /// Has a user do something; `what` says it in words.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub fn act(&mut self, what: &str, request: &Request) -> Result<Arc<Value>, ApiError> {
        let before = Before::of(&self.cluster, request);
        let result = self.cluster.handle(request)?;
        let at = self.elapsed();
        if let (Some(journal), Some(before)) = (&mut self.journal, before) {
            journal.note(before, &self.cluster, at, request, Some(what));
        }
        Ok(result)
    }

    /// Virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        Duration::try_from(self.cluster.now().duration_since(self.started_at)).unwrap_or_default()
    }

    /// When something happens next by itself, since the start; `None`: never.
    pub fn next_due(&self) -> Option<Duration> {
        let cluster = self
            .cluster
            .next_event_at()
            .map(|at| Duration::try_from(at.duration_since(self.started_at)).unwrap_or_default());
        let measured = self.measuring.keys().next().map(|(at, _)| *at);
        [cluster, self.wake_at, measured].into_iter().flatten().min()
    }

    /// Handles everything that is due now, and what follows from it, until only time can change anything.
    pub fn settle(&mut self, observe: &mut dyn FnMut(&Cluster, Duration, Happening)) {
        loop {
            self.read_watches();
            let Some(event) = self.inbox.pop_front() else { break };
            let now = Now { wall: self.cluster.now(), monotonic: self.elapsed() };
            for effect in self.shell.step(now, event) {
                self.carry_out(effect, observe);
            }
        }
    }

    /// Lets time pass up to the next thing that is due. Returns whether there was one.
    pub fn advance(&mut self) -> bool {
        let Some(due) = self.next_due() else { return false };
        self.advance_to(due);
        true
    }

    /// Lets time pass up to this time since the start.
    pub fn advance_to(&mut self, due: Duration) {
        let to = self.started_at.checked_add(due).unwrap_or(Timestamp::MAX);
        self.cluster.advance(to.max(self.cluster.now()));
        if self.wake_at.is_some_and(|at| at <= self.elapsed()) {
            self.wake_at = None;
            self.inbox.push_back(Event::Woken);
        }
        let now = self.elapsed();
        while let Some(due) = self.measuring.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((_, id), outcome) = due.remove_entry();
            self.inbox.push_back(Event::Measured { id, outcome });
        }
    }

    fn carry_out(&mut self, effect: Effect, observe: &mut dyn FnMut(&Cluster, Duration, Happening)) {
        match effect {
            Effect::Watch(watch) => {
                self.watched.insert(watch.clone());
                self.start_watch(watch);
            }
            Effect::Unwatch(watch) => {
                self.watches.remove(&watch);
            }
            Effect::Send { id, request } => {
                self.script_job(&request);
                let before = self.journal.as_ref().and_then(|_| Before::of(&self.cluster, &request));
                let result = self.cluster.handle(&request).map(|object| object.as_ref().clone());
                let at = self.elapsed();
                if let (Some(journal), Some(before), true) = (&mut self.journal, before, result.is_ok()) {
                    journal.note(before, &self.cluster, at, &request, None);
                }
                self.inbox.push_back(Event::Answered { id, result });
            }
            Effect::Route { id, job } => {
                self.inbox.push_back(Event::Routed { id, answer: job.ask() });
            }
            Effect::Measure { id, job } => self.measure(id, &job),
            Effect::Forget { id } => self.measuring.retain(|(_, waiting), _| *waiting != id),
            Effect::WakeAt(at) => {
                self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
            }
            // All plugins are there from the start, in one version each.
            Effect::InUse(_) => {}
            Effect::Publish(event) => observe(&self.cluster, self.elapsed(), Happening::Event(event)),
            Effect::Report(report) => {
                if let (Some(journal), Report::Wrote { rollout, request }) = (&mut self.journal, &report) {
                    journal.attribute(rollout, request);
                }
                observe(&self.cluster, self.elapsed(), Happening::Report(report));
            }
        }
    }

    fn measure(&mut self, id: RequestId, job: &MeasureJob) {
        let now = self.elapsed();
        let MeasureJob { run, metric, number, provider, .. } = job;
        let asked = Measurement { run: &run.name, metric, number: *number, elapsed: now };
        let (takes, outcome) = self.metrics.outcome(provider, &asked);
        self.measuring.insert((now.saturating_add(takes), id), outcome);
    }

    /// Has the pods of a measurement's Job that is made end as the script says.
    fn script_job(&mut self, request: &Request) {
        let Operation::Create { object: made } = &request.operation else { return };
        let annotation = |name| object::annotation(made, name);
        let (Some(run), Some(metric)) =
            (annotation(job::RUN_NAME_ANNOTATION), annotation(job::METRIC_NAME_ANNOTATION))
        else {
            return;
        };
        let name = object::name(made);
        // The name of a Job ends in its measurement's number.
        let number = name.rsplit('.').next().and_then(|number| number.parse().ok()).unwrap_or(1);
        let asked = Measurement { run, metric, number, elapsed: self.elapsed() };
        if let Some(outcome) = self.metrics.pods(&asked) {
            let labels = BTreeMap::from([("job-name".to_owned(), name.to_owned())]);
            self.cluster.settings_mut().pods.rules.insert(0, PodRule { image: None, labels, outcome });
        }
    }

    fn start_watch(&mut self, watch: WatchKey) {
        match self.cluster.served(&watch.group, &watch.kind).cloned() {
            Some(resource) => self.list(watch, resource),
            None => self.inbox.push_back(Event::Unwatchable { watch, why: Unwatchable::NotServed }),
        }
    }

    fn list(&mut self, watch: WatchKey, resource: Resource) {
        let resource_version = self.cluster.resource_version();
        let request = Request {
            resource: resource.clone(),
            namespace: watch.namespace.as_deref().map(str::to_owned),
            operation: Operation::List { labels: None },
        };
        match self.cluster.handle(&request) {
            Ok(list) => {
                let objects = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
                self.watches.insert(watch.clone(), Position { resource: resource.clone(), resource_version });
                self.inbox.push_back(Event::Listed { watch, resource, objects });
            }
            Err(error) => self.inbox.push_back(Event::Unwatchable { watch, why: why_not(&error) }),
        }
    }

    fn read_watches(&mut self) {
        let mut stale = Vec::new();
        let cluster = &self.cluster;
        for (watch, position) in &mut self.watches {
            match cluster.events_since(
                &position.resource,
                watch.namespace.as_deref(),
                position.resource_version,
            ) {
                Ok(events) => {
                    for (resource_version, event) in events {
                        position.resource_version = resource_version;
                        match event {
                            WatchEvent::Applied(object) => {
                                self.inbox.push_back(Event::Changed { watch: watch.clone(), object });
                            }
                            WatchEvent::Deleted(object) => {
                                self.inbox.push_back(Event::Removed { watch: watch.clone(), object });
                            }
                            WatchEvent::Bookmark(_) | WatchEvent::Failed(_) => {}
                        }
                    }
                }
                Err(_) => stale.push((watch.clone(), position.resource.clone())),
            }
        }
        for (watch, resource) in stale {
            self.list(watch, resource);
        }
    }
}

fn why_not(error: &ApiError) -> Unwatchable {
    if error.code == 403 {
        Unwatchable::Forbidden { message: error.message.clone() }
    } else {
        Unwatchable::NotServed
    }
}
