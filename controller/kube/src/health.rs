//! Whether this process is alive, and whether it is ready, as the probes will ask.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The loop beats at least every five seconds; a minute without a beat means that it hangs. Generous, because
/// on a machine without a free processor a restart would only make things worse.
const STALLED: Duration = Duration::from_secs(60);

/// How the event loop is doing.
pub(crate) struct Health {
    started: Instant,
    /// Milliseconds from the start to the last beat.
    beat: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The driver has said what it waits for.
    started: bool,
    /// Kinds whose objects are not all known yet.
    unsynced: BTreeSet<String>,
    /// Everything was known once.
    synced: bool,
    /// What the start waits for as far as plugins are concerned; `None`: for nothing any more.
    gate: Option<Vec<String>>,
    /// The end has begun.
    draining: bool,
    /// Why this process does not write, although it could.
    standing_by: Option<String>,
}

impl Health {
    pub(crate) fn new() -> Self {
        let state = State { gate: Some(vec!["plugins: starting".to_owned()]), ..State::default() };
        Self { started: Instant::now(), beat: AtomicU64::new(0), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event loop turns.
    pub(crate) fn beat(&self) {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.store(elapsed, Ordering::Relaxed);
    }

    /// What the start waits for as far as plugins are concerned. Once that is nothing, plugins do not count any more.
    pub(crate) fn plugins_wait(&self, waits_for: Vec<String>) {
        let mut state = self.state();
        if let Some(gate) = &mut state.gate {
            *gate = waits_for;
        }
        state.gate.take_if(|gate| gate.is_empty());
    }

    /// The kinds whose objects are not all known yet. Once they are, later ones (of Rollouts that come later)
    /// do not make the controller unready again.
    pub(crate) fn unsynced(&self, kinds: BTreeSet<String>) {
        let mut state = self.state();
        state.started = true;
        state.synced |= kinds.is_empty();
        state.unsynced = kinds;
    }

    /// The end has begun.
    pub(crate) fn draining(&self) {
        self.state().draining = true;
    }

    /// Why this process leaves the work to another controller; `None`: it does not. It is ready all the same: who
    /// stands by is well, and a Deployment waits for its pods to be ready.
    pub(crate) fn standing_by(&self, why: Option<String>) {
        self.state().standing_by = why;
    }

    /// What a person who asks whether it is ready should know, although it is.
    pub(crate) fn note(&self) -> Option<String> {
        self.state().standing_by.clone()
    }

    /// Whether the event loop turns.
    ///
    /// # Errors
    /// When it does not: for how long.
    pub(crate) fn alive(&self) -> Result<(), String> {
        self.alive_at(Instant::now())
    }

    fn alive_at(&self, now: Instant) -> Result<(), String> {
        let beat = Duration::from_millis(self.beat.load(Ordering::Relaxed));
        let silent = now.saturating_duration_since(self.started + beat);
        if silent < STALLED {
            return Ok(());
        }
        Err(format!("the event loop has not turned for {} s", silent.as_secs()))
    }

    /// Whether everything is there that is needed for leading.
    ///
    /// # Errors
    /// What is missing, one per line.
    pub(crate) fn ready(&self) -> Result<(), String> {
        let state = self.state();
        let mut missing = Vec::new();
        if state.draining {
            missing.push("shutting down".to_owned());
        }
        if !state.synced {
            if !state.started {
                missing.push("starting".to_owned());
            }
            missing.extend(state.unsynced.iter().map(|kind| format!("not synced: {kind}")));
        }
        missing.extend(state.gate.iter().flatten().cloned());
        if missing.is_empty() { Ok(()) } else { Err(missing.join("\n")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alive_while_the_loop_beats() {
        let health = Health::new();
        let later = Instant::now() + STALLED;
        assert!(health.alive().is_ok());
        assert!(health.alive_at(later).is_err());
        health.beat.store(1000, Ordering::Relaxed);
        assert!(health.alive_at(health.started + STALLED).is_ok());
        assert!(health.alive_at(health.started + STALLED + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn ready_once_all_is_known_until_the_end() {
        let health = Health::new();
        assert!(health.ready().is_err(), "nothing is known yet");
        health.unsynced(BTreeSet::from(["Rollout".to_owned()]));
        assert!(health.ready().unwrap_err().contains("Rollout"));
        health.unsynced(BTreeSet::new());
        assert!(health.ready().is_err(), "nothing is known of plugins");
        health.plugins_wait(vec!["plugin a/b: DigestMismatch".into()]);
        assert!(health.ready().unwrap_err().contains("DigestMismatch"));
        health.plugins_wait(Vec::new());
        assert!(health.ready().is_ok());
        health.unsynced(BTreeSet::from(["HTTPRoute".to_owned()]));
        assert!(health.ready().is_ok(), "a kind that is needed later does not count");
        health.plugins_wait(vec!["plugin a/b: DigestMismatch".into()]);
        assert!(health.ready().is_ok(), "a plugin does not make a ready controller unready");
        health.draining();
        assert!(health.ready().is_err());
    }
}
