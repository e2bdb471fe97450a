//! What a switch to Tidegate would do to each Rollout, as a judgement on a [`Survey`].

use serde_json::{Value, json};
use tidegate_api::{ObjectKey, object};
use tidegate_core::{RouterReport, RouterState};
use tidegate_model::names::HASH_LABEL;
use tidegate_model::{hash, template};

use crate::difference::{Difference, Subject, differences};
use crate::survey::{Seen, Survey};

/// What a switch would do to a Rollout; the worst that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing is written.
    Unchanged,
    /// Something is written on which no traffic depends.
    Harmless,
    /// Tidegate does not look after it as it is: it leaves its traffic alone until somebody changes something.
    NotServed,
    /// Weights, selectors, replica counts, ReplicaSets, or the step would become others.
    ChangesTraffic,
}

impl Verdict {
    /// A stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Harmless => "harmless",
            Self::NotServed => "not-served",
            Self::ChangesTraffic => "changes-traffic",
        }
    }
}

/// How the ReplicaSet of the newest template is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// By its hash, which Tidegate computes as Argo does.
    ByHash(String),
    /// Its hash is another one; its template is equal. It keeps its hash.
    ByTemplate(String),
    /// There is none: one would be made.
    New,
    /// The Rollout has no template of its own, or none that can be acted on.
    Unknown,
}

/// Why a Rollout is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// A stable word: `InvalidSpec`, a router's reason, `Panicked`.
    pub reason: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// What a switch would do to one Rollout.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// The Rollout.
    pub rollout: ObjectKey,
    /// In a word.
    pub verdict: Verdict,
    /// Its phase and its step now.
    pub phase: String,
    /// The index of its step now.
    pub step: Option<u64>,
    /// Which ReplicaSet is taken for that of the newest template.
    pub adoption: Adoption,
    /// Its routers: the name, how far it is, why.
    pub routers: Vec<(String, &'static str, String)>,
    /// Why it is not served.
    pub obstacles: Vec<Obstacle>,
    /// Every place that would be written.
    pub changes: Vec<Difference>,
}

/// Judges each Rollout.
pub fn outlooks(survey: &Survey) -> Vec<Outlook> {
    survey.rollouts.iter().map(|(rollout, seen)| outlook(survey, rollout, seen)).collect()
}

fn outlook(survey: &Survey, rollout: &ObjectKey, seen: &Seen) -> Outlook {
    let mut obstacles = Vec::new();
    if let Some(message) = &seen.panic {
        obstacles.push(Obstacle { reason: "Panicked".into(), message: message.clone() });
    }
    obstacles.extend(seen.routers.iter().filter_map(of_router));
    let Some(intention) = &seen.intention else {
        if obstacles.is_empty() {
            let message = "Tidegate did not come to a decision on what could be read.".into();
            obstacles.push(Obstacle { reason: "Undecided".into(), message });
        }
        return Outlook {
            rollout: rollout.clone(),
            verdict: Verdict::NotServed,
            phase: String::new(),
            step: None,
            adoption: Adoption::Unknown,
            routers: seen.routers.iter().map(said).collect(),
            obstacles,
            changes: Vec::new(),
        };
    };
    let invalid = invalid_spec(&intention.status);
    let is_invalid = invalid.is_some();
    obstacles.extend(invalid);
    let changes = differences(intention);
    let status = intention.object.get("status").unwrap_or(&Value::Null);
    let verdict = if changes.iter().any(|change| change.subject.concerns_traffic()) {
        Verdict::ChangesTraffic
    } else if !obstacles.is_empty() {
        Verdict::NotServed
    } else if changes.is_empty() {
        Verdict::Unchanged
    } else {
        Verdict::Harmless
    };
    Outlook {
        rollout: rollout.clone(),
        verdict,
        phase: status.get("phase").and_then(Value::as_str).unwrap_or_default().to_owned(),
        step: status.get("currentStepIndex").and_then(Value::as_u64),
        adoption: if is_invalid { Adoption::Unknown } else { adoption(survey, &intention.object, &changes) },
        routers: seen.routers.iter().map(said).collect(),
        obstacles,
        changes,
    }
}

fn of_router(report: &RouterReport) -> Option<Obstacle> {
    match &report.state {
        RouterState::Unavailable { reason, message } | RouterState::Failed { reason, message } => {
            let message = format!("{}: {message}", report.router);
            Some(Obstacle { reason: reason.clone(), message })
        }
        _ => None,
    }
}

fn said(report: &RouterReport) -> (String, &'static str, String) {
    let (state, why) = match &report.state {
        RouterState::Verified => ("verified", String::new()),
        RouterState::NotApplicable { warning } => ("not-applicable", warning.clone().unwrap_or_default()),
        RouterState::Waiting { message, .. } => ("waiting", message.clone()),
        RouterState::Loading { message } => ("loading", message.clone()),
        RouterState::Unavailable { message, .. } => ("unavailable", message.clone()),
        RouterState::Failed { message, .. } => ("failed", message.clone()),
    };
    (report.router.clone(), state, why)
}

fn invalid_spec(status: &Value) -> Option<Obstacle> {
    let conditions = status.get("conditions").and_then(Value::as_array)?;
    let is = |condition: &&Value, field: &str, value: &str| {
        condition.get(field).and_then(Value::as_str) == Some(value)
    };
    let found = conditions.iter().find(|one| is(one, "type", "InvalidSpec") && is(one, "status", "True"))?;
    let message = found.get("message").and_then(Value::as_str).unwrap_or_default();
    Some(Obstacle { reason: "InvalidSpec".into(), message: message.to_owned() })
}

fn adoption(survey: &Survey, rollout: &Value, changes: &[Difference]) -> Adoption {
    let is_made = |change: &Difference| change.subject == Subject::ReplicaSet && change.has.is_null();
    if changes.iter().any(is_made) {
        return Adoption::New;
    }
    let Some(desired) = rollout.pointer("/spec/template").filter(|template| template.is_object()) else {
        return Adoption::Unknown;
    };
    let collisions = rollout.pointer("/status/collisionCount").and_then(Value::as_i64);
    let computed = hash::template_hash(desired, collisions);
    let labelled = |set: &&Value| object::label(set, HASH_LABEL) == Some(computed.as_str());
    if let Some(set) = survey.sets_of(rollout).find(labelled) {
        return Adoption::ByHash(object::name(set).to_owned());
    }
    let is_equal =
        |set: &&Value| template::equal(desired, set.pointer("/spec/template").unwrap_or(&Value::Null));
    let found = survey.sets_of(rollout).find(is_equal);
    found.map_or(Adoption::New, |set| Adoption::ByTemplate(object::name(set).to_owned()))
}

impl Outlook {
    /// The same for programs.
    pub fn to_json(&self) -> Value {
        let reference =
            |key: &ObjectKey| json!({ "kind": &*key.kind, "namespace": &*key.namespace, "name": &*key.name });
        let (found_by, replica_set) = match &self.adoption {
            Adoption::ByHash(name) => ("hash", Some(name)),
            Adoption::ByTemplate(name) => ("template", Some(name)),
            Adoption::New => ("none", None),
            Adoption::Unknown => ("unknown", None),
        };
        json!({
            "rollout": reference(&self.rollout),
            "verdict": self.verdict.as_str(),
            "phase": self.phase,
            "step": self.step,
            "replicaSet": { "foundBy": found_by, "name": replica_set },
            "routers": self.routers.iter().map(|(name, state, message)| {
                json!({ "name": name, "state": state, "message": message })
            }).collect::<Vec<_>>(),
            "obstacles": self.obstacles.iter().map(|one| {
                json!({ "reason": one.reason, "message": one.message })
            }).collect::<Vec<_>>(),
            "changes": self.changes.iter().map(|change| json!({
                "object": reference(&change.object),
                "subject": change.subject.as_str(),
                "concernsTraffic": change.subject.concerns_traffic(),
                "field": change.field,
                "has": change.has,
                "would": change.would,
            })).collect::<Vec<_>>(),
        })
    }
}
