//! A router made of a few lines: divides the traffic of `HTTPRoute`s by weights.

use std::sync::Mutex;

use serde_json::{Value, json};
use tidegate_contract::{
    CallError, Change, Description, Digest, Edit, Fault, FaultReason, Kind, KindUse, Object, ObjectRef,
    Observation, Outcome, Problem, Query, Router, Selection, Session, Share, Target, Traffic, Verb, Verdict,
};

/// Its configuration is `{"route": NAME}` or `{"labels": SELECTOR}`, optionally in the `"namespace"` of that name, and
/// optionally `"also": KIND` to depend on one object more, which is needed unless `"optional": true`. With
/// `"make": NAME` it has a `ConfigMap` of that name as long as the canary gets traffic.
pub(crate) struct Weights {
    description: Description,
    digest: Digest,
    /// Fails like this, as long as it is set.
    pub(crate) fault: Mutex<Option<FaultReason>>,
    /// What it answers when it is asked what it can do.
    pub(crate) check: Mutex<Result<Vec<String>, Problem>>,
}

pub(crate) fn route_kind() -> Kind {
    Kind::new("gateway.networking.k8s.io", "HTTPRoute")
}

/// The kind of what it makes.
pub(crate) fn made_kind() -> Kind {
    Kind::new("", "ConfigMap")
}

impl Weights {
    pub(crate) fn new() -> Self {
        Self::of(Digest([7; 32]))
    }

    /// The same, in a version with this digest.
    pub(crate) fn of(digest: Digest) -> Self {
        let used = |kind: Kind, verbs: &[Verb], fields: &[&str]| KindUse {
            kind,
            versions: vec!["v1".to_owned()],
            verbs: verbs.to_vec(),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            elements: Vec::new(),
        };
        let description = Description {
            name: "weights".to_owned(),
            version: "1.0.0".to_owned(),
            features: vec!["weights".to_owned()],
            kinds: vec![
                used(route_kind(), &[Verb::Read, Verb::Update], &["/spec/rules/*/backendRefs/*/weight"]),
                used(Kind::new("gateway.networking.k8s.io", "Gateway"), &[Verb::Read], &[]),
                used(Kind::new("example.com", "Nothing"), &[Verb::Read], &[]),
                used(made_kind(), &[Verb::Read, Verb::Update, Verb::Create, Verb::Delete], &[]),
            ],
            config_schema: "{}".to_owned(),
            settings_schema: "{}".to_owned(),
            annotations: Vec::new(),
        };
        let check = Mutex::new(Ok(description.features.clone()));
        Self { description, digest, fault: Mutex::new(None), check }
    }

    fn fail(&self) -> Result<(), Fault> {
        match *self.fault.lock().unwrap() {
            Some(reason) => {
                Err(Fault { reason, message: "it was told to".to_owned(), last_words: "goodbye".to_owned() })
            }
            None => Ok(()),
        }
    }
}

impl Router for Weights {
    fn description(&self) -> &Description {
        &self.description
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        self.fail()?;
        Ok(Box::new(Pass { check: self.check.lock().unwrap().clone() }))
    }
}

struct Pass {
    check: Result<Vec<String>, Problem>,
}

impl Session for Pass {
    fn check(&mut self, _: &Target) -> Result<Vec<String>, CallError> {
        self.check.clone().map_err(CallError::from)
    }

    fn locate(&mut self, target: &Target, _: &Traffic, _: &[Observation]) -> Result<Vec<Query>, CallError> {
        let config: Value = serde_json::from_str(&target.config).unwrap();
        let text = |field: &str| config[field].as_str().map(str::to_owned);
        let select = match (text("route"), text("labels")) {
            (Some(name), _) => Selection::Name(name),
            (None, Some(labels)) => Selection::Labels(labels),
            (None, None) => return Err(problem("invalid-config", "give `route` or `labels`").into()),
        };
        let namespace = text("namespace");
        let mut queries = vec![Query { kind: route_kind(), namespace, select, optional: false }];
        if let Some(name) = text("make") {
            let select = Selection::Name(name);
            queries.push(Query { kind: made_kind(), namespace: None, select, optional: false });
        }
        if let Some(kind) = text("also") {
            let group = if kind == "Gateway" { "gateway.networking.k8s.io" } else { "example.com" };
            queries.push(Query {
                kind: Kind::new(group, kind),
                namespace: None,
                select: Selection::Name("public".to_owned()),
                optional: config["optional"] == true,
            });
        }
        Ok(queries)
    }

    fn route(
        &mut self,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> Result<Outcome, CallError> {
        let mut outcome = nothing();
        let routes =
            seen.iter().filter(|seen| seen.query.kind == route_kind()).flat_map(|seen| &seen.objects);
        for object in routes {
            weigh(object, target, traffic, &mut outcome)?;
        }
        let made = seen.iter().find(|seen| seen.query.kind == made_kind());
        outcome.changes.extend(made.and_then(|seen| make(seen, target, traffic.canary.weight)));
        if outcome.shares.is_empty() {
            return Err(problem("missing-object", "there is no such route").into());
        }
        Ok(outcome)
    }

    fn release(
        &mut self,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> Result<Outcome, CallError> {
        let mut traffic = traffic.clone();
        (traffic.stable.weight, traffic.canary.weight) = (traffic.max_weight, 0);
        let is_gone = seen.iter().all(|seen| seen.query.kind != route_kind() || seen.objects.is_empty());
        if is_gone {
            return Ok(nothing());
        }
        self.route(target, &traffic, seen)
    }
}

const fn nothing() -> Outcome {
    Outcome {
        changes: Vec::new(),
        shares: Vec::new(),
        verdict: Verdict::Verified,
        notes: Vec::new(),
        facts: Vec::new(),
    }
}

/// What is to be done about the object that is there as long as the canary gets traffic.
fn make(seen: &Observation, target: &Target, weight: u32) -> Option<Change> {
    let Selection::Name(name) = &seen.query.select else { return None };
    let found = seen.objects.first();
    let reference =
        ObjectRef { kind: made_kind(), namespace: Some(target.namespace.clone()), name: name.clone() };
    let wanted = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"weight": weight.to_string()},
    });
    match (found, weight) {
        (None, 0) => None,
        (Some(_), 0) => Some(Change { reference, edit: Edit::Remove }),
        _ => Some(Change { reference, edit: Edit::Replace(wanted.to_string()) }),
    }
}

fn weigh(object: &Object, target: &Target, traffic: &Traffic, outcome: &mut Outcome) -> Result<(), Problem> {
    let route: Value = serde_json::from_str(&object.json).unwrap();
    let rules = route["spec"]["rules"].as_array().cloned().unwrap_or_default();
    let mut patch = Vec::new();
    let mut found = false;
    for (index, rule) in rules.iter().enumerate() {
        let backends = rule["backendRefs"].as_array().cloned().unwrap_or_default();
        let place = |service: &Option<String>| {
            backends.iter().position(|backend| backend["name"].as_str() == service.as_deref())
        };
        let (Some(stable), Some(canary)) = (place(&target.stable_service), place(&target.canary_service))
        else {
            continue;
        };
        found = true;
        let weight = |at: usize| backends[at]["weight"].as_u64().map(|weight| u32::try_from(weight).unwrap());
        let total = weight(stable).unwrap_or(1) + weight(canary).unwrap_or(1);
        for (at, destination) in [(stable, &traffic.stable), (canary, &traffic.canary)] {
            outcome.shares.push(Share {
                about: object.reference.clone(),
                at: format!("/spec/rules/{index}"),
                destination: destination.name.clone(),
                weight: weight(at).unwrap_or(1),
                total,
            });
            if weight(at) != Some(destination.weight) {
                let path = format!("/spec/rules/{index}/backendRefs/{at}/weight");
                patch.push(json!({"op": "add", "path": path, "value": destination.weight}));
            }
        }
    }
    if !found {
        return Err(problem("missing-backend", "no rule has both Services"));
    }
    if !patch.is_empty() {
        let edit = Edit::JsonPatch(Value::Array(patch).to_string());
        outcome.changes.push(Change { reference: object.reference.clone(), edit });
    }
    let verdict = verdict(&route);
    if verdict != Verdict::Verified {
        outcome.verdict = verdict;
    }
    Ok(())
}

fn verdict(route: &Value) -> Verdict {
    let parents = route["status"]["parents"].as_array().cloned().unwrap_or_default();
    if parents.is_empty() {
        return Verdict::Unreported("no gateway has reported on the route".to_owned());
    }
    let conditions =
        || parents.iter().flat_map(|parent| parent["conditions"].as_array().cloned().unwrap_or_default());
    let is_current = |condition: &Value| condition["observedGeneration"] == route["metadata"]["generation"];
    if !conditions().all(|condition| is_current(&condition)) {
        return Verdict::Pending("the gateway has yet to look at the route".to_owned());
    }
    match conditions().find(|condition| condition["status"] != "True") {
        Some(condition) => Verdict::Rejected(format!("{}", condition["message"])),
        None => Verdict::Verified,
    }
}

pub(crate) fn problem(code: &str, message: &str) -> Problem {
    Problem { code: code.to_owned(), message: message.to_owned(), about: None, pointer: None }
}
