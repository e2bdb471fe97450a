//! All watches: which there are, who needs them, and what they have reported.
//!
//! Rollouts, `ReplicaSet`s and Services are watched always, and nothing is decided before they are known. Experiments, AnalysisRuns
//! and their templates are watched always, too, but a cluster may do without them. Other kinds are watched from the first time that
//! a plugin names them in a query for some Rollout, until no Rollout needs them any more; Jobs while some AnalysisRun has one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_api::{ObjectKey, builtin};
use tidegate_contract::{KindUse, Query, Selection};
use tidegate_route::selector::Selector;

use crate::cache::{Cache, Facts, Keep, State};
use crate::effect::Effect;
use crate::event::WatchKey;
use crate::index::Dependency;
use crate::name::Name;
use crate::reference_grants::{REFERENCE_GRANT, VERSIONS};

/// Names a watch among those that this process has ever had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WatchId(u32);

/// The watches that are always there.
pub(crate) const ROLLOUTS: WatchId = WatchId(0);
pub(crate) const REPLICA_SETS: WatchId = WatchId(1);
pub(crate) const SERVICES: WatchId = WatchId(2);
pub(crate) const EXPERIMENTS: WatchId = WatchId(3);
pub(crate) const ANALYSIS_RUNS: WatchId = WatchId(4);
pub(crate) const ANALYSIS_TEMPLATES: WatchId = WatchId(5);
/// This one while it is needed.
pub(crate) const JOBS: WatchId = WatchId(6);
/// This one unless everything is confined to a namespace; then it is known that there are none.
pub(crate) const CLUSTER_ANALYSIS_TEMPLATES: WatchId = WatchId(7);

/// All watches.
#[derive(Debug)]
pub(crate) struct Caches {
    namespace: Option<Arc<str>>,
    ids: BTreeMap<WatchKey, WatchId>,
    watches: Vec<Watch>,
    /// Watches that may have to be started or stopped.
    unsettled: BTreeSet<WatchId>,
}

#[derive(Debug)]
struct Watch {
    key: WatchKey,
    cache: Cache,
    needed_by: BTreeSet<Name>,
    need: Need,
    is_running: bool,
}

/// When a watch is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Always; and nothing is decided before it is known what there is.
    First,
    /// Always.
    Always,
    /// While somebody needs it.
    OnDemand,
}

/// What a query finds.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nobody knows yet.
    Unknown,
    /// We may not look; the server's message.
    Forbidden(String),
    /// The API server does not serve the kind.
    NotServed,
    /// These objects, sorted by namespace and name.
    Objects(WatchId, Vec<(Name, Arc<Facts>)>),
    /// The query's label selector is none; why.
    Invalid(String),
    /// They are not shown, for this reason, which the message explains.
    Refused(&'static str, String),
}

impl Caches {
    /// With the watches that are always there, which are started by the first [`Caches::settle`].
    pub(crate) fn new(namespace: Option<&str>) -> Self {
        let mut caches = Self {
            namespace: namespace.map(Arc::from),
            ids: BTreeMap::new(),
            watches: Vec::new(),
            unsettled: BTreeSet::new(),
        };
        // Where everything is confined to a namespace there are no templates of the cluster, as in Argo Rollouts.
        let is_confined = namespace.is_some();
        let of_the_cluster = if is_confined { Need::OnDemand } else { Need::Always };
        let kinds = [
            (builtin::rollouts(), Keep::ParsedWithoutLastApplied, Need::First),
            (builtin::replica_sets(), Keep::Parsed, Need::First),
            (builtin::services(), Keep::Parsed, Need::First),
            (builtin::experiments(), Keep::ParsedWithoutLastApplied, Need::Always),
            (builtin::analysis_runs(), Keep::Parsed, Need::Always),
            (builtin::analysis_templates(), Keep::ParsedWithoutLastApplied, Need::Always),
            (builtin::jobs(), Keep::Parsed, Need::OnDemand),
            (builtin::cluster_analysis_templates(), Keep::ParsedWithoutLastApplied, of_the_cluster),
        ];
        for (resource, keep, need) in kinds {
            let key = WatchKey {
                group: resource.group.clone(),
                kind: resource.kind.clone(),
                versions: vec![resource.version.clone()],
                namespace: caches.namespace.clone(),
                name: None,
            };
            let id = caches.id_of(key, keep);
            if let Some(watch) = caches.watches.get_mut(id.0 as usize) {
                watch.need = need;
                watch.cache.resource = Some(resource);
            }
        }
        if is_confined && let Some(cache) = caches.cache_mut(CLUSTER_ANALYSIS_TEMPLATES) {
            cache.state = State::NotServed;
        }
        caches
    }

    pub(crate) fn id_of(&mut self, key: WatchKey, keep: Keep) -> WatchId {
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let id = WatchId(u32::try_from(self.watches.len()).unwrap_or(u32::MAX));
        self.watches.push(Watch {
            key: key.clone(),
            cache: Cache::new(keep),
            needed_by: BTreeSet::new(),
            need: Need::OnDemand,
            is_running: false,
        });
        self.ids.insert(key, id);
        self.unsettled.insert(id);
        id
    }

    /// The watch of this key, if it is wanted; what is reported of others comes too late.
    pub(crate) fn running(&self, key: &WatchKey) -> Option<WatchId> {
        let id = *self.ids.get(key)?;
        self.watches.get(id.0 as usize)?.is_running.then_some(id)
    }

    pub(crate) fn cache(&self, id: WatchId) -> Option<&Cache> {
        self.watches.get(id.0 as usize).map(|watch| &watch.cache)
    }

    pub(crate) fn cache_mut(&mut self, id: WatchId) -> Option<&mut Cache> {
        self.watches.get_mut(id.0 as usize).map(|watch| &mut watch.cache)
    }

    /// Whether everything is known that any decision needs.
    pub(crate) fn are_ready(&self) -> bool {
        let first = self.watches.iter().filter(|watch| watch.need == Need::First);
        first.map(|watch| &watch.cache).all(|cache| cache.state == State::Synced)
    }

    /// Who needs this watch.
    pub(crate) fn needed_by(&self, id: WatchId) -> impl Iterator<Item = &Name> {
        self.watches.get(id.0 as usize).into_iter().flat_map(|watch| &watch.needed_by)
    }

    /// The namespace to which everything is confined, if there is one.
    pub(crate) fn namespace(&self) -> Option<Arc<str>> {
        self.namespace.clone()
    }

    /// The watches in which an object appears, whatever the version.
    pub(crate) fn watching<'a>(&'a self, key: &'a ObjectKey) -> impl Iterator<Item = WatchId> + 'a {
        (0..).map(WatchId).zip(&self.watches).filter_map(move |(id, watch)| {
            let is_kind = watch.key.group == key.group && watch.key.kind == key.kind;
            let is_its_namespace = watch.key.namespace.as_ref().is_some_and(|home| *home == key.namespace);
            let is_meant = watch.key.name.as_ref().is_none_or(|name| *name == key.name && is_its_namespace);
            (is_kind && is_meant && watch.is_running).then_some(id)
        })
    }

    /// What is known of an object, by any watch of its kind.
    pub(crate) fn sighting(&self, key: &ObjectKey) -> Sighting<'_> {
        let name = Name { namespace: key.namespace.clone(), name: key.name.clone() };
        let mut sighting = Sighting::NotWatched;
        for id in self.watching(key) {
            let Some(cache) = self.cache(id) else { continue };
            match cache.facts(&name) {
                Some(facts) => return Sighting::Here(facts),
                None => sighting = Sighting::Absent,
            }
        }
        sighting
    }

    /// Whether it is not known yet which objects of this watch there are.
    pub(crate) fn is_unknown(&self, id: WatchId) -> bool {
        self.cache(id).is_some_and(|cache| cache.state == State::Unknown)
    }

    /// The watch of a namespace's agreements that Rollouts of others use its objects.
    pub(crate) fn reference_grants(&mut self, namespace: &str) -> WatchId {
        let key = self.reference_grants_key(namespace);
        self.id_of(key, Keep::Text)
    }

    /// A namespace's agreements, if they are watched.
    pub(crate) fn known_reference_grants(&self, namespace: &str) -> Option<&Cache> {
        self.cache(*self.ids.get(&self.reference_grants_key(namespace))?)
    }

    /// Whether this is a watch of such agreements.
    pub(crate) fn are_reference_grants(&self, id: WatchId) -> bool {
        self.watches
            .get(id.0 as usize)
            .is_some_and(|watch| (&*watch.key.group, &*watch.key.kind) == REFERENCE_GRANT)
    }

    fn reference_grants_key(&self, namespace: &str) -> WatchKey {
        let (group, kind) = REFERENCE_GRANT;
        WatchKey {
            group: group.into(),
            kind: kind.into(),
            versions: VERSIONS.map(Arc::from).to_vec(),
            namespace: self.namespace.as_ref().map(|_| namespace.into()),
            name: None,
        }
    }

    /// The objects that are there of those on which somebody depends.
    pub(crate) fn objects_of(&self, dependency: &Dependency) -> impl Iterator<Item = Name> {
        let Dependency { watch, namespace, select } = dependency;
        let cache = self.cache(*watch);
        let resource = cache.and_then(|cache| cache.resource.as_ref());
        let namespace = if resource.is_none_or(|resource| resource.namespaced) { &**namespace } else { "" };
        let names: Vec<Name> = match (cache, select) {
            (None, _) => Vec::new(),
            (Some(cache), Selection::Name(name)) => {
                let name = Name::new(namespace, name);
                cache.facts(&name).map(|_| name).into_iter().collect()
            }
            (Some(cache), Selection::Labels(text)) => {
                let selector = Selector::parse(text).ok();
                let matches =
                    |facts: &Facts| selector.as_ref().is_some_and(|one| one.matches(&*facts.labels));
                let found = cache.in_namespace(namespace).filter(|(_, facts)| matches(facts));
                found.map(|(name, _)| name.clone()).collect()
            }
        };
        names.into_iter()
    }

    /// The watch that a query needs.
    pub(crate) fn watch_for(&mut self, query: &Query, kinds: &[KindUse], home: &str) -> WatchId {
        let key = self.key_for(query, kinds, home);
        self.id_of(key, Keep::Text)
    }

    fn key_for(&self, query: &Query, kinds: &[KindUse], home: &str) -> WatchKey {
        let versions = kinds.iter().find(|one| one.kind == query.kind);
        WatchKey {
            group: query.kind.group.as_str().into(),
            kind: query.kind.kind.as_str().into(),
            versions: versions
                .map(|one| one.versions.iter().map(|version| version.as_str().into()).collect())
                .unwrap_or_default(),
            namespace: self.namespace.as_ref().map(|_| query.namespace.as_deref().unwrap_or(home).into()),
            name: None,
        }
    }

    /// What a query finds now, for a Rollout in this namespace.
    pub(crate) fn find(&self, query: &Query, kinds: &[KindUse], home: &str) -> Found {
        let Some(id) = self.ids.get(&self.key_for(query, kinds, home)).copied() else {
            return Found::Unknown;
        };
        let Some(cache) = self.cache(id) else { return Found::Unknown };
        match &cache.state {
            State::Unknown => return Found::Unknown,
            State::NotServed => return Found::NotServed,
            State::Forbidden(message) => return Found::Forbidden(message.clone()),
            State::Synced => {}
        }
        let is_namespaced = cache.resource.as_ref().is_none_or(|resource| resource.namespaced);
        let namespace = if is_namespaced { query.namespace.as_deref().unwrap_or(home) } else { "" };
        match &query.select {
            Selection::Name(name) => {
                let name = Name::new(namespace, name);
                let facts = cache.facts(&name).cloned();
                Found::Objects(id, facts.map(|facts| (name, facts)).into_iter().collect())
            }
            Selection::Labels(text) => match Selector::parse(text) {
                Ok(selector) => {
                    let matching = cache
                        .in_namespace(namespace)
                        .filter(|(_, facts)| selector.matches(&*facts.labels))
                        .map(|(name, facts)| (name.clone(), facts.clone()));
                    Found::Objects(id, matching.collect())
                }
                Err(error) => Found::Invalid(error.to_string()),
            },
        }
    }

    /// A Rollout needs exactly these watches from now on.
    pub(crate) fn need(&mut self, rollout: &Name, before: &BTreeSet<WatchId>, after: &BTreeSet<WatchId>) {
        for id in before.difference(after) {
            if let Some(watch) = self.watches.get_mut(id.0 as usize) {
                watch.needed_by.remove(rollout);
                self.unsettled.insert(*id);
            }
        }
        for id in after.difference(before) {
            if let Some(watch) = self.watches.get_mut(id.0 as usize) {
                watch.needed_by.insert(rollout.clone());
                self.unsettled.insert(*id);
            }
        }
    }

    /// Starts what is needed and stops what no longer is. What stops is forgotten at once: nobody needs it.
    pub(crate) fn settle(&mut self, effects: &mut Vec<Effect>) {
        for id in std::mem::take(&mut self.unsettled) {
            let Some(watch) = self.watches.get_mut(id.0 as usize) else { continue };
            let is_needed = watch.need != Need::OnDemand || !watch.needed_by.is_empty();
            if is_needed && !watch.is_running {
                effects.push(Effect::Watch(watch.key.clone()));
            } else if !is_needed && watch.is_running {
                effects.push(Effect::Unwatch(watch.key.clone()));
                watch.cache.clear(State::Unknown);
            }
            watch.is_running = is_needed;
        }
    }
}

/// What is known of one object.
#[derive(Debug)]
pub(crate) enum Sighting<'a> {
    /// It is there.
    Here(&'a Facts),
    /// Its kind is watched, and it is not there.
    Absent,
    /// Its kind is not watched.
    NotWatched,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_that_a_plugin_needs_is_not_taken_for_one_that_is_always_there() {
        for namespace in [None, Some("shop")] {
            let mut caches = Caches::new(namespace);
            let other = WatchKey {
                group: "example.com".into(),
                kind: "Route".into(),
                versions: Vec::new(),
                namespace: namespace.map(Arc::from),
                name: None,
            };
            assert!(caches.id_of(other, Keep::Text) > CLUSTER_ANALYSIS_TEMPLATES);
            // Nobody waits for templates that will never be looked at.
            assert_eq!(caches.is_unknown(CLUSTER_ANALYSIS_TEMPLATES), namespace.is_none());
        }
    }
}
