//! Which version of a plugin a Rollout uses: the current one, unless it is in flight; then the one that it began with, as long
//! as that can be had and does its work.

use std::time::Duration;

use tidegate_contract::{Digest, Fault};
use tidegate_core::RouterState;
use tidegate_route::Answer;

use crate::plugins::{PluginState, PluginVersion, Plugins};
use crate::queue::delay;
use crate::routing::earlier;
use crate::settings::Timing;

/// So many failed questions in a row are enough to give a version up, once there is a newer one.
const FAULTS: u32 = 3;

/// What a Rollout does about one of its routers.
#[derive(Debug)]
pub(crate) enum Choice<'a> {
    /// It asks this version.
    Use {
        version: &'a PluginVersion,
        /// Instead of the recorded one, which is given up.
        instead: Option<GivenUp>,
        /// Whether the current version is another one that could be asked.
        has_newer: bool,
    },
    /// There is none to ask.
    None(RouterState),
}

/// A recorded version that is not used any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenUp {
    pub(crate) digest: Digest,
    /// Why, for people.
    pub(crate) why: String,
}

/// Questions that versions of a plugin failed on, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults(Vec<Row>);

/// Those of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    digest: Digest,
    count: u32,
    /// When the last one was answered.
    at: Duration,
    /// How.
    reason: &'static str,
}

impl Faults {
    /// Takes note of an answer of a version. Where the host is to blame, nothing is known of the plugin.
    pub(crate) fn note(&mut self, digest: Digest, answer: &Answer, now: Duration) {
        match answer {
            Answer::Fault(Fault { reason, .. }) if reason.is_plugins_fault() => {
                let count = self.of(digest).map_or(0, |row| row.count).saturating_add(1);
                self.0.retain(|row| row.digest != digest);
                self.0.push(Row { digest, count, at: now, reason: reason.as_str() });
            }
            Answer::Fault(_) => {}
            _ => self.0.retain(|row| row.digest != digest),
        }
    }

    /// Forgets all versions but these.
    pub(crate) fn keep(&mut self, versions: [Option<Digest>; 2]) {
        self.0.retain(|row| versions.contains(&Some(row.digest)));
    }

    /// When a question that this version failed on is asked again, if there is a newer one: soon, because that one takes over
    /// when this one keeps failing.
    pub(crate) fn ask_again(
        &self,
        version: Digest,
        usual: Option<Duration>,
        timing: &Timing,
    ) -> Option<Duration> {
        let soon = self.of(version).map(|row| row.at.saturating_add(delay(row.count, timing)));
        earlier(usual, soon)
    }

    fn of(&self, version: Digest) -> Option<&Row> {
        self.0.iter().find(|row| row.digest == version)
    }
}

impl Plugins {
    /// What a Rollout does about one of its routers, given the version that it has recorded, if it is in flight and has one, and
    /// the questions that one has failed on.
    pub(crate) fn choose(&self, router: &str, recorded: Option<Digest>, faults: &Faults) -> Choice<'_> {
        let Some(plugin) = self.by_name.get(router) else {
            return Choice::None(if self.complete {
                self.unknown(router)
            } else {
                loading("It is being read which plugins are configured.".to_owned())
            });
        };
        let current = plugin.current.version();
        let Some(recorded) = recorded.filter(|recorded| !current.is_some_and(|one| one.is(*recorded))) else {
            return match current {
                Some(version) => Choice::Use { version, instead: None, has_newer: false },
                None => Choice::None(without(router, &plugin.current)),
            };
        };
        let kept = plugin.older.get(&recorded);
        let why = match kept {
            Some(PluginState::Ready(version)) => {
                match faults.of(recorded).filter(|row| row.count >= FAULTS) {
                    Some(row) if current.is_some() => {
                        format!("it failed {} times in a row ({})", row.count, row.reason)
                    }
                    _ => return Choice::Use { version, instead: None, has_newer: current.is_some() },
                }
            }
            Some(PluginState::Unavailable { reason, message }) => format!("{reason}: {message}"),
            // Nothing is known of it yet, unless it is the current one.
            None if matches!(plugin.current, PluginState::Unavailable { .. }) => {
                return Choice::None(without(router, &plugin.current));
            }
            Some(PluginState::Loading) | None => {
                let what = format!("Version {recorded} of plugin {router}, with which this update began,");
                return Choice::None(loading(format!("{what} is being loaded.")));
            }
        };
        match current {
            Some(version) => {
                let instead = Some(GivenUp { digest: recorded, why });
                Choice::Use { version, instead, has_newer: false }
            }
            None => Choice::None(match without(router, &plugin.current) {
                RouterState::Unavailable { reason, message } => {
                    let message = format!(
                        "{message} The version with which this update began, {recorded}, cannot be had either: {why}"
                    );
                    RouterState::Unavailable { reason, message }
                }
                other => other,
            }),
        }
    }

    fn unknown(&self, name: &str) -> RouterState {
        let known: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let message = format!(
            "There is no router plugin named {name}: correct the name in trafficRouting.plugins, or configure \
             the plugin. Configured are: {known}."
        );
        RouterState::Unavailable { reason: "UnknownPlugin".to_owned(), message }
    }
}

impl PluginVersion {
    /// Whether it has this digest.
    pub(crate) fn is(&self, digest: Digest) -> bool {
        self.router.digest() == digest
    }
}

impl Choice<'_> {
    /// The version to ask.
    pub(crate) const fn version(&self) -> Option<&PluginVersion> {
        match self {
            Self::Use { version, .. } => Some(version),
            Self::None(_) => None,
        }
    }
}

/// How far a router is that has no plugin.
fn without(router: &str, state: &PluginState) -> RouterState {
    match state {
        PluginState::Unavailable { reason, message } => {
            RouterState::Unavailable { reason: reason.clone(), message: message.clone() }
        }
        PluginState::Loading | PluginState::Ready(_) => loading(format!("Plugin {router} is being loaded.")),
    }
}

const fn loading(message: String) -> RouterState {
    RouterState::Loading { message }
}
