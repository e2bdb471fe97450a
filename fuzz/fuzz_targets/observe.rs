//! Any bytes as the answer of a server, selected from by any JSON path; the first line is the path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use tidegate_analysis::Metric;
use tidegate_analysis::provider::Provider;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (path, body) = input.split_at(end);
    let path = String::from_utf8_lossy(path);
    for provider in [
        json!({"web": {"url": "http://x", "jsonPath": path}}),
        json!({"prometheus": {"address": "http://x", "query": "up"}}),
    ] {
        let Ok(metric) = Metric::read("metric", &json!({"name": "m", "provider": provider})) else {
            continue;
        };
        let _ = match &metric.provider {
            Provider::Web(config) => config.observe(200, body),
            Provider::Prometheus(config) => config.observe(200, body),
            Provider::Job(_) => continue,
        };
    }
});
