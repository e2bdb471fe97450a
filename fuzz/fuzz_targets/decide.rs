//! Any Rollout with anything around it: there is a decision, always the same one, and there is one about what comes of it.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use tidegate_core::{Decision, RouterReport, RouterState, Routing, World, decide};
use tidegate_fuzz::{moment, rollout_world, world};

/// How often a decision is made about what came of the one before.
const PASSES: usize = 4;

fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    let mut now = moment(&mut input);
    let mut world = rollout_world(&world(&mut input));
    for _ in 0..PASSES {
        let decision = decide(&world, now);
        check(&decision);
        assert_eq!(decision, decide(&world, now));
        now = decision.wake_at.unwrap_or(now).max(now);
        go_on(&mut world, decision);
    }
});

fn check(decision: &Decision) {
    assert!(decision.status.is_object());
    let Some(traffic) = &decision.traffic else { return };
    let additional = traffic.additional.iter().map(|one| u64::from(one.weight));
    let sum = u64::from(traffic.stable.weight) + u64::from(traffic.canary.weight) + additional.sum::<u64>();
    assert_eq!(sum, u64::from(traffic.max_weight), "{traffic:?}");
    for one in &traffic.additional {
        let has_service = one.service.as_deref().is_some_and(|service| !service.is_empty());
        assert!(one.weight == 0 || has_service, "{traffic:?}");
    }
}

/// The status is written, and the routers have what is desired in force.
fn go_on(world: &mut World, decision: Decision) {
    let mut rollout = (*world.rollout).clone();
    if let Some(fields) = rollout.as_object_mut() {
        fields.insert("status".to_owned(), decision.status);
    }
    world.rollout = Arc::new(rollout);
    world.routing = decision.traffic.map(|traffic| Routing {
        traffic,
        routers: vec![RouterReport {
            router: "argoproj-labs/gatewayAPI".to_owned(),
            features: None,
            state: RouterState::Verified,
            shares: Vec::new(),
            notes: Vec::new(),
        }],
    });
}
