//! Variants that answer otherwise how an update goes on, and what is said of it.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Preconditions, Request, builtin, object};
use tidegate_core::{Decision, Note, NoteKind, Pods, World, decide};

use super::reading::{is_true, is_updating, number, put, set_of, text};
use super::sight::with_rollout;

pub(super) fn takes_over_early(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let when = text(&world.rollout, "/spec/workloadRef/scaleDown");
    if let Some(deployment) = world.workload.object()
        && ["onsuccess", "progressively"].contains(&when)
        && number(deployment, "/spec/replicas") > 0
        && decision.writes.iter().all(|write| *write.resource.kind != *"Deployment")
    {
        decision.writes.push(Request {
            resource: builtin::deployments(),
            namespace: Some(object::namespace(deployment).to_owned()),
            operation: Operation::Patch {
                name: object::name(deployment).to_owned(),
                subresource: Some("scale".to_owned()),
                body: Body::Merge(json!({"spec": {"replicas": 0}})),
            },
        });
    }
    decision
}

pub(super) fn evicts_all(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if let Pods::Known(pods) = &world.pods {
        decision.writes.retain(|write| !matches!(write.operation, Operation::Evict { .. }));
        let evict = |pod: &std::sync::Arc<Value>| Request {
            resource: builtin::pods(),
            namespace: Some(object::namespace(pod).to_owned()),
            operation: Operation::Evict {
                name: object::name(pod).to_owned(),
                preconditions: Preconditions::default(),
            },
        };
        decision.writes.extend(pods.iter().filter(|pod| !object::is_deleting(pod)).map(evict));
    }
    decision
}

pub(super) fn skips_steps(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let (old, new) =
        (number(&world.rollout, "/status/currentStepIndex"), number(&decision.status, "/currentStepIndex"));
    let steps =
        world.rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array).map_or(0, Vec::len);
    if new == old + 1 && new < i64::try_from(steps).unwrap_or_default() && is_updating(world) {
        put(&mut decision.status, &["currentStepIndex"], json!(new + 1));
    }
    decision
}

pub(super) fn skips_pauses(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let index = number(&world.rollout, "/status/currentStepIndex");
    let steps = world.rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array);
    let step = usize::try_from(index).ok().and_then(|index| steps?.get(index));
    let is_paused = world.rollout.pointer("/status/pauseConditions/0").is_some();
    if step.is_some_and(|step| step.get("pause").is_some()) && is_paused && is_updating(world) {
        put(&mut decision.status, &["currentStepIndex"], json!(index + 1));
        put(&mut decision.status, &["pauseConditions"], Value::Null);
    }
    decision
}

/// Whether an update has done its steps, and goes on.
fn is_at_its_end(world: &World) -> bool {
    let steps = world.rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array);
    let steps = i64::try_from(steps.map_or(0, Vec::len)).unwrap_or(i64::MAX);
    number(&world.rollout, "/status/currentStepIndex") >= steps
        && is_updating(world)
        && !is_true(&world.rollout, "/status/abort")
}

pub(super) fn promotes_early(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if is_at_its_end(world) {
        let hash = text(&world.rollout, "/status/currentPodHash").to_owned();
        put(&mut decision.status, &["stableRS"], json!(hash));
    }
    decision
}

pub(super) fn exchanges_early(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let stable = text(&world.rollout, "/status/canary/stablePingPong");
    if is_at_its_end(world) && !stable.is_empty() {
        let hash = text(&world.rollout, "/status/currentPodHash").to_owned();
        let other = if stable == "ping" { "pong" } else { "ping" };
        put(&mut decision.status, &["stableRS"], json!(hash));
        put(&mut decision.status, &["canary", "stablePingPong"], json!(other));
    }
    decision
}

pub(super) fn trusts_the_spec(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| {
        for role in ["stable", "canary"] {
            if rollout.pointer("/status/canary/weights").is_some_and(Value::is_object) {
                put(rollout, &["status", "canary", "weights", role, "serviceName"], Value::Null);
            }
        }
    });
    decide(&world, now)
}

pub(super) fn crowds_stable(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| {
        put(rollout, &["spec", "strategy", "canary", "antiAffinity"], Value::Null);
    });
    decide(&world, now)
}

pub(super) fn rolls_back_slowly(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| put(rollout, &["spec", "rollbackWindow"], Value::Null));
    decide(&world, now)
}

pub(super) fn rolls_back_always(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| {
        put(rollout, &["spec", "rollbackWindow"], json!({"revisions": i32::MAX}));
    });
    decide(&world, now)
}

pub(super) fn makes_sets(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let hash = text(&decision.status, "/currentStepHash");
    if hash != text(&world.rollout, "/status/currentStepHash")
        && let Some(set) = world.replica_sets.first()
    {
        let mut copy = set.as_ref().clone();
        let name = format!("{}-{hash}", object::name(set));
        put(
            &mut copy,
            &["metadata"],
            json!({
                "name": name, "namespace": object::namespace(set), "labels": set.pointer("/metadata/labels"),
                "ownerReferences": set.pointer("/metadata/ownerReferences"),
            }),
        );
        if let Some(fields) = copy.as_object_mut() {
            fields.shift_remove("status");
        }
        let namespace = Some(object::namespace(set).to_owned());
        let operation = Operation::Create { object: copy };
        decision.writes.push(Request { resource: builtin::replica_sets(), namespace, operation });
    }
    decision
}

pub(super) fn deletes_sets(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if is_true(&world.rollout, "/status/abort")
        && is_updating(world)
        && let Some(set) = set_of(world, text(&world.rollout, "/status/currentPodHash"))
    {
        decision.writes.retain(|write| write.name() != Some(object::name(set)));
        let operation = Operation::Delete {
            name: object::name(set).to_owned(),
            preconditions: tidegate_api::Preconditions::default(),
        };
        let namespace = Some(object::namespace(set).to_owned());
        decision.writes.push(Request { resource: builtin::replica_sets(), namespace, operation });
    }
    decision
}

pub(super) fn writes_labels(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    for write in &mut decision.writes {
        if *write.resource.kind == *"Service"
            && let Operation::Patch { body: Body::Merge(body), .. } = &mut write.operation
        {
            put(body, &["metadata", "labels", "team"], json!("tidegate"));
        }
    }
    decision
}

pub(super) fn leaves_sets_behind(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    for write in &mut decision.writes {
        if *write.resource.kind == *"ReplicaSet"
            && let Operation::Patch { body: Body::Merge(body), .. } = &mut write.operation
        {
            for (part, field) in [("/metadata/annotations", "team"), ("/spec", "minReadySeconds")] {
                if let Some(fields) = body.pointer_mut(part).and_then(Value::as_object_mut) {
                    fields.shift_remove(field);
                }
            }
        }
    }
    decision
}

pub(super) fn says_healthy(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    put(&mut decision.status, &["phase"], json!("Healthy"));
    decision
}

pub(super) fn says_verified(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if decision.status.pointer("/canary/weights/verified").is_some() {
        put(&mut decision.status, &["canary", "weights", "verified"], json!(true));
    }
    decision
}

pub(super) fn is_restless(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let last: u64 = text(&world.rollout, "/status/message").parse().unwrap_or_default();
    put(&mut decision.status, &["message"], json!((last + 1).to_string()));
    decision.notes.push(Note { kind: NoteKind::Normal, reason: "Restless", message: last.to_string() });
    decision
}
