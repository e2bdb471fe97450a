//! What a switch would do, on Rollouts at each of their stages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, Operation, Request, Resource, builtin};
use tidegate_cluster::Cluster;
use tidegate_gateway_api::GatewayApi;
use tidegate_handover::{Adoption, Listing, Outlook, Source, Subject, Verdict, outlooks, survey};
use tidegate_native::Native;
use tidegate_shell::{PluginState, Settings, Shell, WatchKey, guess_plural};
use tidegate_simulate::Driver;

const PLUGIN: &str = "argoproj-labs/gatewayAPI";

fn plugins() -> BTreeMap<String, PluginState> {
    BTreeMap::from([(PLUGIN.to_owned(), PluginState::ready(Arc::new(Native::<GatewayApi>::new())))])
}

fn routes() -> Resource {
    Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
}

fn objects() -> Vec<(Resource, Value)> {
    let service = |name: &str| {
        let object = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": "shop" },
            "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
        });
        (builtin::services(), object)
    };
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": { "parentRefs": [{ "name": "public" }], "rules": [{ "backendRefs": [
            { "name": "web-stable", "port": 80, "weight": 100 }, { "name": "web-canary", "port": 80, "weight": 0 },
        ]}]},
    });
    let rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": {
            "replicas": 4,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": "web:1" }] },
            },
            "strategy": { "canary": {
                "stableService": "web-stable", "canaryService": "web-canary",
                "trafficRouting": { "plugins": { PLUGIN: { "httpRoute": "web" } } },
                "steps": [
                    { "setWeight": 20 }, { "pause": {} },
                    { "setCanaryScale": { "replicas": 3 } }, { "pause": {} },
                    { "setWeight": 60 }, { "pause": { "duration": "1h" } },
                ],
            }},
        },
    });
    vec![service("web-stable"), service("web-canary"), (routes(), route), (builtin::rollouts(), rollout)]
}

/// A Rollout on its way in an in-memory cluster.
struct Way(Driver);

impl Way {
    fn new() -> Self {
        let mut cluster = Cluster::new(tidegate_cluster::Settings::default());
        for (resource, object) in objects() {
            let request =
                Request { resource, namespace: Some("shop".into()), operation: Operation::Create { object } };
            cluster.handle(&request).unwrap();
        }
        let mut way = Self(Driver::new(cluster, Shell::new(Settings::default()), plugins()));
        way.go_on();
        way
    }

    /// Lets five minutes pass.
    fn go_on(&mut self) {
        let until = self.0.elapsed() + Duration::from_mins(5);
        self.0.settle(&mut |_, _, _| {});
        while self.0.next_due().is_some_and(|due| due <= until) && self.0.advance() {
            self.0.settle(&mut |_, _, _| {});
        }
        self.0.advance_to(until);
        self.0.settle(&mut |_, _, _| {});
    }

    fn patch(&mut self, resource: Resource, subresource: Option<&str>, body: Value) {
        let operation = Operation::Patch {
            name: "web".into(),
            subresource: subresource.map(str::to_owned),
            body: Body::Merge(body),
        };
        let request = Request { resource, namespace: Some("shop".into()), operation };
        self.0.cluster.handle(&request).unwrap();
    }

    fn status(&mut self, status: Value) {
        self.patch(builtin::rollouts(), Some("status"), json!({ "status": status }));
        self.go_on();
    }

    fn image(&mut self, image: &str) {
        let template = json!({ "spec": { "containers": [{ "name": "web", "image": image }] } });
        self.patch(builtin::rollouts(), None, json!({ "spec": { "template": template } }));
    }

    fn outlook(&self) -> Outlook {
        outlook(self.0.cluster.all_objects().map(|object| object.as_ref().clone()).collect())
    }
}

/// Objects in the place of a cluster.
struct Objects(Vec<Value>);

impl Source for Objects {
    fn list(&mut self, watch: &WatchKey) -> Result<Option<Listing>, ApiError> {
        let version = watch.versions.first().map_or("v1", |version| version);
        Ok(Some(Listing {
            resource: Resource::namespaced(&watch.group, version, &watch.kind, &guess_plural(&watch.kind)),
            objects: self.0.iter().filter(|object| object["kind"] == *watch.kind).cloned().collect(),
        }))
    }
}

fn outlook(objects: Vec<Value>) -> Outlook {
    let wall = "2026-05-01T10:00:00Z".parse().unwrap();
    let found = survey(Settings::default(), plugins().into(), &mut Objects(objects), wall).unwrap();
    let [outlook] = <[Outlook; 1]>::try_from(outlooks(&found)).unwrap();
    outlook
}

#[test]
fn a_switch_at_any_stage_writes_nothing() {
    let mut way = Way::new();
    let expect = |way: &Way, stage: &str, phase: &str, step: Option<u64>| {
        let outlook = way.outlook();
        assert_eq!((outlook.phase.as_str(), outlook.step), (phase, step), "{stage}");
        assert_eq!(outlook.verdict, Verdict::Unchanged, "{stage}: {:?}", outlook.changes);
        assert!(matches!(outlook.adoption, Adoption::ByHash(_)), "{stage}: {:?}", outlook.adoption);
    };
    expect(&way, "idle", "Healthy", Some(6));
    way.image("web:2");
    way.go_on();
    expect(&way, "weight", "Paused", Some(1));
    way.status(json!({ "pauseConditions": null }));
    expect(&way, "canary scale", "Paused", Some(3));
    way.status(json!({ "abort": true }));
    expect(&way, "aborted", "Degraded", Some(0));
    way.status(json!({ "abort": false }));
    way.status(json!({ "promoteFull": true }));
    expect(&way, "promoted", "Healthy", Some(6));
}

#[test]
fn what_a_switch_would_change_is_told_place_by_place() {
    let mut way = Way::new();
    way.image("web:2");
    way.go_on();
    let mut objects: Vec<Value> = way.0.cluster.all_objects().map(|object| object.as_ref().clone()).collect();
    for object in &mut objects {
        // As under Argo Rollouts: nothing of ours is recorded yet.
        let Some(metadata) = object["metadata"].as_object_mut() else { continue };
        metadata.remove("finalizers");
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.retain(|key, _| !key.starts_with("tidegate.dev/"));
        }
    }
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut objects = objects.clone();
        objects.iter_mut().for_each(change);
        outlook(objects)
    };
    let found = |outlook: &Outlook| -> Vec<(Subject, String)> {
        outlook.changes.iter().map(|change| (change.subject, change.field.clone())).collect()
    };

    let weight = changed(&|object| {
        if object["kind"] == "HTTPRoute" {
            object["spec"]["rules"][0]["backendRefs"][1]["weight"] = json!(35);
        }
    });
    assert_eq!(weight.verdict, Verdict::ChangesTraffic);
    assert_eq!(found(&weight), [(Subject::Route, "/spec/rules/0/backendRefs/1/weight".to_owned())]);

    let rehashed = changed(&|object| {
        // Argo's hash of the template depends on the version of its libraries.
        let text = object.to_string();
        let hash =
            objects.iter().find(|one| one["kind"] == "Rollout").unwrap()["status"]["currentPodHash"].clone();
        *object = serde_json::from_str(&text.replace(hash.as_str().unwrap(), "5c8c877744")).unwrap();
    });
    assert_eq!(rehashed.verdict, Verdict::Unchanged, "{:?}", rehashed.changes);
    assert!(matches!(rehashed.adoption, Adoption::ByTemplate(_)), "{:?}", rehashed.adoption);

    let unknown = changed(&|object| {
        if object["kind"] == "Rollout" {
            object["spec"]["strategy"]["canary"]["trafficRouting"]["plugins"] =
                json!({ "somebody/else": {} });
        }
    });
    assert_eq!(unknown.verdict, Verdict::NotServed, "{:?}", unknown.changes);
    assert!(!unknown.obstacles.is_empty());

    let refused = changed(&|object| {
        if object["kind"] == "Rollout" {
            object["spec"]["strategy"]["canary"]["steps"][0]["setWeight"] = json!(300);
        }
    });
    assert_eq!(refused.verdict, Verdict::NotServed, "{:?}", refused.changes);
    assert!(refused.obstacles.iter().any(|one| one.reason == "InvalidSpec"), "{:?}", refused.obstacles);

    let replaced = changed(&|object| {
        if object["kind"] == "Rollout" {
            object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:3");
        }
    });
    assert_eq!(replaced.verdict, Verdict::ChangesTraffic);
    assert_eq!(replaced.adoption, Adoption::New);
}
