//! The manager itself: takes events, brings everything in line with what is configured, and answers with effects.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_api::object;
use tidegate_artifact::{LoadError, LoadReason, Stage};
use tidegate_contract::Digest;
use tidegate_shell::{Now, RequestId, Unwatchable, WatchKey};

use crate::argo::ARGO_CONFIG;
use crate::catalogue::{self, Catalogue, origin_of};
use crate::effect::{Effect, LoadJob, Report};
use crate::event::{Event, LoadId, Loaded};
use crate::gate::GateKeeper;
use crate::keeping::Keeping;
use crate::loading::{Failed, Loading, State};
use crate::managed::{Managed, Which};
use crate::offer::Offer;
use crate::resource::router_plugins;
use crate::schedule::Jitter;
use crate::settings::ManagerSettings;
use crate::source::Source;
use crate::wanted::Origin;
use crate::writing::Writing;

/// The manager of plugins.
pub struct Manager {
    pub(crate) settings: ManagerSettings,
    jitter: Jitter,
    pub(crate) leading: bool,
    started: bool,
    pub(crate) resources: BTreeMap<String, Value>,
    pub(crate) config: Option<Value>,
    known: Known,
    /// Places of configuration that may not be read, with what the API server says.
    unreadable: BTreeMap<Origin, String>,
    pub(crate) catalogue: Catalogue,
    pub(crate) plugins: BTreeMap<String, Managed>,
    under_way: BTreeMap<LoadId, Started>,
    in_use: BTreeMap<String, BTreeSet<Digest>>,
    next_load: u64,
    pub(crate) next_request: u64,
    pub(crate) keeping: Keeping,
    pub(crate) writing: Writing,
    gate: GateKeeper,
    offer: Offer,
}

/// Which places of configuration were read.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    resources: bool,
    config: bool,
}

/// A loading that is under way.
struct Started {
    which: Which,
    job: LoadJob,
    at: Duration,
}

impl Manager {
    /// A manager that knows nothing yet and does not lead. The first step starts its watches, whatever the event.
    pub fn new(settings: ManagerSettings) -> Self {
        Self {
            jitter: Jitter::new(settings.seed),
            settings,
            leading: false,
            started: false,
            resources: BTreeMap::new(),
            config: None,
            known: Known::default(),
            unreadable: BTreeMap::new(),
            catalogue: Catalogue::default(),
            plugins: BTreeMap::new(),
            under_way: BTreeMap::new(),
            in_use: BTreeMap::new(),
            next_load: 0,
            next_request: 0,
            keeping: Keeping::default(),
            writing: Writing::default(),
            gate: GateKeeper::default(),
            offer: Offer::default(),
        }
    }

    /// Takes an event; answers with what should be done, in this order.
    pub fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.started {
            self.started = true;
            effects.push(Effect::Watch(Self::resources_key()));
            effects.push(Effect::Watch(self.config_key()));
            effects.push(Effect::ListStored);
            self.configured(now.monotonic, &mut effects);
        }
        self.take_in(now, event, &mut effects);
        self.settle(now, &mut effects);
        effects
    }

    fn resources_key() -> WatchKey {
        let resource = router_plugins();
        WatchKey {
            group: resource.group,
            kind: resource.kind,
            versions: vec![resource.version],
            namespace: None,
            name: None,
        }
    }

    fn config_key(&self) -> WatchKey {
        WatchKey {
            group: "".into(),
            kind: "ConfigMap".into(),
            versions: vec!["v1".into()],
            namespace: Some(self.settings.namespace.as_str().into()),
            name: Some(ARGO_CONFIG.into()),
        }
    }

    fn take_in(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Leading(leading) => self.lead(leading, now.monotonic, effects),
            Event::Listed { watch, objects } => {
                if self.is_config(&watch) {
                    self.config = objects.into_iter().find(|one| object::name(one) == ARGO_CONFIG);
                    self.known.config = true;
                } else {
                    let named = |object: Value| (object::name(&object).to_owned(), object);
                    self.resources = objects.into_iter().map(named).collect();
                    self.known.resources = true;
                }
                self.configured(now.monotonic, effects);
            }
            Event::Changed { watch, object } => {
                if !self.is_config(&watch) {
                    self.resources.insert(object::name(&object).to_owned(), object);
                } else if object::name(&object) == ARGO_CONFIG {
                    self.config = Some(object);
                }
                self.configured(now.monotonic, effects);
            }
            Event::Removed { watch, object } => {
                if !self.is_config(&watch) {
                    self.resources.remove(object::name(&object));
                } else if object::name(&object) == ARGO_CONFIG {
                    self.config = None;
                }
                self.configured(now.monotonic, effects);
            }
            Event::Unwatchable { watch, why } => self.unwatchable(&watch, why, now.monotonic, effects),
            Event::Loaded { id, result } => self.loaded(id, result, now, effects),
            Event::Answered { id, result } => self.written(id, result, now.monotonic),
            Event::Reviewed { plugin, digest, kinds } => {
                if let Some(plugin) = self.plugins.get_mut(&plugin) {
                    plugin.review.answered(digest, kinds);
                }
            }
            Event::Stored { digest, result } => self.stored(digest, result, now),
            Event::StoreListed(Ok(entries)) => {
                self.keeping.listed(entries);
                self.try_copies_again(now.monotonic);
            }
            Event::StoreListed(Err(_)) => {
                let again = now.monotonic.saturating_add(self.settings.timing.store_again);
                self.keeping.list_again = Some(again);
            }
            Event::InUse(in_use) => {
                self.keeping.in_use_known = true;
                self.in_use = in_use;
            }
            Event::Woken => {}
        }
    }

    fn is_config(&self, watch: &WatchKey) -> bool {
        *watch == self.config_key()
    }

    fn lead(&mut self, leading: bool, now: Duration, effects: &mut Vec<Effect>) {
        if leading && !self.leading {
            // Somebody else may have written in between.
            self.writing.start_over();
            self.keeping.lead(now);
            effects.push(Effect::ListStored);
        }
        self.leading = leading;
    }

    /// A place of configuration that cannot be read says nothing; what it said before goes on holding.
    fn unwatchable(&mut self, watch: &WatchKey, why: Unwatchable, now: Duration, effects: &mut Vec<Effect>) {
        let origin = if self.is_config(watch) {
            self.known.config = true;
            Origin::ArgoConfig
        } else {
            self.known.resources = true;
            if why == Unwatchable::NotServed {
                self.resources.clear();
            }
            Origin::Resource("*".to_owned())
        };
        let message = match why {
            Unwatchable::Forbidden { message } => Some(message),
            Unwatchable::NotServed => None,
        };
        let is_new = self.unreadable.get(&origin) != message.as_ref();
        match message.clone() {
            Some(message) => self.unreadable.insert(origin.clone(), message),
            None => self.unreadable.remove(&origin),
        };
        if let Some(message) = message.filter(|_| is_new) {
            effects.push(Effect::Report(Report::BadConfig { origin, message }));
        }
        self.configured(now, effects);
    }

    /// What is configured may be something else now.
    fn configured(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let config = self.config.as_ref();
        let catalogue =
            catalogue::merge(self.resources.values(), config, &self.settings.flags, &self.settings.namespace);
        if catalogue == self.catalogue {
            return;
        }
        self.report_problems(&catalogue, effects);
        self.plugins.retain(|name, _| catalogue.entries.contains_key(name));
        for (name, entry) in &catalogue.entries {
            match self.plugins.get_mut(name) {
                Some(plugin) => plugin.configure(entry.clone(), now),
                None => {
                    self.plugins.insert(name.clone(), Managed::new(entry.clone(), now));
                }
            }
        }
        self.catalogue = catalogue;
    }

    fn loaded(&mut self, id: LoadId, result: Result<Loaded, LoadError>, now: Now, effects: &mut Vec<Effect>) {
        let Some(Started { which, job, at }) = self.under_way.remove(&id) else { return };
        let (name, source) = (job.plugin.clone(), job.source.to_string());
        let Some(plugin) = self.plugins.get_mut(&name) else { return };
        let Some(loading) = plugin.loadings.get_mut(&which).filter(|one| one.state == State::UnderWay(id))
        else {
            // Something else is wanted by now.
            return;
        };
        match result.and_then(|loaded| as_pinned(&job, loaded)) {
            Ok(loaded) => {
                let version = loaded.router.description().version.clone();
                let digest = plugin.loaded(which, loaded, now.monotonic);
                let elapsed = now.monotonic.saturating_sub(at);
                effects.push(Effect::Report(Report::Ready {
                    plugin: name,
                    version,
                    digest,
                    source,
                    elapsed,
                }));
            }
            Err(error) => {
                let retry_in = match loading.failed(
                    error.clone(),
                    now.monotonic,
                    &self.settings.timing,
                    &mut self.jitter,
                ) {
                    Failed::NextSource => return,
                    Failed::Again(wait) => Some(wait),
                    Failed::GaveUp => None,
                };
                let LoadError { reason, message, hint, .. } = error;
                effects.push(Effect::Report(Report::Failed {
                    plugin: name,
                    reason,
                    message,
                    hint,
                    retry_in,
                }));
            }
        }
    }

    /// Brings everything in line with what is known now.
    fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for name in self.plugins.keys().cloned().collect::<Vec<_>>() {
            self.settle_plugin(&name, now, effects);
        }
        self.start_loadings(now.monotonic, effects);
        let complete = self.is_complete();
        if let Some(plugins) = self.offer.changed(&self.plugins, complete) {
            effects.push(Effect::Plugins(plugins));
        }
        let first_tries = self.settings.timing.first_tries;
        if let Some(gate) = self.gate.changed(&self.plugins, complete, now.monotonic, first_tries) {
            effects.push(Effect::Gate(gate));
        }
        if self.keeping.list_again.take_if(|at| *at <= now.monotonic).is_some() {
            effects.push(Effect::ListStored);
        }
        if self.leading {
            self.tell_problems(effects);
            self.review(now.monotonic, effects);
            self.keep(now.monotonic, effects);
            self.write(now, effects);
        }
        self.drop_bytes(now.monotonic);
        effects.extend(self.wake_at(now.monotonic).map(Effect::WakeAt));
    }

    /// Whether every place of configuration was read.
    pub(crate) fn is_complete(&self) -> bool {
        self.known.resources && self.known.config
    }

    fn settle_plugin(&mut self, name: &str, now: Now, effects: &mut Vec<Effect>) {
        let before = self.served_before(name);
        let built_in = self.catalogue.built_in.get(name);
        let Some(plugin) = self.plugins.get_mut(name) else { return };
        plugin.in_use = self.in_use.get(name).cloned().unwrap_or_default();
        let from = plugin.current;
        if plugin.settle(before, built_in, &self.catalogue.revoked, now.monotonic) {
            let to = plugin.current;
            effects.push(Effect::Report(Report::Switched { plugin: name.to_owned(), from, to }));
        }
        if self.leading {
            self.tell_of(name, effects);
        }
    }

    /// What had no copy may have one now.
    fn try_copies_again(&mut self, now: Duration) {
        for loading in self.plugins.values_mut().flat_map(|plugin| plugin.loadings.values_mut()) {
            if let Source::Stored(digest) = loading.wish.source
                && loading.state == State::GaveUp
                && self.keeping.has(digest) == Some(true)
            {
                *loading = Loading::if_there(loading.wish.clone(), now);
            }
        }
    }

    /// What served before this process started, as far as anything says so.
    fn served_before(&self, name: &str) -> Option<Digest> {
        match origin_of(self.catalogue.entries.get(name)?) {
            Origin::Resource(resource) => {
                let status = self.resources.get(resource)?.pointer("/status/digest")?;
                status.as_str()?.parse().ok()
            }
            Origin::ArgoConfig => {
                let pinned = self.catalogue.entries.get(name)?.as_ref().ok().and_then(|wanted| wanted.sha256);
                let may_serve = |digest| Some(digest) != pinned && !self.catalogue.revoked.contains(&digest);
                self.keeping.newest(name, may_serve)
            }
            Origin::Flag => None,
        }
    }

    /// Starts what is due, the longest due first. What is under way already, for something that was wanted before, is waited for
    /// instead of being started once more.
    fn start_loadings(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let loadings = self.plugins.iter().flat_map(|(name, plugin)| {
            plugin.loadings.iter().map(move |(which, loading)| (loading.due(), name, *which))
        });
        let mut due: Vec<(Duration, String, Which)> = loadings
            .filter_map(|(due, name, which)| Some((due.filter(|due| *due <= now)?, name.clone(), which)))
            .collect();
        due.sort();
        for (_, name, which) in due {
            if self.under_way.len() >= self.settings.timing.parallel.max(1) {
                return;
            }
            let loading = self.plugins.get_mut(&name).and_then(|plugin| plugin.loadings.get_mut(&which));
            let Some(loading) = loading else { continue };
            let id = LoadId(self.next_load);
            let job = loading.start(&name, id);
            if let Some((same, started)) = self.under_way.iter_mut().find(|(_, started)| started.job == job) {
                loading.state = State::UnderWay(*same);
                started.which = which;
                continue;
            }
            self.next_load = self.next_load.wrapping_add(1);
            self.under_way.insert(id, Started { which, job: job.clone(), at: now });
            effects.push(Effect::Load { id, job });
        }
    }

    fn review(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        for (name, plugin) in &mut self.plugins {
            let offered = plugin.offer();
            let Some(version) = offered.current.version() else { continue };
            let question = plugin.review.question(name, version, now, self.settings.timing.review);
            effects.extend(question.map(Effect::Review));
        }
    }

    /// When something is to be done although nothing happens.
    fn wake_at(&self, now: Duration) -> Option<Duration> {
        let has_room = self.under_way.len() < self.settings.timing.parallel.max(1);
        let loadings = self.plugins.values().flat_map(|plugin| plugin.loadings.values());
        let due = loadings.filter_map(|one| one.due().filter(|_| has_room));
        let reviews = self.plugins.values().filter_map(|one| one.review.due().filter(|_| self.leading));
        let others = [
            self.gate.wake(self.settings.timing.first_tries),
            self.wake_for_bytes(),
            self.wake_for_leader(now),
        ];
        // What was due by now was done, or waits for something that will be an event.
        due.chain(reviews).chain(others.into_iter().flatten()).filter(|at| *at > now).min()
    }

    pub(crate) fn request_id(&mut self) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request = self.next_request.wrapping_add(1);
        id
    }

    /// The time now as statuses say it.
    pub(crate) fn whole(now: Timestamp) -> Timestamp {
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }
}

/// What was loaded, if it is what is pinned. The driver has compared it; what serves must not depend on that alone.
fn as_pinned(job: &LoadJob, loaded: Loaded) -> Result<Loaded, LoadError> {
    let digest = loaded.router.digest();
    match job.sha256 {
        Some(pinned) if pinned != digest => Err(LoadError::new(
            Stage::Digest,
            LoadReason::DigestMismatch,
            format!("{} hashes to sha256:{digest}, but sha256:{pinned} is pinned", job.source),
            "if somebody meant to change the plugin, pin the new digest",
        )),
        None if !matches!(job.source, Source::Builtin(_)) => Err(LoadError::new(
            Stage::Digest,
            LoadReason::DigestMissing,
            format!("{} is not pinned, so it does not run", job.source),
            format!("if it is the one that you mean, pin sha256: {digest}"),
        )),
        _ => Ok(loaded),
    }
}
