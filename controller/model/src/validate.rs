//! What is wrong with a Rollout's spec, in words, with the path of each field and what to do about it.
//!
//! Checked before anything acts on the spec. What Tidegate does not do yet is refused by name here: a field that is
//! accepted and ignored would be worse.

use std::fmt;

use serde_json::Value;

use crate::duration::pause_duration;
use crate::rollout::{DEFAULT_MAX_WEIGHT, LARGEST_MAX_WEIGHT};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// Where, for example `spec.strategy.canary.steps[2].setWeight`.
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Everything that is wrong with a Rollout's spec, in the order of its fields; nothing: it can be acted on.
pub fn validate(rollout: &Value) -> Vec<SpecError> {
    let mut checks = Checks::default();
    let spec = Field::new("spec", rollout.get("spec"));
    checks.spec(&spec);
    checks.errors
}

/// A value and where it stands; absent and null are the same.
struct Field<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Field<'a> {
    fn new(path: impl Into<String>, value: Option<&'a Value>) -> Self {
        Self { path: path.into(), value: value.unwrap_or(&Value::Null) }
    }

    fn get(&self, key: &str) -> Field<'a> {
        Field::new(format!("{}.{key}", self.path), self.value.get(key))
    }

    fn is_given(&self) -> bool {
        !self.value.is_null()
    }

    fn text(&self) -> Option<&'a str> {
        self.value.as_str().filter(|text| !text.is_empty())
    }

    fn elements(&self) -> impl Iterator<Item = Field<'a>> {
        let path = self.path.clone();
        let elements = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        elements.iter().enumerate().map(move |(index, value)| Field { path: format!("{path}[{index}]"), value })
    }
}

#[derive(Default)]
struct Checks {
    errors: Vec<SpecError>,
}

/// Kinds of steps that are recognised and not served yet.
const LATER_STEPS: [&str; 5] = ["analysis", "experiment", "setHeaderRoute", "setMirrorRoute", "plugin"];
/// Kinds of steps that are served.
const STEPS: [&str; 3] = ["setWeight", "pause", "setCanaryScale"];
/// Routers that Argo Rollouts has built in.
const ARGO_ROUTERS: [&str; 9] =
    ["istio", "nginx", "alb", "smi", "ambassador", "appMesh", "traefik", "apisix", "google"];
/// Fields of a canary that would change what it does, and do not yet.
const LATER_CANARY_FIELDS: [(&str, &str); 7] = [
    ("analysis", "background analysis is not served yet; remove it"),
    ("antiAffinity", "anti-affinity between revisions is not served yet; remove it"),
    ("canaryMetadata", "ephemeral metadata is not served yet; remove it"),
    ("stableMetadata", "ephemeral metadata is not served yet; remove it"),
    ("pingPong", "ping-pong is not served yet; use canaryService and stableService"),
    ("dynamicStableScale", "scaling the stable ReplicaSet with its weight is not served yet; remove it"),
    ("replicaProgressThreshold", "a progress threshold is not served yet; remove it"),
];

impl Checks {
    fn say(&mut self, field: &Field<'_>, message: impl Into<String>) {
        self.errors.push(SpecError { path: field.path.clone(), message: message.into() });
    }

    /// A whole number of at least `least`, if given.
    fn number(&mut self, field: &Field<'_>, least: i64) -> Option<i64> {
        match field.value.as_i64() {
            Some(number) if number >= least => Some(number),
            _ if !field.is_given() => None,
            _ => {
                self.say(field, format!("must be a whole number of at least {least}, not {}", field.value));
                None
            }
        }
    }

    fn flag(&mut self, field: &Field<'_>) {
        if field.is_given() && !field.value.is_boolean() {
            self.say(field, format!("must be true or false, not {}", field.value));
        }
    }

    fn object(&mut self, field: &Field<'_>) -> bool {
        if field.is_given() && !field.value.is_object() {
            self.say(field, "must be an object");
        }
        field.value.is_object()
    }

    fn spec(&mut self, spec: &Field<'_>) {
        if !spec.value.is_object() {
            return self.say(spec, "is missing; a Rollout needs selector, template and strategy");
        }
        if spec.get("workloadRef").is_given() {
            let field = spec.get("workloadRef");
            self.say(&field, "references to workloads are not served yet; put the template into the Rollout");
        }
        self.number(&spec.get("replicas"), 0);
        self.selector(spec);
        let min_ready = self.number(&spec.get("minReadySeconds"), 0).unwrap_or_default();
        self.number(&spec.get("revisionHistoryLimit"), 0);
        self.flag(&spec.get("paused"));
        self.flag(&spec.get("progressDeadlineAbort"));
        let deadline = spec.get("progressDeadlineSeconds");
        let seconds = self.number(&deadline, 1).unwrap_or(600);
        if min_ready >= seconds {
            self.say(&deadline, format!("must be greater than minReadySeconds ({min_ready}); raise it"));
        }
        self.strategy(&spec.get("strategy"));
    }

    fn selector(&mut self, spec: &Field<'_>) {
        let (selector, template) = (spec.get("selector"), spec.get("template"));
        if !template.value.is_object() && !spec.get("workloadRef").is_given() {
            self.say(&template, "is missing; give the pods' template");
        }
        let labels = selector.get("matchLabels");
        let is_empty = |field: &Field<'_>| match field.value {
            Value::Object(fields) => fields.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => true,
        };
        if is_empty(&labels) && is_empty(&selector.get("matchExpressions")) {
            return self.say(&selector, "is empty, and would select all pods; name labels of the template");
        }
        let given = template.get("metadata").get("labels");
        for (key, value) in labels.value.as_object().into_iter().flatten() {
            if given.value.get(key) != Some(value) {
                let message = format!("has {key}={value}, which the template's labels have not; add it there");
                self.say(&labels, message);
            }
        }
    }

    fn strategy(&mut self, strategy: &Field<'_>) {
        let (canary, blue_green) = (strategy.get("canary"), strategy.get("blueGreen"));
        match (canary.is_given(), blue_green.is_given()) {
            (true, true) => self.say(strategy, "has canary and blueGreen; give one of them"),
            (false, true) => {
                self.say(&blue_green, "blue-green is not served yet; use canary, with setWeight and pause steps");
            }
            (false, false) => self.say(strategy, "has no strategy; give canary"),
            (true, false) if self.object(&canary) => self.canary(&canary),
            (true, false) => {}
        }
    }

    fn canary(&mut self, canary: &Field<'_>) {
        for (name, message) in LATER_CANARY_FIELDS {
            let field = canary.get(name);
            if field.is_given() && field.value != &Value::Bool(false) {
                self.say(&field, message);
            }
        }
        let routing = canary.get("trafficRouting");
        let is_routed = self.object(&routing);
        let max = if is_routed { self.routing(canary, &routing) } else { DEFAULT_MAX_WEIGHT };
        for name in ["scaleDownDelaySeconds", "abortScaleDownDelaySeconds", "minPodsPerReplicaSet"] {
            let field = canary.get(name);
            self.number(&field, 0);
            if !is_routed && name == "scaleDownDelaySeconds" && field.is_given() {
                self.say(&field, "needs trafficRouting; remove it, or route the traffic");
            }
        }
        self.number(&canary.get("scaleDownDelayRevisionLimit"), 0);
        self.budget(canary);
        let steps = canary.get("steps");
        if steps.is_given() && !steps.value.is_array() {
            self.say(&steps, "must be a list of steps");
        }
        for step in steps.elements() {
            self.step(&step, max, is_routed);
        }
    }

    /// Checks `trafficRouting`; the sum of all weights.
    fn routing(&mut self, canary: &Field<'_>, routing: &Field<'_>) -> u32 {
        for name in ARGO_ROUTERS {
            if routing.get(name).is_given() {
                let message = "there is no router plugin for it yet; use trafficRouting.plugins with argoproj-labs/gatewayAPI";
                self.say(&routing.get(name), message);
            }
        }
        let plugins = routing.get("plugins");
        let mut has_plugins = false;
        if self.object(&plugins) {
            for (name, config) in plugins.value.as_object().into_iter().flatten() {
                has_plugins = true;
                if !config.is_object() {
                    let field = Field { path: format!("{}[{name:?}]", plugins.path), value: config };
                    self.say(&field, "must be an object: the configuration of this router");
                }
            }
        }
        let routes = routing.get("managedRoutes");
        if routes.is_given() && !routes.value.is_array() {
            self.say(&routes, "must be a list of objects with a name");
        }
        for route in routes.elements() {
            if route.get("name").text().is_none() {
                self.say(&route.get("name"), "is missing; give each managed route a name");
            }
        }
        let (stable, canary_service) = (canary.get("stableService"), canary.get("canaryService"));
        for service in [&stable, &canary_service] {
            if service.is_given() && service.text().is_none() {
                self.say(service, "must be the name of a Service");
            } else if has_plugins && service.text().is_none() {
                self.say(service, "is missing; routers shift traffic between two Services");
            }
        }
        if stable.text().is_some() && stable.text() == canary_service.text() {
            self.say(&canary_service, "must be another Service than stableService");
        }
        let max = routing.get("maxTrafficWeight");
        match self.number(&max, 1).map(u32::try_from) {
            Some(Ok(weight)) if weight <= LARGEST_MAX_WEIGHT => weight,
            None => DEFAULT_MAX_WEIGHT,
            Some(_) => {
                self.say(&max, format!("must be at most {LARGEST_MAX_WEIGHT}"));
                LARGEST_MAX_WEIGHT
            }
        }
    }

    /// `maxSurge` and `maxUnavailable`.
    fn budget(&mut self, canary: &Field<'_>) {
        let fields = [canary.get("maxSurge"), canary.get("maxUnavailable")];
        let mut zeros = 0;
        for field in &fields {
            let number = match field.value {
                Value::Null => continue,
                Value::Number(number) => number.as_i64(),
                Value::String(text) => text.trim_end_matches('%').parse().ok(),
                _ => None,
            };
            match number {
                Some(0) => zeros += 1,
                Some(number) if number > 0 => {}
                _ => self.say(field, format!("must be a number or a percentage, not {}", field.value)),
            }
        }
        if zeros == fields.len() {
            let [_, unavailable] = fields;
            self.say(&unavailable, "must not be 0 together with maxSurge: nothing could ever move; raise one");
        }
    }

    fn step(&mut self, step: &Field<'_>, max: u32, is_routed: bool) {
        let Some(fields) = step.value.as_object() else {
            return self.say(step, "must be an object with one kind of step");
        };
        let given: Vec<&str> =
            fields.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()).collect();
        let name = match given.as_slice() {
            [name] => *name,
            [] => return self.say(step, format!("is empty; give one of {}", STEPS.join(", "))),
            several => {
                let message = format!("has {}; make each a step of its own", several.join(" and "));
                return self.say(step, message);
            }
        };
        let field = step.get(name);
        match name {
            "setWeight" => self.weight(&field, max),
            "pause" => self.pause(&field),
            "setCanaryScale" => self.canary_scale(&field, max, is_routed),
            _ if LATER_STEPS.contains(&name) => {
                let message = format!("steps of the kind {name} are not served yet; remove the step");
                self.say(&field, message);
            }
            _ => self.say(&field, format!("is no kind of step; there are {}", STEPS.join(", "))),
        }
    }

    fn weight(&mut self, field: &Field<'_>, max: u32) {
        if field.value.as_u64().is_none_or(|weight| weight > u64::from(max)) {
            self.say(field, format!("must be a whole number from 0 to {max}, not {}", field.value));
        }
    }

    fn pause(&mut self, pause: &Field<'_>) {
        if !pause.value.is_object() {
            return self.say(pause, "must be an object: {} waits for somebody, {duration: 1h} for a time");
        }
        let duration = pause.get("duration");
        if pause_duration(duration.value).is_err() {
            let message = format!("{} is no duration; write seconds (90) or units (1m30s)", duration.value);
            self.say(&duration, message);
        }
    }

    fn canary_scale(&mut self, scale: &Field<'_>, max: u32, is_routed: bool) {
        if !is_routed {
            self.say(scale, "needs trafficRouting: without it the number of pods is the traffic");
        }
        if !scale.value.is_object() {
            return self.say(scale, "must be an object with replicas, weight or matchTrafficWeight");
        }
        let (replicas, weight) = (scale.get("replicas"), scale.get("weight"));
        let matching = scale.get("matchTrafficWeight");
        self.number(&replicas, 0);
        self.flag(&matching);
        if weight.is_given() {
            self.weight(&weight, max);
        }
        let is_matching = matching.value.as_bool() == Some(true);
        let forms = [replicas.is_given(), weight.is_given(), is_matching];
        if forms.iter().filter(|given| **given).count() != 1 {
            self.say(scale, "must have exactly one of replicas, weight and matchTrafficWeight: true");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rollout(canary: Value) -> Value {
        json!({"spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}},
            "strategy": {"canary": canary},
        }})
    }

    fn routed(steps: Value) -> Value {
        rollout(json!({
            "canaryService": "c", "stableService": "s", "steps": steps,
            "trafficRouting": {"plugins": {"a/b": {}}},
        }))
    }

    fn paths(rollout: &Value) -> Vec<String> {
        validate(rollout).into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn what_argo_users_write_is_valid() {
        let steps = json!([
            {"setWeight": 0}, {"pause": {}}, {"pause": {"duration": "1h30m"}}, {"pause": {"duration": 10}},
            {"setCanaryScale": {"replicas": 3}}, {"setCanaryScale": {"matchTrafficWeight": true}}, {"setWeight": 100},
        ]);
        assert_eq!(paths(&routed(steps)), Vec::<String>::new());
        assert_eq!(paths(&rollout(json!({}))), Vec::<String>::new());
    }

    #[test]
    fn each_wrong_step_is_named() {
        for (step, path) in [
            (json!({"setWeight": 101}), ".setWeight"),
            (json!({"setWeight": -1}), ".setWeight"),
            (json!({"setWeight": "20"}), ".setWeight"),
            (json!({"pause": {"duration": "soon"}}), ".pause.duration"),
            (json!({"setWeight": 20, "pause": {}}), ""),
            (json!({}), ""),
            (json!(null), ""),
            (json!({"analysis": {"templates": []}}), ".analysis"),
            (json!({"setHeaderRoute": {"name": "x"}}), ".setHeaderRoute"),
            (json!({"sleep": 10}), ".sleep"),
            (json!({"setCanaryScale": {"replicas": 1, "weight": 2}}), ".setCanaryScale"),
            (json!({"setCanaryScale": {"replicas": -1}}), ".setCanaryScale.replicas"),
        ] {
            let found = paths(&routed(json!([{"setWeight": 1}, step])));
            assert_eq!(found, [format!("spec.strategy.canary.steps[1]{path}")], "{step}");
        }
    }

    #[test]
    fn what_is_not_served_is_refused_by_name() {
        for (field, value) in [
            ("analysis", json!({})),
            ("pingPong", json!({"pingService": "a"})),
            ("dynamicStableScale", json!(true)),
            ("antiAffinity", json!({})),
        ] {
            let mut rollout = routed(json!([]));
            rollout["spec"]["strategy"]["canary"][field] = value;
            assert_eq!(paths(&rollout), [format!("spec.strategy.canary.{field}")]);
        }
        let istio = rollout(json!({"trafficRouting": {"istio": {}}}));
        assert_eq!(paths(&istio), ["spec.strategy.canary.trafficRouting.istio"]);
        let blue_green = json!({"spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}},
            "strategy": {"blueGreen": {"activeService": "a"}},
        }});
        assert_eq!(paths(&blue_green), ["spec.strategy.blueGreen"]);
    }

    #[test]
    fn routing_needs_two_services_and_a_sane_scale() {
        let mut rollout = routed(json!([{"setWeight": 900}]));
        rollout["spec"]["strategy"]["canary"]["trafficRouting"]["maxTrafficWeight"] = json!(1000);
        assert_eq!(paths(&rollout), Vec::<String>::new());
        rollout["spec"]["strategy"]["canary"]["trafficRouting"]["maxTrafficWeight"] = json!(0);
        rollout["spec"]["strategy"]["canary"]["canaryService"] = json!("s");
        let canary = "spec.strategy.canary";
        assert_eq!(
            paths(&rollout),
            [
                format!("{canary}.canaryService"),
                format!("{canary}.trafficRouting.maxTrafficWeight"),
                format!("{canary}.steps[0].setWeight"),
            ]
        );
    }

    fn arbitrary() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-z0-9%]{0,6}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            Just("canary".to_owned()),
            Just("steps".to_owned()),
            Just("trafficRouting".to_owned()),
            Just("pause".to_owned()),
            Just("setCanaryScale".to_owned()),
            "[a-zA-Z]{0,8}",
        ];
        leaf.prop_recursive(5, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(key.clone(), inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_panics(spec in arbitrary(), canary in arbitrary(), steps in arbitrary()) {
            validate(&spec);
            validate(&json!({"spec": spec}));
            validate(&rollout(canary));
            validate(&routed(steps));
        }
    }
}
