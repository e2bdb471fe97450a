//! Which versions of router plugins the Rollouts in flight have recorded, and telling of it when that changes: whoever keeps
//! the plugins keeps these, or gets them back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tidegate_contract::Digest;
use tidegate_model::plugin_record::{PluginRecord, is_in_flight};

use crate::name::Name;

/// The recorded versions of all Rollouts in flight.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    of: BTreeMap<Name, BTreeMap<Arc<str>, Digest>>,
    /// How many Rollouts have recorded a version.
    counts: BTreeMap<Arc<str>, BTreeMap<Digest, usize>>,
    /// What was told last agrees with this.
    is_told: bool,
}

impl Pins {
    /// A Rollout is there, or has changed.
    pub(crate) fn put(&mut self, name: &Name, rollout: &Value) {
        let record = if is_in_flight(rollout) { PluginRecord::read(rollout) } else { None };
        let versions: BTreeMap<Arc<str>, Digest> = record
            .into_iter()
            .flat_map(|record| record.versions)
            .map(|(plugin, digest)| (plugin.into(), digest))
            .collect();
        if self.of.get(name).unwrap_or(&BTreeMap::new()) == &versions {
            return;
        }
        for (plugin, digest) in &versions {
            let count = self.counts.entry(plugin.clone()).or_default().entry(*digest).or_default();
            self.is_told &= *count > 0;
            *count = count.saturating_add(1);
        }
        let before =
            if versions.is_empty() { self.of.remove(name) } else { self.of.insert(name.clone(), versions) };
        for (plugin, digest) in before.into_iter().flatten() {
            self.drop_one(&plugin, digest);
        }
    }

    /// A Rollout is gone.
    pub(crate) fn remove(&mut self, name: &Name) {
        for (plugin, digest) in self.of.remove(name).into_iter().flatten() {
            self.drop_one(&plugin, digest);
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
        self.of.get(rollout)?.get(plugin).copied()
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
