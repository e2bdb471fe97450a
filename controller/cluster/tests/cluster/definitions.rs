//! The definitions that clusters really have, against the parts of them that are built in.

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_api::builtin;
use tidegate_cluster::Cluster;

use crate::support::*;

fn definition(file: &str) -> Value {
    let path = format!("{}/../../tests/crds/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn with(definitions: &[Value]) -> Cluster {
    let mut cluster = cluster();
    for definition in definitions {
        cluster.serve_definition(definition).unwrap();
    }
    cluster
}

#[test]
fn argos_definition_prunes_what_it_does_not_know() {
    let mut cluster = with(&[definition("rollouts.yaml")]);
    let mut manifest = rollout("web");
    manifest["spec"]["unheardOf"] = json!(1);
    manifest["spec"]["template"]["spec"]["containers"] =
        json!([{"name": "web", "image": "web:1", "ports": [{"containerPort": 80}]}]);
    let created = create(&mut cluster, &builtin::rollouts(), manifest).unwrap();
    assert_eq!(created["spec"].get("unheardOf"), None);
    assert_eq!(created["spec"]["strategy"]["canary"]["steps"], json!([{"setWeight": 20}]));
    let ports = &created["spec"]["template"]["spec"]["containers"][0]["ports"];
    assert_eq!(*ports, json!([{"containerPort": 80, "protocol": "TCP"}]));
    let status = json!({"status": {"observedGeneration": "1", "ours": 1, "phase": "Healthy"}});
    let written = merge(&mut cluster, &builtin::rollouts(), "web", Some("status"), status).unwrap();
    assert_eq!(written["status"], json!({"observedGeneration": "1", "phase": "Healthy"}));
    let number = json!({"status": {"observedGeneration": 1}});
    refused(merge(&mut cluster, &builtin::rollouts(), "web", Some("status"), number), 422, "Invalid");
    let scaled =
        merge(&mut cluster, &builtin::rollouts(), "web", Some("scale"), json!({"spec": {"replicas": 7}}));
    assert_eq!(scaled.unwrap()["spec"]["replicas"], 7);
    let selector = json!({"spec": {"selector": {"matchLabels": {"app": "b"}}}});
    refused(merge(&mut cluster, &builtin::rollouts(), "web", None, selector), 422, "Invalid");
}

#[test]
fn the_status_fields_known_without_argos_definition_are_those_of_it() {
    let definition = definition("rollouts.yaml");
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let fields = schema["properties"]["status"]["properties"].as_object().unwrap();
    let example = |kind: &str| match kind {
        "boolean" => json!(true),
        "integer" => json!(1),
        "string" => json!("a"),
        "array" => json!([]),
        _ => json!({}),
    };
    let known: Value =
        fields.iter().map(|(name, one)| (name.clone(), example(one["type"].as_str().unwrap()))).collect();
    let mut cluster = cluster();
    create(&mut cluster, &builtin::rollouts(), rollout("web")).unwrap();
    let status = json!({"status": known});
    let written = merge(&mut cluster, &builtin::rollouts(), "web", Some("status"), status).unwrap();
    assert_eq!(written["status"], known);
    for name in fields.keys() {
        let wrong = match fields[name]["type"].as_str().unwrap() {
            "string" => json!(1),
            _ => json!("a"),
        };
        let status = json!({"status": {name: wrong}});
        refused(merge(&mut cluster, &builtin::rollouts(), "web", Some("status"), status), 422, "Invalid");
    }
}

#[test]
fn a_definition_may_lack_something() {
    let mut cluster = cluster();
    for broken in [json!({}), json!({"spec": {"versions": [{"name": "v1", "storage": true}]}})] {
        assert!(cluster.serve_definition(&broken).is_err());
    }
}

fn backend() -> impl Strategy<Value = Value> {
    let weight = prop_oneof![
        Just(json!({})),
        Just(json!({"weight": 0})),
        Just(json!({"weight": 1_000_000})),
        Just(json!({"weight": 1_000_001})),
        Just(json!({"weight": -1})),
        Just(json!({"weight": "1"})),
        Just(json!({"weight": null})),
    ];
    let port = prop_oneof![Just(json!({"port": 80})), Just(json!({})), Just(json!({"port": 0}))];
    let name =
        prop_oneof![5 => Just(json!({"name": "a"})), 1 => Just(json!({"name": ""})), 1 => Just(json!({}))];
    let kind = prop_oneof![Just(json!({})), Just(json!({"kind": "Bucket", "group": "example.com"}))];
    (weight, port, name, kind).prop_map(|parts| {
        let mut backend = json!({});
        for part in [parts.0, parts.1, parts.2, parts.3] {
            for (key, value) in part.as_object().unwrap() {
                backend[key] = value.clone();
            }
        }
        backend
    })
}

fn rule() -> impl Strategy<Value = Value> {
    let matches = prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!([{}])),
        Just(json!([{"path": {"value": "/a"}}])),
        Just(json!([{"path": {"type": "Odd", "value": "/a"}}])),
        Just(json!([{"headers": [{"name": "a", "value": "b"}]}])),
        Just(json!([{"headers": [{"name": "a", "value": "b"}, {"name": "a", "value": "c"}]}])),
        Just(json!([{"headers": [{"name": "a"}]}])),
    ];
    let filters = prop_oneof![
        Just(Value::Null),
        Just(json!([{"type": "RequestRedirect", "requestRedirect": {"hostname": "b"}}])),
        Just(json!([{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "m", "port": 80}}}])),
        Just(json!([{"requestMirror": {}}])),
    ];
    (proptest::collection::vec(backend(), 0..3), matches, filters).prop_map(|(backends, matches, filters)| {
        let mut rule = json!({"backendRefs": backends});
        for (key, value) in [("matches", matches), ("filters", filters)] {
            if !value.is_null() {
                rule[key] = value;
            }
        }
        rule
    })
}

#[test]
fn the_built_in_route_is_that_of_the_definition() {
    let ours = cluster();
    let theirs = with(&[definition("httproutes.yaml")]);
    let spec = (
        proptest::collection::vec(rule(), 0..3),
        prop_oneof![
            Just(json!([{"name": "edge"}])),
            Just(json!([{}])),
            Just(json!([{"name": "a", "port": 1}]))
        ],
    );
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |((rules, parents) in spec)| {
        let mut manifest = route("web", &[]);
        manifest["spec"] = json!({"parentRefs": parents, "rules": rules});
        let in_ours = create(&mut ours.clone(), &routes(), manifest.clone());
        let in_theirs = create(&mut theirs.clone(), &routes(), manifest);
        match (in_ours, in_theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(&ours["spec"], &theirs["spec"]),
            (Err(ours), Err(theirs)) => {
                let fields = |error: &tidegate_api::ApiError| -> std::collections::BTreeSet<String> {
                    error.causes.iter().map(|cause| cause.field.clone()).collect()
                };
                prop_assert_eq!(fields(&ours), fields(&theirs));
            }
            (ours, theirs) => prop_assert!(false, "{:?} and {:?}", ours, theirs),
        }
    });
}
