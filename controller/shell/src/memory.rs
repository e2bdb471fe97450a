//! What is remembered of a Rollout between its passes. All of it can be lost: it saves work, keeps us from
//! doing the same thing twice in a row, and holds deadlines that begin anew after a restart.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ApiError, ObjectKey, Request, object};
use tidegate_contract::{Digest, ObjectRef, Query, Traffic};
use tidegate_core::{Decision, Routing};
use tidegate_model::{hash, workload};
use tidegate_route::{Answer, Routed};

use crate::cache::Edition;
use crate::caches::WatchId;
use crate::choice::Faults;
use crate::event::RequestId;
use crate::fence::Fences;
use crate::few::Few;
use crate::fingerprint::Fingerprint;
use crate::queue::{Backoff, Budget};
use crate::repair::Repairs;
use crate::requests::key_of;
use crate::routing::RouteWrite;
use crate::status::Trouble;

/// What is remembered of one Rollout.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Of the Rollout that this is about; another one of the same name starts afresh.
    pub(crate) uid: Arc<str>,
    /// What its pass waits for; `None`: no pass is under way.
    pub(crate) under_way: Option<UnderWay>,
    /// Something changed while a pass was under way.
    pub(crate) again: bool,
    pub(crate) fences: Fences,
    pub(crate) backoff: Backoff,
    pub(crate) budget: Budget,
    /// The workload that it takes its template from, and where that is watched.
    pub(crate) workload: Option<(WatchId, Arc<str>)>,
    /// Its pods, while they matter: where they are watched, and by which labels they are found.
    pub(crate) pods: Option<(WatchId, Arc<str>)>,
    /// When pods are evicted again, after a refusal.
    pub(crate) evicts_from: Option<Duration>,
    /// The hash of its template, and of which generation and collision count it is.
    pub(crate) template_hash: Option<TemplateHash>,
    /// What went wrong last, as its condition says.
    pub(crate) trouble: Option<Trouble>,
    /// What the routers were last asked for.
    pub(crate) traffic: Option<Traffic>,
    /// Boxed, because the smallest node of a map has room for eleven.
    pub(crate) routers: BTreeMap<RouterKey, Box<RouterMemory>>,
    /// Questions asked since something was last applied; bounds a plugin or a decision that never settles.
    pub(crate) rounds: u32,
    /// Since when objects that its routers need are being read for the first time.
    pub(crate) reading_since: Option<Duration>,
    /// Since when plugins of its routers are being loaded.
    pub(crate) loading_since: Option<Duration>,
    pub(crate) told: Told,
    /// Whether it looks again at some calendar time.
    pub(crate) wakes_by_clock: bool,
    /// Whether its namespace is being deleted, once that was asked because it is being deleted itself.
    pub(crate) is_namespace_ending: Option<bool>,
}

/// The hash of a template that stands in a Rollout.
#[derive(Clone, Debug)]
pub(crate) struct TemplateHash {
    generation: i64,
    collision_count: Option<i64>,
    hash: Arc<str>,
}

/// One of a Rollout's routers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouterKey {
    /// The plugin, by the name that Rollouts use.
    pub(crate) plugin: Arc<str>,
    /// Of one that is to be given back, its configuration; `None`: it is in use.
    pub(crate) given_back: Option<Fingerprint>,
}

impl RouterKey {
    /// The router in use of this plugin.
    pub(crate) fn of(plugin: &str) -> Self {
        Self { plugin: plugin.into(), given_back: None }
    }
}

/// What was published and written last, so that it is not said again.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The version of the Rollout that it was said about.
    pub(crate) version: Arc<str>,
    /// Events published without a status write.
    pub(crate) notes: BTreeSet<(&'static str, String)>,
    /// The status change after whose write the Rollout has this version.
    pub(crate) status: Option<Value>,
}

/// What is remembered of one router of a Rollout.
#[derive(Debug, Default)]
pub(crate) struct RouterMemory {
    /// Of one that is to be given back: the version that is recorded for it.
    pub(crate) recorded: Option<Digest>,
    /// The objects it depends on, as it last said.
    pub(crate) queries: Vec<Query>,
    /// What it can do, and with which plugin, grant and target.
    pub(crate) features: Option<(Fingerprint, Vec<String>)>,
    /// The question that was answered last, and the answer.
    pub(crate) answered: Option<(Question, Answer)>,
    /// When the same question is asked again although nothing changed.
    pub(crate) ask_again: Option<Duration>,
    /// Failures of the host in a row.
    pub(crate) faults: u32,
    /// Questions that its plugin has failed on.
    pub(crate) plugin_faults: Faults,
    /// What is wanted, and the objects that have expressed it: a write to one of them is a repair.
    pub(crate) expressed: Option<(Fingerprint, Few<ObjectRef>)>,
    /// What is wanted and of which editions of objects, and since when.
    pub(crate) scene: Option<(Fingerprint, Duration)>,
    pub(crate) refused: BTreeMap<ObjectRef, WriteRefused>,
    pub(crate) repairs: BTreeMap<ObjectRef, Repairs>,
}

/// A question to a router, as far as it must be recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// Plugin, what it may do, target and traffic.
    pub(crate) intent: Fingerprint,
    /// The objects as seen.
    pub(crate) seen: Fingerprint,
}

/// A write of a routed object that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WriteRefused {
    /// It was for this.
    pub(crate) intent: Fingerprint,
    /// On this edition of the object; only when trying again makes no sense before it changes.
    pub(crate) edition: Option<Edition>,
    /// When it is tried again; `None`: when an input changes.
    pub(crate) until: Option<Duration>,
    /// Tries in a row.
    pub(crate) tries: u32,
    /// Whether somebody has to do something.
    pub(crate) needs_help: bool,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// What a pass waits for.
#[derive(Debug)]
pub(crate) enum UnderWay {
    /// For objects that are read from the API server, because the caches may be behind.
    Reading(BTreeMap<RequestId, ObjectKey>),
    /// For routers' answers.
    Asking(BTreeMap<RequestId, Asked>),
    /// For a write of a routed object.
    RouteWriting(Box<RouteWriting>),
    /// For the writes of a decision.
    Writing { waiting: BTreeMap<RequestId, Request>, outcome: Box<Applying> },
    /// For the Rollout's namespace, to see whether that is being deleted.
    ReadingNamespace,
    /// For the write of the status.
    Reporting { request: Box<Request>, outcome: Box<Applying> },
}

/// Writes of routed objects, one after the other.
#[derive(Debug)]
pub(crate) struct RouteWriting {
    pub(crate) current: RouteWrite,
    /// Why it was refused, once it was and the object is being read to find out what that means.
    pub(crate) refused: Option<ApiError>,
    pub(crate) rest: VecDeque<RouteWrite>,
    pub(crate) basis: Basis,
}

/// What writes of routed objects were decided on; when it is gone, what is desired may be something else, and who may write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Basis {
    /// The version of the Rollout.
    pub(crate) version: Arc<str>,
    /// How often the plugins had been told.
    pub(crate) plugins_told: u64,
}

/// A question that is under way.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) router: RouterKey,
    /// The version that is asked.
    pub(crate) digest: Digest,
    pub(crate) intent: Fingerprint,
    /// The plugin, what it may do, and its target.
    pub(crate) about: Fingerprint,
    /// What was seen, by query.
    pub(crate) seen: Vec<(Query, Fingerprint)>,
    /// The objects among it.
    pub(crate) objects: Vec<ObjectRef>,
}

/// A decision that is being carried out.
#[derive(Debug)]
pub(crate) struct Applying {
    /// The Rollout that it was made on.
    pub(crate) rollout: Arc<Value>,
    pub(crate) decision: Decision,
    pub(crate) routing: Option<Routing>,
    /// When to look again for the routers' sake.
    pub(crate) wake: Option<Duration>,
    /// The version of the Rollout that the status may be written on.
    pub(crate) version: Arc<str>,
    /// The worst failure of a write.
    pub(crate) failure: Option<(Request, ApiError)>,
    /// The status as it should be now, once that is known.
    pub(crate) status: Arc<Value>,
    /// The change of it that is being written.
    pub(crate) change: Option<Value>,
}

impl Memory {
    /// Nothing is known yet of the Rollout with this uid.
    pub(crate) fn new(uid: Arc<str>) -> Self {
        Self { uid, ..Self::default() }
    }

    /// The hash of the template that stands in the Rollout, computed once for each generation.
    pub(crate) fn template_hash(&mut self, rollout: &Value) -> Option<Arc<str>> {
        if workload::is_referring(rollout) {
            return None;
        }
        let generation = object::generation(rollout)?;
        let collision_count = rollout.pointer("/status/collisionCount").and_then(Value::as_i64);
        let is_it =
            |one: &TemplateHash| one.generation == generation && one.collision_count == collision_count;
        let known = self.template_hash.take().filter(is_it).unwrap_or_else(|| {
            let hash = hash::template_hash(workload::template(rollout, None), collision_count).into();
            TemplateHash { generation, collision_count, hash }
        });
        let hash = known.hash.clone();
        self.template_hash = Some(known);
        Some(hash)
    }

    /// Somebody changed something that this Rollout depends on: what failed may succeed now.
    pub(crate) fn input_changed(&mut self) {
        self.backoff.reset();
    }

    /// What is remembered of a router.
    pub(crate) fn router(&mut self, key: &RouterKey) -> &mut RouterMemory {
        self.routers.entry(key.clone()).or_default()
    }

    /// Somebody else may have acted: the fate of writes under way is unknown, and what was remembered of acts is
    /// dropped. The objects that routers depend on stay known, so that their watches go on.
    pub(crate) fn start_over(&mut self, now: Duration) {
        let under_way: Vec<Request> = match self.under_way.take() {
            Some(UnderWay::RouteWriting(writing)) => vec![writing.current.request],
            Some(UnderWay::Writing { waiting, .. }) => waiting.into_values().collect(),
            Some(UnderWay::Reporting { request, .. }) => vec![*request],
            Some(UnderWay::Reading(_) | UnderWay::Asking(_) | UnderWay::ReadingNamespace) | None => {
                Vec::new()
            }
        };
        for request in under_way {
            self.fences.unknown(key_of(&request), request.resource.clone(), now);
        }
        let fences = std::mem::take(&mut self.fences);
        let routers = std::mem::take(&mut self.routers)
            .into_iter()
            .map(|(key, router)| {
                let RouterMemory { queries, recorded, .. } = *router;
                (key, Box::new(RouterMemory { recorded, queries, ..RouterMemory::default() }))
            })
            .collect();
        *self = Self { fences, routers, ..Self::new(self.uid.clone()) };
    }
}

impl RouterMemory {
    /// What it can do with this plugin and target, if that is known.
    pub(crate) fn features(&self, about: Fingerprint) -> Option<&Vec<String>> {
        self.features.as_ref().filter(|(known, _)| *known == about).map(|(_, features)| features)
    }

    /// Takes note of what it can do.
    pub(crate) fn checked(&mut self, asked: &Asked, features: Option<Vec<String>>) {
        if let Some(features) = features {
            self.features = Some((asked.about, features));
        }
    }

    /// Takes note of an answer to a question.
    pub(crate) fn answered(&mut self, asked: &Asked, mut answer: Answer) {
        if let Answer::Needs(queries) | Answer::Routed(Routed { queries, .. }) = &mut answer {
            self.queries = std::mem::take(queries);
        }
        let known = asked.seen.iter();
        let relevant: Vec<_> =
            self.queries.iter().filter_map(|query| known.clone().find(|(one, _)| one == query)).collect();
        let question = Question { intent: asked.intent, seen: Fingerprint::of(&relevant) };
        self.note_expressed(asked, &answer);
        self.answered = Some((question, answer));
    }

    /// Objects that need no write express what is wanted.
    fn note_expressed(&mut self, asked: &Asked, answer: &Answer) {
        let Answer::Routed(routed) = answer else { return };
        let is_written = |object: &ObjectRef| routed.writes.iter().any(|write| write.reference == *object);
        let fine = asked.objects.iter().filter(|object| !is_written(object)).cloned();
        match &mut self.expressed {
            Some((intent, objects)) if *intent == asked.intent => objects.extend(fine),
            _ => self.expressed = Some((asked.intent, fine.collect())),
        }
        self.refused.retain(|object, _| is_written(object));
    }

    /// A write of ours to an object went through: from now on it expresses what is wanted.
    pub(crate) fn wrote(&mut self, write: &RouteWrite, now: Duration) {
        let object = write.write.reference.clone();
        self.refused.remove(&object);
        if write.is_repair {
            self.repairs.entry(object.clone()).or_default().count(now);
        }
        match &mut self.expressed {
            Some((intent, objects)) if *intent == write.intent => {
                objects.insert(object);
            }
            _ => self.expressed = Some((write.intent, [object].into_iter().collect())),
        }
    }

    /// Whether a write to an object for this would undo somebody's change of what we had brought about.
    pub(crate) fn is_repair(&self, intent: Fingerprint, object: &ObjectRef) -> bool {
        let expressed = self.expressed.as_ref();
        expressed.is_some_and(|(wanted, objects)| *wanted == intent && objects.contains(object))
    }
}
