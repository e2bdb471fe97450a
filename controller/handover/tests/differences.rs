//! What differs, and for how long.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_api::{Body, ObjectKey, Operation, Request, Resource, builtin};
use tidegate_handover::{Age, Difference, Ledger, Subject, differences};
use tidegate_shell::{IntendedWrite, Intention};

fn patch(resource: Resource, router: Option<&str>, before: Value, body: Body) -> IntendedWrite {
    let operation = Operation::Patch { name: "web".into(), subresource: None, body };
    IntendedWrite {
        key: ObjectKey::new(&resource, "shop", "web"),
        router: router.map(str::to_owned),
        request: Request { resource, namespace: Some("shop".into()), operation },
        before: Some(Arc::new(before)),
    }
}

fn intention(before: Value, status: Value, writes: Vec<IntendedWrite>) -> Intention {
    Intention {
        rollout: ObjectKey::new(&builtin::rollouts(), "shop", "web"),
        object: Arc::new(json!({ "metadata": { "name": "web" }, "status": before })),
        status: Arc::new(status),
        writes,
    }
}

/// Subject, place, before, after.
fn found(intention: &Intention) -> Vec<(Subject, String, Value, Value)> {
    differences(intention).into_iter().map(|one| (one.subject, one.field, one.has, one.would)).collect()
}

#[test]
fn of_a_status_what_matters_is_compared() {
    let cases = [
        (json!({ "phase": "Paused" }), json!({ "phase": "Progressing" }), "/status/phase"),
        (json!({ "currentStepIndex": 3 }), json!({ "currentStepIndex": 0 }), "/status/currentStepIndex"),
        (json!({ "currentStepIndex": 3 }), json!({}), "/status/currentStepIndex"),
        (json!({}), json!({ "abort": true }), "/status/abort"),
        (
            json!({ "pauseConditions": [{ "reason": "CanaryPauseStep", "startTime": "a" }] }),
            json!({}),
            "/status/pauseConditions",
        ),
        (
            json!({ "canary": { "weights": { "canary": { "weight": 20 } } } }),
            json!({ "canary": { "weights": { "canary": { "weight": 40 } } } }),
            "/status/canary/weights/canary/weight",
        ),
        // No differences: what Go leaves out, times, conditions.
        (json!({}), json!({ "abort": false, "currentStepIndex": 0, "stableRS": "" }), ""),
        (
            json!({ "pauseConditions": [{ "reason": "CanaryPauseStep", "startTime": "a" }] }),
            json!({ "pauseConditions": [{ "reason": "CanaryPauseStep", "startTime": "b" }] }),
            "",
        ),
        (json!({ "conditions": [] }), json!({ "conditions": [{ "type": "Healthy" }], "message": "x" }), ""),
    ];
    for (before, after, expected) in cases {
        let found = found(&intention(before.clone(), after.clone(), Vec::new()));
        let fields: Vec<&str> = found.iter().map(|(_, field, ..)| field.as_str()).collect();
        let expected: Vec<&str> = [expected].into_iter().filter(|field| !field.is_empty()).collect();
        assert_eq!(fields, expected, "{before} → {after}");
    }
}

#[test]
fn of_writes_each_place_is_told_with_what_it_is_about() {
    let routes = Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes");
    let set = json!({ "metadata": { "name": "web", "resourceVersion": "5" }, "spec": { "replicas": 2 } });
    let service = json!({ "metadata": { "name": "web" }, "spec": { "selector": { "hash": "a" } } });
    let route = json!({ "spec": { "rules": [{ "backendRefs": [{ "weight": 80 }, { "weight": 20 }] }] } });
    let weight = json!([
        { "op": "test", "path": "/spec/rules/0/backendRefs/1/weight", "value": 20 },
        { "op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 40 },
    ]);
    let outdated = json!([{ "op": "test", "path": "/spec/rules/0/backendRefs/1/weight", "value": 21 }]);
    let scaled = json!({
        "metadata": { "resourceVersion": "4", "annotations": { "rollout.argoproj.io/desired-replicas": "4" } },
        "spec": { "replicas": 3 },
    });
    let writes = vec![
        patch(routes.clone(), Some("a/b"), route.clone(), Body::Json(weight)),
        patch(routes, Some("a/b"), route, Body::Json(outdated)),
        patch(builtin::replica_sets(), None, set, Body::Merge(scaled)),
        patch(
            builtin::services(),
            None,
            service,
            Body::Merge(json!({ "spec": { "selector": { "hash": "b" } } })),
        ),
        IntendedWrite {
            before: None,
            request: Request {
                resource: builtin::replica_sets(),
                namespace: Some("shop".into()),
                operation: Operation::Create { object: json!({ "metadata": { "name": "web-2" } }) },
            },
            ..patch(builtin::replica_sets(), None, json!({}), Body::Merge(json!({})))
        },
    ];
    let expected = [
        (Subject::Route, "/spec/rules/0/backendRefs/1/weight", json!(20), json!(40)),
        (
            Subject::Metadata,
            "/metadata/annotations",
            Value::Null,
            json!({ "rollout.argoproj.io/desired-replicas": "4" }),
        ),
        (Subject::Replicas, "/spec/replicas", json!(2), json!(3)),
        (Subject::Selector, "/spec/selector/hash", json!("a"), json!("b")),
        (Subject::ReplicaSet, "", Value::Null, json!({ "metadata": { "name": "web-2" } })),
    ];
    let expected = expected.map(|(subject, field, has, would)| (subject, field.to_owned(), has, would));
    assert_eq!(found(&intention(json!({}), json!({}), writes)), expected);
}

fn weight(has: u64, would: u64) -> Difference {
    Difference {
        object: ObjectKey::new(&builtin::services(), "shop", "web"),
        subject: Subject::Route,
        field: "/weight".into(),
        has: has.into(),
        would: would.into(),
    }
}

#[test]
fn what_stays_the_same_for_long_is_lasting() {
    let rollout = ObjectKey::new(&builtin::rollouts(), "shop", "web");
    let second = Duration::from_secs;
    let mut ledger = Ledger::new(second(30));
    let mut ages = |at: u64, found: Option<Vec<Difference>>| -> Vec<(Age, bool)> {
        let news = match found {
            Some(found) => ledger.update(second(at), &rollout, found),
            None => ledger.look(second(at)),
        };
        news.into_iter().map(|news| (news.age, news.was_lasting)).collect()
    };
    assert_eq!(ages(0, Some(vec![weight(20, 40)])), [(Age::Begun, false)]);
    assert_eq!(ages(29, Some(vec![weight(20, 40)])), []);
    // It moves: another difference, although in the same place.
    assert_eq!(ages(29, Some(vec![weight(40, 60)])), [(Age::Begun, false), (Age::Ended, false)]);
    assert_eq!(ages(58, None), []);
    assert_eq!(ages(59, None), [(Age::Lasting, true)]);
    assert_eq!(ages(70, None), []);
    assert_eq!(ages(80, Some(vec![])), [(Age::Ended, true)]);
    assert_eq!(ages(200, None), []);
}

proptest! {
    #[test]
    fn what_has_begun_ends_once_and_nothing_else_is_told(
        looks in prop::collection::vec((0_u64..40, prop::collection::btree_set(0_u64..4, 0..4)), 1..40)
    ) {
        let rollout = ObjectKey::new(&builtin::rollouts(), "shop", "web");
        let mut ledger = Ledger::new(Duration::from_secs(30));
        let mut now = 0;
        let mut open: std::collections::BTreeMap<u64, (u64, bool)> = std::collections::BTreeMap::new();
        for (wait, present) in looks {
            now += wait;
            let found = present.iter().map(|number| weight(*number, 9)).collect();
            for news in ledger.update(Duration::from_secs(now), &rollout, found) {
                let number = news.difference.has.as_u64().unwrap();
                match news.age {
                    Age::Begun => prop_assert!(open.insert(number, (now, false)).is_none()),
                    Age::Lasting => {
                        let (since, lasting) = open.get_mut(&number).unwrap();
                        prop_assert!(!*lasting && now - *since >= 30);
                        *lasting = true;
                    }
                    Age::Ended => {
                        let (since, lasting) = open.remove(&number).unwrap();
                        prop_assert_eq!((news.lasted, news.was_lasting), (Duration::from_secs(now - since), lasting));
                    }
                }
            }
            let counted = ledger.count(&rollout, Subject::Route);
            let lasting = open.values().filter(|(_, lasting)| *lasting).count();
            prop_assert_eq!(counted, (open.len() - lasting, lasting));
            prop_assert!(open.keys().eq(present.iter()));
            prop_assert!(open.values().all(|(since, lasting)| *lasting == (now - since >= 30)));
        }
    }
}
