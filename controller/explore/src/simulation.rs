//! The loop: one cluster, one or two controllers, and all that is on its way between them, in virtual time. One thread, no
//! clock, no I/O; the same plan gives the same run.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate_api::{ApiError, Operation, Request, Resource, object};
use tidegate_cluster::Cluster;
use tidegate_shell::{Deciders, Effect, Event, Now, Report, RequestId, Settings, Shell, WatchKey};

use crate::checks::{Checker, Write};
use crate::evidence::Measuring;
use crate::happening::{Fate, refusal};
use crate::manifests;
use crate::plan::{Plan, Timed};
use crate::plugins::{Configured, InUse};
use crate::process::{Process, Sent, describe, is_report, is_write, key_of};
use crate::scenario::Scenario;
use crate::trace::Trace;

/// Longest time on the way between a controller and the API server, each way, when nothing is wrong.
const ON_THE_WAY: Duration = Duration::from_millis(20);

/// How many controllers there can be.
pub(crate) const CONTROLLERS: usize = 2;

/// Everything.
pub(crate) struct Simulation {
    pub(crate) scenario: Scenario,
    pub(crate) cluster: Cluster,
    pub(crate) processes: [Process; CONTROLLERS],
    pub(crate) plugins: Configured,
    pub(crate) checker: Checker,
    pub(crate) trace: Trace,
    /// How far the controllers' clocks are ahead, in seconds.
    pub(crate) clock_offset: i64,
    /// Requests that were sent, of all controllers.
    pub(crate) requests: u64,
    /// Those among them that are about AnalysisRuns and their Jobs.
    pub(crate) evidence_requests: u64,
    /// Kubernetes events that were published.
    pub(crate) events: u64,
    /// Questions that were put to routers.
    pub(crate) questions: u64,
    /// How often users have changed routes so that they are written again.
    pub(crate) rehosted: u64,
    pub(crate) measuring: Measuring,
    happenings: Vec<Timed>,
    settings: Settings,
    start: Timestamp,
    random: fastrand::Rng,
    on_the_way: BTreeMap<(Duration, u64), Arrival>,
    sequence: u64,
}

/// Something that arrives somewhere.
pub(crate) enum Arrival {
    /// The time of a happening has come.
    Happening(usize),
    /// A controller begins.
    Begin(usize),
    /// A controller is told something.
    Told(To, Event),
    /// A watch tells a controller something: all up to this version has arrived then.
    Watched(To, WatchKey, u64, u64, Event),
    /// A controller asks for the list of a watch, and will have it so much later.
    List(To, WatchKey, Duration),
    /// A watch that was interrupted goes on.
    Resume,
    /// A request arrives at the API server, decided on objects as they were then or later.
    Request(To, RequestId, Box<Request>, Option<Fate>, Duration),
}

/// One controller of all that there have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct To {
    pub(crate) controller: usize,
    pub(crate) incarnation: u32,
}

impl Simulation {
    pub(crate) fn new(plan: &Plan, deciders: Deciders, traced: bool) -> Self {
        let mut settings = tidegate_cluster::Settings { seed: plan.seed, ..Default::default() };
        if !plan.scenario.gateway_reports {
            settings.gateway.reports_after = None;
        }
        let cluster = Cluster::new(settings);
        let mut simulation = Self {
            checker: Checker::new(&plan.scenario),
            scenario: plan.scenario.clone(),
            start: cluster.now(),
            cluster,
            processes: Default::default(),
            plugins: Configured::new(),
            trace: Trace::new(traced),
            clock_offset: 0,
            requests: 0,
            evidence_requests: 0,
            events: 0,
            questions: 0,
            rehosted: 0,
            measuring: Measuring::new(plan.seed),
            happenings: plan.happenings.clone(),
            settings: Settings::decided_by(deciders),
            random: fastrand::Rng::with_seed(plan.seed ^ 0x5eed),
            on_the_way: BTreeMap::new(),
            sequence: 0,
        };
        for object in manifests::others().into_iter().chain(manifests::all(&plan.scenario)) {
            simulation.create(object);
        }
        simulation.observe();
        for (index, timed) in plan.happenings.iter().enumerate() {
            simulation.arrives(timed.at, Arrival::Happening(index));
        }
        let controllers = if plan.scenario.has_standby { CONTROLLERS } else { 1 };
        for (controller, process) in simulation.processes.iter_mut().enumerate().take(controllers) {
            process.lease = controller == 0;
        }
        for controller in 0..controllers {
            simulation.arrives(Duration::ZERO, Arrival::Begin(controller));
        }
        simulation
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::try_from(self.cluster.now().duration_since(self.start)).unwrap_or_default()
    }

    /// What the controllers' clocks say.
    pub(crate) fn wall(&self) -> Timestamp {
        let offset = SignedDuration::from_secs(self.clock_offset);
        self.cluster.now().checked_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// The controllers' clocks jump.
    pub(crate) fn jump(&mut self, seconds: i64) {
        self.clock_offset = self.clock_offset.saturating_add(seconds);
        self.checker.clock_set(self.elapsed(), self.clock_offset);
    }

    /// Lets this much time pass, and all happen that happens in it; stops early where something is violated.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.elapsed().saturating_add(time);
        while self.checker.violation().is_none() {
            let next = self.next_due().filter(|at| *at <= end);
            self.advance(next.unwrap_or(end));
            if next.is_none() {
                return;
            }
            while let Some(arrival) = self.take_due() {
                self.arrived(arrival);
                if self.checker.violation().is_some() {
                    return;
                }
            }
        }
    }

    /// When something happens next.
    fn next_due(&self) -> Option<Duration> {
        let of_cluster = self.cluster.next_event_at();
        let of_cluster = of_cluster.and_then(|at| Duration::try_from(at.duration_since(self.start)).ok());
        let wakes = self.processes.iter().filter_map(|process| process.wake_at);
        let arrives = self.on_the_way.first_key_value().map(|((at, _), _)| *at);
        of_cluster.into_iter().chain(wakes).chain(arrives).min()
    }

    fn advance(&mut self, to: Duration) {
        let at = self.start.checked_add(to).unwrap_or(Timestamp::MAX);
        self.cluster.advance(at.max(self.cluster.now()));
        self.observe();
        let now = self.elapsed();
        for controller in 0..CONTROLLERS {
            let Some(process) = self.processes.get_mut(controller) else { continue };
            if process.wake_at.is_some_and(|at| at <= now) {
                process.wake_at = None;
                self.step(controller, Event::Woken, None);
            }
        }
    }

    fn take_due(&mut self) -> Option<Arrival> {
        let first = self.on_the_way.first_entry()?;
        let now = Duration::try_from(self.cluster.now().duration_since(self.start)).unwrap_or_default();
        (first.key().0 <= now).then(|| first.remove())
    }

    /// The cluster may have changed: checks it, and sends what watches tell of it.
    pub(crate) fn observe(&mut self) {
        let now = self.elapsed();
        self.checker.observe(&self.cluster, now, &mut self.trace);
        for controller in 0..CONTROLLERS {
            self.read_watches(controller);
        }
    }

    /// Puts something on its way.
    pub(crate) fn arrives(&mut self, at: Duration, arrival: Arrival) {
        let number = self.next_number();
        self.on_the_way.insert((at, number), arrival);
    }

    /// A number that is larger than all before.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// A time on the way.
    pub(crate) fn way(&mut self) -> Duration {
        let longest = u64::try_from(ON_THE_WAY.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.random.u64(100..=longest))
    }

    /// The process that something is for, if it has not ended.
    pub(crate) fn process(&mut self, to: To) -> Option<&mut Process> {
        let process = self.processes.get_mut(to.controller)?;
        (process.is_up() && process.incarnation == to.incarnation).then_some(process)
    }

    /// The address of a controller that runs.
    pub(crate) fn address(&self, controller: usize) -> Option<To> {
        let process = self.processes.get(controller).filter(|process| process.is_up())?;
        Some(To { controller, incarnation: process.incarnation })
    }

    fn arrived(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Happening(index) => {
                if let Some(timed) = self.happenings.get(index).cloned() {
                    self.trace.say(timed.at, || format!("** {}", timed.what));
                    self.happens(&timed.what);
                    self.observe();
                }
            }
            Arrival::Begin(controller) => self.begin(controller),
            Arrival::Told(to, event) => self.told(to, event),
            Arrival::Watched(to, watch, connection, version, event) => {
                self.watched(to, &watch, connection, version, event);
            }
            Arrival::List(to, watch, takes) => self.list(to, watch, takes),
            Arrival::Resume => self.observe(),
            Arrival::Request(to, id, request, fate, since) => self.requested(to, id, *request, fate, since),
        }
    }

    /// A controller is told something. What it does then may follow from what it decided before it asked, unless a pass is over.
    fn told(&mut self, to: To, event: Event) {
        let Some(process) = self.process(to) else { return };
        let since = match &event {
            Event::Answered { id, .. } => {
                let sent = process.sent.remove(id).filter(|sent| !sent.is_report);
                sent.map(|sent| sent.since)
            }
            Event::Routed { id, .. } => process.asked.remove(id),
            Event::Measured { id, .. } => {
                process.measuring.remove(id);
                None
            }
            _ => None,
        };
        self.step(to.controller, event, since);
    }

    /// A controller begins.
    fn begin(&mut self, controller: usize) {
        let now = self.elapsed();
        let read = self.cluster.resource_version();
        let settings = self.settings.clone();
        let Some(process) = self.processes.get_mut(controller).filter(|process| !process.is_up()) else {
            return;
        };
        process.shell = Some(Shell::new(settings));
        process.started = now;
        process.read = read;
        let lease = process.lease;
        self.trace.say(now, || format!("controller {controller} begins"));
        self.step(controller, Event::Plugins(self.plugins.states(&InUse::new())), None);
        if lease {
            self.step(controller, Event::Leading(true), None);
        }
    }

    /// A controller ends, and another begins after a while.
    pub(crate) fn end(&mut self, controller: usize, down: Duration) {
        let now = self.elapsed();
        let Some(process) = self.processes.get_mut(controller).filter(|process| process.is_up()) else {
            return;
        };
        process.end();
        self.trace.say(now, || format!("controller {controller} ends"));
        self.arrives(now.saturating_add(down), Arrival::Begin(controller));
    }

    /// Lets a controller know something, and carries out what it wants. `since`: what it wants may have been decided then.
    pub(crate) fn step(&mut self, controller: usize, event: Event, since: Option<Duration>) {
        let Some(to) = self.address(controller) else { return };
        let (elapsed, wall) = (self.elapsed(), self.wall());
        let Some(process) = self.processes.get_mut(controller) else { return };
        if let Event::Leading(leads) = &event {
            process.leads = *leads;
            if !*leads {
                // What an earlier term has under way may still arrive, and the next one cannot know it.
                process.sent.values_mut().for_each(|sent| sent.key = None);
            }
        }
        let now = Now { wall, monotonic: elapsed.saturating_sub(process.started) };
        let Some(shell) = process.shell.as_mut() else { return };
        let effects = shell.step(now, event);
        for effect in effects {
            self.carry_out(to, effect, since);
        }
    }

    fn carry_out(&mut self, to: To, effect: Effect, since: Option<Duration>) {
        if self.process(to).is_none() {
            return;
        }
        let now = self.elapsed();
        match effect {
            Effect::Watch(watch) => {
                let at = now.saturating_add(self.way());
                self.arrives(at, Arrival::List(to, watch, Duration::ZERO));
            }
            Effect::Unwatch(watch) => {
                if let Some(process) = self.process(to) {
                    process.streams.remove(&watch);
                }
            }
            Effect::Send { id, request } => self.send(to, id, request, since),
            Effect::Route { id, job } => {
                self.questions += 1;
                let seen = self.seen_since(to.controller);
                if let Some(process) = self.process(to) {
                    process.asked.insert(id, since.map_or(seen, |since| since.min(seen)));
                }
                let at = now.saturating_add(self.way()).saturating_add(self.plugins.delay(&*job.router));
                let answer = job.ask();
                self.arrives(at, Arrival::Told(to, Event::Routed { id, answer }));
            }
            Effect::Measure { id, job } => self.measure(to, id, &job),
            Effect::WakeAt(at) => {
                if let Some(process) = self.process(to) {
                    let at = at.saturating_add(process.started);
                    process.wake_at = Some(process.wake_at.map_or(at, |earlier| earlier.min(at)));
                }
            }
            Effect::InUse(in_use) => {
                let states = self.plugins.states(&in_use);
                if let Some(process) = self.process(to) {
                    process.in_use = in_use;
                }
                let at = now.saturating_add(self.way());
                self.arrives(at, Arrival::Told(to, Event::Plugins(states)));
            }
            Effect::Publish(event) => {
                self.events += 1;
                self.trace.say(now, || format!("event {}: {}", event.reason, event.message));
            }
            Effect::Report(Report::Panicked { rollout, message }) => {
                self.checker.panicked(now, &rollout, &message);
            }
            // What was asked may still be answered.
            Effect::Forget { id } => {
                if let Some(process) = self.process(to) {
                    process.measuring.remove(&id);
                }
            }
            Effect::Report(_) => {}
        }
    }

    fn send(&mut self, to: To, id: RequestId, request: Request, since: Option<Duration>) {
        let now = self.elapsed();
        self.requests += 1;
        if matches!(&*request.resource.kind, "AnalysisRun" | "Job" | "Secret") {
            self.evidence_requests += 1;
        }
        self.checker.sent(now);
        let seen = self.seen_since(to.controller);
        let since = since.map_or(seen, |since| since.min(seen));
        let key = is_write(&request).then(|| key_of(&request));
        let Some(process) = self.processes.get_mut(to.controller) else { return };
        if !process.leads {
            self.checker.sent_without_leading(now, to.controller, &request);
        }
        if let Some(key) = &key
            && process.sent.values().any(|sent| sent.key.as_ref() == Some(key))
        {
            self.checker.sent_twice(now, to.controller, &request);
        }
        let fate = process.fate(&request);
        if fate == Some(Fate::CrashBefore) {
            self.trace
                .say(now, || format!("controller {}: crashes before {}", to.controller, describe(&request)));
            let down = self.way();
            return self.end(to.controller, down);
        }
        process.sent.insert(id, Sent { key, since, is_report: is_report(&request) });
        let late = match fate {
            Some(Fate::Late(late)) => late,
            _ => Duration::ZERO,
        };
        let at = now.saturating_add(self.way()).saturating_add(late);
        self.arrives(at, Arrival::Request(to, id, Box::new(request), fate, since));
    }

    /// A request arrives at the API server.
    fn requested(&mut self, to: To, id: RequestId, request: Request, fate: Option<Fate>, since: Duration) {
        let now = self.elapsed();
        let result = match fate {
            Some(Fate::Refused(code)) => Err(refusal(code, &key_of(&request))),
            Some(Fate::Vanishes) => Err(unanswered()),
            _ => self.handle(&request, since),
        };
        let result = if fate == Some(Fate::Unanswered) { Err(unanswered()) } else { result };
        self.trace.say(now, || {
            let outcome = match (&fate, &result) {
                (Some(fate), _) => format!("{fate:?}"),
                (None, Ok(_)) => "done".to_owned(),
                (None, Err(error)) => format!("{} {}", error.code, error.message),
            };
            format!("controller {}: {} -> {outcome}", to.controller, describe(&request))
        });
        self.observe();
        if fate == Some(Fate::CrashAfter) && self.process(to).is_some() {
            let down = self.way();
            return self.end(to.controller, down);
        }
        let at = now.saturating_add(self.way());
        self.arrives(at, Arrival::Told(to, Event::Answered { id, result }));
    }

    /// Carries out a request of a controller, and checks what it did.
    fn handle(&mut self, request: &Request, since: Duration) -> Result<Value, ApiError> {
        let key = key_of(request);
        let before = self.cluster.object(&request.resource, &key.namespace, &key.name).cloned();
        let result = self.cluster.handle(request);
        if is_write(request)
            && let Ok(after) = &result
        {
            let is_deletion = matches!(request.operation, Operation::Delete { .. });
            let clock = self.checker.furthest_clock(since);
            let wall = self.cluster.now().checked_add(SignedDuration::from_secs(clock));
            let write = Write {
                key: &key,
                request,
                before: before.as_deref(),
                after: (!is_deletion).then_some(&**after),
                since,
                now: self.elapsed(),
                wall: wall.unwrap_or(Timestamp::MAX),
                clock,
            };
            self.checker.written(&write);
        }
        result.map(|object| object.as_ref().clone())
    }

    /// A user's request, carried out at once.
    pub(crate) fn by_user(&mut self, request: &Request) -> bool {
        let result = self.cluster.handle(request);
        let now = self.elapsed();
        self.trace.say(now, || {
            let outcome = result.as_ref().map_or_else(|error| error.message.clone(), |_| "done".to_owned());
            format!("user: {} -> {outcome}", describe(request))
        });
        result.is_ok()
    }

    /// Makes an object, as a user does.
    pub(crate) fn create(&mut self, object: Value) -> bool {
        let Some(resource) = self.resource_of(&object) else { return false };
        let namespace = resource.namespaced.then(|| object::namespace(&object).to_owned());
        self.by_user(&Request { resource, namespace, operation: Operation::Create { object } })
    }

    pub(crate) fn resource_of(&self, object: &Value) -> Option<Resource> {
        let api_version = object.get("apiVersion").and_then(Value::as_str)?;
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.cluster.served(group, object.get("kind").and_then(Value::as_str)?).cloned()
    }

    /// Since when, at the latest, this controller knows all that has happened.
    fn seen_since(&self, controller: usize) -> Duration {
        let now = self.elapsed();
        let Some(process) = self.processes.get(controller) else { return now };
        let behind = process.streams.values().filter_map(|stream| {
            let arrived = stream.arrived?;
            match self.cluster.changes_since(&stream.resource, None, arrived) {
                Ok(mut changes) => changes.next().map(|change| self.checker.time_of(change.resource_version)),
                Err(_) => Some(self.checker.time_of(arrived)),
            }
        });
        behind.min().unwrap_or(now).min(now)
    }
}

fn unanswered() -> ApiError {
    ApiError::new(0, "Timeout", "no answer")
}
