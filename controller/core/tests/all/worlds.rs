//! Whatever the world looks like, there is a decision about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use tidegate_core::{Evidence, Pods, Workload, World, decide};

use crate::checks::check_shares;
use crate::cluster::{Cluster, Gate};
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
    ) {
        let named = |(index, service): (usize, Value)| (format!("s{index}"), Arc::new(service));
        let world = World {
            rollout: Arc::new(rollout),
            template_hash: None,
            replica_sets: sets.into_iter().map(Arc::new).collect(),
            services: services.into_iter().enumerate().map(named).collect::<BTreeMap<_, _>>(),
            evidence: Evidence::default(),
            workload: Workload::None,
            leaving: Vec::new(),
            pods: Pods::Unknown,
            routing: None,
        };
        check(&world, now);
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
