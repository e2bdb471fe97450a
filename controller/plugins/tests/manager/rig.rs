//! A driver that only pretends: loads are answered from a table, requests are carried out on objects in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, Operation, Request, object};
use tidegate_artifact::{Artifact, LoadError, LoadReason, Stage};
use tidegate_contract::{Description, Digest, Fault, FaultReason, Router, Session};
use tidegate_plugins::{
    ARGO_CONFIG, Access, Effect, Event, Gate, KindAccess, LoadId, LoadJob, Loaded, Manager, ManagerSettings,
    Report, Source, StoredEntry, StoredSize, Wanted, store,
};
use tidegate_shell::{KubernetesEvent, Now, PluginState, Plugins, WatchKey};

/// What is at a source.
#[derive(Clone, Debug)]
pub(crate) enum At {
    /// A plugin with these bytes.
    Plugin(&'static str),
    /// Something that fails so.
    Fails(Stage, LoadReason),
    /// Something that does not answer before it is told to.
    Hangs,
}

struct Fake {
    digest: Digest,
    description: Description,
}

impl Router for Fake {
    fn description(&self) -> &Description {
        &self.description
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        let message = "it only pretends".to_owned();
        Err(Fault { reason: FaultReason::HostFault, message, last_words: String::new() })
    }
}

pub(crate) fn artifact(bytes: &str) -> Artifact {
    Artifact::from_bytes(bytes.as_bytes().to_vec(), "test", None, u64::MAX).unwrap()
}

pub(crate) fn digest(bytes: &str) -> Digest {
    artifact(bytes).digest()
}

/// A cluster and what a manager does to it.
pub(crate) struct Rig {
    pub(crate) manager: Manager,
    pub(crate) now: Duration,
    wake: Option<Duration>,
    inbox: VecDeque<Event>,
    pub(crate) leading: bool,
    /// By the text of the source.
    pub(crate) sources: BTreeMap<String, At>,
    pub(crate) copies: BTreeMap<Digest, (String, Vec<u8>)>,
    pub(crate) store_fails: Option<ApiError>,
    pub(crate) resources: BTreeMap<String, Value>,
    pub(crate) config: Option<Value>,
    /// The spec in answers to writes, where it is not the one of now.
    pub(crate) old_spec: Option<Value>,
    pub(crate) access: Access,
    pub(crate) held: Vec<(LoadId, LoadJob)>,
    pub(crate) told: Plugins,
    pub(crate) tellings: usize,
    pub(crate) gate: Option<Gate>,
    pub(crate) loads: Vec<LoadJob>,
    pub(crate) writes: usize,
    pub(crate) stores: usize,
    pub(crate) discards: BTreeSet<Digest>,
    pub(crate) reviews: usize,
    pub(crate) reports: Vec<Report>,
    pub(crate) events: Vec<KubernetesEvent>,
    pub(crate) steps: usize,
}

impl Rig {
    /// A process that starts with these flags on an empty cluster. Nothing is known yet.
    pub(crate) fn new(flags: Vec<Wanted>) -> Self {
        Self {
            manager: Manager::new(ManagerSettings::new("tidegate", flags, 1)),
            now: Duration::ZERO,
            wake: None,
            inbox: VecDeque::new(),
            leading: false,
            sources: BTreeMap::new(),
            copies: BTreeMap::new(),
            store_fails: None,
            resources: BTreeMap::new(),
            config: None,
            old_spec: None,
            access: Access::Allowed,
            held: Vec::new(),
            told: Plugins::default(),
            tellings: 0,
            gate: None,
            loads: Vec::new(),
            writes: 0,
            stores: 0,
            discards: BTreeSet::new(),
            reviews: 0,
            reports: Vec::new(),
            events: Vec::new(),
            steps: 0,
        }
    }

    /// Another process on what this one has left behind.
    pub(crate) fn restarted(&self, flags: Vec<Wanted>) -> Self {
        let mut next = Self::new(flags);
        next.now = self.now;
        next.sources.clone_from(&self.sources);
        next.copies.clone_from(&self.copies);
        next.resources.clone_from(&self.resources);
        next.config.clone_from(&self.config);
        next
    }

    /// All is read, and this process leads.
    pub(crate) fn start(&mut self) {
        self.read();
        self.lead(true);
    }

    /// The places of configuration are read.
    pub(crate) fn read(&mut self) {
        let objects = self.resources.values().cloned().collect();
        self.tell(Event::Listed { watch: resources_key(), objects });
        let objects = self.config.iter().cloned().collect();
        self.tell(Event::Listed { watch: config_key(), objects });
    }

    pub(crate) fn lead(&mut self, leading: bool) {
        self.leading = leading;
        self.tell(Event::Leading(leading));
    }

    /// Somebody makes or changes a resource.
    pub(crate) fn apply(&mut self, name: &str, spec: &Value) {
        let status = self.resources.get(name).and_then(|one| one.get("status")).cloned();
        let generation = self.resources.get(name).and_then(object::generation).unwrap_or(0) + 1;
        let created = Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.now).unwrap();
        let mut resource = json!({
            "apiVersion": "tidegate.dev/v1alpha1", "kind": "RouterPlugin",
            "metadata": {
                "name": name, "uid": name, "generation": generation,
                "creationTimestamp": created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            },
            "spec": spec,
        });
        if let Some(status) = status {
            resource["status"] = status;
        }
        self.resources.insert(name.to_owned(), resource.clone());
        self.tell(Event::Changed { watch: resources_key(), object: resource });
    }

    /// Somebody removes a resource.
    pub(crate) fn remove(&mut self, name: &str) {
        let object = self.resources.remove(name).unwrap();
        self.tell(Event::Removed { watch: resources_key(), object });
    }

    /// Somebody writes Argo's ConfigMap.
    pub(crate) fn configure(&mut self, routers: &str) {
        let object = json!({
            "metadata": {"name": ARGO_CONFIG, "namespace": "tidegate", "uid": "config"},
            "data": {"trafficRouterPlugins": routers},
        });
        self.config = Some(object.clone());
        self.tell(Event::Changed { watch: config_key(), object });
    }

    /// Something happens, and all that follows from it at once.
    pub(crate) fn tell(&mut self, event: Event) {
        self.inbox.push_back(event);
        while let Some(event) = self.inbox.pop_front() {
            self.steps += 1;
            let wall = Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.now).unwrap();
            let effects = self.manager.step(Now { wall, monotonic: self.now }, event);
            // The newest word counts; earlier ones are only too early.
            self.wake = None;
            for effect in effects {
                self.carry_out(effect);
            }
        }
    }

    /// Time passes.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.wake.filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tell(Event::Woken);
        }
        self.now = end;
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Watch(_) | Effect::Unwatch(_) => {}
            Effect::Load { id, job } => {
                let same = |(_, other): &(LoadId, LoadJob)| *other == job;
                assert!(!self.held.iter().any(same), "the same is loaded twice at once: {job:?}");
                self.loads.push(job.clone());
                self.held.push((id, job));
                self.answer();
            }
            Effect::Review(question) => {
                assert!(self.leading);
                self.reviews += 1;
                let kinds = question.kinds.into_iter();
                let kinds = kinds.map(|(kind, _)| KindAccess { kind, access: self.access.clone() }).collect();
                let (plugin, digest) = (question.plugin, question.digest);
                self.inbox.push_back(Event::Reviewed { plugin, digest, kinds: Some(kinds) });
            }
            Effect::Send { id, request } => {
                assert!(self.leading, "written without leading");
                self.writes += 1;
                let result = self.patch(&request);
                self.inbox.push_back(Event::Answered { id, result });
            }
            Effect::Store(job) => {
                assert!(self.leading, "stored without leading");
                self.stores += 1;
                let digest = job.artifact.digest();
                let result = if let Some(error) = &self.store_fails {
                    Err(error.clone())
                } else {
                    self.copies.insert(digest, (job.plugin, job.artifact.bytes().to_vec()));
                    Ok(StoredSize { compressed: 1 })
                };
                self.inbox.push_back(Event::Stored { digest, result });
            }
            Effect::ListStored => {
                let entry = |(digest, (plugin, _)): (&Digest, &(String, Vec<u8>))| StoredEntry {
                    digest: *digest,
                    plugin: plugin.clone(),
                    compressed: 1,
                    since: Timestamp::UNIX_EPOCH,
                    is_complete: true,
                };
                self.inbox.push_back(Event::StoreListed(Ok(self.copies.iter().map(entry).collect())));
            }
            Effect::Discard(digest) => {
                assert!(self.leading, "discarded without leading");
                self.copies.remove(&digest);
                self.discards.insert(digest);
            }
            Effect::Plugins(plugins) => {
                self.tellings += 1;
                self.told = plugins;
            }
            Effect::Gate(gate) => {
                assert!(!self.is_open(), "the gate was open already");
                self.gate = Some(gate);
            }
            Effect::WakeAt(at) => {
                assert!(at > self.now, "to be woken at once is to be busy for ever");
                self.wake = Some(self.wake.map_or(at, |earlier| earlier.min(at)));
            }
            // As the driver does: others say it.
            Effect::Publish(event) => self.events.extend(Some(event).filter(|_| self.leading)),
            Effect::Report(report) => self.reports.push(report),
        }
    }

    /// Answers all loads that do not hang.
    pub(crate) fn answer(&mut self) {
        let held = std::mem::take(&mut self.held);
        for (id, job) in held {
            match self.load(&job) {
                Some(result) => self.inbox.push_back(Event::Loaded { id, result }),
                None => self.held.push((id, job)),
            }
        }
    }

    fn load(&self, job: &LoadJob) -> Option<Result<Loaded, LoadError>> {
        let bytes = match &job.source {
            Source::Stored(digest) => match self.copies.get(digest) {
                Some((_, bytes)) => String::from_utf8(bytes.clone()).unwrap(),
                None => return Some(Err(store::missing(*digest))),
            },
            source => match self.sources.get(&source.to_string()) {
                Some(At::Plugin(bytes)) => (*bytes).to_owned(),
                Some(At::Fails(stage, reason)) => {
                    return Some(Err(LoadError::new(*stage, *reason, "what", "what to do")));
                }
                Some(At::Hangs) => return None,
                None => {
                    return Some(Err(LoadError::new(
                        Stage::Read,
                        LoadReason::Unreachable,
                        "nothing",
                        "look",
                    )));
                }
            },
        };
        let artifact = artifact(&bytes);
        let found = artifact.digest();
        if job.sha256.is_some_and(|pinned| pinned != found) {
            return Some(Err(LoadError::new(Stage::Digest, LoadReason::DigestMismatch, "other", "pin")));
        }
        let description = Description {
            name: "fake".to_owned(),
            version: bytes,
            features: Vec::new(),
            kinds: Vec::new(),
            config_schema: String::new(),
            settings_schema: String::new(),
            annotations: Vec::new(),
        };
        Some(Ok(Loaded {
            router: Arc::new(Fake { digest: found, description }),
            size: 1,
            stages: Vec::new(),
            artifact: job.keep_bytes.then_some(artifact),
        }))
    }

    fn patch(&mut self, request: &Request) -> Result<Value, ApiError> {
        let Operation::Patch { name, subresource: Some(part), body: Body::Merge(patch) } = &request.operation
        else {
            panic!("{request:?}");
        };
        assert_eq!(part, "status");
        let resource =
            self.resources.get_mut(name).ok_or_else(|| ApiError::new(404, "NotFound", "it is gone"))?;
        resource["status"] = patch["status"].clone();
        let mut answer = resource.clone();
        if let Some(spec) = &self.old_spec {
            answer["spec"] = spec.clone();
        }
        Ok(answer)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.waits_for.is_empty())
    }

    /// What serves under a name: the version, or the reason why none does.
    pub(crate) fn serves(&self, name: &str) -> &str {
        self.told.by_name.get(name).map_or("unknown", |plugin| state(&plugin.current))
    }

    /// An older version as the shell is told of it.
    pub(crate) fn older(&self, name: &str, bytes: &str) -> &str {
        self.told.by_name[name].older.get(&digest(bytes)).map_or("unknown", state)
    }

    /// Status and reason of a resource's condition.
    pub(crate) fn condition(&self, resource: &str, kind: &str) -> (&str, &str) {
        let conditions = self.resources[resource]["status"]["conditions"].as_array().unwrap();
        let one = conditions.iter().find(|one| one["type"] == kind).unwrap();
        (one["status"].as_str().unwrap(), one["reason"].as_str().unwrap())
    }

    /// The reasons of the events so far, sorted.
    pub(crate) fn event_reasons(&self) -> Vec<&str> {
        let mut reasons: Vec<&str> = self.events.iter().map(|event| event.reason.as_str()).collect();
        reasons.sort_unstable();
        reasons
    }

    /// Loads from the source itself so far.
    pub(crate) fn fetched(&self) -> usize {
        self.loads.iter().filter(|job| !matches!(job.source, Source::Stored(_))).count()
    }
}

fn state(state: &PluginState) -> &str {
    match state {
        PluginState::Ready(version) => &version.router.description().version,
        PluginState::Loading => "loading",
        PluginState::Unavailable { reason, .. } => reason,
    }
}

/// The spec of a plugin from a web server.
pub(crate) fn web(name: &str, url: &str, bytes: &str) -> Value {
    json!({"name": name, "source": {"https": {"url": url}}, "sha256": digest(bytes).to_string()})
}

fn resources_key() -> WatchKey {
    let resource = tidegate_plugins::router_plugins();
    let versions = vec![resource.version];
    WatchKey { group: resource.group, kind: resource.kind, versions, namespace: None, name: None }
}

fn config_key() -> WatchKey {
    WatchKey {
        group: "".into(),
        kind: "ConfigMap".into(),
        versions: vec!["v1".into()],
        namespace: Some("tidegate".into()),
        name: Some(ARGO_CONFIG.into()),
    }
}

/// A plugin that is built in, as a flag has it.
pub(crate) fn built_in(name: &str) -> Wanted {
    Wanted {
        name: name.to_owned(),
        origin: tidegate_plugins::Origin::Flag,
        source: Source::Builtin("x".to_owned()),
        sha256: None,
        limits: tidegate_artifact::Limits::default(),
        settings: "{}".into(),
        grant: None,
        failure_policy: tidegate_plugins::FailurePolicy::Lenient,
        revoked: BTreeSet::new(),
    }
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}
