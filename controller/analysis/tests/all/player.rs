//! Carries out decisions: providers answer from a script, and every status is written and observed at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidegate_analysis::provider::Observation;
use tidegate_analysis::{Answer, Decision, Effect, Key, Outcome, World, assess};

pub(crate) struct Player {
    pub(crate) world: World,
    pub(crate) start: Timestamp,
    pub(crate) now: Timestamp,
    /// What providers answer, by metric: a number is a value, a text an error, `null` nothing, an object or list a value.
    pub(crate) script: BTreeMap<String, Vec<Value>>,
    /// Which measurements were taken, at which second.
    pub(crate) taken: Vec<(Key, i64)>,
    pub(crate) notes: Vec<String>,
    pub(crate) last: Option<Decision>,
}

pub(crate) fn web(fields: Value) -> Value {
    let mut metric = json!({"name": "m", "provider": {"web": {"url": "http://x"}}});
    metric.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    metric
}

pub(crate) fn run(spec: Value) -> Value {
    json!({"metadata": {"name": "run", "namespace": "ns", "uid": "uid-1"}, "spec": spec})
}

impl Player {
    pub(crate) fn new(spec: Value, script: Value) -> Self {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let script = script.as_object().unwrap().iter();
        Self {
            world: World { run: Arc::new(run(spec)), ..World::default() },
            start: now,
            now,
            script: script.map(|(name, list)| (name.clone(), list.as_array().unwrap().clone())).collect(),
            taken: Vec::new(),
            notes: Vec::new(),
            last: None,
        }
    }

    /// One pass: assess, write the status, take what is asked for.
    pub(crate) fn pass(&mut self) -> Decision {
        let decision = assess(&self.world, self.now);
        let mut run = (*self.world.run).clone();
        run["status"] = decision.status.clone();
        self.world.run = Arc::new(run);
        self.world.answers.clear();
        self.notes.extend(decision.notes.iter().map(|note| note.reason.clone()));
        for effect in &decision.effects {
            if let Effect::Measure { key, .. } = effect {
                self.taken.push((key.clone(), self.now.duration_since(self.start).as_secs()));
                let answers = self.script.entry(key.metric.clone()).or_default();
                if answers.is_empty() {
                    continue;
                }
                let outcome = match answers.remove(0) {
                    Value::String(message) => Outcome::Error(message),
                    value => Outcome::Observed(Observation {
                        text: value.to_string(),
                        result: tidegate_expression::Value::from_json(&value).unwrap(),
                        warnings: Vec::new(),
                    }),
                };
                self.answer(key.clone(), outcome);
            }
        }
        self.last = Some(decision.clone());
        decision
    }

    pub(crate) fn answer(&mut self, key: Key, outcome: Outcome) {
        let (started_at, at) = (self.now, self.now);
        self.world.answers.push(Answer { key, started_at, at, outcome });
    }

    /// Passes until nothing is left to do, or until a second of the run.
    pub(crate) fn until(&mut self, second: i64) -> &mut Self {
        let end = self.start.checked_add(SignedDuration::from_secs(second)).unwrap();
        for _ in 0..10_000 {
            let decision = self.pass();
            if !self.world.answers.is_empty() {
                continue;
            }
            match decision.wake_at {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => {
                    self.now = self.now.max(end);
                    return self;
                }
            }
        }
        panic!("the run never rests: {}", self.world.run);
    }

    pub(crate) fn status(&self) -> &Value {
        &self.world.run["status"]
    }

    pub(crate) fn phase(&self) -> &str {
        self.status()["phase"].as_str().unwrap()
    }

    pub(crate) fn result(&self, metric: &str) -> Value {
        let results = self.status()["metricResults"].as_array().cloned().unwrap_or_default();
        results.into_iter().find(|result| result["name"] == metric).unwrap_or_default()
    }

    pub(crate) fn seconds(&self, metric: &str) -> Vec<i64> {
        self.taken.iter().filter(|(key, _)| key.metric == metric).map(|(_, at)| *at).collect()
    }

    pub(crate) fn edit(&mut self, edit: impl FnOnce(&mut Value)) {
        let mut run = (*self.world.run).clone();
        edit(&mut run);
        self.world.run = Arc::new(run);
    }
}
