//! `--router-plugin`: which plugins there are, and loading them.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use tidegate_contract::Router;
use tidegate_runtime::{Limits, LoadError, Location, Runtime, Source};
#[cfg(feature = "cluster")]
use tidegate_runtime::{LoadReason, Stage};
use tidegate_shell::PluginState;

/// One `--router-plugin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouterPlugin {
    /// The key that Rollouts use.
    pub(crate) name: String,
    /// Where its bytes are, and what they must hash to.
    pub(crate) source: Source,
}

impl FromStr for RouterPlugin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, source) = text.split_once('=').ok_or("expected NAME=LOCATION[,sha256=HEX]")?;
        if name.is_empty() {
            return Err("expected a name before the first =".to_owned());
        }
        let source: Source =
            source.parse().map_err(|error: LoadError| format!("{}; {}", error.message, error.hint))?;
        Ok(Self { name: name.to_owned(), source })
    }
}

/// A plugin and what became of loading it.
pub(crate) struct Loaded {
    /// The key that Rollouts use.
    pub(crate) name: String,
    /// Where its bytes are.
    pub(crate) location: Location,
    /// The plugin, or why there is none.
    pub(crate) result: Result<Arc<dyn Router>, LoadError>,
}

/// Loads each plugin through all its stages; one that fails does not keep the others from being loaded.
pub(crate) fn load(runtime: &Runtime, plugins: &[RouterPlugin]) -> Vec<Loaded> {
    load_each(plugins, |plugin| load_one(runtime, plugin))
}

/// The same, and every plugin that is not built in must be pinned: in front of production traffic runs what was chosen.
#[cfg(feature = "cluster")]
pub(crate) fn load_pinned(runtime: &Runtime, plugins: &[RouterPlugin]) -> Vec<Loaded> {
    load_each(plugins, |plugin| {
        let is_builtin = matches!(plugin.source.location, Location::Builtin(_));
        if is_builtin || plugin.source.sha256.is_some() {
            return load_one(runtime, plugin);
        }
        // Read all the same, so that the message can say the digest.
        let artifact = tidegate_runtime::read(
            &plugin.source,
            Limits::default().artifact_bytes,
            &tidegate_bundle::builtin,
        )?;
        Err(LoadError {
            stage: Stage::Digest,
            reason: LoadReason::DigestMissing,
            message: format!("{} is not pinned", plugin.source.location),
            hint: format!(
                "if it is the one that you mean, append ,sha256={} to its location",
                artifact.digest()
            ),
        })
    })
}

fn load_each(
    plugins: &[RouterPlugin],
    load: impl Fn(&RouterPlugin) -> Result<Arc<dyn Router>, LoadError>,
) -> Vec<Loaded> {
    plugins
        .iter()
        .map(|plugin| Loaded {
            name: plugin.name.clone(),
            location: plugin.source.location.clone(),
            result: load(plugin),
        })
        .collect()
}

fn load_one(runtime: &Runtime, plugin: &RouterPlugin) -> Result<Arc<dyn Router>, LoadError> {
    let limits = Limits::default();
    let artifact = tidegate_runtime::read(&plugin.source, limits.artifact_bytes, &tidegate_bundle::builtin)?;
    let plugin = runtime.load(&artifact, &limits, &mut |_, _| {})?;
    Ok(plugin)
}

/// What the shell is told about them.
pub(crate) fn states(loaded: &[Loaded]) -> BTreeMap<String, PluginState> {
    loaded
        .iter()
        .map(|one| {
            let state = match &one.result {
                Ok(router) => PluginState::Ready(router.clone()),
                Err(error) => PluginState::Unavailable {
                    reason: error.reason.as_str().to_owned(),
                    message: format!("{}; {}", error.message, error.hint),
                },
            };
            (one.name.clone(), state)
        })
        .collect()
}
