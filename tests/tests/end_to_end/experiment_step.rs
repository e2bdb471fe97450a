//! An experiment with weights as a step: its pods get a part of the traffic, and give it back before they go.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidegate_api::{Body, builtin, object};
use tidegate_tests::{Controller, Fixture, eventually, servers};

/// The backends of the Rollout's rule with their weights, and the route's version.
async fn backends(fixture: &Fixture) -> Result<(Vec<(String, i64)>, String), String> {
    let route = fixture.route().await?;
    let backends = route["spec"]["rules"][1]["backendRefs"].as_array().cloned().unwrap_or_default();
    let weight = |backend: &Value| backend["weight"].as_i64().unwrap_or(1);
    let name = |backend: &Value| backend["name"].as_str().unwrap_or_default().to_owned();
    let backends = backends.iter().map(|backend| (name(backend), weight(backend))).collect();
    Ok((backends, object::resource_version(&route).to_owned()))
}

/// All weights add up, and whatever has one is there.
async fn check(fixture: &Fixture) {
    let (before, version) = backends(fixture).await.unwrap();
    let services = fixture.admin.list(&builtin::services(), &fixture.namespace).await.unwrap();
    let (_, now) = backends(fixture).await.unwrap();
    assert_eq!(before.iter().map(|(_, weight)| weight).sum::<i64>(), 100, "{before:?}");
    if version == now {
        let there: BTreeSet<&str> = services.iter().map(object::name).collect();
        let missing = before.iter().find(|(name, weight)| *weight > 0 && !there.contains(name.as_str()));
        assert_eq!(missing, None, "{before:?} of {there:?}");
    }
}

#[test]
fn pods_of_an_experiment_get_their_part_and_give_it_back_before_they_go() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "experiment-step").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        let experiment = json!({ "experiment": { "templates": [
            { "name": "baseline", "specRef": "stable", "weight": 5 },
            { "name": "candidate", "specRef": "canary", "weight": 10 },
        ] } });
        fixture
            .create_rollout(
                json!([{ "setWeight": 20 }, experiment, { "setWeight": 60 }, { "pause": {} }]),
                |rollout| {
                    let container = &mut rollout["spec"]["template"]["spec"]["containers"][0];
                    container["ports"] = json!([{ "containerPort": 8080 }]);
                },
            )
            .await;
        fixture.expect_healthy().await;
        let before = fixture.route().await.unwrap()["spec"]["rules"].clone();
        fixture.set_image("example.com/web:v2").await;
        let name = eventually("all four get their part, and it is verified", || async {
            check(&fixture).await;
            let (backends, _) = backends(&fixture).await?;
            let weights: Vec<i64> = backends.iter().map(|(_, weight)| *weight).collect();
            let status = &fixture.rollout().await?["status"];
            let additional = status["canary"]["weights"]["additional"].as_array().map_or(0, Vec::len);
            let is_it = weights == [65, 20, 5, 10]
                && additional == 2
                && status["canary"]["weights"]["verified"] == true;
            let name = status["canary"]["currentExperiment"].as_str().unwrap_or_default().to_owned();
            if is_it { Ok(name) } else { Err(format!("{backends:?} {status}")) }
        })
        .await;

        let end = Body::Merge(json!({ "spec": { "terminate": true } }));
        fixture.admin.patch(&builtin::experiments(), &fixture.namespace, &name, None, end).await.unwrap();
        eventually("the update has gone on", || async {
            check(&fixture).await;
            let (backends, _) = backends(&fixture).await?;
            let weights: Vec<i64> = backends.iter().map(|(_, weight)| *weight).collect();
            if weights == [40, 60] { Ok(()) } else { Err(format!("{backends:?}")) }
        })
        .await;
        fixture.expect_paused_at(3).await;
        eventually("the experiment's Services are gone", || async {
            let services = fixture.admin.list(&builtin::services(), &fixture.namespace).await;
            let services = services.map_err(|error| error.to_string())?;
            if services.len() == 2 { Ok(()) } else { Err(format!("{} are there", services.len())) }
        })
        .await;
        fixture.set_status(json!({ "abort": true })).await;
        fixture.expect_weights([100, 0]).await;
        assert_eq!(
            fixture.route().await.unwrap()["spec"]["rules"],
            before,
            "nothing of it is left in the route"
        );
    });
}
