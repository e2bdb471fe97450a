//! What is found where.

use serde_json::{Value, json};
use tidegate_lint::{Scope, Severity, Text, lint};

use crate::support::{brief, lint_all, plugins, rollout, route, service, text, with};

const CANARY: &str = "/spec/strategy/canary";

fn all(rollout: Value) -> Vec<Value> {
    vec![service("stable"), service("canary"), route(), rollout]
}

fn found(rollout: Value) -> Vec<String> {
    brief(&lint_all(&all(rollout)))
}

#[test]
fn nothing_is_wrong_with_what_is_right() {
    assert_eq!(lint_all(&all(rollout())), []);
}

#[test]
fn all_is_told_and_not_only_the_first() {
    let wrong = with(rollout(), "/spec/replicas", json!(-1));
    let wrong = with(wrong, &format!("{CANARY}/steps/0"), json!({"setWeight": 200}));
    let wrong = with(wrong, &format!("{CANARY}/steps/-"), json!({"setWieght": 10}));
    let wrong = with(wrong, &format!("{CANARY}/canaryService"), json!("nowhere"));
    let wrong = with(wrong, &format!("{CANARY}/maxSruge"), json!(1));
    let wrong = with(wrong, &format!("{CANARY}/trafficRouting/plugins"), json!({"a/b": {}}));
    assert_eq!(
        found(wrong),
        [
            "Error InvalidSpec spec.replicas",
            "Error InvalidSpec spec.strategy.canary.steps[0].setWeight",
            "Error InvalidSpec spec.strategy.canary.steps[2].setWieght",
            "Error InvalidSpec spec.strategy.canary.canaryService",
            r#"Error UnknownPlugin spec.strategy.canary.trafficRouting.plugins["a/b"]"#,
            "Error UnknownField spec.strategy.canary.maxSruge",
        ]
    );
}

#[test]
fn findings_say_where_they_are() {
    let yaml = "\
# the Service is elsewhere
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec:
  replicas: 1
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: []
      restartPolcy: Always
  strategy:
    canary:
      steps:
        - setWeight: 5
        - setWeight: many
---
apiVersion: v1
kind: Service
";
    let texts = [Text { name: "a.yaml".to_owned(), content: yaml.to_owned() }];
    let findings = lint(&texts, &plugins(), Scope::Whole);
    let places: Vec<_> = findings.iter().map(|one| (one.reason.as_str(), one.document, one.line)).collect();
    assert_eq!(
        places,
        [
            ("DuplicateKey", 1, Some(8)),
            ("InvalidSpec", 1, Some(19)),
            ("UnknownField", 1, Some(14)),
            ("NotAManifest", 2, Some(21)),
        ]
    );
    let unknown = &findings[2];
    assert_eq!((unknown.object.as_str(), unknown.file.as_str()), ("Rollout shop/web", "a.yaml"));
    assert!(unknown.message.contains("restartPolicy"), "{unknown:?}");
}

#[test]
fn items_of_lists_are_found_too() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": all(with(rollout(), "/spec/pausd", json!(true)))});
    let findings = lint_all(&[list]);
    assert_eq!(brief(&findings), ["Error UnknownField spec.pausd"]);
    let content = text(&[json!({"apiVersion": "v1", "kind": "List", "items": all(with(rollout(), "/spec/pausd", json!(true)))})]).content;
    let line = content.lines().position(|line| line.contains("pausd")).unwrap() + 1;
    assert_eq!(findings[0].line, Some(line));
}

#[test]
fn a_router_says_what_is_wrong_with_its_configuration_and_with_the_routes() {
    let config = |config: Value| {
        let routing = json!({"plugins": {"argoproj-labs/gatewayAPI": config}});
        found(with(rollout(), &format!("{CANARY}/trafficRouting"), routing))
    };
    let at = r#"spec.strategy.canary.trafficRouting.plugins["argoproj-labs/gatewayAPI"]"#;
    assert_eq!(config(json!({"httpRoute": "nowhere"})), [format!("Error MissingObject {at}")]);
    assert_eq!(config(json!({"httpRoute": 7})), [format!("Error InvalidConfig {at}")]);
    // Another's route: neither Service is in it.
    let mut other = route();
    other["spec"]["rules"][0]["backendRefs"] = json!([{"name": "other", "port": 80}]);
    let findings = lint_all(&[service("stable"), service("canary"), other, rollout()]);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].severity, findings[0].path.as_str()), (Severity::Error, at));
}

#[test]
fn a_step_that_a_router_cannot_do_is_an_invalid_spec() {
    let steps = json!([{"setHeaderRoute": {"name": "beta", "match": [{"headerName": "a", "headerValue": {"exact": "b"}}]}}]);
    let wanted = with(rollout(), &format!("{CANARY}/steps"), steps);
    let wanted = with(wanted, &format!("{CANARY}/trafficRouting/managedRoutes"), json!([{"name": "beta"}]));
    let wanted = with(
        wanted,
        &format!("{CANARY}/trafficRouting/plugins/argoproj-labs~1gatewayAPI"),
        json!({"httpRoutes": [{"name": "web", "useHeaderRoutes": false}]}),
    );
    let findings = lint_all(&all(wanted));
    assert_eq!(brief(&findings), ["Error UnsupportedStep spec.strategy.canary.steps[0].setHeaderRoute"]);
    assert_eq!(findings[0].condition, Some("InvalidSpec"));
}

#[test]
fn what_may_be_in_the_cluster_is_a_warning_in_a_part() {
    let findings = lint(&[text(&[rollout()])], &plugins(), Scope::Part);
    assert!(findings.iter().all(|one| one.severity == Severity::Warning), "{findings:?}");
    let at = r#"spec.strategy.canary.trafficRouting.plugins["argoproj-labs/gatewayAPI"]"#;
    assert_eq!(
        brief(&findings),
        [
            "Warning InvalidSpec spec.strategy.canary.canaryService".to_owned(),
            "Warning InvalidSpec spec.strategy.canary.stableService".to_owned(),
        ]
    );
    let with_services = [service("stable"), service("canary"), rollout()];
    let findings = lint(&[text(&with_services)], &plugins(), Scope::Part);
    assert_eq!(brief(&findings), [format!("Warning MissingObject {at}")]);
    let whole = lint(&[text(&[rollout()])], &plugins(), Scope::Whole);
    assert!(whole.iter().all(|one| one.severity == Severity::Error), "{whole:?}");
}

#[test]
fn what_the_api_server_refuses_is_told() {
    let mut wrong = route();
    wrong["spec"]["rules"][0]["backendRefs"][0]["weight"] = json!("heavy");
    let findings = lint_all(&[service("stable"), service("canary"), wrong, rollout()]);
    let refused = findings.iter().find(|one| one.reason == "Refused").unwrap();
    assert_eq!((refused.document, refused.severity), (3, Severity::Error));
}

#[test]
fn what_is_not_checked_is_said() {
    let of = |api_version: &str, kind: &str| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}});
    let mut objects = all(rollout());
    objects.extend([of("argoproj.io/v1alpha1", "Experiment"), of("v1", "ConfigMap"), of("v1", "Namespace")]);
    let findings = lint_all(&objects);
    assert!(findings.iter().all(|one| one.severity == Severity::Note), "{findings:?}");
    let documents: Vec<usize> = findings.iter().map(|one| one.document).collect();
    assert_eq!(documents, [5, 6]);
}

#[test]
fn a_controller_of_another_instance_finds_the_same() {
    let label = json!({"argo-rollouts.argoproj.io/controller-instance-id": "other"});
    let mut labelled = with(rollout(), "/metadata/labels", label);
    labelled["spec"]["strategy"]["canary"]["trafficRouting"]["plugins"]["argoproj-labs/gatewayAPI"] =
        json!({"httpRoute": "x"});
    assert_eq!(found(labelled).len(), 1);
}

#[test]
fn each_version_is_looked_at() {
    let later = with(
        rollout(),
        &format!("{CANARY}/trafficRouting/plugins/argoproj-labs~1gatewayAPI"),
        json!({"httpRoute": "x"}),
    );
    let mut objects = all(rollout());
    objects.push(later);
    let findings = lint_all(&objects);
    assert_eq!(findings.iter().map(|one| one.document).collect::<Vec<_>>(), [5], "{findings:?}");
}
