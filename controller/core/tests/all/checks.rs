//! What must hold at each write of a decision, whatever the test is about.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_api::object;
use tidegate_contract::{Destination, Traffic};
use tidegate_core::Decision;

use crate::cluster::{Cluster, Gate, selected};
use crate::manifests::{HASH, name_of_kind};

impl Cluster {
    /// A step that asks for a weight is done only when that is in force.
    pub(crate) fn check_step(&self, decision: &Decision) {
        let old = &self.rollout["status"];
        let is_same =
            |field: &str| old.get(field).is_some_and(|value| decision.status.get(field) == Some(value));
        let (Some(from), Some(to)) = (self.index(), decision.status["currentStepIndex"].as_u64()) else {
            return;
        };
        if !["currentPodHash", "currentStepHash", "stableRS"].into_iter().all(is_same) || to <= from {
            return;
        }
        let steps = &self.rollout["spec"]["strategy"]["canary"]["steps"];
        let step = &steps[usize::try_from(from).unwrap()];
        let is_window = self.rollout["spec"]["rollbackWindow"]["revisions"].as_i64().unwrap_or_default() > 0;
        if is_window && steps.as_array().is_some_and(|steps| steps.len() == usize::try_from(to).unwrap()) {
            // What was between may be gone by now, so that the way back is a short one.
            return;
        }
        assert!(to == from + 1, "one step at a time: from {from} to {to}");
        let Some(traffic) = &self.in_force else { return };
        let is_empty = self.rollout["spec"]["replicas"] == 0;
        let is_settled = self.in_force == self.written && !matches!(self.gate, Gate::Unverified);
        for route in
            [&step["setHeaderRoute"], &step["setMirrorRoute"]].into_iter().filter(|one| one.is_object())
        {
            let exists =
                traffic.managed_routes.iter().any(|one| one.rule.is_some() && route["name"] == one.name);
            let should = route["match"].as_array().is_some_and(|matches| !matches.is_empty());
            assert!(
                !self.is_routed() || (is_settled && (exists == should || !self.wants_pods(from))),
                "step {from} is done, and of its route holds: {exists}"
            );
        }
        let Some(weight) = step["setWeight"].as_u64() else { return };
        assert!(
            !self.is_routed() || (is_settled && (is_empty || u64::from(traffic.canary.weight) == weight)),
            "step {from} is done at weight {}",
            traffic.canary.weight
        );
    }

    /// Whether the canary should have pods at a step; a route to one that should not waits, like its weight.
    fn wants_pods(&self, step: u64) -> bool {
        let steps = self.rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array).unwrap();
        let reached = || steps.iter().take(usize::try_from(step).unwrap() + 1).rev();
        let scale = reached().find_map(|step| step.get("setCanaryScale"));
        let weight = reached().find_map(|step| step["setWeight"].as_u64()).unwrap_or_default();
        let wanted = scale.and_then(|scale| scale["replicas"].as_u64()).unwrap_or(weight);
        wanted > 0 && self.rollout["spec"]["replicas"] != 0
    }

    /// An Experiment that goes takes nothing along that may receive traffic.
    pub(crate) fn check_experiment_goes(&self, experiment: &Value) {
        let statuses = experiment.pointer("/status/templateStatuses").and_then(Value::as_array);
        for name in statuses.into_iter().flatten().filter_map(|one| one["serviceName"].as_str()) {
            let possible = self.in_force.iter().chain(&self.written);
            let mut named = possible.flat_map(|traffic| traffic.additional.iter().chain(&traffic.retired));
            assert!(!named.any(|one| one.service.as_deref() == Some(name)), "{name} may still get requests");
        }
    }

    /// A ReplicaSet that may receive traffic keeps the pods for it.
    pub(crate) fn check_scaling(&self, name: &str, patch: &Value) {
        let set = &self.sets[name];
        let old = set.pointer("/spec/replicas").and_then(Value::as_i64).unwrap();
        let Some(new) = patch.pointer("/spec/replicas").and_then(Value::as_i64).filter(|new| *new < old)
        else {
            return;
        };
        let replicas = self.rollout["spec"]["replicas"].as_i64().unwrap_or(1);
        let hash = object::label(set, HASH).unwrap();
        let possible: Vec<&Traffic> = self.in_force.iter().chain(&self.written).collect();
        for traffic in possible.into_iter().filter(|_| self.is_routed()) {
            let weight: u64 = [&traffic.stable, &traffic.canary]
                .into_iter()
                .filter(|one| self.reaches(one).as_deref() == Some(hash))
                .map(|one| u64::from(one.weight))
                .sum();
            let leads_there = rules(traffic) > 0 && self.reaches(&traffic.canary).as_deref() == Some(hash);
            assert!(!leads_there || new > 0, "{name} goes to nothing, and a managed route leads to it");
            let share = (weight * u64::try_from(replicas).unwrap()).div_ceil(u64::from(traffic.max_weight));
            assert!(
                u64::try_from(new).unwrap() >= share,
                "{name} has weight {weight} of {}, {replicas} replicas, and goes from {old} to {new}",
                traffic.max_weight
            );
        }
    }

    /// The hash that a destination's weight reaches now.
    fn reaches(&self, destination: &Destination) -> Option<String> {
        match destination.service.as_ref().and_then(|name| self.services.get(name)) {
            Some(service) => selected(service).map(str::to_owned),
            None => destination.pod_template_hash.clone(),
        }
    }

    /// A Service changes what it selects only while it has no weight; exceptions are those that the design names.
    pub(crate) fn check_switch(&self, name: &str, patch: &Value) {
        let Some(old) = selected(&self.services[name]) else { return };
        let Some(new) = patch.pointer("/spec/selector").and_then(|one| one.get(HASH)).and_then(Value::as_str)
        else {
            return;
        };
        assert!(self.available(new) > 0, "{name} is pointed at no pods");
        if old == new || !self.is_routed() || self.available(old) == 0 {
            return;
        }
        let status = &self.rollout["status"];
        if status["stableRS"].as_str().unwrap_or_default().is_empty() {
            // The first template was replaced before it was all there: no pods are those that users were on.
            return;
        }
        let is_stuck = matches!(self.gate, Gate::Failed | Gate::Unavailable)
            || self.condition("TrafficNotVerified").is_some_and(|one| one.starts_with("True"));
        let is_given_back = status["abort"] == true && new == status["stableRS"].as_str().unwrap_or_default();
        if is_given_back && (!self.plays_ping_pong() || is_stuck) {
            return;
        }
        // A promotion without replicas leaves the stable Service where it was, until the stable pods are all there; and from one
        // that was forced and then superseded it comes back.
        let is_stable = self.stable_service().as_deref() == Some(name);
        let is_catching_up = (self.was_empty || self.was_forced) && is_stable && new == status["stableRS"];
        let replicas = self.rollout["spec"]["replicas"].as_i64().unwrap_or(1);
        let is_forced = status["promoteFull"] == true || (is_catching_up && self.available(new) >= replicas);
        for traffic in self.in_force.iter().chain(&self.written) {
            for one in [&traffic.stable, &traffic.canary] {
                let is_it = one.service.as_deref() == Some(name);
                let routes = if one.name == "canary" { rules(traffic) } else { 0 };
                assert!(
                    !is_it || (one.weight == 0 && routes == 0) || is_forced,
                    "{name} changes from {old} to {new} at weight {} with {routes} managed routes",
                    one.weight
                );
            }
        }
    }

    /// Weight of the canary goes only to a role whose Service selects available pods.
    pub(crate) fn check_route(&self, traffic: &Traffic) {
        if traffic.canary.weight == 0 && rules(traffic) == 0 {
            return;
        }
        let hash = self.reaches(&traffic.canary).unwrap_or_default();
        assert!(self.available(&hash) > 0, "canary weight {} reaches no pods", traffic.canary.weight);
    }

    /// More traffic for the stable role goes to the stable pods. After a promotion that did not wait for the routers, and where
    /// there were no pods, the Service may be elsewhere.
    pub(crate) fn check_stable(&self, traffic: &Traffic) {
        let Some(service) = traffic.stable.service.as_ref() else { return };
        let hash = self.services.get(service).and_then(selected).unwrap_or_default();
        let is_stable = self.rollout["status"]["stableRS"] == hash;
        if is_stable || self.available(hash) == 0 || self.was_empty || self.was_forced {
            return;
        }
        for before in self.in_force.iter().chain(&self.written) {
            let roles = [&before.stable, &before.canary];
            let had = roles.iter().find(|one| one.service.as_ref() == Some(service)).map(|one| one.weight);
            assert!(
                had.is_none_or(|had| had >= traffic.stable.weight),
                "{service} gets {} instead of {had:?} for the stable pods, and selects {hash}",
                traffic.stable.weight
            );
        }
    }

    /// The Service in the stable role, as far as routers were told.
    fn stable_service(&self) -> Option<String> {
        self.written.as_ref()?.stable.service.clone()
    }

    fn plays_ping_pong(&self) -> bool {
        self.rollout.pointer("/spec/strategy/canary/pingPong").is_some_and(Value::is_object)
    }

    /// Where routers select pods by their hash, the canary role moves on only when it carries nothing.
    pub(crate) fn check_role(&self, traffic: &Traffic) {
        let Some(old) = self.written.as_ref().map(|written| &written.canary) else { return };
        let hash = old.pod_template_hash.as_deref().unwrap_or_default();
        let is_moving = old.service.is_none() && old.pod_template_hash != traffic.canary.pod_template_hash;
        if !is_moving || self.available(hash) == 0 {
            return;
        }
        for before in self.in_force.iter().chain(&self.written) {
            let is_it = before.canary.pod_template_hash == old.pod_template_hash;
            assert!(
                !is_it || (before.canary.weight == 0 && rules(before) == 0),
                "the canary role moves from {hash} at weight {}",
                before.canary.weight
            );
        }
    }

    /// Traffic goes back to the stable pods no faster than these can take it, and on an abort it never comes again.
    pub(crate) fn check_way_back(&self, traffic: &Traffic) {
        let Some(before) = self.written.as_ref().filter(|one| one.max_weight == traffic.max_weight) else {
            return;
        };
        let status = &self.rollout["status"];
        // Nothing to go back to but where it goes: no abort ends a rollback within its window.
        let may_skip = self.rollout["spec"]["rollbackWindow"]["revisions"].as_i64().unwrap_or_default() > 0;
        let is_aborted =
            status["abort"] == true && status["stableRS"] != status["currentPodHash"] && !may_skip;
        let is_same_role = self.reaches(&before.canary) == self.reaches(&traffic.canary);
        assert!(
            !is_aborted || !is_same_role || traffic.canary.weight <= before.canary.weight,
            "the canary's weight rises from {} to {}, and it is aborted",
            before.canary.weight,
            traffic.canary.weight
        );
        let canary = self.reaches(&traffic.canary).unwrap_or_default();
        // A Service that was never switched reaches the pods of all templates.
        let Some(stable) = self.reaches(&traffic.stable) else { return };
        if traffic.canary.weight >= before.canary.weight || canary == stable || self.available(&canary) == 0 {
            return;
        }
        let noted = status.pointer("/canary/weights/canary/podTemplateHash").and_then(Value::as_str);
        if traffic.canary.service.is_none() && noted != Some(canary.as_str()) {
            // Only a status tells whom the weight reaches where no Service does, and this one was cut off before it could.
            return;
        }
        // Where the roles are exchanged, nothing moves: the Service that is stable now had it all as the canary.
        let had = [&before.stable, &before.canary]
            .into_iter()
            .find(|one| one.service.is_some() && one.service == traffic.stable.service);
        if had.is_some_and(|had| had.weight >= traffic.stable.weight) {
            return;
        }
        let conditions = status["conditions"].as_array();
        let is_late = |one: &Value| one["reason"] == "ProgressDeadlineExceeded";
        if conditions.is_some_and(|all| all.iter().any(is_late)) {
            return;
        }
        let threshold = &self.rollout["spec"]["strategy"]["canary"]["replicaProgressThreshold"];
        let percent = match threshold["type"].as_str() {
            Some("Percent") => threshold["value"].as_i64().unwrap(),
            _ => 100,
        };
        let replicas = self.rollout["spec"]["replicas"].as_i64().unwrap_or(1);
        // Pods for the whole, in parts of a hundred: exact without fractions.
        let needed = i64::from(traffic.stable.weight) * replicas * percent;
        let there = self.certainly_available(&stable) * i64::from(traffic.max_weight) * 100;
        assert!(
            needed <= there,
            "stable gets {} of {} with {} of {replicas} pods (canary {} to {})",
            traffic.stable.weight,
            traffic.max_weight,
            self.certainly_available(&stable),
            before.canary.weight,
            traffic.canary.weight,
        );
    }

    /// How many pods there are at least, as long as the ReplicaSets' statuses are behind.
    fn certainly_available(&self, hash: &str) -> i64 {
        let sets = self.sets.iter().filter(|(_, set)| object::label(set, HASH) == Some(hash));
        let count = |set: &Value, field: &str| set.pointer(field).and_then(Value::as_i64).unwrap_or_default();
        sets.map(|(name, set)| {
            let least = self.least.get(name).copied().unwrap_or(i64::MAX);
            count(set, "/status/availableReplicas").min(count(set, "/spec/replicas")).min(least)
        })
        .sum()
    }

    fn available(&self, hash: &str) -> i64 {
        let count = |set: &Value| set.pointer("/status/availableReplicas").and_then(Value::as_i64);
        self.sets.values().filter(|set| object::label(set, HASH) == Some(hash)).filter_map(count).sum()
    }

    fn is_routed(&self) -> bool {
        let routers = self.rollout.pointer("/spec/strategy/canary/trafficRouting/plugins");
        routers.and_then(Value::as_object).is_some_and(|routers| !routers.is_empty())
    }
}

/// How many managed routes lead to the canary.
fn rules(traffic: &Traffic) -> usize {
    traffic.managed_routes.iter().filter(|route| route.rule.is_some()).count()
}

/// Weights add up, and no object is written twice.
pub(crate) fn check_shares(decision: &Decision) {
    if let Some(traffic) = &decision.traffic {
        let more: u64 = traffic.additional.iter().map(|one| u64::from(one.weight)).sum();
        let sum = u64::from(traffic.stable.weight) + u64::from(traffic.canary.weight) + more;
        assert_eq!(sum, u64::from(traffic.max_weight));
    }
    let written: Vec<_> = decision.writes.iter().map(name_of_kind).collect();
    let distinct: BTreeSet<_> = written.iter().collect();
    assert_eq!(written.len(), distinct.len(), "one write for each object: {written:?}");
}
