//! A pass over one Rollout: observe → decide → ask its routers → write their objects → decide again → apply.
//!
//! A pass is not a script but a question that is asked anew each time something it waited for has come back:
//! what is the first thing to do, given the caches as they are now? So it does not matter when it is cut off.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ObjectKey, Operation, Request, Resource, object};
use tidegate_contract::Traffic;
use tidegate_core::{Decision, Routing, World};
use tidegate_route::{Pass, Purpose};

use crate::cache::Change;
use crate::caches::{REPLICA_SETS, ROLLOUTS, SERVICES};
use crate::effect::{Effect, Report, RouteJob};
use crate::event::{Now, PluginState};
use crate::fence::Passage;
use crate::index::Dependency;
use crate::memory::{Memory, RouteWrite, UnderWay};
use crate::name::Name;
use crate::rollout::{self, RouterUse};
use crate::routing::{Surroundings, Todo, View, earlier};
use crate::shell::Shell;
use crate::status::{Condition, Trouble};

/// So often are routers asked, or is a decision made anew, before what is known is applied. A plugin needs two
/// or three rounds to find its objects; what needs more than this never ends.
const ROUNDS: u32 = 16;

impl Shell {
    /// Does something for one Rollout, so that a panic in it stays there: nothing of what it wanted happens, its
    /// memory is lost, and the Rollout says so.
    pub(crate) fn guarded(
        &mut self,
        name: &Name,
        now: Now,
        effects: &mut Vec<Effect>,
        work: impl FnOnce(&mut Self, &mut Memory, &mut Vec<Effect>),
    ) {
        let Some(mut memory) = self.memories.remove(name) else { return };
        let (uid, mut backoff) = (memory.uid.clone(), memory.backoff.clone());
        let mut wanted = Vec::new();
        let result = catch_unwind(AssertUnwindSafe(|| work(self, &mut memory, &mut wanted)));
        let Err(panic) = result else {
            effects.append(&mut wanted);
            self.put_back(name, memory, now);
            return;
        };
        let message = panic_message(panic.as_ref());
        for waiting in self.requests.forget(name) {
            self.due(&waiting, now);
        }
        backoff.failed(now.monotonic, None, &self.settings.timing);
        let mut memory = Memory { backoff, ..Memory::new(uid) };
        effects
            .push(Effect::Report(Report::Panicked { rollout: name.rollout_key(), message: message.clone() }));
        memory.trouble = Some(Trouble {
            condition: Condition::InternalError,
            reason: "Panicked".to_owned(),
            message: format!(
                "Tidegate failed on this Rollout, which it leaves as it is, and will try again: {message}. Please \
                 report this."
            ),
        });
        let attempt = catch_unwind(AssertUnwindSafe(|| self.report_trouble(name, &mut memory, now, effects)));
        if attempt.is_err() {
            memory.under_way = None;
        }
        if memory.under_way.is_none() {
            let at = memory.backoff.is_waiting(now.monotonic).unwrap_or(now.monotonic);
            self.queue.put(name, at);
        }
        self.put_back(name, memory, now);
    }

    /// Keeps what is remembered of a Rollout, unless it turned out meanwhile that this very Rollout is gone.
    fn put_back(&mut self, name: &Name, memory: Memory, now: Now) {
        let uid = self.index.known(name).map(|known| known.uid.clone());
        if uid.as_ref() == Some(&memory.uid) {
            self.memories.insert(name.clone(), memory);
            return;
        }
        for waiting in self.requests.forget(name) {
            self.due(&waiting, now);
        }
        self.queue.remove(name);
        if let Some(uid) = uid {
            self.memories.insert(name.clone(), Memory::new(uid));
            self.due(name, now);
        }
    }

    /// Goes on with a pass, or begins one.
    pub(crate) fn advance(&mut self, name: &Name, memory: &mut Memory, now: Now, effects: &mut Vec<Effect>) {
        if memory.under_way.is_some() {
            memory.again = true;
            return;
        }
        if !self.leading {
            return;
        }
        memory.again = false;
        if let Some(until) = memory.backoff.is_waiting(now.monotonic) {
            self.queue.put(name, until);
            return;
        }
        match self.passage(memory, now) {
            Passage::Free => {}
            Passage::Wait(at) => {
                self.queue.put(name, at);
                return;
            }
            Passage::Read(objects) => {
                self.read(name, memory, objects, effects);
                return;
            }
        }
        let keep_parsed = self.settings.timing.parsed_objects;
        let cache = self.caches.cache_mut(ROLLOUTS);
        let Some(rollout) = cache.and_then(|cache| cache.value(name, keep_parsed)) else { return };
        if object::is_deleting(&rollout) {
            // Its ReplicaSets go with it, by their owner reference. Its next change makes it due.
            return;
        }
        self.look(name, &rollout, memory, now, effects);
    }

    /// Whether the caches show what we have written.
    pub(crate) fn passage(&self, memory: &mut Memory, now: Now) -> Passage {
        let ceiling = self.settings.timing.fence_ceiling;
        memory.fences.check(now.monotonic, ceiling, |key| self.caches.facts_of(key))
    }

    /// Reads objects about which the caches may be behind.
    fn read(
        &mut self,
        name: &Name,
        memory: &mut Memory,
        objects: Vec<(ObjectKey, Resource)>,
        effects: &mut Vec<Effect>,
    ) {
        let mut reading = BTreeMap::new();
        for (key, resource) in objects {
            let id = self.requests.start(name);
            effects.push(Effect::Send { id, request: get(&key, &resource) });
            reading.insert(id, key);
        }
        memory.under_way = Some(UnderWay::Reading(reading));
    }

    fn look(
        &mut self,
        name: &Name,
        rollout: &Arc<Value>,
        memory: &mut Memory,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let used = rollout::routers(rollout);
        let routers = memory.routers.len();
        memory.routers.retain(|router, _| used.iter().any(|used| used.name == *router));
        if memory.routers.len() != routers {
            self.depend(name, memory);
        }
        loop {
            let views =
                memory.traffic.clone().map(|traffic| self.views(name, rollout, &used, &traffic, memory, now));
            let routing = views.as_ref().zip(memory.traffic.as_ref()).map(|(views, traffic)| Routing {
                traffic: traffic.clone(),
                routers: views.iter().map(|view| view.report.clone()).collect(),
            });
            let world = self.world(name, rollout, routing);
            let decision = (self.settings.decide)(&world, now.wall);
            let views = views.unwrap_or_default();
            let wake = views.iter().fold(None, |wake, view| earlier(wake, view.wake));
            let Some(traffic) = decision.traffic.clone() else {
                self.apply(name, memory, (world, decision, wake), now, effects);
                return;
            };
            if memory.traffic.as_ref() != Some(&traffic) && memory.rounds < ROUNDS {
                memory.rounds = memory.rounds.saturating_add(1);
                memory.want(&traffic);
                continue;
            }
            if self.ask_or_write(name, rollout, memory, &traffic, views, now, effects) {
                return;
            }
            self.apply(name, memory, (world, decision, wake), now, effects);
            return;
        }
    }

    /// Looks at all routers of a Rollout, in their order.
    fn views(
        &self,
        name: &Name,
        rollout: &Value,
        used: &[RouterUse],
        traffic: &Traffic,
        memory: &mut Memory,
        now: Now,
    ) -> Vec<View> {
        let surroundings = Surroundings {
            settings: &self.settings,
            plugins: &self.plugins,
            caches: &self.caches,
            now: now.monotonic,
        };
        let give_up = memory.rounds >= ROUNDS;
        used.iter()
            .map(|used| {
                let memory = memory.routers.entry(used.name.clone()).or_default();
                surroundings.view(name, object::uid(rollout), used, traffic, memory, give_up)
            })
            .collect()
    }

    /// Asks routers, or else writes their objects. Whether there was anything to do.
    fn ask_or_write(
        &mut self,
        name: &Name,
        rollout: &Value,
        memory: &mut Memory,
        traffic: &Traffic,
        views: Vec<View>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let mut asking = BTreeMap::new();
        let mut writes = VecDeque::new();
        for view in views {
            match view.todo {
                Todo::Nothing => {}
                Todo::Ask(ask) => {
                    let id = self.requests.start(name);
                    let pass = Pass {
                        seen: ask.observations(&mut self.caches),
                        target: ask.target,
                        traffic: traffic.clone(),
                        purpose: Purpose::Route,
                    };
                    effects.push(Effect::Route { id, job: RouteJob { router: ask.router, pass } });
                    asking.insert(id, ask.asked);
                }
                Todo::Write(of_router) => writes.extend(of_router),
            }
        }
        if !asking.is_empty() {
            memory.rounds = memory.rounds.saturating_add(1);
            memory.under_way = Some(UnderWay::Asking(asking));
            return true;
        }
        let version = object::resource_version(rollout).into();
        self.write_next_route(name, memory, writes, version, now, effects)
    }

    /// Sends the next write of a routed object whose object nobody else is writing. Whether there was one.
    pub(crate) fn write_next_route(
        &mut self,
        name: &Name,
        memory: &mut Memory,
        mut rest: VecDeque<RouteWrite>,
        version: Arc<str>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let seen = self.caches.cache(ROLLOUTS).and_then(|cache| cache.facts(name));
        let is_current = seen.is_some_and(|facts| facts.version == version);
        if !self.leading || !is_current {
            // What is desired may be something else by now.
            self.queue.at_latest(name, now.monotonic);
            return false;
        }
        while let Some(current) = rest.pop_front() {
            if self.requests.is_locked(&current.key, name) {
                continue;
            }
            let id = self.requests.start_write(name, &current.key);
            effects.push(Effect::Send { id, request: current.request.clone() });
            let current = Box::new(current);
            memory.under_way = Some(UnderWay::RouteWriting { current, refused: None, rest, version });
            return true;
        }
        false
    }

    /// What is known about a Rollout now.
    fn world(&mut self, name: &Name, rollout: &Arc<Value>, routing: Option<Routing>) -> World {
        let keep_parsed = self.settings.timing.parsed_objects;
        let mut names: BTreeSet<Name> = BTreeSet::new();
        let (owned, orphans) = self.index.replica_sets(name);
        names.extend(owned.cloned());
        if let Some(cache) = self.caches.cache(REPLICA_SETS) {
            let adoptable =
                |orphan: &&Name| cache.facts(orphan).is_some_and(|facts| self.index.would_adopt(name, facts));
            names.extend(orphans.filter(adoptable).cloned());
        }
        let mut replica_sets = Vec::new();
        if let Some(cache) = self.caches.cache_mut(REPLICA_SETS) {
            replica_sets.extend(names.iter().filter_map(|one| cache.value(one, keep_parsed)));
        }
        let mut services = BTreeMap::new();
        for service in self.index.services(name) {
            let cache = self.caches.cache_mut(SERVICES);
            if let Some(value) = cache.and_then(|cache| cache.value(&service, keep_parsed)) {
                services.insert(service.name.to_string(), value);
            }
        }
        World { rollout: rollout.clone(), replica_sets, services, routing }
    }

    /// Watches exactly what the routers of a Rollout depend on.
    pub(crate) fn depend(&mut self, name: &Name, memory: &Memory) {
        let mut dependencies = BTreeSet::new();
        for (router, memory) in &memory.routers {
            let Some(PluginState::Ready(router)) = self.plugins.get(router) else { continue };
            for query in &memory.queries {
                dependencies.insert(Dependency {
                    watch: self.caches.watch_for(query, &router.description().kinds, &name.namespace),
                    namespace: query.namespace.as_deref().unwrap_or(&name.namespace).into(),
                    select: query.select.clone(),
                });
            }
        }
        let (before, after) = self.index.depend(name, dependencies);
        self.caches.need(name, &before, &after);
    }

    /// An object does not exist any more, as the API server has just said.
    pub(crate) fn not_found(&mut self, key: &ObjectKey, now: Now) {
        let name = Name { namespace: key.namespace.clone(), name: key.name.clone() };
        let watches: Vec<_> = self.caches.of_kind(&key.group, &key.kind).collect();
        for id in watches {
            let change = self.caches.cache_mut(id).and_then(|cache| cache.remove(&name));
            if let Some(change) = change {
                self.changed(id, &change, now);
            }
        }
    }

    /// The API server was asked for an object: what it says counts, whatever the watch is about to say.
    pub(crate) fn found(&mut self, key: &ObjectKey, object: &Value, now: Now) {
        let keep_parsed = self.settings.timing.parsed_objects;
        let watches: Vec<_> = self.caches.of_kind(&key.group, &key.kind).collect();
        for id in watches {
            let Some(cache) = self.caches.cache_mut(id) else { continue };
            let api_version = cache.resource.as_ref().map(Resource::api_version);
            if api_version.as_deref() != object.get("apiVersion").and_then(Value::as_str) {
                continue;
            }
            let change: Option<Change> = cache.put(object.clone(), &self.settings.field_manager, keep_parsed);
            if let Some(change) = change {
                self.changed(id, &change, now);
            }
        }
    }

    /// Delay until a time by the calendar.
    pub(crate) fn until(now: Now, decision: &Decision) -> Option<Duration> {
        let left = decision.wake_at?.duration_since(now.wall);
        // A decision that asks for the past would be asked for ever.
        let left = Duration::try_from(left).unwrap_or_default().max(SHORTEST_SLEEP);
        Some(now.monotonic.saturating_add(left))
    }
}

/// Not less than this passes between two looks at a Rollout to which nothing happened.
const SHORTEST_SLEEP: Duration = Duration::from_millis(100);

/// A read of one object.
pub(crate) fn get(key: &ObjectKey, resource: &Resource) -> Request {
    Request {
        resource: resource.clone(),
        namespace: resource.namespaced.then(|| key.namespace.to_string()),
        operation: Operation::Get { name: key.name.to_string() },
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
