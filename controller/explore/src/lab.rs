//! What is true of analyses and experiments at one moment, read from the cluster's objects alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tidegate_analysis::{Phase, ROLLOUT_TYPE_LABEL, STEP_INDEX_LABEL};
use tidegate_api::{Resource, builtin, object};
use tidegate_cluster::Cluster;
use tidegate_model::ReplicaSet;
use tidegate_model::names::HASH_LABEL;

use crate::facts::Selected;
use crate::scenario::NAMESPACE;

/// All AnalysisRuns and Experiments.
#[derive(Debug, Default)]
pub(crate) struct Lab {
    pub(crate) runs: Vec<Arc<Run>>,
    pub(crate) experiments: Vec<Arc<Experiment>>,
}

/// An AnalysisRun.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) object: Arc<Value>,
    pub(crate) phase: Option<Phase>,
}

/// An Experiment, with what it controls.
#[derive(Debug)]
pub(crate) struct Experiment {
    pub(crate) object: Arc<Value>,
    pub(crate) phase: Option<Phase>,
    pub(crate) sets: Vec<Arc<ReplicaSet>>,
    /// Its Services, by name.
    pub(crate) services: BTreeMap<String, Arc<Selected>>,
}

/// The kinds that this is read from.
#[derive(Debug)]
pub(crate) struct Kinds {
    runs: Resource,
    experiments: Resource,
    sets: Resource,
    services: Resource,
}

impl Kinds {
    pub(crate) fn new() -> Self {
        Self {
            runs: builtin::analysis_runs(),
            experiments: builtin::experiments(),
            sets: builtin::replica_sets(),
            services: builtin::services(),
        }
    }
}

impl Lab {
    /// What is true now; what was true `last` if that is the same.
    pub(crate) fn read(cluster: &Cluster, kinds: &Kinds, last: &Arc<Self>) -> Arc<Self> {
        let all = |kind| cluster.objects(kind, Some(NAMESPACE));
        let runs: Vec<Arc<Run>> = all(&kinds.runs)
            .map(|object| {
                let known = last.runs.iter().find(|run| Arc::ptr_eq(&run.object, object));
                known
                    .cloned()
                    .unwrap_or_else(|| Arc::new(Run { object: object.clone(), phase: Phase::of(object) }))
            })
            .collect();
        let experiments: Vec<Arc<Experiment>> =
            all(&kinds.experiments).map(|object| Experiment::read(cluster, kinds, object, last)).collect();
        let is_same = runs.len() == last.runs.len()
            && experiments.len() == last.experiments.len()
            && runs.iter().zip(&last.runs).all(|(one, other)| Arc::ptr_eq(one, other))
            && experiments.iter().zip(&last.experiments).all(|(one, other)| Arc::ptr_eq(one, other));
        if is_same { last.clone() } else { Arc::new(Self { runs, experiments }) }
    }

    /// The run of this name.
    pub(crate) fn run(&self, name: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.name() == name).map(Arc::as_ref)
    }

    /// The Experiment of this name.
    pub(crate) fn experiment(&self, name: &str) -> Option<&Experiment> {
        self.experiments.iter().find(|one| one.name() == name).map(Arc::as_ref)
    }

    /// The Experiment with this uid.
    pub(crate) fn experiment_with_uid(&self, uid: &str) -> Option<&Experiment> {
        self.experiments.iter().find(|one| object::uid(&one.object) == uid).map(Arc::as_ref)
    }

    /// The runs that the object with this uid controls.
    pub(crate) fn runs_of<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().map(Arc::as_ref).filter(move |run| object::controller_uid(&run.object) == Some(uid))
    }

    /// The Experiments that the object with this uid controls.
    pub(crate) fn experiments_of<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a Experiment> {
        self.experiments
            .iter()
            .map(Arc::as_ref)
            .filter(move |one| object::controller_uid(&one.object) == Some(uid))
    }
}

impl Run {
    pub(crate) fn name(&self) -> &str {
        object::name(&self.object)
    }

    /// Whether it is for a step of this index and these pods.
    pub(crate) fn is_of_step(&self, index: usize, hash: &str) -> bool {
        object::label(&self.object, ROLLOUT_TYPE_LABEL) == Some("Step")
            && object::label(&self.object, STEP_INDEX_LABEL) == Some(index.to_string().as_str())
            && object::label(&self.object, HASH_LABEL) == Some(hash)
    }
}

impl Experiment {
    fn read(cluster: &Cluster, kinds: &Kinds, object: &Arc<Value>, last: &Lab) -> Arc<Self> {
        let uid = object::uid(object);
        let own = |kind| {
            let all = cluster.objects(kind, Some(NAMESPACE));
            all.filter(move |one| object::controller_uid(one) == Some(uid))
        };
        let known = last.experiments.iter().find(|one| object::uid(&one.object) == uid);
        let sets: Vec<Arc<ReplicaSet>> = own(&kinds.sets)
            .map(|set| {
                let known =
                    known.and_then(|one| one.sets.iter().find(|known| Arc::ptr_eq(&known.object, set)));
                known.cloned().unwrap_or_else(|| Arc::new(ReplicaSet::read(set)))
            })
            .collect();
        let services: BTreeMap<String, Arc<Selected>> = own(&kinds.services)
            .map(|service| {
                let name = object::name(service);
                let known = known.and_then(|one| one.services.get(name)).filter(|one| one.is_of(service));
                (name.to_owned(), known.cloned().unwrap_or_else(|| Arc::new(Selected::read(service))))
            })
            .collect();
        let is_same = |known: &&Arc<Self>| {
            Arc::ptr_eq(&known.object, object)
                && known.sets.len() == sets.len()
                && known.sets.iter().zip(&sets).all(|(one, other)| Arc::ptr_eq(one, other))
                && known.services.len() == services.len()
                && known.services.values().zip(services.values()).all(|(one, other)| Arc::ptr_eq(one, other))
        };
        known.filter(is_same).cloned().unwrap_or_else(|| {
            Arc::new(Self { object: object.clone(), phase: Phase::of(object), sets, services })
        })
    }

    pub(crate) fn name(&self) -> &str {
        object::name(&self.object)
    }

    /// Whether its pods are all there, nobody has ended it, and it is not over.
    pub(crate) fn is_running(&self) -> bool {
        self.phase == Some(Phase::Running) && !object::is_deleting(&self.object)
    }

    /// Whether it is for a step of this index and these pods.
    pub(crate) fn is_of_step(&self, rollout: &str, index: usize, hash: &str) -> bool {
        let rest = self.name().strip_prefix(rollout).and_then(|rest| rest.strip_prefix('-'));
        let rest = rest.and_then(|rest| rest.strip_prefix(hash)).and_then(|rest| rest.strip_prefix('-'));
        let step = rest.and_then(|rest| rest.split('-').nth(1)).and_then(|step| step.parse().ok());
        step == Some(index)
    }
}
