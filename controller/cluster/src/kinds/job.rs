//! Jobs: what a server fills in and what it refuses (`pkg/apis/batch`, `pkg/registry/batch/job`).
//!
//! Not modelled: manual selectors, indexed completion, failure and success policies beyond what is refused or kept as any field.

use serde_json::{Value, json};
use tidegate_api::{Cause, object};

use super::{immutable, workload};
use crate::answer::{unsupported, value_invalid, value_required};
use crate::json::{as_object, at, default, number, object_at, text};

/// The labels by which a Job knows its pods; the second of each pair is the name from before they had prefixes.
const UID_LABELS: [&str; 2] = ["batch.kubernetes.io/controller-uid", "controller-uid"];
const NAME_LABELS: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];
/// The longest value of a label.
const LONGEST_LABEL: usize = 63;

/// What a server fills in when it reads one.
pub(super) fn default_job(job: &mut Value) {
    let spec = object_at(job, "spec");
    // With neither, one pod is to succeed; with a parallelism alone, any of its pods.
    if ["completions", "parallelism"].iter().all(|key| spec.get(*key).is_none_or(Value::is_null)) {
        default(spec, "completions", || 1.into());
    }
    default(spec, "parallelism", || 1.into());
    default(spec, "backoffLimit", || 6.into());
    default(spec, "completionMode", || "NonIndexed".into());
    default(spec, "suspend", || false.into());
    default(spec, "manualSelector", || false.into());
    default(spec, "podReplacementPolicy", || "TerminatingOrFailed".into());
    workload::default_template(spec);
}

/// What a server adds to a new one: the selector and the labels that make its pods its own.
pub(super) fn prepare(job: &mut Value) {
    let (uid, name) = (object::uid(job).to_owned(), object::name(job).to_owned());
    let spec = object_at(job, "spec");
    spec.insert("selector".into(), json!({"matchLabels": {UID_LABELS[0]: uid}}));
    let template = spec.entry("template").or_insert(Value::Null);
    let metadata = as_object(object_at(template, "metadata").entry("labels").or_insert(Value::Null));
    for (keys, value) in [(UID_LABELS, uid), (NAME_LABELS, name)] {
        for key in keys {
            metadata.insert(key.into(), value.as_str().into());
        }
    }
    as_object(job).insert("status".into(), json!({}));
}

/// What is wrong with one.
pub(super) fn validate(new: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    for key in
        ["parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"]
    {
        if let Some(count) = number(new, &["spec", key]).filter(|count| *count < 0) {
            let field = format!("spec.{key}");
            causes.push(value_invalid(&field, &count.into(), "must be greater than or equal to 0"));
        }
    }
    // Its pods carry its name in a label.
    let name = object::name(new);
    if name.len() > LONGEST_LABEL {
        for key in NAME_LABELS {
            let field = format!("spec.template.metadata.labels[{key}]");
            causes.push(value_invalid(&field, &name.into(), "must be no more than 63 bytes"));
        }
    }
    workload::validate_pod_spec("spec.template.spec", at(new, &["spec", "template", "spec"]), &mut causes);
    let policies = ["OnFailure", "Never"];
    let field = "spec.template.spec.restartPolicy";
    match text(new, &["spec", "template", "spec", "restartPolicy"]) {
        "Always" => causes.push(value_required(field, "valid values: \"OnFailure\", \"Never\"")),
        policy if !policies.contains(&policy) => {
            causes.push(unsupported(field, &policy.into(), &policies.map(Value::from)));
        }
        _ => {}
    }
    if let Some(old) = old {
        for key in ["completions", "selector", "template", "completionMode"] {
            causes.extend(immutable(&format!("spec.{key}"), new, old, &["spec", key]));
        }
    }
    causes
}

/// The first field that a typed Job cannot hold.
pub(super) fn mistyped(job: &Value) -> Option<String> {
    let wrong = |path: &[&str], fits: fn(&Value) -> bool| {
        at(job, path).is_some_and(|value| !(value.is_null() || fits(value)))
    };
    for key in
        ["parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"]
    {
        if wrong(&["spec", key], Value::is_i64) {
            return Some(format!("spec.{key} of type int32"));
        }
    }
    if wrong(&["spec", "suspend"], Value::is_boolean) {
        return Some("spec.suspend of type bool".to_owned());
    }
    for path in [&["spec"][..], &["spec", "selector"], &["spec", "template"], &["status"]] {
        if wrong(path, Value::is_object) {
            return Some(format!("{} of type struct", path.join(".")));
        }
    }
    None
}
