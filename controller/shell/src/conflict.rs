//! Two Rollouts that claim the same thing: a Service, or a managed route in one object. The older one keeps it and
//! goes on; the younger one says so, and writes nothing of it until the older one lets go.
//!
//! Older is who was created earlier; of two that were created in the same second, who comes first by namespace and
//! name. So every process decides alike, and nobody has to write down who owns what.

use std::collections::BTreeSet;

use tidegate_api::{Request, builtin};
use tidegate_contract::Verb;

use crate::cache::Change;
use crate::caches::WatchId;
use crate::guard::Turn;
use crate::index::Known;
use crate::name::Name;
use crate::plugins::Plugin;
use crate::requests::key_of;
use crate::routing::{View, failed, waiting};
use crate::shell::Shell;

/// What an older Rollout has that this one claims too.
pub(crate) struct Conflict {
    message: String,
    /// The Services among it.
    services: BTreeSet<Name>,
}

impl Shell {
    /// What older Rollouts have that this one claims too.
    pub(crate) fn conflict(&self, name: &Name) -> Option<Conflict> {
        let known = self.index.known(name).filter(|known| known.is_routed)?;
        let mut message = None;
        let mut services = BTreeSet::new();
        for service in self.index.services(name) {
            let older = self.index.naming(&service).find(|other| self.is_older_router(other, name));
            if let Some(older) = older {
                let what = format!("divides the traffic of Service {}", service.name);
                message = message.or_else(|| Some(told(older, &what, "name Services of its own here")));
                services.insert(service);
            }
        }
        let message = message.or_else(|| self.managed_route_conflict(name, known))?;
        Some(Conflict { message, services })
    }

    fn managed_route_conflict(&self, name: &Name, known: &Known) -> Option<String> {
        if known.managed.is_empty() {
            return None;
        }
        self.routed_objects(name).iter().find_map(|(watch, object)| {
            let older = self.sharing(*watch, object).into_iter().find(|other| {
                self.is_older_router(other, name) && self.managed_by_both(other, known).is_some()
            })?;
            let route = self.managed_by_both(&older, known)?;
            let kind = self.caches.cache(*watch)?.resource.as_ref()?.kind.clone();
            let what = format!("has a managed route {route} in {kind} {}/{}", object.namespace, object.name);
            Some(told(&older, &what, "give this one's another name"))
        })
    }

    /// Takes what is in conflict, or may turn out to be, out of what a Rollout's routers want.
    pub(crate) fn settle_conflict(&self, turn: &Turn<'_>, conflict: Option<&Conflict>, views: &mut [View]) {
        for view in views {
            if let Some(conflict) = conflict {
                view.writes.clear();
                view.report.shares.clear();
                view.report.state = failed("RouteConflict", conflict.message.clone());
            } else if !view.writes.is_empty()
                && let Some(older) = self.older_unasked(turn.name)
            {
                // Which objects that one's routers depend on is not known yet.
                let message = format!(
                    "Rollout {}/{}, which is older, is looked at first.",
                    older.namespace, older.name
                );
                view.writes.clear();
                view.report.state = waiting("WritePending", message);
                view.wake = Some(turn.now.monotonic.saturating_add(self.settings.timing.backoff_first));
            }
        }
    }

    /// An older Rollout of the same namespace with a managed route of the same name whose routers have not been
    /// asked yet.
    fn older_unasked(&self, name: &Name) -> Option<Name> {
        let known = self.index.known(name).filter(|known| !known.managed.is_empty())?;
        let mut others = self.index.in_namespace(&name.namespace);
        let other = others.find(|(other, their)| {
            *other != name
                && their.is_routed
                && self.is_older_router(other, name)
                && self.managed_by_both(other, known).is_some()
                && self.memories.get(*other).is_some_and(|memory| {
                    memory.routers.iter().any(|(router, memory)| {
                        let (recorded, faults) = (self.pins.of(other, &router.plugin), &memory.plugin_faults);
                        memory.answered.is_none()
                            && router.given_back.is_none()
                            && self.plugins.choose(&router.plugin, recorded, faults).version().is_some()
                    }) || memory.routers.is_empty() && memory.told.version.is_empty()
                })
        });
        other.map(|(other, _)| other.clone())
    }

    /// Whether another Rollout has routers and is older.
    fn is_older_router(&self, other: &Name, name: &Name) -> bool {
        let (Some(their), Some(known)) = (self.index.known(other), self.index.known(name)) else {
            return false;
        };
        their.is_routed && other != name && (&their.created, other) < (&known.created, name)
    }

    /// The name of a managed route that another Rollout has too.
    fn managed_by_both(&self, other: &Name, known: &Known) -> Option<String> {
        let their = self.index.known(other)?;
        known.managed.iter().find(|route| their.managed.contains(route)).map(ToString::to_string)
    }

    /// The objects of kinds that routers change on which a Rollout's routers depend.
    fn routed_objects(&self, name: &Name) -> Vec<(WatchId, Name)> {
        let is_changed = |watch: WatchId| {
            let resource = self.caches.cache(watch).and_then(|cache| cache.resource.as_ref());
            resource.is_some_and(|resource| {
                let mut versions = self.plugins.by_name.values().flat_map(Plugin::versions);
                versions.any(|version| {
                    version.router.description().kinds.iter().any(|used| {
                        used.kind.group == *resource.group
                            && used.kind.kind == *resource.kind
                            && used.verbs.contains(&Verb::Update)
                    })
                })
            })
        };
        let dependencies = self.index.dependencies(name).filter(|one| is_changed(one.watch));
        dependencies.flat_map(|one| self.caches.objects_of(one).map(move |name| (one.watch, name))).collect()
    }

    /// The Rollouts whose routers depend on an object.
    fn sharing(&self, watch: WatchId, object: &Name) -> BTreeSet<Name> {
        let facts = self.caches.cache(watch).and_then(|cache| cache.facts(object)).cloned();
        let change = Change { name: object.clone(), before: None, after: facts };
        self.index.depending(watch, &change)
    }

    /// Everybody with whom a Rollout shares something that both may claim.
    pub(crate) fn neighbours(&self, name: &Name) -> BTreeSet<Name> {
        let Some(known) = self.index.known(name).filter(|known| known.is_routed) else {
            return BTreeSet::new();
        };
        let mut neighbours: BTreeSet<Name> =
            self.index.services(name).flat_map(|service| self.index.naming(&service)).cloned().collect();
        if !known.managed.is_empty() {
            let shared = self.routed_objects(name);
            neighbours.extend(shared.iter().flat_map(|(watch, object)| self.sharing(*watch, object)));
        }
        neighbours.remove(name);
        neighbours
    }
}

impl Conflict {
    /// Whether a request writes a Service that an older Rollout has.
    pub(crate) fn concerns(&self, request: &Request) -> bool {
        let key = key_of(request);
        let is_service = request.resource == builtin::services();
        is_service && self.services.contains(&Name { namespace: key.namespace, name: key.name })
    }
}

fn told(older: &Name, what: &str, instead: &str) -> String {
    format!(
        "Rollout {}/{}, which is older, {what}. Nothing is written for this one until that one lets go of it: \
         {instead}, or remove it there.",
        older.namespace, older.name
    )
}
