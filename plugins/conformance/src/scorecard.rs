//! The result: which promises hold, and where one does not, what was asked, answered and expected.

use serde::Serialize;

use crate::check::Check;

/// All results of one run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scorecard {
    /// The plugin's name, as it says itself.
    pub plugin: String,
    /// The plugin's version, as it says itself.
    pub version: String,
    /// SHA-256 of the component, in hexadecimal digits.
    pub digest: String,
    /// Names of the fixtures.
    pub fixtures: Vec<String>,
    /// The seed of what was asked.
    pub seed: u64,
    /// How many random cases each property was tried with.
    pub cases: u32,
    /// One line for each check, in their order.
    pub lines: Vec<Line>,
}

/// One check and its outcomes: one, or one for each fixture.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Which check.
    pub check: Check,
    /// What it promises.
    pub promise: &'static str,
    /// What all outcomes together come to.
    pub verdict: Verdict,
    /// The outcomes.
    pub outcomes: Vec<Outcome>,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was not tested, because nothing was given to test it with, or something else failed first.
    NotTested,
    /// It does not apply to this plugin, or not to this fixture.
    NotApplicable,
    /// The promise holds.
    Passed,
    /// It does not.
    Failed,
}

/// A check with one fixture, or without any.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// With which fixture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixture: Option<String>,
    /// What became of it.
    pub verdict: Verdict,
    /// How many passes of the host it took.
    pub passes: u64,
    /// Why it was not tested or does not apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// A promise that does not hold: one question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What the plugin was asked.
    pub asked: String,
    /// What it answered, or what came of that.
    pub answered: String,
    /// What a host needs instead.
    pub expected: String,
}

/// How many checks have which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Checks that hold.
    pub passed: usize,
    /// Checks that do not.
    pub failed: usize,
    /// Checks that do not apply.
    pub not_applicable: usize,
    /// Checks that were not tested.
    pub not_tested: usize,
}

impl Line {
    pub(crate) fn new(check: Check, outcomes: Vec<Outcome>) -> Self {
        // A promise holds when it holds with all fixtures to which it applies.
        let verdict = outcomes.iter().map(|outcome| outcome.verdict).max().unwrap_or(Verdict::NotTested);
        Self { check, promise: check.promise(), verdict, outcomes }
    }
}

impl Scorecard {
    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        self.lines.iter().all(|line| line.verdict != Verdict::Failed)
    }

    /// The line of a check.
    pub fn line(&self, check: Check) -> Option<&Line> {
        self.lines.iter().find(|line| line.check == check)
    }

    /// How many checks have which verdict.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for line in &self.lines {
            let count = match line.verdict {
                Verdict::Passed => &mut totals.passed,
                Verdict::Failed => &mut totals.failed,
                Verdict::NotApplicable => &mut totals.not_applicable,
                Verdict::NotTested => &mut totals.not_tested,
            };
            *count += 1;
        }
        totals
    }
}
