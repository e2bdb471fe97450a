//! Drawing what there is of analyses and experiments, and what happens to them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::metrics::{JobFault, MetricFault};
use super::templates::{self, ALL};
use super::{Evidence, Kind, Meddling, steps};
use crate::happening::{Edit, Happening};
use crate::plan::Timed;
use crate::scenario::{App, NAMESPACE, Scenario};

/// What is written where nobody expects it.
const SCRIBBLES: [(Kind, &str); 22] = [
    (Kind::Run, "/status"),
    (Kind::Run, "/status/phase"),
    (Kind::Run, "/status/metricResults"),
    (Kind::Run, "/status/metricResults/0"),
    (Kind::Run, "/status/metricResults/0/measurements"),
    (Kind::Run, "/status/metricResults/0/count"),
    (Kind::Run, "/status/startedAt"),
    (Kind::Run, "/spec/metrics/0"),
    (Kind::Experiment, "/status"),
    (Kind::Experiment, "/status/phase"),
    (Kind::Experiment, "/status/templateStatuses"),
    (Kind::Experiment, "/status/templateStatuses/0/serviceName"),
    (Kind::Experiment, "/status/analysisRuns"),
    (Kind::Experiment, "/spec/templates/0/template"),
    (Kind::Rollout, "/status/canary"),
    (Kind::Rollout, "/status/canary/currentExperiment"),
    (Kind::Rollout, "/status/canary/currentStepAnalysisRunStatus"),
    (Kind::Rollout, "/status/canary/currentBackgroundAnalysisRunStatus"),
    (Kind::Rollout, "/status/canary/weights"),
    (Kind::Rollout, "/status/canary/weights/additional"),
    (Kind::Rollout, "/spec/strategy/canary/steps/0"),
    (Kind::Rollout, "/spec/strategy/canary/analysis"),
];

/// Adds analyses and experiments to what a seed has decided; to two of five seeds.
pub(crate) fn add(random: &mut fastrand::Rng, scenario: &mut Scenario, happenings: &mut Vec<Timed>) {
    if random.u8(..5) >= 2 {
        return;
    }
    scenario.evidence = Evidence { templates: templates::all(random), alone: alone(random) };
    for app in &mut scenario.apps {
        if random.u8(..4) == 0 {
            continue;
        }
        app.has_port = random.u8(..8) != 0;
        for _ in 0..random.u8(..=2) {
            let step = steps::step(random, app);
            app.steps.insert(random.usize(..=app.steps.len()), step);
        }
        if random.u8(..5) < 2 {
            app.canary.insert("analysis".to_owned(), steps::background(random));
        }
        if random.u8(..3) == 0 {
            let history = json!({
                "successfulRunHistoryLimit": random.u8(..=2),
                "unsuccessfulRunHistoryLimit": random.u8(..=2),
            });
            app.spec.insert("analysis".to_owned(), history);
        }
    }
    let apps = scenario.apps.clone();
    for timed in happenings.iter_mut() {
        if let Happening::Edit { app, what: Edit::Steps(steps) } = &mut timed.what
            && let Some(app) = apps.get(*app)
            && random.bool()
        {
            let step = steps::step(random, app);
            steps.insert(random.usize(..=steps.len()), step);
        }
    }
    let end =
        happenings.last().map_or(Duration::ZERO, |last| last.at).saturating_add(Duration::from_secs(20));
    let end = u64::try_from(end.as_millis()).unwrap_or(u64::MAX);
    for _ in 0..random.u8(..=16) {
        let at = Duration::from_millis(random.u64(..=end));
        happenings.push(Timed { at, what: happening(random, &apps) });
    }
    happenings.sort_by_key(|timed| timed.at);
}

fn happening(random: &mut fastrand::Rng, apps: &[App]) -> Happening {
    let kind = if random.bool() { Kind::Run } else { Kind::Experiment };
    let which = random.usize(..4);
    let meddling = match random.u8(..22) {
        0..=7 => return Happening::Metrics(metrics(random)),
        8..=9 => return Happening::Jobs(jobs(random)),
        10 => {
            let index = random.usize(..apps.len().max(1));
            let analysis =
                if random.u8(..3) == 0 { Value::Null } else { steps::replaced(steps::background(random)) };
            return Happening::Edit { app: index, what: Edit::Canary(json!({"analysis": analysis})) };
        }
        11 => Meddling::End(kind, which),
        12..=13 => Meddling::Delete(kind, which),
        14 => Meddling::DeleteSet(which),
        15 => Meddling::ScaleSet(which, random.i64(..3)),
        16 => Meddling::DeleteService(which),
        17 => {
            let (kind, pointer) = random.choice(SCRIBBLES).unwrap_or((Kind::Run, "/status"));
            Meddling::Scribble(kind, which, pointer, anything(random))
        }
        18 => Meddling::DeleteTemplate(random.usize(..=ALL.len())),
        19 => Meddling::RestoreTemplate(random.usize(..=ALL.len())),
        _ => Meddling::ChangeTemplate(random.usize(..ALL.len()), templates::mistake(random)),
    };
    Happening::Meddling(meddling)
}

fn metrics(random: &mut fastrand::Rng) -> MetricFault {
    match random.u8(..9) {
        0..=1 => MetricFault::Well,
        2..=3 => MetricFault::Bad,
        4 => MetricFault::Between,
        5 => MetricFault::Mixed,
        6 => MetricFault::Garbage,
        7 => MetricFault::Unreachable,
        _ => MetricFault::Slow(Duration::from_millis(random.u64(500..=45_000))),
    }
}

fn jobs(random: &mut fastrand::Rng) -> JobFault {
    match random.u8(..4) {
        0 => JobFault::Well,
        1 => JobFault::Fails,
        2 => JobFault::NeverStarts,
        _ => JobFault::Slow(Duration::from_millis(random.u64(500..=45_000))),
    }
}

fn anything(random: &mut fastrand::Rng) -> Value {
    match random.u8(..10) {
        0..=2 => Value::Null,
        3 => json!({}),
        4 => json!([]),
        5 => json!([null]),
        6 => json!(-1),
        7 => json!("Failed"),
        8 => json!([{"name": null, "phase": "Running", "measurements": [null, {"phase": "Running"}]}]),
        _ => {
            json!({"phase": "Successful", "metricResults": {}, "templateStatuses": "x", "analysisRuns": [0]})
        }
    }
}

/// Experiments and AnalysisRuns of nobody.
fn alone(random: &mut fastrand::Rng) -> Vec<Value> {
    let mut objects = Vec::new();
    if random.u8(..3) == 0 {
        objects.push(experiment_alone(random));
    }
    if random.u8(..3) == 0 {
        let name = random.choice(["latency", "steady", "probe", "everywhere"]).unwrap_or("latency");
        let mut spec = json!({
            "metrics": [templates::metric(name, random)],
            "args": [{"name": "hash", "value": "x"}],
        });
        if let Some(fields) = spec.as_object_mut().filter(|_| random.bool()) {
            fields.insert("ttlStrategy".to_owned(), json!({"secondsAfterCompletion": random.u8(..=60)}));
        }
        objects.push(json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AnalysisRun",
            "metadata": {"name": "by-hand", "namespace": NAMESPACE},
            "spec": spec,
        }));
    }
    objects
}

fn experiment_alone(random: &mut fastrand::Rng) -> Value {
    let template = |name: &str, random: &mut fastrand::Rng| {
        let labels = json!({"app": "lab", "variant": name});
        let container = json!({"name": "main", "image": format!("app:{}", random.u8(..5)), "ports": [{"containerPort": 80}]});
        let mut template = json!({
            "name": name,
            "replicas": random.u8(1..=2),
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        });
        if let Some(fields) = template.as_object_mut().filter(|_| random.bool()) {
            fields.insert("service".to_owned(), json!({}));
        }
        template
    };
    let mut spec =
        Map::from_iter([("templates".to_owned(), json!([template("a", random), template("b", random)]))]);
    spec.insert("duration".to_owned(), Value::from(format!("{}s", random.u8(5..=90))));
    spec.insert("progressDeadlineSeconds".to_owned(), Value::from(random.choice([30, 120]).unwrap_or(30)));
    if random.bool() {
        let analysis =
            json!({"name": "check", "templateName": "steady", "requiredForCompletion": random.bool()});
        spec.insert("analyses".to_owned(), json!([analysis]));
    }
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "lab", "namespace": NAMESPACE},
        "spec": spec,
    })
}
