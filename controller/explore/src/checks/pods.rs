//! Pods: only evicted, for a restart that is due, and ready ones only where there are enough.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate_api::Operation;

use super::{Broken, Scene, Verdict, Write};
use crate::facts::Facts;

pub(super) fn check(scene: &Scene<'_>, write: &Write<'_>) -> Verdict {
    let (Operation::Evict { .. }, Some(pod)) = (&write.request.operation, write.before) else {
        return Err(Broken("only-own-fields", format!("{} was not evicted, but changed", write.key)));
    };
    let time = |text: Option<&Value>| text.and_then(Value::as_str)?.parse::<Timestamp>().ok();
    let created = time(pod.pointer("/metadata/creationTimestamp"));
    let is_asked_for = |facts: &Facts| {
        let at = facts.rollout.as_ref().and_then(|rollout| time(rollout.object.pointer("/spec/restartAt")));
        at.zip(created).is_some_and(|(at, created)| created < at && at <= write.wall)
    };
    if !scene.any(is_asked_for) {
        return Err(Broken("restarts", format!("{} was evicted, which nobody asked for", write.key)));
    }
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    // Times are whole seconds.
    let age = SignedDuration::try_from(write.now.saturating_sub(write.since)).unwrap_or(SignedDuration::MAX);
    let ahead = SignedDuration::from_secs(write.clock.saturating_add(1));
    let seen_from = write.wall.saturating_sub(age.saturating_add(ahead)).unwrap_or(Timestamp::MIN);
    let is_ready = conditions.into_iter().flatten().any(|one| {
        one.get("type").and_then(Value::as_str) == Some("Ready")
            && one.get("status").and_then(Value::as_str) == Some("True")
            // One that has become so meanwhile was not when this was decided.
            && time(one.get("lastTransitionTime")).is_none_or(|since| since < seen_from)
    });
    let is_enough = |facts: &Facts| {
        let Some(spec) = facts.spec() else { return true };
        let sum = |count: fn(&tidegate_model::ReplicaSet) -> i64| {
            facts.sets.iter().map(|set| count(set)).sum::<i64>()
        };
        // A quarter may be unavailable, and one in any case.
        let least = spec.replicas.max(sum(|set| set.desired)) - (spec.replicas / 4).max(1);
        sum(|set| set.available) > least
    };
    if is_ready && !scene.any(is_enough) {
        return Err(Broken("restarts", format!("{} was evicted, and is missed", write.key)));
    }
    Ok(())
}
