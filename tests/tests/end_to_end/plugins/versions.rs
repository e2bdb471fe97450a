//! Another version in the middle of a canary; and a server that is gone when the controller starts again.

use serde_json::{Value, json};
use tidegate_tests::{Controller, Fixture, eventually, servers};
use tidegate_zoo::{Answer, Server};

use super::{
    apply, components, digest, expect_condition, key, remove, router_plugins, temporary, with_plugin,
};

fn spec(server: &Server, path: &str, sha256: &str) -> Value {
    json!({"source": {"https": {"url": server.url(path), "allowHTTP": true}}, "sha256": sha256})
}

/// The version that the Rollout has recorded.
async fn recorded(fixture: &Fixture) -> Option<String> {
    let rollout = fixture.rollout().await.unwrap();
    let record = rollout["metadata"]["annotations"]["tidegate.dev/router-plugins"].as_str()?;
    let record: Value = serde_json::from_str(record).unwrap();
    record[key(fixture)].as_str().map(str::to_owned)
}

async fn expect_digest(fixture: &Fixture, digest: &str) {
    eventually(&format!("{digest} serves"), || async {
        let plugin = fixture.admin.get(&router_plugins(), "", &fixture.namespace).await;
        let plugin = plugin.map_err(|error| error.to_string())?;
        if plugin["status"]["digest"] == digest { Ok(()) } else { Err(plugin["status"].to_string()) }
    })
    .await;
}

#[test]
fn a_canary_ends_with_the_version_it_began_with() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "plugin-versions").await;
        let [one, two] = components(&fixture);
        let digests = [digest(&one).to_string(), digest(&two).to_string()];
        let server = Server::start(None, move |request| {
            Answer::file(if request.target == "/one" { &one } else { &two })
        });
        apply(&fixture, spec(&server, "/one", &digests[0])).await;
        let controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        let steps = json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 50 }, { "pause": {} }]);
        fixture.create_rollout(steps, with_plugin(&fixture)).await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        assert_eq!(recorded(&fixture).await.as_deref(), Some(digests[0].as_str()));

        // A version that cannot be had changes nothing.
        apply(&fixture, spec(&server, "/two", &digests[0].replace(|c: char| c.is_ascii_digit(), "0"))).await;
        expect_condition(&fixture, "Verified", "False", "DigestMismatch").await;
        expect_condition(&fixture, "Ready", "True", "PreviousVersion").await;
        expect_digest(&fixture, &digests[0]).await;

        apply(&fixture, spec(&server, "/two", &digests[1])).await;
        expect_digest(&fixture, &digests[1]).await;
        expect_condition(&fixture, "LastGoodStored", "True", "Stored").await;
        assert_eq!(recorded(&fixture).await.as_deref(), Some(digests[0].as_str()), "what it began with");

        // The server of the artifacts goes, and the controller is killed.
        drop(server);
        controller.kill();
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.promote().await;
        fixture.expect_paused_at(3).await;
        fixture.expect_weights([50, 50]).await;
        assert_eq!(recorded(&fixture).await.as_deref(), Some(digests[0].as_str()));
        fixture.promote().await;
        fixture.expect_healthy().await;
        eventually("nothing is recorded of an update that has ended", || async {
            match recorded(&fixture).await {
                None => Ok(()),
                Some(digest) => Err(digest),
            }
        })
        .await;

        fixture.set_image("example.com/web:v3").await;
        fixture.expect_paused_at(1).await;
        assert_eq!(
            recorded(&fixture).await.as_deref(),
            Some(digests[1].as_str()),
            "the next one uses the new"
        );
        remove(&fixture).await;
    });
}

#[test]
fn an_earlier_version_is_pinned_again() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "plugin-back").await;
        let [one, two] = components(&fixture);
        let digests = [digest(&one).to_string(), digest(&two).to_string()];
        let server = Server::start(None, move |request| {
            Answer::file(if request.target == "/one" { &one } else { &two })
        });
        let _removed = temporary(&fixture);
        apply(&fixture, spec(&server, "/one", &digests[0])).await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), with_plugin(&fixture)).await;
        fixture.expect_healthy().await;
        apply(&fixture, spec(&server, "/two", &digests[1])).await;
        expect_digest(&fixture, &digests[1]).await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        assert_eq!(recorded(&fixture).await.as_deref(), Some(digests[1].as_str()));

        apply(&fixture, spec(&server, "/one", &digests[0])).await;
        expect_digest(&fixture, &digests[0]).await;
        expect_condition(&fixture, "Ready", "True", "Ready").await;
        assert_eq!(recorded(&fixture).await.as_deref(), Some(digests[1].as_str()), "what it began with");
        fixture.promote().await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v3").await;
        fixture.expect_paused_at(1).await;
        fixture.expect_weights([80, 20]).await;
        assert_eq!(recorded(&fixture).await.as_deref(), Some(digests[0].as_str()));
    });
}
