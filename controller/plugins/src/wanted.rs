//! A plugin that somebody configured.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_artifact::Limits;
use tidegate_contract::Digest;
use tidegate_route::Grant;

use crate::source::Source;

/// A plugin that somebody configured, right as far as can be said without getting it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The name that Rollouts use, for example `argoproj-labs/gatewayAPI`.
    pub name: String,
    /// Who says so.
    pub origin: Origin,
    /// Where its bytes are.
    pub source: Source,
    /// What they must hash to; `None` for what is built in, and where it was left out, which is a failure then.
    pub sha256: Option<Digest>,
    /// What it may use.
    pub limits: Limits,
    /// What was configured for it, as JSON text.
    pub settings: Arc<str>,
    /// What it may do; `None`: all that it describes and any plugin may.
    pub grant: Option<Arc<Grant>>,
    /// Whether the controller may start without it.
    pub failure_policy: FailurePolicy,
    /// Digests that must not run any more.
    pub revoked: BTreeSet<Digest>,
}

impl Wanted {
    /// Whether there is anything that its bytes are compared with: a pin, or this binary.
    pub const fn is_pinned(&self) -> bool {
        self.sha256.is_some() || matches!(self.source, Source::Builtin(_))
    }
}

/// Who configured a plugin. Where several have the same name, the first kind here wins, and the oldest of its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The `RouterPlugin` of this name.
    Resource(String),
    /// An entry of Argo's ConfigMap.
    ArgoConfig,
    /// A flag of the controller, or its default.
    Flag,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Resource(name) => write!(f, "RouterPlugin {name}"),
            Self::ArgoConfig => write!(f, "ConfigMap {}", crate::argo::ARGO_CONFIG),
            Self::Flag => f.write_str("a flag"),
        }
    }
}

/// Whether the controller may start without a plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It may: only the Rollouts that use the plugin wait for it.
    #[default]
    Lenient,
    /// A controller that was never ready does not become it, and does not try to lead, without the plugin.
    Strict,
}
