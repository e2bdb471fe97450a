//! `kubectl argo rollouts restart`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;
use tidegate_api::{Body, builtin, object};
use tidegate_tests::{Controller, Fixture, servers};

async fn pods(fixture: &Fixture) -> BTreeSet<String> {
    let pods = fixture.admin.list(&builtin::pods(), &fixture.namespace).await.unwrap();
    pods.iter().filter(|pod| !object::is_deleting(pod)).map(|pod| object::uid(pod).to_owned()).collect()
}

#[test]
fn all_pods_are_replaced_without_another_template() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "pod-restart").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
        let rollout = fixture.expect_healthy().await;
        let before = pods(&fixture).await;
        assert_eq!(before.len(), 4);

        // Times of creation are whole seconds.
        let at = Timestamp::from_second(Timestamp::now().as_second() + 1).unwrap().to_string();
        let change = json!({ "spec": { "restartAt": at } });
        fixture
            .admin
            .patch(&builtin::rollouts(), &fixture.namespace, "web", None, Body::Merge(change))
            .await
            .unwrap();
        fixture
            .expect_rollout("it is restarting", |rollout| {
                rollout["status"]["message"] == "rollout is restarting"
            })
            .await;
        let restarted = fixture
            .expect_rollout("it is restarted", |rollout| {
                rollout["status"]["restartedAt"] == at.as_str() && rollout["status"]["phase"] == "Healthy"
            })
            .await;
        let after = pods(&fixture).await;
        assert_eq!(after.len(), 4);
        assert!(after.is_disjoint(&before), "{before:?} {after:?}");
        assert_eq!(restarted["status"]["currentPodHash"], rollout["status"]["currentPodHash"]);
    });
}
