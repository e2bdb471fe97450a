//! Experiments and AnalysisRuns: looked at like Rollouts, each by itself, with what [`tidegate_experiment::conduct`] and
//! [`tidegate_analysis::assess`] say; and what a Rollout gets to know of them.
//!
//! | module | what it holds |
//! |---|---|
//! | `lane` | the objects of one of the two kinds, and which are due |
//! | `look` | one object's turn: carrying out what was decided about it, then its status, then its events |
//! | `experiments`, `runs` | what is known of one, and what is decided |
//! | `measuring` | what a run has asked for and not yet noted: measurements, Jobs, Secrets |
//! | `of_rollout` | what a Rollout gets to know |
//!
//! Everything that is remembered here can be lost: then it is measured again, and a Job is found again by its name. Writes carry the
//! version that was decided on, so what was decided on an old state is refused, and decided again.

mod experiments;
mod lane;
mod look;
mod measuring;
mod of_rollout;
mod runs;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tidegate_analysis::Outcome;
use tidegate_api::{ApiError, Resource, builtin};

use crate::cache::{Change, Facts};
use crate::caches::{
    ANALYSIS_RUNS, ANALYSIS_TEMPLATES, CLUSTER_ANALYSIS_TEMPLATES, EXPERIMENTS, JOBS, REPLICA_SETS, ROLLOUTS,
    SERVICES, WatchId,
};
use crate::effect::Effect;
use crate::event::{Now, RequestId};
use crate::name::Name;
use crate::routing::earlier;
use crate::shell::Shell;
use lane::Lane;

/// The two kinds that are looked at here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Experiment,
    AnalysisRun,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Experiment, Self::AnalysisRun];

    const fn watch(self) -> WatchId {
        match self {
            Self::Experiment => EXPERIMENTS,
            Self::AnalysisRun => ANALYSIS_RUNS,
        }
    }

    fn resource(self) -> Resource {
        match self {
            Self::Experiment => builtin::experiments(),
            Self::AnalysisRun => builtin::analysis_runs(),
        }
    }
}

/// All Experiments and AnalysisRuns of this instance.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    experiments: Lane,
    runs: Lane,
    /// Whose request it is.
    under_way: BTreeMap<RequestId, (Kind, Name)>,
    /// Measurements that nobody waits for any more.
    forgotten: Vec<RequestId>,
}

impl Evidence {
    const fn lane(&mut self, kind: Kind) -> &mut Lane {
        match kind {
            Kind::Experiment => &mut self.experiments,
            Kind::AnalysisRun => &mut self.runs,
        }
    }

    /// Whether this request is one of an Experiment or an AnalysisRun.
    pub(crate) fn is_waiting_for(&self, id: RequestId) -> bool {
        self.under_way.contains_key(&id)
    }

    /// Somebody else may have led in between.
    pub(crate) fn start_over(&mut self) {
        self.under_way.clear();
        for kind in Kind::ALL {
            let forgotten = self.lane(kind).start_over();
            self.forgotten.extend(forgotten);
        }
    }
}

impl Shell {
    /// Looks at the Experiments and AnalysisRuns that are due.
    pub(crate) fn look_at_evidence(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.give_up_measurements(effects);
        let kinds: &[Kind] = if self.conducts() { &Kind::ALL } else { &[] };
        for kind in kinds.iter().copied() {
            for _ in 0..self.settings.timing.passes_per_step {
                if self.requests.len() >= self.settings.timing.passes {
                    break;
                }
                let Some(name) = self.evidence.lane(kind).queue.pop(now.monotonic) else { break };
                self.look_at(kind, &name, now, effects);
            }
        }
        self.give_up_measurements(effects);
    }

    /// Gives up measurements that nobody waits for any more.
    fn give_up_measurements(&mut self, effects: &mut Vec<Effect>) {
        let forgotten = std::mem::take(&mut self.evidence.forgotten);
        effects.extend(forgotten.into_iter().map(|id| Effect::Forget { id }));
    }

    /// Whether Experiments and AnalysisRuns are looked at: not by a shadow, and not while everything is given back.
    pub(super) fn conducts(&self) -> bool {
        self.leading
            && !self.settings.shadow
            && self.settings.ending.is_none()
            && self.caches.are_ready()
            && !Kind::ALL.iter().any(|kind| self.caches.is_unknown(kind.watch()))
    }

    /// When the next one is due.
    pub(crate) fn evidence_wake_at(&self) -> Option<Duration> {
        if !self.conducts() {
            return None;
        }
        earlier(self.evidence.experiments.queue.next(), self.evidence.runs.queue.next())
    }

    /// All are due.
    pub(crate) fn all_evidence_due(&mut self, now: Now) {
        for kind in Kind::ALL {
            self.evidence.lane(kind).all_due(now.monotonic);
        }
    }

    /// A watch has told for the first time what there is.
    pub(crate) fn evidence_known(&mut self, id: WatchId, now: Now) {
        match id {
            JOBS => self.evidence.runs.all_due(now.monotonic),
            EXPERIMENTS | ANALYSIS_RUNS | ANALYSIS_TEMPLATES | CLUSTER_ANALYSIS_TEMPLATES => {
                self.all_evidence_due(now);
                let rollouts: Vec<Name> = self.index.with_evidence(None).cloned().collect();
                for rollout in rollouts {
                    self.due(&rollout, now);
                }
            }
            _ => {}
        }
    }

    /// An object changed: the Experiments and AnalysisRuns that it concerns are due. Answers with the Rollouts concerned.
    pub(crate) fn evidence_changed(&mut self, id: WatchId, change: &Change, now: Now) -> BTreeSet<Name> {
        let mut rollouts = BTreeSet::new();
        let owners: Vec<_> = [&change.before, &change.after]
            .into_iter()
            .flatten()
            .filter_map(|facts| facts.owner.clone())
            .collect();
        match id {
            EXPERIMENTS | ANALYSIS_RUNS => {
                let kind = if id == EXPERIMENTS { Kind::Experiment } else { Kind::AnalysisRun };
                self.subject_changed(kind, change, now);
                for owner in &owners {
                    rollouts.extend(self.index.rollout_of_uid(owner).cloned());
                    self.evidence.experiments.due_with_uid(&change.name.namespace, owner, now.monotonic);
                }
            }
            JOBS => {
                for owner in &owners {
                    self.evidence.runs.due_with_uid(&change.name.namespace, owner, now.monotonic);
                }
            }
            REPLICA_SETS | SERVICES => {
                if id == SERVICES {
                    self.evidence.experiments.due_waiting_for(&change.name, now.monotonic);
                }
                for owner in &owners {
                    self.evidence.experiments.due_with_uid(&change.name.namespace, owner, now.monotonic);
                }
            }
            ROLLOUTS => {
                let uids =
                    [&change.before, &change.after].into_iter().flatten().map(|facts| facts.uid.clone());
                for uid in uids {
                    self.evidence.experiments.due_of_owner(&change.name.namespace, &uid, now.monotonic);
                }
            }
            ANALYSIS_TEMPLATES | CLUSTER_ANALYSIS_TEMPLATES => {
                let namespace = (id == ANALYSIS_TEMPLATES).then_some(&*change.name.namespace);
                self.evidence.experiments.all_due_in(namespace, now.monotonic);
                rollouts.extend(self.index.with_evidence(namespace).cloned());
            }
            _ => {}
        }
        rollouts
    }

    fn subject_changed(&mut self, kind: Kind, change: &Change, now: Now) {
        let is_ours = |facts: &&std::sync::Arc<Facts>| {
            let label =
                facts.labels.iter().find(|(key, _)| **key == *tidegate_model::names::INSTANCE_ID_LABEL);
            label.map(|(_, value)| &**value) == self.settings.instance_id.as_deref()
        };
        if let Some(facts) = change.after.as_ref().filter(is_ours) {
            let (uid, owner) = (facts.uid.clone(), facts.owner.clone());
            let lane = self.evidence.lane(kind);
            let forgotten = lane.put(&change.name, uid, owner, now.monotonic);
            self.evidence.forgotten.extend(forgotten);
        } else {
            let forgotten = self.evidence.lane(kind).remove(&change.name);
            self.evidence.forgotten.extend(forgotten);
            if kind == Kind::AnalysisRun {
                self.need_jobs(&change.name, false);
            }
        }
    }

    /// An AnalysisRun needs to know of Jobs, or no longer.
    fn need_jobs(&mut self, run: &Name, needs: bool) {
        // No object has such a name: Rollouts that need a watch are listed beside it.
        let whose = Name::new(&run.namespace, &format!("analysisrun/{}", run.name));
        let (none, jobs) = (BTreeSet::new(), BTreeSet::from([JOBS]));
        if needs {
            self.caches.need(&whose, &none, &jobs);
        } else {
            self.caches.need(&whose, &jobs, &none);
        }
    }

    /// A request of an Experiment or an AnalysisRun was answered.
    pub(crate) fn evidence_answered(
        &mut self,
        now: Now,
        id: RequestId,
        result: Result<Value, ApiError>,
        effects: &mut Vec<Effect>,
    ) {
        let Some((kind, name)) = self.evidence.under_way.remove(&id) else { return };
        let waiting = self.requests.finish(id).map(|(_, waiting)| waiting).unwrap_or_default();
        self.go_on_with(kind, &name, now, effects, |shell, look| shell.look_answered(look, id, result));
        for waiting in waiting {
            self.due(&waiting, now);
        }
    }

    /// A measurement was taken.
    pub(crate) fn measured(&mut self, now: Now, id: RequestId, outcome: Outcome) {
        let Some((_, name)) = self.evidence.under_way.remove(&id) else { return };
        let lane = &mut self.evidence.runs;
        if let Some(memory) = lane.memory(&name) {
            memory.measuring.answered(id, now.wall, outcome);
            lane.due(&name, now.monotonic);
        }
    }
}
