//! The provider `job`: a Kubernetes Job that succeeds or fails.

use serde_json::{Map, Value, json};
use tidegate_api::object;

use crate::answer::Outcome;
use crate::field::{Field, Problems, brief};
use crate::phase::Phase;

/// Label of a Job: the uid of its run (Argo Rollouts).
pub const RUN_UID_LABEL: &str = "analysisrun.argoproj.io/uid";
/// Annotation of a Job: the name of its run (Argo Rollouts).
pub const RUN_NAME_ANNOTATION: &str = "analysisrun.argoproj.io/name";
/// Annotation of a Job: the name of its metric (Argo Rollouts).
pub const METRIC_NAME_ANNOTATION: &str = "analysisrun.argoproj.io/metric-name";
/// Key in a measurement's metadata: the name of its Job (Argo Rollouts).
pub const JOB_NAME_KEY: &str = "job-name";
/// The longest name of a Job: its pods carry it as a label.
const LONGEST_NAME: usize = 63;

/// What Job is run.
#[derive(Clone, Debug, PartialEq)]
pub struct JobConfig {
    /// Labels beside ours.
    pub labels: Map<String, Value>,
    /// Annotations beside ours.
    pub annotations: Map<String, Value>,
    /// The Job's spec; the API server judges it.
    pub spec: Value,
}

impl JobConfig {
    pub(crate) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<Self> {
        problems.only(field, &["metadata", "spec"]);
        let metadata = field.get("metadata");
        problems.only(&metadata, &["labels", "annotations"]);
        let mut texts = |name: &str| {
            let field = metadata.get(name);
            let texts = field.value.as_object().cloned().unwrap_or_default();
            if (field.is_given() && !field.value.is_object()) || texts.values().any(|text| !text.is_string())
            {
                problems.say(&field, "must be a map of strings; put the values in quotes");
            }
            texts
        };
        let (labels, annotations) = (texts("labels"), texts("annotations"));
        let spec = field.get("spec");
        if !spec.get("template").value.is_object() {
            problems
                .say(&spec, format!("must be the spec of a Job, with a template, not {}", brief(spec.value)));
            return None;
        }
        Some(Self { labels, annotations, spec: spec.value.clone() })
    }

    /// The Job of a measurement, ready to be created.
    pub fn object(&self, run: &Value, metric: &str, number: u64) -> Value {
        let (mut labels, mut annotations) = (self.labels.clone(), self.annotations.clone());
        labels.insert(RUN_UID_LABEL.to_owned(), object::uid(run).into());
        annotations.insert(RUN_NAME_ANNOTATION.to_owned(), object::name(run).into());
        annotations.insert(METRIC_NAME_ANNOTATION.to_owned(), metric.into());
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name(object::uid(run), metric, number),
                "namespace": object::namespace(run),
                "labels": labels,
                "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": "argoproj.io/v1alpha1",
                    "kind": "AnalysisRun",
                    "name": object::name(run),
                    "uid": object::uid(run),
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
            },
            "spec": self.spec,
        })
    }
}

/// The name of a measurement's Job: `<uid>.<metric>.<number>`, as Argo names it. Of a metric whose name cannot be part of the name
/// of an object, or is too long, what can be, with a hash of all of it. The same measurement always has the same Job, so that
/// it is never taken twice.
pub fn name(run_uid: &str, metric: &str, number: u64) -> String {
    let is_right = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let is_plain = metric.chars().all(is_right)
        && !metric.starts_with('-')
        && !metric.ends_with('-')
        && !metric.is_empty();
    let name = format!("{run_uid}.{metric}.{number}");
    if is_plain && name.len() <= LONGEST_NAME {
        return name;
    }
    let ending = format!("{:08x}.{number}", fnv(metric.as_bytes()));
    let room = LONGEST_NAME.saturating_sub(run_uid.len() + ending.len() + 2);
    let readable: String =
        metric.to_lowercase().chars().filter(|letter| is_right(*letter)).take(room).collect();
    match readable.trim_matches('-') {
        "" => format!("{run_uid}.{ending}"),
        readable => format!("{run_uid}.{readable}-{ending}"),
    }
}

/// FNV-1a, 32 bits.
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// What a Job says about its measurement; `job`: as it was observed, none when there is no such Job.
pub fn read(job: Option<&Value>, name: &str, run: &Value) -> Outcome {
    let Some(job) = job else {
        return Outcome::Error(format!("Job \"{name}\" does not exist; was it deleted?"));
    };
    if object::label(job, RUN_UID_LABEL) != Some(object::uid(run)) {
        let message = format!("Job \"{name}\" belongs to something else; delete or rename it");
        return Outcome::Error(message);
    }
    let conditions = job.pointer("/status/conditions").and_then(Value::as_array);
    let text = |condition: &Value, field: &str| {
        condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    for condition in conditions.into_iter().flatten() {
        if text(condition, "status") != "True" {
            continue;
        }
        match text(condition, "type").as_str() {
            "Complete" => return Outcome::Verdict { phase: Phase::Successful, message: String::new() },
            "Failed" => {
                let said = [text(condition, "reason"), text(condition, "message")];
                let said: Vec<_> = said.into_iter().filter(|text| !text.is_empty()).collect();
                return Outcome::Verdict { phase: Phase::Failed, message: said.join(": ") };
            }
            _ => {}
        }
    }
    Outcome::Running
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Value {
        json!({"metadata": {"name": "run", "namespace": "ns", "uid": "0f7f9c1c-1111-2222-3333-444455556666"}})
    }

    #[test]
    fn jobs_are_named_so_that_they_can_be_created() {
        let uid = "0f7f9c1c-1111-2222-3333-444455556666";
        assert_eq!(name(uid, "web", 1), format!("{uid}.web.1"));
        for metric in ["Web_Check", "", "-", "ä", "a-very-long-name-of-a-metric", "x.y", "UPPER"] {
            let long = name(uid, metric, 12);
            assert!(long.len() <= LONGEST_NAME, "{long}");
            let is_right = |part: &str| {
                !part.is_empty()
                    && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                    && !part.starts_with('-')
                    && !part.ends_with('-')
            };
            assert!(long.split('.').all(is_right), "{long}");
        }
        assert_ne!(name(uid, "Web", 1), name(uid, "wEb", 1));
    }

    #[test]
    fn a_job_is_what_the_metric_says_and_belongs_to_the_run() {
        let config = json!({"metadata": {"labels": {"a": "b", RUN_UID_LABEL: "x"}, "annotations": {"c": "d"}},
            "spec": {"backoffLimit": 1, "template": {"spec": {"containers": []}}}});
        let mut problems = Problems::default();
        let config = JobConfig::read(&Field::new("job", Some(&config)), &mut problems).unwrap();
        assert_eq!(problems.0, []);
        let uid = "0f7f9c1c-1111-2222-3333-444455556666";
        let job = config.object(&run(), "curl", 3);
        assert_eq!(
            job,
            json!({
                "apiVersion": "batch/v1", "kind": "Job",
                "metadata": {
                    "name": format!("{uid}.curl.3"), "namespace": "ns",
                    "labels": {"a": "b", RUN_UID_LABEL: uid},
                    "annotations": {"c": "d", RUN_NAME_ANNOTATION: "run", METRIC_NAME_ANNOTATION: "curl"},
                    "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "name": "run",
                        "uid": uid, "controller": true, "blockOwnerDeletion": true}],
                },
                "spec": {"backoffLimit": 1, "template": {"spec": {"containers": []}}},
            })
        );
    }

    #[test]
    fn a_job_says_how_its_measurement_ended() {
        let uid = "0f7f9c1c-1111-2222-3333-444455556666";
        let job = |conditions: Value| json!({"metadata": {"labels": {RUN_UID_LABEL: uid}}, "status": {"conditions": conditions}});
        let verdict = |phase, message: &str| Outcome::Verdict { phase, message: message.to_owned() };
        for (conditions, expected) in [
            (json!(null), Outcome::Running),
            (json!([]), Outcome::Running),
            (json!("odd"), Outcome::Running),
            (json!([null, 1, {"type": "Complete"}]), Outcome::Running),
            (json!([{"type": "Complete", "status": "False"}]), Outcome::Running),
            (json!([{"type": "FailureTarget", "status": "True"}]), Outcome::Running),
            (
                json!([{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]),
                verdict(Phase::Successful, ""),
            ),
            (json!([{"type": "Failed", "status": "True"}]), verdict(Phase::Failed, "")),
            (
                json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}]),
                verdict(Phase::Failed, "BackoffLimitExceeded: too often"),
            ),
        ] {
            assert_eq!(read(Some(&job(conditions.clone())), "j", &run()), expected, "{conditions}");
        }
        assert!(matches!(read(None, "j", &run()), Outcome::Error(_)));
        assert!(matches!(read(Some(&json!({})), "j", &run()), Outcome::Error(_)));
    }
}
