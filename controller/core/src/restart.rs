//! Replacing pods that are older than `spec.restartAt`, without another template: they are evicted, as many at a time as the
//! Rollout can spare, and their ReplicaSets make new ones.
//!
//! What can be spared is what `maxUnavailable` leaves, at least one pod (Argo Rollouts). Pods that are not ready cost nothing, and of
//! a ReplicaSet that should have several pods one stays ready, so that no Service loses all that it selects. A disruption budget may
//! refuse an eviction; then it is asked for again.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate_api::object;
use tidegate_model::{ReplicaSet, restart};

use crate::basic;
use crate::context::Context;
use crate::metadata;
use crate::steps::Position;
use crate::world::{Pods, World};
use crate::writes::Writes;

/// So long after an eviction is looked again although nothing was seen to happen (Argo Rollouts).
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// At most so many evictions in a pass.
const MOST: usize = 16;

/// Whether a decision needs to know the Rollout's pods: only while they are being replaced, or brought in line with their role.
pub fn needs_pods(world: &World, now: Timestamp) -> bool {
    restart::pending(&world.rollout).is_some_and(|at| at <= now) || metadata::is_under_way(world)
}

/// Evicts the next pods, or notes that none is left. Answers when to look again.
pub(crate) fn plan(context: &Context<'_>, position: &mut Position, writes: &mut Writes) -> Option<Timestamp> {
    let at = restart::pending(&context.world.rollout)?;
    if at > context.now {
        return Some(at);
    }
    let Pods::Known(pods) = &context.world.pods else { return None };
    let pods: Vec<Pod<'_>> = pods.iter().filter_map(|pod| Pod::read(pod)).collect();
    let sets = in_order(context);
    let current = sets.iter().map(|set| set.current).fold(0, i64::saturating_add);
    let mut spare = spare(context, &pods);
    let mut evicted = 0;
    let mut is_any_old = false;
    for set in sets {
        let own: Vec<&Pod<'_>> = pods.iter().filter(|pod| pod.owner == object::uid(&set.object)).collect();
        let ready = own.iter().filter(|pod| pod.is_ready).count();
        let mut ready_to_go = if set.desired > 1 { ready.saturating_sub(1) } else { ready };
        for pod in own.into_iter().filter(|pod| pod.is_older_than(at)) {
            is_any_old = true;
            if pod.is_ready && (spare <= 0 || ready_to_go == 0) || evicted == MOST {
                continue;
            }
            if pod.is_ready {
                spare -= 1;
                ready_to_go -= 1;
            }
            evicted += 1;
            writes.evict(pod.object);
        }
    }
    // One that its ReplicaSet has counted and nobody has seen may be old, too.
    let are_all_seen = i64::try_from(pods.len()).unwrap_or(i64::MAX) >= current;
    if !is_any_old && are_all_seen {
        position.restarted_at = asked(context);
        return None;
    }
    context.now.checked_add(LOOK_AGAIN).ok()
}

/// A new template makes new pods; a restart that was due is over with it (Argo Rollouts).
pub(crate) fn superseded(context: &Context<'_>) -> Option<String> {
    let is_due = restart::pending(&context.world.rollout).is_some_and(|at| at <= context.now);
    if is_due { asked(context) } else { noted(context) }
}

/// The restart that was carried out last, as the status has it.
pub(crate) fn noted(context: &Context<'_>) -> Option<String> {
    text(&context.world.rollout, restart::RESTARTED_AT)
}

/// What the phase says while a restart is pending; `None`: none is, after this pass.
pub(crate) fn message(context: &Context<'_>, position: &Position) -> Option<String> {
    restart::pending(&context.world.rollout)?;
    if position.restarted_at == asked(context) {
        return None;
    }
    let message = "rollout is restarting".to_owned();
    match &context.world.pods {
        Pods::Unreadable { message: why } => Some(format!("{message}: {why}")),
        Pods::Unknown | Pods::Known(_) => Some(message),
    }
}

fn asked(context: &Context<'_>) -> Option<String> {
    text(&context.world.rollout, restart::RESTART_AT)
}

fn text(rollout: &Value, pointer: &str) -> Option<String> {
    rollout.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

/// The ReplicaSets in the order in which their pods are replaced: stable, then the newest, then the others.
fn in_order<'a>(context: &'a Context<'_>) -> Vec<&'a ReplicaSet> {
    let new = context.new_set().filter(|_| !context.is_fully_promoted());
    context.stable_set().into_iter().chain(new).chain(context.other_sets()).collect()
}

/// How many ready pods may go now. Counts of ReplicaSets may be behind what is seen of pods, and the other way round.
fn spare(context: &Context<'_>, pods: &[Pod<'_>]) -> i64 {
    let sum = |count: fn(&ReplicaSet) -> i64| context.sets().iter().map(count).fold(0, i64::saturating_add);
    let ready = i64::try_from(pods.iter().filter(|pod| pod.is_ready).count()).unwrap_or(i64::MAX);
    let available = sum(|set| set.available).min(ready);
    let wanted = context.rollout.replicas.max(sum(|set| set.desired));
    let least = wanted.saturating_sub(basic::max_unavailable(context).max(1));
    available.saturating_sub(least)
}

/// A pod that stays, as far as anybody knows.
struct Pod<'a> {
    object: &'a Value,
    owner: &'a str,
    created_at: Option<Timestamp>,
    is_ready: bool,
}

impl<'a> Pod<'a> {
    /// Reads a pod; `None`: it is about to go, or has ended.
    fn read(pod: &'a Value) -> Option<Self> {
        let phase = pod.pointer("/status/phase").and_then(Value::as_str);
        if object::is_deleting(pod) || matches!(phase, Some("Succeeded" | "Failed")) {
            return None;
        }
        let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
        let text = |one: &Value, field: &str| one.get(field).and_then(Value::as_str).map(str::to_owned);
        let is_ready = conditions.into_iter().flatten().any(|one| {
            text(one, "type").as_deref() == Some("Ready") && text(one, "status").as_deref() == Some("True")
        });
        let created_at = pod.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
        Some(Self {
            object: pod,
            owner: object::controller_uid(pod).unwrap_or_default(),
            created_at: created_at.and_then(|at| at.parse().ok()),
            is_ready,
        })
    }

    fn is_older_than(&self, at: Timestamp) -> bool {
        self.created_at.is_some_and(|created| created < at)
    }
}
