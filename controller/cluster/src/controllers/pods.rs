//! Nodes: every pod is bound to one at once, starts, gets ready or not, and goes when it is deleted.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidegate_api::object;

use super::Task;
use crate::cluster::Cluster;
use crate::json::{as_object, at, items, number, object_at, text};
use crate::metadata;
use crate::settings::PodOutcome;
use crate::store::Place;

/// The one node.
const NODE: &str = "node-1";
/// With what a container exits that a signal to terminate has ended.
const STOPPED: i32 = 143;
/// The pause before a container that exited is started again the first time, in seconds, and the longest one
/// (kubelet's `backOffPeriod` and `MaxContainerBackOff`).
const BACK_OFF: (u64, u64) = (10, 300);

/// A step in the life of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// It is bound to a node, which begins to start its containers.
    Bind,
    /// Its containers run, and are ready if they ever will be.
    Run,
    /// A container exits.
    Crash,
    /// Its containers exit with success.
    Succeed,
    /// A container that exited is started again.
    Restart,
    /// Its containers have stopped.
    Stop,
}

/// How a pod's containers are.
struct Condition<'a> {
    phase: &'a str,
    ready: bool,
    /// Why its containers wait, if they do not run.
    waiting: Option<&'a str>,
    /// How its containers exited, if they will not be started again.
    exit_code: Option<i32>,
    restarts: u64,
}

impl Cluster {
    pub(super) fn react_pod(&mut self, place: &Place, old: Option<&Value>, new: Option<&Value>) {
        let Some(new) = new else { return };
        let uid = object::uid(new).to_owned();
        if old.is_none() {
            let soon = self.settings.controllers_act_after;
            let runs = match self.settings.pods.outcome(new) {
                PodOutcome::ReadyAfter(after) => after,
                _ => self.settings.pods.ready_after,
            };
            self.after(soon, Task::Pod(place.clone(), uid.clone(), Step::Bind));
            self.after(soon.max(runs), Task::Pod(place.clone(), uid.clone(), Step::Run));
        }
        if object::is_deleting(new) && !old.is_some_and(object::is_deleting) {
            let grace = number(new, &["metadata", "deletionGracePeriodSeconds"]).unwrap_or_default();
            let grace = std::time::Duration::from_secs(u64::try_from(grace).unwrap_or_default());
            let stops = self.settings.pods.terminates_after.min(grace);
            self.after(stops, Task::Pod(place.clone(), uid, Step::Stop));
        }
    }

    pub(super) fn step_pod(&mut self, place: &Place, uid: &str, step: Step) {
        let Some(pod) = self.store.at(place).cloned() else { return };
        let is_over = matches!(text(&pod, &["status", "phase"]), "Succeeded" | "Failed");
        if object::uid(&pod) != uid || ((object::is_deleting(&pod) || is_over) && step != Step::Stop) {
            return;
        }
        let outcome = self.settings.pods.outcome(&pod);
        let restarts = restarts(&pod);
        let policy = text(&pod, &["spec", "restartPolicy"]);
        let next = |step: Step| Task::Pod(place.clone(), uid.to_owned(), step);
        match step {
            Step::Bind => {
                let mut new = pod.as_ref().clone();
                object_at(&mut new, "spec").entry("nodeName").or_insert_with(|| NODE.into());
                object_at(&mut new, "status").insert("startTime".into(), self.timestamp().into());
                let waiting = Condition {
                    phase: "Pending",
                    ready: false,
                    waiting: Some("ContainerCreating"),
                    exit_code: None,
                    restarts,
                };
                self.set_pod(place, new, &waiting);
            }
            Step::Run => {
                let condition = match &outcome {
                    PodOutcome::NeverStarts { reason } => Condition {
                        phase: "Pending",
                        ready: false,
                        waiting: Some(reason),
                        exit_code: None,
                        restarts,
                    },
                    PodOutcome::NeverReady => {
                        Condition { phase: "Running", ready: false, waiting: None, exit_code: None, restarts }
                    }
                    _ => {
                        Condition { phase: "Running", ready: true, waiting: None, exit_code: None, restarts }
                    }
                };
                self.set_pod(place, pod.as_ref().clone(), &condition);
                match outcome {
                    PodOutcome::Crashes { after } => self.after(after, next(Step::Crash)),
                    PodOutcome::Succeeds { after } => self.after(after, next(Step::Succeed)),
                    _ => {}
                }
            }
            Step::Succeed if policy != "Always" => {
                let ended = Condition {
                    phase: "Succeeded",
                    ready: false,
                    waiting: None,
                    exit_code: Some(0),
                    restarts,
                };
                self.set_pod(place, pod.as_ref().clone(), &ended);
            }
            Step::Crash if policy == "Never" => {
                let ended =
                    Condition { phase: "Failed", ready: false, waiting: None, exit_code: Some(1), restarts };
                self.set_pod(place, pod.as_ref().clone(), &ended);
            }
            Step::Crash | Step::Succeed => {
                let waits = Condition {
                    phase: "Running",
                    ready: false,
                    waiting: Some("CrashLoopBackOff"),
                    exit_code: None,
                    restarts,
                };
                self.set_pod(place, pod.as_ref().clone(), &waits);
                let doublings = u32::try_from(restarts.min(8)).unwrap_or_default();
                let pause = BACK_OFF.0.saturating_mul(1 << doublings).min(BACK_OFF.1);
                self.after(std::time::Duration::from_secs(pause), next(Step::Restart));
            }
            Step::Restart => {
                let runs = Condition {
                    phase: "Running",
                    ready: false,
                    waiting: None,
                    exit_code: None,
                    restarts: restarts + 1,
                };
                self.set_pod(place, pod.as_ref().clone(), &runs);
                self.after(self.settings.pods.ready_after, next(Step::Run));
            }
            Step::Stop => self.stop_pod(place, &pod),
        }
    }

    /// Its node has stopped it: it goes, or waits for its finalizers alone.
    fn stop_pod(&mut self, place: &Place, pod: &Value) {
        if metadata::finalizers(pod).next().is_none() {
            self.take(place);
        } else if number(pod, &["metadata", "deletionGracePeriodSeconds"]) != Some(0) {
            let mut new = pod.clone();
            metadata::set(&mut new, "deletionGracePeriodSeconds", 0);
            if text(pod, &["status", "phase"]) == "Running" {
                // A signal has ended its containers, and the node says so before it lets go.
                let restarts = restarts(pod);
                let ended = Condition {
                    phase: "Failed",
                    ready: false,
                    waiting: None,
                    exit_code: Some(STOPPED),
                    restarts,
                };
                self.set_pod(place, new, &ended);
            } else {
                self.put(place, new);
            }
        }
    }

    /// Has a pod be ready since some time.
    pub(super) fn set_ready(&mut self, place: &Place, mut pod: Value, since: jiff::Timestamp) {
        object_at(&mut pod, "spec").entry("nodeName").or_insert_with(|| NODE.into());
        let now = std::mem::replace(&mut self.now, since);
        let ready = Condition { phase: "Running", ready: true, waiting: None, exit_code: None, restarts: 0 };
        self.set_pod(place, pod, &ready);
        self.now = now;
    }

    fn set_pod(&mut self, place: &Place, mut pod: Value, condition: &Condition<'_>) {
        let now = self.timestamp();
        let address = Self::address(&pod);
        let containers = items(&pod, &["spec", "containers"]);
        let previous = |name: &str| {
            items(&pod, &["status", "containerStatuses"]).iter().find(|one| text(one, &["name"]) == name)
        };
        let statuses: Vec<Value> = containers
            .iter()
            .map(|container| {
                let name = text(container, &["name"]);
                let state = match (condition.waiting, condition.exit_code) {
                    (Some(reason), _) => json!({"waiting": {"reason": reason}}),
                    (None, Some(code)) => {
                        let started = previous(name).map(|one| text(one, &["state", "running", "startedAt"]));
                        let started = started.filter(|at| !at.is_empty()).unwrap_or(&now);
                        let reason = if code == 0 { "Completed" } else { "Error" };
                        json!({"terminated": {
                            "exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now,
                        }})
                    }
                    (None, None) => match previous(name).and_then(|one| at(one, &["state", "running"])) {
                        Some(running) => json!({"running": running}),
                        None => json!({"running": {"startedAt": now}}),
                    },
                };
                let last = if condition.waiting == Some("CrashLoopBackOff") {
                    json!({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": now}})
                } else {
                    previous(name).and_then(|one| one.get("lastState")).cloned().unwrap_or_else(|| json!({}))
                };
                json!({
                    "name": name,
                    "image": text(container, &["image"]),
                    "imageID": "",
                    "ready": condition.ready,
                    "started": condition.waiting.is_none() && condition.exit_code.is_none(),
                    "restartCount": condition.restarts,
                    "state": state,
                    "lastState": last,
                })
            })
            .collect();
        let started = condition.phase == "Running";
        let status = object_at(&mut pod, "status");
        status.insert("phase".into(), condition.phase.into());
        if started {
            status.insert("podIP".into(), address.as_str().into());
            status.insert("podIPs".into(), json!([{"ip": address}]));
        }
        status.insert("containerStatuses".into(), statuses.into());
        let conditions = status.entry("conditions").or_insert_with(|| json!([]));
        let not_ready = (!condition.ready).then_some(match (condition.exit_code, condition.phase) {
            (Some(_), "Succeeded") => "PodCompleted",
            (Some(_), _) => "PodFailed",
            _ => "ContainersNotReady",
        });
        set_condition(conditions, "PodScheduled", true, None, &now);
        set_condition(conditions, "Initialized", true, None, &now);
        set_condition(conditions, "ContainersReady", condition.ready, not_ready, &now);
        set_condition(conditions, "Ready", condition.ready, not_ready, &now);
        self.put(place, pod);
    }

    /// An address that pods of one run share with no other.
    fn address(pod: &Value) -> String {
        let known = text(pod, &["status", "podIP"]);
        if !known.is_empty() {
            return known.to_owned();
        }
        // The last part of a uid counts the objects made.
        let uid = object::uid(pod).rsplit('-').next().unwrap_or_default();
        let number = u64::from_str_radix(uid, 16).unwrap_or_default();
        format!("10.{}.{}.{}", 128 + (number >> 16) % 128, (number >> 8) % 256, number % 256)
    }
}

fn set_condition(conditions: &mut Value, kind: &str, holds: bool, reason: Option<&str>, now: &str) {
    let status = if holds { "True" } else { "False" };
    let mut condition =
        json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": now});
    if let Some(reason) = reason {
        as_object(&mut condition).insert("reason".into(), reason.into());
    }
    let Some(list) = conditions.as_array_mut() else { return };
    match list.iter_mut().find(|one| text(one, &["type"]) == kind) {
        Some(old) => {
            if text(old, &["status"]) == status {
                let since = old.get("lastTransitionTime").cloned().unwrap_or_default();
                as_object(&mut condition).insert("lastTransitionTime".into(), since);
            }
            *old = condition;
        }
        None => list.push(condition),
    }
}

fn restarts(pod: &Value) -> u64 {
    let statuses = items(pod, &["status", "containerStatuses"]);
    statuses
        .iter()
        .filter_map(|one| one.get("restartCount").and_then(Value::as_u64))
        .max()
        .unwrap_or_default()
}

/// The condition `Ready` of a pod.
fn ready_condition(pod: &Value) -> Option<&Value> {
    items(pod, &["status", "conditions"]).iter().find(|one| text(one, &["type"]) == "Ready")
}

/// Whether a pod is ready.
pub(crate) fn is_ready(pod: &Value) -> bool {
    ready_condition(pod).is_some_and(|one| text(one, &["status"]) == "True")
}

/// Since when a pod is ready.
pub(super) fn ready_since(pod: &Value) -> Option<jiff::Timestamp> {
    let ready = ready_condition(pod).filter(|one| text(one, &["status"]) == "True")?;
    text(ready, &["lastTransitionTime"]).parse().ok()
}

/// From when on a pod counts as available, if it stays ready: ready for so many seconds.
pub(super) fn available_from(pod: &Value, min_ready_seconds: i64) -> Option<jiff::Timestamp> {
    let since = ready_since(pod)?;
    since.checked_add(SignedDuration::from_secs(min_ready_seconds.max(0))).ok()
}

/// How often the container of a pod that was restarted most was.
pub(super) fn most_restarts(pod: &Value) -> u64 {
    restarts(pod)
}
