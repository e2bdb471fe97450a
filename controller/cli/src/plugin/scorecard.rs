//! The scorecard for people: one line for each check, then what failed.

use std::fmt::Write;

use anstyle::Style;
use tidegate_conformance::{Line, Outcome, Scorecard, Verdict};

use super::text::{BAD, BOLD, DIM, GOOD, UNSURE, column, printable};

/// Where promises and reasons begin.
const TEXT_AT: usize = 30;
/// Where questions and answers begin.
const ANSWER_AT: usize = 14;

/// A verdict in words.
pub(super) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::NotApplicable => "not applicable",
        Verdict::NotTested => "not tested",
    }
}

const fn mark(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Passed => ("✔", GOOD),
        Verdict::Failed => ("✘", BAD),
        Verdict::NotApplicable => ("–", DIM),
        Verdict::NotTested => ("?", UNSURE),
    }
}

/// All of it. Writing to a string cannot fail.
pub(super) fn table(scorecard: &Scorecard, origin: &str) -> String {
    let mut text = String::new();
    let name = printable(&format!("{} {}", scorecard.plugin, scorecard.version));
    let digest = scorecard.digest.get(..12).unwrap_or_default();
    let _ = writeln!(text, "{BOLD}{name}{BOLD:#}  {origin}  {DIM}sha256:{digest}…{DIM:#}");
    let fixtures = match scorecard.fixtures.as_slice() {
        [] => "none (--fixtures DIR)".to_owned(),
        names => names.join(", "),
    };
    let _ = writeln!(text, "fixtures: {}", column(&fixtures, 10));
    let _ = writeln!(text, "{DIM}{} random cases each, seed {}{DIM:#}\n", scorecard.cases, scorecard.seed);
    for line in &scorecard.lines {
        let (mark, style) = mark(line.verdict);
        let _ = writeln!(
            text,
            "{style}{mark}{style:#} {:<27} {}",
            line.check.as_str(),
            column(&said(line), TEXT_AT)
        );
    }
    for line in &scorecard.lines {
        line.outcomes.iter().for_each(|outcome| failure(&mut text, line, outcome));
    }
    let totals = scorecard.totals();
    let (result, style) = if scorecard.is_good() { ("PASSED", GOOD) } else { ("FAILED", BAD) };
    let _ = writeln!(
        text,
        "\n{style}{result}{style:#}  {} passed, {} failed, {} not applicable, {} not tested",
        totals.passed, totals.failed, totals.not_applicable, totals.not_tested
    );
    text
}

/// What is said beside a check: its promise, or why nothing is known.
fn said(line: &Line) -> String {
    let with = |verdict| line.outcomes.iter().filter(move |outcome| outcome.verdict == verdict);
    match line.verdict {
        Verdict::Passed => {
            let (held, all) = (with(Verdict::Passed).count(), line.outcomes.len());
            let some = if held < all { format!(" ({held} of {all} fixtures)") } else { String::new() };
            format!("{}{some}", line.promise)
        }
        Verdict::Failed => line.promise.to_owned(),
        Verdict::NotApplicable | Verdict::NotTested => {
            let mut reasons: Vec<_> =
                with(line.verdict).filter_map(|outcome| outcome.reason.as_deref()).collect();
            reasons.dedup();
            format!("{}: {}", word(line.verdict), reasons.join("; "))
        }
    }
}

fn failure(text: &mut String, line: &Line, outcome: &Outcome) {
    let Some(failure) = &outcome.failure else { return };
    let fixture = outcome.fixture.as_ref().map_or(String::new(), |name| format!(", fixture {name}"));
    let _ = writeln!(text, "\n{BAD}✘ {}{fixture}{BAD:#}", line.check);
    for (what, said) in
        [("asked", &failure.asked), ("answered", &failure.answered), ("expected", &failure.expected)]
    {
        let _ = writeln!(text, "    {what:<9} {}", column(said, ANSWER_AT));
    }
}
