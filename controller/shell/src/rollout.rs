//! What the shell reads of a Rollout.

use serde_json::Value;
use tidegate_api::object;

/// The label by which several controllers share a cluster, as in Argo Rollouts.
const INSTANCE_ID: &str = "argo-rollouts.argoproj.io/controller-instance-id";

/// A router that a Rollout uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouterUse {
    /// The name of the plugin.
    pub(crate) name: String,
    /// Its configuration, as JSON text.
    pub(crate) config: String,
}

/// Whether a Rollout is for a controller with this instance id.
pub(crate) fn is_ours(rollout: &Value, instance_id: Option<&str>) -> bool {
    object::label(rollout, INSTANCE_ID) == instance_id
}

/// The Services that a Rollout names, in any role.
pub(crate) fn services(rollout: &Value) -> Vec<String> {
    let strategy = rollout.get("spec").and_then(|spec| spec.get("strategy"));
    let places = [
        "/canary/stableService",
        "/canary/canaryService",
        "/canary/pingPong/pingService",
        "/canary/pingPong/pongService",
        "/blueGreen/activeService",
        "/blueGreen/previewService",
    ];
    let text = |place: &&str| strategy?.pointer(place)?.as_str().filter(|name| !name.is_empty());
    places.iter().filter_map(text).map(str::to_owned).collect()
}

/// The routers of a Rollout, sorted by name: the order in which they are asked and written.
pub(crate) fn routers(rollout: &Value) -> Vec<RouterUse> {
    let plugins = rollout.pointer("/spec/strategy/canary/trafficRouting/plugins").and_then(Value::as_object);
    let mut routers: Vec<RouterUse> = plugins
        .into_iter()
        .flatten()
        .map(|(name, config)| RouterUse { name: name.clone(), config: config.to_string() })
        .collect();
    routers.sort_by(|one, other| one.name.cmp(&other.name));
    routers
}
