//! `antiAffinity`: the pods of a canary keep off the nodes of the stable ones.
//!
//! The term names the stable hash, so it is put into the template of the newest ReplicaSet while that is not the stable one:
//! when it is made, when it becomes the newest again, and when another template has become stable meanwhile. Pods that are
//! there are not touched, and what was put in stays: pods of that hash are gone by the time when it would matter.

use serde_json::{Value, json};
use tidegate_model::{ReplicaSet, anti_affinity};

use crate::context::Context;
use crate::writes::Writes;

/// Where a pod template has it.
const AFFINITY: &str = "/spec/affinity";

/// The affinity for a new ReplicaSet's template; `None`: what the Rollout's template has.
pub(crate) fn of_new(context: &Context<'_>) -> Option<Value> {
    let form = context.rollout.canary.anti_affinity?;
    let stable = &context.status.stable_rs;
    if stable.is_empty() || *stable == context.new_hash {
        return None;
    }
    form.inject(
        context.template.pointer(AFFINITY).unwrap_or(&Value::Null),
        stable,
        &context.rollout.namespace,
    )
}

/// Keeps the term of the newest ReplicaSet. `is_again`: its template has become the newest again.
pub(crate) fn plan(context: &Context<'_>, new: &ReplicaSet, is_again: bool, writes: &mut Writes) {
    let Some(wanted) = of_new(context) else { return };
    let affinity = new.object.pointer("/spec/template/spec/affinity").unwrap_or(&Value::Null);
    let current = anti_affinity::injected(affinity);
    // One that is not there was left out by somebody, who would do so again.
    let is_due = if is_again {
        current != anti_affinity::injected(&wanted)
    } else {
        current.is_some_and(|hash| hash != context.status.stable_rs)
    };
    if is_due {
        writes.replica_set(new, json!({"spec": {"template": {"spec": {"affinity": wanted}}}}));
    }
}
