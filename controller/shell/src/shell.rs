//! The shell itself: takes events, looks at the Rollouts that are due, and answers with effects.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;
use tidegate_api::{Resource, object};
use tidegate_model::interest;

use crate::cache::{Change, State};
use crate::caches::{Caches, REPLICA_SETS, ROLLOUTS, SERVICES, WatchId};
use crate::effect::Effect;
use crate::event::{Event, Now, Unwatchable, WatchKey};
use crate::evidence::Evidence;
use crate::few::Few;
use crate::index::{Index, Known};
use crate::leftover_services::LeftoverServices;
use crate::memory::Memory;
use crate::name::Name;
use crate::pins::Pins;
use crate::plugins::Plugins;
use crate::queue::Queue;
use crate::requests::Requests;
use crate::routing::earlier;
use crate::settings::Settings;

/// The controller without I/O.
pub struct Shell {
    pub(crate) settings: Settings,
    pub(crate) leading: bool,
    pub(crate) plugins: Plugins,
    /// How often the plugins were told.
    pub(crate) plugins_told: u64,
    pub(crate) pins: Pins,
    pub(crate) caches: Caches,
    pub(crate) index: Index,
    pub(crate) queue: Queue,
    pub(crate) memories: BTreeMap<Name, Memory>,
    pub(crate) requests: Requests,
    pub(crate) leftover: LeftoverServices,
    pub(crate) evidence: Evidence,
    /// How far calendar time was ahead of monotonic time when it last jumped.
    ahead: Option<SignedDuration>,
}

/// Calendar time that moves this much against monotonic time was set by somebody.
const CLOCK_JUMP: SignedDuration = SignedDuration::from_secs(1);

impl Shell {
    /// A shell that knows nothing yet and does not lead. The first step starts its watches, whatever the event.
    pub fn new(settings: Settings) -> Self {
        let caches = Caches::new(settings.namespace.as_deref());
        Self {
            settings,
            leading: false,
            plugins: Plugins::default(),
            plugins_told: 0,
            pins: Pins::default(),
            caches,
            index: Index::default(),
            queue: Queue::default(),
            memories: BTreeMap::new(),
            requests: Requests::new(),
            leftover: LeftoverServices::default(),
            evidence: Evidence::default(),
            ahead: None,
        }
    }

    /// Whether everything has been read that decisions need.
    pub fn is_ready(&self) -> bool {
        self.caches.are_ready()
    }

    /// Takes an event; answers with what should be done, in this order.
    pub fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.notice_clock_jump(now);
        self.take_in(now, event, &mut effects);
        self.tell_what_is_in_use(&mut effects);
        self.look_at_due(now, &mut effects);
        self.look_at_evidence(now, &mut effects);
        self.clean_services(now, &mut effects);
        self.caches.settle(&mut effects);
        effects.extend(self.wake_at(now).map(Effect::WakeAt));
        effects
    }

    fn take_in(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Leading(leading) => self.lead(leading, now),
            Event::Plugins(plugins) => {
                self.plugins = plugins;
                self.plugins_told = self.plugins_told.wrapping_add(1);
                self.depend_anew();
                self.all_due(now);
            }
            Event::Listed { watch, resource, objects } => {
                if let Some(id) = self.begin_list(&watch, resource) {
                    for object in objects {
                        self.put(id, object, now);
                    }
                    self.end_list(id, now);
                }
            }
            Event::ListBegan { watch, resource } => {
                self.begin_list(&watch, resource);
            }
            Event::ListEnded { watch } => {
                if let Some(id) = self.caches.running(&watch) {
                    self.end_list(id, now);
                }
            }
            Event::Changed { watch, object } => {
                if let Some(id) = self.caches.running(&watch) {
                    self.put(id, object, now);
                }
            }
            Event::Removed { watch, object } => {
                if let Some(id) = self.caches.running(&watch)
                    && let Some(change) = self.caches.cache_mut(id).and_then(|cache| cache.take(&object))
                {
                    self.changed(id, &change, now);
                }
            }
            Event::Unwatchable { watch, why } => self.unwatchable(&watch, why, now),
            Event::Answered { id, result } => self.answered(now, id, result, effects),
            Event::Routed { id, answer } => self.routed(now, id, answer, effects),
            Event::Measured { id, outcome } => self.measured(now, id, outcome),
            Event::Woken => {}
        }
    }

    /// What Rollouts depend on, with these plugins: a question may have been answered while its plugin was not there to tell in
    /// which versions the objects are to be watched.
    fn depend_anew(&mut self) {
        let names: Vec<Name> = self.memories.keys().cloned().collect();
        for name in names {
            if let Some(memory) = self.memories.remove(&name) {
                self.depend(&name, &memory);
                self.memories.insert(name, memory);
            }
        }
    }

    /// Not before all Rollouts are known: what is not told may be thrown away.
    fn tell_what_is_in_use(&mut self, effects: &mut Vec<Effect>) {
        if self.caches.cache(ROLLOUTS).is_some_and(|cache| cache.state == State::Synced) {
            effects.extend(self.pins.news().map(Effect::InUse));
        }
    }

    fn lead(&mut self, leading: bool, now: Now) {
        if leading && !self.leading {
            // Somebody else may have led in between, and requests of ours may still arrive somewhere.
            self.requests.forget_all();
            self.leftover.start_over();
            self.evidence.start_over();
            for memory in self.memories.values_mut() {
                memory.start_over(now.monotonic);
            }
        }
        self.leading = leading;
        if leading {
            self.all_evidence_due(now);
            self.all_due(now);
        }
    }

    fn begin_list(&mut self, watch: &WatchKey, resource: Resource) -> Option<WatchId> {
        let id = self.caches.running(watch)?;
        self.caches.cache_mut(id)?.begin_list(resource);
        if id == ROLLOUTS {
            // From a backup, a generation may come back with another spec.
            self.memories.values_mut().for_each(|memory| memory.template_hash = None);
        }
        Some(id)
    }

    fn end_list(&mut self, id: WatchId, now: Now) {
        let Some(cache) = self.caches.cache_mut(id) else { return };
        let is_first = cache.state != State::Synced;
        for change in cache.end_list() {
            self.changed(id, &change, now);
        }
        if is_first {
            self.needed_by_due(id, now);
            self.evidence_known(id, now);
        }
    }

    /// An object is there, or has changed.
    pub(crate) fn put(&mut self, id: WatchId, object: Value, now: Now) {
        let keep_parsed = self.settings.timing.parsed_objects;
        if id == SERVICES {
            self.leftover.put(&object);
        }
        let Some(cache) = self.caches.cache_mut(id) else { return };
        let change = if id == REPLICA_SETS && belongs_to_others(&object) {
            cache.take(&object)
        } else {
            cache.put(object, &self.settings.field_manager, keep_parsed)
        };
        if let Some(change) = change {
            self.changed(id, &change, now);
        }
    }

    fn unwatchable(&mut self, watch: &WatchKey, why: Unwatchable, now: Now) {
        let Some(id) = self.caches.running(watch) else { return };
        let state = match why {
            Unwatchable::NotServed => State::NotServed,
            Unwatchable::Forbidden { message } => State::Forbidden(message),
        };
        let Some(cache) = self.caches.cache_mut(id) else { return };
        if matches!(id, ROLLOUTS | REPLICA_SETS | SERVICES) {
            // What was known stays known, but nothing is decided on it until it is confirmed.
            cache.state = State::Unknown;
        } else if cache.state != state {
            for change in cache.clear(state) {
                self.changed(id, &change, now);
            }
            self.needed_by_due(id, now);
            self.evidence_known(id, now);
        }
    }

    /// An object changed: whoever it concerns is due.
    pub(crate) fn changed(&mut self, id: WatchId, change: &Change, now: Now) {
        let mut concerned = self.index.depending(id, change);
        if self.caches.are_reference_grants(id) {
            concerned.extend(self.caches.needed_by(id).cloned());
        }
        match id {
            ROLLOUTS => {
                self.leftover.rollout_changed(&change.name);
                concerned.extend(self.neighbours_of_changed(change));
            }
            REPLICA_SETS => concerned.extend(self.index.replica_set_changed(change)),
            SERVICES => {
                if change.after.is_none() {
                    self.leftover.remove(&change.name);
                }
                concerned.extend(self.index.naming(&change.name).cloned());
            }
            _ => {}
        }
        concerned.extend(self.evidence_changed(id, change, now));
        let resource = self.caches.cache(id).and_then(|cache| cache.resource.as_ref());
        let key = resource.map(|resource| change.name.key(resource));
        for name in concerned {
            let Some(memory) = self.memories.get_mut(&name) else { continue };
            let is_own = key
                .as_ref()
                .zip(change.after.as_ref())
                .is_some_and(|(key, facts)| memory.fences.is_own(key, &facts.version));
            if !is_own {
                memory.input_changed();
            }
            self.due(&name, now);
        }
    }

    /// A Rollout changed: notes that, and answers with it and with those whose claims that may settle.
    fn neighbours_of_changed(&mut self, change: &Change) -> BTreeSet<Name> {
        let name = &change.name;
        let before = self.index.known(name).cloned();
        let mut concerned = self.neighbours(name);
        let own = self.rollout_changed(change);
        if self.index.known(name) == before.as_ref() {
            concerned.clear();
        } else {
            concerned.extend(self.neighbours(name));
        }
        concerned.extend(own);
        concerned
    }

    fn rollout_changed(&mut self, change: &Change) -> Option<Name> {
        let name = &change.name;
        let keep_parsed = self.settings.timing.parsed_objects;
        let value =
            change.after.as_ref().and_then(|_| self.caches.cache_mut(ROLLOUTS)?.value(name, keep_parsed));
        let ours =
            value.filter(|value| interest::is_of_instance(value, self.settings.instance_id.as_deref()));
        let Some(value) = ours else {
            self.forget(name);
            return None;
        };
        let known = Known::of(&value);
        let uid = known.uid.clone();
        if self.memories.get(name).is_some_and(|memory| memory.uid != uid) {
            self.forget(name);
        }
        self.index.put_rollout(name, known);
        self.pins.put(name, &value);
        self.memories.entry(name.clone()).or_insert_with(|| Memory::new(uid));
        Some(name.clone())
    }

    /// A Rollout is gone, or not ours any more.
    fn forget(&mut self, name: &Name) {
        self.index.remove_rollout(name);
        self.pins.remove(name);
        let (before, after) = self.index.depend(name, Few::default());
        self.caches.need(name, &before, &after);
        self.queue.remove(name);
        self.memories.remove(name);
        self.requests.forget(name);
    }

    /// This Rollout is to be looked at.
    pub(crate) fn due(&mut self, name: &Name, now: Now) {
        match self.memories.get_mut(name) {
            Some(memory) if memory.under_way.is_some() => memory.again = true,
            Some(memory) => {
                let at = memory.backoff.is_waiting(now.monotonic).unwrap_or(now.monotonic);
                self.queue.at_latest(name, at);
            }
            None => {}
        }
    }

    /// The same, in the step that is under way.
    pub(crate) fn look_again(&mut self, name: &Name) {
        match self.memories.get_mut(name) {
            Some(memory) if memory.under_way.is_some() => memory.again = true,
            Some(_) => self.queue.at_latest(name, Duration::ZERO),
            None => {}
        }
    }

    fn all_due(&mut self, now: Now) {
        let names: Vec<Name> = self.index.rollouts().cloned().collect();
        for name in names {
            if let Some(memory) = self.memories.get_mut(&name) {
                memory.input_changed();
            }
            self.due(&name, now);
        }
    }

    fn needed_by_due(&mut self, id: WatchId, now: Now) {
        let names: Vec<Name> = self.caches.needed_by(id).cloned().collect();
        for name in names {
            self.due(&name, now);
        }
    }

    /// Deadlines in calendar time were turned into monotonic ones, which is wrong once somebody sets the clock.
    fn notice_clock_jump(&mut self, now: Now) {
        let since_epoch = now.wall.duration_since(jiff::Timestamp::UNIX_EPOCH);
        let Ok(monotonic) = SignedDuration::try_from(now.monotonic) else { return };
        let Some(ahead) = since_epoch.checked_sub(monotonic) else { return };
        match self.ahead {
            Some(last) if (ahead.saturating_sub(last)).abs() < CLOCK_JUMP => return,
            Some(_) => {
                let names: Vec<Name> = self
                    .memories
                    .iter()
                    .filter(|(_, one)| one.wakes_by_clock)
                    .map(|(name, _)| name.clone())
                    .collect();
                for name in names {
                    self.due(&name, now);
                }
                self.all_evidence_due(now);
            }
            None => {}
        }
        self.ahead = Some(ahead);
    }

    /// Whether Rollouts are looked at.
    pub(crate) const fn looks(&self) -> bool {
        self.leading || self.settings.shadow
    }

    fn wake_at(&self, now: Now) -> Option<Duration> {
        if !self.looks() || !self.caches.are_ready() || self.requests.len() >= self.settings.timing.passes {
            return None;
        }
        let next = earlier(self.queue.next(), self.leftover.wake_at());
        let next = earlier(next, self.evidence_wake_at());
        next.map(|at| at.max(now.monotonic))
    }

    fn look_at_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.looks() || !self.caches.are_ready() {
            return;
        }
        for _ in 0..self.settings.timing.passes_per_step {
            if self.requests.len() >= self.settings.timing.passes {
                return;
            }
            let Some(name) = self.queue.pop(now.monotonic) else { return };
            self.guarded(&name, now, effects, Self::advance);
        }
    }
}

/// Whether a `ReplicaSet` is controlled by something else than a Rollout or an Experiment: of no interest, and there are many.
fn belongs_to_others(replica_set: &Value) -> bool {
    let kind = object::controller(replica_set).and_then(|owner| owner.get("kind"));
    kind.is_some_and(|kind| !matches!(kind.as_str(), Some("Rollout" | "Experiment")))
}
