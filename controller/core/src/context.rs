//! The world, read: the Rollout, its ReplicaSets by role, its Services, and where the update stands.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_contract::Traffic;
use tidegate_model::names::{HASH_LABEL, condition, reason};
use tidegate_model::{
    PauseCondition, ReplicaSet, Rollout, RoutingRecord, Status, Step, hash, interest, pod_metadata, template,
    workload,
};

use crate::managed;
use crate::roles::Roles;
use crate::rollback;
use crate::world::{RouterReport, RouterState, World};

/// What every part of a decision looks at.
pub(crate) struct Context<'a> {
    pub(crate) world: &'a World,
    pub(crate) now: Timestamp,
    pub(crate) rollout: Rollout,
    pub(crate) status: Status,
    /// The newest template, wherever it stands.
    pub(crate) template: &'a Value,
    /// Which pods are the Rollout's, wherever that stands.
    pub(crate) selector: &'a Value,
    /// Hash of the newest template: the label of its ReplicaSet, or what that will be.
    pub(crate) new_hash: String,
    /// Hash of the steps.
    pub(crate) step_hash: String,
    /// Whether the name that the new ReplicaSet would have is taken by another template.
    pub(crate) collides: bool,
    /// Whether traffic is shifted by routers; otherwise by numbers of pods.
    pub(crate) is_routed: bool,
    /// Whether it goes back within the rollback window, so that there is nothing to step through.
    pub(crate) is_fast_rollback: bool,
    /// Which Service is in which role.
    pub(crate) roles: Roles,
    /// What routers may have for others than the stable pods.
    pub(crate) record: RoutingRecord,
    sets: Vec<ReplicaSet>,
    new: Option<usize>,
    stable: Option<usize>,
}

impl<'a> Context<'a> {
    pub(crate) fn observe(world: &'a World, now: Timestamp) -> Self {
        let rollout = Rollout::read(&world.rollout);
        let status = Status::read(&world.rollout);
        let mut sets: Vec<ReplicaSet> = world.replica_sets.iter().map(ReplicaSet::read).collect();
        // Oldest first: of several ReplicaSets of the same template, the oldest one is taken.
        sets.sort_by(|a, b| a.created_at.cmp(&b.created_at).then_with(|| a.name.cmp(&b.name)));

        let workload = world.workload.object();
        let desired = workload::template(&world.rollout, workload);
        let selector = workload::selector(&world.rollout, workload);
        // While nobody knows the template, the newest one is the one that was known last.
        let is_known = workload.is_some() || !workload::is_referring(&world.rollout);
        let computed = match &world.template_hash {
            Some(known) if !workload::is_referring(&world.rollout) => known.to_string(),
            _ if is_known => hash::template_hash(desired, status.collision_count),
            _ => status.current_pod_hash.clone(),
        };
        let is_new = |set: &ReplicaSet| {
            template::equal(desired, &pod_metadata::template_without_injected(&set.object))
        };
        // A ReplicaSet is not always stored as it was sent: a webhook may add to it, a server may drop what it does not
        // know. So one that was found to be this template's before is not compared again; making another one would end
        // in the same place, for ever.
        let was_found = |set: &ReplicaSet| [&status.current_pod_hash, &status.stable_rs].contains(&&set.hash);
        let by_label = sets.iter().position(|set| set.hash == computed && (was_found(set) || is_new(set)));
        let new = by_label.or_else(|| sets.iter().position(|set| !set.hash.is_empty() && is_new(set)));
        let name = format!("{}-{computed}", rollout.name);
        let collides = new.is_none() && sets.iter().any(|set| set.name == name);
        let new_hash = new.and_then(|new| sets.get(new)).map_or(computed, |set| set.hash.clone());
        let stable = sets.iter().position(|set| !set.hash.is_empty() && set.hash == status.stable_rs);
        let step_hash = hash::steps_hash(world.rollout.pointer("/spec/strategy/canary/steps"));
        let is_routed = rollout.canary.routing.is_some();
        let set = |index: Option<usize>| sets.get(index?);
        let is_fast_rollback =
            rollback::is_within_window(rollout.rollback_window, set(new), set(stable), &sets);
        let roles = Roles::of(&rollout, &status, &world.services);
        Self {
            world,
            now,
            rollout,
            status,
            record: RoutingRecord::read(&world.rollout),
            template: desired,
            selector,
            new_hash,
            step_hash,
            collides,
            is_routed,
            is_fast_rollback,
            roles,
            sets,
            new,
            stable,
        }
    }

    /// The ReplicaSet of the newest template.
    pub(crate) fn new_set(&self) -> Option<&ReplicaSet> {
        self.sets.get(self.new?)
    }

    /// The ReplicaSet of the stable template; the same as the new one when the update is done.
    pub(crate) fn stable_set(&self) -> Option<&ReplicaSet> {
        self.sets.get(self.stable?)
    }

    /// All other ReplicaSets, oldest first.
    pub(crate) fn other_sets(&self) -> impl Iterator<Item = &ReplicaSet> {
        let roles = [self.new, self.stable];
        self.sets
            .iter()
            .enumerate()
            .filter(move |(index, _)| !roles.contains(&Some(*index)))
            .map(|(_, set)| set)
    }

    /// All ReplicaSets, oldest first.
    pub(crate) fn sets(&self) -> &[ReplicaSet] {
        &self.sets
    }

    /// The revision of the newest template: later than all others.
    pub(crate) fn new_revision(&self) -> i64 {
        let others = self.sets.iter().enumerate().filter(|(index, _)| Some(*index) != self.new);
        let newest = others.map(|(_, set)| set.revision).max().unwrap_or_default();
        match self.new_set() {
            Some(new) if new.revision > newest => new.revision,
            _ => newest.saturating_add(1),
        }
    }

    /// Available pods of the newest template.
    pub(crate) fn new_available(&self) -> i64 {
        self.new_set().map_or(0, |set| set.available)
    }

    /// Whether the newest template is the stable one.
    pub(crate) fn is_fully_promoted(&self) -> bool {
        !self.status.stable_rs.is_empty() && self.status.stable_rs == self.new_hash
    }

    /// Whether there is no stable ReplicaSet to compare with: not yet, or no longer.
    pub(crate) fn is_first(&self) -> bool {
        self.stable.is_none() && !self.is_fully_promoted()
    }

    /// Whether an update is under way, given up or not.
    pub(crate) fn is_updating(&self) -> bool {
        !self.is_first() && !self.is_fully_promoted()
    }

    /// Whether it is paused for a reason.
    pub(crate) fn is_paused_for(&self, reason: &str) -> bool {
        self.status.pause_conditions.iter().any(|pause| pause.reason == reason)
    }

    /// Whether the update waits until somebody judges what came to no conclusion. The user who wants the end has.
    pub(crate) fn waits_for_judgement(&self, pauses: &[PauseCondition]) -> bool {
        let waits = |pause: &PauseCondition| {
            [reason::INCONCLUSIVE_ANALYSIS, reason::INCONCLUSIVE_EXPERIMENT].contains(&pause.reason.as_str())
        };
        !self.skips_steps() && pauses.iter().any(waits)
    }

    /// Whether the update was given up; there must be something to go back to.
    pub(crate) fn is_aborted(&self) -> bool {
        self.status.abort && !self.is_fully_promoted() && !self.is_first() && !self.is_fast_rollback
    }

    /// The steps.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.rollout.canary.steps
    }

    /// How many steps are done, at most all.
    pub(crate) fn index(&self) -> usize {
        self.status.current_step_index.unwrap_or_default().min(self.steps().len())
    }

    /// Whether nothing is left to step through: all done, none there, or the rest is skipped.
    pub(crate) fn is_past_steps(&self) -> bool {
        self.skips_steps() || self.index() >= self.steps().len()
    }

    /// Whether the steps are skipped: the user wants the end, or goes back within the rollback window.
    pub(crate) const fn skips_steps(&self) -> bool {
        self.status.promote_full || self.is_fast_rollback
    }

    /// The Service that is in the stable role now.
    pub(crate) const fn stable_service(&self) -> Option<&String> {
        self.roles.stable.as_ref()
    }

    /// The Service that is in the canary role now.
    pub(crate) const fn canary_service(&self) -> Option<&String> {
        self.roles.canary.as_ref()
    }

    /// A Service that the Rollout names, if it exists.
    pub(crate) fn service(&self, name: Option<&String>) -> Option<&Arc<Value>> {
        self.world.services.get(name?)
    }

    /// The template hash that a Service selects; `None` when it selects by none, or does not exist.
    pub(crate) fn selected_hash(&self, name: Option<&String>) -> Option<&str> {
        self.service(name)?.pointer("/spec/selector")?.get(HASH_LABEL)?.as_str()
    }

    /// The ReplicaSet with this template hash.
    pub(crate) fn set_of_hash(&self, hash: &str) -> Option<&ReplicaSet> {
        self.sets.iter().find(|set| set.hash == hash)
    }

    /// Whether any router takes part.
    pub(crate) fn has_routers(&self) -> bool {
        self.is_routed && !interest::routers(&self.world.rollout).is_empty()
    }

    /// Why some router has no plugin to ask, for people; the one that needs help first.
    pub(crate) fn missing_plugin(&self) -> Option<String> {
        let routers = || self.world.routing.iter().flat_map(|routing| &routing.routers);
        let unavailable = routers().find(|report| matches!(report.state, RouterState::Unavailable { .. }));
        let report =
            unavailable.or_else(|| routers().find(|report| report.state.without_plugin().is_some()))?;
        let (reason, message) = report.state.without_plugin()?;
        Some(format!("{reason}: {}: {message}", report.router))
    }

    /// Whether every router has this traffic in force; without routers there is nothing to wait for.
    pub(crate) fn is_settled(&self, traffic: Option<&Traffic>) -> bool {
        if !self.world.leaving.is_empty() {
            return false;
        }
        if !self.has_routers() {
            return true;
        }
        match (traffic, &self.world.routing) {
            (Some(traffic), Some(routing)) => routing.is_settled_for(traffic),
            _ => false,
        }
    }

    /// Whether some router needs help before it can express what is desired, or has not brought it into force in time.
    pub(crate) fn is_routing_stuck(&self) -> bool {
        let needs_help = |report: &RouterReport| {
            matches!(report.state, RouterState::Failed { .. } | RouterState::Unavailable { .. })
        };
        let is_late =
            self.status.condition(condition::TRAFFIC_NOT_VERIFIED).is_some_and(|one| one.status == "True");
        is_late || self.world.routing.as_ref().is_some_and(|routing| routing.routers.iter().any(needs_help))
    }

    /// Whether every router has traffic in force of which the canary role has nothing.
    pub(crate) fn canary_carries_nothing(&self, traffic: Option<&Traffic>) -> bool {
        let carries_nothing = |traffic: &Traffic| traffic.canary.weight == 0 && !managed::any(traffic);
        self.is_settled(traffic) && traffic.is_none_or(carries_nothing)
    }
}
