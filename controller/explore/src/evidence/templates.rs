//! Templates of analyses, each with its own way to come to a verdict.

use serde_json::{Value, json};

use crate::scenario::NAMESPACE;

/// The image of pods that a Job measures with.
pub(super) const PROBE: &str = "probe:0";

/// A template by its place in the list that [`all`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) name: &'static str,
    /// Whether it is a ClusterAnalysisTemplate.
    pub(super) is_of_cluster: bool,
    /// Whether its measurements never end by themselves.
    pub(super) is_endless: bool,
    /// The argument that it needs.
    pub(super) argument: Option<&'static str>,
}

/// All templates.
pub(super) const ALL: [Template; 6] = [
    Template { name: "latency", is_of_cluster: false, is_endless: false, argument: Some("hash") },
    Template { name: "errors", is_of_cluster: false, is_endless: false, argument: None },
    Template { name: "steady", is_of_cluster: false, is_endless: false, argument: None },
    Template { name: "watchful", is_of_cluster: false, is_endless: true, argument: Some("hash") },
    Template { name: "probe", is_of_cluster: false, is_endless: false, argument: None },
    Template { name: "everywhere", is_of_cluster: true, is_endless: false, argument: None },
];

/// All of them in words of Kubernetes, and a Secret.
pub(super) fn all(random: &mut fastrand::Rng) -> Vec<Value> {
    let mut objects: Vec<Value> = ALL.iter().map(|template| object(*template, random)).collect();
    objects.push(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "metrics", "namespace": NAMESPACE},
        "data": {"token": "c2VjcmV0"},
    }));
    objects
}

fn object(template: Template, random: &mut fastrand::Rng) -> Value {
    let mut spec = json!({"metrics": [metric(template.name, random)]});
    let mut args: Vec<Value> = template.argument.iter().map(|name| json!({"name": name})).collect();
    if template.name == "errors" {
        args.push(
            json!({"name": "token", "valueFrom": {"secretKeyRef": {"name": "metrics", "key": "token"}}}),
        );
    }
    if let Some(fields) = spec.as_object_mut().filter(|_| !args.is_empty()) {
        fields.insert("args".to_owned(), Value::from(args));
    }
    let mut metadata = json!({"name": template.name});
    if let Some(fields) = metadata.as_object_mut().filter(|_| !template.is_of_cluster) {
        fields.insert("namespace".to_owned(), Value::from(NAMESPACE));
    }
    let kind = if template.is_of_cluster { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" };
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
}

/// A metric that comes to a verdict in its own way.
pub(super) fn metric(name: &str, random: &mut fastrand::Rng) -> Value {
    let mut metric = match name {
        "errors" => json!({
            "provider": web("{{args.token}}"),
            "successCondition": "result > 0.9",
            "failureCondition": "result < 0.1",
        }),
        "steady" => json!({
            "provider": web("none"),
            "successCondition": "result >= 0.9 && !isNaN(result)",
            "consecutiveSuccessLimit": 2,
        }),
        "probe" => json!({"provider": job(random.u8(..2))}),
        "everywhere" => json!({
            "provider": {"prometheus": {"address": "http://prometheus.metrics", "query": "up"}},
            "successCondition": "result[0] >= 0.9",
        }),
        _ => json!({"provider": web("{{args.hash}}"), "successCondition": "result >= 0.9"}),
    };
    let Some(fields) = metric.as_object_mut() else { return metric };
    fields.insert("name".to_owned(), Value::from(name));
    let count = random.u8(1..=4).max(if name == "steady" { 3 } else { 1 });
    if name != "watchful" && (count > 1 || random.bool()) {
        fields.insert("count".to_owned(), Value::from(count));
    }
    if name == "watchful" || count > 1 {
        let seconds = random.choice([1, 5, 20]).unwrap_or(5);
        fields.insert("interval".to_owned(), Value::from(format!("{seconds}s")));
    }
    let mut maybe = |field: &str, values: std::ops::RangeInclusive<u8>| {
        if random.u8(..3) == 0 {
            fields.insert(field.to_owned(), Value::from(random.u8(values)));
        }
    };
    // More than there are measurements would never be reached.
    let most = if name == "watchful" { 2 } else { count.min(2) };
    maybe("failureLimit", 0..=most);
    maybe("inconclusiveLimit", 0..=most.min(1));
    maybe("consecutiveErrorLimit", 0..=4);
    if random.u8(..4) == 0 {
        fields.insert("initialDelay".to_owned(), Value::from(format!("{}s", random.u8(1..=20))));
    }
    metric
}

/// Makes a metric one that a Job measures, and that ends.
pub(super) fn measure_by_job(metric: &mut Value) {
    let Some(fields) = metric.as_object_mut() else { return };
    fields.insert("provider".to_owned(), job(0));
    for condition in ["successCondition", "failureCondition"] {
        fields.shift_remove(condition);
    }
    if fields.contains_key("interval") {
        fields.entry("count").or_insert_with(|| Value::from(3));
    }
}

fn job(backoff_limit: u8) -> Value {
    json!({"job": {"spec": {
        "backoffLimit": backoff_limit,
        "template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "probe", "image": PROBE, "command": ["true"]}],
        }},
    }}})
}

fn web(token: &str) -> Value {
    json!({"web": {
        "url": "http://metrics.shop/value",
        "headers": [{"key": "Authorization", "value": format!("Bearer {token}")}],
        "jsonPath": "{$.value}",
    }})
}

/// What a template may become when somebody makes a mistake.
pub(super) fn mistake(random: &mut fastrand::Rng) -> Value {
    match random.u8(..8) {
        0 => json!({"metrics": [{"name": "bad", "provider": web("x"), "successCondition": "result >"}]}),
        1 => json!({"metrics": []}),
        2 => json!({"metrics": [{"name": "bad", "provider": {}}]}),
        3 => json!({"metrics": null}),
        4 => json!({"args": [{"name": "nowhere"}]}),
        5 => json!({"metrics": [{"name": "bad", "provider": web("{{args.unknown}}"), "count": "x"}]}),
        6 => json!({"metrics": [{"name": "bad", "provider": {"datadog": {}}}, null, 7]}),
        _ => {
            let name = random.choice(ALL).map_or("latency", |template| template.name);
            json!({"metrics": [metric(name, random)]})
        }
    }
}
