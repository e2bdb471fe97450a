//! Experiments as steps.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_core::{World, decide};
use tidegate_model::names::STATE_ANNOTATION;
use tidegate_model::{RoutedTarget, RoutingRecord};

use crate::cluster::Cluster;
use crate::manifests::{rollout, running};

fn updating() -> Cluster {
    let experiment = json!({
        "duration": "10m",
        "templates": [
            {"name": "baseline", "specRef": "stable", "weight": 5},
            {"name": "canary", "specRef": "canary", "weight": 5},
        ],
    });
    let mut cluster = running(rollout(
        json!([{"setWeight": 20}, {"experiment": experiment}, {"setWeight": 60}, {"pause": {}}]),
    ));
    cluster.deploy("v2");
    cluster.settle();
    cluster
}

fn name(cluster: &Cluster) -> String {
    let names: Vec<&String> = cluster.evidence.experiments.keys().collect();
    assert_eq!(names.len(), 1);
    names[0].clone()
}

fn set_status(cluster: &mut Cluster, name: &str, status: Value) {
    let experiment = Arc::make_mut(cluster.evidence.experiments.get_mut(name).unwrap());
    experiment["metadata"]["resourceVersion"] = json!(format!("s{}", status.to_string().len()));
    experiment["status"] = status;
}

fn running_status() -> Value {
    let template = |name: &str| json!({"name": name, "status": "Running", "readyReplicas": 1, "serviceName": name, "podTemplateHash": name});
    json!({"phase": "Running", "templateStatuses": [template("baseline"), template("canary")]})
}

fn additional(cluster: &Cluster) -> Vec<(String, u64)> {
    let weights = cluster.status("/canary/weights/additional").as_array().cloned().unwrap_or_default();
    weights
        .iter()
        .map(|one| (one["serviceName"].as_str().unwrap().to_owned(), one["weight"].as_u64().unwrap()))
        .collect()
}

/// Something that a person does.
type Act = fn(&mut Cluster);

#[test]
fn its_pods_get_their_weight_while_it_runs_and_the_step_ends_with_it() {
    let mut cluster = updating();
    let name = name(&cluster);
    assert_eq!(name, format!("web-{}-2-1", cluster.hash("v2")));
    assert_eq!(cluster.status("/canary/currentExperiment"), name.as_str());
    assert_eq!((cluster.count_told("ExperimentCreated"), cluster.weight()), (1, Some(20)));
    assert_eq!(additional(&cluster), [], "no pods are there yet");
    set_status(&mut cluster, &name, running_status());
    cluster.settle();
    assert_eq!((cluster.index(), cluster.weight()), (Some(1), Some(20)));
    assert_eq!(additional(&cluster), [("baseline".to_owned(), 5), ("canary".to_owned(), 5)]);
    let mut over = running_status();
    over["phase"] = json!("Successful");
    set_status(&mut cluster, &name, over);
    cluster.settle();
    assert_eq!((cluster.index(), cluster.weight(), additional(&cluster)), (Some(3), Some(60), vec![]));
    assert_eq!(cluster.status("/canary/currentExperiment"), &Value::Null);
    assert!(cluster.evidence.experiments.contains_key(&name), "for people to look at");
}

#[test]
fn what_was_recorded_and_is_not_noted_yet_is_wanted_gone_and_held_until_then() {
    let mut cluster = updating();
    let name = name(&cluster);
    // A process ended when the routers had it, and the Experiment was over when the next one began.
    let mut target = RoutedTarget::new("a/a".to_owned(), json!({}), [None, None]);
    target.destinations.insert("baseline".to_owned(), "hash".to_owned());
    cluster.rollout["metadata"]["annotations"][STATE_ANNOTATION] = json!(RoutingRecord::text(&[target]));
    let mut over = running_status();
    over["phase"] = json!("Successful");
    set_status(&mut cluster, &name, over);
    let world = World { routing: None, ..cluster.world() };
    let traffic = decide(&world, cluster.now).traffic.unwrap();
    assert_eq!(traffic.additional, []);
    let retired: Vec<_> = traffic.retired.iter().map(|one| (one.service.as_deref(), one.weight)).collect();
    assert_eq!(retired, [(Some("baseline"), 0)]);
    assert!(tidegate_experiment::held(&world.rollout, None).contains("baseline"));
}

#[test]
fn one_that_goes_wrong_ends_the_update_and_a_retry_makes_another() {
    let mut cluster = updating();
    let name = name(&cluster);
    set_status(&mut cluster, &name, json!({"phase": "Failed", "message": "Template 'canary' Failed"}));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight()), ("Degraded", Some(0)));
    let message = cluster.status("/message").as_str().unwrap().to_owned();
    assert!(
        message.ends_with("Experiment analysis phase is error/failed: Template 'canary' Failed"),
        "{message}"
    );
    cluster.retry();
    cluster.settle();
    let again = cluster.status("/canary/currentExperiment").as_str().unwrap().to_owned();
    assert_eq!((cluster.index(), again), (Some(1), format!("{name}-1")));
}

#[test]
fn without_a_conclusion_a_person_decides() {
    let mut cluster = updating();
    let name = name(&cluster);
    set_status(&mut cluster, &name, json!({"phase": "Inconclusive"}));
    cluster.run(3600);
    assert_eq!((cluster.phase(), cluster.index()), ("Paused", Some(1)));
    assert_eq!(cluster.status("/pauseConditions/0/reason"), "InconclusiveExperiment");
    // As the command line promotes: the step is skipped.
    let status = &mut cluster.rollout["status"];
    status.as_object_mut().unwrap().remove("pauseConditions");
    status["controllerPause"] = json!(false);
    status["currentStepIndex"] = json!(2);
    cluster.settle();
    assert_eq!((cluster.index(), cluster.weight()), (Some(3), Some(60)));
}

#[test]
fn one_that_is_not_wanted_any_more_is_ended_and_stays_while_routers_have_its_services() {
    let actions: [(&str, Act); 3] = [
        ("abort", |cluster| cluster.abort()),
        ("promote full", |cluster| cluster.promote_full()),
        ("another image", |cluster| cluster.deploy("v3")),
    ];
    for (what, act) in actions {
        let mut cluster = updating();
        let name = name(&cluster);
        set_status(&mut cluster, &name, running_status());
        cluster.settle();
        act(&mut cluster);
        cluster.settle();
        let experiment = &cluster.evidence.experiments[&name];
        assert_eq!(experiment.pointer("/spec/terminate"), Some(&json!(true)), "{what}");
        assert_eq!(additional(&cluster), [], "{what}");
    }
}

#[test]
fn what_cannot_be_made_is_an_invalid_spec_and_traffic_stays() {
    let mut cluster = running(rollout(json!([{"setWeight": 20}, {"experiment": {
        "templates": [{"name": "a", "specRef": "canary"}],
        "analyses": [{"name": "x", "templateName": "x", "args": [{"name": "y", "valueFrom": {"fieldRef": {"fieldPath": "spec.no"}}}]}],
    }}])));
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Degraded", Some(1), Some(20)));
    assert!(cluster.status("/message").as_str().unwrap().contains("steps[1].experiment"));
    cluster.abort();
    cluster.settle();
    assert_eq!(cluster.weight(), Some(0));
}
