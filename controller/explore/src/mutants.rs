//! Deliberately wrong variants of `decide`, each of which breaks one thing. That each is caught shows that the checks can fail.
//!
//! Each is a wrapper: it changes what the real function sees, or what it answers.

mod evidence;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Preconditions, Request, builtin, object};
use tidegate_core::{Decision, Note, NoteKind, Pods, RouterState, World, decide};
use tidegate_model::names::HASH_LABEL;
use tidegate_shell::{Decide, Deciders};

/// A wrong variant.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// Its name.
    pub name: &'static str,
    /// What it does wrong.
    pub does: &'static str,
    /// What decides then.
    pub deciders: Deciders,
}

/// With this deciding about Rollouts, and all else as it should be.
const fn of(rollout: Decide) -> Deciders {
    Deciders { rollout, experiment: tidegate_experiment::conduct, run: tidegate_analysis::assess }
}

/// All wrong variants.
pub fn mutants() -> impl Iterator<Item = Mutant> {
    OF_ROLLOUTS.into_iter().chain(evidence::MUTANTS)
}

/// Of what decides about Rollouts.
const OF_ROLLOUTS: [Mutant; 35] = [
    Mutant {
        name: "trusts-writes",
        does: "takes for verified what was written",
        deciders: of(trusts_writes),
    },
    Mutant {
        name: "ignores-failures",
        does: "takes a router that failed for verified",
        deciders: of(ignores_failures),
    },
    Mutant { name: "asks-one-router", does: "looks at the first router only", deciders: of(asks_one_router) },
    Mutant {
        name: "weighs-ahead",
        does: "gives the canary the next step's weight",
        deciders: of(weighs_ahead),
    },
    Mutant { name: "sums-wrong", does: "gives stable one part less", deciders: of(sums_wrong) },
    Mutant { name: "sees-pods", does: "takes pods that are wanted for available", deciders: of(sees_pods) },
    Mutant { name: "shrinks-early", does: "lets an aborted canary go at once", deciders: of(shrinks_early) },
    Mutant {
        name: "shrinks-stable",
        does: "makes stable smaller as the canary grows",
        deciders: of(shrinks_stable),
    },
    Mutant {
        name: "shrinks-stable-ahead",
        does: "makes stable as small as the weights that come allow, not those in force",
        deciders: of(shrinks_stable_ahead),
    },
    Mutant { name: "drops-at-once", does: "gives all back at once on an abort", deciders: of(drops_at_once) },
    Mutant {
        name: "holds-what-is-missing",
        does: "gives an aborted canary what stable cannot take, whatever it had",
        deciders: of(holds_what_is_missing),
    },
    Mutant { name: "regrows", does: "sizes an aborted canary as its steps say", deciders: of(regrows) },
    Mutant {
        name: "waits-for-pods",
        does: "waits for as many pods as a threshold says, though fewer are wanted",
        deciders: of(waits_for_pods),
    },
    Mutant { name: "forgets-delay", does: "knows no delay before old pods go", deciders: of(forgets_delay) },
    Mutant {
        name: "points-canary-early",
        does: "points the canary Service at new pods at once",
        deciders: of(points_canary_early),
    },
    Mutant {
        name: "points-stable-early",
        does: "points the stable Service at new pods past the last step",
        deciders: of(points_stable_early),
    },
    Mutant { name: "skips-steps", does: "goes two steps at a time", deciders: of(skips_steps) },
    Mutant { name: "skips-pauses", does: "does not wait in pauses", deciders: of(skips_pauses) },
    Mutant {
        name: "promotes-early",
        does: "promotes past the last step without traffic",
        deciders: of(promotes_early),
    },
    Mutant {
        name: "exchanges-early",
        does: "exchanges the roles past the last step, without traffic",
        deciders: of(exchanges_early),
    },
    Mutant {
        name: "trusts-the-spec",
        does: "takes the roles from the spec, whatever routes have",
        deciders: of(trusts_the_spec),
    },
    Mutant { name: "crowds-stable", does: "knows no anti-affinity", deciders: of(crowds_stable) },
    Mutant { name: "rolls-back-slowly", does: "knows no rollback window", deciders: of(rolls_back_slowly) },
    Mutant {
        name: "rolls-back-always",
        does: "takes every older template for one of the rollback window",
        deciders: of(rolls_back_always),
    },
    Mutant { name: "forgets-aborts", does: "goes on after an abort", deciders: of(forgets_aborts) },
    Mutant {
        name: "keeps-managed-routes",
        does: "keeps managed routes on an abort",
        deciders: of(keeps_managed_routes),
    },
    Mutant {
        name: "makes-sets",
        does: "makes another ReplicaSet when steps change",
        deciders: of(makes_sets),
    },
    Mutant {
        name: "deletes-sets",
        does: "deletes the ReplicaSet of an update that is aborted",
        deciders: of(deletes_sets),
    },
    Mutant { name: "writes-labels", does: "writes a label on Services", deciders: of(writes_labels) },
    Mutant {
        name: "leaves-sets-behind",
        does: "changes nothing of a ReplicaSet but its size and its deadline",
        deciders: of(leaves_sets_behind),
    },
    Mutant { name: "says-healthy", does: "says Healthy, whatever is", deciders: of(says_healthy) },
    Mutant {
        name: "says-verified",
        does: "says that weights are in force, whatever is",
        deciders: of(says_verified),
    },
    Mutant {
        name: "takes-over-early",
        does: "takes a Deployment's pods before it has its own",
        deciders: of(takes_over_early),
    },
    Mutant { name: "evicts-all", does: "evicts all pods at a restart at once", deciders: of(evicts_all) },
    Mutant { name: "is-restless", does: "says something else each time", deciders: of(is_restless) },
];

// ---- What the real function sees

fn with_states(world: &World, change: impl Fn(&RouterState) -> Option<RouterState>) -> World {
    let mut world = world.clone();
    for report in world.routing.iter_mut().flat_map(|routing| &mut routing.routers) {
        if let Some(state) = change(&report.state) {
            report.state = state;
        }
    }
    world
}

fn trusts_writes(world: &World, now: Timestamp) -> Decision {
    let is_written =
        |state: &RouterState| matches!(state, RouterState::Waiting { reason, .. } if reason == "Unverified");
    decide(&with_states(world, |state| is_written(state).then_some(RouterState::Verified)), now)
}

fn ignores_failures(world: &World, now: Timestamp) -> Decision {
    let is_failed = |state: &RouterState| matches!(state, RouterState::Failed { .. });
    decide(&with_states(world, |state| is_failed(state).then_some(RouterState::Verified)), now)
}

fn asks_one_router(world: &World, now: Timestamp) -> Decision {
    let mut world = world.clone();
    for report in world.routing.iter_mut().flat_map(|routing| routing.routers.iter_mut().skip(1)) {
        report.state = RouterState::Verified;
    }
    decide(&world, now)
}

fn with_rollout(world: &World, change: impl FnOnce(&mut Value)) -> World {
    let mut rollout = world.rollout.as_ref().clone();
    change(&mut rollout);
    World { rollout: rollout.into(), ..world.clone() }
}

fn forgets_delay(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| {
        put(rollout, &["spec", "strategy", "canary", "scaleDownDelaySeconds"], json!(0));
    });
    decide(&world, now)
}

fn forgets_aborts(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| put(rollout, &["status", "abort"], json!(false)));
    decide(&world, now)
}

fn sees_pods(world: &World, now: Timestamp) -> Decision {
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

// ---- What it answers

fn weighs_ahead(world: &World, now: Timestamp) -> Decision {
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

fn sums_wrong(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if let Some(traffic) = &mut decision.traffic
        && traffic.canary.weight > 0
    {
        traffic.stable.weight = traffic.stable.weight.saturating_sub(1);
    }
    decision
}

fn keeps_managed_routes(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if let (Some(traffic), Some(routing)) = (&mut decision.traffic, &world.routing)
        && is_true(&world.rollout, "/status/abort")
    {
        traffic.managed_routes.clone_from(&routing.traffic.managed_routes);
    }
    decision
}

fn shrinks_early(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if is_true(&world.rollout, "/status/abort")
        && let Some(set) = set_of(world, text(&world.rollout, "/status/currentPodHash"))
        && is_updating(world)
    {
        write(&mut decision, set, json!({"spec": {"replicas": 0}}));
    }
    decision
}

fn shrinks_stable(world: &World, now: Timestamp) -> Decision {
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

fn shrinks_stable_ahead(world: &World, now: Timestamp) -> Decision {
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

fn drops_at_once(world: &World, now: Timestamp) -> Decision {
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

fn holds_what_is_missing(world: &World, now: Timestamp) -> Decision {
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

fn regrows(world: &World, now: Timestamp) -> Decision {
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

fn waits_for_pods(world: &World, now: Timestamp) -> Decision {
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

fn points_canary_early(world: &World, now: Timestamp) -> Decision {
    let hash = text(&world.rollout, "/status/currentPodHash").to_owned();
    points(world, now, false, &hash)
}

fn points_stable_early(world: &World, now: Timestamp) -> Decision {
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
fn service_of(world: &World, is_stable: bool) -> &str {
    let canary = |field: &str| text(&world.rollout, &format!("/spec/strategy/canary/{field}"));
    if world.rollout.pointer("/spec/strategy/canary/pingPong/pingService").is_some() {
        let is_ping = text(&world.rollout, "/status/canary/stablePingPong") == "ping";
        return canary(if is_ping == is_stable { "pingPong/pingService" } else { "pingPong/pongService" });
    }
    canary(if is_stable { "stableService" } else { "canaryService" })
}

fn points(world: &World, now: Timestamp, is_stable: bool, hash: &str) -> Decision {
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

fn takes_over_early(world: &World, now: Timestamp) -> Decision {
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

fn evicts_all(world: &World, now: Timestamp) -> Decision {
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

fn skips_steps(world: &World, now: Timestamp) -> Decision {
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

fn skips_pauses(world: &World, now: Timestamp) -> Decision {
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

fn promotes_early(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let steps =
        world.rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array).map_or(0, Vec::len);
    let is_past =
        number(&world.rollout, "/status/currentStepIndex") >= i64::try_from(steps).unwrap_or(i64::MAX);
    if is_past && is_updating(world) && !is_true(&world.rollout, "/status/abort") {
        let hash = text(&world.rollout, "/status/currentPodHash").to_owned();
        put(&mut decision.status, &["stableRS"], json!(hash));
    }
    decision
}

fn exchanges_early(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let steps =
        world.rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array).map_or(0, Vec::len);
    let is_past =
        number(&world.rollout, "/status/currentStepIndex") >= i64::try_from(steps).unwrap_or(i64::MAX);
    let stable = text(&world.rollout, "/status/canary/stablePingPong");
    if is_past && is_updating(world) && !is_true(&world.rollout, "/status/abort") && !stable.is_empty() {
        let hash = text(&world.rollout, "/status/currentPodHash").to_owned();
        let other = if stable == "ping" { "pong" } else { "ping" };
        put(&mut decision.status, &["stableRS"], json!(hash));
        put(&mut decision.status, &["canary", "stablePingPong"], json!(other));
    }
    decision
}

fn trusts_the_spec(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| {
        for role in ["stable", "canary"] {
            if rollout.pointer("/status/canary/weights").is_some_and(Value::is_object) {
                put(rollout, &["status", "canary", "weights", role, "serviceName"], Value::Null);
            }
        }
    });
    decide(&world, now)
}

fn crowds_stable(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| {
        put(rollout, &["spec", "strategy", "canary", "antiAffinity"], Value::Null);
    });
    decide(&world, now)
}

fn rolls_back_slowly(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| put(rollout, &["spec", "rollbackWindow"], Value::Null));
    decide(&world, now)
}

fn rolls_back_always(world: &World, now: Timestamp) -> Decision {
    let world = with_rollout(world, |rollout| {
        put(rollout, &["spec", "rollbackWindow"], json!({"revisions": i32::MAX}));
    });
    decide(&world, now)
}

fn makes_sets(world: &World, now: Timestamp) -> Decision {
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

fn deletes_sets(world: &World, now: Timestamp) -> Decision {
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

fn writes_labels(world: &World, now: Timestamp) -> Decision {
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

fn leaves_sets_behind(world: &World, now: Timestamp) -> Decision {
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

fn says_healthy(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    put(&mut decision.status, &["phase"], json!("Healthy"));
    decision
}

fn says_verified(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if decision.status.pointer("/canary/weights/verified").is_some() {
        put(&mut decision.status, &["canary", "weights", "verified"], json!(true));
    }
    decision
}

fn is_restless(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let last: u64 = text(&world.rollout, "/status/message").parse().unwrap_or_default();
    put(&mut decision.status, &["message"], json!((last + 1).to_string()));
    decision.notes.push(Note { kind: NoteKind::Normal, reason: "Restless", message: last.to_string() });
    decision
}

// ---- Reading and writing

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

fn is_true(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool) == Some(true)
}

fn is_dynamic(world: &World) -> bool {
    is_true(&world.rollout, "/spec/strategy/canary/dynamicStableScale")
}

fn is_updating(world: &World) -> bool {
    let (stable, current) =
        (text(&world.rollout, "/status/stableRS"), text(&world.rollout, "/status/currentPodHash"));
    !stable.is_empty() && stable != current
}

fn set_of<'a>(world: &'a World, hash: &str) -> Option<&'a Value> {
    let found = |set: &&std::sync::Arc<Value>| object::label(set, HASH_LABEL) == Some(hash);
    world.replica_sets.iter().find(found).map(AsRef::as_ref)
}

/// Changes an object, in place of what the decision wanted to do to it.
fn write(decision: &mut Decision, object: &Value, mut patch: Value) {
    let kind = text(object, "/kind");
    let resource = if kind == "Service" { builtin::services() } else { builtin::replica_sets() };
    let name = object::name(object).to_owned();
    decision.writes.retain(|write| write.resource != resource || write.name() != Some(&name));
    put(&mut patch, &["metadata", "resourceVersion"], json!(object::resource_version(object)));
    let operation = Operation::Patch { name, subresource: None, body: Body::Merge(patch) };
    let namespace = Some(object::namespace(object).to_owned());
    decision.writes.push(Request { resource, namespace, operation });
}

/// Puts a value at a path, making the objects on the way.
fn put(value: &mut Value, path: &[&str], leaf: Value) {
    let mut value = value;
    for key in path {
        if !value.is_object() {
            *value = json!({});
        }
        let Value::Object(fields) = value else { return };
        value = fields.entry((*key).to_owned()).or_insert(Value::Null);
    }
    *value = leaf;
}
