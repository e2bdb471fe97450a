//! The Rollout resource and the objects around it, as Argo Rollouts users write them: read from JSON values, totally, and
//! never written back, so that no field can get lost.
#![forbid(unsafe_code)]

pub mod anti_affinity;
pub mod duration;
pub mod hash;
pub mod interest;
pub mod names;
pub mod plugin_record;
pub mod pod_metadata;
mod pod_shape;
mod quantity;
mod replica_set;
pub mod restart;
mod rollout;
pub mod routing_record;
mod shape;
mod shape_canonical;
mod shape_json;
mod spec_shape;
mod status;
mod step;
mod step_shape;
pub mod template;
mod template_defaults;
mod unknown;
pub mod validate;
pub mod workload;

pub use anti_affinity::AntiAffinity;
pub use plugin_record::PluginRecord;
pub use pod_metadata::{Injected, PodMetadata};
pub use replica_set::ReplicaSet;
pub use rollout::{
    AbortScaleDown, Canary, DEFAULT_MAX_WEIGHT, LARGEST_MAX_WEIGHT, PingPong, ProgressThreshold, Rollout,
    RunHistory, TrafficRouting,
};
pub use routing_record::{RoutedTarget, RoutingRecord};
pub use status::{
    AdditionalWeight, Condition, Counts, NotedRun, PauseCondition, PingOrPong, Status, Weights,
};
pub use step::{CanaryScale, ExperimentTemplate, Step};
pub use unknown::{UnknownField, unknown_fields};
pub use workload::{ScaleDown, WorkloadKind, WorkloadRef};
