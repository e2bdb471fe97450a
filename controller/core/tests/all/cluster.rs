//! A world that decisions are carried out in: objects, pods that follow their ReplicaSets, routers that answer as
//! they are told to, and a clock that only moves when asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Request, object};
use tidegate_contract::{Kind, ObjectRef, Share, Traffic};
use tidegate_core::{
    Decision, Evidence, Note, Pods, RouterReport, RouterState, Routing, UNVERIFIED, Workload, World, decide,
};

use crate::checks::check_shares;
use crate::manifests::HASH;

/// How the routers answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Written and in force at once.
    Verified,
    /// Written; nothing says whether it is in force.
    NotApplicable,
    /// Written, not in force.
    Unverified,
    /// Not written.
    Pending,
    /// Not written, and it needs help.
    Failed,
    /// There is no plugin that could be asked, for now.
    Loading,
    /// There is no plugin that could be asked, until somebody helps.
    Unavailable,
}

impl Gate {
    /// Whether what is desired is not written.
    const fn is_closed(self) -> bool {
        matches!(self, Self::Pending | Self::Failed | Self::Loading | Self::Unavailable)
    }
}

/// What a router that can do everything says.
pub(crate) const ALL_FEATURES: [&str; 6] =
    ["weights", "max-weight", "header-routes", "mirror-routes", "additional-destinations", "verify"];

/// A small cluster with one Rollout.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) now: Timestamp,
    pub(crate) rollout: Value,
    pub(crate) sets: BTreeMap<String, Value>,
    pub(crate) services: BTreeMap<String, Value>,
    pub(crate) evidence: Evidence,
    pub(crate) workload: Workload,
    pub(crate) pods: Pods,
    /// Whether there were no replicas at some time.
    pub(crate) was_empty: bool,
    /// Whether somebody asked for a full promotion at some time.
    pub(crate) was_forced: bool,
    pub(crate) gate: Gate,
    /// What the router can do.
    pub(crate) features: Option<Vec<String>>,
    /// What the routes say, and what of that was verified last.
    pub(crate) written: Option<Traffic>,
    pub(crate) in_force: Option<Traffic>,
    /// How many pods of a ReplicaSet become available, by image; all of them when absent.
    pub(crate) ready: BTreeMap<String, i64>,
    pub(crate) notes: Vec<Note>,
    /// Of the last pass.
    pub(crate) wake_at: Option<Timestamp>,
    /// The fewest pods that each ReplicaSet was told to have since its pods last followed.
    pub(crate) least: BTreeMap<String, i64>,
    asked: Option<Traffic>,
    versions: u64,
}

impl Cluster {
    /// A cluster in which nothing has happened.
    pub(crate) fn new(rollout: Value, services: impl IntoIterator<Item = Value>) -> Self {
        let mut cluster = Self {
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            rollout,
            sets: BTreeMap::new(),
            services: BTreeMap::new(),
            evidence: Evidence::none(),
            workload: Workload::None,
            pods: Pods::Unknown,
            was_empty: false,
            was_forced: false,
            gate: Gate::Verified,
            features: Some(ALL_FEATURES.map(str::to_owned).into()),
            written: None,
            in_force: None,
            ready: BTreeMap::new(),
            notes: Vec::new(),
            wake_at: None,
            least: BTreeMap::new(),
            asked: None,
            versions: 0,
        };
        let version = cluster.next_version();
        cluster.rollout["metadata"]["resourceVersion"] = version;
        for mut service in services {
            service["metadata"]["resourceVersion"] = cluster.next_version();
            cluster.services.insert(object::name(&service).to_owned(), service);
        }
        cluster
    }

    fn next_version(&mut self) -> Value {
        self.versions += 1;
        json!(self.versions.to_string())
    }

    /// Changes the Rollout as a user does.
    pub(crate) fn edit(&mut self, patch: Value) {
        let spec = self.rollout["spec"].clone();
        json_patch::merge(&mut self.rollout, &patch);
        self.touch(&spec);
    }

    fn touch(&mut self, spec: &Value) {
        if self.rollout["spec"] != *spec {
            let generation = object::generation(&self.rollout).unwrap_or_default();
            self.rollout["metadata"]["generation"] = json!(generation + 1);
        }
        self.rollout["metadata"]["resourceVersion"] = self.next_version();
    }

    /// Changes a ReplicaSet.
    pub(crate) fn edit_set(&mut self, image: &str, patch: &Value) {
        let version = self.next_version();
        let set = self.sets.values_mut().find(|set| image_of(set) == image).unwrap();
        json_patch::merge(set, patch);
        set["metadata"]["resourceVersion"] = version;
    }

    /// The world as `decide` gets to see it.
    pub(crate) fn world(&self) -> World {
        World {
            leaving: Vec::new(),
            rollout: Arc::new(self.rollout.clone()),
            template_hash: None,
            replica_sets: self.sets.values().cloned().map(Arc::new).collect(),
            services: self.services.iter().map(|(name, one)| (name.clone(), Arc::new(one.clone()))).collect(),
            evidence: self.evidence.clone(),
            workload: self.workload.clone(),
            pods: self.pods.clone(),
            routing: self.asked.as_ref().map(|traffic| self.answer(traffic)),
        }
    }

    fn answer(&self, traffic: &Traffic) -> Routing {
        let is_written = self.written.as_ref() == Some(traffic);
        let waiting = |reason: &str| RouterState::Waiting { reason: reason.into(), message: "…".into() };
        let state = match self.gate {
            Gate::Verified | Gate::NotApplicable | Gate::Unverified if !is_written => waiting("WritePending"),
            Gate::Verified => RouterState::Verified,
            Gate::NotApplicable => RouterState::NotApplicable { warning: None },
            Gate::Unverified => waiting(UNVERIFIED),
            // Nothing is to be written, so nothing keeps it from being in force.
            Gate::Pending | Gate::Failed if is_written && self.in_force == self.written => {
                RouterState::Verified
            }
            Gate::Pending => waiting("WritePending"),
            Gate::Failed => {
                RouterState::Failed { reason: "WriteRejected".into(), message: "not allowed".into() }
            }
            Gate::Loading => RouterState::Loading { message: "a moment".into() },
            Gate::Unavailable => {
                RouterState::Unavailable { reason: "DigestMismatch".into(), message: "other bytes".into() }
            }
        };
        let report = RouterReport {
            router: "r".into(),
            features: self.features.clone().filter(|_| state.without_plugin().is_none()),
            shares: if state.without_plugin().is_none() { self.shares() } else { Vec::new() },
            state,
            notes: Vec::new(),
        };
        Routing { traffic: traffic.clone(), routers: vec![report] }
    }

    /// What the routes say, as a router tells it.
    fn shares(&self) -> Vec<Share> {
        let about = ObjectRef {
            kind: Kind { group: "gateway.networking.k8s.io".into(), kind: "HTTPRoute".into() },
            namespace: Some("shop".into()),
            name: "web".into(),
        };
        let share = |destination: &str, weight, total| Share {
            about: about.clone(),
            at: "/spec/rules/0".into(),
            destination: destination.into(),
            weight,
            total,
        };
        let written = self.written.iter();
        let shares = written.flat_map(|one| {
            [("stable", one.stable.weight), ("canary", one.canary.weight)]
                .map(|(name, weight)| share(name, weight, one.max_weight))
        });
        shares.collect()
    }

    /// Decides, asking the routers about what is desired, as often as that changes.
    pub(crate) fn decide(&mut self) -> Decision {
        for _ in 0..16 {
            let is_open = matches!(self.gate, Gate::Verified | Gate::NotApplicable);
            if is_open {
                self.in_force.clone_from(&self.written);
            }
            let world = self.world();
            let decision = decide(&world, self.now);
            assert_eq!(decision, decide(&world, self.now), "the same world, the same decision");
            check_shares(&decision);
            let forgetful = decide(&World { routing: None, ..world.clone() }, self.now);
            if let (Some(one), Some(other)) = (&decision.traffic, &forgetful.traffic) {
                let existing = |traffic: &Traffic| -> Vec<_> {
                    traffic.managed_routes.iter().filter(|route| route.rule.is_some()).cloned().collect()
                };
                assert_eq!(existing(one), existing(other), "whatever was asked before");
            }
            let Some(traffic) = decision.traffic.clone() else { return decision };
            if self.asked.as_ref() != Some(&traffic) {
                // Asked before anything is written.
                self.asked = Some(traffic);
                continue;
            }
            if self.gate.is_closed() || self.written.as_ref() == Some(&traffic) {
                return decision;
            }
            self.check_route(&traffic);
            self.check_role(&traffic);
            self.check_stable(&traffic);
            self.check_way_back(&traffic);
            self.written = Some(traffic);
        }
        panic!("the desired traffic depends on what the routers answer to it");
    }

    /// The routers answer differently from now on, also to what was asked before.
    pub(crate) fn set_gate(&mut self, gate: Gate) {
        self.gate = gate;
        self.asked = None;
    }

    /// The routers are known to have been asked for what they have.
    pub(crate) fn written_is_known(&mut self) {
        self.asked = self.written.clone();
    }

    /// One pass: decides, carries it out, and lets the pods follow. Whether anything changed.
    pub(crate) fn pass(&mut self) -> bool {
        let changed = self.pass_in_part(usize::MAX);
        let pods = self.sets.clone();
        self.follow_all();
        changed || pods != self.sets
    }

    /// A pass of which only so many writes succeed; the status is written after all of them, unless a number is given.
    pub(crate) fn pass_in_part(&mut self, count: usize) -> bool {
        let before = self.written.clone();
        let decision = self.decide();
        self.wake_at = decision.wake_at;
        for request in decision.writes.iter().take(count) {
            self.write(request);
        }
        if count < usize::MAX {
            return true;
        }
        self.check_step(&decision);
        let is_new = decision.status != *self.rollout.get("status").unwrap_or(&Value::Null);
        if is_new {
            self.rollout["status"] = decision.status;
            self.rollout["metadata"]["resourceVersion"] = self.next_version();
        }
        self.notes.extend(decision.notes);
        is_new || !decision.writes.is_empty() || before != self.written
    }

    fn write(&mut self, request: &Request) {
        let kind = request.resource.kind.as_ref();
        match &request.operation {
            Operation::Create { object } => {
                let mut object = object.clone();
                let name = object::name(&object).to_owned();
                assert!(!self.sets.contains_key(&name), "{name} exists");
                let version = self.next_version();
                object["metadata"]["resourceVersion"] = version.clone();
                object["metadata"]["uid"] = json!(format!("uid-{version}"));
                object["metadata"]["creationTimestamp"] = json!(self.now.to_string());
                object["metadata"]["generation"] = json!(1);
                let before = match kind {
                    "AnalysisRun" => self.evidence.runs.insert(name, object.into()),
                    "Experiment" => self.evidence.experiments.insert(name, object.into()),
                    _ => {
                        self.sets.insert(name, object);
                        None
                    }
                };
                assert_eq!(before, None, "it exists");
            }
            Operation::Patch { name, subresource: None, body: Body::Merge(patch) } => {
                if kind == "ReplicaSet" {
                    self.check_scaling(name, patch);
                    if let Some(replicas) = patch.pointer("/spec/replicas").and_then(Value::as_i64) {
                        let least = self.least.entry(name.clone()).or_insert(replicas);
                        *least = replicas.min(*least);
                    }
                } else if kind == "Service" {
                    self.check_switch(name, patch);
                }
                let next = self.next_version();
                let spec = self.rollout["spec"].clone();
                let object = match kind {
                    "Rollout" => &mut self.rollout,
                    "ReplicaSet" => self.sets.get_mut(name).unwrap(),
                    "AnalysisRun" => Arc::make_mut(self.evidence.runs.get_mut(name).unwrap()),
                    "Experiment" => Arc::make_mut(self.evidence.experiments.get_mut(name).unwrap()),
                    _ => self.services.get_mut(name).unwrap(),
                };
                let seen = patch.pointer("/metadata/resourceVersion").and_then(Value::as_str);
                assert_eq!(seen, Some(object::resource_version(object)), "written as it was seen");
                let old = object.clone();
                json_patch::merge(object, patch);
                assert_ne!(old, *object, "a write changes something: {patch}");
                object["metadata"]["resourceVersion"] = next;
                if kind == "Rollout" {
                    self.touch(&spec);
                } else if kind == "ReplicaSet" {
                    let generation = object::generation(object).unwrap_or_default();
                    object["metadata"]["generation"] = json!(generation + 1);
                }
            }
            Operation::Patch { subresource: Some(part), body: Body::Merge(patch), .. } if part == "scale" => {
                self.scale_workload(patch);
            }
            Operation::Delete { name, .. } if matches!(kind, "AnalysisRun" | "Experiment") => {
                let all = &mut self.evidence;
                let all = if kind == "AnalysisRun" { &mut all.runs } else { &mut all.experiments };
                let gone = all.remove(name).unwrap();
                self.check_experiment_goes(&gone);
            }
            Operation::Delete { name, preconditions } => {
                // One that has got pods since it was seen must not go: another controller may know more.
                assert_eq!(
                    preconditions.resource_version.as_deref().unwrap_or_default(),
                    object::resource_version(&self.sets[name])
                );
                let set = self.sets.remove(name).unwrap();
                assert_eq!(preconditions.uid.as_deref(), Some(object::uid(&set)));
                assert_eq!(set.pointer("/spec/replicas"), Some(&json!(0)));
            }
            other => panic!("unexpected write: {other:?}"),
        }
    }

    /// Pods follow their ReplicaSets, as far as they become ready.
    pub(crate) fn follow_all(&mut self) {
        for name in self.sets.keys().cloned().collect::<Vec<_>>() {
            let ready = self.ready.get(&image_of(&self.sets[&name])).copied().unwrap_or(i64::MAX);
            self.follow(&name, ready);
        }
    }

    /// The pods of one ReplicaSet follow, and so many of them are ready.
    pub(crate) fn follow(&mut self, name: &str, ready: i64) {
        self.least.remove(name);
        let set = self.sets.get_mut(name).unwrap();
        let desired = set.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
        let ready = desired.min(ready);
        set["status"] = json!({
            "replicas": desired, "readyReplicas": ready, "availableReplicas": ready,
            "observedGeneration": object::generation(set),
        });
    }

    /// Passes until nothing changes any more.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200 {
            if !self.pass() {
                self.check_steady();
                return;
            }
        }
        panic!("it never comes to rest: {:#}", self.rollout["status"]);
    }

    /// Lets time pass, with a pass whenever one is due.
    pub(crate) fn run(&mut self, seconds: i64) {
        let end = self.now + SignedDuration::from_secs(seconds);
        loop {
            self.settle();
            match self.wake_at {
                Some(at) if at <= end => self.now = at.max(self.now + SignedDuration::from_millis(1)),
                _ => break,
            }
        }
        self.now = end;
        self.settle();
    }

    /// Where nothing changes, nothing is told and nothing asks to be looked at at once.
    fn check_steady(&mut self) {
        let decision = self.decide();
        assert_eq!(decision.writes, []);
        assert_eq!(decision.notes, []);
        assert_eq!(decision.status, self.rollout["status"]);
        assert!(decision.wake_at.is_none_or(|at| at > self.now), "{:?} at {}", decision.wake_at, self.now);
    }
}

/// What is said about a Rollout, and what there is.
impl Cluster {
    pub(crate) fn status(&self, pointer: &str) -> &Value {
        self.rollout["status"].pointer(pointer).unwrap_or(&Value::Null)
    }

    pub(crate) fn phase(&self) -> &str {
        self.status("/phase").as_str().unwrap_or_default()
    }

    pub(crate) fn index(&self) -> Option<u64> {
        self.status("/currentStepIndex").as_u64()
    }

    /// `status=reason` of a condition.
    pub(crate) fn condition(&self, kind: &str) -> Option<String> {
        let conditions = self.status("/conditions").as_array()?;
        let one = conditions.iter().find(|one| one["type"] == kind)?;
        Some(format!("{}={}", one["status"].as_str()?, one["reason"].as_str()?))
    }

    /// The canary's weight in the routes.
    pub(crate) fn weight(&self) -> Option<u32> {
        self.written.as_ref().map(|traffic| traffic.canary.weight)
    }

    pub(crate) fn set(&self, image: &str) -> Option<&Value> {
        self.sets.values().find(|set| image_of(set) == image)
    }

    pub(crate) fn hash(&self, image: &str) -> &str {
        object::label(self.set(image).unwrap(), HASH).unwrap()
    }

    /// `spec.replicas` of the ReplicaSet of an image.
    pub(crate) fn replicas(&self, image: &str) -> Option<i64> {
        self.set(image)?.pointer("/spec/replicas")?.as_i64()
    }

    pub(crate) fn deadline(&self, image: &str) -> Option<&str> {
        object::annotation(self.set(image)?, "scale-down-deadline")
    }

    /// The image that a Service selects.
    pub(crate) fn selected(&self, service: &str) -> Option<String> {
        let hash = selected(&self.services[service])?;
        self.sets.values().find(|set| object::label(set, HASH) == Some(hash)).map(image_of)
    }

    pub(crate) fn count_told(&self, reason: &str) -> usize {
        self.notes.iter().filter(|note| note.reason == reason).count()
    }
}

pub(crate) fn selected(service: &Value) -> Option<&str> {
    service.pointer("/spec/selector")?.get(HASH)?.as_str()
}

pub(crate) fn image_of(set: &Value) -> String {
    let image = set.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
    image.unwrap_or_default().trim_start_matches("web:").to_owned()
}
