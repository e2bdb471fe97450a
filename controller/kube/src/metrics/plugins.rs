//! Metrics about plugins: which there are, and why one is not.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tidegate_artifact::LoadReason;
use tidegate_contract::Digest;

use super::{Counters, PluginLabels};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InfoLabels {
    plugin: String,
    version: String,
    digest: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FailureLabels {
    plugin: String,
    reason: &'static str,
}

/// Metrics about plugins.
#[derive(Default)]
pub(crate) struct PluginMetrics {
    ready: Family<PluginLabels, Gauge>,
    info: Family<InfoLabels, Gauge>,
    failures: Counters<FailureLabels>,
    seconds: Family<PluginLabels, Gauge<f64, AtomicU64>>,
}

impl PluginMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("tidegate_plugin_ready", "Whether a plugin is loaded", self.ready.clone());
        registry.register("tidegate_plugin_info", "The version of a plugin that serves", self.info.clone());
        registry.register(
            "tidegate_plugin_load_failures",
            "Tries to load a plugin that failed, by reason",
            self.failures.clone(),
        );
        registry.register(
            "tidegate_plugin_load_duration_seconds",
            "Time that a plugin took last to be loaded, from its source until it was ready",
            self.seconds.clone(),
        );
    }

    /// Which plugins there are now, and which version of each serves.
    pub(crate) fn told<'a>(&self, plugins: impl Iterator<Item = (&'a str, Option<(String, Digest)>)>) {
        self.ready.clear();
        self.info.clear();
        for (name, version) in plugins {
            let plugin = name.to_owned();
            let labels = PluginLabels { plugin: plugin.clone() };
            self.ready.get_or_create(&labels).set(version.is_some().into());
            if let Some((version, digest)) = version {
                let labels = InfoLabels { plugin, version, digest: digest.to_string() };
                self.info.get_or_create(&labels).set(1);
            }
        }
    }

    /// A plugin was loaded.
    pub(crate) fn loaded(&self, name: &str, elapsed: Duration) {
        let labels = PluginLabels { plugin: name.to_owned() };
        self.seconds.get_or_create(&labels).set(elapsed.as_secs_f64());
    }

    /// A plugin could not be loaded.
    pub(crate) fn failed(&self, name: &str, reason: LoadReason) {
        let labels = FailureLabels { plugin: name.to_owned(), reason: reason.as_str() };
        self.failures.get_or_create(&labels).inc();
    }
}
