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
        let fixtures: Vec<_> = self.cases.iter().map(|case| Some(case.fixture.name.clone())).collect();
        match checks::kind(check) {
            Kind::Plugin(run) => {
                self.prepare(check, 0);
                let ended = run(&mut self.bench);
                vec![self.outcome(check, None, ended)]
            }
            Kind::Fixture(_) | Kind::Watch if self.cases.is_empty() => {
                let mut outcomes = vec![not_tested(None, NO_FIXTURES)];
                // What was seen without fixtures counts when it failed.
                if let Some(failure) = self.watched.remove(&(check, None)) {
                    outcomes.push(failed(None, 0, failure));
                }
                outcomes
            }
            Kind::Fixture(run) => (0..self.cases.len())
                .zip(fixtures)
                .filter_map(|(index, name)| {
                    self.prepare(check, index);
                    let case = self.cases.get(index)?;
                    let ended = match why_not(check, case) {
                        Some(reason) => Ok(End::NotApplicable(reason)),
                        None => run(&mut self.bench, case),
                    };
                    Some(self.outcome(check, name, ended))
                })
                .collect(),
            Kind::Watch => fixtures
                .into_iter()
                .chain(self.watched.contains_key(&(check, None)).then_some(None))
                .map(|name| {
                    let passes = self.passes.get(&name).copied().unwrap_or_default();
                    match self.watched.remove(&(check, name.clone())) {
                        Some(failure) => failed(name, passes, failure),
                        None if passes == 0 => not_tested(name, "nothing was routed with this fixture"),
                        None => passed(name, passes),
                    }
                })
                .collect(),
        }
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

/// Why a check does not apply to a fixture, by what the fixture says.
fn why_not(check: Check, case: &Case<'_>) -> Option<String> {
    let fixture = case.fixture;
    if let Some(reason) = fixture.not_applicable.get(&check) {
        return Some(format!("the fixture says: {reason}"));
    }
    let tests_problem = matches!(check, Check::Features | Check::BrokenConfig | Check::Deterministic);
    let problem = fixture.problem.as_ref().filter(|_| !tests_problem)?;
    Some(format!("the fixture's configuration has the problem `{problem}`"))
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
