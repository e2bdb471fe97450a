//! Experiments and AnalysisRuns on their own: they are conducted and measured through whatever happens.

use serde_json::{Value, json};
use tidegate_analysis::Outcome;
use tidegate_analysis::provider::Provider;
use tidegate_api::{Resource, builtin};
use tidegate_shell::{MeasureJob, Settings};

use crate::rig::{Rig, is_kind, is_write, minutes, seconds};

/// What a server that answers `{"value": …}` gives.
fn value(job: &MeasureJob, value: &Value) -> Outcome {
    let Provider::Web(web) = &job.provider else { panic!("{job:?}") };
    match web.observe(200, json!({ "value": value }).to_string().as_bytes()) {
        Ok(observation) => Outcome::Observed(observation),
        Err(why) => Outcome::Error(why),
    }
}

fn metric(more: Value) -> Value {
    let mut metric = json!({
        "name": "errors",
        "interval": "10s",
        "count": 3,
        "successCondition": "result < 5",
        "provider": {"web": {"url": "http://metrics.example", "jsonPath": "{$.value}"}},
    });
    json_patch::merge(&mut metric, &more);
    metric
}

fn run(spec: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
        "metadata": {"name": "check", "namespace": "shop"}, "spec": spec,
    })
}

fn status(rig: &Rig, resource: &Resource, name: &str) -> Value {
    rig.cluster.object(resource, "shop", name).map(|object| object["status"].clone()).unwrap_or_default()
}

fn run_status(rig: &Rig) -> Value {
    status(rig, &builtin::analysis_runs(), "check")
}

fn rig(answer: impl FnMut(&MeasureJob) -> Option<Outcome> + 'static) -> Rig {
    let mut rig = Rig::empty(Settings::default());
    rig.measure = Box::new(answer);
    rig.start();
    rig
}

#[test]
fn a_run_is_measured_as_often_as_it_says_and_then_never_again() {
    let mut rig = rig(|job| Some(value(job, &json!(job.number))));
    rig.create(run(json!({"metrics": [metric(json!({}))]})));
    rig.run(seconds(5));
    assert_eq!(run_status(&rig)["phase"], "Running");
    rig.run(minutes(2));
    let status = run_status(&rig);
    assert_eq!(status["phase"], "Successful", "{status}");
    let values: Vec<&Value> = status["metricResults"][0]["measurements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["value"])
        .collect();
    assert_eq!(values, ["1", "2", "3"]);
    assert_eq!(rig.measurements.len(), 3);
    assert!(rig.events.iter().any(|event| event.reason == "AnalysisRunSuccessful"));
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.iter().all(|request| !is_write(request)), "{:?}", rig.requests);
    assert_eq!(rig.measurements.len(), 3);
}

#[test]
fn a_process_that_ends_in_between_goes_on_where_the_status_is() {
    let mut rig = rig(|job| Some(value(job, &json!(1))));
    rig.create(run(json!({"metrics": [metric(json!({"count": 6}))]})));
    for _ in 0..6 {
        rig.run(seconds(7));
        rig.restart(0);
    }
    rig.run(minutes(2));
    let status = run_status(&rig);
    assert_eq!((&status["phase"], &status["metricResults"][0]["count"]), (&json!("Successful"), &json!(6)));
    let numbers: Vec<u64> = rig.measurements.iter().map(|job| job.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6], "what was noted is not measured again");
}

#[test]
fn bad_values_fail_it_and_errors_are_errors() {
    for (answer, phase) in [(json!(7), "Failed"), (json!("text"), "Error"), (json!(null), "Error")] {
        let given = answer.clone();
        let mut rig = rig(move |job| Some(value(job, &given)));
        rig.create(run(json!({"metrics": [metric(json!({}))]})));
        rig.run(minutes(10));
        assert_eq!(run_status(&rig)["phase"], phase, "{answer}: {}", run_status(&rig));
    }
}

#[test]
fn nobody_waits_for_the_measurements_of_a_run_that_is_gone() {
    let mut rig = rig(|_| None);
    rig.create(run(json!({"metrics": [metric(json!({}))]})));
    rig.run(minutes(1));
    assert_eq!((rig.measurements.len(), rig.forgotten.len()), (1, 0), "once, however long it takes");
    rig.delete(&builtin::analysis_runs(), "check");
    rig.run(seconds(10));
    assert_eq!(rig.forgotten.len(), 1);

    // The same when it is ended.
    rig.create(run(json!({"metrics": [metric(json!({}))]})));
    rig.run(seconds(10));
    rig.patch(&builtin::analysis_runs(), "check", None, json!({"spec": {"terminate": true}}));
    rig.run(seconds(10));
    assert_eq!((rig.measurements.len(), rig.forgotten.len()), (2, 2));
    assert_eq!(run_status(&rig)["phase"], "Successful", "{}", run_status(&rig));
}

#[test]
fn what_is_measured_may_come_from_a_secret() {
    let mut rig = rig(|job| Some(value(job, &json!(1))));
    let args = json!([{"name": "token", "valueFrom": {"secretKeyRef": {"name": "access", "key": "token"}}}]);
    let web = json!({"provider": {"web": {"headers": [{"key": "Authorization", "value": "Bearer {{args.token}}"}]}}});
    rig.create(run(json!({"args": args, "metrics": [metric(web)]})));
    rig.run(seconds(5));
    assert_eq!(rig.measurements.len(), 0, "{}", run_status(&rig));
    rig.create(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "access", "namespace": "shop"},
        "data": {"token": "c2VjcmV0"},
    }));
    rig.run(minutes(3));
    let Provider::Web(asked) = &rig.measurements[0].provider else { panic!() };
    assert_eq!(asked.headers[0].value, "Bearer secret");
    assert_eq!(run_status(&rig)["phase"], "Successful", "{}", run_status(&rig));
    assert!(!run_status(&rig).to_string().contains("secret\""), "{}", run_status(&rig));
}

#[test]
fn an_experiment_runs_for_its_duration_and_its_pods_go() {
    let mut rig = rig(|job| Some(value(job, &json!(1))));
    rig.create(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": {"name": "errors", "namespace": "shop"}, "spec": {"metrics": [metric(json!({}))]},
    }));
    let template = |name: &str| {
        json!({
            "name": name, "replicas": 2, "selector": {"matchLabels": {"app": name}}, "service": {},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 8080}]}]},
            },
        })
    };
    rig.create(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Experiment",
        "metadata": {"name": "compare", "namespace": "shop"},
        "spec": {
            "duration": "2m",
            "templates": [template("one"), template("two")],
            "analyses": [{"name": "errors", "templateName": "errors"}],
        },
    }));
    rig.run(minutes(1));
    let now = status(&rig, &builtin::experiments(), "compare");
    assert_eq!(now["phase"], "Running", "{now}");
    assert_eq!(rig.cluster.objects(&builtin::services(), Some("shop")).count(), 2);
    assert!(
        rig.cluster
            .objects(&builtin::replica_sets(), Some("shop"))
            .all(|set| set["status"]["availableReplicas"] == 2)
    );
    rig.run(minutes(5));
    let now = status(&rig, &builtin::experiments(), "compare");
    assert_eq!(now["phase"], "Successful", "{now}");
    assert_eq!(now["analysisRuns"][0]["phase"], "Successful", "{now}");
    assert!(
        rig.cluster.objects(&builtin::replica_sets(), Some("shop")).all(|set| set["spec"]["replicas"] == 0)
    );
    assert_eq!(rig.cluster.objects(&builtin::services(), Some("shop")).count(), 0);
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(
        rig.requests.iter().all(|request| !is_write(request) || is_kind(request, "Event")),
        "{:?}",
        rig.requests
    );
}

#[test]
fn two_that_make_the_same_parts_get_over_it() {
    let mut rig = rig(|_| None);
    rig.start();
    rig.lag = seconds(1);
    let template = json!({
        "name": "one", "replicas": 1, "selector": {"matchLabels": {"app": "one"}}, "service": {},
        "template": {
            "metadata": {"labels": {"app": "one"}},
            "spec": {"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 8080}]}]},
        },
    });
    rig.create(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Experiment",
        "metadata": {"name": "compare", "namespace": "shop"},
        "spec": {"duration": "1m", "templates": [template]},
    }));
    rig.run(minutes(10));
    let now = status(&rig, &builtin::experiments(), "compare");
    assert_eq!(
        (&now["phase"], &now["templateStatuses"][0]["serviceName"]),
        (&json!("Successful"), &Value::Null)
    );
    assert_eq!(rig.cluster.objects(&builtin::services(), Some("shop")).count(), 0);
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.iter().all(|request| !is_write(request)), "{:?}", rig.requests);
}

#[test]
fn one_waits_for_the_service_of_another_that_is_over() {
    let mut rig = rig(|_| None);
    let experiment = |name: &str| {
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Experiment",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"duration": "1m", "templates": [{
                "name": "one", "replicas": 1, "selector": {"matchLabels": {"app": name}}, "service": {"name": "lab"},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 80}]}]},
                },
            }]},
        })
    };
    rig.create(experiment("first"));
    rig.run(seconds(50));
    rig.create(experiment("second"));
    rig.run(seconds(30));
    let phase = |rig: &Rig, name: &str| status(rig, &builtin::experiments(), name)["phase"].clone();
    assert_eq!((phase(&rig, "first"), phase(&rig, "second")), (json!("Successful"), json!("Pending")));
    rig.run(minutes(1));
    assert_eq!(phase(&rig, "second"), "Running", "once the first one's pods and Service are gone");
    rig.run(minutes(3));
    assert_eq!(phase(&rig, "second"), "Successful");
    assert_eq!(rig.cluster.objects(&builtin::services(), Some("shop")).count(), 0);
}

#[test]
fn those_of_another_instance_are_left_alone() {
    let mut rig = rig(|job| Some(value(job, &json!(1))));
    let mut other = run(json!({"metrics": [metric(json!({}))]}));
    other["metadata"]["labels"] = json!({"argo-rollouts.argoproj.io/controller-instance-id": "other"});
    rig.create(other);
    rig.run(minutes(2));
    assert_eq!((run_status(&rig), rig.measurements.len()), (Value::Null, 0));
}

#[test]
fn what_the_server_does_not_keep_is_not_written_again_and_again() {
    let mut rig = rig(|job| Some(value(job, &json!(1))));
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    // Older definitions do not know all fields of a status.
    let known = json!({
        "phase": {"type": "string"}, "startedAt": {"type": "string"},
        "metricResults": {"type": "array", "items": anything},
    });
    let schema = json!({"type": "object", "properties": {
        "spec": anything, "status": {"type": "object", "properties": known},
    }});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "analysisruns.argoproj.io"},
        "spec": {
            "group": "argoproj.io", "scope": "Namespaced",
            "names": {"kind": "AnalysisRun", "plural": "analysisruns"},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
            }],
        },
    });
    rig.cluster.serve_definition(&definition).unwrap();
    rig.create(run(json!({"metrics": [metric(json!({}))]})));
    rig.run(minutes(2));
    assert_eq!(run_status(&rig)["phase"], "Successful", "{}", run_status(&rig));
    assert_eq!(run_status(&rig)["runSummary"], Value::Null);
    assert!(rig.requests.len() < 30, "{}", rig.requests.len());
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.iter().all(|request| !is_write(request)), "{:?}", rig.requests);
}
