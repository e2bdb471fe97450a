//! The status of a run, read totally and written with all that is not known in it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::phase::Phase;
use crate::time;

/// `status` of an AnalysisRun.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    raw: Map<String, Value>,
    pub(crate) phase: Option<Phase>,
    pub(crate) message: String,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) results: Vec<MetricResult>,
    pub(crate) run_summary: Summary,
    pub(crate) dry_run_summary: Summary,
}

/// How many metrics ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) count: i64,
    pub(crate) successful: i64,
    pub(crate) failed: i64,
    pub(crate) inconclusive: i64,
    pub(crate) error: i64,
}

/// One of `status.metricResults`.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetricResult {
    raw: Map<String, Value>,
    pub(crate) name: String,
    pub(crate) phase: Option<Phase>,
    pub(crate) message: String,
    pub(crate) measurements: Vec<Measurement>,
    pub(crate) count: i64,
    pub(crate) successful: i64,
    pub(crate) failed: i64,
    pub(crate) inconclusive: i64,
    pub(crate) error: i64,
    pub(crate) consecutive_error: i64,
    pub(crate) consecutive_success: i64,
    pub(crate) dry_run: bool,
}

/// One measurement.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measurement {
    raw: Map<String, Value>,
}

impl Status {
    pub(crate) fn read(run: &Value) -> Self {
        let raw = run.get("status").and_then(Value::as_object).cloned().unwrap_or_default();
        let results = raw.get("metricResults").and_then(Value::as_array).into_iter().flatten();
        let results = results.filter_map(MetricResult::read).collect();
        Self {
            phase: phase(&raw),
            message: text(&raw, "message"),
            started_at: time::read(raw.get("startedAt")),
            completed_at: time::read(raw.get("completedAt")),
            results,
            run_summary: Summary::default(),
            dry_run_summary: Summary::default(),
            raw,
        }
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.phase.is_some_and(Phase::is_completed)
    }

    pub(crate) fn result(&self, metric: &str) -> Option<&MetricResult> {
        self.results.iter().find(|result| result.name == metric)
    }

    /// The result of a metric, made if there is none.
    pub(crate) fn result_mut(&mut self, metric: &str) -> Option<&mut MetricResult> {
        if self.result(metric).is_none() {
            self.results.push(MetricResult {
                name: metric.to_owned(),
                phase: Some(Phase::Running),
                ..MetricResult::default()
            });
        }
        self.results.iter_mut().find(|result| result.name == metric)
    }

    pub(crate) fn write(mut self) -> Value {
        let raw = &mut self.raw;
        set(raw, "phase", Value::from(self.phase.map_or("", Phase::name)));
        set(raw, "message", Value::from(self.message));
        set(raw, "startedAt", self.started_at.map_or(Value::Null, |at| Value::from(time::text(at))));
        set(raw, "completedAt", self.completed_at.map_or(Value::Null, |at| Value::from(time::text(at))));
        let results: Vec<Value> = self.results.into_iter().map(MetricResult::write).collect();
        set(raw, "metricResults", Value::from(results));
        raw.insert("runSummary".to_owned(), self.run_summary.write());
        raw.insert("dryRunSummary".to_owned(), self.dry_run_summary.write());
        Value::Object(self.raw)
    }
}

impl Summary {
    pub(crate) fn add(&mut self, phase: Phase) {
        match phase {
            Phase::Successful => self.successful += 1,
            Phase::Failed => self.failed += 1,
            Phase::Inconclusive => self.inconclusive += 1,
            Phase::Error => self.error += 1,
            Phase::Running | Phase::Pending => {}
        }
    }

    fn write(self) -> Value {
        let mut raw = Map::new();
        set(&mut raw, "count", json!(self.count));
        set(&mut raw, "successful", json!(self.successful));
        set(&mut raw, "failed", json!(self.failed));
        set(&mut raw, "inconclusive", json!(self.inconclusive));
        set(&mut raw, "error", json!(self.error));
        Value::Object(raw)
    }
}

impl MetricResult {
    fn read(value: &Value) -> Option<Self> {
        let raw = value.as_object()?.clone();
        // No counter is below zero, and none is so large that it could not be counted on.
        let number = |field: &str| {
            raw.get(field).and_then(Value::as_i64).unwrap_or_default().clamp(0, i64::from(i32::MAX))
        };
        let measurements = raw.get("measurements").and_then(Value::as_array).into_iter().flatten();
        Some(Self {
            name: text(&raw, "name"),
            phase: phase(&raw),
            message: text(&raw, "message"),
            measurements: measurements
                .filter_map(|one| Some(Measurement { raw: one.as_object()?.clone() }))
                .collect(),
            count: number("count"),
            successful: number("successful"),
            failed: number("failed"),
            inconclusive: number("inconclusive"),
            error: number("error"),
            consecutive_error: number("consecutiveError"),
            consecutive_success: number("consecutiveSuccess"),
            dry_run: raw.get("dryRun").and_then(Value::as_bool).unwrap_or_default(),
            raw,
        })
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.phase.is_some_and(Phase::is_completed)
    }

    /// The number of the next measurement, or of the one that is under way.
    pub(crate) fn next_number(&self) -> u64 {
        (self.count + self.error + 1).unsigned_abs()
    }

    pub(crate) fn last(&self) -> Option<&Measurement> {
        self.measurements.last()
    }

    /// The measurement that is under way.
    pub(crate) fn in_flight(&self) -> Option<&Measurement> {
        self.last().filter(|last| !last.is_completed())
    }

    pub(crate) fn set_metadata(&mut self, key: &str, value: &str) {
        set_metadata(&mut self.raw, key, value);
    }

    fn write(mut self) -> Value {
        let raw = &mut self.raw;
        raw.insert("name".to_owned(), Value::from(self.name));
        set(raw, "phase", Value::from(self.phase.map_or("", Phase::name)));
        set(raw, "message", Value::from(self.message));
        let measurements: Vec<Value> =
            self.measurements.into_iter().map(|measurement| Value::Object(measurement.raw)).collect();
        set(raw, "measurements", Value::from(measurements));
        for (field, number) in [
            ("count", self.count),
            ("successful", self.successful),
            ("failed", self.failed),
            ("inconclusive", self.inconclusive),
            ("error", self.error),
            ("consecutiveError", self.consecutive_error),
            ("consecutiveSuccess", self.consecutive_success),
        ] {
            set(raw, field, Value::from(number));
        }
        set(raw, "dryRun", Value::from(self.dry_run));
        Value::Object(self.raw)
    }
}

impl Measurement {
    pub(crate) fn new(started_at: Timestamp) -> Self {
        let mut raw = Map::new();
        raw.insert("phase".to_owned(), Value::from(Phase::Running.name()));
        raw.insert("startedAt".to_owned(), Value::from(time::text(started_at)));
        Self { raw }
    }

    /// None: it says nothing that is known; then it is under way.
    pub(crate) fn phase(&self) -> Option<Phase> {
        phase(&self.raw)
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.phase().is_some_and(Phase::is_completed)
    }

    pub(crate) fn message(&self) -> String {
        text(&self.raw, "message")
    }

    /// When it ended, or began when it does not say.
    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        time::read(self.raw.get("finishedAt")).or_else(|| time::read(self.raw.get("startedAt")))
    }

    pub(crate) fn resume_at(&self) -> Option<Timestamp> {
        time::read(self.raw.get("resumeAt"))
    }

    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.raw.get("metadata")?.get(key)?.as_str().filter(|text| !text.is_empty())
    }

    pub(crate) fn set_metadata(&mut self, key: &str, value: &str) {
        set_metadata(&mut self.raw, key, value);
    }

    pub(crate) fn complete(&mut self, phase: Phase, message: &str, value: Option<&str>, at: Timestamp) {
        set(&mut self.raw, "phase", Value::from(phase.name()));
        set(&mut self.raw, "message", Value::from(message));
        if let Some(value) = value {
            set(&mut self.raw, "value", Value::from(value));
        }
        set(&mut self.raw, "finishedAt", Value::from(time::text(at)));
    }
}

/// Sets a field, or removes it when it is empty, as Go leaves it out.
fn set(raw: &mut Map<String, Value>, field: &str, value: Value) {
    let is_empty = match &value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    };
    if is_empty {
        raw.shift_remove(field);
    } else {
        raw.insert(field.to_owned(), value);
    }
}

fn set_metadata(raw: &mut Map<String, Value>, key: &str, value: &str) {
    let metadata = raw.entry("metadata").or_insert_with(|| json!({}));
    if !metadata.is_object() {
        *metadata = json!({});
    }
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert(key.to_owned(), Value::from(value));
    }
}

fn phase(raw: &Map<String, Value>) -> Option<Phase> {
    raw.get("phase").and_then(Value::as_str).and_then(Phase::read)
}

fn text(raw: &Map<String, Value>, field: &str) -> String {
    raw.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}
