//! What would become of objects, place by place: between how they are and how Tidegate would have them.

use serde_json::{Value, json};
use tidegate_api::{Body, ObjectKey, Operation, Request, object};
use tidegate_route::difference::{Kind as Place, difference};
use tidegate_route::pointer::pointer;
use tidegate_shell::{IntendedWrite, Intention};

/// What a place is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The phase of the Rollout.
    Phase,
    /// The step that it is at.
    Step,
    /// Another part of its status: hashes, pauses, the abort.
    Status,
    /// The weights in its status: who reads them sees other numbers, no request goes elsewhere.
    ReportedWeights,
    /// An object that divides traffic.
    Route,
    /// Which pods a Service selects.
    Selector,
    /// How many replicas a ReplicaSet should have.
    Replicas,
    /// Whether a ReplicaSet is there at all.
    ReplicaSet,
    /// Labels, annotations, and what else no traffic depends on.
    Metadata,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Phase,
        Self::Step,
        Self::Status,
        Self::ReportedWeights,
        Self::Route,
        Self::Selector,
        Self::Replicas,
        Self::ReplicaSet,
        Self::Metadata,
    ];

    /// A stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phase => "phase",
            Self::Step => "step",
            Self::Status => "status",
            Self::ReportedWeights => "reported-weights",
            Self::Route => "route",
            Self::Selector => "selector",
            Self::Replicas => "replicas",
            Self::ReplicaSet => "replicaset",
            Self::Metadata => "metadata",
        }
    }

    /// Whether requests could go elsewhere, or to fewer pods, or the canary lose its place.
    pub const fn concerns_traffic(self) -> bool {
        matches!(self, Self::Route | Self::Selector | Self::Replicas | Self::ReplicaSet | Self::Step)
    }
}

/// One place where what is there is not what Tidegate would have there.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The object.
    pub object: ObjectKey,
    /// What the place is about.
    pub subject: Subject,
    /// The place: a JSON Pointer, empty for the whole object.
    pub field: String,
    /// What is there; null: nothing.
    pub has: Value,
    /// What Tidegate would have there; null: nothing.
    pub would: Value,
}

/// The places of a status that are compared. Conditions are left out: their texts and times are each controller's own.
const OF_STATUS: [(&str, Subject); 10] = [
    ("/phase", Subject::Phase),
    ("/currentStepIndex", Subject::Step),
    ("/currentPodHash", Subject::Status),
    ("/stableRS", Subject::Status),
    ("/abort", Subject::Status),
    ("/controllerPause", Subject::Status),
    ("/pauseConditions", Subject::Status),
    ("/canary/stablePingPong", Subject::Status),
    ("/canary/weights/canary/weight", Subject::ReportedWeights),
    ("/canary/weights/stable/weight", Subject::ReportedWeights),
];

/// What would become of the objects of one Rollout.
pub fn differences(intention: &Intention) -> Vec<Difference> {
    let mut found = of_status(intention);
    for write in &intention.writes {
        of_write(write, &mut found);
    }
    found
}

fn of_status(intention: &Intention) -> Vec<Difference> {
    let before = intention.object.get("status").unwrap_or(&Value::Null);
    let at = |status: &Value, pointer: &str| without_times(status.pointer(pointer).unwrap_or(&Value::Null));
    OF_STATUS
        .iter()
        .filter_map(|(pointer, subject)| {
            let (has, would) = (at(before, pointer), at(&intention.status, pointer));
            (!same(&has, &would)).then(|| Difference {
                object: intention.rollout.clone(),
                subject: *subject,
                field: format!("/status{pointer}"),
                has,
                would,
            })
        })
        .collect()
}

/// Pauses without the time at which they began: whoever writes it first decides on it.
fn without_times(value: &Value) -> Value {
    match value {
        Value::Array(pauses) => {
            pauses.iter().map(|pause| pause.get("reason").cloned().unwrap_or_default()).collect()
        }
        other => other.clone(),
    }
}

/// Go leaves out what is zero, false or empty.
fn same(one: &Value, other: &Value) -> bool {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    };
    one == other || is_nothing(one) && is_nothing(other)
}

fn of_write(write: &IntendedWrite, found: &mut Vec<Difference>) {
    let whole = |has: Value, would: Value| Difference {
        object: write.key.clone(),
        subject: subject_of(write, ""),
        field: String::new(),
        has,
        would,
    };
    match (&write.request.operation, write.before.as_deref()) {
        (Operation::Create { object } | Operation::CreateStrictly { object }, _) => {
            found.push(whole(Value::Null, object.clone()));
        }
        (Operation::Delete { .. }, before) => {
            found.push(whole(before.cloned().unwrap_or_else(|| json!({})), Value::Null));
        }
        (Operation::Patch { .. } | Operation::Replace { .. }, Some(before)) => {
            let Some(after) = after(before, &write.request) else {
                // It would be refused, and worked out anew from what is then there.
                return;
            };
            let (mut before, mut after) = (before.clone(), after);
            for object in [&mut before, &mut after] {
                if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.remove("resourceVersion");
                    metadata.remove("managedFields");
                }
            }
            for place in difference(&before, &after) {
                let field = pointer(&place.path);
                let (has, would) = match place.kind {
                    Place::Set { old, new } => (old.clone(), new.clone()),
                    Place::Added { new } => (Value::Null, new.clone()),
                    Place::Removed { old } => (old.clone(), Value::Null),
                };
                let subject = subject_of(write, &field);
                found.push(Difference { object: write.key.clone(), subject, field, has, would });
            }
        }
        _ => {}
    }
}

/// What a patch makes of an object; `None`: nothing, it would be refused.
fn after(before: &Value, request: &Request) -> Option<Value> {
    let mut after = before.clone();
    match &request.operation {
        Operation::Patch { body: Body::Merge(patch), .. } => {
            merge(&mut after, patch);
            Some(after)
        }
        Operation::Patch { body: Body::Json(patch), .. } => {
            tidegate_route::apply(patch.as_array()?, before).ok()
        }
        Operation::Replace { object, .. } => Some(object.clone()),
        _ => None,
    }
}

/// RFC 7386.
fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let Value::Object(fields) = into else { return };
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

fn subject_of(write: &IntendedWrite, field: &str) -> Subject {
    if write.router.is_some() {
        return Subject::Route;
    }
    match (&*write.key.kind, field) {
        ("ReplicaSet", "") => Subject::ReplicaSet,
        ("ReplicaSet", "/spec/replicas") => Subject::Replicas,
        ("Service", field) if field.starts_with("/spec/selector") => Subject::Selector,
        _ => Subject::Metadata,
    }
}

/// A value for people: short.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Object(_) if !object::name(value).is_empty() => {
            let replicas = value.pointer("/spec/replicas").and_then(Value::as_i64);
            let replicas = replicas.map_or_else(String::new, |replicas| format!(" with {replicas} replicas"));
            format!("{}{replicas}", object::name(value))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
