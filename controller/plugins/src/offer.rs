//! What the shell was told last, so that it is told again only when something changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_contract::{Digest, Router};
use tidegate_route::Grant;
use tidegate_shell::{Plugin, PluginState, Plugins};

use crate::managed::Managed;

/// What the shell was told last.
#[derive(Default)]
pub(crate) struct Offer {
    told: Option<(bool, BTreeMap<String, Shape>)>,
}

/// A plugin, as far as it can be compared.
#[derive(Clone, PartialEq)]
struct Shape {
    current: StateShape,
    older: BTreeMap<Digest, StateShape>,
}

#[derive(Clone)]
enum StateShape {
    Loading,
    Ready { router: Arc<dyn Router>, grant: Option<Arc<Grant>>, settings: Arc<str> },
    Unavailable { reason: String, message: String },
}

impl PartialEq for StateShape {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Loading, Self::Loading) => true,
            (
                Self::Ready { router, grant, settings },
                Self::Ready { router: other_router, grant: other_grant, settings: other_settings },
            ) => {
                // The same plugin under other limits is another one.
                Arc::ptr_eq(router, other_router) && grant == other_grant && settings == other_settings
            }
            (
                Self::Unavailable { reason, message },
                Self::Unavailable { reason: other_reason, message: other_message },
            ) => reason == other_reason && message == other_message,
            _ => false,
        }
    }
}

impl From<&PluginState> for StateShape {
    fn from(state: &PluginState) -> Self {
        match state {
            PluginState::Loading => Self::Loading,
            PluginState::Ready(version) => Self::Ready {
                router: version.router.clone(),
                grant: version.grant.clone(),
                settings: version.settings.clone(),
            },
            PluginState::Unavailable { reason, message } => {
                Self::Unavailable { reason: reason.clone(), message: message.clone() }
            }
        }
    }
}

impl Offer {
    /// What the shell is to be told, if that is something else than before.
    pub(crate) fn changed(&mut self, plugins: &BTreeMap<String, Managed>, complete: bool) -> Option<Plugins> {
        let offered: BTreeMap<String, Plugin> = plugins
            .iter()
            .map(|(name, plugin)| {
                // Until everything is read, another configuration of the name may come, which counts more.
                let offer = if complete { plugin.offer() } else { PluginState::Loading.into() };
                (name.clone(), offer)
            })
            .collect();
        let shape = |plugin: &Plugin| Shape {
            current: (&plugin.current).into(),
            older: plugin.older.iter().map(|(digest, state)| (*digest, state.into())).collect(),
        };
        let shapes = offered.iter().map(|(name, plugin)| (name.clone(), shape(plugin))).collect();
        let told = Some((complete, shapes));
        if self.told == told {
            return None;
        }
        self.told = told;
        Some(Plugins { complete, by_name: offered })
    }
}
