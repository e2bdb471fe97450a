//! The writes of a run, by the step of the canary that they belong to.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::{ObjectKey, builtin};
use tidegate_model::{Rollout, Status};
use tidegate_simulate::Write;

use crate::difference::{FieldChange, difference};
use crate::output::{ObjectChange, Section, Verb, Weights};

/// Fields of a Rollout's status that say where the update stands. The rest counts pods and repeats this in words.
const TOLD: [&str; 9] = [
    "phase",
    "message",
    "currentStepIndex",
    "currentPodHash",
    "stableRS",
    "abort",
    "promoteFull",
    "pauseConditions",
    "canary",
];

/// Where a Rollout stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Position {
    title: String,
    step: Option<usize>,
    by_user: bool,
}

/// Titles while the newest template is the stable one.
mod settled {
    /// Nothing has happened yet.
    pub(super) const AT_FIRST: &str = "As it stands";
    /// The first revision is made, and is stable at once.
    pub(super) const FIRST: &str = "First revision";
    /// A user has changed something.
    pub(super) const BEGINS: &str = "The update begins";
    /// An update is over.
    pub(super) const AFTER: &str = "After the promotion";
}

/// A change in the making.
struct Draft {
    object: ObjectKey,
    by_user: bool,
    before: Option<Arc<Value>>,
    after: Option<Arc<Value>>,
}

/// A section in the making.
struct Part {
    position: Position,
    at: f64,
    drafts: Vec<Draft>,
    rollout: Option<Arc<Value>>,
}

/// The sections of each Rollout. `known` has the Rollouts as they were before the first write.
pub(crate) fn sections(
    writes: &[Write],
    known: &BTreeMap<ObjectKey, Arc<Value>>,
    started_at: f64,
) -> BTreeMap<ObjectKey, Vec<Section>> {
    let mut parts: BTreeMap<ObjectKey, Vec<Part>> = BTreeMap::new();
    let mut current = known.clone();
    for write in writes {
        let is_rollout = write.object.kind == builtin::rollouts().kind;
        let about = write.rollout.clone().or_else(|| is_rollout.then(|| write.object.clone()));
        let Some(about) = about.filter(|about| known.contains_key(about)) else { continue };
        let parts = parts.entry(about.clone()).or_default();
        let position = if let Some(what) = &write.by_user {
            Position { title: sentence(what), step: None, by_user: true }
        } else {
            let rollout = current.get(&about).map_or(&Value::Null, AsRef::as_ref);
            position(rollout, parts.last().map(|part| &part.position))
        };
        if parts.last().is_none_or(|part| part.position != position) {
            let at = (write.at.as_secs_f64() - started_at).max(0.0);
            parts.push(Part { position, at, drafts: Vec::new(), rollout: None });
        }
        if is_rollout && let Some(after) = &write.after {
            current.insert(about.clone(), after.clone());
        }
        if let Some(part) = parts.last_mut() {
            part.add(write, is_rollout);
            part.rollout = current.get(&about).cloned();
        }
    }
    let finish = |parts: Vec<Part>| {
        let sections = parts.into_iter().map(Part::finish);
        sections.filter(|section| !section.changes.is_empty()).collect()
    };
    parts.into_iter().map(|(rollout, parts)| (rollout, finish(parts))).collect()
}

impl Part {
    /// Adds a write; to the last one of the same object, unless something else was written in between. Of the Rollout itself
    /// only where it gets to matters.
    fn add(&mut self, write: &Write, is_rollout: bool) {
        let by_user = write.by_user.is_some();
        let last = self.drafts.len().wrapping_sub(1);
        let found = self.drafts.iter_mut().enumerate().find(|(index, draft)| {
            draft.object == write.object && draft.by_user == by_user && (is_rollout || *index == last)
        });
        match found {
            Some((_, draft)) => draft.after.clone_from(&write.after),
            None => self.drafts.push(Draft {
                object: write.object.clone(),
                by_user,
                before: write.before.clone(),
                after: write.after.clone(),
            }),
        }
    }

    fn finish(self) -> Section {
        let (mut rollouts, objects): (Vec<Draft>, Vec<Draft>) = self
            .drafts
            .into_iter()
            .partition(|draft| draft.object.kind == builtin::rollouts().kind && !draft.by_user);
        // Where that leads comes last.
        let mut drafts = objects;
        drafts.append(&mut rollouts);
        Section {
            title: self.position.title,
            step: self.position.step,
            t: self.at,
            weights: self.rollout.as_deref().and_then(weights),
            changes: drafts.into_iter().filter_map(Draft::finish).collect(),
        }
    }
}

impl Draft {
    fn finish(self) -> Option<ObjectChange> {
        let is_rollout = self.object.kind == builtin::rollouts().kind;
        let (before, after) = (self.before.as_deref(), self.after.as_deref());
        let verb = match (before, after) {
            (None, None) => return None,
            (None, Some(_)) => Verb::Create,
            (Some(_), None) => Verb::Delete,
            (Some(_), Some(_)) => Verb::Update,
        };
        let fields = match verb {
            Verb::Update if is_rollout => of_rollout(before, after),
            // Their statuses are others' to write.
            Verb::Update => difference(without_status(before).as_ref(), without_status(after).as_ref()),
            Verb::Create | Verb::Delete => Vec::new(),
        };
        if verb == Verb::Update && fields.is_empty() {
            return None;
        }
        let version = after.or(before).and_then(|object| object.get("apiVersion")).and_then(Value::as_str);
        Some(ObjectChange {
            api_version: version.unwrap_or_default().to_owned(),
            kind: self.object.kind.to_string(),
            namespace: self.object.namespace.to_string(),
            name: self.object.name.to_string(),
            verb,
            by_user: self.by_user,
            fields,
            object: without_status(after).filter(|_| verb == Verb::Create),
        })
    }
}

fn without_status(object: Option<&Value>) -> Option<Value> {
    let mut object = object?.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("status");
    }
    Some(object)
}

/// What becomes of a Rollout: its spec and metadata, and of its status what says where it stands. Of conditions that come
/// and go, their reason and message.
fn of_rollout(before: Option<&Value>, after: Option<&Value>) -> Vec<FieldChange> {
    let summary = |object: Option<&Value>| {
        let mut object = object?.clone();
        let status = object.get("status").cloned().unwrap_or_default();
        let mut told: serde_json::Map<String, Value> = TOLD
            .iter()
            .filter_map(|field| Some(((*field).to_owned(), status.get(*field)?.clone())))
            .filter(|(_, value)| !value.is_null())
            .collect();
        let conditions: Vec<Value> = trouble(&status).collect();
        if !conditions.is_empty() {
            told.insert("conditions".to_owned(), conditions.into());
        }
        if let Some(fields) = object.as_object_mut() {
            fields.insert("status".to_owned(), told.into());
        }
        Some(object)
    };
    difference(summary(before).as_ref(), summary(after).as_ref())
}

/// The conditions that say that something is wrong.
fn trouble(status: &Value) -> impl Iterator<Item = Value> {
    let conditions = status.get("conditions").and_then(Value::as_array).into_iter().flatten();
    conditions.filter(|condition| is_trouble(condition)).map(|condition| {
        let field = |name: &str| condition.get(name).cloned().unwrap_or_default();
        json!({"type": field("type"), "status": field("status"), "reason": field("reason"), "message": field("message")})
    })
}

/// Whether a condition says that something is wrong.
pub(crate) fn is_trouble(condition: &Value) -> bool {
    let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default();
    matches!(
        (text("type"), text("status")),
        ("InvalidSpec" | "InternalError" | "WriteFailed" | "ReplicaFailure" | "TrafficNotVerified", "True")
            | ("TrafficRouterReady" | "Progressing", "False")
    ) && !(text("type") == "Progressing" && text("reason") == "RolloutAborted")
}

/// Where a Rollout stands, as its status says.
fn position(rollout: &Value, last: Option<&Position>) -> Position {
    let (spec, status) = (Rollout::read(rollout), Status::read(rollout));
    let at = |title: &str, step| Position { title: title.to_owned(), step, by_user: false };
    let is_done = !status.stable_rs.is_empty() && status.stable_rs == status.current_pod_hash;
    if status.stable_rs.is_empty() {
        return at(settled::FIRST, None);
    }
    if is_done {
        let title = match last {
            None => settled::AT_FIRST,
            Some(last) if last.by_user => settled::BEGINS,
            Some(last) if last.title == settled::AT_FIRST => settled::AT_FIRST,
            Some(last) if last.title == settled::FIRST => settled::FIRST,
            Some(last) if last.title == settled::BEGINS => settled::BEGINS,
            Some(_) => settled::AFTER,
        };
        return at(title, None);
    }
    if status.abort {
        return at("Abort", None);
    }
    let steps = &spec.canary.steps;
    let index = status.current_step_index.unwrap_or_default();
    match steps.get(index) {
        Some(_) if status.promote_full => at("Full promotion", None),
        Some(step) => at(&format!("Step {}/{} ({})", index + 1, steps.len(), step.describe()), Some(index)),
        None => at("Promotion", None),
    }
}

fn weights(rollout: &Value) -> Option<Weights> {
    let weights = rollout.pointer("/status/canary/weights").filter(|weights| weights.is_object())?;
    let weight = |value: Option<&Value>| {
        value.and_then(|one| one.get("weight")).and_then(Value::as_u64).unwrap_or_default()
    };
    let additional = weights.get("additional").and_then(Value::as_array).into_iter().flatten();
    let named = |one: &Value| Some((one.get("serviceName")?.as_str()?.to_owned(), weight(Some(one))));
    Some(Weights {
        canary: weight(weights.get("canary")),
        stable: weight(weights.get("stable")),
        additional: additional.filter_map(named).collect(),
    })
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
