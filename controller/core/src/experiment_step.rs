//! The experiment of a step: that there is one, and what it says.

use serde_json::Value;
use tidegate_analysis::Phase;
use tidegate_api::object;
use tidegate_experiment::of_step;
use tidegate_model::Step;
use tidegate_model::names::reason;
use tidegate_model::validate::SpecError;

use crate::analysis::is_measured;
use crate::context::Context;
use crate::verdict::{self, Verdict};

/// So many names are tried when others have the first.
const MOST_NAMES: u32 = 1000;

/// The experiment that there should be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followed {
    /// Its name; empty: there should be none.
    pub(crate) name: String,
    /// The experiment, if it has to be made.
    pub(crate) new: Option<Value>,
    pub(crate) verdict: Verdict,
}

/// What there should be now.
pub(crate) fn follow(context: &Context<'_>) -> Followed {
    let said = &context.status.current_experiment;
    if !context.world.evidence.is_known {
        return Followed { name: said.clone(), ..Followed::default() };
    }
    if !is_at_experiment(context) {
        return Followed::default();
    }
    let experiments = &context.world.evidence.experiments;
    // One of another step says nothing about this one.
    let said = Some(said).filter(|said| is_name(context, context.index(), said));
    let current = said.and_then(|said| experiments.get(said)).filter(|one| {
        let is_there = !object::is_deleting(one) || verdict::is_over(one);
        verdict::is_own(context, one) && is_there && !is_replaced(context, one)
    });
    if let Some(experiment) = current {
        return followed(experiment);
    }
    if context.rollout.paused || !context.status.pause_conditions.is_empty() {
        return Followed { name: said.cloned().unwrap_or_default(), ..Followed::default() };
    }
    for collisions in 0..MOST_NAMES {
        let Ok(new) = new_experiment(context, collisions) else { return Followed::default() };
        let name = object::name(&new).to_owned();
        match experiments.get(&name) {
            None => return Followed { name, new: Some(new), verdict: Verdict::Open },
            // Made before the status could say so.
            Some(one)
                if said != Some(&name)
                    && verdict::goes_on(context, one)
                    && one.get("spec") == new.get("spec") =>
            {
                return followed(one);
            }
            Some(_) => {}
        }
    }
    Followed {
        verdict: Verdict::Bad("all names of the experiment are taken; delete old Experiments".to_owned()),
        ..Followed::default()
    }
}

/// Whether an Experiment of this name is for this step of this update.
pub(crate) fn is_name(context: &Context<'_>, step: usize, name: &str) -> bool {
    let (rollout, revision) = (&context.rollout.name, context.new_revision());
    let base = format!("{rollout}-{}-{revision}-{step}", context.new_hash);
    name.strip_prefix(base.as_str()).is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('-').is_some_and(|count| count.parse::<u32>().is_ok())
    })
}

/// Whether another one is needed: a person tries again after an abort, or has resumed after one without a conclusion (in Argo
/// Rollouts there is no way on then but to skip the step).
fn is_replaced(context: &Context<'_>, experiment: &Value) -> bool {
    let is_resumed = Phase::of(experiment) == Some(Phase::Inconclusive)
        && context.status.controller_pause
        && !context.is_paused_for(reason::INCONCLUSIVE_EXPERIMENT);
    context.status.aborted_at.is_some() || is_resumed
}

/// What is wrong with the experiment of the current step, as far as only the pods of this update tell.
pub(crate) fn problems(context: &Context<'_>) -> Vec<SpecError> {
    if is_at_experiment(context) { new_experiment(context, 0).err().unwrap_or_default() } else { Vec::new() }
}

fn is_at_experiment(context: &Context<'_>) -> bool {
    is_measured(context) && matches!(context.steps().get(context.index()), Some(Step::Experiment(_)))
}

fn followed(experiment: &Value) -> Followed {
    let phase = Phase::of(experiment);
    let message = experiment.pointer("/status/message").and_then(Value::as_str).unwrap_or_default();
    let verdict = Verdict::of(phase, "Experiment analysis phase is error/failed", message);
    Followed { name: object::name(experiment).to_owned(), new: None, verdict }
}

fn new_experiment(context: &Context<'_>, collisions: u32) -> Result<Value, Vec<SpecError>> {
    let none = Value::Null;
    of_step(&tidegate_experiment::Step {
        rollout: &context.world.rollout,
        index: context.index(),
        stable: context.stable_set().map(|set| set.object.as_ref()),
        canary: context.new_set().map_or(&none, |set| set.object.as_ref()),
        revision: context.new_revision(),
        collisions,
    })
}
