//! Whose an AnalysisRun, an Experiment, or a part of one is, and how that was when a write was decided.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_analysis::Phase;
use tidegate_api::object;
use tidegate_shell::MeasureJob;

use super::destinations::owner;
use super::{Broken, Checker, Scene, Verdict, Watched, Write, differs_only, experiments, runs};
use crate::facts::Facts;
use crate::history::Window;
use crate::lab::Lab;

/// Analyses and experiments, as a check looks at them.
pub(super) struct LabScene<'a> {
    labs: Window<'a, Lab>,
    scribbled: &'a BTreeSet<String>,
}

impl LabScene<'_> {
    /// Whether something was so at some moment since what the controller had seen.
    pub(super) fn any(&self, test: impl Fn(&Lab) -> bool) -> bool {
        self.labs.any(test)
    }

    /// Whether a user has written something into the one with this uid.
    pub(super) fn is_scribbled(&self, uid: &str) -> bool {
        self.scribbled.contains(uid)
    }
}

/// A change of a run or an Experiment is that it is told to end, if that is up to its controller, or a status, in which a
/// verdict is final. Answers with the phases before and after, unless nothing is to be expected of them.
pub(super) fn reported(
    lab: &LabScene<'_>,
    is_to_end: bool,
    write: &Write<'_>,
    before: &Value,
    after: &Value,
) -> Result<Option<[Option<Phase>; 2]>, Broken> {
    if differs_only(before, after, &["/spec/terminate"]) {
        if is_to_end {
            return Ok(None);
        }
        return Err(Broken("only-own-objects", format!("{} was ended, which is nobody's", write.key)));
    }
    if !differs_only(before, after, &["/status"]) {
        return Err(Broken("only-own-fields", format!("{}: more than its status changed", write.key)));
    }
    if lab.is_scribbled(object::uid(before)) {
        return Ok(None);
    }
    let (old, new) = (Phase::of(before), Phase::of(after));
    if old.is_some_and(Phase::is_completed) && old != new {
        return Err(Broken("verdicts-stay", format!("{} went from {old:?} to {new:?}", write.key)));
    }
    Ok(Some([old, new]))
}

impl Checker {
    /// What is true of analyses and experiments now.
    pub(crate) fn lab(&self) -> Arc<Lab> {
        self.labs.last().cloned().unwrap_or_default()
    }

    /// A user has written something into an object that nobody expects there.
    pub(crate) fn scribbled(&mut self, uid: &str) {
        self.scribbled.insert(uid.to_owned());
    }

    /// Whether a user has.
    pub(crate) fn is_scribbled(&self, uid: &str) -> bool {
        self.scribbled.contains(uid)
    }

    /// A controller measures what it measures already, or does not lead.
    pub(crate) fn measured_in_vain(
        &mut self,
        now: Duration,
        controller: usize,
        job: &MeasureJob,
        is_led: bool,
    ) {
        let what =
            format!("controller {controller} measures {} of {}, number {}", job.metric, job.run, job.number);
        if is_led {
            self.violated(now, "measured-once", format!("{what}, which it does already"));
        } else {
            self.violated(now, "only-the-leader-writes", format!("{what}, and does not lead"));
        }
    }

    /// Whether a user has written such a thing into a Rollout, ever.
    pub(super) fn is_scribbled_on(&self, watched: &Watched) -> bool {
        !self.scribbled.is_empty() && {
            let all = watched.history.since(Duration::ZERO);
            all.any(|facts| !facts.uid().is_empty() && self.scribbled.contains(facts.uid()))
        }
    }

    pub(super) fn lab_scene(&self, write: &Write<'_>) -> LabScene<'_> {
        LabScene { labs: self.labs.since(write.since), scribbled: &self.scribbled }
    }

    pub(super) fn is_of_an_experiment(write: &Write<'_>) -> bool {
        write.after.or(write.before).is_some_and(|object| owner(object, "Experiment").is_some())
    }

    /// A ReplicaSet or a Service of an Experiment.
    pub(super) fn of_part(&self, write: &Write<'_>) -> Verdict {
        let Some(object) = write.after.or(write.before) else { return Ok(()) };
        let Some(uid) = owner(object, "Experiment") else { return Ok(()) };
        let watched = self.rollout_of_experiment(uid);
        if watched.is_some_and(|watched| self.is_scribbled_on(watched)) {
            return Ok(());
        }
        let scene = watched.map(|watched| self.scene(watched, write));
        let check = if &*write.key.kind == "Service" { experiments::service } else { experiments::set };
        check(&self.lab_scene(write), scene.as_ref(), uid, write)
    }

    pub(super) fn of_experiment(&self, write: &Write<'_>) -> Verdict {
        self.of_evidence(write, experiments::check)
    }

    pub(super) fn of_run(&self, write: &Write<'_>) -> Verdict {
        self.of_evidence(write, runs::check)
    }

    fn of_evidence(
        &self,
        write: &Write<'_>,
        check: fn(&LabScene<'_>, Option<&Scene<'_>>, &Write<'_>) -> Verdict,
    ) -> Verdict {
        let uid = write.before.or(write.after).and_then(|object| owner(object, "Rollout"));
        let watched = uid.and_then(|uid| self.with_uid(uid));
        if watched.is_some_and(|watched| self.is_scribbled_on(watched)) {
            return Ok(());
        }
        let scene = watched.map(|watched| self.scene(watched, write));
        check(&self.lab_scene(write), scene.as_ref(), write)
    }

    fn rollout_of_experiment(&self, uid: &str) -> Option<&Watched> {
        let all = self.labs.since(Duration::ZERO);
        let found = all.iter().rev().find_map(|(_, lab)| lab.experiment_with_uid(uid))?;
        self.with_uid(owner(&found.object, "Rollout")?)
    }

    /// The Rollout with this uid, also when it is gone since.
    fn with_uid(&self, uid: &str) -> Option<&Watched> {
        let is_it = |facts: &Facts| facts.uid() == uid;
        self.apps
            .iter()
            .find(|watched| watched.history.since(Duration::ZERO).iter().rev().any(|(_, facts)| is_it(facts)))
    }
}
