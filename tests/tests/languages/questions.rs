//! Questions to a router of the kind `Split`, and what it answers in any language: the same changes, shares, codes and
//! places. Messages are each author's own. And what it costs is the same each time.

use serde_json::{Value, json};
use tidegate_contract::{
    CallError, Destination, Edit, Kind, ManagedRoute, Object, ObjectRef, Observation, Outcome, Query,
    RequestMatch, Rule, RuleAction, Selection, Session, Target, Traffic, Verdict,
};
use tidegate_runtime::{Plugin, Usage};

struct Question {
    config: Value,
    services: [Option<&'static str>; 2],
    /// `spec` of the Split `shop/cart`; none when there is no such object.
    spec: Option<Value>,
    traffic: Traffic,
    release: bool,
}

/// 20 of 100 for the canary.
fn traffic() -> Traffic {
    let destination = |name: &str, service: &str, weight| Destination {
        name: name.into(),
        service: Some(service.into()),
        pod_template_hash: None,
        weight,
    };
    Traffic {
        max_weight: 100,
        stable: destination("stable", "cart", 80),
        canary: destination("canary", "cart-next", 20),
        ..Traffic::default()
    }
}

fn with_backends(backends: Value) -> Question {
    Question {
        config: json!({"split": "cart"}),
        services: [Some("cart"), Some("cart-next")],
        spec: Some(json!({ "backends": backends })),
        traffic: traffic(),
        release: false,
    }
}

/// A good one, to be spoilt.
fn good() -> Question {
    with_backends(json!([{"service": "cart", "weight": 100}, {"service": "cart-next", "weight": 0}]))
}

fn with_config(config: Value) -> Question {
    Question { config, ..good() }
}

fn with_weight(weight: Value) -> Question {
    with_backends(json!([{"service": "cart", "weight": 100}, {"service": "cart-next", "weight": weight}]))
}

fn problem(code: &str, about: bool, pointer: Option<&str>) -> Value {
    json!({"problem": code, "about the Split": about, "pointer": pointer})
}

fn changes(patch: Value, weights: [u32; 2]) -> Value {
    let total: u32 = weights.iter().sum();
    json!({
        "patch": patch,
        "shares": [["/spec", "stable", weights[0], total], ["/spec", "canary", weights[1], total]],
        "verdict": "unverifiable",
    })
}

fn set(index: usize, weight: u32) -> Value {
    json!({"op": "replace", "path": format!("/spec/backends/{index}/weight"), "value": weight})
}

fn questions() -> Vec<(&'static str, Question, Value)> {
    let gone = json!({"patch": null, "shares": [], "verdict": "verified"});
    let written =
        || with_backends(json!([{"service": "cart-next", "weight": 20}, {"service": "cart", "weight": 80}]));
    let mut questions = vec![
        ("a change", good(), changes(json!([set(0, 80), set(1, 20)]), [100, 0])),
        ("nothing to change", written(), changes(Value::Null, [80, 20])),
        (
            "a release",
            Question { release: true, ..written() },
            changes(json!([set(1, 100), set(0, 0)]), [80, 20]),
        ),
        (
            "weights that nobody has written",
            with_backends(json!([{"service": "cart", "weight": 80}, {"service": "cart-next"}])),
            changes(json!([{"op": "add", "path": "/spec/backends/1/weight", "value": 20}]), [80, 0]),
        ),
        (
            "a weight that is null",
            with_weight(Value::Null),
            changes(
                json!([set(0, 80), {"op": "add", "path": "/spec/backends/1/weight", "value": 20}]),
                [100, 0],
            ),
        ),
        (
            "others that make no sense",
            with_backends(json!([
                null, 1, "cart", ["cart"], {}, {"service": 5, "weight": {}}, {"service": null}, {"weight": 5},
                {"service": "cart", "weight": 100}, {"service": "cart-next", "weight": 20},
            ])),
            changes(json!([set(8, 80)]), [100, 20]),
        ),
        ("a key that is not known", with_config(json!({"split": "cart", "a~b/c": 1})), {
            problem("invalid-config", false, Some("/a~0b~1c"))
        }),
        ("no name", with_config(json!({})), problem("invalid-config", false, Some(""))),
        (
            "a name that is none",
            with_config(json!({"split": 7})),
            problem("invalid-config", false, Some("/split")),
        ),
        (
            "an empty name",
            with_config(json!({"split": ""})),
            problem("invalid-config", false, Some("/split")),
        ),
        ("no configuration", with_config(Value::Null), problem("invalid-config", false, Some(""))),
        (
            "no canary Service",
            Question { services: [Some("cart"), None], ..good() },
            problem("missing-service", false, None),
        ),
        (
            "no stable Service",
            Question { services: [None, Some("cart")], ..good() },
            problem("missing-service", false, None),
        ),
        (
            "one Service for both",
            Question { services: [Some("cart"), Some("cart")], ..good() },
            problem("missing-service", false, None),
        ),
        ("no object", Question { spec: None, ..good() }, problem("missing-object", true, None)),
        ("no object to release", Question { spec: None, release: true, ..good() }, gone.clone()),
        (
            "no canary backend",
            with_backends(json!([{"service": "cart", "weight": 1}])),
            problem("missing-backend", true, None),
        ),
        ("no backends", with_backends(json!([])), problem("missing-backend", true, None)),
        ("no backends to release", Question { release: true, ..with_backends(json!([])) }, gone),
        (
            "backends that are none",
            with_backends(json!({"cart": 1})),
            problem("invalid-object", true, Some("/spec/backends")),
        ),
        (
            "an object without backends",
            Question { spec: Some(json!(5)), ..good() },
            problem("invalid-object", true, Some("/spec/backends")),
        ),
        (
            "a Service twice",
            with_backends(json!([{"service": "cart", "weight": 1}, {"service": "cart", "weight": 1}])),
            problem("invalid-object", true, Some("/spec/backends/1")),
        ),
        (
            "an extra destination",
            Question { traffic: Traffic { additional: vec![extra(5)], ..traffic() }, ..good() },
            problem("unsupported", false, None),
        ),
        (
            "an extra destination that gets nothing",
            Question { traffic: Traffic { additional: vec![extra(0)], ..traffic() }, ..good() },
            changes(json!([set(0, 80), set(1, 20)]), [100, 0]),
        ),
        (
            "a managed route",
            Question { traffic: Traffic { managed_routes: vec![managed(true)], ..traffic() }, ..good() },
            problem("unsupported", false, None),
        ),
        (
            "a managed route that must not exist",
            Question { traffic: Traffic { managed_routes: vec![managed(false)], ..traffic() }, ..good() },
            changes(json!([set(0, 80), set(1, 20)]), [100, 0]),
        ),
    ];
    for weight in [json!(-1), json!("20"), json!(20.5), json!(true), json!([]), json!(2_147_483_648_u64)] {
        let answer = problem("invalid-object", true, Some("/spec/backends/1/weight"));
        questions.push(("a weight that is none", with_weight(weight), answer));
    }
    let most = 2_147_483_647;
    questions.push(("a large weight", with_weight(json!(most)), {
        changes(json!([set(0, 80), set(1, 20)]), [100, most])
    }));
    questions
}

fn extra(weight: u32) -> Destination {
    Destination {
        name: "baseline".into(),
        service: Some("cart-baseline".into()),
        pod_template_hash: Some("abc".into()),
        weight,
    }
}

fn managed(exists: bool) -> ManagedRoute {
    let rule = Rule { matches: vec![RequestMatch::default()], action: RuleAction::ToCanary };
    ManagedRoute { name: "testers".into(), rule: exists.then_some(rule) }
}

impl Question {
    /// The answer, in the form in which it is compared, and what it cost.
    fn answer(&self, plugin: &Plugin) -> (Value, Usage) {
        let [stable_service, canary_service] = self.services.map(|service| service.map(str::to_owned));
        let target = Target {
            namespace: "shop".into(),
            name: "cart".into(),
            uid: "3c1f7a52-0c53-4c5e-9b58-6a1f1ac3a4ed".into(),
            config: self.config.to_string(),
            settings: "{}".into(),
            stable_service,
            canary_service,
        };
        let kind = Kind::new("example.com", "Split");
        let query = Query {
            kind: kind.clone(),
            namespace: None,
            select: Selection::Name("cart".into()),
            optional: false,
        };
        let reference = ObjectRef { kind, namespace: Some("shop".into()), name: "cart".into() };
        let object = |spec: &Value| Object {
            reference: reference.clone(),
            api_version: "example.com/v1".into(),
            json: json!({
                "apiVersion": "example.com/v1", "kind": "Split",
                "metadata": {"name": "cart", "namespace": "shop"}, "spec": spec,
            })
            .to_string()
            .into(),
        };
        let objects = self.spec.iter().map(object).collect();
        let seen = [Observation { query, served: true, objects }];
        let mut sandbox = plugin.sandbox().unwrap();
        let answer = if self.release {
            sandbox.release(&target, &self.traffic, &seen)
        } else {
            sandbox.route(&target, &self.traffic, &seen)
        };
        let summary = match answer {
            Ok(outcome) => summary(&outcome, &reference),
            Err(CallError::Problem(problem)) => {
                assert!(!problem.message.is_empty());
                let about = problem.about.is_some();
                assert!(!about || problem.about == Some(reference));
                self::problem(&problem.code, about, problem.pointer.as_deref())
            }
            Err(CallError::Fault(fault)) => panic!("{fault}\n{}", fault.last_words),
        };
        (summary, sandbox.usage())
    }
}

fn summary(outcome: &Outcome, split: &ObjectRef) -> Value {
    let patch = match outcome.changes.as_slice() {
        [] => Value::Null,
        [change] => match &change.edit {
            Edit::JsonPatch(patch) => {
                assert_eq!(change.reference, *split);
                serde_json::from_str(patch).unwrap()
            }
            other => panic!("{other:?}"),
        },
        more => panic!("{more:?}"),
    };
    assert!(outcome.shares.iter().all(|share| share.about == *split));
    let shares: Vec<Value> = outcome
        .shares
        .iter()
        .map(|share| json!([share.at, share.destination, share.weight, share.total]))
        .collect();
    let verdict = match &outcome.verdict {
        Verdict::Verified => "verified",
        Verdict::Unverifiable => "unverifiable",
        other => panic!("{other:?}"),
    };
    json!({"patch": patch, "shares": shares, "verdict": verdict})
}

/// Asks all questions, each in a fresh sandbox, and one of them once more.
pub(super) fn ask(plugin: &Plugin) {
    for (what, question, expected) in questions() {
        let (answer, _) = question.answer(plugin);
        // The order of operations is each author's own.
        assert_eq!(sorted(answer), sorted(expected), "{what}: {}", question.config);
    }
    let first = good().answer(plugin);
    for _ in 0..5 {
        assert_eq!(good().answer(plugin), first, "what is the same costs the same");
    }
}

fn sorted(mut answer: Value) -> Value {
    if let Some(patch) = answer.get_mut("patch").and_then(Value::as_array_mut) {
        patch.sort_by_key(|operation| operation["path"].to_string());
    }
    answer
}
