//! A pass over one Rollout: observe → decide → ask its routers → write their objects → decide again → apply.
//!
//! A pass is not a script but a question that is asked anew each time something it waited for has come back:
//! what is the first thing to do, given the caches as they are now? So it does not matter when it is cut off.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{ObjectKey, Resource, object};
use tidegate_contract::Traffic;
use tidegate_core::Routing;
use tidegate_model::interest::{RouterUse, routers};
use tidegate_route::{Pass, Purpose};

use crate::apply::Decided;
use crate::caches::ROLLOUTS;
use crate::effect::{Effect, RouteJob};
use crate::event::Now;
use crate::fence::Passage;
use crate::guard::Turn;
use crate::memory::{Memory, RouteWriting, UnderWay};
use crate::observe::get;
use crate::routing::{RouteWrite, Surroundings, Todo, View, earlier};
use crate::shell::Shell;

/// So often are routers asked, or is a decision made anew, before what is known is applied. A plugin needs two
/// or three rounds to find its objects; what needs more than this never ends.
const ROUNDS: u32 = 16;

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
        loop {
            let traffic = turn.memory.traffic.clone();
            let views = traffic.as_ref().map(|traffic| self.views(turn, rollout, &used, traffic));
            let routing = views.as_ref().zip(traffic.as_ref()).map(|(views, traffic)| Routing {
                traffic: traffic.clone(),
                routers: views.iter().map(|view| view.report.clone()).collect(),
            });
            let world = self.world(turn.name, rollout, routing);
            let decision = (self.settings.decide)(&world, turn.now.wall);
            let views = views.unwrap_or_default();
            let wake = views.iter().fold(None, |wake, view| earlier(wake, view.wake));
            if decision.traffic.is_some() && decision.traffic != traffic && turn.memory.rounds < ROUNDS {
                // What the routers said was about something else: look at them again with this.
                turn.memory.rounds = turn.memory.rounds.saturating_add(1);
                turn.memory.traffic.clone_from(&decision.traffic);
                continue;
            }
            let wanted = decision.traffic.clone();
            if wanted.is_none_or(|traffic| !self.ask_or_write(turn, rollout, &traffic, views)) {
                self.apply(turn, Decided { world, decision, wake });
            }
            return;
        }
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
            caches: &self.caches,
            home: turn.name,
            uid: object::uid(rollout),
            traffic,
            now: turn.now.monotonic,
            give_up: turn.memory.rounds >= ROUNDS,
        };
        let routers = &mut turn.memory.routers;
        used.iter()
            .map(|used| surroundings.view(used, routers.entry(used.name.clone()).or_default()))
            .collect()
    }

    /// Asks routers, or else writes their objects. Whether there was anything to do.
    fn ask_or_write(
        &mut self,
        turn: &mut Turn<'_>,
        rollout: &Value,
        traffic: &Traffic,
        views: Vec<View>,
    ) -> bool {
        let mut asking = BTreeMap::new();
        let mut writes = VecDeque::new();
        for view in views {
            match view.todo {
                Todo::Nothing => {}
                Todo::Ask(ask) => {
                    let id = self.requests.start(turn.name);
                    let pass = Pass {
                        seen: ask.observations(&mut self.caches),
                        target: ask.target,
                        traffic: traffic.clone(),
                        purpose: Purpose::Route,
                    };
                    turn.effects.push(Effect::Route { id, job: RouteJob { router: ask.router, pass } });
                    asking.insert(id, ask.asked);
                }
                Todo::Write(of_router) => writes.extend(of_router),
            }
        }
        if !asking.is_empty() {
            turn.memory.rounds = turn.memory.rounds.saturating_add(1);
            turn.memory.under_way = Some(UnderWay::Asking(asking));
            return true;
        }
        self.write_next_route(turn, writes, object::resource_version(rollout).into())
    }

    /// Sends the next write of a routed object that nobody else is writing. Whether there was one.
    pub(crate) fn write_next_route(
        &mut self,
        turn: &mut Turn<'_>,
        mut rest: VecDeque<RouteWrite>,
        version: Arc<str>,
    ) -> bool {
        let seen = self.caches.cache(ROLLOUTS).and_then(|cache| cache.facts(turn.name));
        if !self.leading || seen.is_none_or(|facts| facts.version != version) {
            // What is desired may be something else by now.
            return false;
        }
        while let Some(current) = rest.pop_front() {
            if self.requests.is_locked(&current.key, turn.name) {
                continue;
            }
            let id = self.requests.start_write(turn.name, &current.key);
            turn.memory.budget.spend();
            turn.effects.push(Effect::Send { id, request: current.request.clone() });
            let writing = RouteWriting { current, refused: None, rest, version };
            turn.memory.under_way = Some(UnderWay::RouteWriting(Box::new(writing)));
            return true;
        }
        false
    }
}
