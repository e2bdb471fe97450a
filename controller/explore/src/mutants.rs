//! Deliberately wrong variants of `decide`, each of which breaks one thing. That each is caught shows that the checks can fail.
//!
//! Each is a wrapper: it changes what the real function sees, or what it answers.

mod evidence;
mod reading;
mod rollouts;
mod sight;
mod steps;
mod traffic;

use tidegate_shell::{Decide, Deciders};

/// A wrong variant.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// Its name.
    pub name: &'static str,
    /// What it does wrong.
    pub does: &'static str,
    /// What decides then.
    pub deciders: Deciders,
}

/// With this deciding about Rollouts, and all else as it should be.
const fn of(rollout: Decide) -> Deciders {
    Deciders { rollout, experiment: tidegate_experiment::conduct, run: tidegate_analysis::assess }
}

/// All wrong variants.
pub fn mutants() -> impl Iterator<Item = Mutant> {
    rollouts::MUTANTS.into_iter().chain(evidence::MUTANTS)
}
