//! Asking each router of a Rollout whether its configuration is right, and what it can do with it.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate_contract::Target;
use tidegate_core::{RouterReport, RouterState};
use tidegate_model::Rollout;
use tidegate_model::interest::{self, ARGO_ROUTERS};
use tidegate_route::Answer;
use tidegate_shell::PluginState;

use crate::finding::{Said, Severity, reason};

/// What the routers of a Rollout say of their configuration.
#[derive(Default)]
pub(crate) struct Asked {
    /// For the state machine: with the features of those that told them.
    pub(crate) reports: Vec<RouterReport>,
    /// What is wrong.
    pub(crate) said: Vec<Said>,
}

/// Asks them.
pub(crate) fn ask(rollout: &Value, plugins: &BTreeMap<String, PluginState>) -> Asked {
    let mut asked = Asked::default();
    for used in interest::routers(rollout) {
        let result = match plugins.get(&used.name) {
            Some(PluginState::Ready(version)) => {
                let read = Rollout::read(rollout);
                let ping_pong = read.canary.ping_pong.as_ref();
                let target = Target {
                    namespace: read.namespace.clone(),
                    name: read.name.clone(),
                    uid: read.uid.clone(),
                    config: used.config.to_string(),
                    settings: version.settings.to_string(),
                    stable_service: read
                        .canary
                        .stable_service
                        .clone()
                        .or(ping_pong.map(|one| one.pong.clone())),
                    canary_service: read
                        .canary
                        .canary_service
                        .clone()
                        .or(ping_pong.map(|one| one.ping.clone())),
                };
                match version.router.session() {
                    Ok(mut session) => {
                        tidegate_route::check(session.as_mut(), &target).map_err(|answer| wrong(*answer))
                    }
                    Err(fault) => Err((fault.reason.as_str().to_owned(), fault.message)),
                }
            }
            Some(PluginState::Unavailable { reason, message }) => Err((reason.clone(), message.clone())),
            Some(PluginState::Loading) | None => {
                let known: Vec<&str> = plugins.keys().map(String::as_str).collect();
                let message = format!(
                    "there is no router plugin of this name, there are {}; correct it, or give the plugin (--router-plugin)",
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                );
                Err((UNKNOWN_PLUGIN.to_owned(), message))
            }
        };
        let (features, state) = match result {
            Ok(features) => (Some(features), RouterState::Verified),
            Err((reason, message)) => {
                asked.said.push(Said::new(Severity::Error, &reason, place(rollout, &used.name), &message));
                (None, RouterState::Failed { reason, message })
            }
        };
        let report =
            RouterReport { router: used.name, features, state, shares: Vec::new(), notes: Vec::new() };
        asked.reports.push(report);
    }
    asked
}

/// As the controller calls a plugin that nobody configured.
const UNKNOWN_PLUGIN: &str = "UnknownPlugin";

/// Where a router is configured.
pub(crate) fn place(rollout: &Value, router: &str) -> String {
    const ROUTING: &str = "spec.strategy.canary.trafficRouting";
    let routing = rollout.pointer("/spec/strategy/canary/trafficRouting");
    let key = ARGO_ROUTERS.iter().find(|(key, plugin)| {
        *plugin == Some(router)
            && routing.and_then(|routing| routing.get(*key)).is_some_and(|config| !config.is_null())
    });
    match key {
        Some((key, _)) => format!("{ROUTING}.{key}"),
        None => format!("{ROUTING}.plugins[{router:?}]"),
    }
}

/// Why a question about a configuration was not answered with features.
fn wrong(answer: Answer) -> (String, String) {
    match answer {
        Answer::Problem(problem) => {
            let message = match &problem.pointer {
                Some(pointer) if !pointer.is_empty() => format!("{pointer}: {}", problem.message),
                _ => problem.message,
            };
            (tidegate_shell::problem_reason(&problem.code), message)
        }
        Answer::Fault(fault) => (fault.reason.as_str().to_owned(), fault.message),
        Answer::Refused(refusal) => (refusal.reason.to_owned(), refusal.message),
        Answer::Needs(_) | Answer::Routed(_) => {
            (reason::ROUTER_FAILED.to_owned(), "answered another question than it was asked".to_owned())
        }
    }
}
