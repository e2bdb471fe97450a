//! Several routers on one Rollout: the same traffic for all, and what holds for all counts.

use serde_json::json;
use tidegate_core::{Decision, RouterReport, RouterState, Routing, UNVERIFIED, decide};

use crate::cluster::{ALL_FEATURES, Cluster};
use crate::manifests::{rollout, running, trace};

const ROUTERS: [&str; 3] = ["builtin:istio", "a/a", "b/b"];

/// A canary that should get its first weight, whose routers answer like this.
fn answered(states: &[RouterState]) -> (Cluster, Decision) {
    let mut manifest = rollout(trace());
    manifest["spec"]["strategy"]["canary"]["trafficRouting"] =
        json!({"istio": {}, "plugins": {"b/b": {}, "a/a": {}}});
    let mut cluster = running(manifest);
    cluster.deploy("v2");
    for _ in 0..20 {
        let decision = cluster.decide();
        if decision.traffic.as_ref().is_some_and(|traffic| traffic.canary.weight == 20) {
            break;
        }
        cluster.pass();
    }
    let mut world = cluster.world();
    let traffic = decide(&world, cluster.now).traffic.unwrap();
    assert_eq!((traffic.canary.weight, cluster.index()), (20, Some(0)));
    let report = |(router, state): (&&str, &RouterState)| RouterReport {
        router: (*router).to_owned(),
        features: Some(ALL_FEATURES.map(str::to_owned).into()),
        state: state.clone(),
        shares: Vec::new(),
        notes: Vec::new(),
    };
    world.routing = Some(Routing { traffic, routers: ROUTERS.iter().zip(states).map(report).collect() });
    let decision = decide(&world, cluster.now);
    (cluster, decision)
}

fn waiting(reason: &str) -> RouterState {
    RouterState::Waiting { reason: reason.into(), message: "…".into() }
}

fn failed(reason: &str) -> RouterState {
    RouterState::Failed { reason: reason.into(), message: format!("{reason} it is") }
}

fn condition<'a>(decision: &'a Decision, kind: &str) -> &'a serde_json::Value {
    decision.status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == kind).unwrap()
}

#[test]
fn verified_means_all_of_them() {
    let not_applicable = RouterState::NotApplicable { warning: None };
    let settled = [RouterState::Verified, not_applicable];
    let unsettled = [waiting(UNVERIFIED), waiting("WritePending"), failed("MissingObject")];
    let all: Vec<&RouterState> = settled.iter().chain(&unsettled).collect();
    for count in 2..=3_usize {
        for combination in 0..all.len().pow(u32::try_from(count).unwrap()) {
            let states: Vec<RouterState> = (0..count)
                .map(|place| {
                    let base = all.len();
                    all[combination / base.pow(u32::try_from(place).unwrap()) % base].clone()
                })
                .collect();
            let (_, decision) = answered(&states);
            let are_settled = states.iter().all(|state| settled.contains(state));
            let step = decision.status["currentStepIndex"].as_u64();
            assert_eq!(step, Some(u64::from(are_settled)), "{states:?}");
            // The weight is that of all when all of them have it.
            let is_set = |state: &RouterState| settled.contains(state) || *state == waiting(UNVERIFIED);
            let weight = if states.iter().all(is_set) { 20 } else { 0 };
            assert_eq!(
                decision.status.pointer("/canary/weights/canary/weight"),
                Some(&json!(weight)),
                "{states:?}"
            );
            // All go on being asked for the same.
            assert_eq!(decision.traffic.unwrap().canary.weight, 20);
        }
    }
}

#[test]
fn whoever_fails_is_named_and_the_others_are_not_held_back() {
    let (_, decision) = answered(&[RouterState::Verified, failed("MissingObject"), failed("Forbidden")]);
    let ready = condition(&decision, "TrafficRouterReady");
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!("MissingObject")));
    assert_eq!(ready["message"], "a/a: MissingObject it is; b/b: Forbidden it is");
    let late = condition(&decision, "TrafficNotVerified");
    assert_eq!(late["status"], "False");
    let (_, decision) = answered(&[waiting(UNVERIFIED), RouterState::Verified]);
    assert_eq!(condition(&decision, "TrafficRouterReady")["status"], "True");
    assert_eq!(decision.status.pointer("/canary/weights/verified"), Some(&json!(false)));
}

#[test]
fn one_that_cannot_do_a_step_is_named_among_those_that_can() {
    let (cluster, _) = answered(&[RouterState::Verified, RouterState::Verified]);
    let mut world = cluster.world();
    let traffic = decide(&world, cluster.now).traffic.unwrap();
    let report = |router: &str, features: &[&str]| RouterReport {
        router: router.to_owned(),
        features: Some(features.iter().map(|one| (*one).to_owned()).collect()),
        state: RouterState::Verified,
        shares: Vec::new(),
        notes: Vec::new(),
    };
    let routers = vec![report("builtin:istio", &["weights"]), report("a/a", &["header-routes"])];
    world.routing = Some(Routing { traffic, routers });
    let decision = decide(&world, cluster.now);
    let invalid = condition(&decision, "InvalidSpec");
    assert_eq!(invalid["reason"], "UnsupportedStep");
    let message = invalid["message"].as_str().unwrap();
    assert!(message.contains("steps[0].setWeight: router a/a "), "{message}");
    assert_eq!(decision.traffic, None);
}
