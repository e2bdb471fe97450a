//! Canary steps: one kind for each, of a kind that is served, with a payload that means something.

use std::collections::BTreeSet;

use super::field::{Checks, Field, brief};
use crate::duration::pause_duration;

/// Kinds of steps that are served.
const STEPS: [&str; 7] =
    ["setWeight", "pause", "setCanaryScale", "setHeaderRoute", "setMirrorRoute", "experiment", "analysis"];
/// Kinds of steps that Argo Rollouts has and that are not served yet.
const LATER_STEPS: [&str; 1] = ["plugin"];

/// What steps need to know of `trafficRouting`.
pub(super) struct Routing<'a> {
    /// Whether there is any.
    pub(super) is_given: bool,
    /// Whether it names a router.
    pub(super) has_routers: bool,
    /// The sum of all weights.
    pub(super) max_weight: u32,
    /// The names of the managed routes.
    pub(super) managed_routes: BTreeSet<&'a str>,
}

impl Checks {
    /// One step.
    pub(super) fn step(&mut self, step: &Field<'_>, routing: &Routing<'_>) {
        let Some(fields) = step.value.as_object() else {
            return self.say(step, format!("must be an object with one of {}", STEPS.join(", ")));
        };
        let given: Vec<&str> =
            fields.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()).collect();
        let name = match given.as_slice() {
            [name] => *name,
            [] => {
                let hint = if fields.contains_key("pause") { " (write `pause: {}` to pause)" } else { "" };
                return self.say(step, format!("is empty{hint}; give one of {}", STEPS.join(", ")));
            }
            several => {
                let message = format!("has {}; make each a step of its own", several.join(" and "));
                return self.say(step, message);
            }
        };
        let payload = step.get(name);
        match name {
            "setWeight" => self.weight(&payload, routing.max_weight),
            "pause" => self.pause(&payload),
            "setCanaryScale" => self.canary_scale(&payload, routing),
            "setHeaderRoute" => self.header_route(&payload, routing),
            "setMirrorRoute" => self.mirror_route(&payload, routing),
            "experiment" => self.experiment_step(&payload, routing),
            "analysis" => self.analysis_step(&payload),
            _ if LATER_STEPS.contains(&name) => {
                let message = format!(
                    "steps of the kind {name} are not served yet, only {}; remove the step",
                    STEPS.join(", ")
                );
                self.say(&payload, message);
            }
            _ => self.say(&payload, format!("is no kind of step; there are {}", STEPS.join(", "))),
        }
    }

    fn weight(&mut self, field: &Field<'_>, max: u32) {
        if field.value.as_u64().is_none_or(|weight| weight > u64::from(max)) {
            self.say(field, format!("must be a whole number from 0 to {max}, not {}", brief(field.value)));
        }
    }

    fn pause(&mut self, pause: &Field<'_>) {
        if !pause.value.is_object() {
            return self.say(pause, "must be an object: {} waits until promoted, {duration: 1h} for a time");
        }
        self.only(pause, &["duration"]);
        let duration = pause.get("duration");
        if let Err(error) = pause_duration(duration.value) {
            self.say(&duration, error.to_string());
        }
    }

    fn canary_scale(&mut self, scale: &Field<'_>, routing: &Routing<'_>) {
        const FORMS: [&str; 3] = ["replicas", "weight", "matchTrafficWeight"];
        if !routing.is_given {
            self.say(
                scale,
                "needs trafficRouting: without it the number of pods is the traffic; remove the step",
            );
        }
        if !scale.value.is_object() {
            return self.say(scale, format!("must be an object with one of {}", FORMS.join(", ")));
        }
        self.only(scale, &FORMS);
        let [replicas, weight, matching] = FORMS.map(|form| scale.get(form));
        self.number(&replicas, 0);
        if weight.is_given() {
            self.weight(&weight, routing.max_weight);
        }
        self.flag(&matching);
        let is_matching = matching.is_given() && matching.value.as_bool() != Some(false);
        let given = [replicas.is_given(), weight.is_given(), is_matching];
        if given.iter().filter(|given| **given).count() != 1 {
            self.say(scale, "must have exactly one of replicas, weight and matchTrafficWeight: true");
        }
    }
}
