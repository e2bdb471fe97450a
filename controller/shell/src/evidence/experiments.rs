//! What is known of an Experiment, and what is decided about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::object;
use tidegate_core::NoteKind;
use tidegate_experiment::{World, held};

use super::look::{Look, Plan};
use crate::cache::Facts;
use crate::caches::{ANALYSIS_RUNS, REPLICA_SETS, ROLLOUTS, SERVICES, WatchId};
use crate::name::Name;
use crate::shell::Shell;

impl Shell {
    /// Decides about an Experiment.
    pub(super) fn plan_experiment(&mut self, look: &mut Look<'_>, experiment: Arc<Value>) -> Plan {
        let world = self.experiment_world(look, experiment.clone());
        let decision = (self.settings.deciders.experiment)(&world, look.now.wall);
        let kind = |is_warning| if is_warning { NoteKind::Warning } else { NoteKind::Normal };
        let notes = decision.notes.into_iter();
        Plan {
            object: experiment,
            writes: decision.writes.into_iter().map(|request| (request, None)).collect(),
            status: decision.status,
            notes: notes.map(|note| (kind(note.is_warning), note.reason, note.message)).collect(),
            wake_at: decision.wake_at,
            answers: 0,
        }
    }

    fn experiment_world(&mut self, look: &mut Look<'_>, experiment: Arc<Value>) -> World {
        let mut named: BTreeSet<String> = service_names(&experiment);
        let replica_sets = self.evidence_objects(REPLICA_SETS, look.name, &look.memory.uid);
        let mut services = self.evidence_objects(SERVICES, look.name, &look.memory.uid);
        for name in &named {
            let name = Name::new(&look.name.namespace, name);
            if let Some(service) = self.caches.cache(SERVICES).and_then(|cache| cache.read(&name)) {
                services.insert(name, service);
            }
        }
        // Their owners are told when these go; this one is not.
        named.retain(|name| {
            let service = services.get(&Name::new(&look.name.namespace, name));
            service.is_some_and(|service| object::controller_uid(service) != Some(&*look.memory.uid))
        });
        look.memory.waits_for = named;
        let runs = self.evidence_objects(ANALYSIS_RUNS, look.name, &look.memory.uid);
        let by_name = |all: BTreeMap<Name, Arc<Value>>| {
            all.into_iter().map(|(name, value)| (name.name.to_string(), value)).collect()
        };
        World {
            held: self.held_of(&experiment, look.name),
            templates: self.templates(&look.name.namespace),
            replica_sets: replica_sets.into_values().collect(),
            services: by_name(services),
            runs: by_name(runs),
            experiment,
        }
    }

    /// The Services of an Experiment that the routers of its Rollout have something to do with.
    fn held_of(&mut self, experiment: &Value, name: &Name) -> Option<BTreeSet<String>> {
        let owner = object::controller_of_kind(experiment, "Rollout");
        let Some(owner) = owner.and_then(|owner| owner.get("name")?.as_str()) else {
            return Some(BTreeSet::new());
        };
        let owner = Name::new(&name.namespace, owner);
        let keep_parsed = self.settings.timing.parsed_objects;
        let cache = self.caches.cache_mut(ROLLOUTS)?;
        // One that is gone has given everything back.
        let Some(rollout) = cache.value(&owner, keep_parsed) else { return Some(BTreeSet::new()) };
        if Some(object::uid(&rollout)) != object::controller_uid(experiment) {
            return Some(BTreeSet::new());
        }
        let traffic = self.memories.get(&owner).and_then(|memory| memory.traffic.as_ref());
        Some(held(&rollout, traffic))
    }

    /// Objects of a watch that the object of this name and uid controls, or whose names begin with its own.
    pub(super) fn evidence_objects(
        &mut self,
        watch: WatchId,
        name: &Name,
        uid: &str,
    ) -> BTreeMap<Name, Arc<Value>> {
        let keep_parsed = self.settings.timing.parsed_objects;
        let Some(cache) = self.caches.cache_mut(watch) else { return BTreeMap::new() };
        let is_its =
            |one: &Name, facts: &Facts| facts.owner.as_deref() == Some(uid) || is_prefixed(one, name);
        let names: Vec<Name> = cache
            .in_namespace(&name.namespace)
            .filter(|(one, facts)| is_its(one, facts))
            .map(|(one, _)| one.clone())
            .collect();
        names.into_iter().filter_map(|one| Some((one.clone(), cache.value(&one, keep_parsed)?))).collect()
    }
}

/// Whether a name begins with that of another object and a dash or a dot.
fn is_prefixed(one: &Name, name: &Name) -> bool {
    one.name.strip_prefix(&*name.name).is_some_and(|rest| rest.starts_with('-') || rest.starts_with('.'))
        || one.name == name.name
}

/// The names that an Experiment asks for its Services.
fn service_names(experiment: &Value) -> BTreeSet<String> {
    let templates = experiment.pointer("/spec/templates").and_then(Value::as_array);
    let named =
        templates.into_iter().flatten().filter_map(|template| template.pointer("/service/name")?.as_str());
    named.map(str::to_owned).collect()
}
