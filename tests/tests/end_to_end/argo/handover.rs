//! A canary changes hands at each step: Argo's controller ends and ours goes on, ours ends and Argo's goes on. Nothing of
//! what matters may change by that.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidegate_api::{builtin, object};
use tidegate_tests::{Argo, Controller, Fixture, Servers, argo_cli, eventually, servers};

use super::exclusion::{virtual_services, with_istio};
use super::quick_argo;
use crate::end_to_end::{QUICK_ELECTION, leads};

/// What must be the same before and after.
#[derive(Debug, PartialEq)]
struct State {
    /// Name, desired replicas, image.
    replica_sets: Vec<(String, i64, String)>,
    /// The hash that each Service selects.
    selectors: Vec<String>,
    /// Of each route its name, what it matches, and where that goes. Other fields are left out: our header routes have
    /// the timeouts and retries of the route that they stand before, those of Argo have not.
    traffic: Vec<[Value; 3]>,
    step: Value,
    phase: Value,
    pauses: usize,
    aborted: bool,
    stable: Value,
    current: Value,
    weights: Value,
}

async fn state(fixture: &Fixture) -> State {
    let rollout = fixture.rollout().await.unwrap();
    let status = &rollout["status"];
    let sets = fixture.admin.list(&builtin::replica_sets(), &fixture.namespace).await.unwrap();
    let mut replica_sets: Vec<_> = sets
        .iter()
        .map(|set| {
            let image =
                set["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
            (
                object::name(set).to_owned(),
                set["spec"]["replicas"].as_i64().unwrap_or_default(),
                image.to_owned(),
            )
        })
        .collect();
    replica_sets.sort();
    let mut selectors = Vec::new();
    for name in ["web-stable", "web-canary"] {
        let service = fixture.get(&builtin::services(), name).await.unwrap();
        selectors.push(
            service["spec"]["selector"]["rollouts-pod-template-hash"].as_str().unwrap_or_default().to_owned(),
        );
    }
    let service = fixture.get(&virtual_services(), "web").await.unwrap();
    let routes = service["spec"]["http"].as_array().cloned().unwrap_or_default();
    State {
        replica_sets,
        selectors,
        traffic: routes
            .iter()
            .map(|route| ["name", "match", "route"].map(|field| route[field].clone()))
            .collect(),
        step: status["currentStepIndex"].clone(),
        phase: status["phase"].clone(),
        pauses: status["pauseConditions"].as_array().map_or(0, Vec::len),
        aborted: status["abort"] == true,
        stable: status["stableRS"].clone(),
        current: status["currentPodHash"].clone(),
        weights: json!([
            status["canary"]["weights"]["canary"]["weight"],
            status["canary"]["weights"]["stable"]["weight"]
        ]),
    }
}

/// Who looks after the Rollout now.
enum Hand {
    Argo(Argo),
    Ours(Controller),
}

impl Hand {
    /// Ends it, as each would be ended, and has the other one take over. Ours is asked to end and gives the lease back;
    /// Argo's is killed, and its lease runs out.
    async fn pass_on(self, servers: &Servers, fixture: &Fixture) -> Self {
        match self {
            Self::Argo(argo) => {
                argo.kill();
                let ours = Controller::start_ready(servers, &fixture.namespace, &QUICK_ELECTION).await;
                eventually("ours leads", || async { if leads(&ours) { Ok(()) } else { Err(ours.log()) } })
                    .await;
                eventually("ours has looked at the Rollout", || async {
                    let line = format!("rollout_reconcile_count{{namespace=\"{}\"", fixture.namespace);
                    if ours.metrics().contains(&line) { Ok(()) } else { Err(String::new()) }
                })
                .await;
                Self::Ours(ours)
            }
            Self::Ours(ours) => {
                assert!(ours.terminate().await.success());
                let argo = quick_argo(servers, &fixture.namespace).await;
                eventually("Argo's has looked at the Rollout", || async {
                    let log = argo.log();
                    if log.contains("Reconciliation completed") { Ok(()) } else { Err(log) }
                })
                .await;
                Self::Argo(argo)
            }
        }
    }
}

/// Passes the Rollout on and back, and looks whether anything changed.
async fn there_and_back(servers: &Servers, fixture: &Fixture, mut hand: Hand, stage: &str) -> Hand {
    let before = state(fixture).await;
    for _ in 0..2 {
        hand = hand.pass_on(servers, fixture).await;
        // Not only at its first look: what it would do a moment later counts, too.
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            let who = if matches!(hand, Hand::Ours(_)) { "ours" } else { "Argo's" };
            assert_eq!(state(fixture).await, before, "{stage}: {who} changed something");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    hand
}

fn cli(servers: &Servers, fixture: &Fixture, arguments: &[&str]) {
    let output = argo_cli(servers, &fixture.namespace, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_canary_changes_hands_at_each_step_and_nothing_else_changes() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "handover").await;
        let header = json!({ "name": "header", "match": [{ "headerName": "x-canary", "headerValue": { "exact": "yes" } }] });
        let steps = json!([
            { "setWeight": 20 }, { "pause": {} },
            { "setCanaryScale": { "replicas": 3 } }, { "pause": {} },
            { "setHeaderRoute": header }, { "pause": {} },
            { "setWeight": 60 }, { "pause": { "duration": "1h" } },
        ]);
        let mut hand = Hand::Argo(quick_argo(servers, &fixture.namespace).await);
        with_istio(&fixture, steps).await;
        fixture.expect_healthy().await;
        hand = there_and_back(servers, &fixture, hand, "idle").await;

        fixture.set_image("example.com/web:v2").await;
        for (step, stage) in [(1, "weight"), (3, "canary scale"), (5, "header route"), (7, "timed pause")] {
            fixture.expect_paused_at(step).await;
            settled(&fixture).await;
            hand = there_and_back(servers, &fixture, hand, stage).await;
            if step < 7 {
                cli(servers, &fixture, &["promote", "web"]);
            }
        }
        cli(servers, &fixture, &["abort", "web"]);
        fixture.expect_aborted().await;
        settled(&fixture).await;
        hand = there_and_back(servers, &fixture, hand, "aborted").await;

        cli(servers, &fixture, &["retry", "rollout", "web"]);
        fixture.expect_paused_at(1).await;
        cli(servers, &fixture, &["promote", "web", "--full"]);
        fixture.expect_healthy().await;
        settled(&fixture).await;
        there_and_back(servers, &fixture, hand, "promoted").await;
    });
}

/// Waits until nothing has changed for some time: ReplicaSets that scale down after a delay have done so.
async fn settled(fixture: &Fixture) {
    const CALM: Duration = Duration::from_secs(3);
    let mut last = state(fixture).await;
    let (begun, mut since) = (Instant::now(), Instant::now());
    while since.elapsed() < CALM {
        assert!(begun.elapsed() < Duration::from_secs(120), "it never settles: {last:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = state(fixture).await;
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
}
