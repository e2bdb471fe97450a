//! What a Rollout has to do with: the Services it names, the routers it uses, the ReplicaSets that are its own.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_api::object;

use crate::names::INSTANCE_ID_LABEL;

/// Where a Rollout says which routers it uses.
const TRAFFIC_ROUTING: &str = "/spec/strategy/canary/trafficRouting";

/// The routers that Argo Rollouts has built in, in the order in which it calls them, each with the name of the plugin that
/// serves it, if there is one.
pub const ARGO_ROUTERS: [(&str, Option<&str>); 8] = [
    ("istio", Some("builtin:istio")),
    ("nginx", Some("builtin:nginx")),
    ("alb", None),
    ("smi", None),
    ("ambassador", None),
    ("appMesh", None),
    ("traefik", None),
    ("apisix", None),
];

/// A router that a Rollout uses.
#[derive(Clone, Debug, PartialEq)]
pub struct RouterUse {
    /// The plugin: the key under `trafficRouting.plugins`, or the one that serves a key of Argo's.
    pub name: String,
    /// What stands under the key.
    pub config: Value,
}

/// The routers of a Rollout, in the fixed order in which they are called: Argo's own in Argo's order, then plugins by name.
pub fn routers(rollout: &Value) -> Vec<RouterUse> {
    let routing = rollout.pointer(TRAFFIC_ROUTING).unwrap_or(&Value::Null);
    let given = |key: &str| routing.get(key).filter(|config| !config.is_null());
    let mut routers: Vec<RouterUse> = ARGO_ROUTERS
        .iter()
        .filter_map(|(key, plugin)| {
            Some(RouterUse { name: (*plugin)?.to_owned(), config: given(key)?.clone() })
        })
        .collect();
    let builtin = routers.len();
    let plugins: Vec<RouterUse> = given("plugins")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        // The same router twice is refused by validation.
        .filter(|(name, _)| routers.iter().all(|router| router.name != **name))
        .map(|(name, config)| RouterUse { name: name.clone(), config: config.clone() })
        .collect();
    routers.extend(plugins);
    if let Some(plugins) = routers.get_mut(builtin..) {
        plugins.sort_by(|a, b| a.name.cmp(&b.name));
    }
    routers
}

/// The names of the managed routes that a Rollout's steps may make.
pub fn managed_routes(rollout: &Value) -> impl Iterator<Item = &str> {
    let routing = rollout.pointer(TRAFFIC_ROUTING).and_then(|routing| routing.get("managedRoutes"));
    let routes = routing.and_then(Value::as_array).into_iter().flatten();
    routes.filter_map(|route| route.get("name")?.as_str()).filter(|name| !name.is_empty())
}

/// The names of the Services that a Rollout refers to.
pub fn services(rollout: &Value) -> BTreeSet<String> {
    ["/canaryService", "/stableService", "/pingPong/pingService", "/pingPong/pongService"]
        .iter()
        .filter_map(|field| rollout.pointer("/spec/strategy/canary")?.pointer(field)?.as_str())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a Rollout has analyses or experiments, or had.
pub fn has_evidence(rollout: &Value) -> bool {
    let canary = rollout.pointer("/spec/strategy/canary").unwrap_or(&Value::Null);
    let is_given = |of: &Value, field: &str| of.get(field).is_some_and(|value| !value.is_null());
    let steps = canary.get("steps").and_then(Value::as_array);
    let status = rollout.pointer("/status/canary").unwrap_or(&Value::Null);
    is_given(canary, "analysis")
        || steps.into_iter().flatten().any(|step| is_given(step, "analysis") || is_given(step, "experiment"))
        || ["currentStepAnalysisRunStatus", "currentBackgroundAnalysisRunStatus", "currentExperiment"]
            .iter()
            .any(|field| is_given(status, field))
}

/// The Experiment that a Rollout's traffic depends on: that of its current experiment step, as its status names it.
pub fn experiment(rollout: &Value) -> Option<&str> {
    let name =
        rollout.pointer("/status/canary/currentExperiment")?.as_str().filter(|name| !name.is_empty())?;
    let mut steps = rollout.pointer("/spec/strategy/canary/steps")?.as_array()?.iter();
    steps.any(|step| step.get("experiment").is_some_and(Value::is_object)).then_some(name)
}

/// Whether a ReplicaSet of the same namespace is the Rollout's: controlled by it, or controlled by nobody and selected by its
/// selector ([`crate::workload::selector`]).
pub fn owns(rollout: &Value, selector: &Value, replica_set: &Value) -> bool {
    match object::controller_uid(replica_set) {
        Some(uid) => !uid.is_empty() && uid == object::uid(rollout),
        None => is_adoptable(selector, replica_set),
    }
}

/// Whether a ReplicaSet that nobody controls carries all labels of the Rollout's selector and a template's hash.
fn is_adoptable(selector: &Value, replica_set: &Value) -> bool {
    if object::is_deleting(replica_set) || object::label(replica_set, crate::names::HASH_LABEL).is_none() {
        return false;
    }
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    let labels = selector.get("matchLabels").and_then(Value::as_object);
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn routers_come_in_a_fixed_order() {
        let names = |routing: Value| -> Vec<String> {
            let rollout = json!({"spec": {"strategy": {"canary": {"trafficRouting": routing}}}});
            routers(&rollout).into_iter().map(|router| router.name).collect()
        };
        let none: [&str; 0] = [];
        assert_eq!(names(json!(null)), none);
        assert_eq!(names(json!({})), none);
        assert_eq!(names(json!({"istio": null, "plugins": null, "managedRoutes": [], "alb": {}})), none);
        let all = json!({"plugins": {"z/z": {}, "a/a": {}}, "nginx": {}, "istio": {}});
        assert_eq!(names(all), ["builtin:istio", "builtin:nginx", "a/a", "z/z"]);
        let twice = json!({"plugins": {"builtin:istio": {"a": 1}}, "istio": {"b": 2}});
        assert_eq!(names(twice), ["builtin:istio"]);
    }

    #[test]
    fn an_experiment_counts_while_a_step_has_one() {
        let rollout = |name: Value, step: Value| json!({"status": {"canary": {"currentExperiment": name}}, "spec": {"strategy": {"canary": {"steps": [step]}}}});
        let step = json!({"experiment": {"templates": []}});
        assert_eq!(experiment(&rollout(json!("web-1"), step.clone())), Some("web-1"));
        assert_eq!(experiment(&rollout(json!("web-1"), json!({"setWeight": 1}))), None);
        for name in [json!(null), json!(""), json!(7)] {
            assert_eq!(experiment(&rollout(name, step.clone())), None);
        }
        assert_eq!(experiment(&Value::Null), None);
    }

    #[test]
    fn a_router_gets_what_stands_under_its_key() {
        let routing = json!({"istio": {"virtualService": {"name": "web"}}});
        let rollout = json!({"spec": {"strategy": {"canary": {"trafficRouting": routing}}}});
        let expected =
            RouterUse { name: "builtin:istio".into(), config: json!({"virtualService": {"name": "web"}}) };
        assert_eq!(routers(&rollout), [expected]);
    }
}
