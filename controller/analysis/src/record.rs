//! What was answered, taken into the status.

use jiff::Timestamp;

use crate::answer::{Answer, Outcome};
use crate::argument::{Given, Secrets};
use crate::judge::judge;
use crate::phase::Phase;
use crate::provider::prometheus::RESOLVED_QUERY_KEY;
use crate::provider::{Provider, job};
use crate::resolve::Resolved;
use crate::status::{Measurement, MetricResult};

/// What is said of a measurement that was ended with its run (Argo Rollouts).
const TERMINATED: &str = "metric terminated";

/// What recording needs to know of the run.
pub(crate) struct Recorder<'a> {
    pub(crate) run_uid: &'a str,
    pub(crate) given: &'a Given,
    pub(crate) secrets: &'a Secrets,
}

impl Recorder<'_> {
    /// Takes an answer in, unless it is about another measurement than the next one: then it was taken in before, or the status
    /// was changed by somebody else.
    pub(crate) fn take(&self, resolved: &Resolved, result: &mut MetricResult, answer: &Answer) {
        if answer.key.number != result.next_number() || result.is_completed() {
            return;
        }
        let is_in_flight = result.in_flight().is_some();
        let (phase, message, value, warnings) = match &answer.outcome {
            Outcome::Running if is_in_flight => return,
            Outcome::Running => {
                let mut measurement = Measurement::new(answer.started_at);
                measurement.set_metadata(
                    job::JOB_NAME_KEY,
                    &job::name(self.run_uid, &resolved.metric.name, answer.key.number),
                );
                result.measurements.push(measurement);
                return;
            }
            Outcome::Terminated if !is_in_flight => return,
            Outcome::Terminated => (Phase::Successful, TERMINATED.to_owned(), None, &[][..]),
            Outcome::Verdict { phase, .. } if !phase.is_completed() => return,
            Outcome::Verdict { phase, message } => (*phase, message.clone(), None, &[][..]),
            Outcome::Error(message) => (Phase::Error, message.clone(), None, &[][..]),
            Outcome::Observed(observed) => {
                let (phase, message) = match resolved.unjudged() {
                    Some(why) => (Phase::Error, why.to_owned()),
                    None => judge(resolved.judging(), observed),
                };
                (phase, message, Some(observed.text.as_str()), observed.warnings.as_slice())
            }
        };
        if !is_in_flight {
            let mut measurement = Measurement::new(answer.started_at);
            if resolved.provider().is_lasting() {
                let name = job::name(self.run_uid, &resolved.metric.name, answer.key.number);
                measurement.set_metadata(job::JOB_NAME_KEY, &name);
            }
            result.measurements.push(measurement);
        }
        if let Some(measurement) = result.measurements.last_mut()
            && !warnings.is_empty()
        {
            let warnings: Vec<String> = warnings.iter().map(|warning| format!("\"{warning}\"")).collect();
            measurement.set_metadata("warnings", &self.given.redacted(self.secrets, &warnings.join(", ")));
        }
        self.complete(resolved, result, phase, &message, value, answer.at);
    }

    /// A measurement that is in error without anybody having been asked.
    pub(crate) fn fail(&self, resolved: &Resolved, result: &mut MetricResult, message: &str, now: Timestamp) {
        if result.in_flight().is_none() {
            result.measurements.push(Measurement::new(now));
        }
        self.complete(resolved, result, Phase::Error, message, None, now);
    }

    /// A measurement that cannot go on, and need not.
    pub(crate) fn end(&self, resolved: &Resolved, result: &mut MetricResult, now: Timestamp) {
        self.complete(resolved, result, Phase::Successful, TERMINATED, None, now);
    }

    fn complete(
        &self,
        resolved: &Resolved,
        result: &mut MetricResult,
        phase: Phase,
        message: &str,
        value: Option<&str>,
        at: Timestamp,
    ) {
        let message = self.given.redacted(self.secrets, message);
        if let Some(measurement) = result.measurements.last_mut() {
            measurement.complete(phase, &message, value, at);
        }
        if let Provider::Prometheus(config) = resolved.provider() {
            result.set_metadata(RESOLVED_QUERY_KEY, &config.query);
        }
        count(result, phase);
    }
}

/// Errors are counted apart: they are not among the measurements that a metric takes.
fn count(result: &mut MetricResult, phase: Phase) {
    match phase {
        Phase::Successful => {
            result.successful += 1;
            result.consecutive_success += 1;
        }
        Phase::Failed => {
            result.failed += 1;
            result.consecutive_success = 0;
        }
        Phase::Inconclusive => {
            result.inconclusive += 1;
            result.consecutive_success = 0;
        }
        Phase::Error => {
            result.error += 1;
            result.consecutive_error += 1;
            result.consecutive_success = 0;
            return;
        }
        Phase::Running | Phase::Pending => return,
    }
    result.count += 1;
    result.consecutive_error = 0;
}
