//! A pass over one Rollout: observe → decide → ask its routers → write their objects → decide again → apply.
//!
//! A pass is not a script but a question that is asked anew each time something it waited for has come back:
//! what is the first thing to do, given the caches as they are now? So it does not matter when it is cut off.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ObjectKey, Resource, object};
use tidegate_contract::Traffic;
use tidegate_core::{RouterState, Routing};
use tidegate_model::RoutingRecord;
use tidegate_model::interest::{RouterUse, routers};
use tidegate_route::{Pass, Purpose};

use crate::apply::Decided;
use crate::caches::ROLLOUTS;
use crate::effect::Effect;
use crate::event::Now;
use crate::fence::Passage;
use crate::guard::Turn;
use crate::job::RouteJob;
use crate::memory::{Basis, Memory, RouteWriting, RouterKey, UnderWay};
use crate::observe::get;
use crate::partings::{Back, Parting, hold_back};
use crate::pods::is_eviction;
use crate::record::Record;
use crate::routing::{Looked, RouteWrite, Surroundings, View, earlier};
use crate::shell::Shell;

/// So often are routers asked, or is a decision made anew, before what is known is applied. A plugin needs two
/// or three rounds to find its objects; what needs more than this never ends.
const ROUNDS: u32 = 16;

/// So long is waited for the first lists of what routers need, and for their plugins, before anything is decided without them.
const A_MOMENT: Duration = Duration::from_secs(1);

impl Shell {
    /// Goes on with a pass, or begins one.
    pub(crate) fn advance(&mut self, turn: &mut Turn<'_>) {
        if turn.memory.under_way.is_some() {
            turn.memory.again = true;
            return;
        }
        if !self.looks() {
            return;
        }
        turn.memory.again = false;
        if let Some(until) = turn.memory.backoff.is_waiting(turn.now.monotonic) {
            self.queue.put(turn.name, until);
            return;
        }
        if let Some(until) = turn.memory.budget.empty_until(turn.now.monotonic) {
            self.queue.put(turn.name, until);
            return;
        }
        match self.passage(turn.memory, turn.now) {
            Passage::Free => {}
            Passage::Wait(at) => {
                self.queue.put(turn.name, at);
                return;
            }
            Passage::Read(objects) => {
                self.read(turn, objects);
                return;
            }
        }
        let Some(rollout) = self.rollout(turn.name) else { return };
        if self.is_to_be_given_back(&rollout) {
            if !self.settings.shadow {
                self.give_back(turn, &rollout);
            }
            return;
        }
        if object::is_deleting(&rollout) {
            // Its ReplicaSets go with it, by their owner reference.
            return;
        }
        self.look(turn, &rollout);
    }

    /// Whether the caches show what we have written.
    pub(crate) fn passage(&self, memory: &mut Memory, now: Now) -> Passage {
        let ceiling = self.settings.timing.fence_ceiling;
        memory.fences.check(now.monotonic, ceiling, |key| self.caches.sighting(key))
    }

    /// Reads objects about which the caches may be behind.
    fn read(&mut self, turn: &mut Turn<'_>, objects: Vec<(ObjectKey, Resource)>) {
        let mut reading = BTreeMap::new();
        for (key, resource) in objects {
            let id = self.requests.start(turn.name);
            turn.effects.push(Effect::Send { id, request: get(&key, &resource) });
            reading.insert(id, key);
        }
        turn.memory.under_way = Some(UnderWay::Reading(reading));
    }

    fn look(&mut self, turn: &mut Turn<'_>, rollout: &Arc<Value>) {
        let used = routers(rollout);
        let record = RoutingRecord::read(rollout);
        let is_reading = self.is_evidence_unknown(turn.name);
        if self.follow_workload(turn, rollout) {
            return;
        }
        let back = self.back(turn, rollout, &used, &record);
        self.remember_only(turn, &used, back.as_ref());
        loop {
            let traffic = turn.memory.traffic.clone();
            let views = traffic.as_ref().map(|traffic| self.views(turn, rollout, &used, traffic));
            let mut views = views.unwrap_or_default();
            let conflict = self.conflict(turn.name);
            self.settle_conflict(turn, conflict.as_ref(), &mut views);
            let mut partings = back
                .as_ref()
                .map(|back| self.partings(turn, rollout, back, traffic.as_ref(), &views))
                .unwrap_or_default();
            hold_back(&mut views, &partings, traffic.as_ref());
            // Whatever would be decided, it would be decided again with the answer.
            if self.ask(turn, all(&mut views, &mut partings))
                || self.waits(turn, is_reading, all(&mut views, &mut partings))
            {
                return;
            }
            let routing = traffic.clone().map(|traffic| Routing {
                traffic,
                routers: views.iter().map(|view| view.report.clone()).collect(),
            });
            let mut world = self.world(turn.name, rollout, routing);
            world.template_hash = turn.memory.template_hash(rollout);
            let leaving = partings.iter().filter(|parting| parting.is_under_way());
            world.leaving = leaving.map(|parting| parting.view.report.clone()).collect();
            self.add_pods(turn, &mut world);
            let mut decision = (self.settings.deciders.rollout)(&world, turn.now.wall);
            if let Some(conflict) = &conflict {
                decision.writes.retain(|write| !conflict.concerns(write));
            }
            if turn.memory.evicts_from.is_some_and(|from| turn.now.monotonic < from) {
                decision.writes.retain(|write| !is_eviction(write));
            }
            if decision.traffic.is_some() && decision.traffic != traffic && turn.memory.rounds < ROUNDS {
                // What the routers said was about something else: look at them again with this.
                turn.memory.rounds = turn.memory.rounds.saturating_add(1);
                turn.memory.traffic = decision.traffic;
                continue;
            }
            let wake = all(&mut views, &mut partings).fold(None, |wake, view| earlier(wake, view.wake));
            let basis =
                Basis { version: object::resource_version(rollout).into(), plugins_told: self.plugins_told };
            let mut due = Record::due(rollout, &used, &self.plugins, turn.memory, &decision.status);
            due.hold(rollout, &record, &used, traffic.as_ref(), (&views, &partings));
            let is_routing = decision.traffic.is_some();
            let leaving = partings.into_iter().flat_map(|parting| parting.view.writes);
            let writes: VecDeque<RouteWrite> = if is_routing {
                leaving.chain(views.into_iter().flat_map(|view| view.writes)).collect()
            } else {
                leaving.collect()
            };
            if self.settings.shadow {
                self.tell_intention(turn, Decided { world, decision, wake }, writes);
                return;
            }
            if due.comes_first(is_routing) || !self.write_next_route(turn, writes, basis) {
                due.put_on(&mut decision, rollout, is_routing);
                self.apply(turn, Decided { world, decision, wake });
            }
            return;
        }
    }

    /// Forgets routers that are neither in use nor to be given back.
    pub(crate) fn remember_only(&mut self, turn: &mut Turn<'_>, used: &[RouterUse], back: Option<&Back>) {
        let remembered = turn.memory.routers.len();
        turn.memory.routers.retain(|key, _| match key.given_back {
            Some(_) => back.is_some_and(|back| back.keys().any(|one| one == key)),
            None => used.iter().any(|used| used.name == *key.plugin),
        });
        if turn.memory.routers.len() != remembered {
            self.depend(turn.name, turn.memory);
        }
    }

    /// Whether to wait a little, because objects that it needs are being read for the first time, or a plugin is being loaded:
    /// after a start both take a moment only, and what would be said meanwhile would be taken back.
    pub(crate) fn waits<'v>(
        &mut self,
        turn: &mut Turn<'_>,
        mut is_reading: bool,
        views: impl Iterator<Item = &'v mut View>,
    ) -> bool {
        let mut is_loading = false;
        for view in views {
            is_reading |= view.is_reading;
            is_loading |= matches!(view.report.state, RouterState::Loading { .. });
        }
        let now = turn.now.monotonic;
        let until = |is_so: bool, since: &mut Option<Duration>| {
            *since = is_so.then(|| since.unwrap_or(now));
            since.map(|since| since.saturating_add(A_MOMENT)).filter(|until| now < *until)
        };
        let reading = until(is_reading, &mut turn.memory.reading_since);
        let loading = until(is_loading, &mut turn.memory.loading_since);
        let until = earlier(reading, loading);
        if let Some(until) = until {
            self.queue.put(turn.name, until);
        }
        until.is_some()
    }

    /// Looks at all routers of a Rollout, in their order.
    fn views(
        &self,
        turn: &mut Turn<'_>,
        rollout: &Value,
        used: &[RouterUse],
        traffic: &Traffic,
    ) -> Vec<View> {
        let surroundings = self.surroundings(turn, rollout, traffic, Purpose::Route);
        let look = |used: &RouterUse| {
            let recorded = self.pins.of(turn.name, &used.name);
            let key = RouterKey::of(&used.name);
            let looked = Looked { key: &key, config: &used.config, recorded };
            surroundings.view(&looked, turn.memory.router(&key))
        };
        used.iter().map(look).collect()
    }

    /// What is looked at besides what is remembered of a router.
    pub(crate) fn surroundings<'a>(
        &'a self,
        turn: &Turn<'a>,
        rollout: &'a Value,
        traffic: &'a Traffic,
        purpose: Purpose,
    ) -> Surroundings<'a> {
        Surroundings {
            settings: &self.settings,
            plugins: &self.plugins,
            caches: &self.caches,
            home: turn.name,
            uid: object::uid(rollout),
            traffic,
            purpose,
            now: turn.now.monotonic,
            give_up: turn.memory.rounds >= ROUNDS,
        }
    }

    /// Asks the routers that must be asked. Whether there was one.
    pub(crate) fn ask<'v>(&mut self, turn: &mut Turn<'_>, views: impl Iterator<Item = &'v mut View>) -> bool {
        let mut asking = BTreeMap::new();
        for ask in views.filter_map(|view| view.ask.take()) {
            let id = self.requests.start(turn.name);
            let pass = Pass {
                seen: ask.observations(&self.caches),
                target: ask.target,
                traffic: ask.traffic,
                purpose: ask.purpose,
                grant: ask.version.grant,
            };
            turn.effects.push(Effect::Route {
                id,
                job: RouteJob { router: ask.version.router, check: ask.check, pass },
            });
            asking.insert(id, ask.asked);
        }
        if asking.is_empty() {
            return false;
        }
        turn.memory.rounds = turn.memory.rounds.saturating_add(1);
        turn.memory.under_way = Some(UnderWay::Asking(asking));
        true
    }

    /// Sends the next write of a routed object that nobody else is writing. Whether there was one.
    pub(crate) fn write_next_route(
        &mut self,
        turn: &mut Turn<'_>,
        mut rest: VecDeque<RouteWrite>,
        basis: Basis,
    ) -> bool {
        let seen = self.caches.cache(ROLLOUTS).and_then(|cache| cache.facts(turn.name));
        let holds = seen.is_some_and(|facts| facts.version == basis.version)
            && basis.plugins_told == self.plugins_told;
        if !self.leading || !holds {
            return false;
        }
        while let Some(current) = rest.pop_front() {
            if self.requests.is_locked(&current.key, turn.name) {
                continue;
            }
            let id = self.requests.start_write(turn.name, &current.key);
            turn.memory.budget.spend();
            turn.effects.push(Effect::Send { id, request: current.request.clone() });
            let writing = RouteWriting { current, refused: None, rest, basis };
            turn.memory.under_way = Some(UnderWay::RouteWriting(Box::new(writing)));
            return true;
        }
        false
    }
}

/// All that is looked at.
pub(crate) fn all<'v>(
    views: &'v mut [View],
    partings: &'v mut [Parting],
) -> impl Iterator<Item = &'v mut View> {
    views.iter_mut().chain(partings.iter_mut().map(|parting| &mut parting.view))
}
