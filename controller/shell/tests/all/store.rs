//! The other side of `Event::Plugins`: a store of older versions, and which of them a controller may use by what it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{Operation, Request, object};
use tidegate_contract::Digest;
use tidegate_model::PluginRecord;
use tidegate_model::interest::routers;
use tidegate_model::plugin_record::is_in_flight;
use tidegate_shell::{Event, Plugin, PluginState, Plugins, RequestId, RouteJob};

use crate::manifests::PLUGIN;
use crate::rig::{is_kind, is_write};
use crate::router::Weights;

/// Versions by name of the plugin.
pub(crate) type InUse = BTreeMap<String, BTreeSet<Digest>>;

/// Versions of plugins that are not current.
pub(crate) struct Store {
    pub(crate) versions: BTreeMap<Digest, Arc<Weights>>,
    pub(crate) revoked: BTreeSet<Digest>,
    /// It is slow: nothing has come out of it yet.
    pub(crate) is_loading: bool,
    /// It has been read which plugins are configured.
    pub(crate) is_complete: bool,
}

impl Default for Store {
    fn default() -> Self {
        Self { versions: BTreeMap::new(), revoked: BTreeSet::new(), is_loading: false, is_complete: true }
    }
}

impl Store {
    /// What there is, for somebody who uses these versions.
    pub(crate) fn plugins(&self, current: &BTreeMap<String, PluginState>, in_use: &InUse) -> Plugins {
        let by_name = current.iter().map(|(name, current)| {
            let is_current = |digest: &&Digest| {
                current.version().is_some_and(|version| version.router.digest() == **digest)
            };
            let older = in_use.get(name).into_iter().flatten().filter(|digest| !is_current(digest));
            let older = older.map(|digest| (*digest, self.state(*digest))).collect();
            (name.clone(), Plugin { current: current.clone(), older })
        });
        Plugins { complete: self.is_complete, by_name: by_name.collect() }
    }

    fn state(&self, digest: Digest) -> PluginState {
        match self.versions.get(&digest) {
            _ if self.revoked.contains(&digest) => unavailable("Revoked"),
            _ if self.is_loading => PluginState::Loading,
            Some(version) => PluginState::ready(version.clone()),
            None => unavailable("NotStored"),
        }
    }
}

pub(crate) fn unavailable(reason: &str) -> PluginState {
    PluginState::Unavailable { reason: reason.to_owned(), message: "it cannot be had.".to_owned() }
}

/// What a controller has been told.
#[derive(Default)]
pub(crate) struct Knows {
    pub(crate) plugins: Plugins,
    /// What it says that is in use, and how often it has said that.
    pub(crate) in_use: InUse,
    pub(crate) told: usize,
    /// It asked a plugin before it said what is in use.
    pub(crate) asked_before_told: bool,
    rollouts: BTreeMap<String, Value>,
    reading: BTreeSet<RequestId>,
    /// The version that was asked last about each Rollout.
    asked: BTreeMap<String, Digest>,
}

impl Knows {
    pub(crate) fn hear(&mut self, event: &Event) {
        match event {
            Event::Plugins(plugins) => self.plugins = plugins.clone(),
            Event::Listed { objects, .. } => objects.iter().for_each(|object| self.see(object)),
            Event::Changed { object, .. } => self.see(object),
            Event::Answered { id, result: Ok(object) } if self.reading.remove(id) => self.see(object),
            _ => {}
        }
    }

    pub(crate) fn tell(&mut self, in_use: InUse) {
        self.in_use = in_use;
        self.told += 1;
    }

    /// The version that was asked last about a Rollout.
    pub(crate) fn asked(&self, rollout: &str) -> Digest {
        self.asked[rollout]
    }

    fn see(&mut self, object: &Value) {
        let version = |object: &Value| object::resource_version(object).parse::<u64>().unwrap();
        let name = object::name(object);
        let is_newer = self.rollouts.get(name).is_none_or(|old| version(old) < version(object));
        if object["kind"] == "Rollout" && is_newer {
            self.rollouts.insert(name.to_owned(), object.clone());
        }
    }

    pub(crate) fn ask(&mut self, job: &RouteJob) {
        self.asked_before_told |= self.told == 0;
        self.asked.insert(job.pass.target.name.clone(), job.router.digest());
    }

    /// Weights are only written by a version that the Rollout may use: the recorded one in flight, else the current one. Only
    /// for Rollouts with one router and one route of the same name.
    pub(crate) fn send(&mut self, id: RequestId, request: &Request) {
        if matches!(request.operation, Operation::Get { .. }) {
            self.reading.insert(id);
        }
        if !is_write(request) || !is_kind(request, "HTTPRoute") {
            return;
        }
        let name = request.name().unwrap();
        let (Some(rollout), Some(plugin)) = (self.rollouts.get(name), self.plugins.by_name.get(PLUGIN))
        else {
            return;
        };
        let routers = routers(rollout);
        if !matches!(routers.as_slice(), [router] if router.name == PLUGIN) {
            return;
        }
        let asked = self.asked[name];
        assert!(
            plugin.versions().any(|version| version.router.digest() == asked),
            "{asked} may not be asked"
        );
        let allowed = if is_in_flight(rollout) {
            PluginRecord::read(rollout).and_then(|record| record.versions.get(PLUGIN).copied())
        } else {
            plugin.current.version().map(|version| version.router.digest())
        };
        assert_eq!(Some(asked), allowed, "{name} uses another version");
    }
}
