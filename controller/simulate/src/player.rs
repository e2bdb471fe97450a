//! Runs a scenario: lets time pass, promotes as a user would, and knows when nothing more is to be expected.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{Body, ObjectKey, Operation, Request, builtin, object};

use crate::changes::Change;
use crate::driver::Driver;
use crate::line::{Ending, Line, RolloutEnding, Stopped};
use crate::observer::Observer;
use crate::scenario::ScenarioError;

/// Nothing sooner than this is due: only the controller's periodic look (15 min) or another try of a plugin that failed
/// (10 min) is that far away.
const IDLE: Duration = Duration::from_mins(5);

/// A Degraded Rollout without a visible change for this long stays so: the controller has looked again, and failing
/// plugins have been tried again.
const DEGRADED: Duration = Duration::from_mins(20);

/// What may be expected of a Rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is done.
    Healthy,
    /// It stands at a pause that only a user ends.
    Held,
    /// It stands at a pause that time ends.
    Pausing,
    /// It failed; it may get well again.
    Degraded,
    /// Something is under way.
    Underway,
}

/// Plays the user and the time.
pub struct Player {
    observer: Observer,
    driver: Driver,
    hold: bool,
    limit: Duration,
    patience: Duration,
    stopped: Stopped,
}

impl Player {
    /// Nothing has happened yet. `keys` are the Rollouts that count, `limit` is when to give up, and `patience` after how
    /// long without a change nothing more is to be expected.
    pub fn new(
        driver: Driver,
        keys: Vec<ObjectKey>,
        hold: bool,
        limit: Duration,
        patience: Duration,
    ) -> Self {
        Self { observer: Observer::new(keys), driver, hold, limit, patience, stopped: Stopped::Settled }
    }

    /// The cluster and the controller.
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// The cluster and the controller, to do something to them.
    pub fn driver_mut(&mut self) -> &mut Driver {
        &mut self.driver
    }

    /// Whether to stop at an indefinite pause instead of promoting, from now on.
    pub fn hold(&mut self, hold: bool) {
        self.hold = hold;
    }

    /// Lets the first revision settle.
    pub fn start(&mut self, tell: &mut dyn FnMut(&Line)) {
        let note = "the manifests are applied; the first revision starts";
        self.observer.announce_all(&self.driver, "Applied", note, tell);
        self.run(tell);
    }

    /// Does something to one Rollout, if it is in a state for it.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub fn change(
        &mut self,
        key: &ObjectKey,
        change: &Change,
        tell: &mut dyn FnMut(&Line),
    ) -> Result<(), ScenarioError> {
        let Some(rollout) = self.driver.cluster.object(&builtin::rollouts(), &key.namespace, &key.name)
        else {
            return Ok(());
        };
        let is_ready = match standing(rollout) {
            Standing::Healthy => true,
            Standing::Held => false,
            _ => !change.needs_health,
        };
        if !is_ready || self.stopped == Stopped::TimeLimit {
            return Ok(());
        }
        let request = patch_of(key, None, change.patch.clone());
        self.driver.act(&change.what, &request).map_err(|error| ScenarioError::refused(key, &error))?;
        self.observer.announce(&self.driver, key, "Updated", &change.what, tell);
        Ok(())
    }

    /// Lets time pass until nothing more is to be expected.
    pub fn run(&mut self, tell: &mut dyn FnMut(&Line)) {
        let started_at = self.driver.elapsed();
        self.stopped = loop {
            let observer = &mut self.observer;
            self.driver
                .settle(&mut |cluster, elapsed, happening| observer.note(cluster, elapsed, happening, tell));
            self.observer.look(&self.driver, tell);
            if !self.hold && self.promote_held(tell) {
                continue;
            }
            let Some(due) = self.driver.next_due() else { break self.verdict() };
            let ahead = due.saturating_sub(self.driver.elapsed());
            let quiet = due.saturating_sub(self.observer.changed_at().max(started_at));
            if ahead > IDLE && self.all(|standing| matches!(standing, Standing::Healthy | Standing::Held))
                || quiet > self.patience && !self.any(Standing::Pausing)
                || quiet > DEGRADED
                    && self.all(|standing| !matches!(standing, Standing::Underway | Standing::Pausing))
            {
                break self.verdict();
            }
            if due > self.limit {
                break Stopped::TimeLimit;
            }
            self.driver.advance_to(due);
        };
    }

    fn verdict(&self) -> Stopped {
        if self.all(|standing| standing == Standing::Healthy) {
            Stopped::Settled
        } else if self.all(|standing| matches!(standing, Standing::Healthy | Standing::Held)) {
            Stopped::Held
        } else {
            Stopped::NothingHappens
        }
    }

    fn all(&self, fits: impl Fn(Standing) -> bool) -> bool {
        self.observer.rollouts(&self.driver.cluster).iter().all(|rollout| fits(standing(rollout)))
    }

    fn any(&self, wanted: Standing) -> bool {
        !self.all(|standing| standing != wanted)
    }

    /// Does what `kubectl argo rollouts promote` does to each Rollout that a user holds up. Returns whether anything
    /// was done.
    fn promote_held(&mut self, tell: &mut dyn FnMut(&Line)) -> bool {
        let mut promoted = false;
        for rollout in self.observer.rollouts(&self.driver.cluster) {
            if standing(&rollout) != Standing::Held {
                continue;
            }
            let key = object::key(&builtin::rollouts(), &rollout);
            let mut requests =
                vec![patch_of(&key, Some("status"), json!({"status": {"pauseConditions": null}}))];
            if is_paused_by_user(&rollout) {
                requests.push(patch_of(&key, None, json!({"spec": {"paused": false}})));
            }
            let note = "promoted, as `kubectl argo rollouts promote` does";
            if requests.iter().all(|request| self.driver.act(note, request).is_ok()) {
                self.observer.announce(&self.driver, &key, "Promoted", note, tell);
                promoted = true;
            }
        }
        promoted
    }

    /// How it ended.
    pub fn ending(&self) -> Ending {
        let rollouts: Vec<RolloutEnding> = self
            .observer
            .rollouts(&self.driver.cluster)
            .iter()
            .map(|rollout| RolloutEnding::of(rollout))
            .collect();
        let unwell = rollouts.iter().find(|one| one.phase != "Healthy").map(|one| one.phase.as_str());
        let result = match unwell {
            None => "Healthy",
            Some("") => "Unknown",
            Some(phase) => phase,
        };
        let t = self.driver.elapsed().as_secs_f64();
        Ending { result: result.to_owned(), stopped: self.stopped, t, rollouts }
    }
}

fn standing(rollout: &Value) -> Standing {
    match rollout.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default() {
        "Healthy" => Standing::Healthy,
        "Degraded" => Standing::Degraded,
        _ if is_paused_by_user(rollout) => Standing::Held,
        "Paused" if is_at_timed_pause(rollout) => Standing::Pausing,
        "Paused" if has_pause_conditions(rollout) => Standing::Held,
        _ => Standing::Underway,
    }
}

/// `spec.paused`, by which a user holds up a Rollout wherever it is.
fn is_paused_by_user(rollout: &Value) -> bool {
    rollout.pointer("/spec/paused") == Some(&Value::Bool(true))
}

fn has_pause_conditions(rollout: &Value) -> bool {
    let conditions = rollout.pointer("/status/pauseConditions").and_then(Value::as_array);
    conditions.is_some_and(|all| !all.is_empty())
}

/// Whether the current step is a pause with a duration.
fn is_at_timed_pause(rollout: &Value) -> bool {
    let step = rollout.pointer("/status/currentStepIndex").and_then(Value::as_u64).unwrap_or_default();
    let duration = rollout.pointer(&format!("/spec/strategy/canary/steps/{step}/pause/duration"));
    duration.is_some_and(|duration| !duration.is_null())
}

/// What changes a Rollout, or a subresource of it, by a merge patch.
pub fn patch_of(key: &ObjectKey, subresource: Option<&str>, patch: Value) -> Request {
    Request {
        resource: builtin::rollouts(),
        namespace: Some(key.namespace.to_string()),
        operation: Operation::Patch {
            name: key.name.to_string(),
            subresource: subresource.map(str::to_owned),
            body: Body::Merge(patch),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standings() {
        let steps = json!([{"pause": {}}, {"pause": {"duration": "1m"}}, {"pause": {"duration": null}}, {"setWeight": 5}]);
        let at = |phase: &str, step: u64, paused: bool| {
            json!({"spec": {"strategy": {"canary": {"steps": steps}}},
                   "status": {"phase": phase, "currentStepIndex": step,
                              "pauseConditions": if paused { json!([{"reason": "CanaryPauseStep"}]) } else { json!(null) }}})
        };
        for (phase, step, paused, expected) in [
            ("", 0, false, Standing::Underway),
            ("Progressing", 0, false, Standing::Underway),
            ("Paused", 0, true, Standing::Held),
            ("Paused", 0, false, Standing::Underway),
            ("Paused", 1, true, Standing::Pausing),
            ("Paused", 2, true, Standing::Held),
            ("Healthy", 4, false, Standing::Healthy),
            ("Degraded", 0, true, Standing::Degraded),
        ] {
            assert_eq!(standing(&at(phase, step, paused)), expected, "{phase} {step} {paused}");
        }
        let mut by_user = at("Paused", 3, false);
        by_user["spec"]["paused"] = json!(true);
        assert_eq!(standing(&by_user), Standing::Held);
    }
}
