//! The fields that are known are those of Argo's definition.

use serde_json::{Map, Value, json};
use tidegate_model::unknown_fields;

/// A name that no field has.
const NO_FIELD: &str = "zzz";

fn schema() -> Value {
    let path = format!("{}/../../tests/crds/rollouts.yaml", env!("CARGO_MANIFEST_DIR"));
    let definition: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// A value that has every field; each object also has one that no object has.
fn full(schema: &Value, expected: &mut Vec<(String, Vec<String>)>, path: &str) -> Value {
    let keeps_unknown = schema["x-kubernetes-preserve-unknown-fields"] == json!(true);
    if let Some(properties) = schema["properties"].as_object() {
        let mut fields = Map::new();
        for (name, schema) in properties {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            fields.insert(name.clone(), full(schema, expected, &path));
        }
        if !keeps_unknown && !path.is_empty() {
            let mut names: Vec<String> = properties.keys().cloned().collect();
            names.sort();
            expected.push((format!("{path}.{NO_FIELD}"), names));
            fields.insert(NO_FIELD.to_owned(), json!(1));
        }
        return fields.into();
    }
    if let Some(items) = schema.get("items") {
        return json!([full(items, expected, &format!("{path}[0]"))]);
    }
    match schema.get("additionalProperties") {
        Some(of) if of.is_object() => json!({"any": full(of, expected, &format!("{path}[\"any\"]"))}),
        _ if schema["type"] == json!("object") => json!({}),
        _ => json!("x"),
    }
}

#[test]
fn every_field_of_the_definition_is_known_and_no_other() {
    let mut schema = schema();
    schema["properties"].as_object_mut().unwrap().retain(|name, _| name == "spec");
    let mut expected = Vec::new();
    let rollout = full(&schema, &mut expected, "");
    let found: Vec<(String, Vec<String>)> = unknown_fields(&rollout)
        .into_iter()
        .map(|field| {
            let mut known: Vec<String> = field.known.into_iter().map(str::to_owned).collect();
            known.sort();
            (field.path, known)
        })
        .collect();
    // The pod template is that of a later version of Kubernetes than the definition's: it may have more.
    let is_of_pods = |path: &str| path.starts_with("spec.template");
    for (path, _) in &found {
        assert!(path.ends_with(NO_FIELD), "{path} is not known");
    }
    for (path, names) in &expected {
        if is_of_pods(path) {
            continue;
        }
        let known = found.iter().find(|(place, _)| place == path).map(|(_, known)| known);
        assert_eq!(known, Some(names), "{path}");
    }
    assert!(expected.len() > 60, "{}", expected.len());
}
