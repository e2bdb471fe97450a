//! The examples do what they say.

use std::collections::BTreeSet;

use crate::command::{Files, Run, repository, simulate};

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
    let tested = [
        "analysis",
        "experiment",
        "failing-canary",
        "grpc",
        "header-routes",
        "istio",
        "istio-subsets",
        "next-version",
        "nginx",
        "quick-start",
        "routers", // plugins, which have tests of their own
        "several-routes",
    ];
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
fn analysis() {
    let played = |metrics: &str| {
        let metrics = repository(&format!("examples/analysis/metrics/{metrics}.yaml"));
        let image = "checkout=registry.example.com/checkout:1.9.0";
        example("analysis", &["--image", image, "--metrics", &metrics])
    };
    let good = played("good");
    expect_healthy(&good);
    assert_eq!(good.weights("checkout", "checkout-canary"), [0, 10, 50, 100, 0]);
    let failing = played("failing");
    assert_eq!(
        (failing.status, failing.result()["result"].as_str()),
        (1, Some("Degraded")),
        "{}",
        failing.stdout
    );
    assert_eq!(failing.weights("checkout", "checkout-canary"), [0, 10, 50, 0], "{}", failing.stdout);
}

#[test]
fn experiment() {
    let image = "search=registry.example.com/search:4.1.0";
    let good = example("experiment", &["--image", image]);
    expect_healthy(&good);
    assert_eq!(good.weights("search", "search-canary"), [0, 10, 50, 100, 0]);
    let metrics = repository("examples/experiment/metrics/worse.yaml");
    let worse = example("experiment", &["--image", image, "--metrics", &metrics]);
    assert_eq!((worse.status, worse.result()["result"].as_str()), (1, Some("Degraded")), "{}", worse.stdout);
    assert_eq!(worse.weights("search", "search-canary"), [0, 10, 0], "{}", worse.stdout);
    for run in [good, worse] {
        let lines = run.lines();
        let experiments = lines.iter().filter_map(|line| line["experiments"].as_array()).flatten();
        let templates = experiments.filter_map(|one| one["templates"].as_array()).flatten();
        let weights: BTreeSet<u64> = templates.filter_map(|one| one["weight"].as_u64()).collect();
        assert_eq!(weights, BTreeSet::from([0, 5]), "{}", run.stdout);
    }
}

#[test]
fn header_routes() {
    let run = example("header-routes", &[]);
    expect_healthy(&run);
    // For employees and for copies the canary is all there is; for others the weights count.
    let lines = run.lines();
    let rules = |step: u64| -> Vec<Vec<(String, u64)>> {
        let line = lines.iter().rfind(|line| line["step"] == step && line["phase"] == "Paused").unwrap();
        let backends = line["routes"][0]["backends"].as_array().unwrap();
        let named = |one: &serde_json::Value| {
            (one["name"].as_str().unwrap().to_owned(), one["weight"].as_u64().unwrap())
        };
        let all: Vec<(String, u64)> = backends.iter().map(named).collect();
        let is_canary = |one: &(String, u64)| one.0 == "catalog-canary";
        all.split_inclusive(is_canary).map(<[_]>::to_vec).collect()
    };
    let to_canary = vec![("catalog-canary".to_owned(), 1)];
    let weights =
        |stable, canary| vec![("catalog-stable".to_owned(), stable), ("catalog-canary".to_owned(), canary)];
    assert_eq!(rules(2), [to_canary.clone(), weights(100, 0)]);
    assert_eq!(
        rules(4),
        [to_canary.clone(), weights(100, 0), weights(100, 0)],
        "the mirror answers as the rule does"
    );
    assert_eq!(rules(8), [to_canary, weights(75, 25)]);
    assert_eq!(rules(11), [weights(25, 75)]);
    let last = run.weights("catalog", "catalog-canary");
    assert_eq!(last.last(), Some(&0), "and in the end none to the canary role");

    // A configuration without header routes is told before anything moves.
    let files = Files::new();
    let read =
        |name: &str| std::fs::read_to_string(repository(&format!("examples/header-routes/{name}"))).unwrap();
    let rollout = files.write(
        "rollout.yaml",
        read("rollout.yaml").replace("useHeaderRoutes: true", "useHeaderRoutes: false"),
    );
    let network = files.write("network.yaml", read("network.yaml"));
    let run = simulate(&[&rollout, &network]);
    assert_eq!((run.status, run.result()["result"].as_str()), (1, Some("Degraded")), "{}", run.stdout);
    let invalid = run.condition("shop/catalog", "InvalidSpec");
    assert_eq!(invalid["reason"], "UnsupportedStep");
    assert!(invalid["message"].as_str().unwrap().contains("steps[1].setHeaderRoute"), "{invalid}");
    assert_eq!(run.weights("catalog", "catalog-canary"), [0]);
}

#[test]
fn istio() {
    let run = example("istio", &[]);
    expect_healthy(&run);
    let lines = run.lines();
    let backends = |step: u64| {
        let line = lines.iter().rfind(|line| line["step"] == step && line["phase"] == "Paused").unwrap();
        let route = line["routes"].as_array().unwrap().iter().find(|route| route["kind"] == "VirtualService");
        let backends = route.unwrap()["backends"].as_array().unwrap().iter();
        backends
            .map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["weight"]))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(backends(2), "orders-canary 100, reports 100, orders 100, orders-canary 0", "testers only");
    assert_eq!(backends(6), "reports 100, orders 75, orders-canary 25");
    assert_eq!(backends(8), "reports 100, orders 40, orders-canary 60");
}

#[test]
fn istio_subsets() {
    let run = example("istio-subsets", &[]);
    expect_healthy(&run);
    assert_eq!(run.weights("search", "search/canary"), [0, 20, 50, 100, 0]);
}

#[test]
fn nginx() {
    let run = example("nginx", &[]);
    expect_healthy(&run);
    assert_eq!(run.weights("web-public-canary", "web-canary"), [0, 5, 300, 1000, 0]);
    assert_eq!(run.weights("public", "assets"), [100], "the user's own");
    let made: Vec<_> = run.lines().into_iter().filter(|line| line["event"] == "RouteCreated").collect();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["object"]["metadata"]["name"], "web-public-canary");
}

#[test]
fn next_version() {
    let run = example("next-version", &[]);
    expect_healthy(&run);
    assert_eq!(run.weights("search", "search-canary"), [0, 5, 25, 75, 100, 0]);
    assert!(run.result()["t"].as_f64().unwrap() > 2.5 * 3600.0);
}

#[test]
fn grpc() {
    let run = example("grpc", &["--image", "ledger=registry.example.com/ledger:7.2.0"]);
    expect_healthy(&run);
    for route in ["ledger", "ledger-tls"] {
        assert_eq!(run.weights(route, "ledger-canary"), [0, 25, 75, 100, 0], "{route}");
    }
}
