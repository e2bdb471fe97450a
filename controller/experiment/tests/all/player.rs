//! Carries out decisions on objects in memory. Pods become available at once, unless they are told not to.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Preconditions, Request, object};
use tidegate_experiment::{Decision, World, conduct};

pub(crate) struct Player {
    pub(crate) world: World,
    pub(crate) now: Timestamp,
    pub(crate) start: Timestamp,
    /// Whether pods become available.
    pub(crate) is_healthy: bool,
    pub(crate) log: Vec<String>,
    pub(crate) notes: Vec<String>,
}

pub(crate) fn template(name: &str, fields: Value) -> Value {
    let mut template = json!({
        "name": name,
        "selector": {"matchLabels": {"app": "demo"}},
        "template": {"metadata": {"labels": {"app": "demo"}}, "spec": {"containers": [
            {"name": "c", "ports": [{"containerPort": 8080}]},
        ]}},
    });
    template.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    template
}

impl Player {
    pub(crate) fn new(spec: Value) -> Self {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let experiment = json!({"metadata": {"name": "exp", "namespace": "ns", "uid": "e-1"}, "spec": spec});
        Self {
            world: World {
                experiment: Arc::new(experiment),
                held: Some(BTreeSet::new()),
                ..World::default()
            },
            now,
            start: now,
            is_healthy: true,
            log: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// One pass: decide, write, and let the ReplicaSets follow.
    pub(crate) fn pass(&mut self) -> Decision {
        let decision = conduct(&self.world, self.now);
        let mut experiment = (*self.world.experiment).clone();
        experiment["status"] = decision.status.clone();
        self.world.experiment = Arc::new(experiment);
        self.notes.extend(decision.notes.iter().map(|note| note.reason.clone()));
        for write in &decision.writes {
            self.write(write);
        }
        for set in &mut self.world.replica_sets {
            let mut changed = (**set).clone();
            let replicas = changed["spec"]["replicas"].clone();
            let ready = if self.is_healthy { replicas.clone() } else { json!(0) };
            changed["status"] =
                json!({"replicas": replicas, "readyReplicas": ready, "availableReplicas": ready});
            *set = Arc::new(changed);
        }
        decision
    }

    fn write(&mut self, request: &Request) {
        let kind = request.resource.kind.as_ref();
        assert_eq!(request.namespace.as_deref(), Some("ns"));
        let (verb, name) = match &request.operation {
            Operation::Create { object } => ("create", object::name(object).to_owned()),
            Operation::Patch { name, .. } => ("patch", name.clone()),
            Operation::Delete { name, .. } => ("delete", name.clone()),
            other => panic!("{other:?}"),
        };
        let second = self.now.duration_since(self.start).as_secs();
        self.log.push(format!("{second} {verb} {kind} {name}"));
        let known = match kind {
            "ReplicaSet" => self.world.replica_sets.iter().find(|set| object::name(set) == name).cloned(),
            "Service" => self.world.services.get(&name).cloned(),
            "AnalysisRun" => self.world.runs.get(&name).cloned(),
            other => panic!("{other}"),
        };
        let changed = match &request.operation {
            Operation::Create { object } => {
                assert_eq!(known, None, "{name} exists");
                let mut object = object.clone();
                object["metadata"]["uid"] = json!(format!("uid-of-{name}"));
                Some(Arc::new(object))
            }
            Operation::Patch { body: Body::Merge(patch), .. } => {
                let mut object = (*known.expect("patches what is there")).clone();
                json_patch::merge(&mut object, patch);
                Some(Arc::new(object))
            }
            Operation::Delete { preconditions: Preconditions { uid, .. }, .. } => {
                let known = known.expect("deletes what is there");
                assert_eq!(uid.as_deref(), Some(object::uid(&known)));
                None
            }
            other => panic!("{other:?}"),
        };
        match kind {
            "ReplicaSet" => {
                self.world.replica_sets.retain(|set| object::name(set) != name);
                self.world.replica_sets.extend(changed);
            }
            "Service" => {
                self.world.services.remove(&name);
                self.world.services.extend(changed.map(|service| (name, service)));
            }
            _ => {
                self.world.runs.remove(&name);
                self.world.runs.extend(changed.map(|run| (name, run)));
            }
        }
    }

    /// Passes until nothing is left to do at this second.
    pub(crate) fn settle(&mut self) -> Decision {
        for _ in 0..20 {
            let before = (self.status().clone(), self.log.len(), self.world.replica_sets.clone());
            let decision = self.pass();
            if before == (self.status().clone(), self.log.len(), self.world.replica_sets.clone()) {
                return decision;
            }
        }
        panic!("it never rests: {:?}", self.log);
    }

    /// Goes on until a second of the Experiment's life.
    pub(crate) fn until(&mut self, second: i64) -> &mut Self {
        let end = self.start.checked_add(SignedDuration::from_secs(second)).unwrap();
        loop {
            let decision = self.settle();
            let Some(at) = decision.wake_at.filter(|at| *at <= end) else {
                self.now = end;
                self.settle();
                return self;
            };
            self.now = at;
        }
    }

    pub(crate) fn status(&self) -> &Value {
        static NOTHING: Value = Value::Null;
        self.world.experiment.get("status").unwrap_or(&NOTHING)
    }

    pub(crate) fn phase(&self) -> &str {
        self.status()["phase"].as_str().unwrap_or_default()
    }

    pub(crate) fn template(&self, name: &str) -> &Value {
        let statuses = self.status()["templateStatuses"].as_array().unwrap();
        statuses.iter().find(|status| status["name"] == name).unwrap()
    }

    pub(crate) fn replicas(&self) -> Vec<i64> {
        self.world.replica_sets.iter().map(|set| set["spec"]["replicas"].as_i64().unwrap()).collect()
    }

    pub(crate) fn edit(&mut self, edit: impl FnOnce(&mut Value)) {
        let mut experiment = (*self.world.experiment).clone();
        edit(&mut experiment);
        self.world.experiment = Arc::new(experiment);
    }

    pub(crate) fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}
