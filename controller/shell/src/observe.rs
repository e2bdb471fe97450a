//! What is known about a Rollout now, and keeping the caches up to what the API server says when it is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{ObjectKey, Operation, Request, Resource};
use tidegate_contract::Selection;
use tidegate_core::{Pods, Routing, World};
use tidegate_model::{interest, workload};

use crate::caches::{REPLICA_SETS, ROLLOUTS, SERVICES};
use crate::event::Now;
use crate::few::Few;
use crate::index::Dependency;
use crate::memory::Memory;
use crate::name::Name;
use crate::reference_grants::elsewhere;
use crate::shell::Shell;

impl Shell {
    /// A Rollout as the cache has it.
    pub(crate) fn rollout(&mut self, name: &Name) -> Option<Arc<Value>> {
        let keep_parsed = self.settings.timing.parsed_objects;
        self.caches.cache_mut(ROLLOUTS)?.value(name, keep_parsed)
    }

    /// Everything that a decision about a Rollout depends on.
    pub(crate) fn world(&mut self, name: &Name, rollout: &Arc<Value>, routing: Option<Routing>) -> World {
        let keep_parsed = self.settings.timing.parsed_objects;
        let evidence = self.evidence_for(name, rollout);
        let workload = self.workload(name, rollout);
        let selector = workload::selector(rollout, workload.object());
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
            let values = names.iter().filter_map(|one| cache.value(one, keep_parsed));
            replica_sets.extend(values.filter(|value| interest::owns(rollout, selector, value)));
        }
        let mut services = BTreeMap::new();
        for service in self.index.services(name) {
            let cache = self.caches.cache_mut(SERVICES);
            if let Some(value) = cache.and_then(|cache| cache.value(&service, keep_parsed)) {
                services.insert(service.name.to_string(), value);
            }
        }
        World {
            rollout: rollout.clone(),
            template_hash: None,
            replica_sets,
            services,
            evidence,
            workload,
            leaving: Vec::new(),
            pods: Pods::Unknown,
            routing,
        }
    }

    /// Watches exactly what a Rollout's traffic and routers depend on.
    pub(crate) fn depend(&mut self, name: &Name, memory: &Memory) {
        let mut dependencies = Few::default();
        if let Some((watch, workload)) = &memory.workload {
            dependencies.insert(Dependency {
                watch: *watch,
                namespace: name.namespace.clone(),
                select: Selection::Name(workload.to_string()),
            });
        }
        if let Some((watch, labels)) = &memory.pods {
            dependencies.insert(Dependency {
                watch: *watch,
                namespace: name.namespace.clone(),
                select: Selection::Labels(labels.to_string()),
            });
        }
        for (router, memory) in &memory.routers {
            let recorded = match router.given_back {
                Some(_) => memory.recorded,
                None => self.pins.of(name, &router.plugin),
            };
            let choice = self.plugins.choose(&router.plugin, recorded, &memory.plugin_faults);
            let Some(version) = choice.version() else { continue };
            for query in &memory.queries {
                if let Some(namespace) = elsewhere(query, &name.namespace) {
                    // Whoever needs this watch is looked at when anything in it changes: no name is meant.
                    dependencies.insert(Dependency {
                        watch: self.caches.reference_grants(namespace),
                        namespace: namespace.into(),
                        select: Selection::Name(String::new()),
                    });
                }
                dependencies.insert(Dependency {
                    watch: self.caches.watch_for(query, &version.router.description().kinds, &name.namespace),
                    namespace: query.namespace.as_deref().unwrap_or(&name.namespace).into(),
                    select: query.select.clone(),
                });
            }
        }
        let shares = self.index.known(name).is_some_and(|known| !known.managed.is_empty());
        let is_new = shares && !self.index.dependencies(name).eq(&dependencies);
        let mut neighbours = if is_new { self.neighbours(name) } else { BTreeSet::new() };
        let (before, after) = self.index.depend(name, dependencies);
        self.caches.need(name, &before, &after);
        if is_new {
            neighbours.extend(self.neighbours(name));
        }
        for neighbour in neighbours {
            self.look_again(&neighbour);
        }
    }

    /// An object does not exist any more, as the API server has just said.
    pub(crate) fn not_found(&mut self, key: &ObjectKey, now: Now) {
        let name = Name { namespace: key.namespace.clone(), name: key.name.clone() };
        let watches: Vec<_> = self.caches.watching(key).collect();
        for id in watches {
            let change = self.caches.cache_mut(id).and_then(|cache| cache.remove(&name));
            if let Some(change) = change {
                self.changed(id, &change, now);
            }
        }
    }

    /// An object as the API server has just answered: that counts, whatever the watch is about to say.
    pub(crate) fn found(&mut self, key: &ObjectKey, object: &Value, now: Now) {
        let watches: Vec<_> = self.caches.watching(key).collect();
        for id in watches {
            let resource = self.caches.cache(id).and_then(|cache| cache.resource.as_ref());
            let api_version = resource.map(Resource::api_version);
            if api_version.as_deref() == object.get("apiVersion").and_then(Value::as_str) {
                self.put(id, object.clone(), now);
            }
        }
    }
}

/// A read of one object.
pub(crate) fn get(key: &ObjectKey, resource: &Resource) -> Request {
    Request {
        resource: resource.clone(),
        namespace: resource.namespaced.then(|| key.namespace.to_string()),
        operation: Operation::Get { name: key.name.to_string() },
    }
}
