//! The pods of a Rollout: watched only while a decision needs to know them, and then those of its namespace.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{Operation, Request, builtin, object};
use tidegate_core::{Pods, World, needs_pods};
use tidegate_model::names::HASH_LABEL;
use tidegate_route::selector::Selector;

use crate::cache::{Cache, Keep, State};
use crate::caches::{Caches, WatchId};
use crate::event::WatchKey;
use crate::guard::Turn;
use crate::name::Name;
use crate::rbac;
use crate::shell::Shell;

impl Shell {
    /// Adds the pods to a world in which they matter, and watches them exactly then.
    pub(crate) fn add_pods(&mut self, turn: &mut Turn<'_>, world: &mut World) {
        let wanted = needs_pods(world, turn.now.wall).then(|| selector(&world.replica_sets));
        let wanted = wanted.flatten().map(|labels| (self.caches.pods(&turn.name.namespace), labels));
        if turn.memory.pods != wanted {
            turn.memory.pods.clone_from(&wanted);
            self.depend(turn.name, turn.memory);
        }
        let keep_parsed = self.settings.timing.parsed_objects;
        let Some((watch, labels)) = wanted else { return };
        let Some(cache) = self.caches.cache_mut(watch) else { return };
        world.pods = match &cache.state {
            State::Unknown | State::NotServed => Pods::Unknown,
            State::Forbidden(message) => {
                let resource = builtin::pods();
                let allow = rbac::allow_watching(&resource.group, &resource.kind, Some(&resource));
                Pods::Unreadable { message: format!("{message}\n{allow}") }
            }
            State::Synced => {
                let owners: BTreeSet<&str> = world.replica_sets.iter().map(|set| object::uid(set)).collect();
                Pods::Known(find(cache, turn.name, &labels, &owners, keep_parsed))
            }
        };
    }
}

fn find(
    cache: &mut Cache,
    home: &Name,
    labels: &str,
    owners: &BTreeSet<&str>,
    keep_parsed: usize,
) -> Vec<Arc<Value>> {
    let Ok(selector) = Selector::parse(labels) else { return Vec::new() };
    let own = cache.in_namespace(&home.namespace).filter(|(_, facts)| {
        selector.matches(&*facts.labels)
            && facts.owner.as_ref().is_some_and(|owner| owners.contains(&**owner))
    });
    let names: Vec<Name> = own.map(|(name, _)| name.clone()).collect();
    names.iter().filter_map(|name| cache.value(name, keep_parsed)).collect()
}

/// The labels of the pods of these ReplicaSets.
fn selector(sets: &[Arc<Value>]) -> Option<Arc<str>> {
    let hashes: BTreeSet<&str> = sets.iter().filter_map(|set| object::label(set, HASH_LABEL)).collect();
    let hashes: Vec<&str> = hashes.into_iter().filter(|hash| !hash.is_empty()).collect();
    (!hashes.is_empty()).then(|| format!("{HASH_LABEL} in ({})", hashes.join(",")).into())
}

/// Whether a request asks for a pod to go.
pub(crate) const fn is_eviction(request: &Request) -> bool {
    matches!(request.operation, Operation::Evict { .. })
}

/// Whether a request is about a pod, which may be gone by now.
pub(crate) fn is_about_a_pod(request: &Request) -> bool {
    request.resource == builtin::pods()
}

impl Caches {
    fn pods(&mut self, namespace: &Arc<str>) -> WatchId {
        let resource = builtin::pods();
        let key = WatchKey {
            group: resource.group,
            kind: resource.kind,
            versions: vec![resource.version],
            namespace: Some(namespace.clone()),
            name: None,
        };
        self.id_of(key, Keep::Text)
    }
}
