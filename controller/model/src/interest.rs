//! What a Rollout has to do with: the Services it names, the routers it uses, the ReplicaSets that are its own.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_api::object;

use crate::names::INSTANCE_ID_LABEL;

/// A router that a Rollout uses.
#[derive(Clone, Debug, PartialEq)]
pub struct RouterUse {
    /// The key under `trafficRouting.plugins`.
    pub name: String,
    /// What stands there.
    pub config: Value,
}

/// The routers of a Rollout, in the fixed order in which they are called: plugins by name.
pub fn routers(rollout: &Value) -> Vec<RouterUse> {
    let plugins = rollout.pointer("/spec/strategy/canary/trafficRouting/plugins").and_then(Value::as_object);
    let mut routers: Vec<RouterUse> = plugins
        .into_iter()
        .flatten()
        .map(|(name, config)| RouterUse { name: name.clone(), config: config.clone() })
        .collect();
    routers.sort_by(|a, b| a.name.cmp(&b.name));
    routers
}

/// The names of the Services that a Rollout refers to.
pub fn services(rollout: &Value) -> BTreeSet<String> {
    ["canaryService", "stableService"]
        .iter()
        .filter_map(|field| rollout.pointer("/spec/strategy/canary")?.get(field)?.as_str())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a ReplicaSet of the same namespace is the Rollout's: controlled by it, or controlled by nobody and selected by it.
pub fn owns(rollout: &Value, replica_set: &Value) -> bool {
    match object::controller_uid(replica_set) {
        Some(uid) => !uid.is_empty() && uid == object::uid(rollout),
        None => is_adoptable(rollout, replica_set),
    }
}

/// Whether a ReplicaSet that nobody controls carries all labels of the Rollout's selector and a template's hash.
fn is_adoptable(rollout: &Value, replica_set: &Value) -> bool {
    if object::is_deleting(replica_set) || object::label(replica_set, crate::names::HASH_LABEL).is_none() {
        return false;
    }
    let expressions = rollout.pointer("/spec/selector/matchExpressions").and_then(Value::as_array);
    let labels = rollout.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    // A selector of expressions is not evaluated here: such a ReplicaSet is not adopted, a new one is made.
    let Some(labels) = labels.filter(|labels| !labels.is_empty() && expressions.is_none_or(Vec::is_empty))
    else {
        return false;
    };
    labels.iter().all(|(key, value)| object::label(replica_set, key) == value.as_str())
}

/// Whether a Rollout belongs to this controller instance: it carries its id, or none when it has none.
pub fn is_of_instance(rollout: &Value, instance_id: Option<&str>) -> bool {
    object::label(rollout, INSTANCE_ID_LABEL) == instance_id
}
