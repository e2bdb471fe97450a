//! ReplicaSets: made for a template that the Rollout has and that none is there for, never smaller than the traffic that they
//! get, and gone only after their delay.

use std::time::Duration;

use serde_json::Value;
use tidegate_api::{Operation, object};
use tidegate_model::names::HASH_LABEL;
use tidegate_model::{AbortScaleDown, anti_affinity};

use super::{Broken, Scene, Verdict, Write, differs_only};
use crate::facts::Facts;

pub(super) fn check(scene: &Scene<'_>, write: &Write<'_>) -> Verdict {
    match (&write.request.operation, write.before, write.after) {
        (Operation::Create { .. } | Operation::CreateStrictly { .. }, _, Some(after)) => made(scene, after),
        (Operation::Delete { .. }, Some(before), _) => deleted(scene, write, before),
        (_, Some(before), Some(after)) => changed(scene, write, before, after),
        _ => Ok(()),
    }
}

fn made(scene: &Scene<'_>, set: &Value) -> Verdict {
    keeps_off(scene, set)?;
    let template = template_of(set);
    let is_asked_for = scene.any(|facts| {
        let mut asked_for = facts.template().clone();
        strip_defaults(&mut asked_for);
        asked_for == template
    });
    if !is_asked_for {
        let message = format!("{} has a template that its Rollout does not have", object::name(set));
        return Err(Broken("no-set-out-of-nothing", message));
    }
    let is_there = |facts: &Facts| facts.sets.iter().any(|set| template_of(&set.object) == template);
    if !scene.any(|facts| !is_there(facts)) {
        let message = format!("{} is a second one of its template", object::name(set));
        return Err(Broken("no-set-out-of-nothing", message));
    }
    Ok(())
}

/// Where the spec asks for it, a canary's template names the stable pods, to keep off their nodes.
fn keeps_off(scene: &Scene<'_>, set: &Value) -> Verdict {
    let affinity = set.pointer("/spec/template/spec/affinity").unwrap_or(&Value::Null);
    let is_so = |facts: &Facts| {
        let Some((spec, status)) = facts.spec().zip(facts.status()) else { return true };
        let own = hash_of(set);
        let hash = Some(status.stable_rs.as_str()).filter(|hash| !hash.is_empty() && **hash != own);
        spec.canary.anti_affinity.is_none() || anti_affinity::injected(affinity) == hash
    };
    if scene.any(is_so) {
        return Ok(());
    }
    Err(Broken("keeps-off-stable", format!("{} does not keep off the stable pods", object::name(set))))
}

/// A ReplicaSet's template as the Rollout has it.
fn template_of(set: &Value) -> Value {
    let mut template = set.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.shift_remove(HASH_LABEL);
    }
    // What the API server fills in.
    strip_defaults(&mut template);
    template
}

fn strip_defaults(template: &mut Value) {
    if let Some(spec) = template.pointer_mut("/spec").and_then(Value::as_object_mut) {
        spec.retain(|name, _| name == "containers");
        for container in spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(fields) = container.as_object_mut() {
                fields.retain(|name, _| name == "name" || name == "image");
            }
        }
    }
    if let Some(metadata) = template.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| name == "labels");
    }
}

fn deleted(scene: &Scene<'_>, write: &Write<'_>, set: &Value) -> Verdict {
    let hash = hash_of(set);
    let is_over = |facts: &Facts| {
        facts.status().is_some_and(|status| status.stable_rs != hash && status.current_pod_hash != hash)
            && facts.set(&hash).is_none_or(|set| set.desired == 0 && set.current == 0)
    };
    if scene.any(is_over) {
        return Ok(());
    }
    Err(Broken("no-set-in-use-goes", format!("{} was deleted while it was in use", write.key)))
}

fn changed(scene: &Scene<'_>, write: &Write<'_>, before: &Value, after: &Value) -> Verdict {
    let places = [
        "/spec/replicas",
        "/spec/minReadySeconds",
        "/metadata/annotations",
        "/metadata/ownerReferences",
        "/spec/template/spec/affinity",
        "/status/observedGeneration",
    ];
    if !differs_only(before, after, &places) {
        return Err(Broken("only-own-fields", format!("{} changed otherwise than in size", write.key)));
    }
    let (old, new) = (replicas(before), replicas(after));
    let hash = hash_of(before);
    if new >= old {
        let is_given_up = |facts: &Facts| {
            facts.is_aborted() && facts.status().is_some_and(|status| status.current_pod_hash == hash)
        };
        if new > old && !scene.any(|facts| !is_given_up(facts)) {
            let message = format!("{} of an aborted update went from {old} to {new}", write.key);
            return Err(Broken("aborted-sets-do-not-grow", message));
        }
        return Ok(());
    }
    let is_enough = |facts: &Facts| {
        // Where a user has just pointed a Service there, nobody can have known.
        facts.edited != [false; 2]
            || facts.spec().is_none_or(|spec| {
                spec.canary.routing.is_none() || facts.needed_pods(&hash, spec.replicas) <= new
            })
    };
    if !scene.any(is_enough) {
        let fewest = scene.fewest_replicas();
        let needed = scene.history.last().map(|facts| facts.needed_pods(&hash, fewest));
        let message = format!("{} went from {old} to {new} while its traffic needed {needed:?}", write.key);
        return Err(Broken("no-set-below-its-share", message));
    }
    if new == 0 { delayed(scene, write, &hash) } else { Ok(()) }
}

/// Whether a ReplicaSet that is no longer of use had its delay.
fn delayed(scene: &Scene<'_>, write: &Write<'_>, hash: &str) -> Verdict {
    let of_use = |facts: &Facts| {
        let is_needed = facts.spec().is_some_and(|spec| facts.needed_pods(hash, spec.replicas) > 0);
        // What a user pointed a Service at, and a controller pointed back at once, does not begin a delay anew.
        is_needed && facts.edited == [false; 2]
    };
    let all = || scene.history.since(Duration::ZERO).iter();
    // When it had traffic the last time; one that never had any has nothing to wait for that could be seen.
    let Some(last) = all().rev().find(|(_, facts)| of_use(facts)).map(|(at, _)| at) else { return Ok(()) };
    let end = all().map(|(at, _)| at).find(|at| *at > last).unwrap_or(write.now);
    let delay = |facts: &Facts| -> Option<i64> {
        let (spec, status) = (facts.spec()?, facts.status()?);
        let canary = &spec.canary;
        if facts.is_aborted() && status.current_pod_hash == hash {
            return Some(match canary.abort_scale_down {
                AbortScaleDown::After(seconds) => seconds,
                AbortScaleDown::Never => i64::MAX,
                AbortScaleDown::WithTraffic => 0,
            });
        }
        let is_immediate = canary.scale_down_delay_revision_limit.is_some()
            || [&*status.current_pod_hash, &*status.stable_rs].contains(&hash)
            || canary.routing.is_none();
        Some(if is_immediate { 0 } else { canary.scale_down_delay_seconds })
    };
    let shortest = scene
        .history
        .since(end.min(write.since))
        .iter()
        .filter_map(|(_, facts)| delay(facts))
        .min()
        .unwrap_or_default();
    // The earliest that clocks have shown since.
    let earliest = scene.clocks.iter().enumerate().filter_map(|(index, (from, offset))| {
        let until = scene.clocks.get(index + 1).map_or(Duration::MAX, |(next, _)| *next);
        (until >= end).then(|| seconds((*from).max(end)) + offset)
    });
    let now = write.clock + seconds(write.now);
    let waited = now - earliest.min().unwrap_or(now);
    // Times in objects are whole seconds.
    if waited + 1 < shortest {
        let message = format!("{} went {waited} s after its traffic, not {shortest} s", write.key);
        return Err(Broken("sets-go-after-their-delay", message));
    }
    Ok(())
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 4)
}

fn replicas(set: &Value) -> i64 {
    set.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn hash_of(set: &Value) -> String {
    object::label(set, HASH_LABEL).unwrap_or_default().to_owned()
}
