//! What the shell wants done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ObjectKey, Request};
use tidegate_contract::Digest;
use tidegate_core::{NoteKind, Routing};

use crate::event::{RequestId, WatchKey};
use crate::job::{MeasureJob, RouteJob};
use crate::shadow::Intention;

/// Something should be done.
pub enum Effect {
    /// Start to watch; answered by `Listed` and what follows, or by `Unwatchable`.
    Watch(WatchKey),
    /// Stop to watch.
    Unwatch(WatchKey),
    /// Send a request; answered by `Answered`. With a time limit, and without retrying in between.
    Send {
        /// Repeated in the answer.
        id: RequestId,
        /// The request.
        request: Request,
    },
    /// Ask a router; answered by `Routed`. It computes and may be slow: not on an asynchronous worker.
    Route {
        /// Repeated in the answer.
        id: RequestId,
        /// The question.
        job: RouteJob,
    },
    /// Take a measurement; answered by `Measured`. It may take as long as the provider's own time limit.
    Measure {
        /// Repeated in the answer.
        id: RequestId,
        /// What to ask.
        job: MeasureJob,
    },
    /// Nobody waits for this measurement any more: it may be broken off.
    Forget {
        /// Which.
        id: RequestId,
    },
    /// Rollouts in flight have recorded these versions, by the name of the plugin: they should be there as long as this is not
    /// replaced. Told when all Rollouts are known for the first time, before anything is routed, then whenever it changes, and
    /// whether this process leads or not. Answered by `Plugins` whose `older` has each of them that is not current.
    InUse(BTreeMap<String, BTreeSet<Digest>>),
    /// Send `Woken` at this monotonic time, unless a later effect names an earlier one.
    WakeAt(Duration),
    /// Publish a Kubernetes event; best effort, never answered.
    Publish(KubernetesEvent),
    /// Tell whoever listens (logs, metrics, the simulation's table).
    Report(Report),
}

/// An event about an object, for `kubectl describe`.
#[derive(Clone, Debug, PartialEq)]
pub struct KubernetesEvent {
    /// The object it is about, as last seen.
    pub regarding: Arc<Value>,
    /// Normal or warning.
    pub kind: NoteKind,
    /// For example `TrafficWeightUpdated`.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// Something worth telling.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// A pass over a Rollout ended.
    Pass {
        /// The Rollout.
        rollout: ObjectKey,
        /// Its status as it should now be.
        status: Arc<Value>,
        /// What the routers answered last.
        routing: Option<Routing>,
        /// When it looks again by itself.
        wake_in: Option<Duration>,
    },
    /// A write was carried out.
    Wrote {
        /// For this Rollout.
        rollout: ObjectKey,
        /// The request.
        request: Request,
    },
    /// A write failed.
    WriteFailed {
        /// For this Rollout.
        rollout: ObjectKey,
        /// The request.
        request: Request,
        /// Why.
        error: tidegate_api::ApiError,
    },
    /// Everything of a Rollout was given back, and nothing is held for it any more.
    GivenBack {
        /// The Rollout.
        rollout: ObjectKey,
    },
    /// What would be written for a Rollout now, by a shell that writes nothing.
    Intends(Box<Intention>),
    /// A pass panicked; the Rollout has the condition `InternalError`.
    Panicked {
        /// The Rollout.
        rollout: ObjectKey,
        /// What the panic said.
        message: String,
    },
}
