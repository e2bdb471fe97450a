//! What must hold whatever a run, a template and their surroundings look like.

use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_analysis::provider::{Observation, job};
use tidegate_analysis::{
    Answer, Key, Outcome, Phase, Reference, Secret, SecretKey, World, assess, merge, resolve_arguments,
    validate_template,
};

/// Any JSON, made of what readers look for, so that it reaches deep into them.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![0_i64, 1, -1, 3, 10, i64::MAX, i64::MIN]).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "m",
            "Running",
            "Failed",
            "Error",
            "Successful",
            "Inconclusive",
            "1m",
            "5",
            "result > 1",
            "{{args.a}}",
            "{{",
            ".*",
            "2026-01-31T12:00:00Z",
            "9999-12-31T23:59:59Z",
            "-009999-01-02T01:59:59Z",
            "http://x",
            "Stable",
            "(",
            "é",
        ])
        .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "name",
        "value",
        "valueFrom",
        "secretKeyRef",
        "key",
        "fieldRef",
        "fieldPath",
        "metrics",
        "args",
        "provider",
        "web",
        "job",
        "prometheus",
        "url",
        "spec",
        "template",
        "interval",
        "count",
        "phase",
        "measurements",
        "metricResults",
        "startedAt",
        "finishedAt",
        "resumeAt",
        "metadata",
        "job-name",
        "error",
        "consecutiveError",
        "dryRun",
        "metricName",
        "limit",
        "status",
        "templates",
        "templateName",
        "clusterScope",
        "completedAt",
        "ttlStrategy",
        "secondsAfterCompletion",
        "terminate",
        "uid",
        "deletionTimestamp",
        "successCondition",
        "failureLimit",
        "conditions",
        "type",
        "measurementRetention",
    ]);
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

/// A run that is right but for one field that is anything.
fn nearly_right() -> impl Strategy<Value = Value> {
    let fields = [
        "/spec",
        "/spec/metrics",
        "/spec/metrics/0",
        "/spec/metrics/0/provider/web",
        "/spec/metrics/1/provider/job",
        "/spec/metrics/0/interval",
        "/spec/metrics/0/count",
        "/spec/metrics/0/successCondition",
        "/spec/metrics/0/failureLimit",
        "/spec/args",
        "/spec/args/0",
        "/spec/dryRun",
        "/spec/measurementRetention",
        "/spec/ttlStrategy",
        "/spec/terminate",
        "/status",
        "/status/phase",
        "/status/startedAt",
        "/status/completedAt",
        "/status/metricResults",
        "/status/metricResults/0",
        "/status/metricResults/0/phase",
        "/status/metricResults/0/count",
        "/status/metricResults/0/error",
        "/status/metricResults/0/measurements",
        "/status/metricResults/0/measurements/0",
        "/status/metricResults/0/measurements/0/phase",
        "/status/metricResults/0/measurements/0/finishedAt",
        "/status/metricResults/1/measurements/0/metadata",
        "/metadata",
        "/metadata/uid",
    ];
    (prop::sample::select(fields.to_vec()), anything()).prop_map(|(field, value)| {
        let mut run = json!({
            "metadata": {"name": "run", "namespace": "ns", "uid": "u"},
            "spec": {
                "metrics": [
                    {"name": "m", "interval": "1m", "count": 3, "successCondition": "result > 1", "failureLimit": 1,
                        "provider": {"web": {"url": "http://x/{{args.a}}"}}},
                    {"name": "j", "provider": {"job": {"spec": {"template": {}}}}},
                ],
                "args": [{"name": "a", "value": "1"}, {"name": "s", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}}],
                "dryRun": [{"metricName": "j"}], "measurementRetention": [{"metricName": "m", "limit": 2}],
                "ttlStrategy": {"secondsAfterCompletion": 5}, "terminate": false,
            },
            "status": {
                "phase": "Running", "startedAt": "2026-01-31T11:00:00Z", "completedAt": null,
                "metricResults": [
                    {"name": "m", "phase": "Running", "count": 1, "successful": 1, "error": 0, "measurements": [
                        {"phase": "Successful", "startedAt": "2026-01-31T11:58:00Z", "finishedAt": "2026-01-31T11:58:00Z", "value": "1"}]},
                    {"name": "j", "phase": "Running", "measurements": [{"phase": "Running", "metadata": {"job-name": "u.j.1"}}]},
                ],
            },
        });
        if let Some(place) = run.pointer_mut(field) {
            *place = value;
        }
        run
    })
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let outcome = prop_oneof![
        Just(Outcome::Running),
        Just(Outcome::Terminated),
        any::<String>().prop_map(Outcome::Error),
        prop::sample::select(vec![Phase::Successful, Phase::Failed, Phase::Running, Phase::Pending])
            .prop_map(|phase| Outcome::Verdict { phase, message: String::new() }),
        anything().prop_filter_map("depth", |value| {
            let result = tidegate_expression::Value::from_json(&value).ok()?;
            Some(Outcome::Observed(Observation {
                result,
                text: value.to_string(),
                warnings: vec!["w".to_owned()],
            }))
        }),
    ];
    let times = [Timestamp::MIN, now(), Timestamp::MAX];
    let answer =
        (prop::sample::select(vec!["m", "j", "x"]), 0..4_u64, outcome, prop::sample::select(times.to_vec()))
            .prop_map(|(metric, number, outcome, at)| Answer {
                key: Key { metric: metric.to_owned(), number },
                started_at: at,
                at,
                outcome,
            });
    prop::collection::vec(answer, 0..4)
}

fn now() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn world(run: Value, answers: Vec<Answer>) -> World {
    let key = SecretKey { name: "n".to_owned(), key: "k".to_owned() };
    let secrets = [(key, Secret::Known("secret".to_owned()))].into();
    World { run: Arc::new(run), secrets, answers }
}

/// The same world once the status is written and observed.
fn written(world: &World, status: Value) -> World {
    let mut run = (*world.run).clone();
    if let Some(fields) = run.as_object_mut() {
        fields.insert("status".to_owned(), status);
    }
    World { run: Arc::new(run), secrets: world.secrets.clone(), answers: world.answers.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_run_is_answered(run in anything(), answers in answers()) {
        assess(&world(run, answers), now());
    }

    #[test]
    fn any_run_that_is_nearly_right_comes_to_rest(run in nearly_right(), answers in answers()) {
        for at in [Timestamp::MIN, now(), Timestamp::MAX] {
            let world = world(run.clone(), answers.clone());
            let first = assess(&world, at);
            // The same answers again change nothing: they are about measurements that are over, or still under way.
            let second = assess(&written(&world, first.status.clone()), at);
            let answered = World { answers: Vec::new(), ..written(&world, second.status.clone()) };
            let third = assess(&answered, at);
            prop_assert_eq!(&third.status, &assess(&written(&answered, third.status.clone()), at).status);
            if let Some(wake) = third.wake_at {
                prop_assert!(wake > at, "{wake} is not after {at}");
            }
        }
    }

    #[test]
    fn a_run_that_is_over_stays_over(run in nearly_right(), answers in answers()) {
        let world = world(run, answers);
        let first = assess(&world, now());
        let phase = first.status.get("phase").and_then(Value::as_str).and_then(Phase::read);
        if phase.is_some_and(Phase::is_completed) {
            let second = assess(&written(&world, first.status.clone()), now());
            prop_assert_eq!(second.status, first.status);
        }
    }

    #[test]
    fn templates_and_arguments_are_answered(template in anything(), given in anything(), rollout in anything()) {
        let object = json!({"spec": template});
        validate_template(&object);
        validate_template(&template);
        let reference = Reference { cluster: false, name: "m".to_owned() };
        let templates = [(reference.clone(), Arc::new(object))].into();
        if let Ok(merged) = merge(&[reference], &templates, &given) {
            assess(&world(json!({"spec": merged.spec}), Vec::new()), now());
        }
        let _ = resolve_arguments("args", &given, &rollout, "s", "l");
        let _ = resolve_arguments("args", &json!([{"name": "a", "valueFrom": given}]), &rollout, "s", "l");
        Reference::read_all(&given);
    }

    #[test]
    fn any_job_is_read(found in anything(), run in anything()) {
        let _ = job::read(Some(&found), "job", &run);
    }

    #[test]
    fn any_answer_is_observed(body in anything(), status in 0..600_u16) {
        let providers = json!([{"name": "m", "provider": {"web": {"url": "http://x", "jsonPath": "{..name}"}}},
            {"name": "p", "provider": {"prometheus": {"address": "http://x", "query": "up"}}}]);
        for metric in providers.as_array().unwrap() {
            let provider = tidegate_analysis::Metric::read("m", metric).unwrap().provider;
            for body in [body.clone(), json!({"status": "success", "data": {"resultType": "vector", "result": body}}),
                json!({"status": "success", "data": {"resultType": "matrix", "result": [{"values": body}]}})] {
                let text = body.to_string();
                let _ = match &provider {
                    tidegate_analysis::provider::Provider::Web(config) => config.observe(status, text.as_bytes()),
                    tidegate_analysis::provider::Provider::Prometheus(config) => config.observe(status, text.as_bytes()),
                    _ => unreachable!(),
                };
            }
        }
    }
}
