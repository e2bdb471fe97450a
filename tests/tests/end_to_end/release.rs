//! Giving back what routers wrote: a Rollout that is deleted in the middle of its canary, one whose route changes, and taking
//! the controller out of the cluster.

use serde_json::{Value, json};
use tidegate_api::builtin;
use tidegate_tests::{Controller, Fixture, Servers, eventually, servers, tidegate};

/// The controllers' own namespace.
const OWN: &str = "argo-rollouts";

fn steps() -> Value {
    json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 50 }, { "pause": {} }])
}

/// A Rollout in the middle of its canary, at weight 20.
async fn paused(servers: &'static Servers, name: &str) -> (Fixture, Controller) {
    let fixture = Fixture::new(servers, name).await;
    let controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
    fixture.create_rollout(steps(), |_| {}).await;
    fixture.expect_healthy().await;
    let at_rest = fixture.rollout().await.unwrap();
    assert_eq!(at_rest["metadata"].get("finalizers"), None, "nothing holds up its deletion at rest");
    fixture.set_image("example.com/web:v2").await;
    fixture.expect_paused_at(1).await;
    let metadata = fixture.rollout().await.unwrap()["metadata"].clone();
    assert_eq!(metadata["finalizers"], json!(["tidegate.dev/release"]));
    let state = metadata["annotations"]["tidegate.dev/state"].as_str().unwrap().to_owned();
    let route = format!("HTTPRoute.gateway.networking.k8s.io {}/web", fixture.namespace);
    assert!(state.contains(&route), "{state}");
    (fixture, controller)
}

async fn uninstall(servers: &'static Servers, fixture: &Fixture, more: &'static [&'static str]) -> String {
    let instance = fixture.namespace.clone();
    let output = tokio::task::spawn_blocking(move || {
        let mut arguments = vec!["uninstall", "--instance-id", &instance, "--controller-namespace", OWN];
        arguments.extend(["--timeout", "60s", "--output", "json"]);
        arguments.extend(more);
        tidegate(servers, &arguments)
    })
    .await
    .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn a_rollout_that_is_deleted_in_the_middle_gives_everything_back() {
    let servers = servers();
    servers.run(async {
        let (fixture, _controller) = paused(servers, "deleted").await;
        fixture.admin.delete(&builtin::rollouts(), &fixture.namespace, "web").await.unwrap();
        eventually("the Rollout is gone", || async {
            match fixture.admin.get(&builtin::rollouts(), &fixture.namespace, "web").await {
                Err(error) if error.is_not_found() => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert_eq!(fixture.weights().await.unwrap(), [100, 0]);
        eventually("its Services select by labels again", || async {
            for name in ["web-stable", "web-canary"] {
                let service = fixture.get(&builtin::services(), name).await?;
                if service["spec"]["selector"].get("rollouts-pod-template-hash").is_some() {
                    return Err(service["spec"]["selector"].to_string());
                }
            }
            Ok(())
        })
        .await;
    });
}

#[test]
fn a_controller_that_is_taken_out_leaves_nothing_behind() {
    let servers = servers();
    servers.run(async {
        let (fixture, controller) = paused(servers, "uninstalled").await;
        assert!(controller.terminate().await.success());
        let told = uninstall(servers, &fixture, &[]).await;
        let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!(last, json!({"isDone": true, "left": []}));
        assert_eq!(fixture.weights().await.unwrap(), [100, 0]);
        let metadata = fixture.rollout().await.unwrap()["metadata"].clone();
        assert_eq!(metadata.get("finalizers"), None);
        assert!(!metadata["annotations"].to_string().contains("tidegate.dev/"), "{metadata}");
    });
}

#[test]
fn a_controller_that_hands_over_changes_no_traffic() {
    let servers = servers();
    servers.run(async {
        let (fixture, controller) = paused(servers, "handed-over").await;
        assert!(controller.terminate().await.success());
        let before = fixture.route().await.unwrap()["metadata"]["resourceVersion"].clone();
        uninstall(servers, &fixture, &["--keep-traffic"]).await;
        let route = fixture.route().await.unwrap();
        assert_eq!(fixture.weights().await.unwrap(), [80, 20]);
        assert_eq!(route["metadata"]["resourceVersion"], before);
        let metadata = fixture.rollout().await.unwrap()["metadata"].clone();
        assert_eq!(metadata.get("finalizers"), None);
        assert!(!metadata["annotations"].to_string().contains("tidegate.dev/"), "{metadata}");
    });
}
