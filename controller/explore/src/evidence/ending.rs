//! What must be so of analyses and experiments once nothing happens any more.

use tidegate_analysis::Phase;
use tidegate_api::{builtin, object};

use crate::lab::{Experiment, Lab, Run};
use crate::scenario::NAMESPACE;
use crate::simulation::Simulation;

impl Simulation {
    /// What is left over of analyses and experiments, and should not be.
    pub(crate) fn what_is_left_over(&self) -> Option<String> {
        let lab = self.checker.lab();
        let open = lab.runs.iter().find(|run| !run.phase.is_some_and(Phase::is_completed));
        if let Some(run) = open {
            return Some(format!("the AnalysisRun {} goes on", run.name()));
        }
        for experiment in &lab.experiments {
            if let Some(what) = self.what_is_left_of(experiment) {
                return Some(format!("the Experiment {} {what}", experiment.name()));
            }
        }
        let kind = builtin::jobs();
        let mut jobs = self.cluster.objects(&kind, Some(NAMESPACE));
        let is_of_none = |uid: &str| lab.runs.iter().all(|run| object::uid(&run.object) != uid);
        if let Some(job) = jobs.find(|job| object::controller_uid(job).is_none_or(is_of_none)) {
            return Some(format!("the Job {} belongs to nobody", object::name(job)));
        }
        let mut found = self
            .checker
            .facts()
            .find_map(|(app, facts)| Some((app, what_is_kept(&lab, facts.uid(), facts.spec()?)?)));
        if let Some((app, what)) = found.take() {
            return Some(format!("Rollout {}: {what}", app.name));
        }
        // Where a Rollout went past its deadline, routes stay as they were.
        let mut there = self.checker.facts().filter(|(_, facts)| facts.rollout.is_some());
        let (app, _) = there.find(|(_, facts)| facts.feeds_others())?;
        Some(format!("routes of Rollout {} still lead to an experiment", app.name))
    }

    fn what_is_left_of(&self, experiment: &Experiment) -> Option<String> {
        let is_scribbled = self.checker.is_scribbled(object::uid(&experiment.object));
        if !experiment.phase.is_some_and(Phase::is_completed) {
            return Some("goes on".to_owned());
        }
        // Nobody can know which its templates were once somebody has changed them.
        if is_scribbled {
            return None;
        }
        let set = experiment.sets.iter().find(|set| set.desired > 0 || set.current > 0);
        if let Some(set) = set {
            return Some(format!("still has {} pods in {}", set.current, set.name));
        }
        experiment.services.keys().next().map(|name| format!("still has the Service {name}"))
    }
}

/// Whether more is kept of a Rollout's runs and Experiments than its spec says.
fn what_is_kept(lab: &Lab, uid: &str, spec: &tidegate_model::Rollout) -> Option<String> {
    let is_good = |phase: Option<Phase>| phase == Some(Phase::Successful);
    let runs = || lab.runs_of(uid).map(|run: &Run| run.phase);
    let experiments = || lab.experiments_of(uid).map(|one| one.phase);
    let count = |phases: &mut dyn Iterator<Item = Option<Phase>>, good: bool| {
        phases.filter(|phase| is_good(*phase) == good).count()
    };
    let history = spec.run_history;
    for (good, limit) in [(true, history.successful), (false, history.unsuccessful)] {
        let (runs, experiments) = (count(&mut runs(), good), count(&mut experiments(), good));
        if runs > limit || experiments > limit {
            return Some(format!(
                "{runs} runs and {experiments} Experiments are kept (good: {good}), and {limit} should be"
            ));
        }
    }
    None
}
