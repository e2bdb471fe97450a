//! The configured plugins, as the shell is told of them: what is ready, what is not and why, and which older versions are
//! still there for Rollouts that began with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_contract::{Digest, Router};
use tidegate_route::Grant;

/// The configured plugins.
#[derive(Clone, Debug, Default)]
pub struct Plugins {
    /// Whether every place where plugins are configured has been read. Until then one that is not here may still come.
    pub complete: bool,
    /// By the name that Rollouts use.
    pub by_name: BTreeMap<String, Plugin>,
}

/// A configured plugin.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// What a Rollout uses that begins now.
    pub current: PluginState,
    /// Versions that Rollouts in flight began with (`Effect::InUse`) and that are not the current one: ready, being fetched, or
    /// such that cannot be had any more. One that is missing here has not been looked for yet.
    pub older: BTreeMap<Digest, PluginState>,
}

/// One version of a plugin.
#[derive(Clone, Debug)]
pub enum PluginState {
    /// It is being fetched or compiled; nothing is known against it.
    Loading,
    /// It can be asked.
    Ready(PluginVersion),
    /// It cannot be had.
    Unavailable {
        /// Stable code, for example `DigestMismatch`.
        reason: String,
        /// What is wrong and what to do.
        message: String,
    },
}

/// A plugin that can be asked, with what its operator said about it.
#[derive(Clone)]
pub struct PluginVersion {
    /// The plugin.
    pub router: Arc<dyn Router>,
    /// What it may do; `None`: all that it describes and any plugin may.
    pub grant: Option<Arc<Grant>>,
    /// What was configured for it, as JSON text.
    pub settings: Arc<str>,
}

impl PluginState {
    /// Ready, may do all that it describes, and has no settings.
    pub fn ready(router: Arc<dyn Router>) -> Self {
        Self::Ready(PluginVersion::new(router))
    }

    /// The version, if it can be asked.
    pub const fn version(&self) -> Option<&PluginVersion> {
        match self {
            Self::Ready(version) => Some(version),
            Self::Loading | Self::Unavailable { .. } => None,
        }
    }
}

impl PluginVersion {
    /// One that may do all that it describes, and has no settings.
    pub fn new(router: Arc<dyn Router>) -> Self {
        Self { router, grant: None, settings: "{}".into() }
    }
}

impl std::fmt::Debug for PluginVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginVersion")
            .field("digest", &self.router.digest())
            .field("grant", &self.grant)
            .field("settings", &self.settings)
            .finish()
    }
}

impl Plugin {
    /// The versions that can be asked, the current one first.
    pub fn versions(&self) -> impl Iterator<Item = &PluginVersion> {
        std::iter::once(&self.current).chain(self.older.values()).filter_map(PluginState::version)
    }
}

impl From<PluginState> for Plugin {
    fn from(current: PluginState) -> Self {
        Self { current, older: BTreeMap::new() }
    }
}

impl From<BTreeMap<String, PluginState>> for Plugins {
    /// All that there are.
    fn from(states: BTreeMap<String, PluginState>) -> Self {
        let by_name = states.into_iter().map(|(name, state)| (name, state.into())).collect();
        Self { complete: true, by_name }
    }
}
