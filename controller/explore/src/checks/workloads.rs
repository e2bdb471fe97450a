//! Deployments that Rollouts refer to: only their size is written, never smaller than what the Rollout's pods make up for, and
//! larger only while the Rollout has never been healthy.

use serde_json::Value;
use tidegate_api::Operation;
use tidegate_model::names::condition;

use super::{Broken, Scene, Verdict, Write};
use crate::facts::Facts;

pub(super) fn check(scene: &Scene<'_>, write: &Write<'_>) -> Verdict {
    let is_scale = matches!(
        &write.request.operation,
        Operation::Patch { subresource: Some(part), .. } if part == "scale"
    );
    let (Some(before), Some(after), true) = (write.before, write.after, is_scale) else {
        return Err(Broken("only-own-fields", format!("{} changed otherwise than in size", write.key)));
    };
    let size = |object: &Value| object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or_default();
    let (old, new) = (size(before), size(after));
    let when = |facts: &Facts| {
        let when = facts.rollout.as_ref()?.object.pointer("/spec/workloadRef/scaleDown")?.as_str()?;
        Some(when.to_owned())
    };
    if !scene.any(|facts| when(facts).is_some_and(|when| when != "never")) {
        return Err(Broken("handover", format!("{} was scaled, which nobody asked for", write.key)));
    }
    let available = |facts: &Facts| facts.sets.iter().map(|set| set.available).sum::<i64>();
    let is_enough = |facts: &Facts| {
        let all = facts.spec().map_or(0, |spec| spec.replicas);
        all > 0 && new + available(facts) >= all
    };
    if new < old && !scene.any(is_enough) {
        return Err(Broken(
            "handover",
            format!("{} went from {old} to {new} pods, and its Rollout lacks more than that", write.key),
        ));
    }
    let has_never_been_healthy =
        |facts: &Facts| facts.status().is_some_and(|status| status.condition(condition::HEALTHY).is_none());
    if new > old && !scene.any(has_never_been_healthy) {
        return Err(Broken("handover", format!("{} got pods again, from {old} to {new}", write.key)));
    }
    Ok(())
}
