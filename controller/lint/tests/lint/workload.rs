//! Rollouts that take their template from elsewhere.

use serde_json::json;
use tidegate_lint::{Scope, Severity, lint};

use crate::support::{brief, lint_all, plugins, rollout, route, service, text};

#[test]
fn the_workload_is_looked_for_among_the_files() {
    let mut referring = rollout();
    let spec = referring["spec"].as_object_mut().unwrap();
    let (template, selector) =
        (spec.shift_remove("template").unwrap(), spec.shift_remove("selector").unwrap());
    spec.insert(
        "workloadRef".to_owned(),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}),
    );
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 0, "selector": selector, "template": template}});
    let surroundings = [service("stable"), service("canary"), route()];
    let with = |more: &[serde_json::Value]| [&surroundings[..], more].concat();
    assert_eq!(lint_all(&with(&[referring.clone(), deployment])), []);
    let missing = lint_all(&with(std::slice::from_ref(&referring)));
    assert_eq!(brief(&missing), ["Error InvalidSpec"]);
    let elsewhere = lint(&[text(&with(&[referring]))], &plugins(), Scope::Part);
    assert!(elsewhere.iter().all(|one| one.severity == Severity::Warning), "{elsewhere:?}");
}
