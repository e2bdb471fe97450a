//! The file of `--metrics`: how it is read, and what providers answer by it.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_analysis::provider::Provider;
use tidegate_analysis::{Effect, Outcome, Secrets, World, assess};
use tidegate_cluster::PodOutcome;
use tidegate_simulate::metrics::{Measurement, MetricsError, Script};

fn script(text: &str) -> Script {
    Script::parse("metrics.yaml", text).unwrap()
}

/// The provider of a metric, as an AnalysisRun asks it.
fn provider(config: Value) -> Provider {
    let metric = json!({"name": "m", "provider": config, "successCondition": "true"});
    let run = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
        "metadata": {"name": "run", "namespace": "default", "uid": "1"}, "spec": {"metrics": [metric]},
    });
    let world = World { run: run.into(), secrets: Secrets::default(), answers: Vec::new() };
    let decision = assess(&world, jiff::Timestamp::UNIX_EPOCH);
    let measured = decision.effects.into_iter().find_map(|effect| match effect {
        Effect::Measure { provider, .. } => Some(*provider),
        _ => None,
    });
    measured.unwrap_or_else(|| panic!("nothing is measured: {}", decision.status))
}

fn prometheus() -> Provider {
    provider(json!({"prometheus": {"address": "http://p", "query": "up"}}))
}

fn web() -> Provider {
    provider(json!({"web": {"url": "http://w", "jsonPath": "{$.rate}"}}))
}

fn measurement(number: u64) -> Measurement<'static> {
    Measurement { run: "web-abc-2-1", metric: "m", number, elapsed: Duration::ZERO }
}

/// What a script answers, as the status would have it; errors begin with `!`.
fn shown(script: &Script, provider: &Provider, measurement: &Measurement<'_>) -> String {
    match script.outcome(provider, measurement).1 {
        Outcome::Observed(observation) => observation.text,
        Outcome::Error(why) => format!("!{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_come_one_after_another_and_the_last_one_stays() {
    let script = script("metrics: [{name: m, values: [0.99, [1, 2], .nan, [], null, 0.5]}]");
    let all: Vec<String> =
        (1..=7).map(|number| shown(&script, &prometheus(), &measurement(number))).collect();
    assert_eq!(all, ["[0.99]", "[1,2]", "[NaN]", "[]", "[]", "[0.5]", "[0.5]"]);
}

#[test]
fn values_go_over_time() {
    let script = script(
        "metrics:\n- name: m\n  overTime:\n  - {from: 0s, value: 1}\n  - {from: 2m, value: 2}\n  - {from: 1h, value: 3}\n",
    );
    for (seconds, value) in [(0, "[1]"), (119, "[1]"), (120, "[2]"), (3599, "[2]"), (9999, "[3]")] {
        let at = Measurement { elapsed: Duration::from_secs(seconds), ..measurement(1) };
        assert_eq!(shown(&script, &prometheus(), &at), value, "{seconds}");
    }
}

#[test]
fn the_first_entry_that_fits_answers() {
    let script = script(
        "metrics:\n- {name: m, run: 'web-*-1-*', values: [1]}\n- {name: 'm*', run: '*-2-1', values: [2]}\n- {name: '*', values: [3]}\n",
    );
    let of = |run: &str, metric: &str| {
        shown(&script, &prometheus(), &Measurement { run, metric, ..measurement(1) })
    };
    assert_eq!([of("web-a-1-0", "m"), of("web-a-2-1", "mm"), of("web-a-2-2", "m")], ["[1]", "[2]", "[3]"]);
}

#[test]
fn a_web_server_answers_with_what_the_path_finds_or_with_all() {
    let script = script(
        "metrics:\n- name: m\n  values:\n  - 0.5\n  - {value: {a: 1}}\n  - {body: {rate: 7}}\n  - {body: {}}\n  - {body: '<html>'}\n",
    );
    let of = |number| shown(&script, &web(), &measurement(number));
    assert_eq!([of(1), of(2), of(3)], ["0.5", "{\"a\":1}", "7"]);
    assert!(of(4).starts_with('!') && of(5).starts_with('!'), "{} {}", of(4), of(5));
}

#[test]
fn what_goes_wrong_is_an_error_with_its_cause() {
    let script =
        script("metrics: [{name: m, values: [{status: 503}, {error: no route to host}, {noAnswer: true}]}]");
    for provider in [web(), prometheus()] {
        let of = |number| shown(&script, &provider, &measurement(number));
        assert!(of(1).starts_with('!') && of(1).contains("503"), "{}", of(1));
        assert_eq!(of(2), "!no route to host");
        let (quick, _) = script.outcome(&provider, &measurement(2));
        let (slow, outcome) = script.outcome(&provider, &measurement(3));
        assert!(slow >= Duration::from_secs(10) && quick < Duration::from_secs(1));
        assert!(matches!(outcome, Outcome::Error(_)));
    }
}

#[test]
fn a_metric_of_which_nothing_is_said_is_an_error_that_names_it() {
    let said = shown(&Script::default(), &web(), &measurement(1));
    assert!(said.starts_with('!') && said.contains(" m ") && said.contains("--metrics"), "{said}");
}

#[test]
fn a_prometheus_range_has_the_values_of_one_series() {
    let range = json!({"start": "now() - duration(\"5m\")", "end": "now()", "step": "1m"});
    let ranged = provider(json!({"prometheus": {"address": "http://p", "query": "up", "rangeQuery": range}}));
    let script = script("metrics: [{name: m, values: [[1, 2, 3], []]}]");
    assert_eq!(shown(&script, &ranged, &measurement(1)), "[1,2,3]");
    assert_eq!(shown(&script, &ranged, &measurement(2)), "[]");
}

#[test]
fn jobs_end_as_the_script_says() {
    let script = script(
        "metrics: [{name: m, values: [{job: succeeds}, {job: fails}, {noAnswer: true}, {error: no image}]}]",
    );
    let of = |number| script.pods(&measurement(number));
    assert!(matches!(of(1), Some(PodOutcome::Succeeds { .. })));
    assert!(matches!(of(2), Some(PodOutcome::Crashes { .. })));
    assert_eq!(of(3), Some(PodOutcome::Ready));
    assert!(matches!(of(4), Some(PodOutcome::Crashes { .. })));
    assert_eq!(Script::default().pods(&measurement(1)), None);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, place) in [
        ("[]", "it"),
        ("{}", "metrics"),
        ("metrics: {}", "metrics"),
        ("metrix: []", "metrix"),
        ("metrics: [1]", "metrics[0]"),
        ("metrics: [{values: [1]}]", "metrics[0].name"),
        ("metrics: [{name: '', values: [1]}]", "metrics[0].name"),
        ("metrics: [{name: m}]", "metrics[0]"),
        ("metrics: [{name: m, values: [1], overTime: [{from: 0s, value: 1}]}]", "metrics[0]"),
        ("metrics: [{name: m, value: 1}]", "metrics[0].value"),
        ("metrics: [{name: m, run: 1, values: [1]}]", "metrics[0].run"),
        ("metrics: [{name: m, values: []}]", "metrics[0].values"),
        ("metrics: [{name: m, values: [1, {}]}]", "metrics[0].values[1]"),
        ("metrics: [{name: m, values: [{status: 500, error: x}]}]", "metrics[0].values[0]"),
        ("metrics: [{name: m, values: [{status: 99}]}]", "metrics[0].values[0].status"),
        ("metrics: [{name: m, values: [{error: 1}]}]", "metrics[0].values[0].error"),
        ("metrics: [{name: m, values: [{noAnswer: false}]}]", "metrics[0].values[0].noAnswer"),
        ("metrics: [{name: m, values: [{job: ends}]}]", "metrics[0].values[0].job"),
        ("metrics: [{name: m, values: [{eror: x}]}]", "metrics[0].values[0].eror"),
        ("metrics: [{name: m, values: [{1: x}]}]", "metrics[0].values[0]"),
        ("metrics: [{name: m, values: [!odd 1]}]", "metrics[0].values[0]"),
        ("metrics: [{name: m, overTime: [1]}]", "metrics[0].overTime[0]"),
        ("metrics: [{name: m, overTime: [{value: 1}]}]", "metrics[0].overTime[0].from"),
        ("metrics: [{name: m, overTime: [{from: soon, value: 1}]}]", "metrics[0].overTime[0].from"),
        ("metrics: [{name: m, overTime: [{from: 5s, value: 1}]}]", "metrics[0].overTime[0].from"),
        (
            "metrics: [{name: m, overTime: [{from: 0s, value: 1}, {from: 0s, value: 2}]}]",
            "metrics[0].overTime[1].from",
        ),
    ] {
        match Script::parse("metrics.yaml", text) {
            Err(MetricsError::Wrong { path, .. }) => assert_eq!(path, place, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    let broken = Script::parse("metrics.yaml", "metrics:\n- name: [\n").unwrap_err();
    assert_eq!(broken.reason(), "NotYaml");
    assert!(matches!(broken, MetricsError::NotYaml { line: Some(_), .. }), "{broken:?}");
}
