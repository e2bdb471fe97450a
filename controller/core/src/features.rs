//! What a Rollout needs of its routers, step by step, and whether each of them can do it with its configuration. Compared
//! before any traffic moves: a step that would be found impossible half-way leaves users on two versions.

use tidegate_model::names::{condition, reason};
use tidegate_model::{DEFAULT_MAX_WEIGHT, Rollout, Step};

use crate::context::Context;
use crate::problems::{self, Problem};
use crate::world::RouterReport;

/// Something that a router must be able to do.
struct Need {
    /// The contract's word for it.
    feature: &'static str,
    /// What needs it.
    path: String,
    /// What that is.
    what: &'static str,
    reason: &'static str,
}

/// The needs that a router does not meet, in the order of the steps.
pub(crate) fn missing(context: &Context<'_>) -> Vec<Problem> {
    let Some(routing) = &context.world.routing else { return said_before(context).into_iter().collect() };
    let mut missing = Vec::new();
    for need in needs(&context.rollout) {
        for router in &routing.routers {
            if let Some(features) = &router.features
                && !features.iter().any(|feature| feature == need.feature)
            {
                missing.push(need.refusal(router, features));
            }
        }
    }
    let is_unknown =
        |router: &RouterReport| router.features.is_none() && router.state.without_plugin().is_some();
    if missing.is_empty() && routing.routers.iter().any(is_unknown) {
        missing.extend(said_before(context));
    }
    missing
}

/// The reasons of what routers cannot do.
const REASONS: [&str; 2] = [reason::UNSUPPORTED_STEP, reason::UNSUPPORTED_MAX_WEIGHT];

/// Whether it is something that a router cannot do.
pub(crate) fn is_about_routers(error: &Problem) -> bool {
    REASONS.contains(&error.reason)
}

/// What was found to be missing for this very spec stays so while there is no plugin to ask about it.
fn said_before(context: &Context<'_>) -> Option<Problem> {
    let said = context.status.condition(condition::INVALID_SPEC).filter(|one| one.status == "True")?;
    let observed = context.world.rollout.pointer("/status/observedGeneration")?.as_str()?;
    if observed != context.rollout.generation.to_string() {
        return None;
    }
    let reason = REASONS.into_iter().find(|reason| *reason == said.reason)?;
    let message = said.message.strip_prefix(&problems::prefix(&context.rollout.name))?;
    let (path, message) = message.split_once(": ")?;
    Some(Problem { reason, path: path.to_owned(), message: message.to_owned() })
}

/// What a Rollout needs, each where it is first needed.
fn needs(rollout: &Rollout) -> Vec<Need> {
    const ROUTING: &str = "spec.strategy.canary.trafficRouting";
    let need = |feature, path, what, reason| Need { feature, path, what, reason };
    let steps = || rollout.canary.steps.iter().enumerate();
    let step = |index: usize, kind: &str| format!("spec.strategy.canary.steps[{index}].{kind}");
    let first_weight = steps().find(|(_, step)| matches!(step, Step::SetWeight(_)));
    let mut needs: Vec<Need> = Vec::new();
    if rollout.canary.max_weight() != DEFAULT_MAX_WEIGHT {
        let (path, what) =
            (format!("{ROUTING}.maxTrafficWeight"), "divide traffic into other than 100 parts");
        needs.push(need("max-weight", path, what, reason::UNSUPPORTED_MAX_WEIGHT));
    }
    // The last thing before a promotion is always all of the traffic for the canary.
    let path = first_weight.map_or_else(|| ROUTING.to_owned(), |(index, _)| step(index, "setWeight"));
    needs.push(need("weights", path, "divide traffic by weights", reason::UNSUPPORTED_STEP));
    for (index, one) in steps() {
        let (feature, kind, what) = match one {
            Step::SetHeaderRoute(route) if route.rule.is_some() => {
                ("header-routes", "setHeaderRoute", "route requests by their headers")
            }
            Step::SetMirrorRoute(route) if route.rule.is_some() => {
                ("mirror-routes", "setMirrorRoute", "mirror requests")
            }
            Step::Experiment(templates) if templates.iter().any(|one| one.weight.is_some()) => {
                ("additional-destinations", "experiment", "give weight to the pods of experiments")
            }
            _ => continue,
        };
        if needs.iter().all(|need| need.feature != feature) {
            needs.push(need(feature, step(index, kind), what, reason::UNSUPPORTED_STEP));
        }
    }
    needs
}

impl Need {
    fn refusal(&self, router: &RouterReport, features: &[String]) -> Problem {
        let can = if features.is_empty() { "nothing".to_owned() } else { features.join(", ") };
        let message = format!(
            "router {} cannot {} ({}): with this configuration it can do {can}; change this, or its configuration, or use \
             another router",
            router.router, self.what, self.feature
        );
        Problem { reason: self.reason, path: self.path.clone(), message }
    }
}
