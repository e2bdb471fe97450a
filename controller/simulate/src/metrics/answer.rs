//! What comes of a measurement in a simulation.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_analysis::Outcome;
use tidegate_analysis::provider::{JsonPath, Observation, Provider, prometheus, web};
use tidegate_cluster::PodOutcome;

use super::{Measurement, Script, Scripted};

/// How long a scripted Job runs, once its pod is ready.
const JOB_RUNS: Duration = Duration::from_secs(2);
/// How long a server takes that answers.
const ANSWERS: Duration = Duration::from_millis(50);

impl Script {
    /// What comes of a measurement, and how long it takes.
    pub fn outcome(&self, provider: &Provider, measurement: &Measurement<'_>) -> (Duration, Outcome) {
        let Measurement { metric, run, .. } = measurement;
        let Some(scripted) = self.find(measurement) else {
            let why = format!(
                "nothing says what the metric {metric} of the run {run} is: add it to the file of --metrics"
            );
            return (ANSWERS, Outcome::Error(why));
        };
        let observed = if let Provider::Prometheus(config) = provider {
            ask_prometheus(config, scripted)
        } else if let Provider::Web(config) = provider {
            ask_web(config, scripted)
        } else {
            Err(Failure::Refused("no server is asked for this".to_owned()))
        };
        match observed {
            Ok(observation) => (ANSWERS, Outcome::Observed(observation)),
            Err(Failure::Refused(why)) => (ANSWERS, Outcome::Error(why)),
            Err(Failure::NoAnswer { seconds }) => {
                let after = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
                (after, Outcome::Error(format!("no answer within {seconds} s")))
            }
        }
    }

    /// What becomes of the pods of a measurement's Job; `None`: nothing is said about it.
    pub fn pods(&self, measurement: &Measurement<'_>) -> Option<PodOutcome> {
        Some(match self.find(measurement)? {
            Scripted::Job { succeeds: true } => PodOutcome::Succeeds { after: JOB_RUNS },
            Scripted::NoAnswer => PodOutcome::Ready,
            _ => PodOutcome::Crashes { after: JOB_RUNS },
        })
    }
}

/// Why a server gives no value.
enum Failure {
    /// In words.
    Refused(String),
    /// It was waited for so long.
    NoAnswer { seconds: i64 },
}

fn ask_prometheus(
    config: &prometheus::PrometheusConfig,
    scripted: &Scripted,
) -> Result<Observation, Failure> {
    let (status, body) = match scripted {
        Scripted::Value(value) => (200, prometheus_answer(config, value)?),
        other => raw(other, config.timeout_seconds)?,
    };
    config.observe(status, body.as_bytes()).map_err(Failure::Refused)
}

fn ask_web(config: &web::WebConfig, scripted: &Scripted) -> Result<Observation, Failure> {
    match scripted {
        // What the path would have found is the whole answer.
        Scripted::Value(value) => {
            let found = web::WebConfig { json_path: JsonPath::default(), ..config.clone() };
            found.observe(200, value.to_string().as_bytes()).map_err(Failure::Refused)
        }
        other => {
            let (status, body) = raw(other, config.timeout_seconds)?;
            config.observe(status, body.as_bytes()).map_err(Failure::Refused)
        }
    }
}

/// An answer that is the same for all servers.
fn raw(scripted: &Scripted, timeout: i64) -> Result<(u16, String), Failure> {
    match scripted {
        Scripted::Value(value) => Ok((200, value.to_string())),
        // A text is taken as it is, so that an answer need not be JSON.
        Scripted::Body(Value::String(text)) => Ok((200, text.clone())),
        Scripted::Body(body) => Ok((200, body.to_string())),
        Scripted::Status(status) => Ok((*status, String::new())),
        Scripted::Error(why) => Err(Failure::Refused(why.clone())),
        Scripted::NoAnswer => Err(Failure::NoAnswer { seconds: timeout }),
        Scripted::Job { .. } => {
            Err(Failure::Refused("the file of --metrics says how a Job ends, and this is none".to_owned()))
        }
    }
}

/// What a Prometheus answers that measures this: a series for each element, or for a range the values of one series.
fn prometheus_answer(config: &prometheus::PrometheusConfig, value: &Value) -> Result<String, Failure> {
    let samples = match value {
        Value::Null => Vec::new(),
        Value::Array(elements) => elements.iter().map(sample).collect::<Result<_, _>>()?,
        one => vec![sample(one)?],
    };
    let (kind, result) = match (&config.range, samples) {
        (_, none) if none.is_empty() => {
            (if config.range.is_some() { "matrix" } else { "vector" }, Vec::new())
        }
        (Some(_), samples) => {
            let values: Vec<Value> = samples.iter().map(|sample| json!([0, sample])).collect();
            ("matrix", vec![json!({"metric": {}, "values": values})])
        }
        (None, samples) => {
            ("vector", samples.iter().map(|sample| json!({"metric": {}, "value": [0, sample]})).collect())
        }
    };
    Ok(json!({"status": "success", "data": {"resultType": kind, "result": result}}).to_string())
}

/// A number as Prometheus writes it.
fn sample(value: &Value) -> Result<String, Failure> {
    match value {
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(text.clone()),
        other => Err(Failure::Refused(format!("a Prometheus measures numbers, and {other} is none"))),
    }
}
