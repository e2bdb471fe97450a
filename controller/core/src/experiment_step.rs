//! The experiment of a step: that there is one, and what it says.

use serde_json::Value;
use tidegate_api::object;
use tidegate_experiment::of_step;
use tidegate_model::Step;
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
    let is_own = |experiment: &Value| {
        object::controller_uid(experiment) == Some(context.rollout.uid.as_str())
            && !object::is_deleting(experiment)
    };
    // A person tries again after an abort: with another one.
    let is_again = context.status.aborted_at.is_some();
    if let Some(experiment) = experiments.get(said).filter(|one| is_own(one) && !is_again) {
        return followed(experiment);
    }
    if !context.status.pause_conditions.is_empty() {
        return Followed { name: said.clone(), ..Followed::default() };
    }
    for collisions in 0..MOST_NAMES {
        let Ok(new) = new_experiment(context, collisions) else { return Followed::default() };
        let name = object::name(&new).to_owned();
        match experiments.get(&name) {
            None => return Followed { name, new: Some(new), verdict: Verdict::Open },
            // Made before the status could say so.
            Some(one)
                if name != *said && is_own(one) && !verdict::is_over(one) && !verdict::is_ending(one) =>
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

/// What is wrong with the experiment of the current step, as far as only the pods of this update tell.
pub(crate) fn problems(context: &Context<'_>) -> Vec<SpecError> {
    if is_at_experiment(context) { new_experiment(context, 0).err().unwrap_or_default() } else { Vec::new() }
}

fn is_at_experiment(context: &Context<'_>) -> bool {
    is_measured(context) && matches!(context.steps().get(context.index()), Some(Step::Experiment(_)))
}

fn followed(experiment: &Value) -> Followed {
    let phase = verdict::phase(experiment);
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
