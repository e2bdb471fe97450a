//! AnalysisRuns and Experiments, with the Jobs, pods and garbage collection of a real control plane.

use serde_json::{Value, json};
use tidegate_api::{Resource, builtin, object};
use tidegate_tests::{Controller, Fixture, eventually, servers};
use tidegate_zoo::{Answer, Server};

/// Waits until an object's status satisfies this.
async fn expect_status(
    fixture: &Fixture,
    resource: &Resource,
    name: &str,
    what: &str,
    test: impl Fn(&Value) -> bool,
) -> Value {
    eventually(&format!("{name} {what}"), || async {
        let object = fixture.get(resource, name).await?;
        if test(&object["status"]) { Ok(object["status"].clone()) } else { Err(object["status"].to_string()) }
    })
    .await
}

async fn create_run(fixture: &Fixture, name: &str, metrics: Value) {
    let run = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
        "metadata": {
            "name": name,
            "labels": { "argo-rollouts.argoproj.io/controller-instance-id": fixture.namespace },
        },
        "spec": { "metrics": metrics },
    });
    fixture.create(&builtin::analysis_runs(), run).await;
}

/// The smallest Job: a container that asks a server and exits with this code.
fn job(code: u8) -> Value {
    json!({ "job": { "spec": {
        "backoffLimit": 0,
        "template": { "spec": {
            "restartPolicy": "Never",
            "containers": [{ "name": "ask", "image": format!("example.com/curl:exit-{code}") }],
        } },
    } } })
}

#[test]
fn a_job_says_how_a_run_ends() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "analysis-job").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        for (name, code, phase) in [("good", 0, "Successful"), ("bad", 1, "Failed")] {
            create_run(&fixture, name, json!([{ "name": "ask", "provider": job(code) }])).await;
            let runs = builtin::analysis_runs();
            let status = expect_status(&fixture, &runs, name, "is over", |status| {
                matches!(status["phase"].as_str(), Some("Successful" | "Failed" | "Error"))
            })
            .await;
            assert_eq!(status["phase"], phase, "{status}");
            let job = status["metricResults"][0]["measurements"][0]["metadata"]["job-name"].as_str().unwrap();
            let job = fixture.get(&builtin::jobs(), job).await.unwrap();
            let run = fixture.get(&runs, name).await.unwrap();
            assert_eq!(object::controller_uid(&job), Some(object::uid(&run)));
        }
        // The Jobs go with their run.
        fixture.admin.delete(&builtin::analysis_runs(), &fixture.namespace, "good").await.unwrap();
        eventually("its Job is gone", || async {
            let jobs = fixture.admin.list(&builtin::jobs(), &fixture.namespace).await;
            let jobs = jobs.map_err(|error| error.to_string())?;
            if jobs.len() == 1 { Ok(()) } else { Err(format!("{} are there", jobs.len())) }
        })
        .await;
    });
}

#[test]
fn a_server_that_is_asked_says_how_a_run_ends() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "analysis-web").await;
        let server = Server::start(None, |request| {
            let rate = if request.target == "/good" { 0.999 } else { 0.5 };
            Answer::file(json!({ "data": { "rate": rate } }).to_string().as_bytes())
        });
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        for (path, phase) in [("good", "Successful"), ("bad", "Failed")] {
            let web = json!({ "url": server.url(&format!("/{path}")), "jsonPath": "{$.data.rate}" });
            let metric = json!({
                "name": "rate", "interval": "1s", "count": 2, "successCondition": "result >= 0.95",
                "provider": { "web": web },
            });
            create_run(&fixture, path, json!([metric])).await;
            let status = expect_status(&fixture, &builtin::analysis_runs(), path, "is over", |status| {
                status["completedAt"].is_string()
            })
            .await;
            assert_eq!(status["phase"], phase, "{status}");
        }
    });
}

#[test]
fn a_canary_goes_on_or_back_by_what_its_analyses_say() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "analysis-step").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        for (name, code) in [("good", 0), ("bad", 1)] {
            let template = json!({ "metadata": { "name": name }, "spec": {
                "metrics": [{ "name": "ask", "provider": job(code) }],
            } });
            fixture.create(&builtin::analysis_templates(), with_kind(template, "AnalysisTemplate")).await;
        }
        let analysis = |name: &str| json!({ "analysis": { "templates": [{ "templateName": name }] } });
        // The placeholder: an experiment whose template has no weight, with an analysis of one line.
        let experiment = json!({ "experiment": {
            "templates": [{ "name": "baseline", "specRef": "stable" }],
            "analyses": [{ "name": "ask", "templateName": "good", "requiredForCompletion": true }],
        } });
        let steps = json!([{ "setWeight": 20 }, analysis("good"), experiment, { "setWeight": 60 }, analysis("bad"), { "pause": {} }]);
        fixture.create_rollout(steps, |_| {}).await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        let rollout = fixture.expect_aborted().await;
        let message = rollout["status"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("Step-based analysis phase error/failed"), "{message}");
        fixture.expect_weights([100, 0]).await;
        let runs = fixture.admin.list(&builtin::analysis_runs(), &fixture.namespace).await.unwrap();
        let mut phases: Vec<&str> =
            runs.iter().filter_map(|run| run["status"]["phase"].as_str()).collect();
        phases.sort_unstable();
        assert_eq!(phases, ["Failed", "Successful", "Successful"], "{runs:?}");
    });
}

#[test]
fn an_experiment_compares_pods_and_takes_them_away() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "experiment").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        let template = json!({ "metadata": { "name": "ask" }, "spec": {
            "metrics": [{ "name": "ask", "provider": job(0) }],
        } });
        fixture.create(&builtin::analysis_templates(), with_kind(template, "AnalysisTemplate")).await;
        let template = |name: &str| {
            json!({
                "name": name, "selector": { "matchLabels": { "app": name } }, "service": {},
                "template": {
                    "metadata": { "labels": { "app": name } },
                    "spec": { "containers": [{
                        "name": "web", "image": "example.com/web:v1", "ports": [{ "containerPort": 8080 }],
                    }] },
                },
            })
        };
        let experiment = json!({
            "metadata": {
                "name": "compare",
                "labels": { "argo-rollouts.argoproj.io/controller-instance-id": fixture.namespace },
            },
            "spec": {
                "scaleDownDelaySeconds": 0,
                "templates": [template("one"), template("two")],
                "analyses": [{ "name": "ask", "templateName": "ask", "requiredForCompletion": true }],
            },
        });
        fixture.create(&builtin::experiments(), with_kind(experiment, "Experiment")).await;
        let experiments = builtin::experiments();
        let status = expect_status(&fixture, &experiments, "compare", "is over", |status| {
            matches!(status["phase"].as_str(), Some("Successful" | "Failed" | "Error"))
        })
        .await;
        assert_eq!(status["phase"], "Successful", "{status}");
        eventually("its pods and Services are gone", || async {
            let sets = fixture.admin.list(&builtin::replica_sets(), &fixture.namespace).await;
            let sets = sets.map_err(|error| error.to_string())?;
            let replicas: Vec<_> = sets.iter().map(|set| set["status"]["replicas"].as_i64()).collect();
            let services = fixture.admin.list(&builtin::services(), &fixture.namespace).await;
            let services = services.map_err(|error| error.to_string())?;
            // The fixture's own two are left.
            let is_over = replicas == [Some(0), Some(0)] && services.len() == 2;
            if is_over { Ok(()) } else { Err(format!("{replicas:?}, {} Services", services.len())) }
        })
        .await;
    });
}

pub(super) fn with_kind(mut object: Value, kind: &str) -> Value {
    object["apiVersion"] = json!("argoproj.io/v1alpha1");
    object["kind"] = json!(kind);
    object
}
