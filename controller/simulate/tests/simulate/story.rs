//! Manifests, playing them, and reading what was told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_contract::Router;
use tidegate_gateway_api::GatewayApi;
use tidegate_native::Native;
use tidegate_shell::PluginState;
use tidegate_simulate::{Ending, Line, RolloutEnding, Scenario, ScenarioError, play};

pub(crate) const PLUGIN: &str = "argoproj-labs/gatewayAPI";

/// One Rollout with all that belongs to it, as a user writes it.
pub(crate) struct App {
    pub rollout: Value,
    pub services: Vec<Value>,
    pub route: Value,
}

impl App {
    /// Four replicas; half of the traffic for a minute, then all.
    pub(crate) fn new(name: &str) -> Self {
        let service = |role: &str| {
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("{name}-{role}")},
                   "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}})
        };
        let (stable, canary) = (format!("{name}-stable"), format!("{name}-canary"));
        Self {
            rollout: json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
                "spec": {
                    "replicas": 4, "selector": {"matchLabels": {"app": name}},
                    "template": {
                        "metadata": {"labels": {"app": name}},
                        "spec": {"containers": [{"name": "web", "image": "example.com/web:v1"}]},
                    },
                    "strategy": {"canary": {
                        "stableService": stable, "canaryService": canary,
                        "trafficRouting": {"plugins": {PLUGIN: {"httpRoute": name}}},
                        "steps": [{"setWeight": 50}, {"pause": {"duration": "1m"}}],
                    }},
                },
            }),
            services: vec![service("stable"), service("canary")],
            route: json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name},
                "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [
                    {"name": stable, "port": 80, "weight": 100}, {"name": canary, "port": 80, "weight": 0},
                ]}]},
            }),
        }
    }

    pub(crate) fn canary(&mut self) -> &mut Value {
        &mut self.rollout["spec"]["strategy"]["canary"]
    }

    pub(crate) fn steps(mut self, steps: Value) -> Self {
        self.canary()["steps"] = steps;
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn objects(&self) -> Vec<Value> {
        self.services.iter().chain([&self.route, &self.rollout]).cloned().collect()
    }
}

/// A scenario of these apps, nothing else changed.
pub(crate) fn scenario(apps: &[App]) -> Scenario {
    Scenario {
        metrics: tidegate_simulate::metrics::Script::default(),
        objects: apps.iter().flat_map(App::objects).collect(),
        images: BTreeMap::new(),
        hold: false,
        limit: Duration::from_hours(30 * 24),
        cluster: tidegate_cluster::Settings::default(),
        controller: tidegate_shell::Settings::default(),
    }
}

/// What was told.
#[derive(Debug, PartialEq)]
pub(crate) struct Story {
    pub lines: Vec<Line>,
    pub ending: Ending,
}

impl Story {
    pub(crate) fn of(scenario: Scenario) -> Self {
        Self::with(scenario, Native::<GatewayApi>::new())
    }

    pub(crate) fn with(scenario: Scenario, router: impl Router + 'static) -> Self {
        Self::with_plugins(scenario, [(PLUGIN, PluginState::ready(Arc::new(router)))])
    }

    pub(crate) fn with_plugins<const N: usize>(
        scenario: Scenario,
        plugins: [(&str, PluginState); N],
    ) -> Self {
        Self::try_with(scenario, plugins).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn try_with<const N: usize>(
        scenario: Scenario,
        plugins: [(&str, PluginState); N],
    ) -> Result<Self, ScenarioError> {
        let plugins = plugins.map(|(name, state)| (name.to_owned(), state)).into();
        let mut lines = Vec::new();
        let ending = play(scenario, plugins, &mut |line| lines.push(line.clone()))?;
        Ok(Self { lines, ending })
    }

    /// The lines about one Rollout.
    pub(crate) fn about<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Line> + use<'a> {
        let suffix = format!("/{name}");
        let is_about = move |line: &&Line| line.frame().is_some_and(|frame| frame.rollout.ends_with(&suffix));
        self.lines.iter().filter(is_about)
    }

    pub(crate) fn count(&self, name: &str, event: &str) -> usize {
        self.about(name).filter(|line| line.event == event).count()
    }

    pub(crate) fn first(&self, name: &str, event: &str) -> &Line {
        self.about(name)
            .find(|line| line.event == event)
            .unwrap_or_else(|| panic!("no {event}\n{}", self.text()))
    }

    pub(crate) fn end(&self, name: &str) -> &RolloutEnding {
        let found = self.ending.rollouts.iter().find(|one| one.rollout.ends_with(&format!("/{name}")));
        found.unwrap_or_else(|| panic!("no Rollout {name}"))
    }

    /// The canary's weights on the route, in the order in which they were written, without repetitions.
    pub(crate) fn weights(&self, name: &str) -> Vec<u64> {
        let canary = format!("{name}-canary");
        let mut weights: Vec<u64> = self
            .about(name)
            .filter_map(Line::frame)
            .flat_map(|frame| &frame.routes)
            .flat_map(|route| &route.backends)
            .filter(|backend| backend.name == canary)
            .map(|backend| backend.weight)
            .collect();
        weights.dedup();
        weights
    }

    /// For messages of failing tests.
    pub(crate) fn text(&self) -> String {
        let line = |line: &Line| {
            let (rollout, phase) = line.frame().map_or(("", ""), |frame| (&frame.rollout, &frame.phase));
            format!("{:>8} {rollout} {phase} {} {}\n", line.t, line.event, line.note)
        };
        self.lines.iter().map(line).chain([format!("{:#?}\n", self.ending)]).collect()
    }
}

/// The condition with this type.
pub(crate) fn condition<'a>(end: &'a RolloutEnding, type_: &str) -> Option<&'a Value> {
    end.conditions.iter().find(|condition| condition["type"] == type_)
}
