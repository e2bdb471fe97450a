//! What `deploy/` has twice, for Kustomize and for Helm, is the same, and as strict as the guide says.
//!
//! Templates are read as text: lines that are only directives are left out, and other directives stand for some text.
//! That is enough for what is compared here, which no value changes.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize as _;
use serde_json::{Value, json};

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents(path: &str, text: &str) -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(text)
        .map(|document| {
            Value::deserialize(document).unwrap_or_else(|error| panic!("{path}: {error}\n{text}"))
        })
        .filter(|document| !document.is_null())
        .collect()
}

/// A template without its directives.
fn plain(template: &str) -> String {
    let is_directive = |line: &&str| line.trim().starts_with("{{") && line.trim().ends_with("}}");
    let mut plain = String::new();
    for line in template.lines().filter(|line| !is_directive(line)) {
        let mut rest = line;
        while let Some((before, directive)) = rest.split_once("{{") {
            plain.push_str(before);
            plain.push('x');
            rest = directive.split_once("}}").map_or("", |(_, rest)| rest);
        }
        plain.push_str(rest);
        plain.push('\n');
    }
    plain
}

/// Group, resource and verb of all rules, with whether they are for one namespace; Secrets are named by values, so they
/// are left out.
fn granted(objects: &[Value]) -> BTreeSet<(bool, String, String, String)> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let mut granted = BTreeSet::new();
    for object in objects {
        // In the chart the kind of one role is a value: a ClusterRole, unless somebody wants less.
        let is_namespaced = object["kind"] == "Role";
        for rule in object["rules"].as_array().into_iter().flatten() {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]).into_iter().filter(|one| one != "secrets") {
                    for verb in texts(&rule["verbs"]) {
                        granted.insert((is_namespaced, group.clone(), resource.clone(), verb));
                    }
                }
            }
        }
    }
    granted
}

#[test]
fn helm_grants_what_kustomize_grants() {
    let kustomize = "kustomize/rbac.yaml";
    let helm = "helm/tidegate/templates/rbac.yaml";
    let kustomize = granted(&documents(kustomize, &text(kustomize)));
    let helm = granted(&documents(helm, &plain(&text(helm))));
    assert!(kustomize.iter().any(|(_, _, resource, _)| resource == "rollouts"));
    assert_eq!(helm, kustomize);
}

#[test]
fn both_run_it_where_nothing_can_be_written() {
    let path = "kustomize/deployment.yaml";
    let deployment = documents(path, &text(path)).remove(0);
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert!(container["args"].as_array().unwrap().contains(&json!("--lockdown")));
    assert!(pod["volumes"].is_null() && container["volumeMounts"].is_null());

    let path = "helm/tidegate/values.yaml";
    let values = documents(path, &text(path)).remove(0);
    assert_eq!(values["controller"]["lockdown"], true);
    assert_eq!(values["controller"]["volumes"], json!([]));
    assert!(text("helm/tidegate/templates/deployment.yaml").contains("--lockdown"));

    let strict = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    });
    for (of_pod, of_container) in [
        (&pod["securityContext"], &container["securityContext"]),
        (&values["podSecurityContext"], &values["containerSecurityContext"]),
    ] {
        assert_eq!(of_pod["runAsNonRoot"], true);
        assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(of_container, &strict);
    }
    for file in ["kustomize/deployment.yaml", "helm/tidegate/templates/deployment.yaml"] {
        assert!(!text(file).contains("emptyDir"), "{file}");
    }
}
