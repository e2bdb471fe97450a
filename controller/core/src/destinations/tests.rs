//! The cases in which Argo Rollouts divides traffic wrongly, and any other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use tidegate_contract::Traffic;

use crate::context::Context;
use crate::traffic;
use crate::world::{Evidence, Pods, RouterReport, RouterState, Routing, Workload, World};

const HASH: &str = "rollouts-pod-template-hash";

/// The Experiment of the scene: of the pods `c`, in revision 2, for the step with index 1.
const EXPERIMENT: &str = "web-c-2-1";

/// A Rollout at the second of its steps, an experiment, with a canary at 20 of 100 and one pod of each of two templates.
#[derive(Clone, Debug)]
struct Scene {
    rollout: Value,
    sets: Vec<Value>,
    services: Vec<Value>,
    experiment: Option<Value>,
}

fn scene() -> Scene {
    let template = |image: &str| json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}});
    let set = |hash: &str, image: &str, replicas: i64, revision: &str| {
        json!({
            "metadata": {"name": format!("web-{hash}"), "labels": {HASH: hash},
                         "annotations": {"rollout.argoproj.io/revision": revision}},
            "spec": {"replicas": replicas, "template": template(image)},
            "status": {"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas},
        })
    };
    let service =
        |name: &str, hash: &str| json!({"metadata": {"name": name}, "spec": {"selector": {HASH: hash}}});
    let status = |name: &str, hash: &str| {
        json!({"name": name, "status": "Running", "readyReplicas": 1, "availableReplicas": 1,
               "podTemplateHash": hash, "serviceName": format!("web-1-{name}")})
    };
    Scene {
        rollout: json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "u-1"},
            "spec": {
                "replicas": 10, "template": template("v2"),
                "strategy": {"canary": {
                    "canaryService": "web-canary", "stableService": "web-stable",
                    "trafficRouting": {"plugins": {"r": {}}},
                    "steps": [
                        {"setWeight": 20},
                        {"experiment": {"templates": [
                            {"name": "baseline", "specRef": "stable", "weight": 5},
                            {"name": "next", "specRef": "canary", "weight": 10},
                        ]}},
                        {"setWeight": 40},
                    ],
                }},
            },
            "status": {
                "stableRS": "s", "currentPodHash": "c", "currentStepIndex": 1,
                "canary": {"currentExperiment": EXPERIMENT},
            },
        }),
        sets: vec![set("s", "v1", 10, "1"), set("c", "v2", 2, "2")],
        services: vec![service("web-canary", "c"), service("web-stable", "s")],
        experiment: Some(json!({
            "metadata": {"name": EXPERIMENT, "namespace": "shop",
                         "ownerReferences": [{"kind": "Rollout", "uid": "u-1", "controller": true}]},
            "status": {"phase": "Running", "templateStatuses": [status("next", "h-n"), status("baseline", "h-b")]},
        })),
    }
}

impl Scene {
    fn world(&self) -> World {
        let named = |service: &Value| {
            (service["metadata"]["name"].as_str().unwrap_or_default().to_owned(), Arc::new(service.clone()))
        };
        World {
            leaving: Vec::new(),
            rollout: Arc::new(self.rollout.clone()),
            template_hash: None,
            replica_sets: self.sets.iter().cloned().map(Arc::new).collect(),
            services: self.services.iter().map(named).collect::<BTreeMap<_, _>>(),
            evidence: Evidence {
                experiments: self
                    .experiment
                    .clone()
                    .map(|one| (self.current().to_owned(), Arc::new(one)))
                    .into_iter()
                    .collect(),
                is_known: true,
                ..Evidence::default()
            },
            workload: Workload::None,
            pods: Pods::Unknown,
            routing: None,
        }
    }

    /// The Experiment that the status names.
    fn current(&self) -> &str {
        self.rollout.pointer("/status/canary/currentExperiment").and_then(Value::as_str).unwrap_or(EXPERIMENT)
    }

    fn at(&self, pointer: &str, value: Value) -> Self {
        let mut scene = self.clone();
        set(scene.experiment.as_mut().unwrap(), pointer, value);
        scene
    }

    fn with(&self, pointer: &str, value: Value) -> Self {
        let mut scene = self.clone();
        set(&mut scene.rollout, pointer, value);
        scene
    }

    /// The weights of stable, canary and the others by name; what is retired; and whether weights were refused.
    fn divided(&self) -> (u32, u32, Vec<(String, u32)>, Vec<String>, bool) {
        let world = self.world();
        let context = Context::observe(&world, Timestamp::UNIX_EPOCH);
        let traffic = traffic::desired(&context).unwrap();
        check(&traffic);
        let additional = traffic.additional.iter().map(|one| (one.name.clone(), one.weight)).collect();
        let retired = traffic.retired.iter().map(|one| one.name.clone()).collect();
        let refused = traffic::division(&context).is_some_and(|division| division.refused.is_some());
        (traffic.stable.weight, traffic.canary.weight, additional, retired, refused)
    }

    #[track_caller]
    fn assert(&self, stable: u32, canary: u32, additional: &[(&str, u32)], retired: &[&str], refused: bool) {
        let additional = additional.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
        let retired = retired.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(self.divided(), (stable, canary, additional, retired, refused));
    }
}

fn set(value: &mut Value, pointer: &str, new: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"));
    match key.parse::<usize>() {
        Ok(index) if parent.is_array() => parent[index] = new,
        _ => parent[key] = new,
    }
}

/// What holds of any division.
fn check(traffic: &Traffic) {
    let more: u64 = traffic.additional.iter().map(|one| u64::from(one.weight)).sum();
    let sum = u64::from(traffic.stable.weight) + u64::from(traffic.canary.weight) + more;
    assert_eq!(sum, u64::from(traffic.max_weight));
    let mut names = BTreeSet::from(["stable", "canary"]);
    for one in traffic.additional.iter().chain(&traffic.retired) {
        assert!(names.insert(&one.name), "{} is there twice", one.name);
        assert!(one.service.as_ref().is_some_and(|service| !service.is_empty()), "{one:?}");
        assert!(one.pod_template_hash.as_ref().is_some_and(|hash| !hash.is_empty()), "{one:?}");
        assert_ne!(one.service, traffic.stable.service);
        assert_ne!(one.service, traffic.canary.service);
    }
    assert!(traffic.additional.is_sorted_by(|a, b| a.name < b.name));
    assert!(traffic.retired.iter().all(|one| one.weight == 0));
}

const BASELINE: (&str, u32) = ("web-1-baseline", 5);
const NEXT: (&str, u32) = ("web-1-next", 10);
const TEMPLATES: &str = "/spec/strategy/canary/steps/1/experiment/templates";
const STATUSES: &str = "/status/templateStatuses";

#[test]
fn pods_of_a_running_experiment_get_their_weights_from_the_stable_share() {
    scene().assert(65, 20, &[BASELINE, NEXT], &[], false);
    // Also once a later step is reached, until the Experiment ends.
    let later = scene().with("/status/currentStepIndex", json!(2));
    later.assert(65, 20, &[BASELINE, NEXT], &[], false);
}

#[test]
fn pods_get_the_weights_of_the_step_that_their_experiment_is_for() {
    let other = json!({"experiment": {"templates": [
        {"name": "baseline", "specRef": "stable", "weight": 30}, {"name": "next", "specRef": "canary", "weight": 40},
    ]}});
    let had = json!({"canary": {"weight": 20, "podTemplateHash": "c"}, "additional": [
        {"weight": 10, "serviceName": "web-1-next", "podTemplateHash": "h-n"},
        {"weight": 5, "serviceName": "web-1-baseline", "podTemplateHash": "h-b"},
    ]});
    let scene = scene().with("/spec/strategy/canary/steps/2", other).with("/status/canary/weights", had);
    scene.assert(65, 20, &[BASELINE, NEXT], &[], false);
    // A user has skipped to the other one, whose Experiment is yet to be made.
    let skipped = scene.with("/status/currentStepIndex", json!(2));
    skipped.assert(80, 20, &[], &["web-1-baseline", "web-1-next"], false);
    // A second try for a step is for that step, too.
    for (name, is_for_this_step) in [
        ("web-c-2-1-1", true),
        ("web-c-2-1-x", false),
        ("web-c-2-11", false),
        ("web-c-2-2", false),
        ("web-c-3-1", false),
        ("web-d-2-1", false),
    ] {
        let mut scene = scene.with("/status/canary/currentExperiment", json!(name));
        scene = scene.at("/metadata/name", json!(name));
        let (_, _, additional, ..) = scene.divided();
        assert_eq!(!additional.is_empty(), is_for_this_step, "{name}");
    }
}

#[test]
fn a_template_without_weight_is_skipped() {
    // Argo Rollouts up to 1.6.6 panics on every pass.
    for weight in [json!(null), json!(-5), json!("5"), json!(1.5), json!({})] {
        let scene = scene().with(&format!("{TEMPLATES}/0/weight"), weight);
        scene.assert(70, 20, &[NEXT], &[], false);
    }
    scene().with(TEMPLATES, json!(null)).assert(80, 20, &[], &[], false);
    scene().with(TEMPLATES, json!([null, 3, {"weight": 5}])).assert(80, 20, &[], &[], false);
    scene().with(&format!("{TEMPLATES}/0/weight"), json!(0)).assert(
        70,
        20,
        &[("web-1-baseline", 0), NEXT],
        &[],
        false,
    );
}

#[test]
fn an_experiment_that_does_not_run_gets_nothing() {
    for phase in ["", "Pending", "Successful", "Failed", "Error", "Inconclusive", "running"] {
        scene().at("/status/phase", json!(phase)).assert(80, 20, &[], &[], false);
    }
    let mut absent = scene();
    absent.experiment = None;
    absent.assert(80, 20, &[], &[], false);
    for (pointer, value) in [
        ("/status", json!(null)),
        (STATUSES, json!(null)),
        (STATUSES, json!({"next": {}})),
        ("/metadata/name", json!("web-2")),
        ("/metadata/namespace", json!("other")),
        ("/metadata/ownerReferences", json!([])),
        ("/metadata/ownerReferences/0/uid", json!("u-2")),
        ("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z")),
    ] {
        scene().at(pointer, value).assert(80, 20, &[], &[], false);
    }
    scene().with("/status/canary/currentExperiment", json!("")).assert(80, 20, &[], &[], false);
}

#[test]
fn no_destination_is_named_without_a_service_a_hash_and_ready_pods() {
    // In Argo Rollouts the empty Service becomes a route to nowhere.
    for (field, value) in [
        ("serviceName", json!("")),
        ("serviceName", json!(null)),
        ("serviceName", json!(3)),
        ("serviceName", json!("web-stable")),
        ("serviceName", json!("web-canary")),
        ("podTemplateHash", json!("")),
        ("podTemplateHash", json!(null)),
        ("readyReplicas", json!(0)),
        ("readyReplicas", json!(-1)),
        ("readyReplicas", json!(null)),
        ("name", json!(null)),
        ("name", json!("another")),
    ] {
        scene().at(&format!("{STATUSES}/1/{field}"), value).assert(70, 20, &[NEXT], &[], false);
    }
    // Two that share a Service are one destination.
    let shared = scene().at(&format!("{STATUSES}/1/serviceName"), json!("web-1-next"));
    shared.assert(70, 20, &[NEXT], &[], false);
    // A name of a role is not a name for another destination.
    let named = scene().at(&format!("{STATUSES}/1/serviceName"), json!("canary"));
    named.assert(65, 20, &[("service/canary", 5), NEXT], &[], false);
}

#[test]
fn more_than_there_is_to_give_is_refused_and_the_last_good_weights_are_held() {
    let weights = json!({"canary": {"weight": 20, "podTemplateHash": "c"}, "additional": [
        {"weight": 5, "serviceName": "web-1-baseline", "podTemplateHash": "h-b"},
    ]});
    let excess = scene().with(&format!("{TEMPLATES}/1/weight"), json!(81));
    // Nothing was set before.
    excess.assert(100, 0, &[], &[], true);
    let excess = excess.with("/status/canary/weights", weights.clone());
    excess.assert(75, 20, &[BASELINE], &[], true);
    for weight in [json!(u64::MAX), json!(u32::MAX), json!(i64::MAX), json!(76)] {
        excess.with(&format!("{TEMPLATES}/1/weight"), weight).assert(75, 20, &[BASELINE], &[], true);
    }
    excess.with(&format!("{TEMPLATES}/1/weight"), json!(75)).assert(
        0,
        20,
        &[BASELINE, ("web-1-next", 75)],
        &[],
        false,
    );
    // Both at the end of what there is: the sum does not wrap around.
    excess
        .with(&format!("{TEMPLATES}/1/weight"), json!(u64::MAX))
        .with(&format!("{TEMPLATES}/0/weight"), json!(u64::MAX))
        .assert(75, 20, &[BASELINE], &[], true);
    // What was held has gone meanwhile: it does not come back.
    excess.at(&format!("{STATUSES}/1/readyReplicas"), json!(0)).assert(
        80,
        20,
        &[],
        &["web-1-baseline"],
        true,
    );
    // What was good is too much now: the canary alone.
    let absurd = json!({"canary": {"weight": 90, "podTemplateHash": "c"}, "additional": [
        {"weight": u64::MAX, "serviceName": "web-1-baseline", "podTemplateHash": "h-b"},
    ]});
    excess.with("/status/canary/weights", absurd).assert(10, 90, &[], &["web-1-baseline"], true);
    // A canary that is lost gets nothing, whatever is held.
    let mut lost = excess.with(&format!("{TEMPLATES}/1/weight"), json!(101));
    lost.sets[1]["status"]["availableReplicas"] = json!(0);
    lost.assert(95, 0, &[BASELINE], &[], true);
}

#[test]
fn large_weights_are_divided_exactly() {
    let max = "/spec/strategy/canary/trafficRouting/maxTrafficWeight";
    let large = scene().with(max, json!(1_000_000)).with(&format!("{TEMPLATES}/0/weight"), json!(333_333));
    large.assert(666_637, 20, &[("web-1-baseline", 333_333), NEXT], &[], false);
}

#[test]
fn what_had_weight_is_retired_until_no_router_names_it() {
    let had = json!({"canary": {"weight": 20, "podTemplateHash": "c"}, "stable": {"weight": 65}, "additional": [
        {"weight": 10, "serviceName": "web-1-next", "podTemplateHash": "h-n"},
        {"weight": 5, "serviceName": "web-1-baseline", "podTemplateHash": "h-b"},
        {"weight": 5, "serviceName": "web-1-baseline", "podTemplateHash": "h-b"},
        {"weight": 1, "serviceName": "", "podTemplateHash": "h"},
        {"weight": 1, "serviceName": "web-stable", "podTemplateHash": "s"},
        "nonsense",
    ]});
    let had = scene().with("/status/canary/weights", had);
    had.assert(65, 20, &[BASELINE, NEXT], &[], false);
    let ended = had.at("/status/phase", json!("Successful"));
    let gone: [&str; 2] = ["web-1-baseline", "web-1-next"];
    ended.assert(80, 20, &[], &gone, false);
    // However the update ends: what once had weight must go.
    ended.with("/status/abort", json!(true)).assert(100, 0, &[], &gone, false);
    ended.with("/status/currentPodHash", json!("s")).with("/status/stableRS", json!("c")).divided();
    had.with("/status/promoteFull", json!(true)).assert(80, 20, &[], &gone, false);
    had.at(&format!("{STATUSES}/0/readyReplicas"), json!(0)).assert(
        75,
        20,
        &[BASELINE],
        &["web-1-next"],
        false,
    );

    // The status forgets it when it is verified, and nobody's objects name it any more.
    for (state, named, is_kept) in [
        (RouterState::Verified, false, false),
        (RouterState::Verified, true, true),
        (RouterState::Waiting { reason: crate::UNVERIFIED.to_owned(), message: String::new() }, false, true),
    ] {
        let mut world = ended.world();
        let traffic = traffic::desired(&Context::observe(&world, Timestamp::UNIX_EPOCH)).unwrap();
        let share = |destination: &str| tidegate_contract::Share {
            destination: destination.to_owned(),
            ..serde_json::from_value(json!({
                "about": {"kind": {"group": "", "kind": "Route"}, "namespace": null, "name": "web"},
                "at": "", "destination": "", "weight": 0, "total": 100,
            }))
            .unwrap()
        };
        let report = |state: &RouterState, shares| RouterReport {
            router: "r".into(),
            features: None,
            state: state.clone(),
            shares,
            notes: Vec::new(),
        };
        let shares = if named { vec![share("web-1-next")] } else { Vec::new() };
        let routers = vec![report(&RouterState::Verified, Vec::new()), report(&state, shares)];
        world.routing = Some(Routing { traffic: traffic.clone(), routers });
        let context = Context::observe(&world, Timestamp::UNIX_EPOCH);
        let weights = crate::routing::weights(&context, Some(&traffic), false, &mut Vec::new()).unwrap();
        assert_eq!(weights.get("additional").is_some(), is_kept, "{state:?} {named}");
    }
}

#[test]
fn an_experiment_gets_nothing_before_its_step_after_the_last_and_after_the_end() {
    scene().with("/status/currentStepIndex", json!(0)).assert(80, 20, &[], &[], false);
    scene().with("/status/currentStepIndex", json!(3)).assert(60, 40, &[], &[], false);
    scene().with("/status/abort", json!(true)).assert(100, 0, &[], &[], false);
    scene().with("/status/stableRS", json!("c")).divided();
    assert!(scene().with("/status/stableRS", json!("c")).divided().2.is_empty());
}

/// Values at the ends of what there is.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![0, 1, 2, 3, -1, 5, 60, 100, i64::MAX, i64::MIN, 1_000_000])
            .prop_map(Value::from),
        Just(json!(u64::MAX)),
        Just(json!(0.5)),
        prop::sample::select(vec![
            "",
            "c",
            "s",
            "stable",
            "canary",
            "next",
            "baseline",
            EXPERIMENT,
            "Running",
            "web-1-next"
        ])
        .prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    odd().prop_recursive(5, 48, 6, |inner| {
        let keys = prop::sample::select(vec![
            "metadata",
            "name",
            "namespace",
            "spec",
            "status",
            "phase",
            "templateStatuses",
            "templates",
            "weight",
            "serviceName",
            "podTemplateHash",
            "readyReplicas",
            "experiment",
            "steps",
            "canary",
            "weights",
            "additional",
            "currentExperiment",
            "currentStepIndex",
            "strategy",
            "trafficRouting",
            "plugins",
            "maxTrafficWeight",
            "ownerReferences",
            "uid",
            "controller",
            "setWeight",
        ]);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((keys, inner), 0..6).prop_map(|fields| {
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>().into()
            }),
        ]
    })
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

fn check_any(scene: &Scene) {
    let world = scene.world();
    let context = Context::observe(&world, Timestamp::UNIX_EPOCH);
    if let Some(traffic) = traffic::desired(&context) {
        check(&traffic);
    }
    let division = super::divide(&context, u32::MAX);
    let more: u64 = division.additional.iter().map(|one| u64::from(one.weight)).sum();
    let sum = u64::from(division.stable) + u64::from(division.canary) + more;
    assert_eq!(sum, u64::from(context.rollout.canary.max_weight()));
    let decision = crate::decide(&world, Timestamp::UNIX_EPOCH);
    if let Some(traffic) = &decision.traffic {
        check(traffic);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_objects_are_divided(
        rollout in anything(), step in anything(), sets in vec(anything(), 0..4), services in vec(anything(), 0..3),
        experiment in prop::option::of(anything()),
    ) {
        check_any(&Scene { rollout: rollout.clone(), sets: sets.clone(), services, experiment: experiment.clone() });
        // Each of them alone, with the others as they should be.
        check_any(&Scene { rollout, ..scene() });
        check_any(&Scene { sets, ..scene() });
        check_any(&Scene { experiment, ..scene() });
        check_any(&scene().with("/spec/strategy/canary/steps/1", step.clone()));
        check_any(&scene().with("/spec/strategy/canary/steps/1/experiment", step.clone()));
        check_any(&scene().with("/status/canary/weights", step.clone()));
        check_any(&scene().at("/status", step));
    }

    #[test]
    fn any_disturbance_is_divided(changes in vec((0..8_usize, any::<Index>(), odd()), 1..6)) {
        let mut scene = scene().with("/status/canary/weights", json!({
            "canary": {"weight": 20, "podTemplateHash": "c"},
            "additional": [{"weight": 5, "serviceName": "web-1-next", "podTemplateHash": "h-n"}],
        }));
        for (which, place, by) in changes {
            match which {
                0..=2 => disturb(&mut scene.rollout, place, by),
                3..=5 => disturb(scene.experiment.as_mut().unwrap(), place, by),
                6 => disturb(&mut scene.sets[1], place, by),
                _ => disturb(&mut scene.services[0], place, by),
            }
        }
        check_any(&scene);
    }

    #[test]
    fn any_weights_are_given_or_refused(canary in any::<u32>(), one in any::<u64>(), other in 0..200_u64, max in 1..2_000_u32) {
        let scene = scene()
            .with("/spec/strategy/canary/trafficRouting/maxTrafficWeight", json!(max))
            .with("/spec/strategy/canary/steps/0/setWeight", json!(canary))
            .with(&format!("{TEMPLATES}/0/weight"), json!(one % u64::from(max.saturating_mul(2))))
            .with(&format!("{TEMPLATES}/1/weight"), json!(other));
        let asked = u64::from(canary.min(max)) + one % u64::from(max.saturating_mul(2)) + other;
        let (.., refused) = scene.divided();
        prop_assert_eq!(refused, asked > u64::from(max));
    }
}
