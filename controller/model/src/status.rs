//! A Rollout's status, read. Total, like reading the spec.

use jiff::Timestamp;
use serde_json::Value;

/// What the controller and its users keep in a Rollout's status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// A user or a failure gave the update up.
    pub abort: bool,
    /// Since when.
    pub aborted_at: Option<Timestamp>,
    /// A user wants to skip all that is left.
    pub promote_full: bool,
    /// The controller added the pause conditions.
    pub controller_pause: bool,
    /// Why it is paused; empty: it is not, except by `spec.paused`.
    pub pause_conditions: Vec<PauseCondition>,
    /// Hash of the newest template.
    pub current_pod_hash: String,
    /// Hash of the steps.
    pub current_step_hash: String,
    /// How many steps are done; none when there are no steps.
    pub current_step_index: Option<usize>,
    /// Hash of the stable ReplicaSet; empty before there is one.
    pub stable_rs: String,
    /// Which of the two Services of `pingPong` is in the stable role (`canary.stablePingPong`); `None`: nothing is said, which
    /// means pong (Argo Rollouts).
    pub stable_ping_pong: Option<PingOrPong>,
    /// How often a ReplicaSet's name was taken.
    pub collision_count: Option<i64>,
    /// The generation of the workload that was last acted on; empty when the Rollout refers to none.
    pub workload_observed_generation: String,
    /// The Experiment of the current step; empty when there is none.
    pub current_experiment: String,
    /// The AnalysisRun of the current step (`canary.currentStepAnalysisRunStatus`).
    pub step_run: Option<NotedRun>,
    /// The AnalysisRun in the background (`canary.currentBackgroundAnalysisRunStatus`).
    pub background_run: Option<NotedRun>,
    /// What the weights were when they were last set.
    pub weights: Option<Weights>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// `replicas`, `updatedReplicas`, `readyReplicas`, `availableReplicas` as last reported.
    pub counts: Counts,
}

/// An AnalysisRun, as a Rollout's status notes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotedRun {
    /// Its name.
    pub name: String,
    /// Its phase when it was looked at last; empty: it had none.
    pub status: String,
    /// Its message, likewise.
    pub message: String,
}

/// One of the two Services of `pingPong`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingOrPong {
    /// `pingService`.
    Ping,
    /// `pongService`.
    Pong,
}

/// Sums of pods over ReplicaSets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All pods.
    pub replicas: i64,
    /// Those of the newest template.
    pub updated: i64,
    /// Ready ones.
    pub ready: i64,
    /// Available ones.
    pub available: i64,
}

/// One reason to be paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseCondition {
    /// For example `CanaryPauseStep`.
    pub reason: String,
    /// Since when.
    pub start_time: Option<Timestamp>,
}

/// `status.canary.weights`, as far as it is read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// The canary's weight.
    pub canary: u32,
    /// The Service that was in the stable role; empty when absent.
    pub stable_service: String,
    /// The Service that was in the canary role; empty when absent.
    pub canary_service: String,
    /// The hash of the pods that had it; empty when absent.
    pub canary_hash: String,
    /// The hash of the stable pods; empty when absent.
    pub stable_hash: String,
    /// What other destinations have, those of experiments.
    pub additional: Vec<AdditionalWeight>,
}

/// One of `status.canary.weights.additional`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdditionalWeight {
    /// The Service that reaches it; empty when absent.
    pub service: String,
    /// The hash of its pods; empty when absent.
    pub pod_template_hash: String,
    /// Its weight.
    pub weight: u64,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Type.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Stable code.
    pub reason: String,
    /// For people.
    pub message: String,
    /// When the status last changed.
    pub last_transition_time: Option<Timestamp>,
    /// When it was last confirmed.
    pub last_update_time: Option<Timestamp>,
}

impl PingOrPong {
    fn read(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "ping" => Some(Self::Ping),
            "pong" => Some(Self::Pong),
            _ => None,
        }
    }

    /// As the status says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Ping => Self::Pong,
            Self::Pong => Self::Ping,
        }
    }
}

impl Status {
    /// Reads the status of a Rollout.
    pub fn read(rollout: &Value) -> Self {
        let status = rollout.get("status").unwrap_or(&Value::Null);
        let text = |field: &str| status.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |field: &str| status.get(field).and_then(Value::as_bool).unwrap_or_default();
        let number = |field: &str| status.get(field).and_then(Value::as_i64).unwrap_or_default();
        let list = |field: &str| status.get(field).and_then(Value::as_array).into_iter().flatten();
        Self {
            abort: flag("abort"),
            aborted_at: time(status.get("abortedAt")),
            promote_full: flag("promoteFull"),
            controller_pause: flag("controllerPause"),
            pause_conditions: list("pauseConditions")
                .map(|pause| PauseCondition {
                    reason: pause.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned(),
                    start_time: time(pause.get("startTime")),
                })
                .collect(),
            current_pod_hash: text("currentPodHash"),
            current_step_hash: text("currentStepHash"),
            current_step_index: status
                .get("currentStepIndex")
                .and_then(Value::as_i64)
                .map(|index| usize::try_from(index).unwrap_or_default()),
            stable_rs: text("stableRS"),
            stable_ping_pong: status.pointer("/canary/stablePingPong").and_then(PingOrPong::read),
            collision_count: status.get("collisionCount").and_then(Value::as_i64),
            workload_observed_generation: text("workloadObservedGeneration"),
            current_experiment: status
                .pointer("/canary/currentExperiment")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            step_run: NotedRun::read(status.pointer("/canary/currentStepAnalysisRunStatus")),
            background_run: NotedRun::read(status.pointer("/canary/currentBackgroundAnalysisRunStatus")),
            weights: status.pointer("/canary/weights").filter(|weights| weights.is_object()).map(|weights| {
                let canary = weights.pointer("/canary/weight").and_then(Value::as_u64).unwrap_or_default();
                let additional = weights.get("additional").and_then(Value::as_array).into_iter().flatten();
                let text =
                    |pointer| weights.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
                Weights {
                    canary: u32::try_from(canary).unwrap_or_default(),
                    stable_service: text("/stable/serviceName"),
                    canary_service: text("/canary/serviceName"),
                    canary_hash: text("/canary/podTemplateHash"),
                    stable_hash: text("/stable/podTemplateHash"),
                    additional: additional.map(AdditionalWeight::read).collect(),
                }
            }),
            conditions: list("conditions").map(Condition::read).collect(),
            counts: Counts {
                replicas: number("replicas"),
                updated: number("updatedReplicas"),
                ready: number("readyReplicas"),
                available: number("availableReplicas"),
            },
        }
    }

    /// The condition of a type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }
}

impl NotedRun {
    /// Reads it; what has no name is none.
    fn read(value: Option<&Value>) -> Option<Self> {
        let text = |field: &str| value?.get(field)?.as_str().map(str::to_owned);
        let name = text("name").filter(|name| !name.is_empty())?;
        let (status, message) = (text("status").unwrap_or_default(), text("message").unwrap_or_default());
        Some(Self { name, status, message })
    }
}

impl AdditionalWeight {
    fn read(value: &Value) -> Self {
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            service: text("serviceName"),
            pod_template_hash: text("podTemplateHash"),
            weight: value.get("weight").and_then(Value::as_u64).unwrap_or_default(),
        }
    }
}

impl Condition {
    fn read(value: &Value) -> Self {
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            kind: text("type"),
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
            last_transition_time: time(value.get("lastTransitionTime")),
            last_update_time: time(value.get("lastUpdateTime")),
        }
    }
}

fn time(value: Option<&Value>) -> Option<Timestamp> {
    value?.as_str()?.parse().ok()
}
