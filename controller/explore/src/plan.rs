//! What a seed decides: the scenario, and what happens in it at which times.

use std::time::Duration;

use crate::evidence;
use crate::happening::Happening;
use crate::scenario::Scenario;
use crate::schedule;

/// Makes another seed of a seed, for what is drawn apart.
const EVIDENCE: u64 = 0x0e71_de0c;

/// A whole run, before it has begun. Everything that follows is determined by it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed that it was made from; also varies delays of a few milliseconds.
    pub seed: u64,
    /// What there is at first.
    pub scenario: Scenario,
    /// What happens, in order of time.
    pub happenings: Vec<Timed>,
}

/// Something that happens at some time.
#[derive(Clone, Debug)]
pub struct Timed {
    /// When, since the start.
    pub at: Duration,
    /// What.
    pub what: Happening,
}

impl Plan {
    /// The plan of a seed, always the same.
    pub fn of(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut scenario = Scenario::draw(&mut random);
        let mut happenings = schedule::draw(&mut random, &scenario);
        let mut apart = fastrand::Rng::with_seed(seed ^ EVIDENCE);
        evidence::add(&mut apart, &mut scenario, &mut happenings);
        Self { seed, scenario, happenings }
    }

    /// The same, with all that is measured measured by Jobs: for controllers that would have to ask over a network.
    #[must_use]
    pub fn measured_by_jobs(&self) -> Self {
        let mut plan = self.clone();
        plan.scenario.evidence.measured_by_jobs();
        plan.happenings.retain(|timed| !evidence::needs_network(&timed.what));
        plan
    }

    /// The same with these happenings instead.
    #[must_use]
    pub fn with(&self, happenings: Vec<Timed>) -> Self {
        Self { happenings, ..self.clone() }
    }
}
