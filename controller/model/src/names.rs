//! Names that others rely on: labels, annotations, conditions, reasons, phases. Argo Rollouts' own, byte for byte, because
//! dashboards, health checks and `kubectl argo rollouts` read them.

/// Label with a pod template's hash: on ReplicaSets, their selectors and pods, and in Service selectors.
pub const HASH_LABEL: &str = "rollouts-pod-template-hash";
/// Label of the controller instance that an object belongs to.
pub const INSTANCE_ID_LABEL: &str = "argo-rollouts.argoproj.io/controller-instance-id";
/// Annotation of a Service whose selector is switched: the Rollout's name.
pub const MANAGED_BY_ANNOTATION: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";
/// Annotation with a revision number, on ReplicaSets and on the Rollout.
pub const REVISION_ANNOTATION: &str = "rollout.argoproj.io/revision";
/// Annotation with the revisions that a ReplicaSet had before, separated by commas.
pub const REVISION_HISTORY_ANNOTATION: &str = "rollout.argoproj.io/revision-history";
/// Annotation of a ReplicaSet: `spec.replicas` of the Rollout.
pub const DESIRED_REPLICAS_ANNOTATION: &str = "rollout.argoproj.io/desired-replicas";
/// Annotation of a Rollout that refers to a workload: the workload's generation. Clients compare it with
/// `status.workloadObservedGeneration`.
pub const WORKLOAD_GENERATION_ANNOTATION: &str = "rollout.argoproj.io/workload-generation";
/// Annotation of a ReplicaSet: the ephemeral metadata in its template (JSON).
pub const EPHEMERAL_METADATA_ANNOTATION: &str = "rollout.argoproj.io/ephemeral-metadata";
/// Annotation of a ReplicaSet: when it scales down (RFC 3339, UTC).
pub const SCALE_DOWN_DEADLINE_ANNOTATION: &str = "scale-down-deadline";
/// Annotations of a Rollout that are not copied to its ReplicaSets.
pub const NOT_COPIED_ANNOTATIONS: [&str; 5] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION_ANNOTATION,
    REVISION_HISTORY_ANNOTATION,
    DESIRED_REPLICAS_ANNOTATION,
    "notified.notifications.argoproj.io",
];
/// Prefix of Tidegate's own annotations, which are not copied to ReplicaSets either.
pub const OWN_PREFIX: &str = "tidegate.dev/";
/// Annotation of a Rollout in flight: the versions of its router plugins, which it keeps to its end (Tidegate's own).
pub const ROUTER_PLUGINS_ANNOTATION: &str = "tidegate.dev/router-plugins";
/// Annotation of a Rollout: what its routers have written to and not given back (Tidegate's own).
pub const STATE_ANNOTATION: &str = "tidegate.dev/state";
/// Finalizer of a Rollout whose deletion would leave traffic behind, until it is given back (Tidegate's own).
pub const RELEASE_FINALIZER: &str = "tidegate.dev/release";
/// Annotation of a Rollout, `"true"`: what its routers have written to is left as it is (Tidegate's own).
pub const SKIP_RELEASE_ANNOTATION: &str = "tidegate.dev/skip-release";

/// Condition types.
pub mod condition {
    /// The spec cannot be acted on.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// Enough pods are available.
    pub const AVAILABLE: &str = "Available";
    /// The update moves, or why it does not.
    pub const PROGRESSING: &str = "Progressing";
    /// Somebody or some step paused it.
    pub const PAUSED: &str = "Paused";
    /// The newest template is the stable one.
    pub const COMPLETED: &str = "Completed";
    /// All is as the spec says.
    pub const HEALTHY: &str = "Healthy";
    /// A ReplicaSet cannot make pods.
    pub const REPLICA_FAILURE: &str = "ReplicaFailure";
    /// Every router can express the desired traffic (Tidegate's own).
    pub const TRAFFIC_ROUTER_READY: &str = "TrafficRouterReady";
    /// The desired traffic is not in force past its deadline (Tidegate's own).
    pub const TRAFFIC_NOT_VERIFIED: &str = "TrafficNotVerified";
    /// The canary keeps traffic that is to go back, because the stable pods cannot take it yet (Tidegate's own).
    pub const TRAFFIC_HELD: &str = "TrafficHeld";
    /// A pass over the Rollout failed in a way that must not happen (Tidegate's own).
    pub const INTERNAL_ERROR: &str = "InternalError";
}

/// Reasons of conditions and events.
pub mod reason {
    /// The spec cannot be acted on.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// A router cannot do what a step asks for (Tidegate's own).
    pub const UNSUPPORTED_STEP: &str = "UnsupportedStep";
    /// A router cannot divide traffic into as many parts as asked for (Tidegate's own).
    pub const UNSUPPORTED_MAX_WEIGHT: &str = "UnsupportedMaxWeight";
    /// Stable pods are missing that traffic is to go back to (Tidegate's own).
    pub const STABLE_PODS_MISSING: &str = "StablePodsMissing";
    /// The weights asked for are more than there is to give (Tidegate's own).
    pub const WEIGHTS_EXCEED_MAXIMUM: &str = "WeightsExceedMaximum";
    /// Enough pods are available, or not (Argo uses one reason for both).
    pub const AVAILABLE: &str = "AvailableReason";
    /// Paused.
    pub const PAUSED: &str = "RolloutPaused";
    /// Resumed.
    pub const RESUMED: &str = "RolloutResumed";
    /// Aborted.
    pub const ABORTED: &str = "RolloutAborted";
    /// Tried again after an abort.
    pub const RETRY: &str = "RolloutRetry";
    /// No progress for too long.
    pub const TIMED_OUT: &str = "ProgressDeadlineExceeded";
    /// The ReplicaSet of the newest template was made.
    pub const NEW_REPLICA_SET: &str = "NewReplicaSetCreated";
    /// The ReplicaSet of the newest template cannot be made.
    pub const CREATE_FAILED: &str = "ReplicaSetCreateError";
    /// The ReplicaSet of the newest template was there already.
    pub const FOUND_REPLICA_SET: &str = "FoundNewReplicaSet";
    /// A finished update has lost pods.
    pub const NOT_AVAILABLE: &str = "ReplicaSetNotAvailable";
    /// The ReplicaSet of the newest template moves.
    pub const UPDATED: &str = "ReplicaSetUpdated";
    /// The ReplicaSet of the newest template is there.
    pub const NEW_AVAILABLE: &str = "NewReplicaSetAvailable";
    /// The newest template is the stable one.
    pub const COMPLETED: &str = "RolloutCompleted";
    /// It no longer is.
    pub const NOT_COMPLETED: &str = "RolloutNotCompleted";
    /// All is as the spec says.
    pub const HEALTHY: &str = "RolloutHealthy";
    /// Not all is.
    pub const NOT_HEALTHY: &str = "RolloutNotHealthy";
    /// A step is done.
    pub const STEP_COMPLETED: &str = "RolloutStepCompleted";
    /// A new revision.
    pub const ROLLOUT_UPDATED: &str = "RolloutUpdated";
    /// A ReplicaSet scales.
    pub const SCALING: &str = "ScalingReplicaSet";
    /// A Service's selector changes.
    pub const SWITCH_SERVICE: &str = "SwitchService";
    /// The weights changed.
    pub const WEIGHT_UPDATED: &str = "TrafficWeightUpdated";
    /// A router cannot express the desired traffic.
    pub const ROUTING_ERROR: &str = "TrafficRoutingError";
    /// A Rollout in flight goes on with another version of a router plugin (Tidegate's own).
    pub const ROUTER_PLUGIN_CHANGED: &str = "RouterPluginChanged";
    /// The record of a Rollout's router plugins says something that cannot be meant (Tidegate's own).
    pub const ROUTER_PLUGINS_IGNORED: &str = "RouterPluginsIgnored";
    /// What routers wrote for a Rollout was given back to the stable pods (Tidegate's own).
    pub const RELEASED: &str = "TrafficReleased";
    /// It was not, and is left as it is (Tidegate's own).
    pub const RELEASE_SKIPPED: &str = "TrafficReleaseSkipped";
    /// The record of what routers have written to says something that cannot be meant (Tidegate's own).
    pub const STATE_IGNORED: &str = "RoutingStateIgnored";
    /// The template is the stable one again, so there is nothing to step through.
    pub const SKIP_STEPS: &str = "SkipSteps";
    /// A pause step of a canary.
    pub const CANARY_PAUSE_STEP: &str = "CanaryPauseStep";
    /// Pause: an analysis came to no conclusion.
    pub const INCONCLUSIVE_ANALYSIS: &str = "InconclusiveAnalysisRun";
    /// Pause: an experiment came to no conclusion.
    pub const INCONCLUSIVE_EXPERIMENT: &str = "InconclusiveExperiment";
    /// An AnalysisRun has begun to wait.
    pub const RUN_PENDING: &str = "AnalysisRunPending";
    /// An AnalysisRun measures.
    pub const RUN_RUNNING: &str = "AnalysisRunRunning";
    /// An AnalysisRun was good.
    pub const RUN_SUCCESSFUL: &str = "AnalysisRunSuccessful";
    /// An AnalysisRun was bad.
    pub const RUN_FAILED: &str = "AnalysisRunFailed";
    /// An AnalysisRun could not measure.
    pub const RUN_ERROR: &str = "AnalysisRunError";
    /// An AnalysisRun came to no conclusion.
    pub const RUN_INCONCLUSIVE: &str = "AnalysisRunInconclusive";
    /// An experiment was made.
    pub const EXPERIMENT_CREATED: &str = "ExperimentCreated";
}

/// `status.phase`.
pub mod phase {
    /// All is as the spec says.
    pub const HEALTHY: &str = "Healthy";
    /// Something must change first.
    pub const DEGRADED: &str = "Degraded";
    /// On its way.
    pub const PROGRESSING: &str = "Progressing";
    /// Waits for somebody, or for a time.
    pub const PAUSED: &str = "Paused";
}
