//! What is printed, for programs and for people.

use serde_json::Value;

use crate::command::{Files, repository, run, simulate, tidegate};

const PLUGIN: &str = "argoproj-labs/gatewayAPI";

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn each_line_has_the_documented_form() {
    let run = simulate(&[&repository("examples/quick-start")]);
    let lines = run.lines();
    assert!(lines.len() > 20);
    let mut earlier = 0.0;
    for line in &lines {
        for key in ["t", "event", "rollout", "phase", "step", "weights", "routes", "replicaSets"] {
            assert!(line.get(key).is_some(), "{key}: {line}");
        }
        let t = line["t"].as_f64().unwrap();
        assert!(t >= earlier);
        earlier = t;
        assert_eq!(line["rollout"], "default/rollouts-demo");
        assert_eq!(keys(&line["weights"]), ["canary", "stable", "additional", "max"]);
        for route in line["routes"].as_array().unwrap() {
            assert_eq!(keys(route), ["kind", "name", "backends"]);
            for backend in route["backends"].as_array().unwrap() {
                assert_eq!(keys(backend), ["name", "weight"]);
                assert!(backend["weight"].is_u64());
            }
        }
        for set in line["replicaSets"].as_array().unwrap() {
            assert!(
                set["name"].is_string() && set["replicas"].is_u64() && set["available"].is_u64(),
                "{set}"
            );
        }
    }
    let patches: Vec<&Value> = lines.iter().filter_map(|line| line.get("patch")).collect();
    assert_eq!(patches.len(), 6, "the weights 0, 20, 50, 80, 100, and back to stable");
    assert!(patches.iter().all(|patch| patch[0]["op"] == "test"));
    assert_eq!(run.result()["result"], "Healthy");
    assert_eq!(run.stderr, "");
}

#[test]
fn the_same_run_prints_the_same() {
    let example = repository("examples/several-routes");
    assert_eq!(simulate(&[&example]).stdout, simulate(&[&example]).stdout);
}

#[test]
fn a_hold_is_not_healthy() {
    let run = simulate(&[&repository("examples/quick-start"), "--hold"]);
    assert_eq!(run.status, 1);
    let result = run.result();
    assert_eq!((&result["result"], &result["stopped"]), (&"Paused".into(), &"Held".into()), "{result}");
    assert_eq!(run.weights("rollouts-demo", "rollouts-demo-canary"), [0, 20]);
}

#[test]
fn a_pipe_gets_a_table_without_colours() {
    let run = tidegate(&["simulate", &repository("examples/quick-start")]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert!(!run.stdout.contains('\u{1b}'));
    for told in ["Healthy", "RouteWritten", "rollouts-demo-canary", "0 → 20", "█", "░"] {
        assert!(run.stdout.contains(told), "{told}");
    }
    let widest =
        run.stdout.lines().skip_while(|line| !line.contains("TIME")).map(|line| line.chars().count()).max();
    assert!(widest.unwrap() <= 120, "{widest:?}");
}

#[test]
fn colours_can_be_asked_for() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["simulate", &repository("examples/quick-start")]);
    // `run` takes the variables away that could be set outside; this one is set after it would be.
    let forced = std::process::Command::new("env")
        .arg("CLICOLOR_FORCE=1")
        .arg(command.get_program())
        .args(command.get_args())
        .output()
        .unwrap();
    assert!(String::from_utf8(forced.stdout).unwrap().contains('\u{1b}'));
    assert!(!run(command).stdout.contains('\u{1b}'));
}

#[test]
fn several_rollouts_are_told_apart() {
    let files = Files::new();
    files.app("first", PLUGIN);
    files.app("the-second-one-with-a-long-name", PLUGIN);
    let run = tidegate(&["simulate", &files.directory()]);
    assert_eq!(run.status, 0, "{}", run.stdout);
    let rows =
        |name: &str| run.stdout.lines().filter(|line| line.contains(&format!("  default/{name} "))).count();
    assert!(rows("first") > 5 && rows("the-second-one-with-a-long-name") > 5, "{}", run.stdout);
}

#[test]
fn standard_input_is_a_file_too() {
    let files = Files::new();
    let path = files.app("web", PLUGIN);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["simulate", "-", "--output", "json"]).stdin(std::fs::File::open(path).unwrap());
    assert_eq!(run(command).result()["result"], "Healthy");
}

#[test]
fn help_and_version() {
    for arguments in [&["--help"][..], &["simulate", "--help"], &["simulate", "-h"]] {
        let run = tidegate(arguments);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(run.stdout.contains("Usage: tidegate"));
    }
    assert_eq!(tidegate(&["--version"]).stdout.trim(), concat!("tidegate ", env!("CARGO_PKG_VERSION")));
    assert_eq!(tidegate(&[]).status, 2);
}
