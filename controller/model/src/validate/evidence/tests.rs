use serde_json::{Value, json};

use super::super::tests::{paths, rollout, routed, with};

fn steps(step: &Value) -> Vec<String> {
    paths(&routed(&json!([{"setWeight": 1}, step])))
}

const NONE: [&str; 0] = [];

#[test]
fn analyses_as_argo_documents_them_are_valid() {
    let args = json!([
        {"name": "service", "value": "web.shop.svc"}, {"name": "empty"},
        {"name": "stable", "valueFrom": {"podTemplateHashValue": "Stable"}},
        {"name": "latest", "valueFrom": {"podTemplateHashValue": "Latest"}},
        {"name": "region", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['region']"}}},
    ]);
    let analysis = json!({
        "templates": [{"templateName": "success-rate"}, {"templateName": "latency", "clusterScope": true}],
        "args": args, "dryRun": [{"metricName": "test.*"}],
        "measurementRetention": [{"metricName": "test.*", "limit": 20}],
        "analysisRunMetadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
    });
    assert_eq!(steps(&json!({"analysis": analysis})), NONE);
    let mut background = analysis;
    background["startingStep"] = json!(2);
    assert_eq!(paths(&with(routed(&json!([])), "/spec/strategy/canary/analysis", background)), NONE);
    let experiment = json!({
        "duration": "1h", "scaleDownDelaySeconds": 60, "dryRun": [{"metricName": ".*"}], "analysisRunMetadata": {"labels": {"a": "b"}},
        "templates": [
            {"name": "baseline", "specRef": "stable", "weight": 5, "replicas": 2, "service": {"name": "svc"}},
            {"name": "canary", "specRef": "canary", "metadata": {"labels": {"a": "b"}}, "selector": {"matchLabels": {"a": "b"}}, "service": {}},
        ],
        "analyses": [{"name": "compare", "templateName": "t", "clusterScope": true, "requiredForCompletion": true, "args": args}],
    });
    assert_eq!(steps(&json!({"experiment": experiment})), NONE);
    assert_eq!(
        steps(&json!({"experiment": {"duration": "", "templates": [{"name": "a", "specRef": "canary"}]}})),
        NONE
    );
}

#[test]
fn each_wrong_field_of_an_analysis_is_named() {
    let with_field = |field: &str, value: Value| {
        let mut analysis = json!({"templates": [{"templateName": "t"}]});
        analysis[field] = value;
        analysis
    };
    for (analysis, path) in [
        (json!([]), ""),
        (json!({}), ".templates"),
        (json!({"templates": []}), ".templates"),
        (json!({"templates": "t"}), ".templates"),
        (json!({"templates": ["t"]}), ".templates[0]"),
        (json!({"templates": [{}]}), ".templates[0].templateName"),
        (json!({"templates": [{"templateName": "t", "clusterscope": true}]}), ".templates[0].clusterscope"),
        (json!({"templates": [{"templateName": "t", "clusterScope": "yes"}]}), ".templates[0].clusterScope"),
        (with_field("templateName", json!("t")), ".templateName"),
        (with_field("args", json!({"a": "b"})), ".args"),
        (with_field("args", json!(["a"])), ".args[0]"),
        (with_field("args", json!([{"value": "a"}])), ".args[0].name"),
        (with_field("args", json!([{"name": "a"}, {"name": "a"}])), ".args[1].name"),
        (with_field("args", json!([{"name": "a", "value": 5}])), ".args[0].value"),
        (with_field("args", json!([{"name": "a", "valueFrom": {}}])), ".args[0].valueFrom"),
        (with_field("args", json!([{"name": "a", "valueFrom": "b"}])), ".args[0].valueFrom"),
        (
            with_field("args", json!([{"name": "a", "valueFrom": {"podTemplateHashValue": "Newest"}}])),
            ".args[0].valueFrom.podTemplateHashValue",
        ),
        (
            with_field("args", json!([{"name": "a", "valueFrom": {"fieldRef": {}}}])),
            ".args[0].valueFrom.fieldRef.fieldPath",
        ),
        (with_field("dryRun", json!([{}])), ".dryRun[0].metricName"),
        (with_field("measurementRetention", json!([{"metricName": "a"}])), ".measurementRetention[0].limit"),
        (
            with_field("measurementRetention", json!([{"metricName": "a", "limit": 0}])),
            ".measurementRetention[0].limit",
        ),
        (with_field("analysisRunMetadata", json!({"name": "a"})), ".analysisRunMetadata.name"),
    ] {
        assert_eq!(
            steps(&json!({"analysis": analysis})),
            [format!("spec.strategy.canary.steps[1].analysis{path}")],
            "{analysis}"
        );
        let background = with(routed(&json!([])), "/spec/strategy/canary/analysis", analysis.clone());
        assert_eq!(paths(&background), [format!("spec.strategy.canary.analysis{path}")], "{analysis}");
    }
    let step = with_field("startingStep", json!(1));
    assert_eq!(steps(&json!({"analysis": step})), ["spec.strategy.canary.steps[1].analysis.startingStep"]);
    let background =
        with(routed(&json!([])), "/spec/strategy/canary/analysis", with_field("startingStep", json!(-1)));
    assert_eq!(paths(&background), ["spec.strategy.canary.analysis.startingStep"]);
}

#[test]
fn each_wrong_field_of_an_experiment_is_named() {
    let template = |field: &str, value: Value| {
        let mut template = json!({"name": "a", "specRef": "canary"});
        template[field] = value;
        json!({"templates": [template]})
    };
    let with_field = |field: &str, value: Value| {
        let mut experiment = json!({"templates": [{"name": "a", "specRef": "canary"}]});
        experiment[field] = value;
        experiment
    };
    for (experiment, path) in [
        (json!("a"), ""),
        (json!({}), ".templates"),
        (json!({"templates": []}), ".templates"),
        (json!({"templates": {}}), ".templates"),
        (json!({"templates": [null]}), ".templates[0]"),
        (template("name", json!("")), ".templates[0].name"),
        (template("specRef", json!("latest")), ".templates[0].specRef"),
        (template("specRef", json!(null)), ".templates[0].specRef"),
        (template("replicas", json!(-1)), ".templates[0].replicas"),
        (template("weight", json!(101)), ".templates[0].weight"),
        (template("weight", json!("5")), ".templates[0].weight"),
        (template("wieght", json!(5)), ".templates[0].wieght"),
        (template("service", json!({"name": 1})), ".templates[0].service.name"),
        (template("selector", json!([])), ".templates[0].selector"),
        (template("metadata", json!({"labels": {"a": 1}})), ".templates[0].metadata.labels[\"a\"]"),
        (with_field("duration", json!("soon")), ".duration"),
        (with_field("duration", json!(30)), ".duration"),
        (with_field("scaleDownDelaySeconds", json!(-1)), ".scaleDownDelaySeconds"),
        (with_field("analyses", json!([{"templateName": "t"}])), ".analyses[0].name"),
        (with_field("analyses", json!([{"name": "t"}])), ".analyses[0].templateName"),
        (
            with_field(
                "analyses",
                json!([{"name": "t", "templateName": "t"}, {"name": "t", "templateName": "t"}]),
            ),
            ".analyses[1].name",
        ),
        (
            with_field("analyses", json!([{"name": "t", "templateName": "t", "args": [{}]}])),
            ".analyses[0].args[0].name",
        ),
        (with_field("measurementRetention", json!([])), ".measurementRetention"),
    ] {
        assert_eq!(
            steps(&json!({"experiment": experiment})),
            [format!("spec.strategy.canary.steps[1].experiment{path}")],
            "{experiment}"
        );
    }
    let unrouted = rollout(&json!({"steps": [{"experiment": template("weight", json!(5))}]}));
    assert_eq!(paths(&unrouted), ["spec.strategy.canary.steps[0].experiment.templates[0].weight"]);
}

#[test]
fn how_many_runs_are_kept_is_a_number() {
    for (history, path) in [
        (json!([]), ""),
        (json!({"successfulRunHistoryLimit": -1}), ".successfulRunHistoryLimit"),
        (json!({"unsuccessfulRunHistoryLimit": "all"}), ".unsuccessfulRunHistoryLimit"),
    ] {
        let found = paths(&with(routed(&json!([])), "/spec/analysis", history.clone()));
        assert_eq!(found, [format!("spec.analysis{path}")], "{history}");
    }
}
