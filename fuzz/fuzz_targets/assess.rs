//! Any AnalysisRun, with any answers to what it asks: there is a decision, always the same one, and there is one about what comes of it.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tidegate_analysis::provider::{Observation, Provider};
use tidegate_analysis::{Answer, Effect, Outcome, Phase, Secret, World, assess, validate_template};
use tidegate_fuzz::{moment, world};

/// How often a decision is made about what came of the one before.
const PASSES: usize = 4;

fuzz_target!(|input: &[u8]| {
    if let Ok(run) = serde_json::from_slice::<Value>(input) {
        validate_template(&run);
        play(run, &mut Unstructured::new(&[]));
    }
    let mut input = Unstructured::new(input);
    for run in world(&mut input).list("runs") {
        play((*run).clone(), &mut input);
    }
});

fn play(run: Value, input: &mut Unstructured<'_>) {
    let mut now = moment(input);
    let mut world = World { run: Arc::new(run), ..World::default() };
    for _ in 0..PASSES {
        let decision = assess(&world, now);
        assert_eq!(decision, assess(&world, now));
        now = decision.wake_at.unwrap_or(now).max(now);
        for key in decision.secrets {
            let secret = match input.int_in_range(0..=2) {
                Ok(1) => Secret::Known("hunter2".to_owned()),
                Ok(2) => Secret::Known("\n".to_owned()),
                _ => Secret::Missing("it does not exist".to_owned()),
            };
            world.secrets.insert(key, secret);
        }
        world.answers.clear();
        for effect in decision.effects {
            let (key, provider) = match effect {
                Effect::Measure { key, provider } => (key, Some(provider)),
                Effect::Resume { key, .. } | Effect::Terminate { key, .. } => (key, None),
                Effect::DeleteJob { .. } | Effect::DeleteRun => continue,
            };
            let outcome = outcome(provider.as_deref(), input);
            world.answers.push(Answer { key, started_at: now, at: now, outcome });
        }
        let mut run = (*world.run).clone();
        if let Some(fields) = run.as_object_mut() {
            fields.insert("status".to_owned(), decision.status);
        }
        world.run = Arc::new(run);
    }
}

fn outcome(provider: Option<&Provider>, input: &mut Unstructured<'_>) -> Outcome {
    const BODIES: [&str; 7] = [
        r#"{"data": {"value": 0.2}}"#,
        r#"{"data": {"value": null}}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"0.99"]}]}}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
        r#"{"status":"success","data":{"resultType":"scalar","result":[1,"NaN"]}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"0.5"],[2,"1e308"]]}]}}"#,
        "oops",
    ];
    let phases = [Phase::Successful, Phase::Failed, Phase::Inconclusive, Phase::Error, Phase::Running];
    let body = input.choose(&BODIES).copied().unwrap_or_default().as_bytes();
    let read =
        |observed: Result<Observation, String>| observed.map_or_else(Outcome::Error, Outcome::Observed);
    match (input.int_in_range(0..=4), provider) {
        (Ok(0), _) => Outcome::Error("hunter2".to_owned()),
        (Ok(1), _) => Outcome::Terminated,
        (Ok(2), _) => Outcome::Running,
        (_, Some(Provider::Web(config))) => read(config.observe(200, body)),
        (_, Some(Provider::Prometheus(config))) => read(config.observe(200, body)),
        _ => Outcome::Verdict {
            phase: input.choose(&phases).copied().unwrap_or(Phase::Error),
            message: String::new(),
        },
    }
}
