//! A canary, from its first revision to the end.

use serde_json::{Value, json};
use tidegate_api::{Resource, builtin};
use tidegate_tests::{Controller, Fixture, eventually, servers};

fn steps() -> Value {
    json!([
        { "setWeight": 20 },
        { "pause": {} },
        { "setWeight": 50 },
        { "pause": { "duration": "1s" } },
        { "setWeight": 75 },
        { "pause": {} },
    ])
}

/// The pod template hash that a Service selects.
async fn selected(fixture: &Fixture, service: &str) -> String {
    let service = fixture.get(&builtin::services(), service).await.unwrap();
    service["spec"]["selector"]["rollouts-pod-template-hash"].as_str().unwrap_or_default().to_owned()
}

async fn reasons_of_events(fixture: &Fixture) -> Vec<(String, String)> {
    let events = fixture.admin.list(&builtin::events(), &fixture.namespace).await.unwrap();
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    events
        .iter()
        .filter(|event| event["involvedObject"]["kind"] == "Rollout")
        .map(|event| (text(event, "reason"), text(event, "message")))
        .collect()
}

#[test]
fn goes_through_all_its_steps() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "steps").await;
        let foreign = fixture.route().await.unwrap()["spec"]["rules"][0].clone();
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.create_rollout(steps(), |_| {}).await;
        fixture.expect_healthy().await;
        fixture.expect_weights([100, 0]).await;
        let first = selected(&fixture, "web-stable").await;
        assert!(!first.is_empty(), "the stable Service selects the first revision");

        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        assert_eq!(fixture.weights().await.unwrap(), [80, 20]);
        assert_eq!(
            fixture.replicas().await.unwrap(),
            [("example.com/web:v1".into(), 4, 4), ("example.com/web:v2".into(), 1, 1)]
        );
        assert_eq!(selected(&fixture, "web-stable").await, first, "stable stays where it is");
        assert_ne!(
            selected(&fixture, "web-canary").await,
            first,
            "the canary Service selects the new revision"
        );

        fixture.promote().await;
        fixture.expect_paused_at(5).await;
        assert_eq!(fixture.weights().await.unwrap(), [25, 75]);

        fixture.promote().await;
        let rollout = fixture.expect_healthy().await;
        fixture.expect_weights([100, 0]).await;
        assert_ne!(selected(&fixture, "web-stable").await, first, "stable is the new revision");
        assert_eq!(rollout["status"]["stableRS"], rollout["status"]["currentPodHash"]);
        eventually("the old revision is gone", || async {
            let replicas = fixture.replicas().await?;
            let expected = [("example.com/web:v1".to_owned(), 0, 0), ("example.com/web:v2".to_owned(), 4, 4)];
            if replicas == expected { Ok(()) } else { Err(format!("{replicas:?}")) }
        })
        .await;
        assert_eq!(
            fixture.route().await.unwrap()["spec"]["rules"][0].to_string(),
            foreign.to_string(),
            "the rule of somebody else is as it was"
        );
        eventually("the events tell the story", || async {
            let events = reasons_of_events(&fixture).await;
            let missing: Vec<_> =
                ["RolloutUpdated", "TrafficWeightUpdated", "RolloutStepCompleted", "RolloutCompleted"]
                    .into_iter()
                    .filter(|reason| !events.iter().any(|(found, _)| found == reason))
                    .collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("no {missing:?} in {events:?}")) }
        })
        .await;
        let weights: Vec<_> = reasons_of_events(&fixture)
            .await
            .into_iter()
            .filter(|(reason, _)| reason == "TrafficWeightUpdated")
            .map(|(_, message)| message)
            .collect();
        for weight in ["20", "50", "75"] {
            assert!(weights.iter().any(|message| message.contains(weight)), "no {weight} in {weights:?}");
        }
    });
}

#[test]
fn an_abort_gives_all_traffic_to_stable_and_a_retry_starts_over() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "abort").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.create_rollout(steps(), |_| {}).await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;

        fixture.set_status(json!({ "abort": true })).await;
        fixture.expect_weights([100, 0]).await;
        fixture.expect_rollout("it is degraded", |rollout| rollout["status"]["phase"] == "Degraded").await;

        fixture.set_status(json!({ "abort": false })).await;
        fixture.expect_paused_at(1).await;
        fixture.expect_weights([80, 20]).await;

        fixture.set_status(json!({ "promoteFull": true, "pauseConditions": null })).await;
        let rollout = fixture.expect_healthy().await;
        assert_eq!(rollout["status"]["stableRS"], rollout["status"]["currentPodHash"]);
        fixture.expect_weights([100, 0]).await;
    });
}

#[test]
fn a_newer_template_takes_over_without_a_request_to_the_abandoned_one() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "supersede").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.create_rollout(steps(), |_| {}).await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        let abandoned = selected(&fixture, "web-canary").await;

        fixture.set_image("example.com/web:v3").await;
        // The canary Service moves only when no weight leads to it.
        eventually("the canary Service selects the third revision", || async {
            let hash = selected(&fixture, "web-canary").await;
            if hash == abandoned { Err(fixture.summary().await) } else { Ok(()) }
        })
        .await;
        fixture
            .expect_rollout("it pauses with the third revision", |rollout| {
                rollout["status"]["phase"] == "Paused"
                    && rollout["status"]["currentStepIndex"] == 1
                    && rollout["status"]["currentPodHash"] != abandoned.as_str()
            })
            .await;
        fixture.expect_weights([80, 20]).await;
        fixture.set_status(json!({ "promoteFull": true, "pauseConditions": null })).await;
        fixture.expect_healthy().await;
        let replicas = fixture.replicas().await.unwrap();
        assert!(
            replicas.iter().any(|(image, _, available)| image.ends_with("v3") && *available == 4),
            "{replicas:?}"
        );
    });
}

#[test]
fn a_canary_that_never_becomes_ready_gets_no_traffic() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "never-ready").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture
            .create_rollout(json!([{ "setWeight": 50 }, { "pause": {} }]), |rollout| {
                rollout["spec"]["progressDeadlineSeconds"] = 3.into();
            })
            .await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:never").await;
        fixture
            .expect_rollout("its deadline passes", |rollout| rollout["status"]["phase"] == "Degraded")
            .await;
        assert_eq!(fixture.weights().await.unwrap(), [100, 0]);
        let replicas = fixture.replicas().await.unwrap();
        assert!(replicas.contains(&("example.com/web:v1".into(), 4, 4)), "stable is untouched: {replicas:?}");
    });
}

#[test]
fn routes_found_by_label_are_all_set() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "by-label").await;
        let routes = Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes");
        let route = fixture.route().await.unwrap();
        for name in ["one", "two"] {
            let copy = json!({
                "apiVersion": route["apiVersion"],
                "kind": route["kind"],
                "metadata": { "name": name, "labels": { "team": "shop" } },
                "spec": route["spec"],
            });
            fixture.create(&routes, copy).await;
        }
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture
            .create_rollout(steps(), |rollout| {
                rollout["spec"]["strategy"]["canary"]["trafficRouting"]["plugins"] = json!({
                    "argoproj-labs/gatewayAPI": { "httpRouteSelector": { "matchLabels": { "team": "shop" } } },
                });
            })
            .await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        for name in ["one", "two"] {
            let route = fixture.get(&routes, name).await.unwrap();
            let weights = tidegate_tests::WEIGHTS.map(|pointer| route.pointer(pointer).and_then(Value::as_i64));
            assert_eq!(weights, [Some(80), Some(20)], "{name}");
        }
        assert_eq!(fixture.weights().await.unwrap(), [1, 0], "a route without the label is nobody's business");
    });
}
