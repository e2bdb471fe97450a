//! What a Rollout's status says because of what was measured.

use serde_json::Value;
use tidegate_analysis::Phase;

use super::status::Change;
use super::{Broken, Scene, Verdict};
use crate::facts::Facts;

impl Change<'_> {
    /// An update is given up only by users, at its deadline, or because of what was measured.
    pub(super) fn abort_has_a_reason(&self, scene: &Scene<'_>) -> Verdict {
        let is_bad = |phase: Option<Phase>| matches!(phase, Some(Phase::Failed | Phase::Error));
        let is_due = |facts: &Facts| {
            let at_deadline = facts.rollout.as_ref().is_some_and(|rollout| {
                rollout.object.pointer("/spec/progressDeadlineAbort").and_then(Value::as_bool) == Some(true)
            });
            let noted =
                facts.status().into_iter().flat_map(|status| [&status.step_run, &status.background_run]);
            let mut noted = noted.flatten().map(|run| Phase::read(&run.status));
            at_deadline
                || noted.any(is_bad)
                || facts.lab.runs_of(facts.uid()).any(|run| is_bad(run.phase))
                || facts.lab.experiments_of(facts.uid()).any(|one| is_bad(one.phase))
        };
        if scene.any(is_due) {
            return Ok(());
        }
        Err(Broken("aborts-have-a-reason", format!("{} was given up, and nothing was wrong", self.write.key)))
    }

    /// What the status says of a run, the run has said.
    pub(super) fn runs_are_noted_truly(&self, scene: &Scene<'_>) -> Verdict {
        let pairs =
            [(&self.old.step_run, &self.new.step_run), (&self.old.background_run, &self.new.background_run)];
        for (old, new) in pairs {
            let Some(new) = new.as_ref().filter(|new| old.as_ref() != Some(new) && !new.status.is_empty())
            else {
                continue;
            };
            let has_said = |facts: &Facts| {
                let noted =
                    facts.status().into_iter().flat_map(|status| [&status.step_run, &status.background_run]);
                facts.lab.run(&new.name).is_some_and(|run| run.phase == Phase::read(&new.status))
                    || noted.flatten().any(|noted| noted == new)
            };
            if !scene.any(has_said) {
                let message = format!("{}: {} was never {}", self.write.key, new.name, new.status);
                return Err(Broken("status-is-true", message));
            }
        }
        Ok(())
    }
}
