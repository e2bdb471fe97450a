//! The loop: one task owns the shell, takes events in, and carries effects out.
//!
//! Nothing in it waits for a network or a plugin. Watches, requests and questions to routers are tasks that
//! report back through channels; the loop only ever waits for the next report, so it cannot be blocked by what
//! it started. Which requests may be under way at the same time is the shell's decision.

use std::sync::Arc;
use std::time::Duration;

use tidegate_shell::{Effect, Event, Now, Plugins, Report};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::{debug, error, warn};

use crate::clock::Clock;
use crate::events::Publisher;
use crate::health::Health;
use crate::jobs::Jobs;
use crate::leadership::Leadership;
use crate::measuring::Measuring;
use crate::metrics::Metrics;
use crate::plugins::InUse;
use crate::report;
use crate::shadow::ShadowLedger;
use crate::stand_by::StandBy;
use crate::watch::Signal;
use crate::watches::{Watched, Watches, is_rollouts};

/// The loop beats this often though nothing happens.
const BEAT: Duration = Duration::from_secs(5);

/// Reports of watches that may wait; the watches pause while it is full.
pub(crate) const WATCH_REPORTS: usize = 1024;

/// The shell, as far as the loop knows it.
pub(crate) trait Step: Send {
    fn step(&mut self, now: Now, event: Event) -> Vec<Effect>;
}

impl<F: FnMut(Now, Event) -> Vec<Effect> + Send> Step for F {
    fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        self(now, event)
    }
}

/// How far the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// All is well.
    Running,
    /// Nothing new; what is under way may end.
    Draining,
}

/// What the loop needs.
pub(crate) struct Parts {
    pub(crate) jobs: Jobs,
    pub(crate) measuring: Measuring,
    pub(crate) watches: Watches,
    pub(crate) reports: mpsc::Receiver<Watched>,
    pub(crate) publisher: Publisher,
    pub(crate) leadership: Leadership,
    pub(crate) stand_by: Arc<StandBy>,
    /// Where a shadow tells what differs.
    pub(crate) shadow: Option<ShadowLedger>,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    /// From the manager of plugins.
    pub(crate) plugins: watch::Receiver<Plugins>,
    /// For the manager of plugins.
    pub(crate) in_use: watch::Sender<Option<InUse>>,
    /// Who wants to hear what the shell tells.
    pub(crate) listener: Option<mpsc::UnboundedSender<Report>>,
    pub(crate) clock: Clock,
}

/// The loop and what it owns.
pub(crate) struct Driver<S> {
    shell: S,
    parts: Parts,
    started: Instant,
    wake_at: Option<Instant>,
    under_way: JoinSet<Event>,
    leading: bool,
    draining: bool,
}

impl<S: Step> Driver<S> {
    pub(crate) fn new(shell: S, parts: Parts) -> Self {
        Self {
            shell,
            parts,
            started: Instant::now(),
            wake_at: None,
            under_way: JoinSet::new(),
            leading: false,
            draining: false,
        }
    }

    /// Runs until it is told to drain; then until nothing is under way any more, or the time is up.
    pub(crate) async fn run(mut self, mut phase: watch::Receiver<Phase>, grace: Duration) {
        let plugins = self.parts.plugins.borrow_and_update().clone();
        self.step(Event::Plugins(plugins));
        self.check_leading(true);
        self.step(Event::Woken);
        self.parts.health.unsynced(self.parts.watches.unanswered());
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while *phase.borrow() == Phase::Running {
            self.parts.health.beat();
            let wake_at = self.wake_at;
            tokio::select! {
                Some(watched) = self.parts.reports.recv() => self.watched(watched),
                Some(done) = self.under_way.join_next() => self.done(done),
                () = self.parts.leadership.changed() => self.check_leading(false),
                Ok(()) = self.parts.plugins.changed() => {
                    let plugins = self.parts.plugins.borrow_and_update().clone();
                    self.step(Event::Plugins(plugins));
                }
                () = sleep_or_never(wake_at) => {
                    self.wake_at = None;
                    self.step(Event::Woken);
                }
                _ = beat.tick() => {
                    self.parts.watches.revive();
                    // The lease may have run out without anybody saying so.
                    self.check_leading(false);
                }
                _ = phase.changed() => {}
            }
        }
        self.drain(grace).await;
    }

    /// Ends what is under way, and tells the shell what became of it: it may have events to publish.
    async fn drain(&mut self, grace: Duration) {
        self.parts.health.draining();
        self.draining = true;
        self.parts.watches.stop_all();
        self.step(Event::Leading(false));
        let until = Instant::now() + grace;
        while !self.under_way.is_empty() {
            self.parts.health.beat();
            tokio::select! {
                Some(done) = self.under_way.join_next() => self.done(done),
                () = sleep_until(until) => {
                    warn!(requests = self.under_way.len(), "some requests did not end in time");
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
        let key = watched.key;
        if is_rollouts(&key) {
            let (metrics, stand_by) = (&self.parts.metrics, &self.parts.stand_by);
            match &watched.signal {
                Signal::ListBegan(_) => {
                    metrics.rollouts_begin();
                    stand_by.list_began();
                }
                Signal::ListEnded => {
                    metrics.rollouts_end();
                    stand_by.list_ended();
                }
                Signal::Changed(object) => {
                    metrics.rollout_changed(object);
                    stand_by.saw(object);
                    self.check_leading(false);
                }
                Signal::Removed(object) => {
                    metrics.rollout_removed(object);
                    stand_by.gone(object);
                    if let Some(shadow) = &mut self.parts.shadow {
                        shadow.gone(object, metrics);
                    }
                }
                Signal::Unwatchable(_) => {}
            }
        }
        self.parts.metrics.evidence.saw(&key.group, &key.kind, &watched.signal);
        let watch = key.as_ref().clone();
        let new_answer = matches!(watched.signal, Signal::ListEnded | Signal::Unwatchable(_));
        self.step(match watched.signal {
            Signal::ListBegan(resource) => Event::ListBegan { watch, resource },
            Signal::ListEnded => Event::ListEnded { watch },
            Signal::Changed(object) => Event::Changed { watch, object },
            Signal::Removed(object) => Event::Removed { watch, object },
            Signal::Unwatchable(why) => Event::Unwatchable { watch, why },
        });
        if new_answer {
            self.parts.health.unsynced(self.parts.watches.unanswered());
        }
    }

    fn done(&mut self, done: Result<Event, tokio::task::JoinError>) {
        match done {
            Ok(event) => {
                if let Event::Measured { id, .. } = &event {
                    self.parts.measuring.ended(*id);
                }
                self.step(event);
            }
            // Both kinds of job turn panics into answers; only an aborted one has none.
            Err(error) => debug!(%error, "a job ended without an answer"),
        }
    }

    fn check_leading(&mut self, first: bool) {
        for event in self.parts.stand_by.look() {
            self.parts.publisher.publish_regardless(event);
        }
        if let Some(shadow) = &mut self.parts.shadow {
            shadow.look(&self.parts.metrics);
        }
        let leading = self.parts.leadership.may_write();
        if first || leading != self.leading {
            self.leading = leading;
            self.parts.metrics.leading(leading);
            self.step(Event::Leading(leading));
        }
    }

    fn step(&mut self, event: Event) {
        let started = Instant::now();
        let now = Now { wall: self.parts.clock.now(), monotonic: started.duration_since(self.started) };
        let effects = self.shell.step(now, event);
        let took = started.elapsed();
        for effect in effects {
            self.carry_out(effect, took);
        }
    }

    fn carry_out(&mut self, effect: Effect, computing: Duration) {
        match effect {
            Effect::Watch(key) if !self.draining => self.parts.watches.start(key),
            Effect::Unwatch(key) => self.parts.watches.stop(&key),
            Effect::Send { id, request } if !self.draining => {
                self.under_way.spawn(self.parts.jobs.clone().send(id, request));
            }
            Effect::Route { id, job } if !self.draining => {
                self.under_way.spawn(self.parts.jobs.clone().route(id, job));
            }
            Effect::Measure { id, job } if !self.draining => {
                self.parts.measuring.begin(id, job, &mut self.under_way);
            }
            // Nobody will hear the answer.
            Effect::Watch(_) | Effect::Send { .. } | Effect::Route { .. } | Effect::Measure { .. } => {}
            Effect::Forget { id } => self.parts.measuring.give_up(id),
            Effect::InUse(in_use) => {
                self.parts.in_use.send_replace(Some(in_use));
            }
            Effect::WakeAt(at) => {
                let at = self.started + at;
                self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
            }
            Effect::Publish(event) => self.parts.publisher.publish(event),
            Effect::Report(report) => {
                report::log(&report);
                self.count(&report, computing);
                if let Some(listener) = &self.parts.listener {
                    // Whoever does not listen any more is at the end.
                    let _ = listener.send(report);
                }
            }
        }
    }

    fn count(&mut self, report: &Report, computing: Duration) {
        let metrics = &self.parts.metrics;
        match report {
            Report::Pass { rollout, routing, .. } => metrics.passed(rollout, routing.as_ref(), computing),
            Report::Wrote { rollout, request } => metrics.wrote(rollout, request, None),
            Report::WriteFailed { rollout, request, error } => metrics.wrote(rollout, request, Some(error)),
            Report::GivenBack { .. } => {}
            Report::Intends(intention) => {
                if let Some(shadow) = &mut self.parts.shadow {
                    shadow.intends(intention, &self.parts.metrics);
                }
            }
            Report::Panicked { rollout, message } => {
                error!(%rollout, panic = message, "a pass panicked");
                metrics.panicked(rollout);
            }
        }
    }
}

async fn sleep_or_never(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
