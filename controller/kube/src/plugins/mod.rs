//! The loop of the manager of plugins: one task owns the manager, takes events in, and carries effects out. It runs beside the
//! shell's loop; what the shell is to know of plugins, and what it says of them, passes through channels that hold the
//! newest word only.
//!
//! | module | what it does |
//! |---|---|
//! | `load` | gets a plugin: bytes from their source, through the loader's stages |
//! | `references` | reads keys of Secrets and ConfigMaps by name |
//! | `access` | asks what the API server lets this process do |
//! | `storage` | keeps bytes in ConfigMaps |
//! | `start` | waits for the gate: who may lead and when a start has failed |
//! | `told` | log lines and metrics |

mod access;
mod load;
mod references;
pub(crate) mod start;
mod storage;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_contract::Digest;
use tidegate_plugins::{Effect, Event, Gate};
use tidegate_shell::{Event as ShellEvent, Now, Plugins, RequestId, WatchKey};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::{debug, warn};

pub(crate) use self::load::PluginJobs;
pub use self::load::{LoadedPlugin, Loader};
use crate::driver::Phase;
use crate::events::Publisher;
use crate::jobs::Jobs;
use crate::leadership::Leadership;
use crate::metrics::Metrics;
use crate::watch::Signal;
use crate::watches::{Watched, Watches};

/// The loop looks after its watches this often though nothing happens.
const BEAT: Duration = Duration::from_secs(5);

/// Reports of watches that may wait; the watches pause while it is full.
pub(crate) const WATCH_REPORTS: usize = 64;

/// Versions that Rollouts in flight began with, by the name of the plugin.
pub type InUse = BTreeMap<String, BTreeSet<Digest>>;

/// The manager, as far as the loop knows it.
pub(crate) trait Manage: Send {
    fn step(&mut self, now: Now, event: Event) -> Vec<Effect>;
}

impl<F: FnMut(Now, Event) -> Vec<Effect> + Send> Manage for F {
    fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        self(now, event)
    }
}

/// What the loop needs.
pub(crate) struct PluginParts {
    pub(crate) jobs: PluginJobs,
    pub(crate) requests: Jobs,
    pub(crate) watches: Watches,
    pub(crate) reports: mpsc::Receiver<Watched>,
    pub(crate) publisher: Publisher,
    pub(crate) leadership: Leadership,
    pub(crate) metrics: Arc<Metrics>,
    /// For the shell.
    pub(crate) plugins: watch::Sender<Plugins>,
    /// From the shell; `None` until it has said it.
    pub(crate) in_use: watch::Receiver<Option<InUse>>,
    /// For whoever waits with the start.
    pub(crate) gate: watch::Sender<Gate>,
}

/// The loop and what it owns.
pub(crate) struct PluginDriver<M> {
    manager: M,
    parts: PluginParts,
    started: Instant,
    wake_at: Option<Instant>,
    under_way: JoinSet<Option<Event>>,
    /// Lists that have not come to their end.
    lists: BTreeMap<Arc<WatchKey>, Vec<Value>>,
    leading: bool,
}

impl<M: Manage> PluginDriver<M> {
    pub(crate) fn new(manager: M, parts: PluginParts) -> Self {
        Self {
            manager,
            parts,
            started: Instant::now(),
            wake_at: None,
            under_way: JoinSet::new(),
            lists: BTreeMap::new(),
            leading: false,
        }
    }

    /// Runs until it is told to drain; then what writes may end.
    pub(crate) async fn run(mut self, mut phase: watch::Receiver<Phase>, grace: Duration) {
        self.step(Event::Woken);
        self.check_leading();
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while *phase.borrow() == Phase::Running {
            let wake_at = self.wake_at;
            tokio::select! {
                Some(watched) = self.parts.reports.recv() => self.watched(watched),
                Some(done) = self.under_way.join_next() => self.done(done),
                () = self.parts.leadership.changed() => self.check_leading(),
                Ok(()) = self.parts.in_use.changed() => {
                    let in_use = self.parts.in_use.borrow_and_update().clone();
                    if let Some(in_use) = in_use {
                        self.step(Event::InUse(in_use));
                    }
                }
                () = sleep_or_never(wake_at) => {
                    self.wake_at = None;
                    self.step(Event::Woken);
                }
                _ = beat.tick() => {
                    self.parts.watches.revive();
                    self.check_leading();
                }
                _ = phase.changed() => {}
            }
        }
        self.parts.watches.stop_all();
        self.drain(grace).await;
    }

    /// A write that was sent is waited for; a plugin that is being loaded is of no use any more.
    async fn drain(&mut self, grace: Duration) {
        let until = Instant::now() + grace;
        self.parts.jobs.stop();
        while !self.under_way.is_empty() {
            tokio::select! {
                _ = self.under_way.join_next() => {}
                () = sleep_until(until) => {
                    warn!(jobs = self.under_way.len(), "some work for plugins did not end in time");
                    self.under_way.abort_all();
                    return;
                }
            }
        }
    }

    fn watched(&mut self, watched: Watched) {
        if !self.parts.watches.accept(&watched) {
            return;
        }
        let watch = watched.key.as_ref().clone();
        match watched.signal {
            Signal::ListBegan(_) => {
                self.lists.insert(watched.key, Vec::new());
            }
            Signal::ListEnded => {
                if let Some(objects) = self.lists.remove(&watched.key) {
                    self.step(Event::Listed { watch, objects });
                }
            }
            Signal::Changed(object) => match self.lists.get_mut(&watched.key) {
                Some(objects) => objects.push(object),
                None => self.step(Event::Changed { watch, object }),
            },
            Signal::Removed(object) => self.step(Event::Removed { watch, object }),
            Signal::Unwatchable(why) => self.step(Event::Unwatchable { watch, why }),
        }
    }

    fn done(&mut self, done: Result<Option<Event>, tokio::task::JoinError>) {
        match done {
            Ok(Some(event)) => self.step(event),
            Ok(None) => {}
            Err(error) => debug!(%error, "work for a plugin ended without an answer"),
        }
    }

    fn check_leading(&mut self) {
        let leading = self.parts.leadership.may_write();
        if leading != self.leading {
            self.leading = leading;
            self.step(Event::Leading(leading));
        }
    }

    fn step(&mut self, event: Event) {
        let now = Now { wall: Timestamp::now(), monotonic: self.started.elapsed() };
        for effect in self.manager.step(now, event) {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        let jobs = self.parts.jobs.clone();
        match effect {
            Effect::Watch(key) => self.parts.watches.start(key),
            Effect::Unwatch(key) => self.parts.watches.stop(&key),
            Effect::Load { id, job } => {
                self.under_way.spawn(async move { Some(Event::Loaded { id, result: jobs.load(job).await }) });
            }
            Effect::Review(question) => {
                self.under_way.spawn(async move {
                    let (plugin, digest) = (question.plugin.clone(), question.digest);
                    Some(Event::Reviewed { plugin, digest, kinds: jobs.review(&question).await })
                });
            }
            Effect::Send { id, request } => {
                let sent = self.parts.requests.clone().send(RequestId(id.0), request);
                self.under_way.spawn(async move {
                    match sent.await {
                        ShellEvent::Answered { id, result } => Some(Event::Answered { id, result }),
                        _ => None,
                    }
                });
            }
            Effect::Store(job) => {
                let leadership = self.parts.leadership.clone();
                self.under_way.spawn(async move {
                    let digest = job.artifact.digest();
                    Some(Event::Stored { digest, result: jobs.store(job, &leadership).await })
                });
            }
            Effect::ListStored => {
                self.under_way.spawn(async move { Some(Event::StoreListed(jobs.list_stored().await)) });
            }
            Effect::Discard(digest) => {
                let leadership = self.parts.leadership.clone();
                self.under_way.spawn(async move {
                    jobs.discard(digest, &leadership).await;
                    None
                });
            }
            Effect::Plugins(plugins) => {
                told::plugins(&plugins, &self.parts.metrics);
                self.parts.plugins.send_replace(plugins);
            }
            Effect::Gate(gate) => {
                self.parts.gate.send_replace(gate);
            }
            Effect::WakeAt(at) => {
                let at = self.started + at;
                self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
            }
            Effect::Publish(event) => self.parts.publisher.publish(event),
            Effect::Report(report) => told::report(&report, &self.parts.metrics),
        }
    }
}

async fn sleep_or_never(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
