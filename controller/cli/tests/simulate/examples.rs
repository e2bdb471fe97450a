//! The examples do what they say.

use std::collections::BTreeSet;

use crate::command::{Run, repository, simulate};

fn example(name: &str, more: &[&str]) -> Run {
    let path = repository(&format!("examples/{name}"));
    simulate(&[&[path.as_str()], more].concat())
}

fn expect_healthy(run: &Run) {
    assert_eq!((run.status, run.result()["result"].as_str()), (0, Some("Healthy")), "{}", run.stdout);
}

#[test]
fn there_are_no_others() {
    let directories: BTreeSet<String> = std::fs::read_dir(repository("examples"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let tested = ["failing-canary", "next-version", "quick-start", "several-routes"];
    assert_eq!(directories.iter().map(String::as_str).collect::<Vec<_>>(), tested);
}

#[test]
fn quick_start() {
    let run = example("quick-start", &["--image", "rollouts-demo=argoproj/rollouts-demo:yellow"]);
    expect_healthy(&run);
    assert_eq!(run.weights("rollouts-demo", "rollouts-demo-canary"), [0, 20, 50, 80, 100, 0]);
    assert_eq!(run.weights("rollouts-demo", "legacy"), [1], "another team's backend");
}

#[test]
fn several_routes() {
    let run = example("several-routes", &[]);
    expect_healthy(&run);
    for route in ["orders-public", "orders-partners"] {
        assert_eq!(run.weights(route, "orders-canary"), [0, 5, 100, 500, 1000, 0], "{route}");
    }
    assert_eq!(run.weights("orders-internal", "orders"), [1], "it lacks the label");
}

#[test]
fn failing_canary() {
    let image = ["--image", "checkout=registry.example.com/checkout:1.9.0-broken"];
    let run = example("failing-canary", &[&image[..], &["--pods-never-ready", "*-broken"]].concat());
    assert_eq!((run.status, run.result()["result"].as_str()), (1, Some("Degraded")), "{}", run.stdout);
    assert_eq!(run.weights("checkout", "checkout-canary"), [0], "traffic never left stable");
    assert_eq!(run.condition("shop/checkout", "Progressing")["reason"], "ProgressDeadlineExceeded");
    // With pods that do become ready, the same goes well.
    expect_healthy(&example("failing-canary", &image));
}

#[test]
fn next_version() {
    let run = example("next-version", &[]);
    expect_healthy(&run);
    assert_eq!(run.weights("search", "search-canary"), [0, 5, 25, 75, 100, 0]);
    assert!(run.result()["t"].as_f64().unwrap() > 2.5 * 3600.0);
}
