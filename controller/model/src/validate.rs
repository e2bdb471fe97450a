//! What is wrong with a Rollout's spec, in words, with the path of each field and what to do about it.
//!
//! Checked before anything acts on the spec, and only as far as something acts on it: whatever passes here reads as
//! [`crate::Rollout::read`] reads it. What Tidegate does not do yet is refused by name: a field that is accepted and
//! ignored would be worse. Contents of the pod template are left to the API server, which knows its own version.

mod canary;
mod field;
mod roles;
mod route_step;
mod step;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use field::{Checks, Field, brief};

/// `spec.progressDeadlineSeconds` when it is absent (Argo Rollouts).
const DEFAULT_PROGRESS_DEADLINE_SECONDS: i64 = 600;

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

/// Everything that is wrong with a Rollout's spec, always in the same order; nothing: it can be acted on.
pub fn validate(rollout: &Value) -> Vec<SpecError> {
    let mut checks = Checks::default();
    checks.spec(&Field::new("spec", rollout.get("spec")));
    checks.errors
}

impl Checks {
    fn spec(&mut self, spec: &Field<'_>) {
        if !spec.is_given() {
            return self.say(spec, "is missing; a Rollout needs selector, template and strategy");
        }
        if !self.object(spec) {
            return;
        }
        let workload = spec.get("workloadRef");
        if workload.is_given() {
            self.say(
                &workload,
                "references to workloads are not served yet; put the template into the Rollout",
            );
        }
        self.number(&spec.get("replicas"), 0);
        let template = spec.get("template");
        if template.is_given() {
            self.template(&template);
        } else if !workload.is_given() {
            self.say(&template, "is missing; give the pods' template");
        }
        let selector = spec.get("selector");
        // A referenced workload brings its own.
        if selector.is_given() || !workload.is_given() {
            self.selector(&selector, &template.get("metadata").get("labels"));
        }
        let min_ready = self.number(&spec.get("minReadySeconds"), 0).unwrap_or_default();
        self.number(&spec.get("revisionHistoryLimit"), 0);
        self.flag(&spec.get("paused"));
        self.flag(&spec.get("progressDeadlineAbort"));
        let deadline = spec.get("progressDeadlineSeconds");
        let seconds = self.number(&deadline, 0);
        if seconds.is_some() || !deadline.is_given() {
            let seconds = seconds.unwrap_or(DEFAULT_PROGRESS_DEADLINE_SECONDS);
            if min_ready >= seconds {
                let message =
                    format!("is {seconds}, and minReadySeconds {min_ready}; it must be greater, raise it");
                self.say(&deadline, message);
            }
        }
        let window = spec.get("rollbackWindow");
        if self.object(&window) {
            self.number(&window.get("revisions"), 0);
        }
        self.strategy(&spec.get("strategy"));
    }

    fn template(&mut self, template: &Field<'_>) {
        if !self.object(template) {
            return;
        }
        let metadata = template.get("metadata");
        if self.object(&metadata) {
            self.texts(&metadata.get("labels"));
            self.texts(&metadata.get("annotations"));
        }
        self.object(&template.get("spec"));
    }

    /// The selector, and whether it selects pods with these labels.
    fn selector(&mut self, selector: &Field<'_>, labels: &Field<'_>) {
        if !selector.is_given() {
            return self.say(selector, "is missing; name labels that the template has");
        }
        if !self.object(selector) {
            return;
        }
        let (match_labels, expressions) = (selector.get("matchLabels"), selector.get("matchExpressions"));
        self.texts(&match_labels);
        if !self.list(&expressions, "expressions") {
            return;
        }
        if match_labels.entries().next().is_none() && expressions.elements().next().is_none() {
            return self
                .say(selector, "is empty, and would select all pods; name labels that the template has");
        }
        for (key, value) in match_labels.entries() {
            let found = labels.value.get(key);
            if value.value.is_string() && found != Some(value.value) {
                let found =
                    found.map_or("no such label".to_owned(), |found| format!("{key}={}", brief(found)));
                let wanted = brief(value.value);
                let message = format!("selects {key}={wanted}, the template has {found}; make them the same");
                self.say(&value, message);
            }
        }
        for expression in expressions.elements() {
            self.expression(&expression, labels);
        }
    }

    /// One of `matchExpressions`.
    fn expression(&mut self, expression: &Field<'_>, labels: &Field<'_>) {
        if !expression.value.is_object() {
            return self.say(expression, "must be an object with key and operator");
        }
        let (key, operator, values) =
            (expression.get("key"), expression.get("operator"), expression.get("values"));
        let Some(label) = key.text() else { return self.say(&key, "must be the name of a label") };
        if !self.list(&values, "strings") {
            return;
        }
        let found = labels.value.get(label);
        let is_listed = values.elements().any(|value| Some(value.value) == found);
        let (needs_values, selects) = match operator.text() {
            Some("In") => (true, is_listed),
            Some("NotIn") => (true, !is_listed),
            Some("Exists") => (false, found.is_some()),
            Some("DoesNotExist") => (false, found.is_none()),
            _ => return self.say(&operator, "must be In, NotIn, Exists or DoesNotExist"),
        };
        let has_values = values.elements().next().is_some();
        if needs_values && !has_values {
            self.say(&values, "must have at least one value for this operator");
        } else if !needs_values && has_values {
            self.say(&values, "must be empty for this operator");
        } else if !selects {
            self.say(expression, "does not select the template's labels; correct one of them");
        }
    }

    fn strategy(&mut self, strategy: &Field<'_>) {
        if !strategy.is_given() {
            return self.say(strategy, "is missing; give canary");
        }
        if !self.object(strategy) {
            return;
        }
        let (canary, blue_green) = (strategy.get("canary"), strategy.get("blueGreen"));
        match (canary.is_given(), blue_green.is_given()) {
            (true, true) => self.say(strategy, "has canary and blueGreen; give one of them"),
            (false, true) => {
                let message = "blue-green is not served yet; use canary, with setWeight, pause and setCanaryScale steps";
                self.say(&blue_green, message);
            }
            (false, false) => self.say(strategy, "has no strategy; give canary, which may be empty: {}"),
            (true, false) => {
                if self.object(&canary) {
                    self.canary(&canary);
                }
            }
        }
    }
}
