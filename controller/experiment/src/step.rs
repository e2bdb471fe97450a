//! The Experiment that a step of a Rollout asks for.

use serde_json::{Map, Value, json};
use tidegate_analysis::resolve_arguments;
use tidegate_api::object;
use tidegate_model::names::{HASH_LABEL, INSTANCE_ID_LABEL, REVISION_ANNOTATION};
use tidegate_model::validate::SpecError;

/// Where an update stands.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The Rollout.
    pub rollout: &'a Value,
    /// The step's index.
    pub index: usize,
    /// The ReplicaSet of the stable pods; none before there is one.
    pub stable: Option<&'a Value>,
    /// The ReplicaSet of the newest pods.
    pub canary: &'a Value,
    /// The revision of the newest pods.
    pub revision: i64,
    /// How many Experiments had the name before.
    pub collisions: u32,
}

/// The Experiment of a step, ready to be created: `<rollout>-<hash>-<revision>-<step>`, with `-1` and so on when the name was taken.
///
/// # Errors
/// All for which it cannot be made.
pub fn of_step(step: &Step<'_>) -> Result<Value, Vec<SpecError>> {
    let path = format!("spec.strategy.canary.steps[{}].experiment", step.index);
    let steps = step.rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array);
    let asked = steps.and_then(|steps| steps.get(step.index)?.get("experiment")).unwrap_or(&Value::Null);
    let mut errors = Vec::new();
    let list =
        |field: &str| asked.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut templates = Vec::new();
    for (index, template) in list("templates").iter().enumerate() {
        match of_template(step, template) {
            Ok(template) => templates.push(template),
            Err(message) => {
                errors.push(SpecError { path: format!("{path}.templates[{index}].specRef"), message });
            }
        }
    }
    let stable_hash = step.stable.and_then(hash).unwrap_or_default();
    let latest_hash = hash(step.canary).unwrap_or_default();
    let mut analyses = Vec::new();
    for (index, analysis) in list("analyses").iter().enumerate() {
        let at = format!("{path}.analyses[{index}].args");
        let args = analysis.get("args").unwrap_or(&Value::Null);
        match resolve_arguments(&at, args, step.rollout, stable_hash, latest_hash) {
            Ok(args) => {
                let mut made = analysis.as_object().cloned().unwrap_or_default();
                made.insert("args".to_owned(), Value::from(args));
                analyses.push(Value::Object(made));
            }
            Err(found) => errors.extend(found),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut spec = Map::new();
    spec.insert("templates".to_owned(), Value::from(templates));
    if !analyses.is_empty() {
        spec.insert("analyses".to_owned(), Value::from(analyses));
    }
    for field in
        ["duration", "dryRun", "measurementRetention", "analysisRunMetadata", "scaleDownDelaySeconds"]
    {
        if let Some(value) = asked.get(field).filter(|value| !value.is_null()) {
            spec.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(deadline) =
        step.rollout.pointer("/spec/progressDeadlineSeconds").filter(|value| value.is_i64())
    {
        spec.insert("progressDeadlineSeconds".to_owned(), deadline.clone());
    }
    Ok(object(step, spec))
}

fn object(step: &Step<'_>, spec: Map<String, Value>) -> Value {
    let hash = hash(step.canary).unwrap_or_default();
    let mut name = format!("{}-{hash}-{}-{}", object::name(step.rollout), step.revision, step.index);
    if step.collisions > 0 {
        name = format!("{name}-{}", step.collisions);
    }
    let labels = step.rollout.pointer("/metadata/labels").and_then(Value::as_object);
    let mut labels = labels.cloned().unwrap_or_default();
    labels.insert(HASH_LABEL.to_owned(), Value::from(hash));
    if let Some(id) = object::label(step.rollout, INSTANCE_ID_LABEL) {
        labels.insert(INSTANCE_ID_LABEL.to_owned(), Value::from(id));
    }
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {
            "name": name,
            "namespace": object::namespace(step.rollout),
            "labels": labels,
            "annotations": {REVISION_ANNOTATION: step.revision.to_string()},
            "ownerReferences": [{
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Rollout",
                "name": object::name(step.rollout),
                "uid": object::uid(step.rollout),
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    })
}

/// A template with the pods that it refers to: without their hash, so that it gets one of its own, and with the labels and
/// annotations of the template. It has a Service when it should get weight, or asks for one.
fn of_template(step: &Step<'_>, asked: &Value) -> Result<Value, String> {
    let set = match asked.get("specRef").and_then(Value::as_str) {
        Some("stable") => {
            step.stable.ok_or("there are no stable pods yet; use canary, or remove the step")?
        }
        Some("canary") => step.canary,
        _ => return Err("must be stable or canary".to_owned()),
    };
    let mut pods = set.pointer("/spec/template").cloned().unwrap_or_default();
    let given = asked.get("selector").filter(|selector| selector.is_object());
    let mut selector = given.or_else(|| set.pointer("/spec/selector")).cloned().unwrap_or_default();
    if let Some(labels) = pods.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.shift_remove(HASH_LABEL);
    }
    if let Some(labels) = selector.get_mut("matchLabels").and_then(Value::as_object_mut) {
        labels.shift_remove(HASH_LABEL);
    }
    extend(&mut pods, &["metadata", "labels"], asked.pointer("/metadata/labels"));
    extend(&mut pods, &["metadata", "annotations"], asked.pointer("/metadata/annotations"));
    extend(&mut selector, &["matchLabels"], asked.pointer("/metadata/labels"));
    let mut template = Map::new();
    for field in ["name", "replicas"] {
        if let Some(value) = asked.get(field).filter(|value| !value.is_null()) {
            template.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(seconds) =
        set.pointer("/spec/minReadySeconds").and_then(Value::as_i64).filter(|seconds| *seconds > 0)
    {
        template.insert("minReadySeconds".to_owned(), Value::from(seconds));
    }
    let service = asked.get("service").filter(|service| service.is_object()).cloned();
    let has_weight = asked.get("weight").is_some_and(|weight| !weight.is_null());
    if let Some(service) = service.or_else(|| has_weight.then(|| json!({}))) {
        template.insert("service".to_owned(), service);
    }
    template.insert("selector".to_owned(), selector);
    template.insert("template".to_owned(), pods);
    Ok(Value::Object(template))
}

/// Puts fields into the object at a path, making the objects on the way.
fn extend(value: &mut Value, path: &[&str], fields: Option<&Value>) {
    let Some(fields) = fields.and_then(Value::as_object).filter(|fields| !fields.is_empty()) else { return };
    let mut value = value;
    for key in path {
        if !value.is_object() {
            *value = json!({});
        }
        let Value::Object(known) = value else { return };
        value = known.entry((*key).to_owned()).or_insert(Value::Null);
    }
    if !value.is_object() {
        *value = json!({});
    }
    if let Value::Object(known) = value {
        known.extend(fields.clone());
    }
}

fn hash(set: &Value) -> Option<&str> {
    object::label(set, HASH_LABEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(hash: &str, image: &str) -> Value {
        let labels = json!({"app": "demo", HASH_LABEL: hash});
        json!({"metadata": {"labels": labels}, "spec": {"minReadySeconds": 5, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"image": image}]}}}})
    }

    fn made(experiment: Value, stable: Option<&Value>) -> Result<Value, Vec<String>> {
        let rollout = json!({"metadata": {"name": "web", "namespace": "ns", "uid": "r", "labels": {"team": "t"}},
            "spec": {"progressDeadlineSeconds": 100, "strategy": {"canary": {"steps": [{"pause": {}}, {"experiment": experiment}]}}}});
        let canary = set("new", "v2");
        let step = Step { rollout: &rollout, index: 1, stable, canary: &canary, revision: 7, collisions: 0 };
        of_step(&step).map_err(|errors| errors.into_iter().map(|error| error.path).collect())
    }

    #[test]
    fn pods_are_copied_and_told_apart() {
        let experiment = json!({
            "duration": "1h", "scaleDownDelaySeconds": 5, "dryRun": [{"metricName": "m"}],
            "templates": [
                {"name": "baseline", "specRef": "stable", "weight": 5, "metadata": {"labels": {"role": "baseline"}, "annotations": {"a": "b"}}},
                {"name": "canary", "specRef": "canary", "replicas": 2, "service": {"name": "svc"}},
                {"name": "plain", "specRef": "canary", "selector": {"matchLabels": {"app": "demo", "own": "x"}}},
            ],
            "analyses": [{"name": "x", "templateName": "t", "requiredForCompletion": true,
                "args": [{"name": "stable", "valueFrom": {"podTemplateHashValue": "Stable"}}, {"name": "later", "value": "{{templates.canary.podTemplateHash}}"}]}],
        });
        let stable = set("old", "v1");
        let made = made(experiment, Some(&stable)).unwrap();
        assert_eq!(made["metadata"]["name"], "web-new-7-1");
        assert_eq!(made["metadata"]["labels"], json!({"team": "t", HASH_LABEL: "new"}));
        let spec = &made["spec"];
        assert_eq!(
            spec["templates"][0],
            json!({
                "name": "baseline", "minReadySeconds": 5, "service": {},
                "selector": {"matchLabels": {"app": "demo", "role": "baseline"}},
                "template": {"metadata": {"labels": {"app": "demo", "role": "baseline"}, "annotations": {"a": "b"}},
                    "spec": {"containers": [{"image": "v1"}]}},
            })
        );
        assert_eq!(spec["templates"][1]["service"], json!({"name": "svc"}));
        assert_eq!(spec["templates"][1]["replicas"], 2);
        assert_eq!(spec["templates"][2].get("service"), None);
        assert_eq!(spec["templates"][2]["selector"], json!({"matchLabels": {"app": "demo", "own": "x"}}));
        assert_eq!(
            spec["analyses"],
            json!([{"name": "x", "templateName": "t", "requiredForCompletion": true,
            "args": [{"name": "stable", "value": "old"}, {"name": "later", "value": "{{templates.canary.podTemplateHash}}"}]}])
        );
        assert_eq!(
            (&spec["duration"], &spec["progressDeadlineSeconds"], &spec["scaleDownDelaySeconds"]),
            (&json!("1h"), &json!(100), &json!(5))
        );
    }

    #[test]
    fn what_cannot_be_made_is_said_with_its_path() {
        let path = |rest: &str| vec![format!("spec.strategy.canary.steps[1].experiment.{rest}")];
        for (experiment, at) in [
            (json!({"templates": [{"name": "a", "specRef": "stable"}]}), "templates[0].specRef"),
            (json!({"templates": [{"name": "a"}]}), "templates[0].specRef"),
            (
                json!({"analyses": [{"name": "a", "args": [{"name": "x", "valueFrom": {}}]}]}),
                "analyses[0].args[0].valueFrom",
            ),
        ] {
            assert_eq!(made(experiment.clone(), None).unwrap_err(), path(at), "{experiment}");
        }
    }
}
