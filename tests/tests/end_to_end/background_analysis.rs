//! A canary that a Prometheus watches over, from its second step on: asked over TLS, with a token from a Secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tidegate_api::{Resource, builtin};
use tidegate_tests::{Controller, Fixture, eventually, let_read, servers};
use tidegate_zoo::{Answer, Authority, Server, Validity};

use super::analysis::with_kind;

const TOKEN: &str = "of-the-background";

/// Answers queries as Prometheus does: with a good rate until it is told otherwise. Whoever has no token gets nothing.
fn prometheus(authority: &Authority, is_bad: Arc<AtomicBool>) -> Server {
    Server::start(Some(authority.server("localhost", Validity::Now)), move |request| {
        if request.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return Answer::new("401 Unauthorized", &[], b"");
        }
        let rate = if is_bad.load(Ordering::SeqCst) { "0.5" } else { "0.999" };
        let result = json!([{ "metric": {}, "value": [1_700_000_000, rate] }]);
        let answer = json!({ "status": "success", "data": { "resultType": "vector", "result": result } });
        Answer::new("200 OK", &["Content-Type: application/json"], answer.to_string().as_bytes())
    })
}

fn template(name: &str, server: &Server) -> Value {
    let template = json!({ "metadata": { "name": name }, "spec": {
        "args": [{ "name": "token", "valueFrom": { "secretKeyRef": { "name": "prometheus", "key": "token" } } }],
        "metrics": [{
            "name": "success-rate",
            "interval": "1s",
            "failureLimit": 1,
            "consecutiveErrorLimit": 20,
            "successCondition": "len(result) > 0 and result[0] >= 0.95",
            "provider": { "prometheus": {
                "address": server.url(""),
                "query": "sum(rate(good[2m])) / sum(rate(all[2m]))",
                "headers": [{ "key": "Authorization", "value": "Bearer {{args.token}}" }],
            } },
        }],
    } });
    with_kind(template, "ClusterAnalysisTemplate")
}

/// The result of the metric, as soon as it is like this.
async fn expect_result(fixture: &Fixture, what: &str, test: impl Fn(&Value) -> bool) {
    eventually(what, || async {
        let runs = fixture.admin.list(&builtin::analysis_runs(), &fixture.namespace).await;
        let runs = runs.map_err(|error| error.to_string())?;
        let is_it = |run: &Value| test(&run["status"]["metricResults"][0]);
        if runs.iter().any(is_it) { Ok(()) } else { Err(format!("{runs:?}")) }
    })
    .await;
}

#[test]
fn a_canary_that_does_badly_under_more_traffic_is_given_up() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "background").await;
        let (authority, is_bad) = (Authority::new(), Arc::new(AtomicBool::new(false)));
        let server = prometheus(&authority, is_bad.clone());
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "prometheus" },
            "stringData": { "token": TOKEN },
        });
        fixture.create(&Resource::namespaced("", "v1", "Secret", "secrets"), secret).await;
        let name = fixture.namespace.clone();
        let templates = builtin::cluster_analysis_templates();
        fixture.admin.create(&templates, &template(&name, &server)).await.unwrap();
        let file = servers.file(&format!("{name}.pem"));
        std::fs::write(&file, authority.pem()).unwrap();
        let trust = format!("--analysis-ca-file={}", file.display());
        let controller = Controller::start_ready(servers, &fixture.namespace, &[&trust]).await;
        let steps = json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 60 }, { "pause": {} }]);
        fixture
            .create_rollout(steps, |rollout| {
                rollout["spec"]["strategy"]["canary"]["analysis"] = json!({
                    "templates": [{ "templateName": name, "clusterScope": true }],
                    "startingStep": 1,
                });
            })
            .await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;

        expect_result(&fixture, "the Secret may not be read yet, and that is said", |result| {
            result["error"].as_i64() > Some(0)
                && result["measurements"][0]["message"]
                    .as_str()
                    .is_some_and(|message| message.contains("prometheus"))
        })
        .await;
        let_read(&fixture.admin, &fixture.namespace, "prometheus").await;
        expect_result(&fixture, "it is measured", |result| result["successful"].as_i64() > Some(1)).await;
        fixture.promote().await;
        fixture.expect_paused_at(3).await;
        fixture.expect_weights([40, 60]).await;

        is_bad.store(true, Ordering::SeqCst);
        let rollout = fixture.expect_aborted().await;
        let message = rollout["status"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("success-rate"), "{message}");
        fixture.expect_weights([100, 0]).await;

        let runs = fixture.admin.list(&builtin::analysis_runs(), &fixture.namespace).await.unwrap();
        let [run] = runs.as_slice() else { panic!("one run for the whole update: {runs:?}") };
        assert_eq!(
            (&run["status"]["phase"], &run["status"]["metricResults"][0]["failed"]),
            (&json!("Failed"), &json!(2))
        );
        assert!(
            !controller.log().contains(TOKEN) && !run.to_string().contains(TOKEN),
            "what is secret is told nowhere"
        );
        fixture.admin.delete(&templates, "", &name).await.unwrap();
    });
}
