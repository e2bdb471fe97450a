//! Where traffic goes: what the gateways made of the routes, and which pods stand behind the services.
//!
//! What invariants are checked against. A route counts as a gateway has taken it, not as it is written; services and
//! pods count as they are (the time that endpoints take to spread is not modelled).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{Resource, object};

use crate::cluster::Cluster;
use crate::controllers::{is_ready, parents};
use crate::json::{at, items, number, text};
use crate::selector::Selector;
use crate::store::Place;

/// The label by which pods of different revisions are told apart.
pub const POD_TEMPLATE_HASH: &str = "rollouts-pod-template-hash";

/// The traffic of a route at one of its parents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentTraffic {
    /// The name of the parent.
    pub parent: String,
    /// Its section; empty: all.
    pub section: String,
    /// The generation of the route that the gateway has taken; nothing when it has taken none yet.
    pub generation: Option<i64>,
    /// The rules of that generation.
    pub rules: Vec<RuleTraffic>,
}

/// The traffic of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleTraffic {
    /// Its backends.
    pub backends: Vec<BackendTraffic>,
}

/// The traffic of one backend of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendTraffic {
    /// The namespace of the service.
    pub namespace: String,
    /// The name of the service.
    pub service: String,
    /// Its weight among the backends of the rule.
    pub weight: u64,
    /// How many ready pods stand behind the service, by their pod template hash (empty: they have none).
    pub ready: BTreeMap<String, usize>,
}

impl RuleTraffic {
    /// The sum of the weights.
    pub fn total(&self) -> u64 {
        self.backends.iter().map(|backend| backend.weight).sum()
    }

    /// The share of the traffic that pods of each pod template hash get, 0 to 1. What goes to a service without ready
    /// pods is nobody's: see [`RuleTraffic::lost`].
    pub fn shares(&self) -> BTreeMap<String, f64> {
        let mut shares = BTreeMap::new();
        for backend in &self.backends {
            let pods: usize = backend.ready.values().sum();
            for (hash, ready) in &backend.ready {
                let share = self.share(backend) * ratio(*ready, pods);
                *shares.entry(hash.clone()).or_insert(0.0) += share;
            }
        }
        shares
    }

    /// The share of the traffic that goes to services without ready pods, 0 to 1.
    pub fn lost(&self) -> f64 {
        self.backends
            .iter()
            .filter(|backend| backend.ready.is_empty())
            .map(|backend| self.share(backend))
            .sum()
    }

    /// The share of one backend, 0 to 1; 0 when all weights are.
    fn share(&self, backend: &BackendTraffic) -> f64 {
        let count = |weight: u64| usize::try_from(weight).unwrap_or(usize::MAX);
        ratio(count(backend.weight), count(self.total()))
    }
}

#[expect(clippy::cast_precision_loss, reason = "weights and pods are far below 2^52")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Cluster {
    /// How many ready pods stand behind a service.
    pub fn ready_pods_behind(&self, namespace: &str, service: &str) -> usize {
        self.ready_pods_by_hash(namespace, service).values().sum()
    }

    /// How many ready pods stand behind a service, by their pod template hash (empty: they have none).
    pub fn ready_pods_by_hash(&self, namespace: &str, service: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        let Some(service) = self.store.get(self.known.services, namespace, service) else { return counts };
        let selector = Selector::from_labels(at(service, &["spec", "selector"]).unwrap_or(&Value::Null));
        if selector.is_empty() {
            return counts;
        }
        for (_, pod) in self.store.list(self.known.pods, Some(namespace)) {
            if is_ready(pod)
                && !object::is_deleting(pod)
                && selector.matches(at(pod, &["metadata", "labels"]))
            {
                let hash = object::label(pod, POD_TEMPLATE_HASH).unwrap_or_default();
                *counts.entry(hash.to_owned()).or_default() += 1;
            }
        }
        counts
    }

    /// The traffic of a route of the Gateway API, at each parent that it names or that still serves it. Nothing when
    /// there is no such route.
    pub fn traffic(&self, resource: &Resource, namespace: &str, name: &str) -> Option<Vec<ParentTraffic>> {
        let (table, _) = self.resolve(resource).ok()?;
        let place = Place { table, namespace: namespace.into(), name: name.into() };
        let route = self.store.at(&place)?;
        let mut all: Vec<_> = parents(route).map(|(parent, _)| parent).collect();
        let serving = self.programmed.keys().filter(|(route, _)| *route == place);
        all.extend(serving.map(|(_, parent)| parent.clone()));
        all.sort();
        all.dedup();
        let traffic = all.into_iter().map(|parent| {
            let (name, section) = (parent.name.clone(), parent.section.clone());
            let programmed = self.programmed.get(&(place.clone(), parent));
            ParentTraffic {
                parent: name,
                section,
                generation: programmed.and_then(|programmed| object::generation(&programmed.route)),
                rules: programmed.map(|programmed| self.rules(&programmed.route)).unwrap_or_default(),
            }
        });
        Some(traffic.collect())
    }

    /// The routes that gateways have taken under this name, one for each parent that serves it: what traffic follows.
    pub fn taken(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> impl Iterator<Item = &Arc<Value>> {
        let table = self.resolve(resource).ok().map(|(table, _)| table);
        let place = table.map(|table| Place { table, namespace: namespace.into(), name: name.into() });
        let is_it = move |taken: &Place| place.as_ref().is_some_and(|place| place == taken);
        let taken = self.programmed.iter().filter(move |((place, _), _)| is_it(place));
        taken.map(|(_, programmed)| &programmed.route)
    }

    fn rules(&self, route: &Value) -> Vec<RuleTraffic> {
        let backend = |backend: &Value| {
            let namespace = match text(backend, &["namespace"]) {
                "" => object::namespace(route),
                other => other,
            };
            let service = text(backend, &["name"]);
            BackendTraffic {
                namespace: namespace.to_owned(),
                service: service.to_owned(),
                weight: u64::try_from(number(backend, &["weight"]).unwrap_or(1)).unwrap_or_default(),
                ready: self.ready_pods_by_hash(namespace, service),
            }
        };
        let rules = items(route, &["spec", "rules"]).iter();
        rules
            .map(|rule| RuleTraffic { backends: items(rule, &["backendRefs"]).iter().map(backend).collect() })
            .collect()
    }
}
