//! Panics in a pass concern one Rollout.

use jiff::Timestamp;
use serde_json::json;
use tidegate_api::{builtin, object};
use tidegate_core::{Decision, World};
use tidegate_shell::Settings;

use crate::manifests;
use crate::rig::{Rig, minutes, panicked, seconds};

/// Decides as ever, but panics on Rollouts that ask for it.
fn decide(world: &World, now: Timestamp) -> Decision {
    assert!(object::annotation(&world.rollout, "panic").is_none(), "asked to panic");
    tidegate_core::decide(world, now)
}

#[test]
fn a_panic_becomes_a_condition_and_nobody_else_notices() {
    let mut rig = Rig::with(Settings::new(decide));
    rig.apply_all(manifests::shop("api"));
    rig.run(minutes(1));
    rig.patch(&builtin::rollouts(), "api", None, json!({"metadata": {"annotations": {"panic": "please"}}}));
    rig.set_image("api", "web:2");
    rig.set_image("web", "web:2");
    rig.forget_requests();
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
    let condition = rig.condition("api", "InternalError").unwrap();
    assert!(condition["message"].as_str().unwrap().contains("asked to panic"), "{condition}");
    assert!(panicked(&rig.reports).iter().all(|rollout| &*rollout.name == "api"));
    let tries = panicked(&rig.reports).len();
    assert!((3..=15).contains(&tries), "{tries}");

    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.is_empty(), "the condition says it already: {:?}", rig.requests);

    rig.patch(&builtin::rollouts(), "api", None, json!({"metadata": {"annotations": {"panic": null}}}));
    rig.run(minutes(2));
    assert!(rig.condition("api", "InternalError").is_none());
    assert_eq!(rig.weights("api"), (50, 50), "{}", rig.phase("api"));
}

#[test]
fn a_panic_in_the_middle_of_a_pass_loses_nothing() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    fn every_seventh(world: &World, now: Timestamp) -> Decision {
        assert!(CALLS.fetch_add(1, Ordering::Relaxed) % 7 != 6, "every seventh");
        tidegate_core::decide(world, now)
    }
    let mut rig = Rig::with(Settings::new(every_seventh));
    rig.run(minutes(5));
    rig.set_image("web", "web:2");
    rig.run(minutes(15));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
    rig.run(seconds(1));
}
