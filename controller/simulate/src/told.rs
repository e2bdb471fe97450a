//! What is told of a Rollout besides what it looks like: what was done, and the most telling of what changed.

use serde_json::Value;
use tidegate_api::{Body, Operation, Request, builtin, object};

use crate::frame::Frame;

/// What is told besides the frame.
pub(crate) struct Told {
    pub(crate) event: String,
    pub(crate) note: String,
    pub(crate) warning: bool,
    pub(crate) patch: Option<Value>,
    pub(crate) object: Option<Value>,
}

impl Told {
    pub(crate) fn new(event: &str, note: &str) -> Self {
        Self { event: event.to_owned(), note: note.to_owned(), warning: false, patch: None, object: None }
    }

    pub(crate) fn warning(event: &str, note: &str) -> Self {
        Self { warning: true, ..Self::new(event, note) }
    }
}

/// What a write on anything but the Rollout's own objects did.
pub(crate) fn route_write(request: &Request) -> Option<Told> {
    let told = |event| Told::new(event, &object_of(request));
    let own = [builtin::replica_sets().group, builtin::analysis_runs().group];
    match &request.operation {
        Operation::Patch { body: Body::Json(patch), .. } => {
            Some(Told { patch: Some(patch.clone()), ..told("RouteWritten") })
        }
        Operation::CreateStrictly { object } => {
            Some(Told { object: Some(object.clone()), ..told("RouteCreated") })
        }
        Operation::Delete { .. } if !own.contains(&request.resource.group) => Some(told("RouteRemoved")),
        _ => None,
    }
}

/// The verb and the object of a request.
pub(crate) fn about(request: &Request) -> String {
    format!("{} {}", request.verb(), object_of(request))
}

fn object_of(request: &Request) -> String {
    let name = match &request.operation {
        Operation::Create { object } | Operation::CreateStrictly { object } => object::name(object),
        _ => request.name().unwrap_or_default(),
    };
    format!("{} {name}", request.resource.kind)
}

/// The most telling difference between two frames.
pub(crate) fn difference(old: Option<&Frame>, new: &Frame) -> Option<Told> {
    let Some(old) = old else { return Some(Told::new("Applied", "")) };
    if old == new {
        return None;
    }
    if let Some(told) = routers_difference(old, new) {
        return Some(told);
    }
    if old.phase != new.phase || old.message != new.message {
        let told = Told::new("PhaseChanged", &new.message);
        return Some(Told { warning: new.phase == "Degraded", ..told });
    }
    let event = if old.step != new.step {
        "StepChanged"
    } else if old.weights != new.weights {
        "WeightChanged"
    } else if old.routes != new.routes {
        "RouteChanged"
    } else if old.evidence.experiments != new.evidence.experiments {
        "ExperimentChanged"
    } else {
        "ReplicasChanged"
    };
    Some(Told::new(event, ""))
}

/// What the first router that says something else says.
pub(crate) fn routers_difference(old: &Frame, new: &Frame) -> Option<Told> {
    let router = new.routers.iter().find(|router| !old.routers.contains(router))?;
    let note = match router.message.as_str() {
        "" => router.name.clone(),
        message => format!("{}: {message}", router.name),
    };
    let warning = router.state == "Failed" || router.state == "NotApplicable" && !router.message.is_empty();
    Some(Told { warning, ..Told::new(router.state, &note) })
}
