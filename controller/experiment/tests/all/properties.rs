//! What must hold whatever an Experiment and its surroundings look like.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_api::{Body, Operation};
use tidegate_experiment::{Step, World, conduct, held, of_step};

use crate::player::{Player, template};

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![0_i64, 1, -1, 3, i64::MAX, i64::MIN]).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "a",
            "exp-a",
            "Running",
            "Failed",
            "Successful",
            "Progressing",
            "Error",
            "1m",
            "2026-01-31T12:00:00Z",
            "9999-12-31T23:59:59Z",
            "-009999-01-02T01:59:59Z",
            "e-1",
            "{{",
            "{{experiment.availableAt}}",
        ])
        .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "name",
        "templates",
        "template",
        "selector",
        "matchLabels",
        "metadata",
        "labels",
        "spec",
        "status",
        "phase",
        "replicas",
        "service",
        "containers",
        "ports",
        "containerPort",
        "protocol",
        "analyses",
        "templateName",
        "args",
        "value",
        "duration",
        "availableAt",
        "templateStatuses",
        "lastTransitionTime",
        "analysisRuns",
        "analysisRun",
        "terminate",
        "uid",
        "annotations",
        "scale-down-deadline",
        "ownerReferences",
        "controller",
        "availableReplicas",
        "canary",
        "weights",
        "additional",
        "serviceName",
    ]);
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

/// A world that is right and under way, but for some field of some object.
fn nearly_right() -> impl Strategy<Value = World> {
    let fields = [
        "",
        "/metadata",
        "/spec",
        "/status",
        "/spec/templates",
        "/spec/templates/0",
        "/spec/templates/0/template",
        "/spec/templates/0/template/metadata",
        "/spec/templates/0/template/spec/containers",
        "/spec/templates/0/selector",
        "/spec/templates/0/service",
        "/spec/analyses",
        "/spec/analyses/0",
        "/spec/analyses/0/args",
        "/spec/duration",
        "/status/phase",
        "/status/availableAt",
        "/status/templateStatuses",
        "/status/templateStatuses/0",
        "/status/templateStatuses/0/status",
        "/status/analysisRuns",
        "/status/analysisRuns/0",
        "/metadata/annotations",
        "/spec/replicas",
        "/spec/selector",
        "/status/availableReplicas",
    ];
    let of = prop::sample::select(vec!["experiment", "set", "service", "run"]);
    (1..120_i64, of, prop::sample::select(fields.to_vec()), anything(), any::<Option<bool>>()).prop_map(
        |(second, of, field, value, is_held)| {
            let mut player = Player::new(json!({
                "templates": [template("a", json!({"service": {}}))], "duration": "1m",
                "analyses": [{"name": "x", "templateName": "check", "args": [{"name": "y", "value": "z"}]}],
            }));
            let reference = tidegate_analysis::Reference { cluster: false, name: "check".into() };
            player.world.templates.insert(reference, Arc::new(json!({"spec": {"metrics": [{"name": "m"}]}})));
            player.until(1);
            for run in player.world.runs.values_mut() {
                let mut good = (**run).clone();
                good["status"] = json!({"phase": "Successful"});
                *run = Arc::new(good);
            }
            player.until(second);
            let mut world = player.world;
            let set = |object: &mut Arc<Value>| {
                let mut changed = (**object).clone();
                if let Some(place) = changed.pointer_mut(field) {
                    *place = value.clone();
                }
                *object = Arc::new(changed);
            };
            match of {
                "experiment" => set(&mut world.experiment),
                "set" => world.replica_sets.iter_mut().for_each(set),
                "service" => world.services.values_mut().for_each(set),
                _ => world.runs.values_mut().for_each(set),
            }
            world.held = is_held
                .map(|is_held| if is_held { BTreeSet::from(["exp-a".to_owned()]) } else { BTreeSet::new() });
            world
        },
    )
}

/// Whether the template's pods can be reached by a router, through its Service.
fn asks_for_service(world: &World) -> bool {
    let template = world.experiment.pointer("/spec/templates/0");
    template.is_some_and(|template| {
        template.get("name") == Some(&json!("a")) && template.get("service") == Some(&json!({}))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_experiment_is_answered(experiment in anything(), set in anything(), service in anything(), run in anything()) {
        let world = World {
            experiment: Arc::new(experiment.clone()),
            replica_sets: vec![Arc::new(set)],
            services: [("exp-a".to_owned(), Arc::new(service))].into(),
            runs: [("exp-x".to_owned(), Arc::new(run))].into(),
            ..World::default()
        };
        conduct(&world, Timestamp::UNIX_EPOCH);
        held(&experiment, None);
        let rollout = json!({"spec": {"strategy": {"canary": {"steps": [{"experiment": experiment}]}}}});
        for set in &world.replica_sets {
            let step = Step { rollout: &rollout, index: 0, stable: Some(set), canary: set, revision: 1, collisions: 1 };
            let _ = of_step(&step);
        }
    }

    #[test]
    fn what_may_be_reached_is_never_taken_away(world in nearly_right()) {
        for at in [Timestamp::MIN, "2026-01-31T12:01:00Z".parse().unwrap(), Timestamp::MAX] {
            let decision = conduct(&world, at);
            let is_held = world.held.as_ref().is_none_or(|held| held.contains("exp-a"));
            for write in &decision.writes {
                let takes = match &write.operation {
                    Operation::Delete { .. } => true,
                    Operation::Patch { body: Body::Merge(patch), .. } => {
                        patch.pointer("/spec/replicas") == Some(&json!(0))
                    }
                    _ => false,
                };
                prop_assert!(!takes || !is_held || !asks_for_service(&world), "{write:?}");
            }
            // The status names only what is there.
            for status in decision.status["templateStatuses"].as_array().into_iter().flatten() {
                let name = status.get("serviceName").and_then(Value::as_str).unwrap_or_default();
                let is_known = status["name"] == "a";
                prop_assert!(name.is_empty() || !is_known || world.services.contains_key(name), "{status}");
            }
        }
    }

    #[test]
    fn the_status_comes_to_rest(world in nearly_right()) {
        let at = "2026-01-31T12:01:00Z".parse().unwrap();
        let mut world = world;
        let mut last = Value::Null;
        for pass in 0..6 {
            let decision = conduct(&world, at);
            if let Some(wake) = decision.wake_at {
                prop_assert!(wake > at, "{wake}");
            }
            let mut experiment = (*world.experiment).clone();
            let Some(fields) = experiment.as_object_mut() else { return Ok(()) };
            fields.insert("status".to_owned(), decision.status.clone());
            world.experiment = Arc::new(experiment);
            if pass >= 4 {
                prop_assert_eq!(&decision.status, &last);
            }
            last = decision.status;
        }
    }
}
