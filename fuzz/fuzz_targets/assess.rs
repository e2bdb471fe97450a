//! Any JSON as an AnalysisRun, assessed twice, the second time with the status that the first gave.
#![no_main]

use std::sync::Arc;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tidegate_analysis::{World, assess, validate_template};

fuzz_target!(|input: &[u8]| {
    let Ok(mut run) = serde_json::from_slice::<Value>(input) else { return };
    validate_template(&run);
    let world = World { run: Arc::new(run.clone()), ..World::default() };
    let decision = assess(&world, Timestamp::UNIX_EPOCH);
    if let Some(fields) = run.as_object_mut() {
        fields.insert("status".to_owned(), decision.status);
        assess(&World { run: Arc::new(run), ..World::default() }, Timestamp::UNIX_EPOCH);
    }
});
