//! Whatever the world looks like, there is a decision about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use tidegate_analysis::Reference;
use tidegate_core::{Evidence, Pods, Workload, World, decide};

use crate::checks::check_shares;
use crate::cluster::{Cluster, Gate};
use crate::evidence::{analysis, updating};
use crate::manifests::{paused, rollout, running, trace};

/// Values at the ends of what there is.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![0, 1, -1, 100, i64::MAX, i64::MIN, i64::from(i32::MAX), 1_000_000])
            .prop_map(Value::from),
        Just(json!(u64::MAX)),
        Just(json!(1.5)),
        prop::sample::select(vec![
            "",
            "x",
            "100%",
            "-3s",
            "9999-12-31T23:59:59Z",
            "-009999-01-01T00:00:00Z",
            "Unknown"
        ])
        .prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null, 1, {}])),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    odd().prop_recursive(4, 40, 6, |inner| {
        let keys = prop::sample::select(vec![
            "metadata",
            "spec",
            "status",
            "name",
            "labels",
            "annotations",
            "replicas",
            "template",
            "strategy",
            "canary",
            "steps",
            "trafficRouting",
            "plugins",
            "istio",
            "managedRoutes",
            "setHeaderRoute",
            "setMirrorRoute",
            "match",
            "conditions",
            "pauseConditions",
            "analysis",
            "experiment",
            "templates",
            "metrics",
            "args",
            "phase",
            "ownerReferences",
            "weights",
            "type",
        ]);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((keys, inner), 0..6).prop_map(|fields| {
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>().into()
            }),
        ]
    })
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(Timestamp::MIN),
        Just(Timestamp::MAX),
        (0..4_000_000_000_i64).prop_map(|second| Timestamp::from_second(second).unwrap()),
    ]
}

fn check(world: &World, now: Timestamp) {
    let decision = decide(world, now);
    check_shares(&decision);
    assert!(decision.status.is_object());
    assert_eq!(decision, decide(world, now));
}

/// Moments of a rollout to be disturbed.
fn moments() -> Vec<Cluster> {
    let mut updating = running(rollout(trace()));
    updating.deploy("v2");
    updating.ready.insert("v2".into(), 1);
    updating.settle();
    let mut superseded = paused();
    superseded.set_gate(Gate::Failed);
    superseded.deploy("v3");
    superseded.settle();
    let mut aborted = paused();
    aborted.abort();
    aborted.settle();
    let mut basic = rollout(trace());
    basic["spec"]["strategy"]["canary"].as_object_mut().unwrap().remove("trafficRouting");
    let mut basic = running(basic);
    basic.deploy("v2");
    basic.settle();
    vec![updating, paused(), superseded, aborted, basic]
}

/// Moments of updates with analyses and experiments.
fn judged_moments() -> Vec<Cluster> {
    let weight = json!({"setWeight": 20});
    let at_analysis = updating(json!([weight, {"analysis": analysis()}, {"pause": {}}]), &json!({}));
    let mut inconclusive = at_analysis.clone();
    inconclusive.judge("web-v2-2-1", "Inconclusive");
    let background = updating(trace(), &json!({"analysis": analysis()}));
    let experiment = json!({
        "templates": [{"name": "a", "specRef": "stable", "weight": 5}, {"name": "b", "specRef": "canary", "replicas": 2}],
        "analyses": [{"name": "x", "templateName": "t", "args": [{"name": "hash", "value": "{{templates.a.podTemplateHash}}"}]}],
    });
    let mut at_experiment = updating(json!([weight, {"experiment": experiment}, {"pause": {}}]), &json!({}));
    for (name, one) in &mut at_experiment.evidence.experiments {
        let template = json!({"name": "a", "readyReplicas": 1, "podTemplateHash": "h", "serviceName": format!("{name}-a")});
        Arc::make_mut(one)["status"] = json!({"phase": "Running", "templateStatuses": [template]});
    }
    at_experiment.settle();
    let mut aborted = at_experiment.clone();
    aborted.abort();
    aborted.settle();
    vec![at_analysis, inconclusive, background, at_experiment, aborted]
}

/// Runs, Experiments and templates that may be anything.
fn any_evidence(objects: &[Value], is_known: bool) -> Evidence {
    let named = |from: usize| {
        let some = objects.iter().skip(from).take(2).enumerate();
        some.map(|(index, object)| (format!("e{index}"), Arc::new(object.clone()))).collect()
    };
    let reference = Reference { cluster: false, name: "t".to_owned() };
    let templates = objects.iter().skip(4).take(1).map(|one| (reference.clone(), Arc::new(one.clone())));
    Evidence { runs: named(0), experiments: named(2), templates: templates.collect(), is_known }
}

/// All places in a value.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                places(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

fn disturb(value: &mut Value, place: Index, by: Value) {
    let mut all = Vec::new();
    places(value, "", &mut all);
    *value.pointer_mut(&all[place.index(all.len())]).unwrap() = by;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_objects_are_answered(
        rollout in anything(), sets in vec(anything(), 0..4), services in vec(anything(), 0..3), now in time(),
        objects in vec(anything(), 6), is_known in any::<bool>(), moment in any::<Index>(),
    ) {
        let named = |(index, service): (usize, Value)| (format!("s{index}"), Arc::new(service));
        let world = World {
            rollout: Arc::new(rollout),
            template_hash: None,
            replica_sets: sets.into_iter().map(Arc::new).collect(),
            services: services.into_iter().enumerate().map(named).collect::<BTreeMap<_, _>>(),
            evidence: any_evidence(&objects, is_known),
            workload: Workload::None,
            leaving: Vec::new(),
            pods: Pods::Unknown,
            routing: None,
        };
        check(&world, now);
        // Around a Rollout that is right.
        thread_local!(static MOMENTS: Vec<Cluster> = judged_moments());
        let world = MOMENTS.with(|moments| moments[moment.index(moments.len())].world());
        let mut evidence = any_evidence(&objects, is_known);
        // Under the names that it has for its own.
        for (name, object) in world.evidence.runs.keys().zip(&objects) {
            evidence.runs.insert(name.clone(), Arc::new(object.clone()));
        }
        for (name, object) in world.evidence.experiments.keys().zip(&objects) {
            evidence.experiments.insert(name.clone(), Arc::new(object.clone()));
        }
        check(&World { evidence, ..world }, now);
    }

    #[test]
    fn any_disturbance_of_evidence_is_answered(
        moment in any::<Index>(),
        changes in vec((0..6_usize, any::<Index>(), odd()), 1..5),
        now in time(),
    ) {
        thread_local!(static MOMENTS: Vec<Cluster> = judged_moments());
        let mut cluster = MOMENTS.with(|moments| moments[moment.index(moments.len())].clone());
        for (which, place, by) in changes {
            let evidence = &mut cluster.evidence;
            let judged = evidence.runs.values_mut().chain(evidence.experiments.values_mut());
            match which {
                0..=1 => disturb(&mut cluster.rollout, place, by),
                2 => evidence.templates.values_mut().for_each(|one| disturb(Arc::make_mut(one), place, by.clone())),
                _ => judged.for_each(|one| disturb(Arc::make_mut(one), place, by.clone())),
            }
        }
        check(&cluster.world(), now);
    }

    #[test]
    fn any_disturbance_is_answered(
        moment in any::<Index>(),
        changes in vec((0..6_usize, any::<Index>(), odd()), 1..5),
        now in time(),
    ) {
        thread_local!(static MOMENTS: Vec<Cluster> = moments());
        let mut cluster = MOMENTS.with(|moments| moments[moment.index(moments.len())].clone());
        for (which, place, by) in changes {
            let sets = cluster.sets.len();
            let value = match which {
                0..=2 => &mut cluster.rollout,
                3..=4 => cluster.sets.values_mut().nth(which % sets).unwrap(),
                _ => cluster.services.values_mut().next().unwrap(),
            };
            disturb(value, place, by);
        }
        check(&cluster.world(), now);
    }
}
