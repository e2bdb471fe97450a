//! One run of a plan, from its beginning to its end or to the first thing that does not hold.

use std::time::Duration;

use tidegate_shell::Deciders;

use crate::checks::Violation;
use crate::coverage::Coverage;
use crate::plan::Plan;
use crate::simulation::Simulation;

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What did not hold.
    pub violation: Option<Violation>,
    /// What happened, where somebody wanted to know.
    pub trace: Vec<String>,
    /// How long it took in virtual time.
    pub elapsed: Duration,
    /// Requests that controllers sent.
    pub requests: u64,
    /// Questions that were put to routers.
    pub questions: u64,
    /// What it covered.
    pub coverage: Coverage,
}

/// Runs a plan with this function deciding.
pub fn run(plan: &Plan, deciders: Deciders, traced: bool) -> Outcome {
    let mut simulation = Simulation::new(plan, deciders, traced);
    let last = plan.happenings.last().map_or(Duration::ZERO, |timed| timed.at);
    // Whatever was done last has its effect while things are still wrong.
    simulation.run(last.saturating_add(Duration::from_secs(20)));
    if simulation.checker.violation().is_none() {
        simulation.end_well();
    }
    Outcome {
        violation: simulation.checker.violation().cloned(),
        elapsed: simulation.elapsed(),
        requests: simulation.requests,
        questions: simulation.questions,
        coverage: simulation.checker.coverage,
        trace: simulation.trace.into_lines(),
    }
}
