//! Connects shells with the in-memory cluster, and lets things go wrong between them.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_analysis::Outcome;
use tidegate_api::{
    ApiError, Body, ObjectKey, Operation, Preconditions, Request, Resource, WatchEvent, builtin, object,
};
use tidegate_cluster::Cluster;
use tidegate_contract::Router as _;
use tidegate_shell::{
    Effect, Event, KubernetesEvent, MeasureJob, Now, PluginState, Report, RequestId, Settings, Shell,
    Unwatchable, WatchKey,
};

use crate::manifests;
use crate::router::Weights;
use crate::store::{Knows, Store, unavailable};

/// What becomes of a request.
pub(crate) enum Fate {
    /// What the API server says.
    Answered,
    /// It does not arrive.
    Refused(ApiError),
    /// It is carried out, but the answer is lost.
    Lost,
    /// It is carried out, and the process ends.
    Crash,
    /// The process ends before it is sent.
    CrashBefore,
}

/// A shell and what is under way between it and the cluster.
pub(crate) struct Controller {
    pub(crate) shell: Shell,
    inbox: VecDeque<Event>,
    watches: BTreeMap<WatchKey, Position>,
    wake_at: Option<Duration>,
    /// What it was told last.
    leads: bool,
    /// Objects that are being written.
    writing: BTreeMap<RequestId, ObjectKey>,
    /// What it knows that decides which versions of plugins it may use.
    pub(crate) knows: Knows,
}

struct Position {
    resource: Resource,
    version: u64,
}

/// Decides what becomes of a request, given the cluster as it is when it arrives.
type Decider = Box<dyn FnMut(&mut Cluster, &Request) -> Fate>;

/// What a provider of metrics answers.
pub(crate) type Measure = Box<dyn FnMut(&MeasureJob) -> Option<Outcome>>;

pub(crate) struct Rig {
    pub(crate) cluster: Cluster,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) settings: Settings,
    pub(crate) plugins: BTreeMap<String, PluginState>,
    /// When this is set, all versions of the plugin are revoked.
    pub(crate) revoke_when: Option<Rc<Cell<bool>>>,
    /// The plugin cannot be had any more while it is asked the next question.
    pub(crate) lost_while_asked: bool,
    /// Older versions of plugins.
    pub(crate) store: Store,
    pub(crate) router: Arc<Weights>,
    pub(crate) fate: Decider,
    /// Every request, in order.
    pub(crate) requests: Vec<Request>,
    pub(crate) reports: Vec<Report>,
    pub(crate) events: Vec<KubernetesEvent>,
    /// Kinds that may not be watched.
    pub(crate) forbidden: Vec<String>,
    /// Watches lag this far behind.
    pub(crate) lag: Duration,
    /// Each watch event is delivered so often.
    pub(crate) copies: usize,
    /// Lists come in pieces.
    pub(crate) pages: bool,
    /// How far calendar time is ahead of where it would be without jumps.
    pub(crate) clock_offset: Duration,
    /// When this write (counted from 1) has been carried out, leadership is lost before its answer arrives.
    pub(crate) depose_at_write: Option<usize>,
    writes: usize,
    /// What providers of metrics answer; nothing: they never do.
    pub(crate) measure: Measure,
    /// Every measurement that was asked for, in order.
    pub(crate) measurements: Vec<MeasureJob>,
    pub(crate) forgotten: Vec<RequestId>,
    /// Questions that were put to routers.
    pub(crate) questions: usize,
    /// Those among them that also asked what a router can do.
    pub(crate) checks: usize,
    /// Started watches minus stopped ones, by kind.
    pub(crate) watched: BTreeMap<String, i32>,
    lagging: Vec<(Duration, usize, Event)>,
    start: Timestamp,
}

impl Rig {
    /// One leading controller on a cluster with one Rollout `shop/web`, nothing of which has happened yet.
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let mut rig = Self::empty(settings);
        rig.apply_all(manifests::shop("web"));
        rig.start();
        rig
    }

    /// No controller, no objects.
    pub(crate) fn empty(settings: Settings) -> Self {
        let cluster = Cluster::new(tidegate_cluster::Settings::default());
        let router = Arc::new(Weights::new());
        let plugins = BTreeMap::from([(manifests::PLUGIN.to_owned(), PluginState::ready(router.clone()))]);
        Self {
            start: cluster.now(),
            cluster,
            controllers: Vec::new(),
            settings,
            plugins,
            lost_while_asked: false,
            store: Store::default(),
            revoke_when: None,
            router,
            fate: Box::new(|_, _| Fate::Answered),
            requests: Vec::new(),
            reports: Vec::new(),
            events: Vec::new(),
            forbidden: Vec::new(),
            measure: Box::new(|_| None),
            measurements: Vec::new(),
            forgotten: Vec::new(),
            lag: Duration::ZERO,
            copies: 1,
            pages: false,
            clock_offset: Duration::ZERO,
            depose_at_write: None,
            writes: 0,
            questions: 0,
            checks: 0,
            watched: BTreeMap::new(),
            lagging: Vec::new(),
        }
    }

    /// Starts a controller that leads.
    pub(crate) fn start(&mut self) {
        let controller = self.controller();
        self.controllers.push(controller);
        self.tell(self.controllers.len() - 1, Event::Leading(true));
    }

    fn controller(&self) -> Controller {
        let knows = Knows::default();
        Controller {
            shell: Shell::new(self.settings.clone()),
            inbox: VecDeque::from([Event::Plugins(self.store.plugins(&self.plugins, &knows.in_use))]),
            knows,
            watches: BTreeMap::new(),
            wake_at: None,
            leads: false,
            writing: BTreeMap::new(),
        }
    }

    /// Starts a controller that does not lead.
    pub(crate) fn start_standby(&mut self) {
        let controller = self.controller();
        self.controllers.push(controller);
    }

    /// Replaces a controller by a new process, which leads.
    pub(crate) fn restart(&mut self, index: usize) {
        self.lagging.retain(|(_, whose, _)| *whose != index);
        self.watched.clear();
        self.controllers[index] = self.controller();
        self.tell(index, Event::Leading(true));
    }

    pub(crate) fn tell(&mut self, index: usize, event: Event) {
        self.controllers[index].inbox.push_back(event);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::try_from(self.cluster.now().duration_since(self.start)).unwrap()
    }

    fn now(&self) -> Now {
        let wall = self.cluster.now().checked_add(self.clock_offset).unwrap();
        Now { wall, monotonic: self.elapsed() }
    }

    /// Tells all controllers which plugins there are now.
    pub(crate) fn tell_plugins(&mut self) {
        for index in 0..self.controllers.len() {
            self.tell_plugins_to(index);
        }
    }

    /// Tells a controller, unless it knows.
    fn tell_plugins_to(&mut self, index: usize) {
        let plugins = self.store.plugins(&self.plugins, &self.controllers[index].knows.in_use);
        let last = self.controllers[index].inbox.iter().rev().find_map(|event| match event {
            Event::Plugins(plugins) => Some(plugins),
            _ => None,
        });
        if format!("{plugins:?}") != format!("{:?}", last.unwrap_or(&self.controllers[index].knows.plugins)) {
            self.tell(index, Event::Plugins(plugins));
        }
    }

    /// Lets this much time pass, and all happen that happens in it.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.elapsed() + time;
        loop {
            self.settle();
            let wakes = self.controllers.iter().filter_map(|one| one.wake_at);
            let lagging = self.lagging.iter().map(|(at, _, _)| *at);
            let cluster = self.cluster.next_event_at();
            let cluster = cluster.map(|at| Duration::try_from(at.duration_since(self.start)).unwrap());
            let next = wakes.chain(lagging).chain(cluster).min().filter(|at| *at <= end);
            let to = next.unwrap_or(end).max(self.elapsed());
            self.cluster.advance(self.start.checked_add(to).unwrap());
            for controller in &mut self.controllers {
                if controller.wake_at.is_some_and(|at| at <= to) {
                    controller.wake_at = None;
                    controller.inbox.push_back(Event::Woken);
                }
            }
            let due;
            (due, self.lagging) =
                std::mem::take(&mut self.lagging).into_iter().partition(|(at, _, _)| *at <= to);
            for (_, index, event) in due {
                self.controllers[index].inbox.push_back(event);
            }
            if next.is_none() {
                self.settle();
                return;
            }
        }
    }

    fn settle(&mut self) {
        let mut steps = 0;
        while self.settle_once() {
            steps += 1;
            assert!(steps < 100_000, "it never comes to rest");
        }
    }

    fn settle_once(&mut self) -> bool {
        let mut busy = false;
        for index in 0..self.controllers.len() {
            self.read_watches(index);
            let Some(event) = self.controllers[index].inbox.pop_front() else { continue };
            busy = true;
            let now = self.now();
            self.controllers[index].knows.hear(&event);
            match &event {
                Event::Leading(leads) => self.controllers[index].leads = *leads,
                Event::Answered { id, .. } => drop(self.controllers[index].writing.remove(id)),
                _ => {}
            }
            for effect in self.controllers[index].shell.step(now, event) {
                if !self.carry_out(index, effect) {
                    self.restart(index);
                    break;
                }
            }
        }
        busy
    }

    /// Returns whether the process lives on.
    fn carry_out(&mut self, index: usize, effect: Effect) -> bool {
        match effect {
            Effect::Watch(watch) => {
                *self.watched.entry(watch.kind.to_string()).or_default() += 1;
                self.start_watch(index, watch);
            }
            Effect::Unwatch(watch) => {
                *self.watched.entry(watch.kind.to_string()).or_default() -= 1;
                self.controllers[index].watches.remove(&watch);
            }
            Effect::Send { id, request } => {
                self.must_be_allowed(index, id, &request);
                self.controllers[index].knows.send(id, &request);
                let fate = (self.fate)(&mut self.cluster, &request);
                if matches!(fate, Fate::CrashBefore) {
                    return false;
                }
                self.requests.push(request.clone());
                let result = match fate {
                    Fate::Refused(error) => Err(error),
                    Fate::Answered => self.cluster.handle(&request).map(|object| object.as_ref().clone()),
                    Fate::Lost => {
                        let _ = self.cluster.handle(&request);
                        Err(ApiError::new(0, "Timeout", "no answer"))
                    }
                    Fate::Crash | Fate::CrashBefore => {
                        let _ = self.cluster.handle(&request);
                        return false;
                    }
                };
                if self.revoke_when.as_ref().is_some_and(|now| now.get()) {
                    self.revoke_when = None;
                    self.plugins.insert(manifests::PLUGIN.to_owned(), unavailable("Revoked"));
                    self.store.revoked.insert(self.router.digest());
                    self.tell_plugins();
                }
                self.writes += usize::from(is_write(&request));
                if is_write(&request) && self.depose_at_write == Some(self.writes) {
                    self.tell(index, Event::Leading(false));
                }
                self.tell(index, Event::Answered { id, result });
            }
            Effect::Route { id, job } => {
                self.questions += 1;
                self.checks += usize::from(job.check);
                self.controllers[index].knows.ask(&job);
                if std::mem::take(&mut self.lost_while_asked) {
                    self.plugins.insert(manifests::PLUGIN.to_owned(), unavailable("Unreachable"));
                    self.tell_plugins();
                }
                self.tell(index, Event::Routed { id, answer: job.ask() });
            }
            Effect::Measure { id, job } => {
                if let Some(outcome) = (self.measure)(&job) {
                    self.tell(index, Event::Measured { id, outcome });
                }
                self.measurements.push(job);
            }
            Effect::Forget { id } => self.forgotten.push(id),
            Effect::WakeAt(at) => {
                let controller = &mut self.controllers[index];
                controller.wake_at = Some(controller.wake_at.map_or(at, |earlier| earlier.min(at)));
            }
            Effect::InUse(in_use) => {
                self.controllers[index].knows.tell(in_use);
                self.tell_plugins_to(index);
            }
            Effect::Publish(event) => self.events.push(event),
            Effect::Report(report) => self.reports.push(report),
        }
        true
    }

    /// Nobody writes who does not lead, and nobody writes an object twice at the same time.
    fn must_be_allowed(&mut self, index: usize, id: RequestId, request: &Request) {
        let controller = &mut self.controllers[index];
        assert!(controller.leads, "it does not lead: {request:?}");
        if is_write(request) {
            let name = match &request.operation {
                Operation::Create { object } | Operation::CreateStrictly { object } => object::name(object),
                _ => request.name().unwrap(),
            };
            let key =
                ObjectKey::new(&request.resource, request.namespace.as_deref().unwrap_or_default(), name);
            assert!(!controller.writing.values().any(|other| *other == key), "{request:?}");
            controller.writing.insert(id, key);
        }
    }

    fn start_watch(&mut self, index: usize, watch: WatchKey) {
        if self.forbidden.iter().any(|kind| **kind == *watch.kind) {
            let why = Unwatchable::Forbidden { message: format!("cannot watch {}", watch.kind) };
            self.tell(index, Event::Unwatchable { watch, why });
            return;
        }
        match self.cluster.served(&watch.group, &watch.kind).cloned() {
            Some(resource) => self.list(index, watch, resource),
            None => self.tell(index, Event::Unwatchable { watch, why: Unwatchable::NotServed }),
        }
    }

    pub(crate) fn list(&mut self, index: usize, watch: WatchKey, resource: Resource) {
        let version = self.cluster.resource_version();
        let namespace = watch.namespace.as_deref();
        let objects = self.cluster.objects(&resource, namespace).filter(|object| is_meant(&watch, object));
        let objects: Vec<Value> = objects.map(|object| object.as_ref().clone()).collect();
        let position = Position { resource: resource.clone(), version };
        self.controllers[index].watches.insert(watch.clone(), position);
        if self.pages {
            self.tell(index, Event::ListBegan { watch: watch.clone(), resource });
            for object in objects {
                self.tell(index, Event::Changed { watch: watch.clone(), object });
            }
            self.tell(index, Event::ListEnded { watch });
        } else {
            self.tell(index, Event::Listed { watch, resource, objects });
        }
    }

    /// Lists every watch of a controller anew, as after a 410.
    pub(crate) fn relist(&mut self, index: usize) {
        let watches: Vec<(WatchKey, Resource)> = self.controllers[index]
            .watches
            .iter()
            .map(|(watch, position)| (watch.clone(), position.resource.clone()))
            .collect();
        for (watch, resource) in watches {
            self.list(index, watch, resource);
        }
    }

    fn read_watches(&mut self, index: usize) {
        let mut events = Vec::new();
        let controller = &mut self.controllers[index];
        for (watch, position) in &mut controller.watches {
            let namespace = watch.namespace.as_deref();
            let changes = self.cluster.events_since(&position.resource, namespace, position.version);
            for (version, event) in changes.expect("the window is large enough") {
                position.version = version;
                let (WatchEvent::Applied(object) | WatchEvent::Deleted(object)) = &event else { continue };
                if !is_meant(watch, object) {
                    continue;
                }
                let watch = watch.clone();
                events.extend(match event {
                    WatchEvent::Applied(object) => Some((version, Event::Changed { watch, object })),
                    WatchEvent::Deleted(object) => Some((version, Event::Removed { watch, object })),
                    WatchEvent::Bookmark(_) | WatchEvent::Failed(_) => None,
                });
            }
        }
        events.sort_by_key(|(version, _)| *version);
        for (_, event) in events {
            for _ in 1..self.copies {
                let copy = match &event {
                    Event::Changed { watch, object } => {
                        Event::Changed { watch: watch.clone(), object: object.clone() }
                    }
                    Event::Removed { watch, object } => {
                        Event::Removed { watch: watch.clone(), object: object.clone() }
                    }
                    _ => continue,
                };
                let late = self.elapsed() + Duration::from_millis(700);
                self.lagging.push((late, index, copy));
            }
            if self.lag.is_zero() {
                self.controllers[index].inbox.push_back(event);
            } else {
                self.lagging.push((self.elapsed() + self.lag, index, event));
            }
        }
    }

    // ---- The cluster's users

    pub(crate) fn apply_all(&mut self, objects: Vec<Value>) {
        for object in objects {
            self.create(object);
        }
    }

    pub(crate) fn create(&mut self, object: Value) {
        let resource = self.resource_of(&object);
        let namespace = resource.namespaced.then(|| object::namespace(&object).to_owned());
        let request = Request { resource, namespace, operation: Operation::Create { object } };
        self.cluster.handle(&request).unwrap_or_else(|error| panic!("{error}"));
    }

    fn resource_of(&self, object: &Value) -> Resource {
        let api_version = object["apiVersion"].as_str().unwrap();
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.cluster.served(group, object["kind"].as_str().unwrap()).unwrap().clone()
    }

    pub(crate) fn patch(&mut self, resource: &Resource, name: &str, subresource: Option<&str>, body: Value) {
        let request = Request {
            resource: resource.clone(),
            namespace: Some("shop".to_owned()),
            operation: Operation::Patch {
                name: name.to_owned(),
                subresource: subresource.map(str::to_owned),
                body: if body.is_array() { Body::Json(body) } else { Body::Merge(body) },
            },
        };
        self.cluster.handle(&request).unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) fn delete(&mut self, resource: &Resource, name: &str) {
        self.delete_in("shop", resource, name);
    }

    pub(crate) fn delete_in(&mut self, namespace: &str, resource: &Resource, name: &str) {
        let operation = Operation::Delete { name: name.to_owned(), preconditions: Preconditions::default() };
        let request =
            Request { resource: resource.clone(), namespace: Some(namespace.to_owned()), operation };
        self.cluster.handle(&request).unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) fn abort(&mut self, name: &str) {
        self.patch(&builtin::rollouts(), name, Some("status"), json!({"status": {"abort": true}}));
    }

    /// A new version of the application.
    pub(crate) fn set_image(&mut self, name: &str, image: &str) {
        let template = json!({"spec": {"containers": [{"name": "web", "image": image}]}});
        self.patch(&builtin::rollouts(), name, None, json!({"spec": {"template": template}}));
    }

    pub(crate) fn promote(&mut self, name: &str) {
        let status = json!({"status": {"pauseConditions": null}});
        self.patch(&builtin::rollouts(), name, Some("status"), status);
    }

    // ---- What there is

    pub(crate) fn routes(&self) -> Resource {
        self.cluster.served("gateway.networking.k8s.io", "HTTPRoute").unwrap().clone()
    }

    pub(crate) fn rollout(&self, name: &str) -> &Value {
        self.cluster.object(&builtin::rollouts(), "shop", name).unwrap()
    }

    pub(crate) fn phase(&self, name: &str) -> String {
        let status = &self.rollout(name)["status"];
        let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
        [text("phase"), text("message")].join(" ").trim().to_owned()
    }

    pub(crate) fn is_healthy(&self, name: &str) -> bool {
        self.rollout(name)["status"]["phase"] == "Healthy"
    }

    pub(crate) fn condition(&self, name: &str, kind: &str) -> Option<&Value> {
        let conditions = self.rollout(name)["status"]["conditions"].as_array()?;
        conditions.iter().find(|condition| condition["type"] == kind)
    }

    /// Why the routers of a Rollout are not ready, if they are not.
    pub(crate) fn routing_reason(&self, name: &str) -> Option<&str> {
        let condition = self.condition(name, "TrafficRouterReady")?;
        (condition["status"] == "False").then(|| condition["reason"].as_str().unwrap())
    }

    pub(crate) fn weights(&self, name: &str) -> (u64, u64) {
        let route = self.cluster.object(&self.routes(), "shop", name).unwrap();
        let weight =
            |index: usize| route["spec"]["rules"][1]["backendRefs"][index]["weight"].as_u64().unwrap_or(1);
        (weight(0), weight(1))
    }

    /// Somebody edits the weights by hand.
    pub(crate) fn edit_weights(&mut self, name: &str, stable: u64, canary: u64) {
        let routes = self.routes();
        let at = |index: usize| format!("/spec/rules/1/backendRefs/{index}/weight");
        let patch = json!([
            {"op": "add", "path": at(0), "value": stable},
            {"op": "add", "path": at(1), "value": canary},
        ]);
        self.patch(&routes, name, None, patch);
    }

    /// Writes (not reads) of a kind since the requests were last cleared.
    pub(crate) fn writes_of(&self, kind: &str) -> usize {
        self.requests.iter().filter(|request| is_write(request) && *request.resource.kind == *kind).count()
    }

    pub(crate) fn forget_requests(&mut self) {
        self.requests.clear();
        self.reports.clear();
        self.events.clear();
        self.questions = 0;
        self.checks = 0;
    }
}

/// Whether an object is among those of a watch, which may be of one name only.
fn is_meant(watch: &WatchKey, object: &Value) -> bool {
    watch.name.as_ref().is_none_or(|name| **name == *object::name(object))
}

pub(crate) fn is_write(request: &Request) -> bool {
    !matches!(request.operation, Operation::Get { .. } | Operation::List { .. })
}

pub(crate) fn is_kind(request: &Request, kind: &str) -> bool {
    *request.resource.kind == *kind
}

/// Names of the Rollouts that reported a panic.
pub(crate) fn panicked(reports: &[Report]) -> Vec<&ObjectKey> {
    let mut rollouts = Vec::new();
    for report in reports {
        if let Report::Panicked { rollout, .. } = report {
            rollouts.push(rollout);
        }
    }
    rollouts
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}
