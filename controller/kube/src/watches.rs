//! The watches that are wanted now, each a task of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_api::builtin;
use tidegate_shell::WatchKey;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::metrics::Metrics;
use crate::watch::{Listener, Signal, Watch, WatchTiming};

/// A report of a watch, on its way to the loop.
pub(crate) struct Watched {
    pub(crate) key: Arc<WatchKey>,
    /// Which of the watches of that key: reports of one that was stopped may still be on their way.
    run: u64,
    pub(crate) signal: Signal,
}

/// Makes and ends watches.
pub(crate) struct Watches {
    api: Api,
    metrics: Arc<Metrics>,
    timing: WatchTiming,
    reports: mpsc::Sender<Watched>,
    running: BTreeMap<Arc<WatchKey>, Running>,
    runs: u64,
}

struct Running {
    run: u64,
    task: JoinHandle<()>,
    /// Whether it has reported all objects, or why not.
    answered: bool,
}

struct ToLoop {
    key: Arc<WatchKey>,
    run: u64,
    reports: mpsc::Sender<Watched>,
}

impl Listener for ToLoop {
    async fn tell(&self, signal: Signal) -> bool {
        self.reports.send(Watched { key: self.key.clone(), run: self.run, signal }).await.is_ok()
    }
}

impl Watches {
    pub(crate) fn new(
        api: Api,
        metrics: Arc<Metrics>,
        timing: WatchTiming,
        reports: mpsc::Sender<Watched>,
    ) -> Self {
        Self { api, metrics, timing, reports, running: BTreeMap::new(), runs: 0 }
    }

    /// Starts a watch, unless there is one.
    pub(crate) fn start(&mut self, key: WatchKey) {
        if self.running.contains_key(&key) {
            return;
        }
        let key = Arc::new(key);
        let running = self.spawn(&key);
        self.running.insert(key, running);
    }

    fn spawn(&mut self, key: &Arc<WatchKey>) -> Running {
        self.runs += 1;
        let run = self.runs;
        let listener = ToLoop { key: key.clone(), run, reports: self.reports.clone() };
        let watch =
            Watch::new(self.api.clone(), key.clone(), listener, self.metrics.clone(), self.timing.clone());
        Running { run, task: tokio::spawn(watch.run()), answered: false }
    }

    /// Ends a watch; nothing of it is accepted any more.
    pub(crate) fn stop(&mut self, key: &WatchKey) {
        if let Some(running) = self.running.remove(key) {
            running.task.abort();
        }
    }

    /// Ends all.
    pub(crate) fn stop_all(&mut self) {
        for running in std::mem::take(&mut self.running).into_values() {
            running.task.abort();
        }
    }

    /// Starts those anew that ended although they are wanted: only a panic in them does that.
    pub(crate) fn revive(&mut self) {
        let dead: Vec<_> = self
            .running
            .iter()
            .filter(|(_, running)| running.task.is_finished())
            .map(|(key, _)| key.clone())
            .collect();
        for key in dead {
            tracing::error!(kind = %key.kind, "a watch ended unexpectedly and is started anew");
            self.metrics.watch_restarted(&key.kind, "Panicked");
            let running = self.spawn(&key);
            self.running.insert(key, running);
        }
    }

    /// Whether a report is of a watch that is still wanted.
    pub(crate) fn accept(&mut self, watched: &Watched) -> bool {
        let Some(running) = self.running.get_mut(watched.key.as_ref()) else { return false };
        if running.run != watched.run {
            return false;
        }
        // Kinds of routers may be missing; without Rollouts there is nothing to do.
        running.answered |= match watched.signal {
            Signal::ListEnded => true,
            Signal::Unwatchable(_) => !is_rollouts(&watched.key),
            Signal::ListBegan(_) | Signal::Changed(_) | Signal::Removed(_) => false,
        };
        true
    }

    /// The kinds that have not answered so far.
    pub(crate) fn unanswered(&self) -> BTreeSet<String> {
        self.running
            .iter()
            .filter(|(_, running)| !running.answered)
            .map(|(key, _)| {
                if key.group.is_empty() {
                    key.kind.to_string()
                } else {
                    format!("{}.{}", key.kind, key.group)
                }
            })
            .collect()
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        self.stop_all();
    }
}

/// Whether it is the watch of the Rollouts.
pub(crate) fn is_rollouts(key: &WatchKey) -> bool {
    let rollouts = builtin::rollouts();
    key.group == rollouts.group && key.kind == rollouts.kind
}
