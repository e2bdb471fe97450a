//! Fields that a Rollout cannot have. An API server with Argo's definition leaves them out without a word, so a misspelled
//! one silently changes what is meant.

use serde_json::Value;

use crate::shape::Shape;
use crate::spec_shape::Rollout;

/// A field that is not known where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField {
    /// Where it stands, for example `spec.strategy.canary.steps[2].setWieght`.
    pub path: String,
    /// Its own name.
    pub name: String,
    /// The fields that there are.
    pub known: Vec<&'static str>,
}

/// All such fields of a Rollout, in its order. Not among them is what stands in a status, or in the configuration of a
/// plugin. What is null counts as absent.
pub fn unknown_fields(rollout: &Value) -> Vec<UnknownField> {
    let mut found = Vec::new();
    look(&Rollout, rollout, "", &mut found);
    found
}

fn look(shape: &Shape, value: &Value, path: &str, found: &mut Vec<UnknownField>) {
    match (shape, value) {
        (Shape::Optional(shape), value) => look(shape, value, path, found),
        (Shape::List(shape), Value::Array(elements)) => {
            for (index, element) in elements.iter().enumerate() {
                look(shape, element, &format!("{path}[{index}]"), found);
            }
        }
        (Shape::Map(shape), Value::Object(entries)) => {
            for (key, value) in entries {
                look(shape, value, &format!("{path}[{key:?}]"), found);
            }
        }
        (Shape::Struct(fields), Value::Object(entries)) => {
            for (name, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match fields.iter().find(|field| field.name == name) {
                    Some(field) => look(&field.shape, value, &path, found),
                    None => found.push(UnknownField {
                        path,
                        name: name.clone(),
                        known: fields.iter().map(|field| field.name).collect(),
                    }),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn misspelled_fields_are_found_wherever_they_stand() {
        let rollout = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web", "lables": {}},
            "spec": {
                "replica": 1, "paused": null, "pausd": null,
                "template": {
                    "metadata": {"labels": {"anything": "goes"}},
                    "spec": {"containers": [{"name": "web", "imagePulPolicy": "Always"}]},
                },
                "strategy": {"canary": {
                    "steps": [{"setWeight": 5}, {"setWieght": 10}, {"pause": {"duraton": 5}}],
                    "trafficRouting": {"plugins": {"a/b": {"what": "ever"}}, "nginx": {"stableIngres": "web"}},
                }},
            },
            "status": {"whatever": 1},
        });
        let paths: Vec<String> = unknown_fields(&rollout).into_iter().map(|one| one.path).collect();
        assert_eq!(
            paths,
            [
                "metadata.lables",
                "spec.replica",
                "spec.template.spec.containers[0].imagePulPolicy",
                "spec.strategy.canary.steps[1].setWieght",
                "spec.strategy.canary.steps[2].pause.duraton",
                "spec.strategy.canary.trafficRouting.nginx.stableIngres",
            ]
        );
        assert!(unknown_fields(&rollout)[3].known.contains(&"setWeight"));
        for odd in [json!(null), json!([]), json!("x"), json!({"spec": [1, {"a": 1}]})] {
            assert!(unknown_fields(&odd).is_empty(), "{odd}");
        }
    }
}
