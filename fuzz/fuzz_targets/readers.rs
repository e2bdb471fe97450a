//! Any JSON, read as everything that the controller reads: views, validation, hashes, merged templates, arguments, metrics.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tidegate_analysis::{Metric, Reference, merge, resolve_arguments, validate_template};
use tidegate_fuzz::world;
use tidegate_model::validate::{validate, validate_with};
use tidegate_model::{
    AntiAffinity, PluginRecord, PodMetadata, ReplicaSet, Rollout, RoutingRecord, Status, duration, hash,
    interest, restart, template, unknown_fields, workload,
};

fuzz_target!(|input: &[u8]| {
    // Both: text as it is, and a world as it might be.
    if let Ok(value) = serde_json::from_slice::<Value>(input) {
        read(&value);
    }
    let disturbed = world(&mut Unstructured::new(input));
    let rollout = disturbed.one("rollout");
    read(&rollout);
    let workload = disturbed.one("workload");
    validate_with(&rollout, Some(&workload));
    for set in disturbed.list("replicaSets") {
        ReplicaSet::read(&set);
        interest::owns(&rollout, workload::selector(&rollout, None), &set);
        template::equal(
            workload::template(&rollout, Some(&workload)),
            set.pointer("/spec/template").unwrap_or(&set),
        );
    }
    let templates = disturbed.templates();
    for template in templates.values() {
        validate_template(template);
        for metric in template.pointer("/spec/metrics").and_then(Value::as_array).into_iter().flatten() {
            let _ = Metric::read("metric", metric);
        }
    }
    let analysis = rollout.pointer("/spec/strategy/canary/analysis").unwrap_or(&Value::Null);
    let references = Reference::read_all(analysis.get("templates").unwrap_or(&Value::Null));
    let arguments = analysis.get("args").unwrap_or(&Value::Null);
    if let Ok(arguments) = resolve_arguments("args", arguments, &rollout, "s", "l") {
        let _ = merge(&references, &templates, &Value::from(arguments));
    }
});

fn read(value: &Value) {
    Rollout::read(value);
    Status::read(value);
    validate(value);
    unknown_fields(value);
    RoutingRecord::read(value);
    PluginRecord::read(value);
    AntiAffinity::read(value);
    PodMetadata::read(value);
    let _ = duration::pause_duration(value);
    interest::routers(value);
    interest::services(value);
    interest::experiment(value);
    restart::pending(value);
    workload::workload_ref(value);
    workload::refusal(value);
    hash::steps_hash(value.pointer("/spec/strategy/canary/steps"));
    hash::template_hash(workload::template(value, None), Some(i64::MAX));
    validate_template(value);
}
