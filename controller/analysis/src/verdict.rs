//! The verdict about a metric, and about a run.

use crate::metric::Metric;
use crate::phase::Phase;
use crate::resolve::Resolved;
use crate::status::{MetricResult, Status, Summary};

/// The limit that a metric has gone over, if any, with what is said about it. Of several the last of failures, inconclusive ones
/// and errors counts, as in Argo Rollouts.
pub(crate) fn exceeded(metric: &Metric, result: &MetricResult) -> Option<(Phase, String)> {
    let over = |count: i64, limit: Option<i64>| limit.filter(|limit| count > *limit);
    let mut found = None;
    if let Some(limit) = over(result.failed, metric.failure_limit) {
        found = Some((Phase::Failed, format!("failed ({}) > failureLimit ({limit})", result.failed)));
    }
    if let Some(limit) = over(result.inconclusive, metric.inconclusive_limit) {
        let message = format!("inconclusive ({}) > inconclusiveLimit ({limit})", result.inconclusive);
        found = Some((Phase::Inconclusive, message));
    }
    if let Some(limit) = over(result.consecutive_error, Some(metric.consecutive_error_limit)) {
        let message =
            format!("consecutiveErrors ({}) > consecutiveErrorLimit ({limit})", result.consecutive_error);
        found = Some((Phase::Error, message));
    }
    found
}

/// How far a metric is.
pub(crate) fn of_metric(
    metric: &Metric,
    result: &MetricResult,
    is_terminating: bool,
) -> (Phase, Option<String>) {
    if let Some(phase) = result.phase.filter(|phase| phase.is_completed()) {
        let why = exceeded(metric, result).filter(|(found, _)| *found == phase).map(|(_, why)| why);
        return (phase, why.or_else(|| unreached(metric, result, phase)));
    }
    if result.measurements.is_empty() {
        return (if is_terminating { Phase::Successful } else { Phase::Pending }, None);
    }
    if result.in_flight().is_some() {
        return (Phase::Running, None);
    }
    if let Some((phase, why)) = exceeded(metric, result) {
        return (phase, Some(why));
    }
    if metric.consecutive_success_limit.is_some_and(|limit| result.consecutive_success >= limit) {
        return (Phase::Successful, None);
    }
    if metric.count.is_some_and(|count| result.count >= count) {
        let phase = match (metric.consecutive_success_limit, metric.failure_limit) {
            (None, _) => Phase::Successful,
            (Some(_), Some(_)) => Phase::Inconclusive,
            (Some(_), None) => Phase::Failed,
        };
        return (phase, unreached(metric, result, phase));
    }
    (if is_terminating { Phase::Successful } else { Phase::Running }, None)
}

/// What is said about a metric whose measurements are over without enough good ones in a row.
fn unreached(metric: &Metric, result: &MetricResult, phase: Phase) -> Option<String> {
    let limit = metric.consecutive_success_limit.filter(|limit| result.consecutive_success < *limit)?;
    matches!(phase, Phase::Inconclusive | Phase::Failed).then(|| {
        format!("consecutiveSuccess ({}) < consecutiveSuccessLimit ({limit})", result.consecutive_success)
    })
}

/// Whether a run is ending: somebody wants that, or a metric that counts has ended in anything but success.
pub(crate) fn is_terminating(is_asked_to: bool, status: &Status) -> bool {
    let is_ending = |result: &MetricResult| !result.dry_run && result.phase.is_some_and(Phase::is_ending);
    is_asked_to || status.results.iter().any(is_ending)
}

/// How far a run is, and why: the worst of its metrics once all have completed. Counts them in the summaries.
pub(crate) fn of_run(metrics: &[Resolved], is_asked_to: bool, status: &mut Status) -> (Phase, String) {
    let is_terminating = is_terminating(is_asked_to, status);
    let (mut run, mut dry_run) = (Summary::default(), Summary::default());
    let mut is_over = true;
    let mut worst: Option<(Phase, String)> =
        is_asked_to.then(|| (Phase::Successful, "Run Terminated".to_owned()));
    for Resolved { metric, is_dry_run, .. } in metrics {
        let summary = if *is_dry_run { &mut dry_run } else { &mut run };
        summary.count += 1;
        let Some(result) = status.result(&metric.name) else {
            // Never begun: that holds nothing up any more when the run ends.
            is_over &= is_terminating;
            continue;
        };
        let Some(phase) = result.phase.filter(|phase| phase.is_completed()) else {
            is_over = false;
            continue;
        };
        summary.add(phase);
        if *is_dry_run {
            continue;
        }
        if worst.as_ref().is_none_or(|(known, _)| phase > *known) {
            let message = match of_metric(metric, result, is_terminating).1 {
                Some(why) => explained(metric, result, phase, &why),
                None => worst.map(|(_, message)| message).unwrap_or_default(),
            };
            worst = Some((phase, message));
        }
    }
    status.run_summary = run;
    status.dry_run_summary = dry_run;
    if is_over {
        worst.unwrap_or((Phase::Successful, String::new()))
    } else {
        (Phase::Running, String::new())
    }
}

/// As Argo words it.
fn explained(metric: &Metric, result: &MetricResult, phase: Phase, why: &str) -> String {
    let said = result.last().map(crate::status::Measurement::message).unwrap_or_default();
    let said = if said.is_empty() { String::new() } else { format!(": \"Error Message: {said}\"") };
    format!("Metric \"{}\" assessed {} due to {why}{said}", metric.name, phase.name())
}
