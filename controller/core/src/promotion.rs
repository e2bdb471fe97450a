//! When the newest template becomes the stable one.
//!
//! It takes two passes: first, with all traffic on the canary, the stable Service is switched to the new pods; then, with the
//! switch seen, the new ReplicaSet gets the stable mark, and the traffic goes back to the stable role. With ping-pong it takes
//! one: with the mark the two Services exchange their roles, and the traffic stays where it is.
//!
//! Past the deadline of the routing a full promotion does not wait for the routers: all pods are there, and the stable
//! Service selects them. There, and without replicas, ping-pong keeps its roles too: nothing says that the Service in the canary
//! role has all traffic.

use tidegate_contract::Traffic;
use tidegate_model::names::condition;

use crate::context::Context;
use crate::{threshold, traffic};

/// Whether nothing but the stable Service's switch is left to do before the promotion.
pub(crate) fn is_due(context: &Context<'_>, traffic: Option<&Traffic>) -> bool {
    let Some(_) = context.new_set() else { return false };
    if context.is_fully_promoted() || context.is_first() || context.is_aborted() || !context.is_past_steps() {
        return false;
    }
    let is_held = context.rollout.paused || context.waits_for_judgement(&context.status.pause_conditions);
    if is_held || !threshold::new_is_complete(context) {
        return false;
    }
    if is_forced(context) {
        return true;
    }
    if !context.has_routers() || context.rollout.replicas == 0 {
        return context.is_settled(traffic);
    }
    canary_carries_all(context, traffic)
}

/// Whether every router has all traffic in force for the canary role.
fn canary_carries_all(context: &Context<'_>, traffic: Option<&Traffic>) -> bool {
    // The status says so, too: if it were behind after a crash, nothing would tell that the stable Service was switched.
    let has_all = |traffic: &Traffic| {
        let noted = context.status.weights.as_ref().map(|weights| weights.canary);
        traffic.canary.weight == traffic.max_weight
            && noted == Some(traffic.max_weight)
            && traffic::is_for_new_pods(context, traffic)
    };
    context.has_routers() && context.is_settled(traffic) && traffic.is_some_and(has_all)
}

/// Whether the promotion that is due exchanges the roles of the two Services instead of switching the stable one: with
/// ping-pong, where all traffic is verified to go to the new pods through the Service in the canary role.
pub(crate) fn is_by_exchange(context: &Context<'_>, traffic: Option<&Traffic>) -> bool {
    context.rollout.canary.ping_pong.is_some()
        && context.rollout.replicas > 0
        && context.selected_hash(context.canary_service()) == Some(context.new_hash.as_str())
        && canary_carries_all(context, traffic)
        && is_due(context, traffic)
}

/// Whether the user wants the end although the routers do not get there, and has been told that they do not.
fn is_forced(context: &Context<'_>) -> bool {
    let is_late = context
        .status
        .condition(condition::TRAFFIC_NOT_VERIFIED)
        .is_some_and(|condition| condition.status == "True");
    context.status.promote_full && is_late
}

/// Whether the new ReplicaSet gets the stable mark in this pass.
pub(crate) fn is_complete(context: &Context<'_>, traffic: Option<&Traffic>) -> bool {
    if context.is_first() {
        // The first ReplicaSet is the stable one from the start: there is nothing to compare it with (Argo Rollouts).
        return context.new_set().is_some();
    }
    let service = context.stable_service();
    let is_switched = context.service(service).is_none()
        || context.selected_hash(service) == Some(context.new_hash.as_str())
        || context.rollout.replicas == 0;
    is_due(context, traffic) && (is_switched || is_by_exchange(context, traffic))
}
