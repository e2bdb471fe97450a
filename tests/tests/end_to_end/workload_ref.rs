//! A Rollout that takes its template from a Deployment, and the Deployment's pods over.

use serde_json::{Value, json};
use tidegate_api::{Body, builtin, object};
use tidegate_tests::{Controller, Fixture, eventually, servers};

async fn deployment(fixture: &Fixture) -> Result<Value, String> {
    fixture.get(&builtin::deployments(), "web").await
}

#[test]
fn a_rollout_takes_over_from_its_deployment_and_follows_its_template() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "workload-ref").await;
        let template = json!({
            "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "example.com/web:v1" }] },
        });
        let source = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "web" },
            "spec": { "replicas": 4, "selector": { "matchLabels": { "app": "web" } }, "template": template },
        });
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        let steps = json!([{ "setWeight": 20 }, { "pause": {} }]);
        fixture
            .create_rollout(steps, |rollout| {
                let spec = rollout["spec"].as_object_mut().unwrap();
                spec.remove("template");
                spec.remove("selector");
                let reference = json!({
                    "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "scaleDown": "progressively",
                });
                spec.insert("workloadRef".into(), reference);
            })
            .await;
        let message = fixture.expect_condition("InvalidSpec", "InvalidSpec").await;
        assert!(message.ends_with(&format!("deployments.apps \"{}/web\" not found", fixture.namespace)), "{message}");

        fixture.create(&builtin::deployments(), source).await;
        fixture.expect_healthy().await;
        eventually("the Deployment has no pods any more", || async {
            let replicas = deployment(&fixture).await?["spec"]["replicas"].clone();
            if replicas == 0 { Ok(()) } else { Err(format!("{replicas}; {}", fixture.summary().await)) }
        })
        .await;

        let image = json!([
            { "op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "example.com/web:v2" },
        ]);
        let changed = fixture
            .admin
            .patch(&builtin::deployments(), &fixture.namespace, "web", None, Body::Json(image))
            .await
            .unwrap();
        fixture.expect_paused_at(1).await;
        assert_eq!(fixture.weights().await.unwrap(), [80, 20]);
        let generation = object::generation(&changed).map(|generation| generation.to_string());
        let rollout = fixture
            .expect_rollout("it says which generation it follows", |rollout| {
                object::annotation(rollout, "rollout.argoproj.io/workload-generation") == generation.as_deref()
            })
            .await;
        assert_eq!(rollout["status"]["workloadObservedGeneration"].as_str(), generation.as_deref());
        assert_eq!(rollout["spec"].get("template"), None, "nothing of the workload is written into the Rollout");

        fixture.set_status(json!({ "promoteFull": true, "pauseConditions": null })).await;
        let rollout = fixture.expect_healthy().await;
        assert_eq!(rollout["status"]["stableRS"], rollout["status"]["currentPodHash"]);
        assert_eq!(deployment(&fixture).await.unwrap()["spec"]["replicas"], 0);
    });
}
