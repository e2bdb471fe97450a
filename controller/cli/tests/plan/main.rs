//! `tidegate plan` as users run it: the binary, its output, its exit status.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../simulate/command.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod command;

use command::{Files, app, repository, tidegate};
use serde_json::{Value, json};

const IMAGE: &str = "rollouts-demo=argoproj/rollouts-demo:yellow";

fn json_of(arguments: &[&str]) -> (i32, Value) {
    let run = tidegate(&[&["plan", "--output", "json"], arguments].concat());
    let last = run.stdout.lines().last().unwrap_or_else(|| panic!("{}", run.stderr));
    (run.status, serde_json::from_str(last).unwrap())
}

#[test]
fn the_quick_start_is_planned_step_by_step() {
    let example = repository("examples/quick-start");
    let run = tidegate(&["plan", &example, "--image", IMAGE]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    for line in [
        "Step 1/6 (setWeight: 20)   canary 20 · stable 80",
        "  @@ HTTPRoute default/rollouts-demo changed @@",
        "  ~ spec.rules[web].backendRefs[rollouts-demo-stable].weight: 100 → 80",
        "  ~ status.currentStepIndex: 0 → 1",
        "✔ default/rollouts-demo ends Healthy",
    ] {
        assert!(run.stdout.lines().any(|told| told == line), "{line}\n{}", run.stdout);
    }
    assert_eq!(run.stdout, tidegate(&["plan", &example, "--image", IMAGE]).stdout, "each time the same");
}

#[test]
fn programs_get_the_same_in_json() {
    let (status, plan) = json_of(&[&repository("examples/quick-start"), "--image", IMAGE]);
    assert_eq!(status, 0);
    let sections = plan["rollouts"][0]["sections"].as_array().unwrap();
    let mut weights: Vec<u64> =
        sections.iter().filter_map(|section| section["weights"]["canary"].as_u64()).collect();
    weights.dedup();
    assert_eq!(weights, [0, 20, 50, 80, 100, 0]);
    assert_eq!(plan["ending"]["result"], "Healthy");
    assert!(!plan["assumptions"].as_array().unwrap().is_empty());
}

#[test]
fn an_abort_and_a_missing_plugin() {
    let example = repository("examples/quick-start");
    let (status, plan) = json_of(&[&example, "--image", IMAGE, "--abort"]);
    let sections = plan["rollouts"][0]["sections"].as_array().unwrap();
    assert_eq!((status, &sections.last().unwrap()["weights"]["canary"]), (0, &json!(0)), "{plan:#}");

    let files = Files::new();
    let path = files.app("web", "nobody/knows");
    let (status, plan) = json_of(&[&path, "--image", "web=example.com/web:v2"]);
    assert_eq!(status, 1);
    assert!(plan["rollouts"][0]["stoppedBy"].to_string().contains("nobody/knows"), "{plan:#}");
}

#[test]
fn an_invalid_spec_stops_it() {
    let files = Files::new();
    let mut list = app("web", "argoproj-labs/gatewayAPI");
    list["items"][3]["spec"]["strategy"]["canary"]["steps"] = json!([{"setWeight": 500}]);
    let run = tidegate(&["plan", &files.write("web.json", list.to_string())]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stdout.contains("InvalidSpec=True"), "{}", run.stdout);
}

#[test]
fn what_cannot_be_planned() {
    let (status, told) = json_of(&["nowhere.yaml"]);
    assert_eq!((status, &told["reason"]), (2, &json!("Unreadable")));
    let (status, told) = json_of(&[&repository("examples/quick-start/services.yaml")]);
    assert_eq!((status, &told["reason"]), (2, &json!("NoRollout")));
    let (status, told) = json_of(&[&repository("examples/quick-start"), "--undo"]);
    assert_eq!((status, &told["reason"]), (2, &json!("NothingToUndo")));
    let both = tidegate(&["plan", &repository("examples/quick-start"), "--undo", "--abort"]);
    assert_eq!((both.status, both.stdout.as_str()), (2, ""));
}

#[test]
fn a_cluster_that_cannot_be_reached_is_an_error() {
    let files = Files::new();
    let kubeconfig = files.write("kubeconfig", "not: [a kubeconfig");
    let run = tidegate(&["plan", "--kubeconfig", &kubeconfig, &repository("examples/quick-start")]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{}", run.stderr);
}
