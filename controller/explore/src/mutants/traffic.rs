//! Variants that answer otherwise who gets what: weights, pods and Services.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_core::{Decision, World, decide};
use tidegate_model::names::HASH_LABEL;

use super::reading::{is_dynamic, is_true, is_updating, number, put, set_of, text, write};

pub(super) fn weighs_ahead(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let index = number(&world.rollout, "/status/currentStepIndex");
    let steps = world.rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array);
    let next =
        usize::try_from(index).ok().and_then(|index| steps?.get(index + 2)?.get("setWeight")?.as_u64());
    if let (Some(traffic), Some(next)) =
        (&mut decision.traffic, next.and_then(|next| u32::try_from(next).ok()))
        && traffic.canary.weight > 0
    {
        traffic.canary.weight = next.min(traffic.max_weight);
        traffic.stable.weight = traffic.max_weight - traffic.canary.weight;
    }
    decision
}

pub(super) fn sums_wrong(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if let Some(traffic) = &mut decision.traffic
        && traffic.canary.weight > 0
    {
        traffic.stable.weight = traffic.stable.weight.saturating_sub(1);
    }
    decision
}

pub(super) fn keeps_managed_routes(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if let (Some(traffic), Some(routing)) = (&mut decision.traffic, &world.routing)
        && is_true(&world.rollout, "/status/abort")
    {
        traffic.managed_routes.clone_from(&routing.traffic.managed_routes);
    }
    decision
}

pub(super) fn shrinks_early(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if is_true(&world.rollout, "/status/abort")
        && let Some(set) = set_of(world, text(&world.rollout, "/status/currentPodHash"))
        && is_updating(world)
    {
        write(&mut decision, set, json!({"spec": {"replicas": 0}}));
    }
    decision
}

pub(super) fn shrinks_stable(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let (replicas, weight) =
        (number(&world.rollout, "/spec/replicas"), decision.traffic.as_ref().map(|one| one.canary.weight));
    if let (Some(weight), Some(set)) = (weight, set_of(world, text(&world.rollout, "/status/stableRS")))
        && weight > 0
        && is_updating(world)
        && number(set, "/spec/replicas") == replicas
        && replicas > 1
    {
        write(&mut decision, set, json!({"spec": {"replicas": replicas / 2}}));
    }
    decision
}

pub(super) fn shrinks_stable_ahead(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let Some(traffic) = &decision.traffic else { return decision };
    let replicas = number(&world.rollout, "/spec/replicas");
    let share = i64::from(traffic.max_weight - traffic.canary.weight) * replicas;
    let pods = (share + i64::from(traffic.max_weight) - 1) / i64::from(traffic.max_weight);
    if is_dynamic(world)
        && is_updating(world)
        && let Some(set) = set_of(world, text(&world.rollout, "/status/stableRS"))
        && number(set, "/spec/replicas") > pods
    {
        write(&mut decision, set, json!({"spec": {"replicas": pods}}));
    }
    decision
}

pub(super) fn drops_at_once(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if let Some(traffic) = &mut decision.traffic
        && is_true(&world.rollout, "/status/abort")
        && is_updating(world)
    {
        traffic.canary.weight = 0;
        traffic.stable.weight = traffic.max_weight;
    }
    decision
}

pub(super) fn holds_what_is_missing(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let replicas = number(&world.rollout, "/spec/replicas").max(1);
    let stable = set_of(world, text(&world.rollout, "/status/stableRS"));
    let available = stable.map_or(0, |set| number(set, "/status/availableReplicas"));
    if let Some(traffic) = &mut decision.traffic
        && is_true(&world.rollout, "/status/abort")
        && is_updating(world)
        && traffic.canary.weight > 0
    {
        let max = i64::from(traffic.max_weight);
        let missing = (max - max * available / replicas).clamp(0, max);
        traffic.canary.weight = u32::try_from(missing).unwrap_or_default();
        traffic.stable.weight = traffic.max_weight - traffic.canary.weight;
    }
    decision
}

pub(super) fn regrows(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let replicas = number(&world.rollout, "/spec/replicas");
    if is_true(&world.rollout, "/status/abort")
        && is_updating(world)
        && let Some(set) = set_of(world, text(&world.rollout, "/status/currentPodHash"))
        && (1..replicas).contains(&number(set, "/spec/replicas"))
    {
        write(&mut decision, set, json!({"spec": {"replicas": replicas}}));
    }
    decision
}

pub(super) fn waits_for_pods(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let wanted = number(&world.rollout, "/spec/strategy/canary/replicaProgressThreshold/value");
    let is_pods =
        text(&world.rollout, "/spec/strategy/canary/replicaProgressThreshold/type").starts_with("Pod");
    let set = set_of(world, text(&world.rollout, "/status/currentPodHash"));
    let available = set.map_or(0, |set| number(set, "/status/availableReplicas"));
    let index = number(&world.rollout, "/status/currentStepIndex");
    if is_pods
        && is_updating(world)
        && available < wanted
        && number(&decision.status, "/currentStepIndex") == index + 1
    {
        put(&mut decision.status, &["currentStepIndex"], json!(index));
    }
    decision
}

pub(super) fn points_canary_early(world: &World, now: Timestamp) -> Decision {
    let hash = text(&world.rollout, "/status/currentPodHash").to_owned();
    points(world, now, false, &hash)
}

pub(super) fn points_stable_early(world: &World, now: Timestamp) -> Decision {
    let steps =
        world.rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array).map_or(0, Vec::len);
    let is_past =
        number(&world.rollout, "/status/currentStepIndex") >= i64::try_from(steps).unwrap_or(i64::MAX);
    if !is_past || !is_updating(world) {
        return decide(world, now);
    }
    let hash = text(&world.rollout, "/status/currentPodHash").to_owned();
    points(world, now, true, &hash)
}

/// The Service in a role, as the status has it.
pub(super) fn service_of(world: &World, is_stable: bool) -> &str {
    let canary = |field: &str| text(&world.rollout, &format!("/spec/strategy/canary/{field}"));
    if world.rollout.pointer("/spec/strategy/canary/pingPong/pingService").is_some() {
        let is_ping = text(&world.rollout, "/status/canary/stablePingPong") == "ping";
        return canary(if is_ping == is_stable { "pingPong/pingService" } else { "pingPong/pongService" });
    }
    canary(if is_stable { "stableService" } else { "canaryService" })
}

pub(super) fn points(world: &World, now: Timestamp, is_stable: bool, hash: &str) -> Decision {
    let mut decision = decide(world, now);
    let has_pods = set_of(world, hash).is_some_and(|set| number(set, "/status/availableReplicas") > 0);
    if let Some(service) = world.services.get(service_of(world, is_stable))
        && has_pods
        && service.pointer("/spec/selector").and_then(|selector| selector.get(HASH_LABEL)?.as_str())
            != Some(hash)
    {
        write(&mut decision, service, json!({"spec": {"selector": {HASH_LABEL: hash}}}));
    }
    decision
}
