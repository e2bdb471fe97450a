//! Plugins made of closures, and the objects and questions that the tests share.

use serde_json::{Value, json};
use tidegate_contract::{
    CallError, Change, Description, Destination, Edit, ElementUse, Fault, FaultReason, Kind, KindUse, Object,
    ObjectRef, Observation, Outcome, Problem, Query, Selection, Session, Share, Target, Traffic, Verb,
    Verdict,
};
use tidegate_route::{Answer, Pass, Purpose, run};

pub(crate) const WEIGHT: &str = "/spec/rules/*/backendRefs/*/weight";

type Locate<'a> = Box<dyn FnMut(&[Observation]) -> Result<Vec<Query>, CallError> + 'a>;
type Route<'a> = Box<dyn FnMut(Purpose, &Traffic, &[Observation]) -> Result<Outcome, CallError> + 'a>;

/// A plugin made of closures.
pub(crate) struct Plugin<'a> {
    pub description: Description,
    pub locate: Locate<'a>,
    pub route: Route<'a>,
}

impl<'a> Plugin<'a> {
    /// One that asks for the route `web`, and answers what the closure says.
    pub(crate) fn new(
        route: impl FnMut(Purpose, &Traffic, &[Observation]) -> Result<Outcome, CallError> + 'a,
    ) -> Self {
        Self {
            description: description(&[WEIGHT]),
            locate: Box::new(|_| Ok(vec![query("web")])),
            route: Box::new(route),
        }
    }

    /// One that does its work well.
    pub(crate) fn honest() -> Self {
        Self::new(|purpose, traffic, seen| Ok(honest(purpose, traffic, seen)))
    }

    /// One that answers first this and, asked again, that all is as it should be.
    pub(crate) fn once(outcome: Outcome) -> Self {
        let mut first = Some(outcome);
        Self::new(move |_, traffic, seen| {
            let steady = || steady(traffic, seen);
            Ok(first.take().unwrap_or_else(steady))
        })
    }

    pub(crate) fn fields(mut self, fields: &[&str]) -> Self {
        self.description = description(fields);
        self
    }

    pub(crate) fn elements(mut self, elements: Vec<ElementUse>) -> Self {
        self.description.kinds[0].elements = elements;
        self
    }

    pub(crate) fn locate(
        mut self,
        locate: impl FnMut(&[Observation]) -> Result<Vec<Query>, CallError> + 'a,
    ) -> Self {
        self.locate = Box::new(locate);
        self
    }

    pub(crate) fn run(mut self, pass: &Pass) -> Answer {
        let description = self.description.clone();
        run(&mut self, &description, pass)
    }
}

impl Session for Plugin<'_> {
    fn check(&mut self, _: &Target) -> Result<Vec<String>, CallError> {
        Ok(Vec::new())
    }

    fn locate(&mut self, _: &Target, _: &Traffic, seen: &[Observation]) -> Result<Vec<Query>, CallError> {
        (self.locate)(seen)
    }

    fn route(&mut self, _: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, CallError> {
        (self.route)(Purpose::Route, traffic, seen)
    }

    fn release(&mut self, _: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, CallError> {
        (self.route)(Purpose::Release, traffic, seen)
    }
}

pub(crate) fn kind() -> Kind {
    Kind::new("gateway.networking.k8s.io", "HTTPRoute")
}

/// The kind of objects that the plugin makes.
pub(crate) fn made_kind() -> Kind {
    Kind::new("example.com", "Made")
}

/// Backends whose name says whose they are, and rules whose name does and whose backends are references.
pub(crate) fn elements() -> Vec<ElementUse> {
    let used = |at: &str, references: &[&str]| ElementUse {
        at: at.into(),
        identity: "/name".into(),
        references: references.iter().map(|text| (*text).to_owned()).collect(),
    };
    vec![
        used("/spec/rules/*", &["/backendRefs/*/name", "/filters/*/requestMirror/backendRef/name"]),
        used("/spec/rules/*/backendRefs/*", &[]),
    ]
}

pub(crate) fn description(fields: &[&str]) -> Description {
    let used = |kind, verbs: &[Verb], fields: &[&str]| KindUse {
        kind,
        versions: vec!["v1".into()],
        verbs: verbs.to_vec(),
        fields: fields.iter().map(|text| (*text).to_owned()).collect(),
        elements: Vec::new(),
    };
    Description {
        name: "test".into(),
        version: "1.0.0".into(),
        features: vec!["weights".into()],
        kinds: vec![
            used(kind(), &[Verb::Read, Verb::Update], fields),
            used(Kind::new("gateway.networking.k8s.io", "Gateway"), &[Verb::Read], &[]),
            used(made_kind(), &[Verb::Read, Verb::Update, Verb::Create, Verb::Delete], &[]),
            used(Kind::new("", "Secret"), &[Verb::Read, Verb::Update], &["/data"]),
            used(Kind::new("apps", "Deployment"), &[Verb::Read, Verb::Update], &["/spec"]),
        ],
        config_schema: "{}".into(),
        settings_schema: "{}".into(),
        annotations: Vec::new(),
    }
}

pub(crate) fn query(name: &str) -> Query {
    Query { kind: kind(), namespace: None, select: Selection::Name(name.into()), optional: false }
}

pub(crate) fn reference(name: &str) -> ObjectRef {
    ObjectRef { kind: kind(), namespace: Some("shop".into()), name: name.into() }
}

/// A route as a server returns it: two of our rules, and a foreign one between them.
pub(crate) fn route(name: &str) -> Value {
    let ours = |path: &str| {
        json!({
            "matches": [{"path": {"type": "PathPrefix", "value": path}}],
            "backendRefs": [
                {"group": "", "kind": "Service", "name": "web-stable", "port": 80, "weight": 100},
                {"group": "", "kind": "Service", "name": "web-canary", "port": 80, "weight": 0},
            ],
        })
    };
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"), "resourceVersion": "42",
            "generation": 3, "annotations": {"team/owner": "a"},
        },
        "spec": {
            "parentRefs": [{"name": "gateway"}],
            "rules": [
                ours("/"),
                {
                    "matches": [{"path": {"type": "Exact", "value": "/legacy"}}],
                    "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}],
                    "backendRefs": [{"name": "legacy", "port": 80, "weight": 1}],
                },
                ours("/api"),
            ],
        },
        "status": {"parents": []},
    })
}

pub(crate) fn object(name: &str, value: &Value) -> Object {
    Object {
        reference: reference(name),
        api_version: "gateway.networking.k8s.io/v1".into(),
        json: value.to_string().into(),
    }
}

pub(crate) fn observation(name: &str, value: &Value) -> Observation {
    Observation { query: query(name), served: true, objects: vec![object(name, value)] }
}

/// The Rollout `shop/web` with its canary at this weight of 100.
pub(crate) fn pass(canary: u32, seen: Vec<Observation>) -> Pass {
    let destination = |name: &str, weight| Destination {
        name: name.into(),
        service: Some(format!("web-{name}")),
        pod_template_hash: None,
        weight,
    };
    Pass {
        target: Target {
            namespace: "shop".into(),
            name: "web".into(),
            uid: "uid-rollout".into(),
            config: json!({"httpRoute": "web"}).to_string(),
            settings: "{}".into(),
            stable_service: Some("web-stable".into()),
            canary_service: Some("web-canary".into()),
        },
        traffic: Traffic {
            max_weight: 100,
            stable: destination("stable", 100 - canary),
            canary: destination("canary", canary),
            ..Traffic::default()
        },
        seen,
        purpose: Purpose::Route,
        grant: None,
    }
}

/// One that sees the route `web` as it is.
pub(crate) fn pass_on(canary: u32, web: &Value) -> Pass {
    pass(canary, vec![observation("web", web)])
}

pub(crate) fn outcome(changes: Vec<Change>, shares: Vec<Share>) -> Outcome {
    Outcome { changes, shares, verdict: Verdict::Verified, notes: Vec::new(), facts: Vec::new() }
}

pub(crate) fn patched(name: &str, patch: &Value) -> Change {
    Change { reference: reference(name), edit: Edit::JsonPatch(patch.to_string()) }
}

pub(crate) fn share(name: &str, at: &str, destination: &str, weight: u32, total: u32) -> Share {
    Share { about: reference(name), at: at.into(), destination: destination.into(), weight, total }
}

/// Nothing to change, and each object divides as desired.
pub(crate) fn steady(traffic: &Traffic, seen: &[Observation]) -> Outcome {
    let shares = seen
        .iter()
        .flat_map(|seen| &seen.objects)
        .flat_map(|object| {
            [&traffic.stable, &traffic.canary].map(|destination| {
                share(
                    &object.reference.name,
                    "/spec",
                    &destination.name,
                    destination.weight,
                    traffic.max_weight,
                )
            })
        })
        .collect();
    outcome(Vec::new(), shares)
}

/// Sets the weights of both Services wherever both are in a rule.
fn honest(purpose: Purpose, traffic: &Traffic, seen: &[Observation]) -> Outcome {
    let mut answer = outcome(Vec::new(), Vec::new());
    for object in seen.iter().flat_map(|seen| &seen.objects) {
        let value: Value = serde_json::from_str(&object.json).unwrap();
        let mut patch = Vec::new();
        for (rule, content) in value["spec"]["rules"].as_array().unwrap().iter().enumerate() {
            let backends = content["backendRefs"].as_array().unwrap();
            let of = |destination: &Destination| {
                let name = destination.service.as_deref().unwrap();
                backends.iter().position(|backend| backend["name"] == name)
            };
            let (Some(stable), Some(canary)) = (of(&traffic.stable), of(&traffic.canary)) else { continue };
            let weight = |index: usize| u32::try_from(backends[index]["weight"].as_u64().unwrap()).unwrap();
            let total = weight(stable) + weight(canary);
            for (name, index, wanted) in
                [("stable", stable, traffic.stable.weight), ("canary", canary, traffic.canary.weight)]
            {
                let wanted = match (purpose, name) {
                    (Purpose::Route, _) => wanted,
                    (Purpose::Release, "stable") => traffic.max_weight,
                    (Purpose::Release, _) => 0,
                };
                let at = format!("/spec/rules/{rule}");
                if weight(index) != wanted {
                    let path = format!("{at}/backendRefs/{index}/weight");
                    patch.push(json!({"op": "replace", "path": path, "value": wanted}));
                }
                answer.shares.push(share(&object.reference.name, &at, name, weight(index), total));
            }
        }
        if !patch.is_empty() {
            answer.changes.push(patched(&object.reference.name, &Value::Array(patch)));
        }
    }
    answer
}

pub(crate) fn problem(code: &str, message: &str) -> Problem {
    Problem { code: code.into(), message: message.into(), about: None, pointer: None }
}

pub(crate) fn fault() -> Fault {
    Fault { reason: FaultReason::Trap, message: "unreachable".into(), last_words: "panicked".into() }
}

/// The reason for which an answer was refused.
pub(crate) fn refused(answer: Answer) -> &'static str {
    match answer {
        Answer::Refused(refusal) => refusal.reason,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) fn routed(answer: Answer) -> tidegate_route::Routed {
    match answer {
        Answer::Routed(routed) => routed,
        other => panic!("not routed: {other:?}"),
    }
}
