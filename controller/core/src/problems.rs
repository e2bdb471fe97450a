//! Everything for which a Rollout's spec cannot be acted on: what is wrong in it, what it refers to and is not there, and
//! what its routers cannot do. The condition `InvalidSpec` and `tidegate lint` say the same because both ask here.

use std::fmt;

use jiff::Timestamp;
use tidegate_model::names::reason;
use tidegate_model::validate::{self, SpecError};

use crate::context::Context;
use crate::experiment_step;
use crate::features;
use crate::workload;
use crate::world::World;

/// Something for which the spec cannot be acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable code: `InvalidSpec`, or what a router cannot do.
    pub reason: &'static str,
    /// Where, for example `spec.strategy.canary.steps[2].setWeight`; empty where the message says it all, as Argo Rollouts has it.
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl From<SpecError> for Problem {
    fn from(error: SpecError) -> Self {
        Self { reason: reason::INVALID_SPEC, path: error.path, message: error.message }
    }
}

/// What is wrong with a Rollout in this world, the first thing first; nothing: it can be acted on.
///
/// As [`crate::decide`] sees it: the condition has the first of them.
pub fn problems(world: &World, now: Timestamp) -> Vec<Problem> {
    of(&Context::observe(world, now))
}

/// What the condition about a Rollout begins with.
pub(crate) fn prefix(rollout: &str) -> String {
    format!("The Rollout \"{rollout}\" is invalid: ")
}

/// What is wrong with the spec, with what it refers to, and with what it asks of its routers.
pub(crate) fn of(context: &Context<'_>) -> Vec<Problem> {
    let mut problems: Vec<Problem> = workload::unresolved(context)
        .map(|message| Problem { reason: reason::INVALID_SPEC, path: String::new(), message })
        .into_iter()
        .collect();
    let wrong = validate::validate_with(&context.world.rollout, context.world.workload.object());
    problems.extend(wrong.into_iter().map(Problem::from));
    for (field, name) in context.rollout.canary.services() {
        if !context.world.services.contains_key(name) {
            problems.push(Problem {
                reason: reason::INVALID_SPEC,
                path: format!("spec.strategy.canary.{field}"),
                message: format!(
                    "Service \"{name}\" does not exist in namespace \"{}\"; create it, or correct the name",
                    context.rollout.namespace
                ),
            });
        }
    }
    if let Some(service) = context.roles.taken.as_ref().filter(|_| !context.is_fully_promoted()) {
        problems.push(Problem {
            reason: reason::INVALID_SPEC,
            path: "spec.strategy.canary".to_owned(),
            message: format!(
                "Service \"{service}\" selects the pods of the update that is under way, so it cannot be the stable one before \
                 that is over; give back the Services as they were, or abort"
            ),
        });
    }
    if problems.is_empty() {
        problems.extend(experiment_step::problems(context).into_iter().map(Problem::from));
    }
    problems.extend(features::missing(context));
    problems
}
