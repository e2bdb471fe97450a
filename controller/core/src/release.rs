//! Giving everything back to the stable pods: what is wanted of the routers of a Rollout that is being deleted, of one whose
//! controller is to go, and of a router that a Rollout does not use any more.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_contract::Traffic;

use crate::conditions::Conditions;
use crate::context::Context;
use crate::decision::Decision;
use crate::world::World;
use crate::writes::Writes;
use crate::{capacity, routing, status, traffic};

/// The traffic of a Rollout that wants nothing of its routers any more: all for the stable role, no managed route, no extra
/// destination.
pub fn released(world: &World, now: Timestamp) -> Traffic {
    traffic::released(&Context::observe(world, now))
}

/// Whether the stable pods can carry everything now, as far as the canary has anything that they would get.
pub fn may_give_back(world: &World, now: Timestamp) -> bool {
    let context = Context::observe(world, now);
    let is_enough = context.stable_set().is_none() || capacity::stable_is_enough(&context);
    is_enough || !has_weight(&context)
}

/// Whether anybody but the stable pods has weight, as far as is known.
fn has_weight(context: &Context<'_>) -> bool {
    context.status.weights.as_ref().is_none_or(|weights| {
        weights.canary > 0 || weights.additional.iter().any(|additional| additional.weight > 0)
    })
}

/// What is done and said about a Rollout while everything is given back: its stable pods become as many as that takes.
pub fn release(world: &World, now: Timestamp) -> Decision {
    let context = Context::observe(world, now);
    let traffic = traffic::released(&context);
    let mut notes = Vec::new();
    let mut conditions = Conditions::of(&world.rollout, &context.status, now);
    routing::report_release(&context, &traffic, &mut conditions, &mut notes);
    let weights = routing::weights(&context, Some(&traffic), false, &mut notes);
    let status = match world.rollout.get("status") {
        Some(Value::Object(_)) => status::with(&world.rollout, conditions, weights),
        // One that nothing was said about yet.
        other => other.cloned().unwrap_or_default(),
    };
    // Only as large as its share until now (`dynamicStableScale`), the stable ReplicaSet has to take everything.
    let replicas = context.rollout.replicas;
    let mut writes = Writes::default();
    if let Some(stable) = context.stable_set().filter(|one| one.desired < replicas && has_weight(&context)) {
        writes.replica_set(stable, json!({"spec": {"replicas": replicas}}));
    }
    Decision { writes: writes.finish(&context), traffic: Some(traffic), status, notes, wake_at: None }
}
