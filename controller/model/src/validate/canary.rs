//! `spec.strategy.canary`: Services, routers, scaling and budgets.

use std::collections::BTreeSet;

use serde_json::Value;

use super::field::{Checks, Field, brief};
use super::step::Routing;
use crate::interest::ARGO_ROUTERS;
use crate::rollout::{DEFAULT_MAX_WEIGHT, LARGEST_MAX_WEIGHT, ProgressThreshold};

/// Fields of `trafficRouting` that are not routers, and where routers that Argo Rollouts has not built in stand.
const ROUTING: [&str; 3] = ["plugins", "managedRoutes", "maxTrafficWeight"];

impl Checks {
    /// The whole strategy, steps included.
    pub(super) fn canary(&mut self, canary: &Field<'_>) {
        self.background_analysis(&canary.get("analysis"));
        for name in ["canaryMetadata", "stableMetadata"] {
            self.metadata(&canary.get(name));
        }
        let routing = canary.get("trafficRouting");
        let is_routed = self.object(&routing);
        let has_routers = is_routed && self.routers(&routing);
        let managed_routes = if is_routed { self.managed_routes(&routing) } else { BTreeSet::new() };
        let max_weight = if is_routed { self.max_weight(&routing) } else { DEFAULT_MAX_WEIGHT };
        self.services(canary);
        self.ping_pong(canary, has_routers);
        self.anti_affinity(&canary.get("antiAffinity"));
        let delay = canary.get("scaleDownDelaySeconds");
        if !is_routed && delay.is_given() {
            self.say(&delay, "needs trafficRouting; remove it, or route the traffic");
        }
        self.number(&delay, 0);
        self.number(&canary.get("scaleDownDelayRevisionLimit"), 0);
        self.number(&canary.get("abortScaleDownDelaySeconds"), 0);
        self.number(&canary.get("minPodsPerReplicaSet"), 0);
        self.dynamic_stable_scale(canary, is_routed);
        self.threshold(&canary.get("replicaProgressThreshold"));
        self.budget(canary);
        let steps = canary.get("steps");
        self.list(&steps, "steps");
        let routing = Routing { is_given: is_routed, has_routers, max_weight, managed_routes };
        for step in steps.elements() {
            self.step(&step, &routing);
        }
    }

    /// Which routers there are; whether there are any. Without one, traffic is not divided: only the numbers of pods are
    /// those of a canary with routers (as in Argo Rollouts).
    fn routers(&mut self, routing: &Field<'_>) -> bool {
        let mut has_routers = false;
        let plugins = routing.get("plugins");
        for (name, value) in routing.value.as_object().into_iter().flatten() {
            if value.is_null() || ROUTING.contains(&name.as_str()) {
                continue;
            }
            has_routers = true;
            let field = routing.get(name);
            match ARGO_ROUTERS.iter().find(|(key, _)| key == name) {
                Some((_, Some(plugin))) => {
                    self.object(&field);
                    if plugins.entries().any(|(name, _)| name == *plugin) {
                        let message = format!("is served by {plugin}, which plugins names too; remove one");
                        self.say(&field, message);
                    }
                }
                Some((_, None)) => {
                    let message = format!("the router {name} is not served yet; use one of {}", served());
                    self.say(&field, message);
                }
                None => {
                    let message = format!(
                        "is no field of it; there are {}, managedRoutes and maxTrafficWeight; correct or remove it",
                        served()
                    );
                    self.say(&field, message);
                }
            }
        }
        self.object(&plugins);
        for (_, config) in plugins.entries() {
            has_routers = true;
            if !config.value.is_object() {
                let found = brief(config.value);
                self.say(&config, format!("must be an object, this router's configuration, not {found}"));
            }
        }
        has_routers
    }

    /// The names of the managed routes.
    fn managed_routes<'a>(&mut self, routing: &Field<'a>) -> BTreeSet<&'a str> {
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
        for route in routes.elements() {
            let name = route.get("name");
            // Routers that need several rules for a managed route name them like this.
            let number = |text: &'a str| text.rsplit_once('-').filter(|(_, end)| is_digits(end));
            if let Some((base, _)) = name.text().and_then(number)
                && names.contains(base)
            {
                let message =
                    format!("could be a copy of {base}, whose copies are numbered; choose another name");
                self.say(&name, message);
            }
        }
        names
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

    /// `dynamicStableScale`, and what does not go with it (as in Argo Rollouts).
    fn dynamic_stable_scale(&mut self, canary: &Field<'_>, is_routed: bool) {
        let dynamic = canary.get("dynamicStableScale");
        self.flag(&dynamic);
        if dynamic.value != &Value::Bool(true) {
            return;
        }
        if !is_routed {
            self.say(&dynamic, "needs trafficRouting; remove it, or route the traffic");
        }
        let delay = canary.get("scaleDownDelaySeconds");
        if is_routed && delay.is_given() {
            let message = "does not go with dynamicStableScale, which lets stable pods go with their traffic; remove one of them";
            self.say(&delay, message);
        }
    }

    /// `replicaProgressThreshold`. (In Argo Rollouts a type that does not exist means all pods, unsaid.)
    fn threshold(&mut self, threshold: &Field<'_>) {
        if !self.object(threshold) {
            return;
        }
        let (kind, value) = (threshold.get("type"), threshold.get("value"));
        if !kind.text().is_some_and(|text| ProgressThreshold::KINDS.contains(&text)) {
            self.say(&kind, format!("must be Percent or Pods, not {}", brief(kind.value)));
        }
        if !value.is_given() {
            return self.say(&value, "is missing; say how many pods suffice, or how many of a hundred");
        }
        if let Some(number) = self.number(&value, 1)
            && kind.text() == Some("Percent")
            && number > 100
        {
            self.say(&value, format!("must be at most 100 percent, not {number}"));
        }
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

/// The routers that are served, as they are written.
fn served() -> String {
    let served = ARGO_ROUTERS.iter().filter(|(_, plugin)| plugin.is_some()).map(|(key, _)| *key);
    let served: Vec<&str> = served.collect();
    format!("{}, plugins (for example argoproj-labs/gatewayAPI)", served.join(", "))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}
