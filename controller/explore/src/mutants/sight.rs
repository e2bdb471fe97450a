//! Variants in which the real function sees something else.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_core::{Decision, RouterState, World, decide};

use super::reading::put;

pub(super) fn with_states(world: &World, change: impl Fn(&RouterState) -> Option<RouterState>) -> World {
    let mut world = world.clone();
    for report in world.routing.iter_mut().flat_map(|routing| &mut routing.routers) {
        if let Some(state) = change(&report.state) {
            report.state = state;
        }
    }
    world
}

pub(super) fn trusts_writes(world: &World, now: Timestamp) -> Decision {
    let is_written =
        |state: &RouterState| matches!(state, RouterState::Waiting { reason, .. } if reason == "Unverified");
    decide(&with_states(world, |state| is_written(state).then_some(RouterState::Verified)), now)
}

pub(super) fn ignores_failures(world: &World, now: Timestamp) -> Decision {
    let is_failed = |state: &RouterState| matches!(state, RouterState::Failed { .. });
    decide(&with_states(world, |state| is_failed(state).then_some(RouterState::Verified)), now)
}

pub(super) fn asks_one_router(world: &World, now: Timestamp) -> Decision {
    let mut world = world.clone();
    for report in world.routing.iter_mut().flat_map(|routing| routing.routers.iter_mut().skip(1)) {
        report.state = RouterState::Verified;
    }
    decide(&world, now)
}

pub(super) fn with_rollout(world: &World, change: impl FnOnce(&mut Value)) -> World {
    let mut rollout = world.rollout.as_ref().clone();
    change(&mut rollout);
    World { rollout: rollout.into(), ..world.clone() }
}

pub(super) fn forgets_delay(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| {
        put(rollout, &["spec", "strategy", "canary", "scaleDownDelaySeconds"], json!(0));
    });
    decide(&world, now)
}

pub(super) fn forgets_aborts(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| put(rollout, &["status", "abort"], json!(false)));
    decide(&world, now)
}

pub(super) fn sees_pods(world: &World, now: Timestamp) -> Decision {
    let mut world = world.clone();
    for set in &mut world.replica_sets {
        let mut value = set.as_ref().clone();
        let wanted = value.pointer("/spec/replicas").cloned().unwrap_or_default();
        for count in ["replicas", "readyReplicas", "availableReplicas"] {
            put(&mut value, &["status", count], wanted.clone());
        }
        *set = value.into();
    }
    decide(&world, now)
}
