//! The Job controller (`pkg/controller/job`): pods until enough of them have succeeded or too many have failed, and what came
//! of them in the status.
//!
//! As the real one it counts a pod once, and lets it go only then: its pods carry a finalizer until they are counted. A Job
//! ends in two writes: first the condition `SuccessCriteriaMet` or `FailureTarget`, and when no pod runs any more
//! `Complete` or `Failed`.
//!
//! Not modelled: indexed completion, failure and success policies, work queues (a parallelism without completions) beyond
//! ending with the first success, adoption, the time to live after the end, and the Events it writes.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tidegate_api::{Preconditions, object};

use super::Task;
use super::pods::{is_ready, most_restarts};
use crate::cluster::Cluster;
use crate::json::{as_object, at, items, number, text};
use crate::metadata;
use crate::store::Place;

/// The finalizer of pods that are not counted.
const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// The pause after the first failed pod, in seconds, and the longest one; it doubles with each failure.
const BACK_OFF: (i64, i64) = (10, 600);

impl Cluster {
    pub(super) fn sync_job(&mut self, place: &Place) {
        let Some(job) = self.store.at(place).cloned() else { return };
        if object::is_deleting(&job) {
            return;
        }
        let pods = self.pods_of_job(object::uid(&job));
        let mut status = job.get("status").cloned().unwrap_or_default();
        if !is_over(&job) {
            self.pursue(place, &job, &pods, as_object(&mut status));
        }
        // The status was written by nobody since it was read: pods leave it alone.
        if job.get("status") != Some(&status) {
            let mut job = job.as_ref().clone();
            as_object(&mut job).insert("status".into(), status);
            self.put(place, job);
        }
        for (place, pod) in &pods {
            if is_ended(pod) || object::is_deleting(pod) {
                self.untrack(place);
            }
        }
    }

    /// Does what is to be done about a Job that has not ended, and says so in its status.
    fn pursue(
        &mut self,
        place: &Place,
        job: &Value,
        pods: &[(Place, Arc<Value>)],
        status: &mut Map<String, Value>,
    ) {
        let is_suspended = at(job, &["spec", "suspend"]) == Some(&Value::Bool(true));
        let is_tracked = |pod: &Value| metadata::finalizers(pod).any(|finalizer| finalizer == TRACKING);
        let new = |fits: &dyn Fn(&Value) -> bool| {
            let pods = pods.iter().filter(|(_, pod)| is_tracked(pod) && fits(pod)).count();
            i64::try_from(pods).unwrap_or(i64::MAX)
        };
        let of =
            |status: &Map<String, Value>, key: &str| status.get(key).and_then(Value::as_i64).unwrap_or(0);
        let succeeded = of(status, "succeeded") + new(&|pod| text(pod, &["status", "phase"]) == "Succeeded");
        // Pods that go because the Job is suspended have not failed.
        let failed = of(status, "failed")
            + new(&|pod| match text(pod, &["status", "phase"]) {
                "Failed" => true,
                "Succeeded" => false,
                _ => object::is_deleting(pod) && !is_suspended,
            });
        let active: Vec<&(Place, Arc<Value>)> =
            pods.iter().filter(|(_, pod)| !is_ended(pod) && !object::is_deleting(pod)).collect();
        let terminating = pods.iter().filter(|(_, pod)| !is_ended(pod) && object::is_deleting(pod)).count();
        self.note_suspension(job, is_suspended, status);

        let counts = Counts { succeeded, failed };
        let verdict = self.verdict(place, job, &active, &counts, status);
        let mut now_active = active.len();
        if let Some(verdict) = verdict {
            self.remove_pods(&active);
            now_active = 0;
            let is_announced = condition(status, verdict.announced).is_some();
            self.set_job_condition(status, verdict.announced, verdict.reason, verdict.message);
            if is_announced && active.is_empty() && terminating == 0 {
                self.set_job_condition(status, verdict.ended, verdict.reason, verdict.message);
                if verdict.ended == "Complete" {
                    status.insert("completionTime".into(), self.timestamp().into());
                }
            } else {
                self.after(self.settings.controllers_act_after, Task::Job(place.clone()));
            }
        } else if is_suspended {
            self.remove_pods(&active);
            now_active = 0;
        } else {
            now_active += self.add_pods(place, job, pods, active.len(), &counts);
        }
        let ready = active.iter().filter(|(_, pod)| now_active > 0 && is_ready(pod)).count();
        for (key, count) in [
            ("active", i64::try_from(now_active).unwrap_or(i64::MAX)),
            ("succeeded", succeeded),
            ("failed", failed),
        ] {
            // The typed object leaves out zeros.
            if count == 0 {
                status.shift_remove(key);
            } else {
                status.insert(key.into(), count.into());
            }
        }
        let going = terminating + active.len().saturating_sub(now_active);
        status.insert("ready".into(), ready.into());
        status.insert("terminating".into(), going.into());
        status.insert("uncountedTerminatedPods".into(), json!({}));
    }

    /// Begins the Job's time, or notes that it stands still.
    fn note_suspension(&self, job: &Value, is_suspended: bool, status: &mut Map<String, Value>) {
        let noted = condition(status, "Suspended").map(|one| text(one, &["status"]) == "True");
        if is_suspended {
            if noted != Some(true) {
                self.set_job_condition(status, "Suspended", "JobSuspended", "Job suspended");
            }
            status.shift_remove("startTime");
            return;
        }
        if noted == Some(true) {
            self.set_job_condition(status, "Suspended", "JobResumed", "Job resumed");
            if let Some(one) = conditions(status).iter_mut().find(|one| text(one, &["type"]) == "Suspended") {
                as_object(one).insert("status".into(), "False".into());
            }
        }
        if !status.contains_key("startTime") && !object::is_deleting(job) {
            status.insert("startTime".into(), self.timestamp().into());
        }
    }

    /// How it ends, if it does now.
    fn verdict(
        &mut self,
        place: &Place,
        job: &Value,
        active: &[&(Place, Arc<Value>)],
        counts: &Counts,
        status: &Map<String, Value>,
    ) -> Option<&'static Verdict> {
        // What was announced stays so.
        let announced = [&COMPLETED, &TOO_LATE, &TOO_MANY_FAILURES].into_iter().find(|verdict| {
            condition(status, verdict.announced).is_some_and(|one| text(one, &["reason"]) == verdict.reason)
        });
        if announced.is_some() {
            return announced;
        }
        let limit = number(job, &["spec", "backoffLimit"]).unwrap_or(6);
        let restarts: u64 = if text(job, &["spec", "template", "spec", "restartPolicy"]) == "OnFailure" {
            active.iter().map(|(_, pod)| most_restarts(pod)).sum()
        } else {
            0
        };
        let restarts = i64::try_from(restarts).unwrap_or(i64::MAX);
        if counts.failed > limit || restarts > 0 && restarts >= limit {
            return Some(&TOO_MANY_FAILURES);
        }
        let started: Option<Timestamp> =
            status.get("startTime").and_then(Value::as_str).and_then(|at| at.parse().ok());
        let deadline = number(job, &["spec", "activeDeadlineSeconds"]);
        if let Some(ends) = started
            .zip(deadline)
            .and_then(|(started, seconds)| started.checked_add(SignedDuration::from_secs(seconds)).ok())
        {
            if ends <= self.now {
                return Some(&TOO_LATE);
            }
            self.schedule.add(Task::Job(place.clone()), ends);
        }
        let is_complete = match number(job, &["spec", "completions"]) {
            Some(completions) => counts.succeeded >= completions,
            None => counts.succeeded > 0 && active.is_empty(),
        };
        is_complete.then_some(&COMPLETED)
    }

    /// Makes the pods that are missing; how many.
    fn add_pods(
        &mut self,
        place: &Place,
        job: &Value,
        pods: &[(Place, Arc<Value>)],
        active: usize,
        counts: &Counts,
    ) -> usize {
        let parallelism = number(job, &["spec", "parallelism"]).unwrap_or(1);
        let missing = match number(job, &["spec", "completions"]) {
            Some(completions) => completions.saturating_sub(counts.succeeded).min(parallelism),
            None if counts.succeeded > 0 => 0,
            None => parallelism,
        };
        let missing = usize::try_from(missing).unwrap_or(0).saturating_sub(active);
        if missing == 0 {
            return 0;
        }
        let last = pods.iter().filter_map(|(_, pod)| failed_at(pod)).max();
        if let Some(last) = last.filter(|_| counts.failed > 0) {
            let doublings = u32::try_from((counts.failed - 1).min(6)).unwrap_or(6);
            let pause = BACK_OFF.0.saturating_mul(1 << doublings).min(BACK_OFF.1);
            let from = last.checked_add(SignedDuration::from_secs(pause)).unwrap_or(Timestamp::MAX);
            if from > self.now {
                self.schedule.add(Task::Job(place.clone()), from);
                return 0;
            }
        }
        let table = self.known.pods;
        let Some(kind) = self.store.kind(table).cloned() else { return 0 };
        let pod = pod_of(job);
        let made =
            (0..missing).take_while(|_| self.create(table, &kind, &place.namespace, &pod).is_ok()).count();
        if made < missing {
            self.after(Duration::from_secs(1), Task::Job(place.clone()));
        }
        made
    }

    fn remove_pods(&mut self, pods: &[&(Place, Arc<Value>)]) {
        let Some(kind) = self.store.kind(self.known.pods).cloned() else { return };
        for (place, pod) in pods {
            let same = Preconditions { uid: Some(object::uid(pod).to_owned()), resource_version: None };
            // The only way to fail is that it is gone, which is as good.
            let _ = self.delete(place.table, &kind, &place.namespace, &place.name, &same);
        }
    }

    /// The pods that a Job controls.
    fn pods_of_job(&self, uid: &str) -> Vec<(Place, Arc<Value>)> {
        self.store
            .dependents(uid)
            .filter(|place| place.table == self.known.pods)
            .filter_map(|place| Some((place.clone(), self.store.at(place)?.clone())))
            .filter(|(_, pod)| object::controller_uid(pod) == Some(uid))
            .collect()
    }

    /// Lets a pod go that is counted, or whose Job is gone.
    pub(super) fn untrack(&mut self, place: &Place) {
        let Some(pod) = self.store.at(place).cloned() else { return };
        let kept: Vec<Value> =
            metadata::finalizers(&pod).filter(|finalizer| *finalizer != TRACKING).map(Value::from).collect();
        if kept.len() == metadata::finalizers(&pod).count() {
            return;
        }
        let is_stopped = number(&pod, &["metadata", "deletionGracePeriodSeconds"]) == Some(0);
        if kept.is_empty() && object::is_deleting(&pod) && is_stopped {
            self.take(place);
            return;
        }
        let mut new = pod.as_ref().clone();
        if kept.is_empty() {
            metadata::unset(&mut new, "finalizers");
        } else {
            metadata::set(&mut new, "finalizers", kept);
        }
        self.put(place, new);
    }

    /// Has nothing hold the pods of a Job that is gone.
    pub(super) fn orphan_pods(&mut self, job: &Value) {
        for (place, _) in self.pods_of_job(object::uid(job)) {
            self.after(self.settings.controllers_act_after, Task::Untrack(place));
        }
    }

    fn set_job_condition(&self, status: &mut Map<String, Value>, kind: &str, reason: &str, message: &str) {
        let now = self.timestamp();
        let all = conditions(status);
        let old = all.iter_mut().find(|one| text(one, &["type"]) == kind);
        if old.as_ref().is_some_and(|one| text(one, &["reason"]) == reason) {
            return;
        }
        let new = json!({
            "type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now,
            "reason": reason, "message": message,
        });
        match old {
            Some(old) => *old = new,
            None => all.push(new),
        }
    }
}

/// What became of a Job's pods.
struct Counts {
    succeeded: i64,
    failed: i64,
}

/// How a Job ends.
#[derive(Debug)]
struct Verdict {
    /// The condition that says so at once.
    announced: &'static str,
    /// The condition that says so when no pod runs any more.
    ended: &'static str,
    reason: &'static str,
    message: &'static str,
}

const COMPLETED: Verdict = Verdict {
    announced: "SuccessCriteriaMet",
    ended: "Complete",
    reason: "CompletionsReached",
    message: "Reached expected number of succeeded pods",
};
const TOO_LATE: Verdict = Verdict {
    announced: "FailureTarget",
    ended: "Failed",
    reason: "DeadlineExceeded",
    message: "Job was active longer than specified deadline",
};
const TOO_MANY_FAILURES: Verdict = Verdict {
    announced: "FailureTarget",
    ended: "Failed",
    reason: "BackoffLimitExceeded",
    message: "Job has reached the specified backoff limit",
};

/// The conditions in a status, made when there are none.
fn conditions(status: &mut Map<String, Value>) -> &mut Vec<Value> {
    let slot = status.entry("conditions").or_insert_with(|| json!([]));
    if !slot.is_array() {
        *slot = json!([]);
    }
    match slot {
        Value::Array(all) => all,
        _ => unreachable!("it was made a list just above"),
    }
}

/// A condition in a status, whether it holds or not.
fn condition<'a>(status: &'a Map<String, Value>, kind: &str) -> Option<&'a Value> {
    let all = status.get("conditions").and_then(Value::as_array)?;
    all.iter().find(|one| text(one, &["type"]) == kind)
}

/// Whether a Job has ended.
fn is_over(job: &Value) -> bool {
    items(job, &["status", "conditions"])
        .iter()
        .any(|one| matches!(text(one, &["type"]), "Complete" | "Failed") && text(one, &["status"]) == "True")
}

/// Whether a pod has ended.
fn is_ended(pod: &Value) -> bool {
    matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed")
}

/// When a pod failed.
fn failed_at(pod: &Value) -> Option<Timestamp> {
    if text(pod, &["status", "phase"]) != "Failed" {
        return None;
    }
    let containers = items(pod, &["status", "containerStatuses"]);
    containers.iter().filter_map(|one| text(one, &["state", "terminated", "finishedAt"]).parse().ok()).max()
}

/// A pod as a Job's template has it.
fn pod_of(job: &Value) -> Value {
    let template = at(job, &["spec", "template"]).unwrap_or(&Value::Null);
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}});
    for key in ["labels", "annotations"] {
        metadata::copy(template, &mut pod, key);
    }
    let name = object::name(job);
    metadata::set(&mut pod, "generateName", format!("{name}-"));
    metadata::set(&mut pod, "finalizers", json!([TRACKING]));
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": object::uid(job),
        "controller": true, "blockOwnerDeletion": true,
    });
    metadata::set(&mut pod, "ownerReferences", json!([owner]));
    let spec = template.get("spec").cloned().unwrap_or_default();
    as_object(&mut pod).insert("spec".into(), spec);
    pod
}
