//! Any Experiment with anything around it: there is a decision, always the same one, and there is one about what comes of it.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tidegate_experiment::{Step, conduct, of_step};
use tidegate_fuzz::{experiment_world, moment, world};

/// How often a decision is made about what came of the one before.
const PASSES: usize = 3;

fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    let mut now = moment(&mut input);
    let disturbed = world(&mut input);
    let mut world = experiment_world(&disturbed);
    for _ in 0..PASSES {
        let decision = conduct(&world, now);
        assert!(decision.status.is_object() || decision.status.is_null());
        assert_eq!(decision, conduct(&world, now));
        now = decision.wake_at.unwrap_or(now).max(now);
        let mut experiment = (*world.experiment).clone();
        if let Some(fields) = experiment.as_object_mut() {
            fields.insert("status".to_owned(), decision.status);
        }
        world.experiment = Arc::new(experiment);
    }
    let rollout = disturbed.one("rollout");
    let sets = disturbed.list("replicaSets");
    let null = Value::Null;
    for index in 0..4 {
        let _ = of_step(&Step {
            rollout: &rollout,
            index,
            stable: sets.first().map(|set| &**set),
            canary: sets.last().map_or(&null, |set| set),
            revision: i64::MAX,
            collisions: u32::MAX,
        });
    }
});
