//! The Rollout and its status: steps are gone through one by one and only when they are done, a promotion is verified, an abort
//! is kept, and what is said is true.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate_analysis::Phase;
use tidegate_api::object;
use tidegate_model::names::{
    OWN_PREFIX, REVISION_ANNOTATION, WORKLOAD_GENERATION_ANNOTATION, condition, phase, reason,
};
use tidegate_model::routing_record::has_finalizer;
use tidegate_model::{CanaryScale, Status, Step};

use super::{Broken, Scene, Verdict, Write, differs_only, escaped};
use crate::facts::Facts;
use crate::process::is_report;

pub(super) fn check(scene: &Scene<'_>, write: &Write<'_>) -> Verdict {
    if let Some(before) = write.before.filter(|before| has_finalizer(before))
        && write.after.is_none_or(|after| !has_finalizer(after))
    {
        let_go(scene, write, before)?;
        if write.after.is_none() {
            return Ok(());
        }
    }
    let (Some(before), Some(after)) = (write.before, write.after) else {
        return Err(Broken("only-own-objects", format!("{} was made or deleted", write.key)));
    };
    if !is_report(write.request) {
        return metadata(write, before, after);
    }
    if !differs_only(before, after, &["/status"]) {
        return Err(Broken("only-own-fields", format!("{}: more than its status changed", write.key)));
    }
    let change = Change { old: Status::read(before), new: Status::read(after), write };
    change.steps(scene)?;
    change.promotion(scene)?;
    change.abort(scene)?;
    change.truth(scene, after)
}

/// A deletion waits no longer than this, in seconds (the controller's own limit).
const RELEASE_DEADLINE: i64 = 120;

/// Nothing holds up a Rollout's deletion any more: everything was given back, or it took too long.
fn let_go(scene: &Scene<'_>, write: &Write<'_>, before: &Value) -> Verdict {
    let since = before.pointer("/metadata/deletionTimestamp").and_then(Value::as_str);
    let since: Option<jiff::Timestamp> = since.and_then(|since| since.parse().ok());
    let is_late = since.is_some_and(|since| {
        write.wall.duration_since(since).as_secs().saturating_add(write.clock.max(0)) >= RELEASE_DEADLINE
    });
    // What leads to the stable pods is theirs, by whichever name.
    let is_given_back = |facts: &Facts| {
        (facts.is_canary_stable() || !facts.carries_by_what_is_written(1)) && !facts.feeds_others()
    };
    if is_late || scene.any(is_given_back) {
        return Ok(());
    }
    let message = format!(
        "{} is let go, and its canary has {:?}",
        write.key,
        scene.history.last().map(|facts| facts.largest_share(1))
    );
    Err(Broken("everything-is-given-back", message))
}

/// What may change outside the status.
fn metadata(write: &Write<'_>, before: &Value, after: &Value) -> Verdict {
    let own = |object: &Value| -> Vec<String> {
        let annotations = object.pointer("/metadata/annotations").and_then(Value::as_object);
        let keys = annotations.into_iter().flat_map(serde_json::Map::keys);
        keys.filter(|key| key.starts_with(OWN_PREFIX))
            .map(|key| format!("/metadata/annotations/{}", escaped(key)))
            .collect()
    };
    let mut places = own(before);
    places.extend(own(after));
    for key in [REVISION_ANNOTATION, WORKLOAD_GENERATION_ANNOTATION] {
        places.push(format!("/metadata/annotations/{}", escaped(key)));
    }
    places.push("/metadata/finalizers".to_owned());
    if before.pointer("/spec/replicas").is_none() {
        places.push("/spec/replicas".to_owned());
    }
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    if differs_only(before, after, &places) {
        return Ok(());
    }
    Err(Broken("only-own-fields", format!("{}: the user's part changed", write.key)))
}

/// A change of the status.
pub(super) struct Change<'a> {
    pub(super) old: Status,
    pub(super) new: Status,
    pub(super) write: &'a Write<'a>,
}

impl Change<'_> {
    fn is_restart(&self) -> bool {
        self.old.current_pod_hash != self.new.current_pod_hash
            || self.old.current_step_hash != self.new.current_step_hash
    }

    fn is_promoted(&self) -> bool {
        !self.new.stable_rs.is_empty() && self.new.stable_rs == self.new.current_pod_hash
    }

    fn steps(&self, scene: &Scene<'_>) -> Verdict {
        let (Some(old), Some(new)) = (self.old.current_step_index, self.new.current_step_index) else {
            return Ok(());
        };
        if new == old || self.is_restart() || self.is_promoted() || (self.new.abort && new == 0) {
            return Ok(());
        }
        let is_fast =
            |facts: &Facts| facts.spec().is_some_and(|spec| !spec.paused) && facts.is_fast_rollback();
        let wants_end = |facts: &Facts| facts.spec().is_some_and(|spec| new < spec.canary.steps.len());
        if !scene.any(|facts| !is_fast(facts) || !wants_end(facts)) {
            let message = format!("{} goes back within its window and is at step {new}", self.write.key);
            return Err(Broken("rollbacks-are-fast", message));
        }
        let is_end = scene.any(|facts| {
            facts.spec().is_none_or(|spec| old >= new && new == spec.canary.steps.len())
                || facts.status().is_none_or(|status| facts.set(&status.stable_rs).is_none())
                || facts.spec().is_some_and(|spec| facts.is_fast_rollback() && new == spec.canary.steps.len())
        });
        if is_end {
            return Ok(());
        }
        let key = self.write.key;
        if new != old + 1 {
            return Err(Broken("one-step-at-a-time", format!("{key} went from step {old} to {new}")));
        }
        if scene.any(|facts| self.is_done(facts, old)) {
            return Ok(());
        }
        let step = scene.history.last().and_then(|facts| facts.spec()?.canary.steps.get(old).cloned());
        Err(Broken("steps-are-done", format!("{key} left step {old}, which was not done: {step:?}")))
    }

    /// Whether a step is done.
    fn is_done(&self, facts: &Facts, index: usize) -> bool {
        let Some((spec, status)) = facts.spec().zip(facts.status()) else { return true };
        let has_routers = !facts.routes.is_empty();
        match spec.canary.steps.get(index) {
            Some(Step::SetWeight(_)) => {
                let weight = u64::from(facts.weight_after(index + 1));
                let is_empty = canary_size(facts, index).is_some_and(|size| size == 0);
                !has_routers || is_empty || facts.canary_is_everywhere(weight)
            }
            Some(Step::Pause(duration)) => {
                let pauses = &status.pause_conditions;
                let pause = pauses.iter().find(|pause| pause.reason == reason::CANARY_PAUSE_STEP);
                match pause {
                    None => status.controller_pause && pauses.is_empty(),
                    Some(pause) => duration.zip(pause.start_time).is_some_and(|(seconds, start)| {
                        let waited = self.write.wall.duration_since(start).as_secs();
                        waited >= seconds
                    }),
                }
            }
            Some(Step::SetCanaryScale(_)) => {
                let set = facts.set(&status.current_pod_hash);
                canary_size(facts, index)
                    .is_none_or(|size| set.is_some_and(|set| set.available >= facts.sufficient(size)))
            }
            Some(Step::SetHeaderRoute(route) | Step::SetMirrorRoute(route)) => {
                let is_empty = canary_size(facts, index).is_none_or(|size| size == 0);
                !has_routers
                    || is_empty
                    || route.rule.is_none()
                    || facts
                        .routes
                        .iter()
                        .filter(|route| route.is_wanted)
                        .all(|route| route.written.as_ref().is_some_and(|one| one.has_managed()))
            }
            Some(Step::Analysis) => {
                let is_noted = status.step_run.as_ref().is_some_and(|run| Phase::read(&run.status) == GOOD);
                let hash = &status.current_pod_hash;
                let mut runs = facts.lab.runs_of(facts.uid()).filter(|run| run.is_of_step(index, hash));
                // What was noted counts, also when the run was deleted since.
                is_noted || runs.any(|run| run.phase == GOOD)
            }
            Some(Step::Experiment(_)) => {
                let hash = &status.current_pod_hash;
                let mut all = facts.lab.experiments_of(facts.uid());
                all.any(|one| one.phase == GOOD && one.is_of_step(&spec.name, index, hash))
            }
            None | Some(Step::Other(_)) => false,
        }
    }

    fn promotion(&self, scene: &Scene<'_>) -> Verdict {
        let (old, new) = (&self.old.stable_rs, &self.new.stable_rs);
        if old == new && self.old.stable_ping_pong != self.new.stable_ping_pong {
            let message =
                format!("{}: the Services exchanged their roles without a promotion", self.write.key);
            return Err(Broken("promotion-is-verified", message));
        }
        if old == new || old.is_empty() || scene.any(|facts| facts.set(old).is_none()) {
            return Ok(());
        }
        let key = self.write.key;
        let broken =
            |what: &str| Err(Broken("promotion-is-verified", format!("{key}: {new} became stable {what}")));
        let has_no_replicas = scene.any(|facts| facts.spec().is_none_or(|spec| spec.replicas == 0));
        if has_no_replicas {
            return Ok(());
        }
        let is_enough = |facts: &Facts| {
            facts.spec().is_some_and(|spec| facts.available(new) >= facts.sufficient(spec.replicas))
        };
        if !scene.any(is_enough) {
            return broken("without all its pods");
        }
        let is_past = |facts: &Facts| {
            facts.spec().zip(facts.status()).is_some_and(|(spec, status)| {
                status.promote_full
                    || facts.is_fast_rollback()
                    || status.current_step_index.unwrap_or_default() >= spec.canary.steps.len()
            })
        };
        if !scene.any(is_past) {
            return broken("before the last step");
        }
        let is_all = |facts: &Facts| {
            facts.spec().is_none_or(|spec| facts.canary_is_everywhere(u64::from(spec.canary.max_weight())))
        };
        if self.are_roles_exchanged() {
            if !scene.any(|facts| facts.selected(1) == Some(new) && is_all(facts)) {
                return broken("by another name, before that had all traffic");
            }
            return Ok(());
        }
        let is_there = |facts: &Facts| facts.services.iter().all(Option::is_some);
        if !scene.any(|facts| !is_there(facts) || facts.selected(0) == Some(new)) {
            return broken("before the stable Service selected it");
        }
        let is_forced = |facts: &Facts| {
            facts.status().is_some_and(|status| {
                let late = status.condition(condition::TRAFFIC_NOT_VERIFIED);
                status.promote_full && late.is_some_and(|late| late.status == "True")
            })
        };
        if !scene.any(is_all) && !scene.any(is_forced) {
            return broken("before it had all traffic");
        }
        Ok(())
    }

    /// Whether the Service that was in the canary role is said to be in the stable role.
    fn are_roles_exchanged(&self) -> bool {
        let weights = self.old.weights.as_ref().zip(self.new.weights.as_ref());
        weights.is_some_and(|(old, new)| {
            !new.stable_service.is_empty() && old.canary_service == new.stable_service
        })
    }

    fn abort(&self, scene: &Scene<'_>) -> Verdict {
        if !self.old.abort && self.new.abort {
            return self.abort_has_a_reason(scene);
        }
        if !self.old.abort || self.new.abort || self.is_restart() || self.is_promoted() {
            return Ok(());
        }
        // Whoever asks for the end after an abort was carried out takes it back.
        let is_taken_back = self.old.promote_full && self.old.aborted_at.is_some();
        let is_over = |facts: &Facts| facts.set(&self.old.stable_rs).is_none() || facts.is_fast_rollback();
        if is_taken_back || scene.any(is_over) {
            return Ok(());
        }
        Err(Broken("aborts-are-kept", format!("{} forgot that it was aborted", self.write.key)))
    }

    /// What the status says, is or was so a moment ago.
    fn truth(&self, scene: &Scene<'_>, after: &Value) -> Verdict {
        self.runs_are_noted_truly(scene)?;
        let key = self.write.key;
        let broken = |what: String| Err(Broken("status-is-true", format!("{key}: {what}")));
        let available = self.new.counts.available;
        if available != self.old.counts.available && !could_be_available(scene, available) {
            return broken(format!("there were never {available} available pods"));
        }
        let verified = after.pointer("/status/canary/weights/verified").and_then(Value::as_bool);
        let was =
            self.write.before.and_then(|before| before.pointer("/status/canary/weights/verified")?.as_bool());
        let weights = self.new.weights.as_ref();
        let canary = weights.map(|weights| u64::from(weights.canary));
        // It says which Service it means.
        let services = scene.app.services();
        let place =
            weights.and_then(|weights| services.iter().position(|name| *name == weights.canary_service));
        if let Some(canary) = canary
            && verified == Some(true)
            && (was != Some(true) || self.old.weights != self.new.weights)
            && !scene.any(|facts| facts.is_everywhere(place.unwrap_or(facts.place(1)), canary))
        {
            return broken(format!("the canary's {canary} was said to be in force and was not"));
        }
        let said =
            |object: &Value| object.pointer("/status/phase").and_then(Value::as_str).map(str::to_owned);
        let is_healthy = said(after).as_deref() == Some(phase::HEALTHY);
        let was_healthy = self.write.before.and_then(said).as_deref() == Some(phase::HEALTHY);
        if is_healthy && !was_healthy {
            let enough = |facts: &Facts| {
                facts.spec().is_none_or(|spec| facts.available(&self.new.stable_rs) >= spec.replicas)
            };
            if !self.is_promoted() || !scene.any(enough) {
                return broken("Healthy, without all pods of the stable template".to_owned());
            }
        }
        if object::generation(after).is_none() {
            return broken("it has no generation".to_owned());
        }
        Ok(())
    }
}

/// Whether there may have been so many available pods, when each ReplicaSet may have been seen at another moment.
fn could_be_available(scene: &Scene<'_>, pods: i64) -> bool {
    let mut ranges: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for (_, facts) in scene.window.iter() {
        for set in &facts.sets {
            let (least, most) = ranges.entry(&set.name).or_insert((set.available, set.available));
            (*least, *most) = ((*least).min(set.available), (*most).max(set.available));
        }
    }
    for (_, facts) in scene.window.iter() {
        for (name, (least, _)) in &mut ranges {
            if facts.sets.iter().all(|set| set.name != *name) {
                *least = 0;
            }
        }
    }
    let least: i64 = ranges.values().map(|(least, _)| least).sum();
    let most: i64 = ranges.values().map(|(_, most)| most).sum();
    (least..=most).contains(&pods)
}

/// The phase of what was as it should be.
const GOOD: Option<Phase> = Some(Phase::Successful);

/// How many pods the canary should have at a step, where a step says so; its weight's share otherwise.
fn canary_size(facts: &Facts, index: usize) -> Option<i64> {
    let spec = facts.spec()?;
    let pods = |weight: u32, max: u32| {
        let product = i128::from(weight) * i128::from(spec.replicas.max(0));
        let max = i128::from(max.max(1));
        i64::try_from((product + max - 1) / max).ok()
    };
    let scale = spec.canary.steps.iter().take(index + 1).rev().find_map(|step| match step {
        Step::SetCanaryScale(scale) => Some(*scale),
        _ => None,
    });
    match scale {
        Some(CanaryScale::Replicas(replicas)) => Some(replicas),
        Some(CanaryScale::Weight(weight)) => pods(weight, spec.canary.max_weight()),
        Some(CanaryScale::MatchTrafficWeight) | None => {
            pods(facts.weight_after(index + 1), spec.canary.max_weight())
        }
    }
}
