//! Which versions of router plugins the Rollouts have recorded, those that they are in flight with and those that wrote what they
//! have to give back, and telling of it when that changes: whoever keeps the plugins keeps these, or gets them back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tidegate_contract::Digest;
use tidegate_model::RoutingRecord;
use tidegate_model::plugin_record::{PluginRecord, is_in_flight};

use crate::few::Few;
use crate::name::Name;

/// A version of a plugin.
type Pin = (Arc<str>, Digest);

/// What one Rollout has recorded.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pinned {
    /// The versions that it began its update with.
    in_flight: Few<Pin>,
    /// The versions that wrote what it has to give back.
    held: Few<Pin>,
}

impl Pinned {
    fn all(&self) -> impl Iterator<Item = &Pin> {
        self.in_flight.iter().chain(&self.held)
    }
}

/// The recorded versions of all Rollouts.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    of: BTreeMap<Name, Pinned>,
    /// How many Rollouts have recorded a version.
    counts: BTreeMap<Arc<str>, BTreeMap<Digest, usize>>,
    /// What was told last agrees with this.
    is_told: bool,
}

impl Pins {
    /// A Rollout is there, or has changed.
    pub(crate) fn put(&mut self, name: &Name, rollout: &Value) {
        let record = if is_in_flight(rollout) { PluginRecord::read(rollout) } else { None };
        let in_flight: Few<Pin> = record
            .into_iter()
            .flat_map(|record| record.versions)
            .map(|(plugin, digest)| (plugin.into(), digest))
            .collect();
        let held: Few<Pin> = RoutingRecord::read(rollout)
            .targets
            .into_iter()
            .filter_map(|target| Some((target.plugin.into(), target.digest?)))
            .collect();
        let pinned = Pinned { in_flight, held };
        if self.of.get(name).unwrap_or(&Pinned::default()) == &pinned {
            return;
        }
        for (plugin, digest) in pinned.all() {
            let count = self.counts.entry(plugin.clone()).or_default().entry(*digest).or_default();
            self.is_told &= *count > 0;
            *count = count.saturating_add(1);
        }
        let is_none = pinned == Pinned::default();
        let before = if is_none { self.of.remove(name) } else { self.of.insert(name.clone(), pinned) };
        self.drop_all(before.as_ref());
    }

    /// A Rollout is gone.
    pub(crate) fn remove(&mut self, name: &Name) {
        let before = self.of.remove(name);
        self.drop_all(before.as_ref());
    }

    fn drop_all(&mut self, pinned: Option<&Pinned>) {
        for (plugin, digest) in pinned.into_iter().flat_map(Pinned::all) {
            self.drop_one(plugin, *digest);
        }
    }

    fn drop_one(&mut self, plugin: &Arc<str>, digest: Digest) {
        let Some(digests) = self.counts.get_mut(plugin) else { return };
        let Some(count) = digests.get_mut(&digest) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.is_told = false;
            digests.remove(&digest);
            if digests.is_empty() {
                self.counts.remove(plugin);
            }
        }
    }

    /// The version of a plugin that a Rollout in flight has recorded.
    pub(crate) fn of(&self, rollout: &Name, plugin: &str) -> Option<Digest> {
        let in_flight = &self.of.get(rollout)?.in_flight;
        in_flight.iter().find(|(name, _)| **name == *plugin).map(|(_, digest)| *digest)
    }

    /// All versions that are in use, unless that was told already.
    pub(crate) fn news(&mut self) -> Option<BTreeMap<String, BTreeSet<Digest>>> {
        if std::mem::replace(&mut self.is_told, true) {
            return None;
        }
        let digests = |digests: &BTreeMap<Digest, usize>| digests.keys().copied().collect();
        Some(self.counts.iter().map(|(plugin, all)| (plugin.to_string(), digests(all))).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_model::names::ROUTER_PLUGINS_ANNOTATION;

    use super::*;

    fn rollout(digest: u8, is_in_flight: bool) -> Value {
        let text = PluginRecord::text(&BTreeMap::from([("a/a".to_owned(), Digest([digest; 32]))]));
        json!({
            "metadata": {"annotations": {ROUTER_PLUGINS_ANNOTATION: text}},
            "spec": {"strategy": {"canary": {"trafficRouting": {"plugins": {"a/a": {}}}}}},
            "status": {"stableRS": "1", "currentPodHash": if is_in_flight { "2" } else { "1" }},
        })
    }

    fn told(pins: &mut Pins) -> Option<Vec<u8>> {
        let news = pins.news()?;
        Some(news.values().flatten().map(|digest| digest.0[0]).collect())
    }

    #[test]
    fn only_changes_of_the_union_are_told() {
        let mut pins = Pins::default();
        let (web, api) = (Name::new("shop", "web"), Name::new("shop", "api"));
        assert_eq!(told(&mut pins), Some(vec![]), "that there are none is worth knowing, too");
        pins.put(&web, &rollout(7, true));
        assert_eq!(told(&mut pins), Some(vec![7]));
        pins.put(&api, &rollout(7, true));
        pins.put(&web, &rollout(7, true));
        assert_eq!(told(&mut pins), None);
        pins.put(&api, &rollout(8, true));
        assert_eq!(told(&mut pins), Some(vec![7, 8]));
        assert_eq!(pins.of(&api, "a/a"), Some(Digest([8; 32])));
        pins.put(&web, &rollout(7, false));
        assert_eq!((told(&mut pins), pins.of(&web, "a/a")), (Some(vec![8]), None));
        pins.put(&web, &rollout(8, true));
        pins.remove(&web);
        assert_eq!(told(&mut pins), None);
        pins.remove(&api);
        assert_eq!(told(&mut pins), Some(vec![]));
    }
}
