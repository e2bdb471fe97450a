//! What is wrong with a template, before it is used.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_model::validate::SpecError;

use crate::field::{Field, Problems, brief};
use crate::template::check_references;
use crate::{metric, rules};

/// Everything that is wrong with an AnalysisTemplate or a ClusterAnalysisTemplate, always in the same order. What depends on
/// arguments is checked when they are in place.
pub fn validate_template(template: &Value) -> Vec<SpecError> {
    let spec = Field::new("spec", template.get("spec"));
    let mut problems = Problems::default();
    if !spec.value.is_object() {
        problems.say(&spec, format!("must be an object with metrics, not {}", brief(spec.value)));
        return problems.0;
    }
    problems.only(&spec, &["args", "metrics", "dryRun", "measurementRetention", "templates"]);
    let (metrics, nested) = (spec.get("metrics"), spec.get("templates"));
    problems.list(&metrics, "metrics");
    check_references(&nested, &mut problems);
    if metrics.elements().next().is_none()
        && nested.elements().next().is_none()
        && metrics.value.as_str().is_none()
    {
        problems.say(&metrics, "must have at least one metric");
    }
    let mut names = BTreeSet::new();
    for one in metrics.elements() {
        metric::check(&one, &mut problems);
        let name = one.get("name");
        if name.text().is_some_and(|text| !names.insert(text.to_owned())) {
            problems.say(&name, "another metric has this name; rename one");
        }
    }
    arguments(&spec.get("args"), &mut problems);
    rules::check(&spec, &mut problems);
    problems.0
}

fn arguments(list: &Field<'_>, problems: &mut Problems) {
    problems.list(list, "arguments with a name");
    let mut names = BTreeSet::new();
    for argument in list.elements() {
        problems.only(&argument, &["name", "value", "valueFrom"]);
        let name = argument.get("name");
        let text = problems.needed_text(&name, "a name");
        if !text.is_empty() && !names.insert(text) {
            problems.say(&name, "another argument has this name; remove one");
        }
        let (value, from) = (argument.get("value"), argument.get("valueFrom"));
        problems.text(&value);
        if !from.is_given() {
            continue;
        }
        if value.is_given() {
            problems.say(&from, "must not be given beside value; remove one");
        }
        let secret = from.get("secretKeyRef");
        if secret.is_given() {
            problems.needed_text(&secret.get("name"), "the name of a Secret");
            problems.needed_text(&secret.get("key"), "a key of the Secret");
        } else if !from.get("fieldRef").is_given() {
            problems.say(&from, "must be secretKeyRef, or be given where the template is used");
        } else {
            let message = "is not served in a template: it does not know the Rollout; give it where the template is used";
            problems.say(&from.get("fieldRef"), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(spec: Value) -> Vec<String> {
        validate_template(&json!({"spec": spec})).into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn what_argo_documents_is_right() {
        for spec in [
            json!({"args": [{"name": "service-name"}], "metrics": [{"name": "success-rate", "interval": "5m",
                "successCondition": "result[0] >= 0.95", "failureLimit": 3,
                "provider": {"prometheus": {"address": "http://prometheus.example.com:9090",
                    "query": "sum(irate(x{y=~\"{{args.service-name}}\"}[5m]))"}}}]}),
            json!({"args": [{"name": "api-token", "valueFrom": {"secretKeyRef": {"name": "token-secret", "key": "apiToken"}}}],
                "metrics": [{"name": "webmetric", "successCondition": "result.ok && result.successPercent >= 0.90",
                    "provider": {"web": {"url": "http://my-server.com/api/v1/measurement?service={{ args.service-name }}",
                        "timeoutSeconds": 20, "headers": [{"key": "Authorization", "value": "Bearer {{ args.api-token }}"}],
                        "jsonPath": "{$.data}"}}}]}),
            json!({"metrics": [{"name": "test", "provider": {"job": {"metadata": {"labels": {"foo": "bar"}}, "spec": {
                "backoffLimit": 1, "template": {"spec": {"containers": [], "restartPolicy": "Never"}}}}}}]}),
            json!({"metrics": [{"name": "a", "count": "{{args.count}}", "interval": "{{args.interval}}", "failureLimit": "-1",
                "successCondition": "result > {{args.least}}", "consecutiveSuccessLimit": "3",
                "provider": {"web": {"url": "{{args.url}}", "jsonPath": "{{args.path}}"}}}],
                "dryRun": [{"metricName": ".*"}], "measurementRetention": [{"metricName": "a", "limit": 20}]}),
            json!({"templates": [{"templateName": "other", "clusterScope": true}]}),
        ] {
            assert_eq!(paths(spec.clone()), Vec::<String>::new(), "{spec}");
        }
    }

    #[test]
    fn what_is_wrong_has_a_path() {
        let web = json!({"web": {"url": "http://x"}});
        let metric = |fields: Value| {
            let mut metric = json!({"name": "m", "provider": web});
            metric.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            json!({"metrics": [metric]})
        };
        for (spec, path) in [
            (json!(null), "spec"),
            (json!({}), "spec.metrics"),
            (json!({"metrics": []}), "spec.metrics"),
            (json!({"metrics": [1]}), "spec.metrics[0]"),
            (json!({"metric": [], "templates": [{"templateName": "x"}]}), "spec.metric"),
            (json!({"templates": [{}]}), "spec.templates[0].templateName"),
            (metric(json!({"name": ""})), "spec.metrics[0].name"),
            (metric(json!({"provider": {}})), "spec.metrics[0].provider"),
            (
                metric(json!({"provider": {"web": {"url": "http://x"}, "job": {}}})),
                "spec.metrics[0].provider",
            ),
            (metric(json!({"provider": {"datadog": {}}})), "spec.metrics[0].provider.datadog"),
            (metric(json!({"provider": {"promethues": {}}})), "spec.metrics[0].provider.promethues"),
            (metric(json!({"provider": {"job": {"spec": {}}}})), "spec.metrics[0].provider.job.spec"),
            (metric(json!({"interval": "5 minutes"})), "spec.metrics[0].interval"),
            (metric(json!({"interval": "100ms"})), "spec.metrics[0].interval"),
            (metric(json!({"count": 2})), "spec.metrics[0].interval"),
            (metric(json!({"count": -1})), "spec.metrics[0].count"),
            (
                metric(json!({"count": 2, "interval": "1m", "failureLimit": 3})),
                "spec.metrics[0].failureLimit",
            ),
            (metric(json!({"failureLimit": -2})), "spec.metrics[0].failureLimit"),
            (metric(json!({"consecutiveErrorLimit": "many"})), "spec.metrics[0].consecutiveErrorLimit"),
            (metric(json!({"initialDelay": true})), "spec.metrics[0].initialDelay"),
            (metric(json!({"successCondition": "result >"})), "spec.metrics[0].successCondition"),
            (metric(json!({"failureCondition": 5})), "spec.metrics[0].failureCondition"),
            (metric(json!({"sucessCondition": "true"})), "spec.metrics[0].sucessCondition"),
        ] {
            assert_eq!(paths(spec.clone()), [path], "{spec}");
        }
        let mut several = metric(json!({}));
        several["args"] = json!([{"name": "a"}, {"name": "a"}, {}, {"name": "b", "value": "1", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}},
            {"name": "c", "valueFrom": {}}, {"name": "d", "value": 1}]);
        several["dryRun"] = json!([{"metricName": "("}, {}]);
        several["measurementRetention"] = json!([{"metricName": "m"}]);
        assert_eq!(
            paths(several),
            [
                "spec.args[1].name",
                "spec.args[2].name",
                "spec.args[3].valueFrom",
                "spec.args[4].valueFrom",
                "spec.args[5].value",
                "spec.dryRun[0].metricName",
                "spec.dryRun[1].metricName",
                "spec.measurementRetention[0].limit",
            ]
        );
    }
}
