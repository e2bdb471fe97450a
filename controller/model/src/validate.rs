//! What is wrong with a Rollout's spec, in words, with the path of each field and what to do about it.
//!
//! Checked before anything acts on the spec, and only as far as something acts on it: whatever passes here reads as
//! [`crate::Rollout::read`] reads it. What Tidegate does not do yet is refused by name: a field that is accepted and
//! ignored would be worse. Contents of the pod template are left to the API server, which knows its own version.

mod canary;
mod evidence;
mod field;
mod roles;
mod route_step;
mod step;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use field::{Checks, Field, brief};

use crate::names::HASH_LABEL;
use crate::workload;

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
///
/// What stands in a workload that the Rollout refers to is not looked at: see [`validate_with`].
pub fn validate(rollout: &Value) -> Vec<SpecError> {
    validate_with(rollout, None)
}

/// The same, with the workload that the Rollout refers to: its template and selector are checked like the Rollout's own.
pub fn validate_with(rollout: &Value, workload: Option<&Value>) -> Vec<SpecError> {
    let mut checks = Checks::default();
    checks.spec(&Field::new("spec", rollout.get("spec")), rollout, workload);
    checks.errors
}

impl Checks {
    fn spec<'a>(&mut self, spec: &Field<'a>, rollout: &'a Value, workload: Option<&'a Value>) {
        if !spec.is_given() {
            return self.say(spec, "is missing; a Rollout needs selector, template and strategy");
        }
        if !self.object(spec) {
            return;
        }
        self.number(&spec.get("replicas"), 0);
        self.pods(spec, rollout, workload);
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
        let restart = spec.get("restartAt");
        let is_time = |text: &str| text.parse::<jiff::Timestamp>().is_ok();
        if restart.is_given() && !restart.value.as_str().is_some_and(is_time) {
            let found = brief(restart.value);
            self.say(&restart, format!("must be a time like 2026-01-31T12:00:00Z, not {found}"));
        }
        let window = spec.get("rollbackWindow");
        if self.object(&window) {
            self.number(&window.get("revisions"), 0);
        }
        self.run_history(&spec.get("analysis"));
        self.strategy(&spec.get("strategy"));
        self.pod_metadata(spec, workload::template(rollout, workload));
    }

    /// Ephemeral metadata is taken away again, so the template must not have the same keys.
    fn pod_metadata<'a>(&mut self, spec: &Field<'a>, template: &'a Value) {
        let template = Field::new("", Some(template)).get("metadata");
        for name in ["canaryMetadata", "stableMetadata"] {
            let metadata = spec.get("strategy").get("canary").get(name);
            for kind in ["labels", "annotations"] {
                for (key, field) in metadata.get(kind).entries() {
                    if key == HASH_LABEL || template.get(kind).value.get(key).is_some() {
                        self.say(
                            &field,
                            "is in the template, too; choose another key, or take it out of the template",
                        );
                    }
                }
            }
        }
    }

    /// Template and selector, wherever they stand.
    fn pods<'a>(&mut self, spec: &Field<'a>, rollout: &'a Value, workload: Option<&'a Value>) {
        let reference = spec.get("workloadRef");
        if !reference.is_given() {
            let template = spec.get("template");
            if template.is_given() {
                self.template(&template);
            } else {
                self.say(&template, "is missing; give the pods' template, or refer to a workload");
            }
            return self.selector(&spec.get("selector"), &template.get("metadata").get("labels"));
        }
        if !self.reference(&reference, rollout) || workload.is_none() {
            return;
        }
        let template = Field::new(
            format!("{}: its template", reference.path),
            Some(workload::template(rollout, workload)),
        );
        if !template.is_given() {
            return self.say(&template, "is missing; refer to a workload that has one");
        }
        self.template(&template);
        let labels = template.get("metadata").get("labels");
        let own = spec.get("selector");
        if own.is_given() {
            return self.selector(&own, &labels);
        }
        let borrowed = Field::new(
            format!("{}: its selector", reference.path),
            Some(workload::selector(rollout, workload)),
        );
        if borrowed.is_given() {
            self.selector(&borrowed, &labels);
        } else {
            self.say(&own, "is missing, and the workload has none; name labels that its template has");
        }
    }

    /// `workloadRef`; whether it can be meant.
    fn reference(&mut self, reference: &Field<'_>, rollout: &Value) -> bool {
        if !self.object(reference) {
            return false;
        }
        let before = self.errors.len();
        self.only(reference, &["apiVersion", "kind", "name", "scaleDown"]);
        if let Some(refusal) = workload::refusal(rollout) {
            let message = format!(
                "{refusal}; refer to a Deployment, a ReplicaSet or a PodTemplate, and give no template"
            );
            self.say(reference, message);
        }
        let name = reference.get("name");
        if name.text().is_none() {
            self.say(&name, "must be the name of an object of this namespace");
        }
        let scale_down = reference.get("scaleDown");
        let known =
            |text: &str| text.is_empty() || workload::SCALE_DOWN.iter().any(|(value, _)| *value == text);
        if scale_down.is_given() && !scale_down.value.as_str().is_some_and(known) {
            let found = brief(scale_down.value);
            self.say(&scale_down, format!("must be never, onsuccess or progressively, not {found}"));
        }
        let scales =
            workload::workload_ref(rollout).filter(|one| one.scale_down != workload::ScaleDown::Never);
        if scales.is_some_and(|one| one.kind != workload::WorkloadKind::Deployment) {
            self.say(&scale_down, "is for Deployments only; remove it");
        }
        self.errors.len() == before
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
