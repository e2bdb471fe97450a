//! What happened in runs, counted: a simulation in which nothing happens proves nothing.

use serde::Serialize;

use tidegate_analysis::Phase;

use crate::facts::Facts;
use crate::lab::Lab;

/// Counts over any number of runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Updates that were promoted.
    pub promotions: u64,
    /// Steps that were left for the next one.
    pub steps: u64,
    /// Updates that were given up.
    pub aborts: u64,
    /// Templates that superseded one in flight.
    pub superseded: u64,
    /// Times that a Service selected other pods.
    pub role_moves: u64,
    /// Times that a route's weights changed.
    pub weight_changes: u64,
    /// Times that managed routes appeared.
    pub managed_routes: u64,
    /// Times that the stable ReplicaSet got smaller than the whole, because the canary carries a part.
    pub stable_shrunk: u64,
    /// Times that a part of a canary's weight went back to stable, and not all of it.
    pub gradual_returns: u64,
    /// Promotions by which two Services exchanged their roles.
    pub exchanges: u64,
    /// Rollbacks within their window that came through.
    pub rollbacks: u64,
    /// Rollouts that said that traffic is not verified in time.
    pub not_verified: u64,
    /// Rollouts that said that a router is not ready.
    pub not_ready: u64,
    /// AnalysisRuns that ended well.
    pub good_runs: u64,
    /// AnalysisRuns that came to another end.
    pub other_runs: u64,
    /// Experiments that ended well.
    pub good_experiments: u64,
    /// Experiments that came to another end.
    pub other_experiments: u64,
    /// Times that a Service of an experiment began to get traffic.
    pub experiments_fed: u64,
}

impl Coverage {
    pub(crate) fn saw(&mut self, before: Option<&Facts>, after: &Facts) {
        let Some(before) = before else { return };
        let count = |is: bool| u64::from(is);
        for role in 0..2 {
            let (old, new) = (before.selected(role), after.selected(role));
            self.role_moves += count(old.is_some() && old != new);
        }
        for (old, new) in before.routes.iter().zip(&after.routes) {
            let (Some(old), Some(new)) = (&old.written, &new.written) else { continue };
            self.weight_changes += count(old.rules != new.rules);
            self.managed_routes += count(!old.has_managed() && new.has_managed());
            self.experiments_fed += count(!old.feeds_others() && new.feeds_others());
        }
        let (Some(old), Some(new)) = (before.status(), after.status()) else { return };
        let stable = |facts: &Facts| {
            let (spec, status) = facts.spec().zip(facts.status())?;
            Some((facts.set(&status.stable_rs)?.desired, spec.replicas))
        };
        let is_part = |facts: &Facts| stable(facts).is_some_and(|(pods, replicas)| pods < replicas);
        self.stable_shrunk += count(!is_part(before) && is_part(after) && old.stable_rs == new.stable_rs);
        let is_back = after.is_aborted() || new.stable_rs == new.current_pod_hash;
        let canary =
            |status: &tidegate_model::Status| status.weights.as_ref().map_or(0, |weights| weights.canary);
        self.gradual_returns += count(is_back && canary(new) > 0 && canary(new) < canary(old));
        self.promotions += count(!old.stable_rs.is_empty() && old.stable_rs != new.stable_rs);
        let is_promoted = !old.stable_rs.is_empty() && old.stable_rs != new.stable_rs;
        self.exchanges += count(is_promoted && before.place(0) != after.place(0));
        self.rollbacks += count(is_promoted && before.is_fast_rollback());
        self.aborts += count(!old.abort && new.abort);
        let was_in_flight = !old.stable_rs.is_empty() && old.stable_rs != old.current_pod_hash;
        self.superseded += count(was_in_flight && old.current_pod_hash != new.current_pod_hash);
        let next = old.current_step_index.map(|index| index + 1);
        self.steps += count(next.is_some() && next == new.current_step_index);
        let says = |status: &tidegate_model::Status, kind: &str, value: &str| {
            status.condition(kind).is_some_and(|condition| condition.status == value)
        };
        let starts = |kind: &str, value: &str| count(!says(old, kind, value) && says(new, kind, value));
        self.not_verified += starts("TrafficNotVerified", "True");
        self.not_ready += starts("TrafficRouterReady", "False");
    }

    pub(crate) fn saw_evidence(&mut self, before: &Lab, after: &Lab) {
        let is_news =
            |old: Option<Phase>, new: Option<Phase>| new.is_some_and(Phase::is_completed) && old != new;
        for run in &after.runs {
            let old = before.run(run.name()).and_then(|run| run.phase);
            if is_news(old, run.phase) {
                let is_good = run.phase == Some(Phase::Successful);
                *if is_good { &mut self.good_runs } else { &mut self.other_runs } += 1;
            }
        }
        for one in &after.experiments {
            let old = before.experiment(one.name()).and_then(|one| one.phase);
            if is_news(old, one.phase) {
                let is_good = one.phase == Some(Phase::Successful);
                *if is_good { &mut self.good_experiments } else { &mut self.other_experiments } += 1;
            }
        }
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        self.promotions += other.promotions;
        self.steps += other.steps;
        self.aborts += other.aborts;
        self.superseded += other.superseded;
        self.role_moves += other.role_moves;
        self.weight_changes += other.weight_changes;
        self.managed_routes += other.managed_routes;
        self.stable_shrunk += other.stable_shrunk;
        self.gradual_returns += other.gradual_returns;
        self.exchanges += other.exchanges;
        self.rollbacks += other.rollbacks;
        self.not_verified += other.not_verified;
        self.not_ready += other.not_ready;
        self.good_runs += other.good_runs;
        self.other_runs += other.other_runs;
        self.good_experiments += other.good_experiments;
        self.other_experiments += other.other_experiments;
        self.experiments_fed += other.experiments_fed;
    }
}
