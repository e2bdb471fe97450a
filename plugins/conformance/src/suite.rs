//! Running all checks.

use std::collections::BTreeMap;

use fastrand::Rng;
use tidegate_contract::Router;

use crate::bench::{Bench, Broken, Case, End, Ended};
use crate::check::Check;
use crate::checks::{self, Kind};
use crate::fixture::Fixture;
use crate::scorecard::{Failure, Line, Outcome, Scorecard, Verdict};

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where random cases come from: the same seed asks the same questions.
    pub seed: u64,
    /// How many random cases each property is tried with.
    pub cases: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, cases: 64 }
    }
}

/// Why most checks need fixtures.
const NO_FIXTURES: &str = "no fixtures were given: it needs to know what the plugin's objects look like";

/// The same where all fixtures are about configurations that are wrong.
const NO_GOOD_FIXTURE: &str = "it needs a fixture whose configuration is right";

/// Runs all checks on a plugin; `progress` is told of each one as it is done.
pub fn run(
    router: &dyn Router,
    fixtures: &[Fixture],
    options: &Options,
    progress: &mut dyn FnMut(&Line),
) -> Scorecard {
    let description = router.description();
    let mut suite = Suite {
        cases: fixtures.iter().map(|fixture| Case::new(fixture, router)).collect(),
        bench: Bench { router, cases: options.cases, random: Rng::with_seed(options.seed), passes: 0 },
        watched: BTreeMap::new(),
        passes: BTreeMap::new(),
        seed: options.seed,
    };
    let mut lines = Vec::new();
    for check in Check::ALL {
        let line = Line::new(check, suite.outcomes(check));
        progress(&line);
        lines.push(line);
    }
    Scorecard {
        plugin: description.name.clone(),
        version: description.version.clone(),
        digest: router.digest().to_string(),
        fixtures: fixtures.iter().map(|fixture| fixture.name.clone()).collect(),
        seed: options.seed,
        cases: options.cases,
        lines,
    }
}

struct Suite<'a> {
    bench: Bench<'a>,
    cases: Vec<Case<'a>>,
    /// The first breach of each watched promise, by fixture.
    watched: BTreeMap<(Check, Option<String>), Failure>,
    /// Passes so far, by fixture.
    passes: BTreeMap<Option<String>, u64>,
    seed: u64,
}

impl Suite<'_> {
    fn outcomes(&mut self, check: Check) -> Vec<Outcome> {
        let outcomes = match checks::kind(check) {
            Kind::Plugin(run) => {
                self.prepare(check, 0);
                let ended = run(&mut self.bench);
                vec![self.outcome(check, None, ended)]
            }
            Kind::Fixture(run) => self.with_fixtures(check, run),
            Kind::Watch => self.watched(check),
        };
        match outcomes.as_slice() {
            [] if self.cases.is_empty() => vec![not_tested(None, NO_FIXTURES)],
            [] => vec![not_tested(None, NO_GOOD_FIXTURE)],
            _ => outcomes,
        }
    }

    fn with_fixtures(&mut self, check: Check, run: fn(&mut Bench<'_>, &Case<'_>) -> Ended) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for index in 0..self.cases.len() {
            self.prepare(check, index);
            let Some(case) = self.cases.get(index).filter(|case| concerns(check, case.fixture)) else {
                continue;
            };
            let name = case.fixture.name.clone();
            let ended = match case.fixture.not_applicable.get(&check) {
                Some(reason) => Ok(End::NotApplicable(format!("the fixture says: {reason}"))),
                None => run(&mut self.bench, case),
            };
            outcomes.push(self.outcome(check, Some(name), ended));
        }
        outcomes
    }

    /// What became of a promise that is watched in all that was asked before.
    fn watched(&mut self, check: Check) -> Vec<Outcome> {
        let concerned = self.cases.iter().filter(|case| concerns(check, case.fixture));
        let mut names: Vec<_> = concerned.map(|case| Some(case.fixture.name.clone())).collect();
        // Whatever broke it counts, also what was asked without routing.
        let broken = self.watched.keys().filter(|(of, name)| *of == check && !names.contains(name));
        let broken: Vec<_> = broken.map(|(_, name)| name.clone()).collect();
        names.extend(broken);
        let outcome = |name: Option<String>| {
            let passes = self.passes.get(&name).copied().unwrap_or_default();
            match self.watched.remove(&(check, name.clone())) {
                Some(failure) => failed(name, passes, failure),
                None if passes == 0 => not_tested(name, "nothing was routed with this fixture"),
                None => passed(name, passes),
            }
        };
        names.into_iter().map(outcome).collect()
    }

    /// The same random cases for a check and a fixture, whatever ran before.
    fn prepare(&mut self, check: Check, fixture: usize) {
        let position = Check::ALL.iter().position(|other| *other == check).unwrap_or_default();
        let own = u64::try_from(position * 4096 + fixture).unwrap_or_default();
        self.bench.random = Rng::with_seed(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(own));
        self.bench.passes = 0;
    }

    fn outcome(&mut self, check: Check, fixture: Option<String>, ended: Ended) -> Outcome {
        let passes = self.bench.passes;
        *self.passes.entry(fixture.clone()).or_default() += passes;
        match ended {
            Ok(End::Passed) => passed(fixture, passes),
            Ok(End::NotApplicable(reason)) => Outcome {
                fixture,
                verdict: Verdict::NotApplicable,
                passes,
                reason: Some(reason),
                failure: None,
            },
            Err(broken) => {
                let Broken { check: of, failure } = broken;
                match of.filter(|of| *of != check) {
                    None => failed(fixture, passes, *failure),
                    Some(of) => {
                        let reason = format!("stopped, because `{of}` failed");
                        let first = self.watched.entry((of, fixture.clone()));
                        first.or_insert(*failure);
                        Outcome { passes, ..not_tested(fixture, &reason) }
                    }
                }
            }
        }
    }
}

/// Whether a fixture is for this check: one whose configuration is meant to be wrong is not for most.
fn concerns(check: Check, fixture: &Fixture) -> bool {
    fixture.problem.is_none() || matches!(check, Check::Features | Check::BrokenConfig | Check::Deterministic)
}

fn passed(fixture: Option<String>, passes: u64) -> Outcome {
    Outcome { fixture, verdict: Verdict::Passed, passes, reason: None, failure: None }
}

fn failed(fixture: Option<String>, passes: u64, failure: Failure) -> Outcome {
    Outcome { fixture, verdict: Verdict::Failed, passes, reason: None, failure: Some(failure) }
}

fn not_tested(fixture: Option<String>, reason: &str) -> Outcome {
    Outcome {
        fixture,
        verdict: Verdict::NotTested,
        passes: 0,
        reason: Some(reason.to_owned()),
        failure: None,
    }
}
