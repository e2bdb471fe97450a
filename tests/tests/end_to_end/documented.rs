//! What the documentation shows is what a cluster with Argo's definitions keeps: an API server leaves out fields that it does not
//! know without a word, and then they have no effect.

use std::fs;
use std::path::Path;

use serde::Deserialize as _;
use serde_json::{Value, json};
use tidegate_api::{Resource, builtin, object};
use tidegate_tests::{Fixture, servers};

const ANALYSIS: &str = include_str!("../../../docs/analysis.md");

/// The blocks of YAML in a text, each with its documents.
fn blocks(text: &str) -> Vec<Value> {
    let mut blocks = Vec::new();
    for block in text.split("```yaml\n").skip(1) {
        let (block, _) = block.split_once("```").expect("a block ends");
        blocks.push(serde_yaml_ng::from_str(block).unwrap_or_else(|error| panic!("{error}\n{block}")));
    }
    blocks
}

fn rollout(canary: &Value) -> Value {
    json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "spec": {
        "selector": { "matchLabels": { "app": "web" } },
        "template": {
            "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "example.com/web:v1" }] },
        },
        "strategy": { "canary": canary },
    } })
}

fn template(spec: &Value) -> Value {
    json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "spec": spec })
}

/// What a block is a part of, as a whole.
fn whole(block: &Value) -> (Resource, Value) {
    let metric = json!([{ "name": "any", "provider": { "web": { "url": "http://any" } } }]);
    if block.get("kind").is_some() {
        (builtin::analysis_templates(), block.clone())
    } else if block.is_array() {
        (builtin::analysis_templates(), template(&json!({ "metrics": block })))
    } else if let Some(strategy) = block.get("strategy") {
        (builtin::rollouts(), rollout(&strategy["canary"]))
    } else if block.get("steps").is_some() {
        (builtin::rollouts(), rollout(block))
    } else if block.get("ttlStrategy").is_some() {
        let mut run = template(block);
        run["kind"] = json!("AnalysisRun");
        run["spec"]["metrics"] = metric;
        (builtin::analysis_runs(), run)
    } else {
        let mut rules = template(block);
        rules["spec"]["metrics"] = metric;
        (builtin::analysis_templates(), rules)
    }
}

/// Makes the object under another name, so that it meets no other one, and as nobody's: no controller of a test looks at it.
async fn expect_kept(fixture: &Fixture, name: &str, resource: &Resource, mut object: Value) {
    object["metadata"] = json!({
        "name": name, "namespace": fixture.namespace,
        "labels": { "argo-rollouts.argoproj.io/controller-instance-id": "documented" },
    });
    let made = fixture.admin.create_strictly(resource, &object).await;
    let made = made.unwrap_or_else(|error| panic!("{error}\n{object}"));
    assert_eq!(object::name(&made), name);
}

#[test]
fn every_field_that_the_page_of_analyses_shows_is_kept() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "documented").await;
        let blocks = blocks(ANALYSIS);
        assert!(blocks.len() > 8, "{}", blocks.len());
        for (number, block) in blocks.iter().enumerate() {
            let (resource, object) = whole(block);
            expect_kept(&fixture, &format!("block-{number}"), &resource, object).await;
        }
        if !servers.is_old() {
            let mut unknown = template(&json!({ "metrics": [{
                "name": "any", "provider": { "prometheus": { "address": "http://any", "query": "up", "caCert": "PEM" } },
            }] }));
            unknown["metadata"] = json!({ "name": "unknown", "namespace": fixture.namespace });
            let refused = fixture.admin.create_strictly(&builtin::analysis_templates(), &unknown).await.unwrap_err();
            assert!(refused.message.contains("caCert"), "what is not kept is seen: {refused}");
        }
    });
}

#[test]
fn every_field_of_the_examples_is_kept() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "examples").await;
        let mut seen = 0;
        for folder in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")).unwrap() {
            let folder = folder.unwrap().path();
            for file in fs::read_dir(&folder).into_iter().flatten() {
                let file = file.unwrap().path();
                if file.extension().is_none_or(|extension| extension != "yaml") {
                    continue;
                }
                let text = fs::read_to_string(&file).unwrap();
                for object in serde_yaml_ng::Deserializer::from_str(&text) {
                    let object = Value::deserialize(object).unwrap();
                    let resource = match object["kind"].as_str() {
                        Some("Rollout") => builtin::rollouts(),
                        Some("AnalysisTemplate") => builtin::analysis_templates(),
                        Some("Experiment") => builtin::experiments(),
                        _ => continue,
                    };
                    seen += 1;
                    expect_kept(&fixture, &format!("example-{seen}"), &resource, object).await;
                }
            }
        }
        assert!(seen > 12, "{seen}");
    });
}
