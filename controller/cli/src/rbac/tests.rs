//! The roles that are printed, against those of `deploy/`, with which the end-to-end tests run the controller.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Parser;
use serde::Deserialize as _;
use serde_json::Value;

use super::{Install, needs};
use crate::arguments::Plugins;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    plugins: Plugins,
}

/// What these flags make of the roles, as a set.
fn granted_with(flags: &[&str], namespaced: bool) -> BTreeSet<Granted> {
    let flags = Flags::try_parse_from([&["tidegate"], flags].concat()).unwrap();
    let install = Install {
        namespace: "argo-rollouts".to_owned(),
        service_account: "tidegate".to_owned(),
        name: "tidegate".to_owned(),
        namespaced,
    };
    granted(&install.objects(&needs(&flags.plugins).unwrap()))
}

/// Namespace (empty: the cluster), group, resource and verb.
type Granted = (String, String, String, String);

/// What a set of objects grants, each binding to somebody.
fn granted(objects: &[Value]) -> BTreeSet<Granted> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| -> Vec<String> { value.as_array().unwrap().iter().map(text).collect() };
    let roles: Vec<&Value> =
        objects.iter().filter(|object| text(&object["kind"]).ends_with("Role")).collect();
    assert!(!roles.is_empty());
    let mut granted = BTreeSet::new();
    for role in roles {
        let is_bound = objects.iter().any(|object| {
            object["kind"] == format!("{}Binding", text(&role["kind"]))
                && object["roleRef"]["name"] == role["metadata"]["name"]
                && object["metadata"]["namespace"] == role["metadata"]["namespace"]
                && object["subjects"][0]["name"] == "tidegate"
                && object["subjects"][0]["namespace"] == "argo-rollouts"
        });
        assert!(is_bound, "{role}");
        for rule in role["rules"].as_array().unwrap() {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for verb in texts(&rule["verbs"]) {
                        let namespace = text(&role["metadata"]["namespace"]);
                        granted.insert((namespace, group.clone(), resource.clone(), verb));
                    }
                }
            }
        }
    }
    granted
}

#[test]
fn without_flags_they_are_those_of_deploy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kustomize/rbac.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let deployed: Vec<Value> = serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|document| !document.is_null())
        .collect();
    assert_eq!(granted_with(&[], false), granted(&deployed));
}

#[test]
fn what_no_plugin_describes_is_not_there() {
    let nginx = granted_with(&["--router-plugin=builtin:nginx=builtin:nginx"], false);
    let has = |resource: &str| nginx.iter().any(|(_, _, found, _)| found == resource);
    assert!(has("ingresses") && has("rollouts"));
    for resource in ["httproutes", "virtualservices", "secrets", "pods"] {
        assert!(!has(resource), "{resource}");
    }
}

#[test]
fn what_the_operator_does_not_grant_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("permissions.yaml");
    let text = "\
builtin:nginx:
  - group: networking.k8s.io
    kind: Ingress
    verbs: [read, update]
    namespaces: []
";
    std::fs::write(&file, text).unwrap();
    let flags = [
        "--router-plugin=builtin:nginx=builtin:nginx",
        "--router-plugin-permissions",
        file.to_str().unwrap(),
    ];
    let granted = granted_with(&flags, false);
    let verbs: Vec<&str> = granted
        .iter()
        .filter(|(_, _, resource, _)| resource == "ingresses")
        .map(|(_, _, _, verb)| verb.as_str())
        .collect();
    assert_eq!(verbs, ["get", "list", "patch", "watch"]);
    assert!(!granted.iter().any(|(_, _, resource, _)| resource == "referencegrants"));
}

#[test]
fn for_one_namespace_only_what_is_in_none_is_of_the_cluster() {
    let everywhere = granted_with(&[], false);
    let namespaced = granted_with(&[], true);
    let without_place = |granted: &BTreeSet<Granted>| -> BTreeSet<(String, String, String)> {
        granted
            .iter()
            .map(|(_, group, resource, verb)| (group.clone(), resource.clone(), verb.clone()))
            .collect()
    };
    assert_eq!(without_place(&everywhere), without_place(&namespaced));
    for (namespace, group, resource, _) in &namespaced {
        let in_no_namespace = group == "tidegate.dev" || resource == "selfsubjectaccessreviews";
        assert_eq!(namespace.is_empty(), in_no_namespace, "{group} {resource}");
    }
}

#[test]
fn a_plugin_that_cannot_be_loaded_is_said() {
    let flags = ["tidegate", "--router-plugin=a/b=/nowhere.wasm", "--router-plugin=c/d=builtin:none"];
    let error = needs(&Flags::try_parse_from(flags).unwrap().plugins).unwrap_err().to_string();
    assert!(error.contains("a/b") && error.contains("c/d"), "{error}");
}
