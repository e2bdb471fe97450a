//! What `decide` knows: the objects as observed, and what the routers last answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tidegate_analysis::Templates;
use tidegate_contract::{Destination, Share, Traffic};

/// Everything that a decision about one Rollout depends on, besides the time.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// The Rollout as the API server has it, untouched.
    pub rollout: Arc<Value>,
    /// The hash of the template that stands in it ([`tidegate_model::hash::template_hash`] with its collision count), if whoever asks
    /// has computed that before: it takes a third of the time of a decision.
    pub template_hash: Option<Arc<str>>,
    /// ReplicaSets in its namespace that it controls, or that nobody controls and its selector matches; sorted
    /// by name.
    pub replica_sets: Vec<Arc<Value>>,
    /// Those of the Services it names that exist, by name.
    pub services: BTreeMap<String, Arc<Value>>,
    /// Everything about experiments and analysis in its namespace that a decision may need.
    pub evidence: Evidence,
    /// What the Rollout takes its template from, if not from itself.
    pub workload: Workload,
    /// What routers answered that the Rollout does not use any more, or not with this configuration, and that have not given
    /// everything back yet. As long as there is one, nobody knows that traffic is where it should be.
    pub leaving: Vec<RouterReport>,
    /// The pods of its ReplicaSets, when they matter ([`crate::needs_pods`]).
    pub pods: Pods,
    /// What the routers last answered; `None` until they were asked for the first time (also after a restart).
    pub routing: Option<Routing>,
}

/// What analyses and experiments there are, and what they could be made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// The AnalysisRuns that the Rollout controls, or that have a name which one of its own should have; by name.
    pub runs: BTreeMap<String, Arc<Value>>,
    /// The Experiments, likewise.
    pub experiments: BTreeMap<String, Arc<Value>>,
    /// The templates that there are.
    pub templates: Templates,
    /// Whether all of it is known. While it is not, nothing is begun, ended or deleted, and no step that needs it ends.
    pub is_known: bool,
}

impl Evidence {
    /// There is none, and that is known.
    pub fn none() -> Self {
        Self { is_known: true, ..Self::default() }
    }
}

/// The object that a Rollout refers to by `spec.workloadRef`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Workload {
    /// It refers to none.
    #[default]
    None,
    /// This.
    Found(Arc<Value>),
    /// It does not exist.
    Missing,
    /// It cannot be read.
    Unreadable {
        /// Why, and what to do.
        message: String,
    },
}

impl Workload {
    /// The object, if it is known.
    pub fn object(&self) -> Option<&Value> {
        match self {
            Self::Found(object) => Some(object),
            Self::None | Self::Missing | Self::Unreadable { .. } => None,
        }
    }
}

impl World {
    /// A Rollout with nothing around it.
    pub fn of(rollout: Arc<Value>) -> Self {
        Self {
            rollout,
            template_hash: None,
            workload: Workload::None,
            replica_sets: Vec::new(),
            services: BTreeMap::new(),
            evidence: Evidence::none(),
            leaving: Vec::new(),
            pods: Pods::Unknown,
            routing: None,
        }
    }
}

/// What is known of a Rollout's pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Pods {
    /// Nothing: they do not matter, or are being read for the first time.
    #[default]
    Unknown,
    /// All of them, sorted by name.
    Known(Vec<Arc<Value>>),
    /// They cannot be read.
    Unreadable {
        /// Why, and what to do.
        message: String,
    },
}

/// The routers' last answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Routing {
    /// The traffic that they were asked for. Only an answer about exactly the traffic that is desired now says
    /// anything about now.
    pub traffic: Traffic,
    /// One report for each router of the Rollout, in the fixed order in which they are called.
    pub routers: Vec<RouterReport>,
}

/// Reason of a router whose plugin is being loaded.
pub const PLUGIN_LOADING: &str = "PluginLoading";

/// One router's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct RouterReport {
    /// Its key in `trafficRouting` (for plugins: in `trafficRouting.plugins`).
    pub router: String,
    /// What it can do with its configuration, in the contract's words (`header-routes`); `None` until it was asked.
    pub features: Option<Vec<String>>,
    /// How far it is.
    pub state: RouterState,
    /// What its objects express now, as far as known.
    pub shares: Vec<Share>,
    /// Its warnings for the reader of the Rollout.
    pub notes: Vec<String>,
}

impl RouterReport {
    /// Whether what it was asked for is settled, and none of its objects names this destination any more.
    pub fn has_let_go(&self, destination: &Destination) -> bool {
        self.state.is_settled() && self.shares.iter().all(|share| share.destination != destination.name)
    }
}

/// How far a router is with the traffic it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouterState {
    /// What is desired is in its objects, and it reports that it is in force.
    Verified,
    /// What is desired is in its objects; nothing reports whether it is in force. Counts as verified.
    NotApplicable {
        /// Why nothing reports, when that is worth a warning.
        warning: Option<String>,
    },
    /// Not yet; it needs no help.
    Waiting {
        /// Stable code, for example `WritePending`, `Unverified`.
        reason: String,
        /// What is waited for.
        message: String,
    },
    /// Nothing is known of it now: its plugin is being loaded.
    Loading {
        /// What is waited for.
        message: String,
    },
    /// Nothing is known of it now: its plugin cannot be had.
    Unavailable {
        /// Stable code, for example `DigestMismatch`, `UnknownPlugin`.
        reason: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// It cannot; something must change first.
    Failed {
        /// Stable code, for example `WriteRejected`, `RouteContested`, a plugin's own code.
        reason: String,
        /// What is wrong and what to do.
        message: String,
    },
}

impl RouterState {
    /// Whether the desired traffic is in force, as far as anybody can tell.
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Verified | Self::NotApplicable { .. })
    }

    /// Why there is no plugin to ask, as reason and message; `None`: there is one.
    pub fn without_plugin(&self) -> Option<(&str, &str)> {
        match self {
            Self::Loading { message } => Some((PLUGIN_LOADING, message)),
            Self::Unavailable { reason, message } => Some((reason, message)),
            Self::Verified | Self::NotApplicable { .. } | Self::Waiting { .. } | Self::Failed { .. } => None,
        }
    }
}

impl Routing {
    /// Whether every router has this very traffic in force.
    pub fn is_settled_for(&self, traffic: &Traffic) -> bool {
        self.traffic == *traffic && self.routers.iter().all(|report| report.state.is_settled())
    }
}
