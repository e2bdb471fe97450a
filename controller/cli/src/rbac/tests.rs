//! The roles that are printed, against those of `deploy/`, with which the end-to-end tests run the controller.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::rules::Needs;
use super::{Install, Manifests, needs};
use crate::arguments::Plugins;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    plugins: Plugins,
}

const NAMESPACE: &str = "argo-rollouts";

/// What these flags make of the roles, as a set.
fn granted_with(flags: &[&str], namespaced: bool) -> BTreeSet<Granted> {
    granted(&objects(flags, Vec::new(), namespaced))
}

/// The roles that these flags and manifests make.
fn objects(flags: &[&str], manifests: Vec<Value>, namespaced: bool) -> Vec<Value> {
    let flags = Flags::try_parse_from([&["tidegate"], flags].concat()).unwrap();
    let install = Install {
        namespace: NAMESPACE.to_owned(),
        service_account: "tidegate".to_owned(),
        name: "tidegate".to_owned(),
        namespaced,
    };
    install.objects(&needs(&flags.plugins, &Manifests::of(manifests), NAMESPACE).unwrap())
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
    for resource in ["httproutes", "virtualservices", "secrets", "cronjobs"] {
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
    let mut everything = without_place(&everywhere);
    // Templates for all namespaces are of no use to a controller of one.
    everything.retain(|(_, resource, _)| resource != "clusteranalysistemplates");
    assert_eq!(everything, without_place(&namespaced));
    for (namespace, group, resource, _) in &namespaced {
        let in_no_namespace = group == "tidegate.dev" || resource == "selfsubjectaccessreviews";
        assert_eq!(namespace.is_empty(), in_no_namespace, "{group} {resource}");
    }
}

#[test]
fn a_plugin_that_cannot_be_loaded_is_said() {
    let flags = ["tidegate", "--router-plugin=a/b=/nowhere.wasm", "--router-plugin=c/d=builtin:none"];
    let flags = Flags::try_parse_from(flags).unwrap();
    let error = needs(&flags.plugins, &Manifests::default(), NAMESPACE).unwrap_err().to_string();
    assert!(error.contains("a/b") && error.contains("c/d"), "{error}");
}

/// A `RouterPlugin` with this source, which takes the place of the built-in plugin for the Gateway API.
fn router_plugin(name: &str, source: Value, sha256: &str) -> Value {
    json!({
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "RouterPlugin",
        "metadata": { "name": name },
        "spec": { "name": "argoproj-labs/gatewayAPI", "source": source, "sha256": sha256 },
    })
}

#[test]
fn manifests_come_before_flags_and_bring_their_bytes() {
    let nginx = tidegate_bundle::all().iter().find(|one| one.name == "nginx").unwrap();
    let (first, second) = nginx.bytes.split_at(1000);
    let piece = |name: &str, bytes: &[u8]| {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": name, "namespace": "plugins" },
            "binaryData": { "wasm": STANDARD.encode(bytes) },
        })
    };
    let source = json!({ "configMap": { "namespace": "plugins", "names": ["one", "two"], "key": "wasm" } });
    let digest = tidegate_contract::Digest(nginx.sha256).to_string();
    let manifests = vec![piece("one", first), piece("two", second), router_plugin("a", source, &digest)];
    let flag = "--router-plugin=argoproj-labs/gatewayAPI=builtin:gateway-api";
    let objects = objects(&[flag], manifests, false);
    let granted = granted(&objects);
    let has = |resource: &str| granted.iter().any(|(_, _, found, _)| found == resource);
    assert!(has("ingresses") && !has("httproutes"), "{granted:?}");
    let elsewhere: Vec<&Value> = objects
        .iter()
        .filter(|object| object["kind"] == "Role" && object["metadata"]["namespace"] == "plugins")
        .collect();
    assert_eq!(elsewhere.len(), 1);
    assert_eq!(elsewhere[0]["rules"][0]["resourceNames"], json!(["one", "two"]));
    assert_eq!(elsewhere[0]["rules"].as_array().unwrap().len(), 1);
}

#[test]
fn secrets_are_named() {
    let key = |name: &str| json!({ "name": name, "key": "k" });
    let source = json!({ "https": {
        "url": "https://plugins.example/a.wasm",
        "headers": [{ "name": "Authorization", "secretKeyRef": key("token") }],
        "headersFrom": [{ "secretRef": { "name": "all", "namespace": "other" } }],
        "caRef": { "kind": "Secret", "name": "authority", "key": "ca.crt" },
    }});
    let resource = router_plugin("a", source, &"0".repeat(64));
    let wanted = tidegate_plugins::parse_resource(&resource, NAMESPACE).unwrap();
    let mut needs = Needs::default();
    needs.add_references(&wanted.source);
    let names = |namespace: &str| {
        let rules = needs.rules_of_names(namespace, &[]);
        assert!(rules.iter().all(|rule| rule.resources == ["secrets"] && rule.verbs == ["get"]));
        rules.into_iter().flat_map(|rule| rule.resource_names).collect::<Vec<_>>()
    };
    assert_eq!(names(NAMESPACE), ["authority", "token"]);
    assert_eq!(names("other"), ["all"]);
}

#[test]
fn a_native_binary_in_argos_configuration_leaves_the_built_in_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("plugin-linux-amd64");
    std::fs::write(&binary, b"\x7fELF\x02\x01\x01\x00 and so on").unwrap();
    let entries = format!("- name: argoproj-labs/gatewayAPI\n  location: file://{}\n", binary.display());
    let config = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "argo-rollouts-config", "namespace": NAMESPACE },
        "data": { "trafficRouterPlugins": entries },
    });
    assert_eq!(granted(&objects(&[], vec![config], false)), granted_with(&[], false));
}
