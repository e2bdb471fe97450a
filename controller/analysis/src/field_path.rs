//! The arguments that a Rollout gives: values, hashes of its pod templates, and fields of its own.

use serde_json::{Value, json};
use tidegate_model::validate::SpecError;

use crate::field::{Field, Problems, brief};

/// The arguments of an analysis or of an experiment's template in a Rollout, with all values in place except secrets: a list for
/// [`crate::merge`]. `path` is where they stand.
///
/// # Errors
/// All that is wrong with them.
pub fn resolve_arguments(
    path: &str,
    arguments: &Value,
    rollout: &Value,
    stable_hash: &str,
    latest_hash: &str,
) -> Result<Vec<Value>, Vec<SpecError>> {
    let mut problems = Problems::default();
    let list = Field::new(path, Some(arguments));
    problems.list(&list, "arguments with a name");
    let mut resolved = Vec::new();
    for argument in list.elements() {
        let name = problems.needed_text(&argument.get("name"), "the name of an argument of the template");
        let (value, from) = (argument.get("value"), argument.get("valueFrom"));
        if !from.is_given() {
            // A value that is left out is an empty one, as in Go.
            let text = problems.text(&value).unwrap_or_default();
            resolved.push(json!({"name": name, "value": text}));
            continue;
        }
        let text = match (from.get("podTemplateHashValue").text(), from.get("fieldRef")) {
            (Some("Stable"), _) => Some(stable_hash.to_owned()),
            (Some("Latest"), _) => Some(latest_hash.to_owned()),
            (Some(_), _) => {
                problems.say(&from.get("podTemplateHashValue"), "must be Stable or Latest");
                None
            }
            (None, reference) if reference.is_given() => {
                let path = reference.get("fieldPath");
                let text = problems.needed_text(&path, "the path of a field, like metadata.labels['app']");
                match at(rollout, &text) {
                    Ok(text) => Some(text),
                    Err(problem) => {
                        problems.say(&path, problem);
                        None
                    }
                }
            }
            (None, _) if from.get("secretKeyRef").is_given() => {
                resolved.push(
                    json!({"name": name, "valueFrom": {"secretKeyRef": from.get("secretKeyRef").value}}),
                );
                continue;
            }
            (None, _) => {
                problems.say(&from, "must be podTemplateHashValue, fieldRef or secretKeyRef");
                None
            }
        };
        if let Some(text) = text {
            resolved.push(json!({"name": name, "value": text}));
        }
    }
    if problems.0.is_empty() { Ok(resolved) } else { Err(problems.0) }
}

/// A number, text or boolean at a path like `status.canary.weights.canary.weight`, `spec.template.spec.containers[0].image` or
/// `metadata.annotations['example.com/team']`.
fn at(rollout: &Value, path: &str) -> Result<String, String> {
    let mut value = rollout;
    for part in parts(path)? {
        let next = match value {
            Value::Array(elements) => part.parse::<usize>().ok().and_then(|index| elements.get(index)),
            other => other.get(&part),
        };
        value = next.ok_or_else(|| format!("the Rollout has no {part:?} there; correct the path"))?;
    }
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        other => Err(format!("must lead to text, a number or a boolean, not {}", brief(other))),
    }
}

fn parts(path: &str) -> Result<Vec<String>, String> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let quote = inner.chars().next().filter(|first| matches!(first, '\'' | '"'));
            let end = quote.map_or_else(|| "]".to_owned(), |quote| format!("{quote}]"));
            let inner = inner.get(quote.map_or(0, char::len_utf8)..).unwrap_or_default();
            let (part, after) = inner.split_once(&end).ok_or_else(|| format!("has [ without {end}"))?;
            parts.push(part.to_owned());
            rest = after;
        } else {
            let start = rest.strip_prefix('.').unwrap_or(rest);
            let (part, after) = start.split_at(start.find(['.', '[']).unwrap_or(start.len()));
            if part.is_empty() && !after.starts_with('[') {
                return Err("has an empty part".to_owned());
            }
            if !part.is_empty() {
                parts.push(part.to_owned());
            }
            rest = after;
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout() -> Value {
        json!({
            "metadata": {"name": "app", "labels": {"team": "a", "x.y/z": "dotted"}},
            "spec": {"replicas": 3, "paused": false, "template": {"spec": {"containers": [{"image": "i:1"}]}}},
            "status": {"canary": {"weights": null}},
        })
    }

    #[test]
    fn values_come_from_where_they_are_said_to() {
        let arguments = json!([
            {"name": "plain", "value": "v"},
            {"name": "empty"},
            {"name": "stable", "valueFrom": {"podTemplateHashValue": "Stable"}},
            {"name": "latest", "valueFrom": {"podTemplateHashValue": "Latest"}},
            {"name": "field", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['x.y/z']"}}},
            {"name": "number", "valueFrom": {"fieldRef": {"fieldPath": "spec.replicas"}}},
            {"name": "secret", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ]);
        let resolved = resolve_arguments("args", &arguments, &rollout(), "s1", "l1").unwrap();
        assert_eq!(
            Value::from(resolved),
            json!([
                {"name": "plain", "value": "v"}, {"name": "empty", "value": ""}, {"name": "stable", "value": "s1"},
                {"name": "latest", "value": "l1"}, {"name": "field", "value": "dotted"}, {"name": "number", "value": "3"},
                {"name": "secret", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            ])
        );
    }

    #[test]
    fn paths_lead_to_primitive_values() {
        for (path, expected) in [
            ("metadata.name", Some("app")),
            ("metadata.labels['team']", Some("a")),
            ("metadata.labels[\"x.y/z\"]", Some("dotted")),
            ("metadata.labels.team", Some("a")),
            ("spec.paused", Some("false")),
            ("spec.template.spec.containers[0].image", Some("i:1")),
            ("spec.template.spec.containers[1].image", None),
            ("spec.template.spec.containers.x", None),
            ("metadata.labels", None),
            ("status.canary.weights", None),
            ("status.canary.weights.x", None),
            ("metadata.missing", None),
            ("metadata..name", None),
            ("metadata.labels['team", None),
            ("", None),
        ] {
            assert_eq!(at(&rollout(), path).ok().as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_path() {
        let arguments = json!([
            {"value": "v"}, {"name": "a", "value": 3}, {"name": "b", "valueFrom": {}},
            {"name": "c", "valueFrom": {"podTemplateHashValue": "Newest"}},
            {"name": "d", "valueFrom": {"fieldRef": {"fieldPath": "metadata.x"}}}, {"name": "e", "valueFrom": {"fieldRef": {}}},
        ]);
        let problems = resolve_arguments("args", &arguments, &rollout(), "s", "l").unwrap_err();
        let mut paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        paths.dedup();
        assert_eq!(
            paths,
            [
                "args[0].name",
                "args[1].value",
                "args[2].valueFrom",
                "args[3].valueFrom.podTemplateHashValue",
                "args[4].valueFrom.fieldRef.fieldPath",
                "args[5].valueFrom.fieldRef.fieldPath",
            ]
        );
        assert!(resolve_arguments("args", &json!("x"), &rollout(), "s", "l").is_err());
        assert_eq!(resolve_arguments("args", &Value::Null, &rollout(), "s", "l"), Ok(Vec::new()));
    }
}
