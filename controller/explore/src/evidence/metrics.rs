//! What metrics answer: as they should, badly, slowly, nothing, or rubbish. The bytes are read by the same code as a server's.

use std::time::Duration;

use tidegate_analysis::Outcome;
use tidegate_analysis::provider::Provider;
use tidegate_cluster::{PodOutcome, PodRule};
use tidegate_shell::{Event, MeasureJob, RequestId};

use super::templates::PROBE;
use crate::simulation::{Arrival, Simulation, To};

/// How metrics behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricFault {
    /// They are good.
    Well,
    /// They are bad.
    Bad,
    /// They are neither.
    Between,
    /// They are this or that.
    Mixed,
    /// What comes is no value, or none that means anything.
    Garbage,
    /// Nobody is there to answer.
    Unreachable,
    /// They are good, and come this late.
    Slow(Duration),
}

/// How the pods of Jobs that measure behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobFault {
    /// They succeed.
    Well,
    /// They fail.
    Fails,
    /// They never start.
    NeverStarts,
    /// They succeed, this late.
    Slow(Duration),
}

/// Bodies and statuses in which there is nothing to be measured.
const GARBAGE: [(u16, &str); 12] = [
    (200, ""),
    (200, "{"),
    (200, "null"),
    (200, "{\"value\": null}"),
    (200, "{\"value\": \"NaN\"}"),
    (200, "{\"value\": [1, null]}"),
    (200, "{\"value\": {\"value\": 1}}"),
    (200, "{\"value\": 1e400}"),
    (200, "{\"status\": \"success\", \"data\": {\"resultType\": \"vector\", \"result\": []}}"),
    (
        200,
        "{\"status\": \"success\", \"data\": {\"resultType\": \"vector\", \"result\": [{\"metric\": {}, \"value\": [0, \"NaN\"]}]}}",
    ),
    (200, "{\"status\": \"error\", \"error\": \"no\"}"),
    (500, "oops"),
];

/// The metrics of a run.
#[derive(Debug)]
pub(crate) struct Measuring {
    behaviour: MetricFault,
    random: fastrand::Rng,
}

impl Measuring {
    pub(crate) fn new(seed: u64) -> Self {
        Self { behaviour: MetricFault::Well, random: fastrand::Rng::with_seed(seed ^ 0x7a1e) }
    }

    /// What comes of a measurement that is taken now, and after how long.
    pub(crate) fn answer(&mut self, provider: &Provider) -> (Duration, Outcome) {
        let quickly = Duration::from_millis(self.random.u64(1..=200));
        let value = match self.behaviour {
            MetricFault::Well | MetricFault::Slow(_) => "1",
            MetricFault::Bad => "0",
            MetricFault::Between => "0.5",
            MetricFault::Mixed => self.random.choice(["1", "0", "0.5"]).unwrap_or("1"),
            MetricFault::Garbage => {
                let (status, body) = self.random.choice(GARBAGE).unwrap_or((500, ""));
                return (quickly, read(provider, status, body));
            }
            MetricFault::Unreachable => {
                return (Duration::from_secs(10), Outcome::Error("nobody answers".to_owned()));
            }
        };
        let after = if let MetricFault::Slow(after) = self.behaviour { after } else { quickly };
        let body = match provider {
            Provider::Prometheus(_) => format!(
                "{{\"status\": \"success\", \"data\": {{\"resultType\": \"vector\", \"result\": [{{\"metric\": {{}}, \"value\": [0, \"{value}\"]}}]}}}}"
            ),
            _ => format!("{{\"value\": {value}}}"),
        };
        (after, read(provider, 200, &body))
    }
}

fn read(provider: &Provider, status: u16, body: &str) -> Outcome {
    let observed = match provider {
        Provider::Web(config) => config.observe(status, body.as_bytes()),
        Provider::Prometheus(config) => config.observe(status, body.as_bytes()),
        Provider::Job(_) | Provider::Unreadable => Err("this is measured otherwise".to_owned()),
    };
    observed.map_or_else(Outcome::Error, Outcome::Observed)
}

impl Simulation {
    /// Asks for a measurement.
    pub(crate) fn measure(&mut self, to: To, id: RequestId, job: &MeasureJob) {
        let now = self.elapsed();
        let Some(process) = self.process(to) else { return };
        let key = (job.run.name.to_string(), job.metric.clone(), job.number);
        let is_led = process.leads;
        let is_new = process.measuring.values().all(|one| *one != key);
        process.measuring.insert(id, key);
        if !is_led || !is_new {
            self.checker.measured_in_vain(now, to.controller, job, is_led);
        }
        let (after, outcome) = self.measuring.answer(&job.provider);
        self.trace.say(now, || {
            format!(
                "controller {}: measures {} of {}, number {}: {outcome:?} after {after:?}",
                to.controller, job.metric, job.run.name, job.number
            )
        });
        self.arrives(now.saturating_add(after), Arrival::Told(to, Event::Measured { id, outcome }));
    }

    /// Metrics behave otherwise from now on.
    pub(crate) fn metrics_behave(&mut self, what: MetricFault) {
        self.measuring.behaviour = what;
    }

    /// The pods of new Jobs behave otherwise from now on.
    pub(crate) fn jobs_behave(&mut self, what: JobFault) {
        let rules = &mut self.cluster.settings_mut().pods.rules;
        rules.retain(|rule| rule.image.as_deref() != Some(PROBE));
        let outcome = match what {
            JobFault::Well => return,
            JobFault::Fails => PodOutcome::Crashes { after: Duration::from_secs(1) },
            JobFault::NeverStarts => PodOutcome::NeverStarts { reason: "ImagePullBackOff".to_owned() },
            JobFault::Slow(after) => PodOutcome::Succeeds { after },
        };
        rules.push(PodRule { image: Some(PROBE.to_owned()), outcome, ..PodRule::default() });
    }
}
