//! What the queries of a router find in the caches, and the question that is put to it about that.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_contract::{KindUse, Object, ObjectRef, Observation, Query, Target, Traffic};
use tidegate_core::RouterState;
use tidegate_route::Purpose;

use crate::cache::{Edition, Facts};
use crate::caches::{Caches, Found, WatchId};
use crate::fingerprint::Fingerprint;
use crate::memory::Asked;
use crate::name::Name;
use crate::plugins::PluginVersion;
use crate::rbac;
use crate::reference_grants::elsewhere;
use crate::routing::{failed, waiting};

/// What the queries of a router find.
pub(crate) struct Sight {
    /// Each query that could be answered, with the fingerprint of the answer.
    pub(crate) known: Vec<(Query, Fingerprint)>,
    found: Vec<(Query, Found)>,
    pub(crate) objects: BTreeMap<ObjectRef, (WatchId, Arc<Facts>)>,
}

impl Sight {
    pub(crate) fn new(caches: &Caches, queries: &[Query], kinds: &[KindUse], home: &str) -> Self {
        let mut sight = Self { known: Vec::new(), found: Vec::new(), objects: BTreeMap::new() };
        for query in queries {
            let found = match elsewhere(query, home) {
                None => caches.find(query, kinds, home),
                Some(namespace) => caches.find_elsewhere(query, kinds, home, namespace),
            };
            match &found {
                Found::NotServed => sight.known.push((query.clone(), Fingerprint::of(&false))),
                Found::Objects(watch, objects) => {
                    let versions: Vec<_> =
                        objects.iter().map(|(name, facts)| (name, &facts.uid, &facts.version)).collect();
                    sight.known.push((query.clone(), Fingerprint::of(&versions)));
                    for (name, facts) in objects {
                        sight.objects.insert(reference(query, name), (*watch, facts.clone()));
                    }
                }
                Found::Unknown | Found::Forbidden(_) | Found::Invalid(_) | Found::Refused(..) => {}
            }
            sight.found.push((query.clone(), found));
        }
        sight
    }

    /// The watch in which an object that is not there will be seen once it is.
    pub(crate) fn watch_of(&self, object: &ObjectRef) -> Option<WatchId> {
        self.found.iter().find_map(|(query, found)| match found {
            Found::Objects(watch, _)
                if query.kind == object.kind
                    && (query.namespace.is_none() || query.namespace == object.namespace) =>
            {
                Some(*watch)
            }
            _ => None,
        })
    }

    pub(crate) fn editions(&self) -> Vec<(&ObjectRef, Edition)> {
        self.objects.iter().map(|(reference, (_, facts))| (reference, facts.edition())).collect()
    }

    pub(crate) fn into_found(self) -> Vec<(Query, Known)> {
        let known = |found| match found {
            Found::NotServed => Some(None),
            Found::Objects(watch, objects) => {
                Some(Some((watch, objects.into_iter().map(|(name, _)| name).collect())))
            }
            Found::Unknown | Found::Forbidden(_) | Found::Invalid(_) | Found::Refused(..) => None,
        };
        self.found.into_iter().filter_map(|(query, found)| Some((query, known(found)?))).collect()
    }

    pub(crate) fn is_reading(&self) -> bool {
        self.found.iter().any(|(_, found)| matches!(found, Found::Unknown))
    }

    /// Why the plugin's need to see more is not met yet.
    pub(crate) fn why_not_asked(&self) -> RouterState {
        let mut missing = None;
        for (query, found) in &self.found {
            let kind = &query.kind;
            match found {
                Found::Forbidden(message) => {
                    let remedy = rbac::allow_watching(&kind.group, &kind.kind, None);
                    return failed("Forbidden", format!("{kind} may not be watched: {message}\n{remedy}"));
                }
                Found::Invalid(why) => return failed("InvalidQuery", why.clone()),
                Found::Refused(reason, why) => return failed(reason, why.clone()),
                Found::Unknown => missing = missing.or(Some(kind)),
                Found::NotServed | Found::Objects(..) => {}
            }
        }
        match missing {
            Some(kind) => waiting("NotSynced", format!("{kind} objects are being read for the first time.")),
            None => failed("TooManyRounds", "The plugin asks for objects that it has already been shown."),
        }
    }
}

/// A question that must be asked.
pub(crate) struct Ask {
    pub(crate) asked: Asked,
    pub(crate) version: PluginVersion,
    /// Whether to ask first what it can do.
    pub(crate) check: bool,
    pub(crate) target: Target,
    pub(crate) traffic: Traffic,
    pub(crate) purpose: Purpose,
    /// What was found, query by query; only what is known.
    pub(crate) found: Vec<(Query, Known)>,
}

/// What a query is known to find: objects of a watch, or that the kind is not served.
type Known = Option<(WatchId, Vec<Name>)>;

impl Ask {
    /// The observations that the question is about, with the objects' texts.
    pub(crate) fn observations(&self, caches: &Caches) -> Vec<Observation> {
        let mut observations = Vec::new();
        for (query, found) in &self.found {
            let mut objects = Vec::new();
            if let Some((watch, names)) = found
                && let Some(cache) = caches.cache(*watch)
            {
                let resource = cache.resource.clone();
                for name in names {
                    let Some(json) = cache.text(name) else { continue };
                    let api_version = resource.as_ref().map(tidegate_api::Resource::api_version);
                    objects.push(Object {
                        reference: reference(query, name),
                        api_version: api_version.unwrap_or_default(),
                        json,
                    });
                }
            }
            observations.push(Observation { query: query.clone(), served: found.is_some(), objects });
        }
        observations
    }
}

fn reference(query: &Query, name: &Name) -> ObjectRef {
    ObjectRef {
        kind: query.kind.clone(),
        namespace: (!name.namespace.is_empty()).then(|| name.namespace.to_string()),
        name: name.name.to_string(),
    }
}
