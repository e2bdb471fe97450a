//! Templates of analyses, and what refers to them.

use serde_json::{Value, json};
use tidegate_lint::{Scope, lint};

use crate::support::{brief, lint_all, plugins, rollout, route, service, text, with};

const CANARY: &str = "/spec/strategy/canary";

fn template(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": name}, "spec": spec})
}

fn metric(more: Value) -> Value {
    let mut metric =
        json!({"name": "m", "provider": {"web": {"url": "http://x/{{args.a}}", "jsonPath": "{$}"}}});
    metric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    metric
}

fn with_steps(steps: Value) -> Value {
    with(rollout(), &format!("{CANARY}/steps"), steps)
}

fn around(rollout: Value, templates: impl IntoIterator<Item = Value>) -> Vec<Value> {
    [service("stable"), service("canary"), route(), rollout].into_iter().chain(templates).collect()
}

#[test]
fn what_goes_together_is_right() {
    let spec = json!({"args": [{"name": "a"}], "metrics": [metric(json!({}))]});
    let args = json!([{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "status.stableRS"}}}]);
    let analysis = json!({"templates": [{"templateName": "t"}], "args": args});
    let experiment = json!({"templates": [{"name": "c", "specRef": "canary"}],
        "analyses": [{"name": "x", "templateName": "t", "args": [{"name": "a", "value": "{{templates.c.podTemplateHash}}"}]}]});
    let rollout = with_steps(json!([{"setWeight": 50}, {"analysis": analysis}, {"experiment": experiment}]));
    let rollout = with(rollout, &format!("{CANARY}/analysis"), analysis.clone());
    assert_eq!(brief(&lint_all(&around(rollout, [template("t", spec)]))), Vec::<String>::new());
}

#[test]
fn what_would_be_found_in_the_middle_of_an_update_is_found_before() {
    let at = "spec.strategy.canary.steps[1].analysis";
    let good = || json!({"args": [{"name": "a"}], "metrics": [metric(json!({}))]});
    let endless = json!({"args": [{"name": "a"}], "metrics": [metric(json!({"interval": "1m"}))]});
    let label = json!([{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['none']"}}}]);
    for (templates, args, expected) in [
        (vec![], json!([]), format!("Error TemplateNotFound {at}.templates")),
        (vec![template("t", good())], json!([]), format!("Error UnresolvedArgument {at}.args")),
        (
            vec![template("t", good())],
            label,
            format!("Error UnresolvedArgument {at}.args[0].valueFrom.fieldRef.fieldPath"),
        ),
        (vec![template("t", endless)], json!([{"name": "a"}]), format!("Error EndlessStep {at}.templates")),
    ] {
        let analysis = json!({"templates": [{"templateName": "t"}], "args": args});
        let objects = around(with_steps(json!([{"setWeight": 50}, {"analysis": analysis}])), templates);
        assert_eq!(brief(&lint_all(&objects)), [expected]);
    }
    let analysis = json!({"templates": [{"templateName": "t"}]});
    let objects = around(with_steps(json!([{"setWeight": 50}, {"analysis": analysis}])), []);
    let part = lint(&[text(&objects)], &plugins(), Scope::Part);
    assert_eq!(brief(&part), [format!("Warning TemplateNotFound {at}.templates")]);
}

#[test]
fn a_template_is_checked_also_when_nothing_refers_to_it() {
    let odd = template(
        "t",
        json!({"metrics": [metric(json!({"successCondition": "result >", "intervall": "1m"}))]}),
    );
    let mut cluster = odd.clone();
    cluster["kind"] = json!("ClusterAnalysisTemplate");
    for template in [odd, cluster] {
        let findings = lint_all(&around(rollout(), [template]));
        let mut found = brief(&findings);
        found.sort();
        assert_eq!(
            found,
            [
                "Error InvalidTemplate spec.metrics[0].intervall",
                "Error InvalidTemplate spec.metrics[0].successCondition"
            ]
        );
    }
}
