//! A router that can do everything, and one flaw for each thing that it can do wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tidegate_contract::{
    CallError, Change, Description, Destination, Digest, Edit, ElementUse, Fault, FaultReason, Kind, KindUse,
    Observation, Outcome, Problem, Query, Router, RuleAction, Selection, Session, Share, Target, TextMatch,
    Traffic, Verb, Verdict,
};

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    NoVersion,
    DraftSeven,
    StrangeProblem,
    TakesAnything,
    UndescribedFeature,
    StrangeProblemInOptions,
    CountsCalls,
    FewWeights,
    OnlyHundred,
    RemembersPeak,
    KeepsHash,
    NoHeaderRoutes,
    KeepsRoutes,
    NoMirrorRoutes,
    SortsRoutes,
    KeepsRetired,
    ReleasesNoRoutes,
    MissingIsAProblem,
    MissingIsFine,
    DropsUnknown,
    TrapsOnWeights,
    Verifies,
    Traps,
    WandersAround,
    Pauses,
    WrongShares,
    Flips,
    TakesRoutesForDone,
}

pub(crate) struct Split {
    flaw: Flaw,
    description: Description,
    calls: AtomicU32,
}

impl Split {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { flaw, description: description(flaw), calls: AtomicU32::new(0) }
    }
}

fn kind() -> Kind {
    Kind::new("example.com", "Split")
}

fn description(flaw: Flaw) -> Description {
    let mut fields =
        vec!["/spec/backends/*/weight", "/spec/backends/*/peak", "/spec/backends/*/hash", "/spec/flip"];
    if flaw == Flaw::DropsUnknown {
        fields.push("/spec/*");
    }
    let element = |at: &str, identity: &str| ElementUse {
        at: at.to_owned(),
        identity: identity.to_owned(),
        references: Vec::new(),
    };
    let mut features =
        vec!["weights", "max-weight", "header-routes", "mirror-routes", "additional-destinations"];
    if flaw == Flaw::TakesRoutesForDone {
        features.retain(|feature| *feature != "header-routes");
    }
    let schema =
        json!({"type": "object", "required": ["split"], "properties": {"split": {"type": "string"}}});
    let draft_seven = json!({"$schema": "http://json-schema.org/draft-07/schema#"});
    Description {
        name: "split".into(),
        version: if flaw == Flaw::NoVersion { "latest" } else { "1.0.0" }.into(),
        features: features.into_iter().map(str::to_owned).collect(),
        kinds: vec![KindUse {
            kind: kind(),
            versions: vec!["v1".into()],
            verbs: vec![Verb::Read, Verb::Update],
            fields: fields.into_iter().map(str::to_owned).collect(),
            elements: vec![element("/spec/backends/*", "/service"), element("/spec/routes/*", "/name")],
        }],
        config_schema: if flaw == Flaw::DraftSeven { draft_seven } else { schema }.to_string(),
        settings_schema: "{}".into(),
        annotations: Vec::new(),
    }
}

impl Router for Split {
    fn description(&self) -> &Description {
        &self.description
    }

    fn digest(&self) -> Digest {
        Digest([7; 32])
    }

    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        Ok(Box::new(Asked(self)))
    }
}

struct Asked<'a>(&'a Split);

fn problem(code: &str, message: &str) -> CallError {
    Problem { code: code.into(), message: message.into(), about: None, pointer: None }.into()
}

fn trap() -> CallError {
    Fault { reason: FaultReason::Trap, message: "it panicked".into(), last_words: String::new() }.into()
}

impl Asked<'_> {
    fn split(&self, target: &Target) -> Result<String, CallError> {
        let flaw = self.0.flaw;
        let config: Value = serde_json::from_str(&target.config).unwrap_or_default();
        if flaw == Flaw::TakesAnything && !config.is_object() {
            return Ok("web".into());
        }
        if flaw == Flaw::StrangeProblemInOptions
            && config.get("options").is_some_and(|options| !options.is_object())
        {
            return Err(problem("strange", "options are strange"));
        }
        let code = if flaw == Flaw::StrangeProblem { "strange" } else { "invalid-config" };
        let name = config.get("split").and_then(Value::as_str);
        name.map(str::to_owned).ok_or_else(|| problem(code, "split is not a text"))
    }

    fn outcome(
        &self,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
        is_release: bool,
    ) -> Result<Outcome, CallError> {
        let flaw = self.0.flaw;
        let calls = self.0.calls.fetch_add(1, Ordering::Relaxed);
        self.split(target)?;
        let (Some(stable), Some(canary)) = (&target.stable_service, &target.canary_service) else {
            return Err(problem("missing-service", "two Services are needed"));
        };
        let mut outcome = Outcome {
            changes: Vec::new(),
            shares: Vec::new(),
            verdict: Verdict::Unverifiable,
            notes: Vec::new(),
            facts: Vec::new(),
        };
        let Some(object) = seen.iter().flat_map(|seen| &seen.objects).next() else {
            if is_release && flaw != Flaw::MissingIsAProblem {
                outcome.verdict = Verdict::Verified;
                return Ok(outcome);
            }
            if !is_release && flaw == Flaw::MissingIsFine {
                return Ok(outcome);
            }
            return Err(problem("missing-object", "the Split does not exist"));
        };
        if flaw == Flaw::CountsCalls {
            outcome.notes.push(format!("call {calls}"));
        }
        if flaw == Flaw::Verifies {
            outcome.verdict = Verdict::Verified;
        }
        let weight_of = |name: &str| (!is_release).then_some(()).and_then(|()| weight_of(traffic, name));
        match flaw {
            Flaw::FewWeights if traffic.canary.weight > 50 => return Err(problem("unsupported", "too much")),
            Flaw::OnlyHundred if traffic.max_weight != 100 => return Err(problem("unsupported", "too much")),
            Flaw::Traps if traffic.canary.weight == 100 => return Err(trap()),
            _ => {}
        }
        let old: Value = serde_json::from_str(&object.json).unwrap();
        let mut new = old.clone();
        let invalid = || problem("invalid-object", "the Split is not of the expected form");
        let mut by_name = BTreeMap::from([("stable", stable.as_str()), ("canary", canary.as_str())]);
        for extra in traffic.additional.iter().chain(&traffic.retired) {
            by_name.insert(&extra.name, extra.service.as_deref().unwrap_or_default());
        }
        let backends = new.pointer_mut("/spec/backends").and_then(Value::as_array_mut).ok_or_else(invalid)?;
        let (mut weights, mut total) = (BTreeMap::new(), 0_u32);
        for (name, service) in &by_name {
            for backend in backends.iter().filter(|backend| backend["service"] == **service) {
                let weight = match &backend["weight"] {
                    Value::Null => 0,
                    other if !other.is_number() && flaw == Flaw::TrapsOnWeights => return Err(trap()),
                    weight => {
                        weight.as_u64().and_then(|weight| u32::try_from(weight).ok()).ok_or_else(invalid)?
                    }
                };
                weights.insert(*name, weight);
                total = total.checked_add(weight).ok_or_else(invalid)?;
            }
        }
        if !(weights.contains_key("stable") && weights.contains_key("canary")) {
            return Err(problem("missing-backend", "two backends are needed"));
        }
        for (name, weight) in &weights {
            let weight = if flaw == Flaw::WrongShares && *name == "stable" { 100 } else { *weight };
            outcome.shares.push(Share {
                about: object.reference.clone(),
                at: "/spec".into(),
                destination: (*name).to_owned(),
                weight,
                total,
            });
        }
        for (name, service) in &by_name {
            let desired = match *name {
                "stable" if is_release => Some(traffic.max_weight),
                "canary" if is_release => Some(0),
                name => weight_of(name),
            };
            let desired = desired.or((flaw == Flaw::KeepsRetired).then_some(0));
            let place = backends.iter().position(|backend| backend["service"] == **service);
            match (place, desired) {
                (Some(place), Some(desired)) => {
                    let backend = backends[place].as_object_mut().unwrap();
                    backend.insert("weight".into(), json!(desired));
                    if flaw == Flaw::RemembersPeak && *name == "canary" {
                        let peak = backend.get("peak").and_then(Value::as_u64).unwrap_or_default();
                        backend.insert("peak".into(), json!(peak.max(desired.into())));
                    }
                    if flaw == Flaw::KeepsHash && *name == "canary" {
                        let hash = json!(traffic.canary.pod_template_hash);
                        backend.entry("hash").or_insert(hash);
                    }
                }
                (Some(place), None) => drop(backends.remove(place)),
                (None, Some(desired)) if flaw != Flaw::KeepsRetired || weight_of(name).is_some() => {
                    backends.push(json!({"service": service, "weight": desired}));
                }
                (None, _) => {}
            }
        }
        self.routes(traffic, is_release, &mut new).ok_or_else(invalid)?;
        let spec = new["spec"].as_object_mut().unwrap();
        match flaw {
            Flaw::Pauses => drop(spec.insert("paused".into(), json!(true))),
            Flaw::Flips => drop(spec.insert("flip".into(), json!(calls))),
            Flaw::DropsUnknown => spec.retain(|key, _| ["backends", "routes"].contains(&key.as_str())),
            _ => {}
        }
        if new != old {
            outcome
                .changes
                .push(Change { reference: object.reference.clone(), edit: Edit::Replace(new.to_string()) });
        }
        Ok(outcome)
    }

    /// Managed routes in front of the others.
    fn routes(&self, traffic: &Traffic, is_release: bool, object: &mut Value) -> Option<()> {
        let flaw = self.0.flaw;
        let routes = object.pointer_mut("/spec/routes")?.as_array_mut()?;
        let keeps = (is_release && flaw == Flaw::ReleasesNoRoutes) || flaw == Flaw::KeepsRoutes;
        let is_gone = |name: &Value| {
            let managed = traffic.managed_routes.iter().find(|route| *name == route.name);
            managed.is_some_and(|route| route.rule.is_some() && !is_release || !keeps)
        };
        routes.retain(|route| !is_gone(&route["name"]));
        let mut made = Vec::new();
        for route in &traffic.managed_routes {
            let Some(rule) = route.rule.as_ref().filter(|_| !is_release) else { continue };
            let is_mirror = matches!(rule.action, RuleAction::Mirror(_));
            let ignored = if is_mirror { Flaw::NoMirrorRoutes } else { Flaw::NoHeaderRoutes };
            let is_done = flaw == Flaw::TakesRoutesForDone && !is_mirror;
            if flaw != ignored && !is_done {
                let texts: Vec<_> = rule.matches.iter().flat_map(texts).collect();
                made.push(json!({"name": route.name, "match": texts, "action": rule.action}));
            }
        }
        if flaw == Flaw::SortsRoutes {
            made.sort_by_key(|route| route["name"].to_string());
        }
        routes.splice(0..0, made);
        Some(())
    }
}

fn texts(request: &tidegate_contract::RequestMatch) -> Vec<String> {
    let headers = request.headers.iter().map(|header| &header.value);
    let all = request.method.iter().chain(&request.path).chain(headers);
    all.map(|text| match text {
        TextMatch::Exact(text) | TextMatch::Prefix(text) | TextMatch::Regex(text) => format!("{text:?}"),
    })
    .collect()
}

fn weight_of(traffic: &Traffic, name: &str) -> Option<u32> {
    let all = [&traffic.stable, &traffic.canary].into_iter().chain(&traffic.additional);
    let found: Option<&Destination> = all.into_iter().find(|one| one.name == name);
    found.map(|one| one.weight)
}

impl Session for Asked<'_> {
    fn check(&mut self, target: &Target) -> Result<Vec<String>, CallError> {
        self.split(target)?;
        let mut features = self.0.description.features.clone();
        if self.0.flaw == Flaw::UndescribedFeature {
            features.push("teleport".into());
        }
        Ok(features)
    }

    fn locate(
        &mut self,
        target: &Target,
        _: &Traffic,
        seen: &[Observation],
    ) -> Result<Vec<Query>, CallError> {
        let mut name = self.split(target)?;
        if self.0.flaw == Flaw::WandersAround {
            let last = seen.first().map(|seen| &seen.query.select);
            name = match last {
                Some(Selection::Name(last)) => format!("{last}x"),
                _ => name,
            };
        }
        Ok(vec![Query { kind: kind(), namespace: None, select: Selection::Name(name), optional: false }])
    }

    fn route(
        &mut self,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> Result<Outcome, CallError> {
        self.outcome(target, traffic, seen, false)
    }

    fn release(
        &mut self,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> Result<Outcome, CallError> {
        self.outcome(target, traffic, seen, true)
    }
}
