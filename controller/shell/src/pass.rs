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
use tidegate_model::interest::{RouterUse, routers};
use tidegate_route::{Pass, Purpose};

use crate::apply::Decided;
use crate::caches::ROLLOUTS;
use crate::effect::Effect;
use crate::event::Now;
use crate::fence::Passage;
use crate::guard::Turn;
use crate::job::RouteJob;
use crate::memory::{Basis, Memory, RouteWriting, UnderWay};
use crate::observe::get;
use crate::record::Record;
use crate::routing::{RouteWrite, Surroundings, View, earlier};
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
        if !self.leading {
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
        let remembered = turn.memory.routers.len();
        turn.memory.routers.retain(|router, _| used.iter().any(|used| used.name == *router));
        if turn.memory.routers.len() != remembered {
            self.depend(turn.name, turn.memory);
        }
        let is_reading = self.follow_experiment(turn, rollout);
        if self.follow_workload(turn, rollout) {
            return;
        }
        loop {
            let traffic = turn.memory.traffic.clone();
            let views = traffic.as_ref().map(|traffic| self.views(turn, rollout, &used, traffic));
            let mut views = views.unwrap_or_default();
            let conflict = self.conflict(turn.name);
            self.settle_conflict(turn, conflict.as_ref(), &mut views);
            // Whatever would be decided, it would be decided again with the answer.
            if traffic.as_ref().is_some_and(|traffic| self.ask(turn, traffic, &mut views))
                || self.waits(turn, is_reading, &views)
            {
                return;
            }
            let routing = traffic.clone().map(|traffic| Routing {
                traffic,
                routers: views.iter().map(|view| view.report.clone()).collect(),
            });
            let world = self.world(turn.name, rollout, routing);
            let mut decision = (self.settings.decide)(&world, turn.now.wall);
            if let Some(conflict) = &conflict {
                decision.writes.retain(|write| !conflict.concerns(write));
            }
            if decision.traffic.is_some() && decision.traffic != traffic && turn.memory.rounds < ROUNDS {
                // What the routers said was about something else: look at them again with this.
                turn.memory.rounds = turn.memory.rounds.saturating_add(1);
                turn.memory.traffic = decision.traffic;
                continue;
            }
            let wake = views.iter().fold(None, |wake, view| earlier(wake, view.wake));
            let writes = views.into_iter().flat_map(|view| view.writes).collect();
            let basis =
                Basis { version: object::resource_version(rollout).into(), plugins_told: self.plugins_told };
            let record = Record::due(rollout, &used, &self.plugins, turn.memory);
            let comes_first = record.as_ref().is_some_and(Record::comes_first);
            let is_routing = decision.traffic.is_some();
            if !is_routing || comes_first || !self.write_next_route(turn, writes, basis) {
                // Where nothing is routed, nothing needs to be recorded.
                if let Some(record) = record.filter(|_| is_routing || !comes_first) {
                    record.put_on(&mut decision, rollout);
                }
                self.apply(turn, Decided { world, decision, wake });
            }
            return;
        }
    }

    /// Whether to wait a little, because objects that it needs are being read for the first time, or a plugin is being loaded:
    /// after a start both take a moment only, and what would be said meanwhile would be taken back.
    fn waits(&mut self, turn: &mut Turn<'_>, is_reading: bool, views: &[View]) -> bool {
        let is_reading = is_reading || views.iter().any(|view| view.is_reading);
        let is_loading = views.iter().any(|view| matches!(view.report.state, RouterState::Loading { .. }));
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
        let surroundings = Surroundings {
            settings: &self.settings,
            plugins: &self.plugins,
            pins: &self.pins,
            caches: &self.caches,
            home: turn.name,
            uid: object::uid(rollout),
            traffic,
            now: turn.now.monotonic,
            give_up: turn.memory.rounds >= ROUNDS,
        };
        used.iter().map(|used| surroundings.view(used, turn.memory.router(&used.name))).collect()
    }

    /// Asks the routers that must be asked. Whether there was one.
    fn ask(&mut self, turn: &mut Turn<'_>, traffic: &Traffic, views: &mut [View]) -> bool {
        let mut asking = BTreeMap::new();
        for ask in views.iter_mut().filter_map(|view| view.ask.take()) {
            let id = self.requests.start(turn.name);
            let pass = Pass {
                seen: ask.observations(&mut self.caches),
                target: ask.target,
                traffic: traffic.clone(),
                purpose: Purpose::Route,
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
