//! When a metric is measured.

use jiff::{SignedDuration, Timestamp};

use crate::phase::Phase;
use crate::provider::job::JOB_NAME_KEY;
use crate::resolve::Resolved;
use crate::status::MetricResult;
use crate::time;

/// Seconds from an error to the next attempt, whatever the interval (Argo Rollouts).
const ERROR_RETRY_SECONDS: i64 = 10;

/// What is next for a metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Next {
    /// Nothing.
    Nothing,
    /// Something at this time.
    Wait(Timestamp),
    /// A measurement.
    Measure,
    /// The Job of the measurement that is under way.
    Resume(String),
    /// To end the Job of the measurement that is under way.
    Terminate(String),
    /// The measurement that is under way cannot go on: nobody knows of it.
    Lost,
}

pub(crate) fn next(
    resolved: &Resolved,
    result: Option<&MetricResult>,
    started_at: Timestamp,
    is_terminating: bool,
    now: Timestamp,
) -> Next {
    let metric = &resolved.metric;
    if result.is_some_and(MetricResult::is_completed) {
        return Next::Nothing;
    }
    if let Some(measurement) = result.and_then(MetricResult::in_flight) {
        let job = measurement.metadata(JOB_NAME_KEY).filter(|_| resolved.provider().is_lasting());
        return match (job, measurement.resume_at()) {
            (None, _) => Next::Lost,
            (Some(job), _) if is_terminating => Next::Terminate(job.to_owned()),
            (Some(_), Some(at)) if at > now => Next::Wait(at),
            (Some(job), _) => Next::Resume(job.to_owned()),
        };
    }
    if is_terminating {
        return Next::Nothing;
    }
    let due = match result.and_then(|result| Some((result, result.last()?))) {
        None => time::later(started_at, metric.initial_delay),
        Some((result, _)) if metric.count.is_some_and(|count| result.count >= count) => return Next::Nothing,
        Some((_, last)) => {
            let pause = match (last.phase(), metric.interval) {
                (Some(Phase::Error), _) | (_, None) => ERROR_RETRY_SECONDS,
                (_, Some(interval)) => interval,
            };
            match last.ended_at() {
                // One that does not say when it ended does not hold up the next.
                None => now,
                Some(ended) => match ended.checked_add(SignedDuration::from_secs(pause)) {
                    Ok(due) => due,
                    // Past the end of time.
                    Err(_) => return Next::Nothing,
                },
            }
        }
    };
    if due > now { Next::Wait(due) } else { Next::Measure }
}
