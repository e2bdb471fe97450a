//! `spec.strategy.canary`: Services, routers, scaling and budgets.

use std::collections::BTreeSet;

use serde_json::Value;

use super::field::{Checks, Field, brief};
use crate::rollout::{DEFAULT_MAX_WEIGHT, LARGEST_MAX_WEIGHT};

/// Fields of `trafficRouting` that are served.
const ROUTING: [&str; 3] = ["plugins", "managedRoutes", "maxTrafficWeight"];
/// Routers that Argo Rollouts has built in.
const ARGO_ROUTERS: [&str; 8] =
    ["istio", "nginx", "alb", "smi", "ambassador", "appMesh", "traefik", "apisix"];
/// Fields of a canary that would change what it does, and do not yet.
const LATER_FIELDS: [(&str, &str); 7] = [
    ("analysis", "background analysis is not served yet; remove it"),
    ("antiAffinity", "anti-affinity between revisions is not served yet; remove it"),
    ("canaryMetadata", "ephemeral metadata is not served yet; remove it"),
    ("stableMetadata", "ephemeral metadata is not served yet; remove it"),
    ("pingPong", "ping-pong is not served yet; use canaryService and stableService"),
    ("dynamicStableScale", "scaling the stable ReplicaSet with its weight is not served yet; remove it"),
    ("replicaProgressThreshold", "a progress threshold is not served yet; remove it"),
];

impl Checks {
    /// The whole strategy, steps included.
    pub(super) fn canary(&mut self, canary: &Field<'_>) {
        for (name, message) in LATER_FIELDS {
            let field = canary.get(name);
            if field.is_given() && field.value != &Value::Bool(false) {
                self.say(&field, message);
            }
        }
        let routing = canary.get("trafficRouting");
        let is_routed = self.object(&routing);
        let has_plugins = is_routed && self.routers(&routing);
        self.services(canary, has_plugins);
        let max = if is_routed { self.max_weight(&routing) } else { DEFAULT_MAX_WEIGHT };
        let delay = canary.get("scaleDownDelaySeconds");
        if !is_routed && delay.is_given() {
            self.say(&delay, "needs trafficRouting; remove it, or route the traffic");
        }
        self.number(&delay, 0);
        self.number(&canary.get("scaleDownDelayRevisionLimit"), 0);
        self.number(&canary.get("abortScaleDownDelaySeconds"), 0);
        self.number(&canary.get("minPodsPerReplicaSet"), 0);
        self.budget(canary);
        let steps = canary.get("steps");
        self.list(&steps, "steps");
        for step in steps.elements() {
            self.step(&step, max, is_routed);
        }
    }

    /// Which routers there are; whether there is any that is served.
    fn routers(&mut self, routing: &Field<'_>) -> bool {
        let mut names_router = false;
        for (name, value) in routing.value.as_object().into_iter().flatten() {
            if value.is_null() || ROUTING.contains(&name.as_str()) {
                continue;
            }
            let message = if ARGO_ROUTERS.contains(&name.as_str()) {
                names_router = true;
                format!("the router {name} has no plugin yet; use plugins, with argoproj-labs/gatewayAPI")
            } else {
                format!("is no field of it, there are {}; correct or remove it", ROUTING.join(", "))
            };
            self.say(&routing.get(name), message);
        }
        let plugins = routing.get("plugins");
        let is_map = self.object(&plugins);
        let has_plugins = plugins.entries().next().is_some();
        for (_, config) in plugins.entries() {
            if !config.value.is_object() {
                let found = brief(config.value);
                self.say(&config, format!("must be an object, this router's configuration, not {found}"));
            }
        }
        if !has_plugins && !names_router && (is_map || !plugins.is_given()) {
            self.say(&plugins, "names no router; give one, for example argoproj-labs/gatewayAPI");
        }
        let routes = routing.get("managedRoutes");
        self.list(&routes, "objects with a name");
        let mut names = BTreeSet::new();
        for route in routes.elements() {
            let name = route.get("name");
            match name.text() {
                None => self.say(&name, "must be a name; give each managed route one"),
                Some(text) if !names.insert(text) => {
                    self.say(&name, format!("{text} is there twice; remove one"));
                }
                Some(_) => {}
            }
        }
        has_plugins
    }

    /// The Services in the two roles.
    fn services(&mut self, canary: &Field<'_>, are_needed: bool) {
        let services = [canary.get("stableService"), canary.get("canaryService")];
        for service in &services {
            if service.is_given() && !service.value.is_string() {
                self.say(service, format!("must be the name of a Service, not {}", brief(service.value)));
            } else if are_needed && service.text().is_none() {
                self.say(service, "is missing; routers divide traffic between two Services, name both");
            }
        }
        let [stable, canary] = services;
        if stable.text().is_some() && stable.text() == canary.text() {
            self.say(&canary, "must be another Service than stableService");
        }
    }

    /// `maxTrafficWeight`, the sum of all weights.
    fn max_weight(&mut self, routing: &Field<'_>) -> u32 {
        let field = routing.get("maxTrafficWeight");
        if !field.is_given() {
            return DEFAULT_MAX_WEIGHT;
        }
        let weight = field.value.as_u64().and_then(|weight| u32::try_from(weight).ok());
        weight.filter(|weight| (1..=LARGEST_MAX_WEIGHT).contains(weight)).unwrap_or_else(|| {
            let found = brief(field.value);
            self.say(&field, format!("must be a whole number from 1 to {LARGEST_MAX_WEIGHT}, not {found}"));
            LARGEST_MAX_WEIGHT
        })
    }

    /// `maxSurge` and `maxUnavailable`. A string without a percent sign is a percentage too, as in Argo Rollouts.
    fn budget(&mut self, canary: &Field<'_>) {
        let fields = [canary.get("maxSurge"), canary.get("maxUnavailable")];
        let mut zeros = 0;
        for field in &fields {
            let (number, most) = match field.value {
                Value::Null => continue,
                Value::String(text) => {
                    let digits = text.strip_suffix('%').unwrap_or(text);
                    let number =
                        digits.parse::<i32>().ok().filter(|_| !digits.starts_with('+')).map(i64::from);
                    (number, if field.path.ends_with("maxUnavailable") { 100 } else { i64::from(i32::MAX) })
                }
                value => (value.as_i64(), i64::from(i32::MAX)),
            };
            match number {
                Some(0) => zeros += 1,
                Some(number) if (1..=most).contains(&number) => {}
                Some(number) if number > most => {
                    self.say(field, format!("must be at most {most}, not {}", brief(field.value)));
                }
                _ => {
                    let found = brief(field.value);
                    self.say(
                        field,
                        format!("must be a number of pods (1) or a percentage (\"25%\"), not {found}"),
                    );
                }
            }
        }
        if zeros == fields.len() {
            let [surge, _] = fields;
            self.say(&surge, "is 0 and maxUnavailable too: no pod could ever be replaced; raise one of them");
        }
    }
}
