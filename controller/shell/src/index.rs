//! Which Rollouts an object concerns, so that a change looks at exactly those.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::object;
use tidegate_contract::Selection;
use tidegate_model::{RoutedTarget, RoutingRecord, interest, workload};
use tidegate_route::selector::Selector;

use crate::cache::{Change, Facts};
use crate::caches::WatchId;
use crate::few::Few;
use crate::name::Name;

/// What is looked up about a Rollout without parsing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) uid: Arc<str>,
    /// The Services that it names, and those in which it has to give something back.
    services: Few<Arc<str>>,
    /// Which pods are its own.
    selector: Option<Selector>,
    /// Whether that stands in the workload that it refers to, and any pods may be its own.
    borrows_selector: bool,
    /// When it was created; the texts are in the order of the times.
    pub(crate) created: Arc<str>,
    /// Whether it has routers.
    pub(crate) is_routed: bool,
    /// The names of its managed routes.
    pub(crate) managed: Few<Arc<str>>,
    /// Whether it has analyses or experiments.
    pub(crate) has_evidence: bool,
}

impl Known {
    pub(crate) fn of(rollout: &Value) -> Self {
        Self {
            uid: object::uid(rollout).into(),
            services: interest::services(rollout)
                .into_iter()
                .chain(RoutingRecord::read(rollout).targets.into_iter().flat_map(RoutedTarget::into_services))
                .map(|name| name.as_str().into())
                .collect(),
            selector: rollout
                .get("spec")
                .and_then(|spec| spec.get("selector"))
                .and_then(Selector::from_object),
            borrows_selector: rollout.pointer("/spec/selector").is_none_or(Value::is_null)
                && workload::is_referring(rollout),
            created: text(rollout, "/metadata/creationTimestamp").into(),
            is_routed: !interest::routers(rollout).is_empty(),
            managed: interest::managed_routes(rollout).map(Arc::from).collect(),
            has_evidence: interest::has_evidence(rollout),
        }
    }
}

impl Known {
    fn would_adopt(&self, replica_set: &Facts) -> bool {
        let matches = |selector: &Selector| selector.matches(&*replica_set.labels);
        self.borrows_selector || self.selector.as_ref().is_some_and(matches)
    }
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Objects that the routers of a Rollout depend on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dependency {
    pub(crate) watch: WatchId,
    /// Without meaning when the kind turns out to be cluster-scoped.
    pub(crate) namespace: Arc<str>,
    pub(crate) select: Selection,
}

/// Who looks at a name: the namespace that is meant, and the Rollout.
type Looking = (Arc<str>, Name);

/// The namespace that is meant, and the text of a label selector.
type Selecting = (Arc<str>, Arc<str>);

/// From objects to Rollouts.
#[derive(Debug, Default)]
pub(crate) struct Index {
    rollouts: BTreeMap<Name, Known>,
    by_uid: BTreeMap<Arc<str>, Name>,
    by_service: BTreeMap<Name, Few<Name>>,
    /// `ReplicaSet`s by the uid of the owner that controls them.
    owned: BTreeMap<Arc<str>, Few<Name>>,
    /// `ReplicaSet`s that nobody controls.
    orphans: BTreeSet<Name>,
    dependencies: BTreeMap<Name, Few<Dependency>>,
    by_name: BTreeMap<(WatchId, Arc<str>), Few<Looking>>,
    by_labels: BTreeMap<WatchId, BTreeMap<Selecting, (Selector, BTreeSet<Name>)>>,
}

impl Index {
    pub(crate) fn rollouts(&self) -> impl Iterator<Item = &Name> {
        self.rollouts.keys()
    }

    pub(crate) fn known(&self, rollout: &Name) -> Option<&Known> {
        self.rollouts.get(rollout)
    }

    /// The Rollouts of a namespace.
    pub(crate) fn in_namespace<'a>(
        &'a self,
        namespace: &'a Arc<str>,
    ) -> impl Iterator<Item = (&'a Name, &'a Known)> {
        let all = self.rollouts.range(Name::new(namespace, "")..);
        all.take_while(move |(name, _)| name.namespace == *namespace)
    }

    /// The objects that the routers of a Rollout depend on.
    pub(crate) fn dependencies(&self, rollout: &Name) -> impl Iterator<Item = &Dependency> {
        self.dependencies.get(rollout).into_iter().flatten()
    }

    /// A Rollout is there, or has changed.
    pub(crate) fn put_rollout(&mut self, name: &Name, known: Known) {
        if self.rollouts.get(name) == Some(&known) {
            return;
        }
        self.remove_rollout(name);
        for service in &known.services {
            let service = Name { namespace: name.namespace.clone(), name: service.clone() };
            self.by_service.entry(service).or_default().insert(name.clone());
        }
        self.by_uid.insert(known.uid.clone(), name.clone());
        self.rollouts.insert(name.clone(), known);
    }

    /// A Rollout is gone. Its dependencies are given up separately.
    pub(crate) fn remove_rollout(&mut self, name: &Name) {
        let Some(known) = self.rollouts.remove(name) else { return };
        for service in &known.services {
            let service = Name { namespace: name.namespace.clone(), name: service.clone() };
            remove_from(&mut self.by_service, &service, name);
        }
        self.by_uid.remove(&known.uid);
    }

    /// A `ReplicaSet` changed: notes whose it is, and answers with the Rollouts concerned.
    pub(crate) fn replica_set_changed(&mut self, change: &Change) -> BTreeSet<Name> {
        let mut concerned = BTreeSet::new();
        for facts in [&change.before, &change.after].into_iter().flatten() {
            match &facts.owner {
                Some(owner) => concerned.extend(self.by_uid.get(owner).cloned()),
                None => concerned.extend(self.who_would_adopt(&change.name, facts)),
            }
        }
        if let Some(facts) = &change.before {
            match &facts.owner {
                Some(owner) => remove_from(&mut self.owned, owner, &change.name),
                None => {
                    self.orphans.remove(&change.name);
                }
            }
        }
        if let Some(facts) = &change.after {
            match &facts.owner {
                Some(owner) => {
                    self.owned.entry(owner.clone()).or_default().insert(change.name.clone());
                }
                None => {
                    self.orphans.insert(change.name.clone());
                }
            }
        }
        concerned
    }

    fn who_would_adopt(&self, replica_set: &Name, facts: &Facts) -> Vec<Name> {
        self.rollouts
            .range(Name::new(&replica_set.namespace, "")..)
            .take_while(|(name, _)| name.namespace == replica_set.namespace)
            .filter(|(_, known)| known.would_adopt(facts))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The Rollouts of a namespace, or of all, that have analyses or experiments.
    pub(crate) fn with_evidence(&self, namespace: Option<&str>) -> impl Iterator<Item = &Name> {
        let all = self.rollouts.range(Name::nobody(namespace.unwrap_or_default())..);
        all.take_while(move |(name, _)| namespace.is_none_or(|namespace| *name.namespace == *namespace))
            .filter(|(_, known)| known.has_evidence)
            .map(|(name, _)| name)
    }

    /// The Rollout with this uid.
    pub(crate) fn rollout_of_uid(&self, uid: &str) -> Option<&Name> {
        self.by_uid.get(uid)
    }

    /// The `ReplicaSet`s that a Rollout controls, and those in its namespace that nobody controls.
    pub(crate) fn replica_sets(
        &self,
        rollout: &Name,
    ) -> (impl Iterator<Item = &Name>, impl Iterator<Item = &Name>) {
        let namespace = rollout.namespace.clone();
        let known = self.rollouts.get(rollout);
        let owned = known.and_then(|known| self.owned.get(&known.uid)).into_iter().flatten();
        let orphans = self
            .orphans
            .range(Name::new(&rollout.namespace, "")..)
            .take_while(move |name| name.namespace == namespace);
        (owned.filter(|name| name.namespace == rollout.namespace), orphans)
    }

    /// Whether a Rollout's selector matches a `ReplicaSet` that nobody controls.
    pub(crate) fn would_adopt(&self, rollout: &Name, facts: &Facts) -> bool {
        self.rollouts.get(rollout).is_some_and(|known| known.would_adopt(facts))
    }

    /// The Services that a Rollout names.
    pub(crate) fn services(&self, rollout: &Name) -> impl Iterator<Item = Name> {
        let namespace = rollout.namespace.clone();
        let services = self.rollouts.get(rollout).into_iter().flat_map(|known| &known.services);
        services.map(move |service| Name { namespace: namespace.clone(), name: service.clone() })
    }

    /// The Rollouts that name a Service.
    pub(crate) fn naming<'a>(&'a self, service: &Name) -> impl Iterator<Item = &'a Name> + use<'a> {
        self.by_service.get(service).into_iter().flatten()
    }

    /// The Rollouts whose routers depend on an object of this watch.
    pub(crate) fn depending(&self, watch: WatchId, change: &Change) -> BTreeSet<Name> {
        let namespace = &change.name.namespace;
        let is_meant = |meant: &Arc<str>| namespace.is_empty() || meant == namespace;
        let mut concerned = BTreeSet::new();
        for (meant, rollout) in self.by_name.get(&(watch, change.name.name.clone())).into_iter().flatten() {
            if is_meant(meant) {
                concerned.insert(rollout.clone());
            }
        }
        for ((meant, _), (selector, rollouts)) in self.by_labels.get(&watch).into_iter().flatten() {
            let mut states = [&change.before, &change.after].into_iter().flatten();
            if is_meant(meant) && states.any(|facts| selector.matches(&*facts.labels)) {
                concerned.extend(rollouts.iter().cloned());
            }
        }
        concerned
    }

    /// The routers of a Rollout depend on exactly these objects from now on. Answers with the watches that they
    /// needed before, and need now.
    pub(crate) fn depend(
        &mut self,
        rollout: &Name,
        after: Few<Dependency>,
    ) -> (BTreeSet<WatchId>, BTreeSet<WatchId>) {
        let before = self.dependencies.remove(rollout).unwrap_or_default();
        let watches = |all: &Few<Dependency>| all.iter().map(|one| one.watch).collect::<BTreeSet<WatchId>>();
        let answer = (watches(&before), watches(&after));
        for gone in before.iter().filter(|one| !after.contains(one)) {
            self.forget(rollout, gone);
        }
        for new in after.iter().filter(|one| !before.contains(one)) {
            self.remember(rollout, new);
        }
        if !after.is_empty() {
            self.dependencies.insert(rollout.clone(), after);
        }
        answer
    }

    fn remember(&mut self, rollout: &Name, dependency: &Dependency) {
        match &dependency.select {
            Selection::Name(name) => {
                let looking = (dependency.namespace.clone(), rollout.clone());
                self.by_name.entry((dependency.watch, name.as_str().into())).or_default().insert(looking);
            }
            Selection::Labels(text) => {
                // One that cannot be read finds nothing, so no change concerns it.
                let Ok(selector) = Selector::parse(text) else { return };
                let key = (dependency.namespace.clone(), text.as_str().into());
                let of_watch = self.by_labels.entry(dependency.watch).or_default();
                let (_, rollouts) = of_watch.entry(key).or_insert_with(|| (selector, BTreeSet::new()));
                rollouts.insert(rollout.clone());
            }
        }
    }

    fn forget(&mut self, rollout: &Name, dependency: &Dependency) {
        match &dependency.select {
            Selection::Name(name) => {
                let looking = (dependency.namespace.clone(), rollout.clone());
                remove_from(&mut self.by_name, &(dependency.watch, name.as_str().into()), &looking);
            }
            Selection::Labels(text) => {
                let key = (dependency.namespace.clone(), text.as_str().into());
                let Some(of_watch) = self.by_labels.get_mut(&dependency.watch) else { return };
                if let Some((_, rollouts)) = of_watch.get_mut(&key) {
                    rollouts.remove(rollout);
                    if rollouts.is_empty() {
                        of_watch.remove(&key);
                    }
                }
            }
        }
    }
}

/// Removes one entry of a set in a map, and the set when it is empty.
fn remove_from<K: Ord, V: Ord>(map: &mut BTreeMap<K, Few<V>>, key: &K, value: &V) {
    if let Some(set) = map.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            map.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
