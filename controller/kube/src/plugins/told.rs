//! What the manager of plugins tells, as log lines and metrics.

use tidegate_plugins::Report;
use tidegate_shell::Plugins;
use tracing::{info, warn};

use crate::metrics::Metrics;

/// Which plugins there are now.
pub(super) fn plugins(plugins: &Plugins, metrics: &Metrics) {
    metrics.plugins.told(plugins.by_name.iter().map(|(name, plugin)| {
        let version = plugin.current.version();
        (name.as_str(), version.map(|one| (one.router.description().version.clone(), one.router.digest())))
    }));
}

/// Something worth telling.
pub(super) fn report(report: &Report, metrics: &Metrics) {
    match report {
        Report::Ready { plugin, version, digest, source, elapsed } => {
            metrics.plugins.loaded(plugin, *elapsed);
            info!(plugin, version, %digest, source, ?elapsed, "plugin is ready");
        }
        Report::Failed { plugin, reason, message, hint, retry_in } => {
            metrics.plugins.failed(plugin, *reason);
            warn!(plugin, reason = %reason, why = message, hint, ?retry_in, "plugin cannot be loaded");
        }
        Report::Switched { plugin, from, to } => {
            let (from, to) = (from.map(|one| one.to_string()), to.map(|one| one.to_string()));
            info!(plugin, from, to, "another version of the plugin serves");
        }
        Report::BadConfig { origin, message } => {
            warn!(origin = %origin, why = message, "the configuration of plugins is not right");
        }
    }
}
