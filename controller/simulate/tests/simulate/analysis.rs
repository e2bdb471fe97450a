//! Canaries whose fate measurements decide, by a script.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_simulate::metrics::Script;
use tidegate_simulate::{Frame, Line, Scenario};

use crate::story::{App, Story, scenario};

fn template(name: &str, metric: Value) -> Value {
    let mut metric = metric;
    metric["name"] = json!(name);
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": name},
        "spec": {"metrics": [metric]},
    })
}

/// Measured every 10 s; a second measurement below 0.95 is one too many.
fn success_rate() -> Value {
    let prometheus = json!({"address": "http://prometheus:9090", "query": "up"});
    template(
        "success-rate",
        json!({
            "interval": "10s", "failureLimit": 1, "successCondition": "result[0] >= 0.95",
            "provider": {"prometheus": prometheus},
        }),
    )
}

fn smoke() -> Value {
    let container = json!({"name": "curl", "image": "example.com/curl:8"});
    let pods = json!({"spec": {"restartPolicy": "Never", "containers": [container]}});
    template("smoke", json!({"provider": {"job": {"spec": {"backoffLimit": 0, "template": pods}}}}))
}

fn refer(name: &str) -> Value {
    json!({"templates": [{"templateName": name}]})
}

/// A canary with half of the traffic for a minute, measured all the time.
fn in_the_background(script: &str) -> Scenario {
    let app = App::new("web").with(|app| app.canary()["analysis"] = refer("success-rate"));
    with_script(app, script)
}

/// A canary that is looked at by a Job before it gets half of the traffic.
fn as_a_step(script: &str) -> Scenario {
    let steps = json!([{"setWeight": 10}, {"analysis": refer("smoke")}, {"setWeight": 50}]);
    with_script(App::new("web").steps(steps), script)
}

fn with_script(app: App, script: &str) -> Scenario {
    let mut scenario = scenario(&[app]);
    scenario.objects.extend([success_rate(), smoke()]);
    scenario.images = BTreeMap::from([("web".to_owned(), "example.com/web:v2".to_owned())]);
    scenario.metrics = Script::parse("metrics.yaml", script).unwrap();
    scenario
}

fn last(story: &Story) -> &Frame {
    story.lines.last().unwrap().frame().unwrap()
}

#[test]
fn good_measurements_let_it_go_on() {
    let story = Story::of(in_the_background("metrics: [{name: success-rate, values: [0.99]}]"));
    assert!(story.ending.is_healthy(), "{}", story.text());
    assert_eq!(story.weights("web"), [0, 50, 100, 0]);
    assert!(story.count("web", "Measured") >= 5, "{}", story.text());
    assert!(last(&story).evidence.analyses.iter().all(|run| run.phase == "Successful"), "{}", story.text());
}

#[test]
fn too_many_bad_measurements_roll_back() {
    let story =
        Story::of(in_the_background("metrics: [{name: success-rate, values: [0.99, 0.5, 0.99, 0.4]}]"));
    assert_eq!(story.end("web").phase, "Degraded", "{}", story.text());
    assert_eq!(story.weights("web"), [0, 50, 0], "{}", story.text());
    assert_eq!(story.count("web", "AnalysisFailed"), 1, "{}", story.text());
    let run = &last(&story).evidence.analyses[0];
    assert_eq!((run.phase.as_str(), run.measurements[0].count), ("Failed", 4));
    assert!(run.measurements[0].value.contains("0.4"), "{run:?}");
}

#[test]
fn one_bad_measurement_is_let_pass() {
    let story = Story::of(in_the_background("metrics: [{name: success-rate, values: [0.5, 0.99]}]"));
    assert!(story.ending.is_healthy(), "{}", story.text());
}

#[test]
fn without_a_word_about_a_metric_its_errors_roll_back() {
    for script in ["metrics: []", "metrics: [{name: success-rate, values: [{status: 500}]}]"] {
        let story = Story::of(in_the_background(script));
        assert_eq!(story.count("web", "AnalysisError"), 1, "{}", story.text());
        assert_eq!(story.end("web").phase, "Degraded", "{}", story.text());
    }
}

#[test]
fn a_job_decides_whether_a_step_is_passed() {
    for (script, phase, weights) in [
        ("metrics: [{name: smoke, values: [{job: succeeds}]}]", "Healthy", &[0, 10, 50, 100, 0][..]),
        ("metrics: []", "Healthy", &[0, 10, 50, 100, 0]),
        ("metrics: [{name: smoke, values: [{job: fails}]}]", "Degraded", &[0, 10, 0]),
    ] {
        let story = Story::of(as_a_step(script));
        assert_eq!(story.end("web").phase, phase, "{}", story.text());
        assert_eq!(story.weights("web"), weights, "{}", story.text());
    }
}

fn experiment(analyses: Value) -> Value {
    let template = |name: &str, of: &str| json!({"name": name, "specRef": of, "weight": 5});
    json!({"duration": "1m", "analyses": analyses,
        "templates": [template("baseline", "stable"), template("candidate", "canary")]})
}

#[test]
fn what_becomes_of_experiments_and_of_their_runs_is_told() {
    for (script, experiment_phase, phase) in [
        ("metrics: []", "Successful", "Healthy"),
        ("metrics: [{name: smoke, values: [{job: fails}]}]", "Failed", "Degraded"),
    ] {
        let analyses = json!([{"name": "smoke", "templateName": "smoke"}]);
        let steps = json!([{"setWeight": 10}, {"experiment": experiment(analyses)}, {"setWeight": 50}]);
        let mut app = App::new("web").steps(steps);
        // An Experiment makes a Service of the ports that its containers name.
        app.rollout["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([{"containerPort": 8080}]);
        let story = Story::of(with_script(app, script));
        assert_eq!(story.end("web").phase, phase, "{}", story.text());
        assert_eq!(story.count("web", "ExperimentRunning"), 1, "{}", story.text());
        assert_eq!(story.count("web", "Measured"), 1, "{}", story.text());
        assert_eq!(story.count("web", &format!("Analysis{experiment_phase}")), 1, "{}", story.text());
        assert_eq!(story.count("web", &format!("Experiment{experiment_phase}")), 1, "{}", story.text());
        // Its end is told before what follows from it.
        let at = |event: &str| story.lines.iter().position(|line| line.event == event);
        let ended = at(&format!("Experiment{experiment_phase}"));
        assert!(at("Measured") < ended, "{}", story.text());
        let follows = if phase == "Healthy" { "RouteWritten" } else { "RolloutAborted" };
        assert!(story.lines[ended.unwrap()..].iter().any(|line| line.event == follows), "{}", story.text());
        // While it ran its pods had their shares.
        let shares: Vec<u64> = story
            .about("web")
            .filter_map(Line::frame)
            .flat_map(|frame| &frame.evidence.experiments)
            .flat_map(|one| &one.templates)
            .filter(|template| template.available == 1 && template.replicas == 1)
            .map(|template| template.weight)
            .collect();
        assert!(shares.contains(&5), "{}", story.text());
        // What the Rollout deletes of its own is no route.
        assert_eq!(story.count("web", "RouteRemoved"), 0, "{}", story.text());
    }
}

#[test]
fn runs_and_experiments_of_users_have_lines_of_their_own() {
    let object = |kind: &str, spec: &Value| json!({"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": "mine"}, "spec": spec});
    let run = object("AnalysisRun", &smoke()["spec"]);
    let container = json!({"name": "a", "image": "example.com/a:1"});
    let labels = json!({"app": "mine"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let template = json!({"name": "a", "selector": {"matchLabels": labels}, "template": template});
    let analyses = json!([{"name": "smoke", "templateName": "smoke"}]);
    let experiment =
        object("Experiment", &json!({"duration": "1m", "templates": [template], "analyses": analyses}));
    let mut scenario = with_script(App::new("web"), "metrics: []");
    scenario.objects.extend([run, experiment]);
    let story = Story::of(scenario);
    assert!(story.ending.is_healthy(), "{}", story.text());
    let alone: Vec<&Line> = story.lines.iter().filter(|line| line.frame().is_none()).collect();
    let count = |event: &str| alone.iter().filter(|line| line.event == event).count();
    assert_eq!((count("Measured"), count("AnalysisSuccessful"), count("ExperimentSuccessful")), (2, 2, 1));
    assert_eq!(story.count("web", "Measured"), 0, "{}", story.text());
    let last = serde_json::to_value(alone.last().unwrap()).unwrap();
    assert_eq!((&last["namespace"], &last["rollout"]), (&json!("default"), &Value::Null));
    assert_eq!(last["experiments"][0]["phase"], "Successful", "{last}");
    assert_eq!(last["experiments"][0]["analyses"][0]["measurements"][0]["phase"], "Successful", "{last}");
    assert_eq!(last["analyses"][0]["phase"], "Successful", "{last}");
}

#[test]
fn the_example_fails_under_load_and_goes_through_when_all_is_well() {
    let file = |name: &str| {
        let path = format!("{}/../../examples/analysis/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    for (metrics, phase, weights) in
        [("good", "Healthy", &[0, 10, 50, 100, 0][..]), ("failing", "Degraded", &[0, 10, 50, 0])]
    {
        let mut scenario = scenario(&[]);
        for name in ["network.yaml", "rollout.yaml", "templates.yaml"] {
            scenario.objects.extend(tidegate_simulate::manifests::parse(name, &file(name)).unwrap());
        }
        let image = "registry.example.com/checkout:1.9.0";
        scenario.images = BTreeMap::from([("checkout".to_owned(), image.to_owned())]);
        let script = format!("metrics/{metrics}.yaml");
        scenario.metrics = Script::parse(&script, &file(&script)).unwrap();
        let story = Story::of(scenario);
        assert_eq!(story.end("checkout").phase, phase, "{}", story.text());
        assert_eq!(story.weights("checkout"), weights, "{}", story.text());
    }
}
