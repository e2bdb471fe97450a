//! Several templates made into the spec of one run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::field::{Field, Problems};
use crate::metric::Metric;
use crate::rules;

/// The most templates of one run, nested ones included.
const MOST_TEMPLATES: usize = 100;

/// A template that is referred to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Whether it is a ClusterAnalysisTemplate; else it is an AnalysisTemplate in the namespace.
    pub cluster: bool,
    /// Its name.
    pub name: String,
}

impl Reference {
    /// Reads a list of `{templateName, clusterScope}`; what has no name is left out.
    pub fn read_all(list: &Value) -> Vec<Self> {
        let entries = list.as_array().into_iter().flatten();
        let read = entries.filter_map(|entry| {
            let name = entry.get("templateName")?.as_str().filter(|name| !name.is_empty())?;
            let cluster = entry.get("clusterScope").and_then(Value::as_bool).unwrap_or_default();
            Some(Self { cluster, name: name.to_owned() })
        });
        read.collect()
    }

    /// As people say it.
    pub fn describe(&self) -> String {
        let kind = if self.cluster { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" };
        format!("{kind} \"{}\"", self.name)
    }
}

/// The templates that there are.
pub type Templates = BTreeMap<Reference, Arc<Value>>;

/// The spec of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// `spec` of the AnalysisRun.
    pub spec: Value,
    /// Metrics that would be measured without end, and may therefore only run in the background.
    pub endless: Vec<String>,
    /// Arguments without a value. Metrics that use them will be in error.
    pub unresolved: Vec<String>,
}

/// Why templates cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Nothing is referred to.
    #[error("no templates are given; name at least one")]
    NoTemplates,
    /// One does not exist.
    #[error("{} does not exist; create it, or correct the name", .0.describe())]
    Missing(Reference),
    /// Too many.
    #[error("more than {MOST_TEMPLATES} templates are referred to; use fewer")]
    TooMany,
    /// Two metrics of one name.
    #[error("two metrics have the same name '{0}'; rename one")]
    RepeatedMetric(String),
    /// No metrics in any.
    #[error("no metrics specified; the templates need at least one")]
    NoMetrics,
    /// An argument with several values.
    #[error(
        "Argument `{name}` specified multiple times with different values: '{first}', '{second}'; make them the same"
    )]
    Contradiction {
        /// Its name.
        name: String,
        /// A value.
        first: String,
        /// Another.
        second: String,
    },
    /// Two rules with the same pattern.
    #[error("{list} has two rules for '{metric}'; remove one")]
    RepeatedRule {
        /// `dryRun` or `measurementRetention`.
        list: &'static str,
        /// The pattern.
        metric: String,
    },
}

impl MergeError {
    /// Stable code.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoTemplates => "NoTemplates",
            Self::Missing(_) => "TemplateNotFound",
            Self::TooMany => "TooManyTemplates",
            Self::RepeatedMetric(_) => "RepeatedMetric",
            Self::NoMetrics => "NoMetrics",
            Self::Contradiction { .. } => "ContradictingArguments",
            Self::RepeatedRule { .. } => "RepeatedRule",
        }
    }
}

/// Makes the spec of a run: the metrics, arguments and rules of all templates, those of the namespace before those of the cluster,
/// each template once however often it is referred to.
///
/// `given` is what refers to the templates: its `args` (as [`crate::resolve_arguments`] returns them), `dryRun` and
/// `measurementRetention`. An argument that no template declares is left out.
///
/// # Errors
/// When a template is missing, or they contradict each other.
pub fn merge(references: &[Reference], templates: &Templates, given: &Value) -> Result<Merged, MergeError> {
    let found = collect(references, templates)?;
    let list = |field: &'static str| {
        let specs = found.iter().map(|template| template.get("spec").unwrap_or(&Value::Null));
        specs.flat_map(move |spec| elements(spec, field)).cloned()
    };
    let metrics: Vec<Value> = list("metrics").collect();
    if metrics.is_empty() {
        return Err(MergeError::NoMetrics);
    }
    let mut names = BTreeSet::new();
    for name in metrics.iter().map(|metric| text(metric, "name").unwrap_or_default()) {
        if !names.insert(name) {
            return Err(MergeError::RepeatedMetric(name.to_owned()));
        }
    }
    let mut spec = Map::new();
    let endless = endless(&metrics);
    spec.insert("metrics".to_owned(), Value::from(metrics));
    let arguments = arguments(list("args"), elements(given, "args"))?;
    let unresolved = unresolved(&arguments);
    if !arguments.is_empty() {
        spec.insert("args".to_owned(), Value::from(arguments));
    }
    for field in ["dryRun", "measurementRetention"] {
        let rules: Vec<Value> = elements(given, field).cloned().chain(list(field)).collect();
        if let Some(metric) = rules::repeated(&rules) {
            return Err(MergeError::RepeatedRule { list: field, metric });
        }
        if !rules.is_empty() {
            spec.insert(field.to_owned(), Value::from(rules));
        }
    }
    Ok(Merged { spec: Value::Object(spec), endless, unresolved })
}

/// All templates that are referred to, directly and by others, once each; a template that refers to itself is no trouble.
fn collect<'a>(references: &[Reference], templates: &'a Templates) -> Result<Vec<&'a Value>, MergeError> {
    let mut open: Vec<Reference> = references.iter().rev().cloned().collect();
    let mut seen = BTreeSet::new();
    let mut found: Vec<(bool, &Value)> = Vec::new();
    while let Some(reference) = open.pop() {
        if seen.contains(&reference) {
            continue;
        }
        if seen.len() >= MOST_TEMPLATES {
            return Err(MergeError::TooMany);
        }
        let Some(template) = templates.get(&reference) else {
            return Err(MergeError::Missing(reference));
        };
        let nested = template.pointer("/spec/templates").unwrap_or(&Value::Null);
        open.extend(Reference::read_all(nested).into_iter().rev());
        found.push((reference.cluster, template.as_ref()));
        seen.insert(reference);
    }
    if found.is_empty() {
        return Err(MergeError::NoTemplates);
    }
    found.sort_by_key(|(cluster, _)| *cluster);
    Ok(found.into_iter().map(|(_, template)| template).collect())
}

/// The declared arguments, with what is given for them.
fn arguments<'a>(
    declared: impl Iterator<Item = Value>,
    given: impl Iterator<Item = &'a Value>,
) -> Result<Vec<Value>, MergeError> {
    let mut merged: Vec<Value> = Vec::new();
    for argument in declared {
        let name = text(&argument, "name").unwrap_or_default().to_owned();
        match merged.iter_mut().find(|known| text(known, "name").unwrap_or_default() == name) {
            None => merged.push(argument),
            Some(known) => match (text(known, "value"), text(&argument, "value")) {
                (Some(first), Some(second)) if first != second => {
                    let (first, second) = (first.to_owned(), second.to_owned());
                    return Err(MergeError::Contradiction { name, first, second });
                }
                (None, _) if known.get("valueFrom").is_none_or(Value::is_null) => *known = argument,
                _ => {}
            },
        }
    }
    for argument in given {
        let name = text(argument, "name").unwrap_or_default();
        let Some(known) = merged.iter_mut().find(|known| text(known, "name").unwrap_or_default() == name)
        else {
            continue;
        };
        let is_given = |field: &str| argument.get(field).is_some_and(|value| !value.is_null());
        if is_given("value") || is_given("valueFrom") {
            *known = argument.clone();
        }
    }
    Ok(merged)
}

/// The names of those that nobody gives a value.
fn unresolved(arguments: &[Value]) -> Vec<String> {
    let lacks = |argument: &&Value| {
        ["value", "valueFrom"].iter().all(|field| argument.get(field).is_none_or(Value::is_null))
    };
    let names = arguments.iter().filter(lacks).filter_map(|argument| text(argument, "name"));
    names.map(str::to_owned).collect()
}

/// Metrics without end, as far as that can be said before their arguments are in place.
fn endless(metrics: &[Value]) -> Vec<String> {
    let read = metrics.iter().filter_map(|metric| Metric::read("metric", metric).ok());
    read.filter(|metric| !metric.is_finite()).map(|metric| metric.name).collect()
}

fn elements<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

/// What is wrong with the references to templates in a list.
pub(crate) fn check_references(list: &Field<'_>, problems: &mut Problems) {
    problems.list(list, "templates with a templateName");
    for reference in list.elements() {
        problems.only(&reference, &["templateName", "clusterScope"]);
        problems.needed_text(&reference.get("templateName"), "the name of a template");
        problems.flag(&reference.get("clusterScope"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reference(name: &str) -> Reference {
        let cluster = name.starts_with("c-");
        Reference { cluster, name: name.to_owned() }
    }

    fn templates(list: Value) -> Templates {
        list.as_object()
            .unwrap()
            .iter()
            .map(|(name, spec)| (reference(name), Arc::new(json!({"spec": spec}))))
            .collect()
    }

    fn merged(names: &[&str], list: Value, given: Value) -> Result<Value, MergeError> {
        let references: Vec<_> = names.iter().map(|name| reference(name)).collect();
        merge(&references, &templates(list), &given).map(|merged| merged.spec)
    }

    #[test]
    fn metrics_and_arguments_of_all_templates_come_together() {
        let list = json!({
            "a": {"metrics": [{"name": "m1"}], "args": [{"name": "x"}, {"name": "y", "value": "default"}],
                "dryRun": [{"metricName": "m1"}]},
            "b": {"metrics": [{"name": "m2"}], "args": [{"name": "x", "value": "b"}],
                "templates": [{"templateName": "a"}, {"templateName": "c-d", "clusterScope": true}]},
            "c-d": {"metrics": [{"name": "m3"}], "args": [{"name": "s", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}}],
                "measurementRetention": [{"metricName": ".*", "limit": 3}]},
        });
        let given = json!({"args": [{"name": "y", "value": "given"}, {"name": "unknown", "value": "1"}],
            "dryRun": [{"metricName": "m2"}]});
        assert_eq!(
            merged(&["c-d", "b", "a", "b"], list, given),
            Ok(json!({
                "metrics": [{"name": "m2"}, {"name": "m1"}, {"name": "m3"}],
                "args": [
                    {"name": "x", "value": "b"}, {"name": "y", "value": "given"},
                    {"name": "s", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}},
                ],
                "dryRun": [{"metricName": "m2"}, {"metricName": "m1"}],
                "measurementRetention": [{"metricName": ".*", "limit": 3}],
            }))
        );
    }

    #[test]
    fn what_is_given_replaces_what_the_template_says() {
        let list = json!({"a": {"metrics": [{"name": "m"}], "args": [
            {"name": "x", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}}, {"name": "y", "value": "v"}]}});
        let given = json!({"args": [{"name": "x", "value": "plain"}, {"name": "y", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}}]});
        let spec = merged(&["a"], list, given.clone()).unwrap();
        assert_eq!(spec["args"], given["args"]);
    }

    #[test]
    fn contradictions_have_reasons() {
        let metric = json!([{"name": "m"}]);
        for (names, list, given, reason) in [
            (vec![], json!({}), json!({}), "NoTemplates"),
            (vec!["a"], json!({}), json!({}), "TemplateNotFound"),
            (
                vec!["a"],
                json!({"a": {"metrics": metric, "templates": [{"templateName": "b"}]}}),
                json!({}),
                "TemplateNotFound",
            ),
            (vec!["a"], json!({"a": {}}), json!({}), "NoMetrics"),
            (vec!["a"], json!({"a": null}), json!(null), "NoMetrics"),
            (
                vec!["a"],
                json!({"a": {"metrics": [{"name": "m"}, {"name": "m"}]}}),
                json!({}),
                "RepeatedMetric",
            ),
            (
                vec!["a", "b"],
                json!({"a": {"metrics": metric}, "b": {"metrics": metric}}),
                json!({}),
                "RepeatedMetric",
            ),
            (
                vec!["a", "b"],
                json!({
                    "a": {"metrics": metric, "args": [{"name": "x", "value": "1"}]},
                    "b": {"args": [{"name": "x", "value": "2"}]},
                }),
                json!({}),
                "ContradictingArguments",
            ),
            (
                vec!["a"],
                json!({"a": {"metrics": metric, "dryRun": [{"metricName": "m"}]}}),
                json!({"dryRun": [{"metricName": "m"}]}),
                "RepeatedRule",
            ),
        ] {
            let error = merged(&names, list.clone(), given).expect_err(&list.to_string());
            assert_eq!(error.reason(), reason, "{list}");
        }
    }

    #[test]
    fn templates_may_refer_to_each_other_in_a_circle() {
        let list = json!({
            "a": {"metrics": [{"name": "m1"}], "templates": [{"templateName": "b"}]},
            "b": {"metrics": [{"name": "m2"}], "templates": [{"templateName": "a"}, {"templateName": "b"}]},
        });
        assert_eq!(merged(&["a"], list, json!({})), Ok(json!({"metrics": [{"name": "m1"}, {"name": "m2"}]})));
    }

    #[test]
    fn arguments_without_a_value_are_named() {
        let list =
            json!({"a": {"metrics": [{"name": "m"}], "args": [{"name": "x"}, {"name": "y", "value": ""}]}});
        let merged = merge(&[reference("a")], &templates(list), &json!({"args": [{"name": "x"}]})).unwrap();
        assert_eq!(merged.unresolved, ["x"]);
    }

    #[test]
    fn metrics_without_end_are_named() {
        let web = json!({"web": {"url": "http://x"}});
        let list = json!({"a": {"metrics": [
            {"name": "once", "provider": web}, {"name": "endless", "interval": "1m", "provider": web},
            {"name": "five", "interval": "1m", "count": 5, "provider": web},
        ]}});
        let merged = merge(&[reference("a")], &templates(list), &json!({})).unwrap();
        assert_eq!(merged.endless, ["endless"]);
    }
}
