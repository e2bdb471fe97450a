//! The plugins of a run: the Gateway API plugin under two names, each of which can fail by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_contract::{Description, Digest, Fault, FaultReason, Router, Session};
use tidegate_gateway_api::GatewayApi;
use tidegate_native::Native;
use tidegate_shell::{Plugin, PluginState, Plugins};

use crate::happening::PluginFault;
use crate::scenario::PLUGINS;

/// Versions of plugins that a controller says are in use, by the name of the plugin.
pub(crate) type InUse = BTreeMap<String, BTreeSet<Digest>>;

/// The plugins and how they are.
pub(crate) struct Configured {
    plugins: Vec<Configuration>,
}

struct Configuration {
    router: Arc<Failing>,
    state: PluginFault,
}

impl Configured {
    pub(crate) fn new() -> Self {
        let plugins = (0..PLUGINS.len())
            .map(|index| Configuration { router: Arc::new(Failing::new(index)), state: PluginFault::Well });
        Self { plugins: plugins.collect() }
    }

    /// Something happens to one of them. Returns whether controllers have to be told.
    pub(crate) fn set(&mut self, index: usize, what: PluginFault) -> bool {
        let Some(plugin) = self.plugins.get_mut(index) else { return false };
        let is_told = |state| matches!(state, PluginFault::Loading | PluginFault::Unavailable);
        let must_tell = is_told(plugin.state) || is_told(what);
        plugin.state = what;
        plugin.router.fail(match what {
            PluginFault::Fault(reason) => Some(reason),
            _ => None,
        });
        must_tell
    }

    /// What a controller is told that says that it uses these versions.
    pub(crate) fn states(&self, in_use: &InUse) -> Plugins {
        let states = PLUGINS.iter().zip(&self.plugins).map(|(name, plugin)| {
            let current = match plugin.state {
                PluginFault::Loading => PluginState::Loading,
                PluginFault::Unavailable => PluginState::Unavailable {
                    reason: "Unreachable".to_owned(),
                    message: "the registry does not answer".to_owned(),
                },
                PluginFault::Well | PluginFault::Fault(_) | PluginFault::Slow(_) => {
                    PluginState::ready(plugin.router.clone())
                }
            };
            // There is but one version of each: where the current one cannot be had, it is the one that is in use.
            let is_current = |digest: &&Digest| {
                current.version().is_some_and(|version| version.router.digest() == **digest)
            };
            let older = in_use.get(*name).into_iter().flatten().filter(|digest| !is_current(digest));
            let older = older.map(|digest| (*digest, current.clone())).collect();
            ((*name).to_owned(), Plugin { current, older })
        });
        Plugins { complete: true, by_name: states.collect() }
    }

    /// How long an answer of this router takes.
    pub(crate) fn delay(&self, router: &dyn Router) -> Duration {
        let plugin = self.plugins.iter().find(|plugin| plugin.router.digest() == router.digest());
        match plugin.map(|plugin| plugin.state) {
            Some(PluginFault::Slow(delay)) => delay,
            _ => Duration::ZERO,
        }
    }
}

/// The plugin, which fails as long as it is told to.
struct Failing {
    inner: Native<GatewayApi>,
    digest: Digest,
    fault: Mutex<Option<FaultReason>>,
}

impl Failing {
    fn new(index: usize) -> Self {
        let digest = Digest([u8::try_from(index).unwrap_or(u8::MAX); 32]);
        Self { inner: Native::new(), digest, fault: Mutex::new(None) }
    }

    fn fail(&self, fault: Option<FaultReason>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

impl Router for Failing {
    fn description(&self) -> &Description {
        self.inner.description()
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        match *self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(reason) => {
                Err(Fault { reason, message: "it was told to".to_owned(), last_words: String::new() })
            }
            None => self.inner.session(),
        }
    }
}
