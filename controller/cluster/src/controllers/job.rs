//! The Job controller (`pkg/controller/job`): pods until enough of them have succeeded or too many have failed, and what came
//! of them in the status.
//!
//! As the real one it counts a pod once, and lets it go only then: its pods carry a finalizer until they are counted, and the
//! status names those that are not. A Job ends in two writes: first the condition `SuccessCriteriaMet` or `FailureTarget`,
//! and when all pods are counted and none is going any more, `Complete` or `Failed`.
//!
//! Not modelled: indexed completion, failure and success policies, replacement of failed pods only, adoption, the time to live
//! after the end, the Events it writes, and the memory of failed pods that are gone, which lengthens the pause before the next one.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tidegate_api::{Preconditions, object};

use super::Task;
use super::job_status::{Counts, Ending, Uncounted, condition, is_over, set_condition, set_count};
use super::pods::is_ready;
use crate::cluster::Cluster;
use crate::json::{as_object, at, items, number, text};
use crate::metadata;
use crate::store::Place;

/// The finalizer of pods that are not counted.
const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// The pause after the first failed pod, in seconds, and the longest one; it doubles with each failure.
const BACK_OFF: (i64, i64) = (10, 600);

type Pod = (Place, Arc<Value>);

impl Cluster {
    pub(super) fn sync_job(&mut self, place: &Place) {
        let Some(job) = self.store.at(place).cloned() else { return };
        if object::is_deleting(&job) {
            return;
        }
        let pods = self.pods_of_job(object::uid(&job));
        if is_over(&job) {
            for (place, pod) in &pods {
                if is_ended(pod) || object::is_deleting(pod) {
                    self.untrack(place);
                }
            }
            return;
        }
        let mut status = job.get("status").cloned().unwrap_or_default();
        let mut uncounted = Uncounted::read(as_object(&mut status));
        let ending = self.pursue(place, &job, &pods, &uncounted, as_object(&mut status));
        if let Some(ending) = &ending {
            ending.announce(as_object(&mut status), &self.timestamp());
        }
        let mut counted = self.pods_of_job(object::uid(&job));
        counted.retain(|(_, pod)| is_tracked(pod) && (ending.is_some() || is_ended(pod) || is_failed(pod)));
        for (_, pod) in &counted {
            let uid = object::uid(pod);
            if text(pod, &["status", "phase"]) == "Succeeded" {
                uncounted.succeeded.insert(uid.to_owned());
            } else if is_failed(pod) || ending.as_ref().is_some_and(Ending::is_failure) {
                uncounted.failed.insert(uid.to_owned());
            }
        }
        uncounted.write(as_object(&mut status));
        self.put_status(place, &status);
        for (place, _) in &counted {
            self.untrack(place);
        }
        uncounted.count(as_object(&mut status));
        let is_going = number(&status, &["terminating"]).unwrap_or(0) > 0;
        if let Some(ending) = ending.filter(|_| !is_going) {
            ending.finish(as_object(&mut status), &self.timestamp());
        }
        self.put_status(place, &status);
    }

    /// Writes a Job's status, if it differs.
    fn put_status(&mut self, place: &Place, status: &Value) {
        let Some(job) = self.store.at(place).filter(|job| job.get("status") != Some(status)) else { return };
        let mut job = job.as_ref().clone();
        as_object(&mut job).insert("status".into(), status.clone());
        self.put(place, job);
    }

    /// Does what is to be done about a Job that has not ended, and says so in its status; how it ends, if it does now.
    fn pursue(
        &mut self,
        place: &Place,
        job: &Value,
        pods: &[Pod],
        uncounted: &Uncounted,
        status: &mut Map<String, Value>,
    ) -> Option<Ending> {
        let is_suspended = at(job, &["spec", "suspend"]) == Some(&Value::Bool(true));
        let counts = counts(pods, uncounted, status);
        let mut active: Vec<&Pod> =
            pods.iter().filter(|(_, pod)| !is_ended(pod) && !object::is_deleting(pod)).collect();
        let terminating = pods.iter().filter(|(_, pod)| !is_ended(pod) && object::is_deleting(pod)).count();
        if !status.contains_key("startTime") && !is_suspended {
            status.insert("startTime".into(), self.timestamp().into());
        }
        let mut ending =
            Ending::announced(status).or_else(|| self.failure(place, job, pods, &counts, status));
        let mut going = terminating;
        let mut made = 0;
        if ending.is_some() {
            // These are counted as they are: with a Job that fails, they have failed.
            self.remove_pods(&active);
            going += active.len();
            active.clear();
        } else {
            let wanted = if is_suspended { 0 } else { wanted(job, active.len(), &counts) };
            // The ones that have got least far go first, and count for nothing.
            active.sort_by_key(|(_, pod)| (!is_ready(pod), text(pod, &["status", "phase"]) != "Running"));
            let excess = active.split_off(wanted.min(active.len()));
            for (place, _) in &excess {
                self.untrack(place);
            }
            self.remove_pods(&excess);
            going += excess.len();
            if excess.is_empty() {
                made = self.add_pods(place, job, pods, wanted.saturating_sub(active.len()));
            }
            let is_enough = match number(job, &["spec", "completions"]) {
                Some(completions) => counts.succeeded >= completions,
                None => counts.succeeded > 0,
            };
            if is_enough && active.is_empty() && made == 0 {
                ending = Some(Ending::completed());
            } else {
                self.note_suspension(is_suspended, status);
            }
        }
        set_count(status, "active", active.len() + made);
        let ready = active.iter().filter(|(_, pod)| is_ready(pod)).count();
        status.insert("ready".into(), ready.into());
        status.insert("terminating".into(), going.into());
        ending
    }

    /// Notes that the Job stands still, or begins its time anew.
    fn note_suspension(&self, is_suspended: bool, status: &mut Map<String, Value>) {
        let noted = condition(status, "Suspended").is_some_and(|one| text(one, &["status"]) == "True");
        let now = self.timestamp();
        if is_suspended && !noted {
            set_condition(status, "Suspended", true, ("JobSuspended", "Job suspended"), &now);
        } else if noted && !is_suspended {
            set_condition(status, "Suspended", false, ("JobResumed", "Job resumed"), &now);
            status.insert("startTime".into(), now.into());
        }
    }

    /// How it fails, if it does now.
    fn failure(
        &mut self,
        place: &Place,
        job: &Value,
        pods: &[Pod],
        counts: &Counts,
        status: &Map<String, Value>,
    ) -> Option<Ending> {
        let limit = number(job, &["spec", "backoffLimit"]).unwrap_or(6);
        let restarts: i64 = if text(job, &["spec", "template", "spec", "restartPolicy"]) == "OnFailure" {
            pods.iter()
                .filter(|(_, pod)| !is_ended(pod))
                .map(|(_, pod)| restarts(pod))
                .fold(0, i64::saturating_add)
        } else {
            0
        };
        if counts.failed > limit || restarts > 0 && restarts >= limit {
            return Some(Ending::too_many_failures());
        }
        if at(job, &["spec", "suspend"]) == Some(&Value::Bool(true)) {
            return None;
        }
        let started: Timestamp = status.get("startTime").and_then(Value::as_str)?.parse().ok()?;
        let deadline = number(job, &["spec", "activeDeadlineSeconds"])?;
        let ends = started.checked_add(SignedDuration::from_secs(deadline)).ok()?;
        if ends <= self.now {
            return Some(Ending::too_late());
        }
        self.schedule.add(Task::Job(place.clone()), ends);
        None
    }

    /// Makes the pods that are missing; how many.
    fn add_pods(&mut self, place: &Place, job: &Value, pods: &[Pod], missing: usize) -> usize {
        if missing == 0 {
            return 0;
        }
        if let Some(from) = next_pod_at(pods).filter(|from| *from > self.now) {
            self.schedule.add(Task::Job(place.clone()), from);
            return 0;
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

    fn remove_pods(&mut self, pods: &[&Pod]) {
        let Some(kind) = self.store.kind(self.known.pods).cloned() else { return };
        for (place, pod) in pods {
            let same = Preconditions { uid: Some(object::uid(pod).to_owned()), resource_version: None };
            // The only way to fail is that it is gone, which is as good.
            let _ = self.delete(place.table, &kind, &place.namespace, &place.name, &same);
        }
    }

    /// The pods that a Job controls.
    fn pods_of_job(&self, uid: &str) -> Vec<Pod> {
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
}

/// Whether a pod has ended.
fn is_ended(pod: &Value) -> bool {
    matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed")
}

/// Whether a pod has failed; one that is deleted before its end has.
fn is_failed(pod: &Value) -> bool {
    match text(pod, &["status", "phase"]) {
        "Failed" => true,
        "Succeeded" => false,
        _ => object::is_deleting(pod),
    }
}

/// Whether a pod is not counted yet.
fn is_tracked(pod: &Value) -> bool {
    metadata::finalizers(pod).any(|finalizer| finalizer == TRACKING)
}

/// How many pods have succeeded and failed, those included that the status does not count yet.
fn counts(pods: &[Pod], uncounted: &Uncounted, status: &Map<String, Value>) -> Counts {
    let new = |is_it: &dyn Fn(&Value) -> bool| {
        let is_new = |pod: &Value| is_tracked(pod) && !uncounted.has(object::uid(pod)) && is_it(pod);
        i64::try_from(pods.iter().filter(|(_, pod)| is_new(pod)).count()).unwrap_or(i64::MAX)
    };
    let noted = Counts::read(status, uncounted);
    Counts {
        succeeded: noted.succeeded.saturating_add(new(&|pod| text(pod, &["status", "phase"]) == "Succeeded")),
        failed: noted.failed.saturating_add(new(&is_failed)),
    }
}

/// How many pods there should be at once.
fn wanted(job: &Value, active: usize, counts: &Counts) -> usize {
    let parallelism = number(job, &["spec", "parallelism"]).unwrap_or(1);
    let wanted = match number(job, &["spec", "completions"]) {
        Some(completions) => completions.saturating_sub(counts.succeeded).min(parallelism),
        // What runs after the first success may end by itself.
        None if counts.succeeded > 0 => return active,
        None => parallelism,
    };
    usize::try_from(wanted).unwrap_or(0)
}

/// How often the containers of a pod were started again.
fn restarts(pod: &Value) -> i64 {
    ["initContainerStatuses", "containerStatuses"]
        .iter()
        .flat_map(|field| items(pod, &["status", field]))
        .filter_map(|one| number(one, &["restartCount"]))
        .fold(0, i64::saturating_add)
}

/// From when on another pod may be made: the more have failed since the last success, the later.
fn next_pod_at(pods: &[Pod]) -> Option<Timestamp> {
    let ended = |is_it: &dyn Fn(&Value) -> bool| -> Vec<Timestamp> {
        pods.iter().filter(|(_, pod)| is_it(pod)).filter_map(|(_, pod)| finished_at(pod)).collect()
    };
    let success = ended(&|pod| text(pod, &["status", "phase"]) == "Succeeded").into_iter().max();
    let failures = ended(&is_failed).into_iter().filter(|at| success.is_none_or(|success| *at > success));
    let (count, last) = failures.fold((0_u32, None), |(count, last), at| (count + 1, last.max(Some(at))));
    let doublings = count.saturating_sub(1).min(6);
    let pause = BACK_OFF.0.saturating_mul(1 << doublings).min(BACK_OFF.1);
    Some(last?.checked_add(SignedDuration::from_secs(pause)).unwrap_or(Timestamp::MAX))
}

/// When a pod ended: with its last container, or when it was deleted.
fn finished_at(pod: &Value) -> Option<Timestamp> {
    let containers = items(pod, &["status", "containerStatuses"]);
    let ended = containers.iter().map(|one| text(one, &["state", "terminated", "finishedAt"]).parse().ok());
    // None unless all of them have ended.
    let ended = ended.collect::<Option<Vec<Timestamp>>>().and_then(|all| all.into_iter().max());
    ended.or_else(|| {
        let grace = number(pod, &["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0);
        let deleted: Timestamp = text(pod, &["metadata", "deletionTimestamp"]).parse().ok()?;
        deleted.checked_sub(SignedDuration::from_secs(grace)).ok()
    })
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
