//! `tidegate plan` against a live cluster: what it says is what then happens, and it writes nothing.

use serde_json::{Value, json};
use tidegate_api::{builtin, object};
use tidegate_tests::{Controller, Fixture, Planner, eventually, servers};

/// A Rollout as its author has it: without what the cluster has added.
fn manifest(rollout: &Value, image: &str) -> Value {
    let mut spec = rollout["spec"].clone();
    spec["template"]["spec"]["containers"][0]["image"] = json!(image);
    json!({
        "apiVersion": rollout["apiVersion"], "kind": "Rollout",
        "metadata": {"name": object::name(rollout), "labels": rollout["metadata"]["labels"]},
        "spec": spec,
    })
}

/// The canary's weights in the sections of a plan.
fn planned_weights(plan: &Value) -> Vec<u64> {
    let sections = plan["rollouts"][0]["sections"].as_array().unwrap();
    let mut weights: Vec<u64> =
        sections.iter().filter_map(|section| section["weights"]["canary"].as_u64()).collect();
    weights.dedup();
    weights
}

#[test]
fn a_plan_tells_what_will_happen_and_writes_nothing() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "plan").await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture
            .create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 60 }]), |rollout| {
                rollout["spec"]["strategy"]["canary"]["scaleDownDelaySeconds"] = json!(1);
            })
            .await;
        fixture.expect_healthy().await;
        // The rule of somebody else in the route refers to it, and a planned gateway looks.
        let legacy = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "legacy"}, "spec": {"ports": [{"port": 80}]}});
        fixture.create(&builtin::services(), legacy).await;
        let planner = Planner::new(servers, &fixture).await;
        let file = servers.file(&format!("{}.json", fixture.namespace));
        let rollout = fixture.rollout().await.unwrap();
        std::fs::write(&file, manifest(&rollout, "example.com/web:v2").to_string()).unwrap();
        let plan = |more: &[&str]| {
            let output = planner.plan(&[&file], more);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{text}\n{said}");
            serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
        };

        let versions = fixture.versions().await.unwrap();
        let whole = plan(&[]);
        assert_eq!(planned_weights(&whole), [0, 20, 60, 100, 0]);
        assert_eq!(fixture.versions().await.unwrap(), versions, "nothing is written");

        // The ReplicaSet that was planned is the one that is made.
        let changes = whole["rollouts"][0]["sections"].as_array().unwrap().iter();
        let made = changes.flat_map(|section| section["changes"].as_array().unwrap());
        let made: Vec<&Value> = made.filter(|change| change["verb"] == "create").collect();
        assert_eq!(made.len(), 1, "{made:?}");
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        let name = made[0]["name"].as_str().unwrap();
        let set = fixture.get(&builtin::replica_sets(), name).await.unwrap();
        assert_eq!(set["metadata"]["labels"], made[0]["object"]["metadata"]["labels"]);

        // From here it goes on, or back.
        assert_eq!(planned_weights(&plan(&[])), [20, 60, 100, 0]);
        assert_eq!(planned_weights(&plan(&["--abort"])).last(), Some(&0));
        fixture.promote().await;
        fixture.expect_healthy().await;
        eventually("the old pods are gone", || async {
            let replicas = fixture.replicas().await?;
            let left: i64 = replicas.iter().map(|(_, desired, _)| desired).sum();
            if left == 4 { Ok(()) } else { Err(format!("{replicas:?}")) }
        })
        .await;
        let nothing = plan(&[]);
        assert_eq!(nothing["rollouts"][0]["sections"], json!([]));
    });
}
