//! The status of an Experiment, read totally and written with all that is not known in it.

use jiff::Timestamp;
use serde_json::{Map, Value};
use tidegate_analysis::Phase;

use crate::time;

/// `status` of an Experiment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    raw: Map<String, Value>,
    pub(crate) phase: Option<Phase>,
    pub(crate) message: String,
    pub(crate) available_at: Option<Timestamp>,
    pub(crate) templates: Vec<TemplateStatus>,
    pub(crate) analyses: Vec<AnalysisStatus>,
}

/// How far the pods of a template are. Ordered from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Successful,
    Running,
    Progressing,
    Error,
    Failed,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Successful => "Successful",
            Self::Running => "Running",
            Self::Progressing => "Progressing",
            Self::Error => "Error",
            Self::Failed => "Failed",
        }
    }

    fn read(name: &str) -> Option<Self> {
        [Self::Successful, Self::Running, Self::Progressing, Self::Error, Self::Failed]
            .into_iter()
            .find(|stage| stage.name() == name)
    }

    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Successful | Self::Error | Self::Failed)
    }
}

/// One of `status.templateStatuses`.
#[derive(Clone, Debug, Default)]
pub(crate) struct TemplateStatus {
    raw: Map<String, Value>,
    pub(crate) name: String,
    pub(crate) stage: Option<Stage>,
    pub(crate) message: String,
    pub(crate) since: Option<Timestamp>,
    pub(crate) replicas: i64,
    pub(crate) ready: i64,
    pub(crate) available: i64,
    pub(crate) service: String,
    pub(crate) hash: String,
}

/// One of `status.analysisRuns`.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnalysisStatus {
    raw: Map<String, Value>,
    pub(crate) name: String,
    pub(crate) run: String,
    pub(crate) phase: Option<Phase>,
    pub(crate) message: String,
}

impl Status {
    pub(crate) fn read(experiment: &Value) -> Self {
        let raw = experiment.get("status").and_then(Value::as_object).cloned().unwrap_or_default();
        let objects = |field: &str| {
            let list = raw.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
            list.into_iter().filter_map(|one| match one {
                Value::Object(raw) => Some(raw),
                _ => None,
            })
        };
        Self {
            phase: Phase::read(&text(&raw, "phase")),
            message: text(&raw, "message"),
            available_at: time::read(raw.get("availableAt")),
            templates: objects("templateStatuses").map(TemplateStatus::read).collect(),
            analyses: objects("analysisRuns").map(AnalysisStatus::read).collect(),
            raw,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.phase.is_some_and(Phase::is_completed)
    }

    /// The status of a template, made if there is none; the first of several.
    pub(crate) fn template(&self, name: &str) -> TemplateStatus {
        let found = self.templates.iter().find(|one| one.name == name).cloned();
        found.unwrap_or_else(|| TemplateStatus { name: name.to_owned(), ..TemplateStatus::default() })
    }

    pub(crate) fn analysis(&self, name: &str) -> AnalysisStatus {
        let found = self.analyses.iter().find(|one| one.name == name).cloned();
        found.unwrap_or_else(|| AnalysisStatus { name: name.to_owned(), ..AnalysisStatus::default() })
    }

    pub(crate) fn write(mut self) -> Value {
        set(&mut self.raw, "phase", Value::from(self.phase.map_or("", Phase::name)));
        set(&mut self.raw, "message", Value::from(self.message));
        set(&mut self.raw, "availableAt", at(self.available_at));
        let templates: Vec<Value> = self.templates.into_iter().map(TemplateStatus::write).collect();
        set(&mut self.raw, "templateStatuses", Value::from(templates));
        let analyses: Vec<Value> = self.analyses.into_iter().map(AnalysisStatus::write).collect();
        set(&mut self.raw, "analysisRuns", Value::from(analyses));
        Value::Object(self.raw)
    }
}

impl TemplateStatus {
    fn read(raw: Map<String, Value>) -> Self {
        let number = |field: &str| raw.get(field).and_then(Value::as_i64).unwrap_or_default();
        Self {
            name: text(&raw, "name"),
            stage: Stage::read(&text(&raw, "status")),
            message: text(&raw, "message"),
            since: time::read(raw.get("lastTransitionTime")),
            replicas: number("replicas"),
            ready: number("readyReplicas"),
            available: number("availableReplicas"),
            service: text(&raw, "serviceName"),
            hash: text(&raw, "podTemplateHash"),
            raw,
        }
    }

    /// Another stage, from now on; the same stage stays since when it was.
    pub(crate) fn enter(&mut self, stage: Stage, message: impl Into<String>, now: Timestamp) {
        if self.stage != Some(stage) || self.since.is_none() {
            self.since = Some(time::whole(now));
        }
        self.stage = Some(stage);
        self.message = message.into();
    }

    fn write(mut self) -> Value {
        let raw = &mut self.raw;
        raw.insert("name".to_owned(), Value::from(self.name));
        set(raw, "status", Value::from(self.stage.map_or("", Stage::name)));
        set(raw, "message", Value::from(self.message));
        set(raw, "lastTransitionTime", at(self.since));
        // Argo writes these four even when they are zero.
        for (field, number) in [
            ("replicas", self.replicas),
            ("updatedReplicas", self.replicas),
            ("readyReplicas", self.ready),
            ("availableReplicas", self.available),
        ] {
            raw.insert(field.to_owned(), Value::from(number));
        }
        set(raw, "serviceName", Value::from(self.service));
        set(raw, "podTemplateHash", Value::from(self.hash));
        Value::Object(self.raw)
    }
}

impl AnalysisStatus {
    fn read(raw: Map<String, Value>) -> Self {
        Self {
            name: text(&raw, "name"),
            run: text(&raw, "analysisRun"),
            phase: Phase::read(&text(&raw, "phase")),
            message: text(&raw, "message"),
            raw,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.phase.is_some_and(Phase::is_completed)
    }

    fn write(mut self) -> Value {
        let raw = &mut self.raw;
        raw.insert("name".to_owned(), Value::from(self.name));
        raw.insert("analysisRun".to_owned(), Value::from(self.run));
        raw.insert("phase".to_owned(), Value::from(self.phase.map_or("", Phase::name)));
        set(raw, "message", Value::from(self.message));
        Value::Object(self.raw)
    }
}

/// Sets a field, or removes it when it is empty, as Go leaves it out.
fn set(raw: &mut Map<String, Value>, field: &str, value: Value) {
    let is_empty = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        _ => false,
    };
    if is_empty {
        raw.shift_remove(field);
    } else {
        raw.insert(field.to_owned(), value);
    }
}

fn at(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |at| Value::from(time::text(at)))
}

fn text(raw: &Map<String, Value>, field: &str) -> String {
    raw.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}
