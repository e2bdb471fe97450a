//! Rules about metrics by patterns of their names: which are recorded only, and how many measurements are kept.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::field::{Field, Problems};
use crate::substitute::has_placeholders;

/// How many measurements of a metric are kept, when no rule says (Argo Rollouts).
pub(crate) const DEFAULT_KEPT: usize = 10;
/// The largest compiled pattern, in bytes.
const PATTERN_BYTES: usize = 256 * 1024;

/// What the rules say about the metrics of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Metrics that are recorded and decide nothing.
    pub(crate) dry_run: BTreeSet<String>,
    kept: BTreeMap<String, usize>,
}

impl Rules {
    /// Reads `dryRun` and `measurementRetention`. A rule that matches no metric is wrong: it was meant for one.
    pub(crate) fn read(spec: &Field<'_>, metrics: &[&str], problems: &mut Problems) -> Self {
        let mut rules = Self::default();
        for rule in spec.get("dryRun").elements() {
            for name in matching(&rule, metrics, problems) {
                rules.dry_run.insert(name.to_owned());
            }
        }
        for rule in spec.get("measurementRetention").elements() {
            let kept = problems.number(&rule.get("limit"), 1).unwrap_or_default();
            for name in matching(&rule, metrics, problems) {
                let kept = usize::try_from(kept).ok().filter(|kept| *kept > 0).unwrap_or(DEFAULT_KEPT);
                rules.kept.insert(name.to_owned(), kept);
            }
        }
        rules
    }

    /// How many measurements of a metric are kept.
    pub(crate) fn kept(&self, metric: &str) -> usize {
        self.kept.get(metric).copied().unwrap_or(DEFAULT_KEPT)
    }
}

/// The metrics of a run's or a template's spec that are recorded and decide nothing. Rules that cannot be read count for none.
pub fn dry_run_metrics(spec: &Value) -> BTreeSet<String> {
    let spec = Field::new("spec", Some(spec));
    if spec.get("dryRun").elements().next().is_none() {
        return BTreeSet::new();
    }
    let metrics = spec.value.get("metrics").and_then(Value::as_array);
    let names = metrics.into_iter().flatten().filter_map(|metric| metric.get("name")?.as_str());
    Rules::read(&spec, &names.collect::<Vec<_>>(), &mut Problems::default()).dry_run
}

fn matching<'a>(rule: &Field<'_>, metrics: &[&'a str], problems: &mut Problems) -> Vec<&'a str> {
    let Some(pattern) = pattern(rule, problems) else { return Vec::new() };
    let found: Vec<&str> = metrics.iter().copied().filter(|name| pattern.is_match(name)).collect();
    if found.is_empty() {
        problems.say(&rule.get("metricName"), "Rule didn't match any metric name(s); correct or remove it");
    }
    found
}

/// The pattern of a rule, checked.
pub(crate) fn pattern(rule: &Field<'_>, problems: &mut Problems) -> Option<Regex> {
    let field = rule.get("metricName");
    let text = problems.needed_text(&field, "a pattern of metrics' names");
    match RegexBuilder::new(&text).size_limit(PATTERN_BYTES).nest_limit(50).build() {
        Ok(pattern) if !text.is_empty() => Some(pattern),
        Ok(_) => None,
        Err(error) => {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim();
            problems.say(&field, format!("is no pattern that can be used: {why}"));
            None
        }
    }
}

/// The rules of a template, checked without its metrics' names, which arguments may change.
pub(crate) fn check(spec: &Field<'_>, problems: &mut Problems) {
    for name in ["dryRun", "measurementRetention"] {
        let rules = spec.get(name);
        problems.list(&rules, "rules with a metricName");
        for rule in rules.elements() {
            pattern(&rule, problems);
            let limit = rule.get("limit");
            if name == "measurementRetention" && !has_placeholders(limit.value) {
                if !limit.is_given() {
                    problems.say(&limit, "must be given: how many measurements are kept");
                }
                problems.number(&limit, 1);
                problems.only(&rule, &["metricName", "limit"]);
            } else if name == "dryRun" {
                problems.only(&rule, &["metricName"]);
            }
        }
    }
}

/// Rules with the same pattern twice.
pub(crate) fn repeated(rules: &[Value]) -> Option<String> {
    let names = rules.iter().map(|rule| rule.get("metricName").and_then(Value::as_str).unwrap_or_default());
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name)).map(str::to_owned)
}
