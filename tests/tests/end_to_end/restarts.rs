//! Controllers that die, come back, and compete.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{Resource, builtin, object};
use tidegate_tests::{Controller, Fixture, eventually, servers};

use super::{QUICK_ELECTION, leads};

fn steps() -> Value {
    json!([
        { "setWeight": 10 }, { "pause": { "duration": "1s" } },
        { "setWeight": 30 }, { "pause": { "duration": "1s" } },
        { "setWeight": 60 }, { "pause": { "duration": "1s" } },
        { "setWeight": 90 }, { "pause": { "duration": "1s" } },
    ])
}

fn leases() -> Resource {
    builtin::leases()
}

async fn lease(fixture: &Fixture) -> Result<Value, String> {
    let name = format!("argo-rollouts-controller-lock-{}", fixture.namespace);
    fixture.admin.get(&leases(), "argo-rollouts", &name).await.map_err(|error| error.to_string())
}

/// What must hold at any moment, whatever dies when.
async fn check(fixture: &Fixture) {
    let weights = fixture.weights().await.unwrap();
    // Before the first pass the route is as its owner wrote it.
    assert!(weights.iter().sum::<i64>() == 100 || weights == [1, 0], "{weights:?}");
    let replicas = fixture.replicas().await.unwrap();
    if weights[1] > 0 {
        let canary = replicas.iter().find(|(image, _, _)| image.ends_with("v2"));
        assert!(canary.is_some_and(|(_, desired, _)| *desired > 0), "weight without a canary: {replicas:?}");
    }
}

/// A generator whose seed a failed test prints.
fn seeded(name: &str) -> fastrand::Rng {
    let seed =
        std::env::var("TIDEGATE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_122);
    println!("{name}: TIDEGATE_TEST_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

#[test]
fn killed_at_random_moments_the_rollout_still_ends_right() {
    let servers = servers();
    servers.run(async {
        let mut random = seeded("killed");
        let fixture = Fixture::new(servers, "killed").await;
        fixture.create_rollout(steps(), |_| {}).await;
        let first = Controller::start_ready(servers, &fixture.namespace, &QUICK_ELECTION).await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        let mut controller = first;
        for _ in 0..8 {
            // A killed one's lease must run out before the next does anything.
            let life = Duration::from_millis(random.u64(200..6000));
            let until = std::time::Instant::now() + life;
            while std::time::Instant::now() < until {
                check(&fixture).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            controller.kill();
            check(&fixture).await;
            controller = Controller::start(servers, &fixture.namespace, &QUICK_ELECTION);
        }
        let rollout = fixture.expect_healthy().await;
        assert_eq!(rollout["status"]["stableRS"], rollout["status"]["currentPodHash"]);
        fixture.expect_weights([100, 0]).await;
        eventually("only the new revision runs", || async {
            let replicas = fixture.replicas().await?;
            let expected = [("example.com/web:v1".to_owned(), 0, 0), ("example.com/web:v2".to_owned(), 4, 4)];
            if replicas == expected { Ok(()) } else { Err(format!("{replicas:?}")) }
        })
        .await;
        drop(controller);
    });
}

#[test]
fn of_two_one_leads_and_the_other_takes_over() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "two").await;
        fixture.create_rollout(steps(), |_| {}).await;
        let one = Controller::start_ready(servers, &fixture.namespace, &QUICK_ELECTION).await;
        let two = Controller::start_ready(servers, &fixture.namespace, &QUICK_ELECTION).await;
        let mut pair = [one, two];
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        // Both directions: whoever leads is killed, the other must go on, and a new one stands by.
        for _ in 0..2 {
            let leader = eventually("one of them leads", || async {
                let leading: Vec<_> = (0..2).filter(|index| leads(&pair[*index])).collect();
                match leading.as_slice() {
                    [leader] => Ok(*leader),
                    other => Err(format!("leading: {other:?}")),
                }
            })
            .await;
            let fresh = Controller::start_ready(servers, &fixture.namespace, &QUICK_ELECTION).await;
            std::mem::replace(&mut pair[leader], fresh).kill();
        }
        fixture.expect_healthy().await;
        fixture.expect_weights([100, 0]).await;
        let transitions =
            lease(&fixture).await.unwrap()["spec"]["leaseTransitions"].as_i64().unwrap_or_default();
        assert!(transitions >= 2, "the lease changed hands: {transitions}");
    });
}

#[test]
fn two_that_both_write_do_no_harm() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "rivals").await;
        fixture.create_rollout(steps(), |_| {}).await;
        // Worse than any election can get: preconditions alone must do.
        let _one = Controller::start(servers, &fixture.namespace, &["--leader-elect=false"]);
        let _two = Controller::start(servers, &fixture.namespace, &["--leader-elect=false"]);
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        let mut healthy = false;
        while !healthy {
            check(&fixture).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            let rollout = fixture.rollout().await.unwrap();
            healthy = rollout["status"]["phase"] == "Healthy"
                && rollout["status"]["stableRS"] == rollout["status"]["currentPodHash"]
                && object::generation(&rollout).map(|generation| generation.to_string()).as_deref()
                    == rollout["status"]["observedGeneration"].as_str();
        }
        fixture.expect_weights([100, 0]).await;
        let sets = fixture.replicas().await.unwrap();
        assert_eq!(sets.len(), 2, "one ReplicaSet for each revision: {sets:?}");
    });
}

#[test]
fn sigterm_ends_it_cleanly_and_the_next_one_leads_at_once() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "sigterm").await;
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
        // The usual times: a lease that is not given back would hold the next one up for 15 s.
        let controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.expect_healthy().await;
        let status = controller.terminate().await;
        assert!(status.success(), "it ends with {status}");
        let lease = lease(&fixture).await.unwrap();
        assert_eq!(
            lease["spec"]["holderIdentity"].as_str().unwrap_or_default(),
            "",
            "the lease is given back"
        );
        assert_eq!(lease["spec"]["leaseDurationSeconds"], 1);

        fixture.set_image("example.com/web:v2").await;
        let next = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        fixture.expect_paused_at(1).await;
        assert!(leads(&next));
    });
}
