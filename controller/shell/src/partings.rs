//! Routers that a Rollout does not use any more, or not with that configuration: what they wrote is given back before anything
//! else is written that gives the canary something. And routers in use of a Rollout at rest, which are asked whether there
//! would be anything to give back: if not, nothing needs to be held for it.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_api::object;
use tidegate_contract::{Destination, ManagedRoute, ObjectRef, Traffic};
use tidegate_core::{RouterReport, RouterState, UNVERIFIED};
use tidegate_model::interest::RouterUse;
use tidegate_model::names::SKIP_RELEASE_ANNOTATION;
use tidegate_model::plugin_record::is_in_flight;
use tidegate_model::{RoutedTarget, RoutingRecord};
use tidegate_route::{Answer, Purpose};

use crate::fingerprint::Fingerprint;
use crate::guard::Turn;
use crate::memory::RouterKey;
use crate::routing::{Looked, View, waiting};
use crate::shell::Shell;
use crate::sight::Sight;

/// Reason of a router that waits for another one to give back what it wrote, or that waits to do so.
const RELEASING: &str = "Releasing";

/// What there may be to give back.
pub(crate) struct Back {
    /// What is wanted of routers of which nothing is wanted.
    pub(crate) traffic: Traffic,
    /// Whether the stable pods can carry everything.
    pub(crate) is_possible: bool,
    /// Whether somebody wants it left as it is.
    pub(crate) is_skipped: bool,
    pub(crate) targets: Vec<Held>,
}

/// What one router with one configuration wrote.
pub(crate) struct Held {
    pub(crate) key: RouterKey,
    pub(crate) target: RoutedTarget,
    /// Whether the Rollout still wants it.
    pub(crate) is_used: bool,
}

/// How far the giving back of it is.
pub(crate) struct Parting {
    pub(crate) target: RoutedTarget,
    pub(crate) is_used: bool,
    /// Whether there is nothing to give back.
    pub(crate) is_over: bool,
    pub(crate) view: View,
}

impl Parting {
    /// Whether it has to be given back, and is not yet.
    pub(crate) const fn is_under_way(&self) -> bool {
        !self.is_used && !self.is_over
    }
}

impl Held {
    pub(crate) fn new(target: &RoutedTarget, is_used: bool) -> Self {
        let about = (&target.config.to_string(), &target.stable_service, &target.canary_service);
        let key = RouterKey { given_back: Some(Fingerprint::of(&about)), ..RouterKey::of(&target.plugin) };
        Self { key, target: target.clone(), is_used }
    }
}

impl Back {
    pub(crate) fn keys(&self) -> impl Iterator<Item = &RouterKey> {
        self.targets.iter().map(|held| &held.key)
    }

    /// The Services in the two roles now.
    pub(crate) fn services(&self) -> [Option<&str>; 2] {
        services(&self.traffic)
    }

    /// What is wanted of one that is to be given back: as it was last routed, with nothing for anybody but stable.
    fn traffic_for(&self, target: &RoutedTarget) -> Traffic {
        let mut traffic = self.traffic.clone();
        let is_same_pair = target.is_for(&target.plugin, &target.config, self.services());
        if !is_same_pair {
            let renamed = |destination: &Destination, service: &Option<String>| Destination {
                service: service.clone(),
                ..destination.clone()
            };
            traffic.stable = renamed(&traffic.stable, &target.stable_service);
            traffic.canary = renamed(&traffic.canary, &target.canary_service);
        }
        for name in &target.managed_routes {
            if traffic.managed_routes.iter().all(|route| route.name != *name) {
                traffic.managed_routes.push(ManagedRoute { name: name.clone(), rule: None });
            }
        }
        traffic
    }
}

impl Shell {
    /// What there may be to give back, if anything was recorded.
    pub(crate) fn back(
        &mut self,
        turn: &Turn<'_>,
        rollout: &std::sync::Arc<Value>,
        used: &[RouterUse],
        record: &RoutingRecord,
    ) -> Option<Back> {
        let last = turn.memory.traffic.as_ref();
        let is_moving = |traffic: &Traffic| {
            let is_used = |target: &RoutedTarget| is_used_by(target, used, services(traffic));
            (!is_idle(traffic) || is_in_flight(rollout)) && record.targets.iter().all(is_used)
        };
        if record.targets.is_empty() || last.is_some_and(is_moving) {
            // The usual cases, in which there is nothing to look at.
            return None;
        }
        let world = self.world(turn.name, rollout, None);
        let traffic = tidegate_core::released(&world, turn.now.wall);
        let held = |target| Held::new(target, is_used_by(target, used, services(&traffic)));
        let targets = record.targets.iter().map(held).collect();
        let is_possible = tidegate_core::may_give_back(&world, turn.now.wall);
        Some(Back { traffic, is_possible, is_skipped: is_skipped(rollout), targets })
    }

    /// Looks at what is to be given back, and, at rest, whether there would be anything.
    pub(crate) fn partings(
        &self,
        turn: &mut Turn<'_>,
        rollout: &Value,
        back: &Back,
        traffic: Option<&Traffic>,
        views: &[View],
    ) -> Vec<Parting> {
        let is_at_rest = traffic.is_some_and(|traffic| is_idle(traffic) && is_noted(rollout, traffic))
            && !is_in_flight(rollout)
            && views.iter().all(|view| view.report.state.is_settled());
        let looked_at = back.targets.iter().filter(|held| !held.is_used || is_at_rest);
        looked_at.map(|held| self.parting(turn, rollout, back, held, views)).collect()
    }

    fn parting(
        &self,
        turn: &mut Turn<'_>,
        rollout: &Value,
        back: &Back,
        held: &Held,
        views: &[View],
    ) -> Parting {
        let Held { key, target, is_used } = held;
        if back.is_skipped && !is_used {
            let view = View::stuck(&target.plugin, RouterState::NotApplicable { warning: None });
            return Parting { target: target.clone(), is_used: *is_used, is_over: true, view };
        }
        let traffic = back.traffic_for(target);
        let looked = Looked { key, config: &target.config, recorded: target.digest };
        turn.memory.router(key).recorded = target.digest;
        let surroundings = self.surroundings(turn, rollout, &traffic, Purpose::Release);
        let mut view = surroundings.view(&looked, turn.memory.router(key));
        if *is_used {
            let is_over = view.ask.is_none() && view.writes.is_empty() && is_expressed(&view.report.state);
            view.writes.clear();
            return Parting { target: target.clone(), is_used: true, is_over, view };
        }
        let is_over = self.is_over(turn, back, target, &mut view, views);
        Parting { target: target.clone(), is_used: false, is_over, view }
    }

    /// Whether everything of a router that is not used any more is given back; takes out of its writes what may not be written
    /// now.
    fn is_over(
        &self,
        turn: &Turn<'_>,
        back: &Back,
        target: &RoutedTarget,
        view: &mut View,
        views: &[View],
    ) -> bool {
        if view.ask.is_some() {
            return false;
        }
        // What the same plugin has in its new configuration too is brought from the old state to the new one in one write.
        let successor = views.iter().find(|view| view.report.router == target.plugin);
        if let Some(successor) = successor {
            let Some(shared) = self.objects_of(turn, successor) else {
                let message = "It is given back once the plugin has understood its new configuration.";
                return wait(view, message);
            };
            let all = view.writes.len();
            view.writes.retain(|write| !shared.contains(&write.write.reference));
            if view.writes.is_empty() && all > 0 {
                return true;
            }
        }
        if !view.writes.is_empty() && !back.is_possible {
            return wait(view, "It is given back once the stable pods can carry everything.");
        }
        view.writes.is_empty() && view.report.state.is_settled()
    }

    /// The objects that a router in use depends on, once it has answered.
    fn objects_of(&self, turn: &Turn<'_>, view: &View) -> Option<BTreeSet<ObjectRef>> {
        let key = RouterKey::of(&view.report.router);
        let memory = turn.memory.routers.get(&key).filter(|_| view.ask.is_none())?;
        let is_routed = matches!(memory.answered, Some((_, Answer::Routed(_))));
        let recorded = self.pins.of(turn.name, &key.plugin);
        let choice = self.plugins.choose(&key.plugin, recorded, &memory.plugin_faults);
        let kinds = &choice.version().filter(|_| is_routed)?.router.description().kinds;
        let sight = Sight::new(&self.caches, &memory.queries, kinds, &turn.name.namespace);
        Some(sight.objects.into_keys().collect())
    }
}

/// Whether some router in use wants what was written.
fn is_used_by(target: &RoutedTarget, used: &[RouterUse], services: [Option<&str>; 2]) -> bool {
    used.iter().any(|used| target.is_for(&used.name, &used.config, services))
}

/// Nothing that gives the canary anything is written while something has to be given back.
pub(crate) fn hold_back(views: &mut [View], partings: &[Parting], traffic: Option<&Traffic>) {
    let Some(first) = partings.iter().find(|parting| parting.is_under_way()) else { return };
    if traffic.is_none_or(is_idle) {
        return;
    }
    for view in views {
        view.writes.clear();
        let RouterReport { state, router, .. } = &mut view.report;
        if state.is_settled() || matches!(state, RouterState::Waiting { .. }) {
            let plugin = &first.target.plugin;
            let message = format!(
                "What {plugin} wrote for an earlier configuration is given back first, then {router} goes on."
            );
            *state = waiting(RELEASING, message);
        }
    }
}

/// Whether somebody wants what was written left as it is.
pub(crate) fn is_skipped(rollout: &Value) -> bool {
    object::annotation(rollout, SKIP_RELEASE_ANNOTATION) == Some("true")
}

/// Whether traffic gives nobody anything but the stable pods, and names nothing that should be gone.
pub(crate) fn is_idle(traffic: &Traffic) -> bool {
    traffic.canary.weight == 0
        && traffic.additional.is_empty()
        && traffic.retired.is_empty()
        && traffic.managed_routes.iter().all(|route| route.rule.is_none())
}

/// Whether the status says which Services have the roles; only then everybody knows what is whose.
fn is_noted(rollout: &Value, traffic: &Traffic) -> bool {
    let name = rollout.pointer("/status/canary/weights/stable/serviceName").and_then(Value::as_str);
    name == traffic.stable.service.as_deref()
}

/// The Services in the two roles.
pub(crate) fn services(traffic: &Traffic) -> [Option<&str>; 2] {
    [traffic.stable.service.as_deref(), traffic.canary.service.as_deref()]
}

/// Whether the objects say what is wanted, whether or not somebody has reported that it is in force.
fn is_expressed(state: &RouterState) -> bool {
    state.is_settled() || matches!(state, RouterState::Waiting { reason, .. } if reason == UNVERIFIED)
}

/// Writes nothing for now.
fn wait(view: &mut View, message: &str) -> bool {
    view.writes.clear();
    if !matches!(view.report.state, RouterState::Failed { .. }) {
        view.report.state = waiting(RELEASING, message);
    }
    false
}
