//! What the manager wants done.

use std::time::Duration;

use tidegate_api::Request;
use tidegate_artifact::{Artifact, Limits, LoadReason};
use tidegate_contract::{Digest, Kind};
use tidegate_shell::{KubernetesEvent, Plugins, RequestId, WatchKey};

use crate::event::LoadId;
use crate::source::Source;
use crate::wanted::Origin;

/// Something should be done.
pub enum Effect {
    /// Start to watch; answered by `Listed` and what follows, or by `Unwatchable`.
    Watch(WatchKey),
    /// Stop to watch.
    Unwatch(WatchKey),
    /// Get a plugin, check it, compile it, start it; answered by `Loaded`.
    Load {
        /// Repeated in the answer.
        id: LoadId,
        /// What.
        job: LoadJob,
    },
    /// Find out what the API server lets this process do; answered by `Reviewed`.
    Review(AccessQuestion),
    /// Send a request; answered by `Answered`.
    Send {
        /// Repeated in the answer.
        id: RequestId,
        /// The request.
        request: Request,
    },
    /// Keep the bytes of a plugin in the cluster; answered by `Stored`.
    Store(StoreJob),
    /// Say what is stored; answered by `StoreListed`.
    ListStored,
    /// Remove stored bytes, complete or not; never answered.
    Discard(Digest),
    /// The shell should know these plugins.
    Plugins(Plugins),
    /// Whether this process may become ready and try to lead, as far as plugins are concerned. Once open, it stays so.
    Gate(Gate),
    /// Send `Woken` at this monotonic time, unless a later effect names an earlier one.
    WakeAt(Duration),
    /// Publish a Kubernetes event; best effort, never answered.
    Publish(KubernetesEvent),
    /// Tell whoever listens (logs, metrics).
    Report(Report),
}

/// A plugin to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadJob {
    /// The name that Rollouts use.
    pub plugin: String,
    /// Where its bytes are.
    pub source: Source,
    /// What they must hash to. `None`: only what is built in may run; of anything else it is said what it is and hashes to.
    pub sha256: Option<Digest>,
    /// What it may use.
    pub limits: Limits,
    /// Whether its bytes are wanted back, in order to store them.
    pub keep_bytes: bool,
}

/// What a plugin needs of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessQuestion {
    /// The plugin.
    pub plugin: String,
    /// Of this digest.
    pub digest: Digest,
    /// Kinds, each with the verbs as rules name them.
    pub kinds: Vec<(Kind, Vec<String>)>,
}

/// Bytes to be stored.
#[derive(Clone, Debug)]
pub struct StoreJob {
    /// The name of the plugin that they are of.
    pub plugin: String,
    /// The bytes.
    pub artifact: Artifact,
    /// So many compressed bytes may be stored; with more, the answer is an error with the reason `TooLarge`.
    pub most: u64,
}

/// Whether this process may become ready and try to lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// What it waits for, each with its reason and message; none: it may.
    pub waits_for: Vec<String>,
    /// Whether a `Strict` plugin is among that, so that waiting must end some time.
    pub is_strict: bool,
}

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A version is ready.
    Ready {
        /// The name that Rollouts use.
        plugin: String,
        /// Its own version.
        version: String,
        /// What it hashes to.
        digest: Digest,
        /// Where it came from.
        source: String,
        /// How long getting it ready took.
        elapsed: Duration,
    },
    /// A version cannot be had.
    Failed {
        /// The name that Rollouts use.
        plugin: String,
        /// Why.
        reason: LoadReason,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
        /// When it is tried again.
        retry_in: Option<Duration>,
    },
    /// Another version serves from now on.
    Switched {
        /// The name that Rollouts use.
        plugin: String,
        /// What served before.
        from: Option<Digest>,
        /// What serves now; none: the plugin is configured no more, or revoked.
        to: Option<Digest>,
    },
    /// A configuration is not right.
    BadConfig {
        /// Who configured it.
        origin: Origin,
        /// What is wrong and what to do.
        message: String,
    },
}
