//! The spec of an Experiment, read totally.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_analysis::Reference;
use tidegate_model::duration::pause_duration;
use tidegate_model::validate::SpecError;

/// How long pods may take to become available when it is not said, in seconds (Argo Rollouts).
const DEFAULT_PROGRESS_DEADLINE_SECONDS: i64 = 600;
/// How long pods stay after the end when it is not said, in seconds (Argo Rollouts).
const DEFAULT_SCALE_DOWN_DELAY_SECONDS: i64 = 30;

/// `spec` of an Experiment.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) templates: Vec<Template>,
    pub(crate) analyses: Vec<Analysis>,
    /// Seconds from when all pods were available; None: without end.
    pub(crate) duration: Option<i64>,
    pub(crate) progress_deadline_seconds: i64,
    pub(crate) scale_down_delay_seconds: i64,
    pub(crate) is_terminated: bool,
}

/// Pods of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) name: String,
    pub(crate) replicas: i64,
    pub(crate) min_ready_seconds: i64,
    pub(crate) selector: Value,
    /// The pods' template.
    pub(crate) pods: Value,
    /// Whether it has a Service.
    pub(crate) has_service: bool,
    /// The Service's name, if one is given.
    pub(crate) service_name: Option<String>,
}

/// An analysis.
#[derive(Clone, Debug)]
pub(crate) struct Analysis {
    pub(crate) name: String,
    pub(crate) reference: Reference,
    pub(crate) args: Value,
    pub(crate) is_required: bool,
}

impl Spec {
    /// Reads the spec, and says what is wrong with it.
    pub(crate) fn read(experiment: &Value) -> (Self, Vec<SpecError>) {
        let spec = experiment.get("spec").unwrap_or(&Value::Null);
        let mut errors = Vec::new();
        let mut say = |path: &str, message: &str| {
            errors.push(SpecError { path: path.to_owned(), message: message.to_owned() });
        };
        let list =
            |field: &str| spec.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let templates: Vec<Template> = list("templates").iter().map(Template::read).collect();
        let analyses: Vec<Analysis> = list("analyses").iter().map(Analysis::read).collect();
        if templates.is_empty() {
            say("spec.templates", "must have at least one template");
        }
        let mut names = BTreeSet::new();
        let mut services = BTreeSet::new();
        for (index, template) in templates.iter().enumerate() {
            let path = format!("spec.templates[{index}]");
            if template.name.is_empty() || !names.insert(template.name.as_str()) {
                say(&format!("{path}.name"), "must be a name that no other template has");
            }
            if !template.pods.is_object() || !template.selector.is_object() {
                say(&path, "must have a selector and a template");
            } else if !template.selects_itself() {
                say(
                    &format!("{path}.selector"),
                    "must select the labels of the template; correct one of them",
                );
            }
            if let Some(service) = &template.service_name
                && !services.insert(service.as_str())
            {
                say(&format!("{path}.service.name"), "another template's Service has this name; rename one");
            }
        }
        let mut names = BTreeSet::new();
        for (index, analysis) in analyses.iter().enumerate() {
            if analysis.name.is_empty() || !names.insert(analysis.name.as_str()) {
                say(&format!("spec.analyses[{index}].name"), "must be a name that no other analysis has");
            }
        }
        let duration = spec.get("duration").filter(|duration| duration.as_str() != Some(""));
        let duration = pause_duration(duration.unwrap_or(&Value::Null)).unwrap_or_else(|error| {
            say("spec.duration", &error.to_string());
            None
        });
        let number = |field: &str, otherwise: i64| {
            let given = spec.get(field).and_then(Value::as_i64);
            given.filter(|seconds| (0..=i64::from(i32::MAX)).contains(seconds)).unwrap_or(otherwise)
        };
        let read = Self {
            templates,
            analyses,
            duration,
            progress_deadline_seconds: number("progressDeadlineSeconds", DEFAULT_PROGRESS_DEADLINE_SECONDS),
            scale_down_delay_seconds: number("scaleDownDelaySeconds", DEFAULT_SCALE_DOWN_DELAY_SECONDS),
            is_terminated: spec.get("terminate").and_then(Value::as_bool).unwrap_or_default(),
        };
        (read, errors)
    }
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Template {
    fn read(value: &Value) -> Self {
        let number = |field: &str| {
            value.get(field).and_then(Value::as_i64).map(|number| number.clamp(0, i64::from(i32::MAX)))
        };
        let service = value.get("service").filter(|service| !service.is_null());
        Self {
            name: text(value, "name"),
            replicas: number("replicas").unwrap_or(1),
            min_ready_seconds: number("minReadySeconds").unwrap_or_default(),
            selector: value.get("selector").cloned().unwrap_or_default(),
            pods: value.get("template").cloned().unwrap_or_default(),
            has_service: service.is_some(),
            service_name: service.map(|service| text(service, "name")).filter(|name| !name.is_empty()),
        }
    }

    fn selects_itself(&self) -> bool {
        let labels = self.pods.pointer("/metadata/labels").and_then(Value::as_object);
        let wanted = self.selector.get("matchLabels").and_then(Value::as_object);
        wanted
            .into_iter()
            .flatten()
            .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
    }
}

impl Analysis {
    fn read(value: &Value) -> Self {
        let flag = |field: &str| value.get(field).and_then(Value::as_bool).unwrap_or_default();
        Self {
            name: text(value, "name"),
            reference: Reference { cluster: flag("clusterScope"), name: text(value, "templateName") },
            args: value.get("args").cloned().unwrap_or_default(),
            is_required: flag("requiredForCompletion"),
        }
    }
}
