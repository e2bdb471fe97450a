//! `--router-plugin`: which plugins there are, and loading them.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

use tidegate_contract::Router;
use tidegate_model::interest::ARGO_ROUTERS;
use tidegate_plugins::{FailurePolicy, Origin, Source as WantedSource, Wanted, WebSource};
use tidegate_route::Grant;
use tidegate_runtime::{Artifact, LimitedSource, LoadError, Location, Runtime};
use tidegate_shell::{PluginState, PluginVersion};

use crate::web::{self, Patience, Web};

/// One `--router-plugin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouterPlugin {
    /// The key that Rollouts use.
    pub(crate) name: String,
    /// Where its bytes are, what they must hash to, and what it may use.
    pub(crate) from: LimitedSource,
}

impl FromStr for RouterPlugin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, source) = text.split_once('=').ok_or("expected NAME=LOCATION[,OPTION=VALUE]...")?;
        if name.is_empty() {
            return Err("expected a name before the first =".to_owned());
        }
        let from = source.parse().map_err(|error: LoadError| format!("{}; {}", error.message, error.hint))?;
        Ok(Self { name: name.to_owned(), from })
    }
}

/// The plugins that there are when no flag names one: those that are built in, each by the name that Rollouts written for Argo
/// have for it.
const DEFAULTS: [(&str, &str); 3] = [
    ("gateway-api", "argoproj-labs/gatewayAPI=builtin:gateway-api"),
    ("istio", "builtin:istio=builtin:istio"),
    ("nginx", "builtin:nginx=builtin:nginx"),
];

/// What `--router-plugin` is when it is not given.
pub(crate) fn defaults() -> impl Iterator<Item = &'static str> {
    let is_built_in = |name: &str| tidegate_bundle::names().any(|built_in| built_in == name);
    DEFAULTS.into_iter().filter(move |(name, _)| is_built_in(name)).map(|(_, plugin)| plugin)
}

/// Those that may be needed: all but the plugins of Argo's keys that no Rollout has, which take time to load.
pub(crate) fn needed(plugins: &[RouterPlugin], used: &BTreeSet<String>) -> Vec<RouterPlugin> {
    let is_of_argo = |name: &str| ARGO_ROUTERS.iter().any(|(_, plugin)| *plugin == Some(name));
    plugins.iter().filter(|one| !is_of_argo(&one.name) || used.contains(&one.name)).cloned().collect()
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

/// A plugin of a flag, as the controller's manager of plugins wants it.
pub(crate) fn wanted(plugin: &RouterPlugin, grants: &BTreeMap<String, Arc<Grant>>) -> Wanted {
    let LimitedSource { source, limits, allow_http } = plugin.from.clone();
    Wanted {
        name: plugin.name.clone(),
        origin: Origin::Flag,
        source: match source.location {
            Location::Builtin(name) => WantedSource::Builtin(name),
            Location::File(path) => WantedSource::File(path),
            Location::Web(url) => WantedSource::Web(Box::new(WebSource {
                url,
                headers: Vec::new(),
                ca: None,
                proxy: None,
                allow_http,
            })),
        },
        sha256: source.sha256,
        limits,
        settings: "{}".into(),
        grant: grants.get(&plugin.name).cloned(),
        failure_policy: FailurePolicy::default(),
        revoked: BTreeSet::new(),
    }
}

fn load_each(
    plugins: &[RouterPlugin],
    load: impl Fn(&RouterPlugin) -> Result<Arc<dyn Router>, LoadError>,
) -> Vec<Loaded> {
    plugins
        .iter()
        .map(|plugin| Loaded {
            name: plugin.name.clone(),
            location: plugin.from.source.location.clone(),
            result: load(plugin),
        })
        .collect()
}

/// Loads one through all its stages.
pub(crate) fn load_one(runtime: &Runtime, plugin: &RouterPlugin) -> Result<Arc<dyn Router>, LoadError> {
    let artifact = read(plugin)?;
    let plugin = runtime.load(&artifact, &plugin.from.limits, &mut |_, _| {})?;
    Ok(plugin)
}

fn read(plugin: &RouterPlugin) -> Result<Artifact, LoadError> {
    let LimitedSource { source, limits, allow_http } = &plugin.from;
    web::read(source, limits.artifact_bytes, &Web::plain(*allow_http), Patience::Usual)
}

/// What the shell is told about them.
pub(crate) fn states(
    loaded: &[Loaded],
    grants: &BTreeMap<String, Arc<Grant>>,
) -> BTreeMap<String, PluginState> {
    loaded
        .iter()
        .map(|one| {
            let state = match &one.result {
                Ok(router) => PluginState::Ready(PluginVersion {
                    grant: grants.get(&one.name).cloned(),
                    ..PluginVersion::new(router.clone())
                }),
                Err(error) => PluginState::Unavailable {
                    reason: error.reason.as_str().to_owned(),
                    message: format!("{}; {}", error.message, error.hint),
                },
            };
            (one.name.clone(), state)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_there_by_the_name_that_rollouts_have_for_it() {
        let plugins: Vec<RouterPlugin> = defaults().map(|one| one.parse().unwrap()).collect();
        for built_in in tidegate_bundle::names() {
            let location = Location::Builtin(built_in.to_owned());
            assert!(plugins.iter().any(|one| one.from.source.location == location), "{built_in}");
        }
        let mut names = plugins.iter().map(|one| one.name.as_str());
        assert_eq!(names.next(), Some("argoproj-labs/gatewayAPI"));
        let all: Vec<&str> = ARGO_ROUTERS.iter().filter_map(|(_, plugin)| *plugin).collect();
        assert!(names.all(|name| all.contains(&name)));
        assert_eq!(plugins.len(), tidegate_bundle::names().count());
    }

    #[test]
    fn plugins_of_argos_keys_are_loaded_where_rollouts_have_them() {
        let plugin = |name: &str| format!("{name}=builtin:x").parse::<RouterPlugin>().unwrap();
        let plugins = [plugin("a/a"), plugin("builtin:istio"), plugin("builtin:nginx")];
        let names = |used: &[&str]| -> Vec<String> {
            let used = used.iter().map(|name| (*name).to_owned()).collect();
            needed(&plugins, &used).into_iter().map(|one| one.name).collect()
        };
        assert_eq!(names(&[]), ["a/a"]);
        assert_eq!(names(&["builtin:nginx", "b/b"]), ["a/a", "builtin:nginx"]);
    }
}
