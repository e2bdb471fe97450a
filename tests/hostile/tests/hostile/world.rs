//! The objects that plugins see, and what they are asked about them: the Rollout `shop/web`, whose canary should get 20 %.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_cluster::Selector;
use tidegate_contract::{
    Destination, Kind, Object, ObjectRef, Observation, Query, Selection, Target, Traffic,
};
use tidegate_hostile::{Hostile, Question};
use tidegate_route::{Pass, Purpose};

/// The namespace of the Rollout.
pub(crate) const HOME: &str = "shop";

/// What the Rollout `web` should be. The route's second rule is somebody else's.
pub(crate) fn route(name: &str, rollout: &str) -> Value {
    let ours = |path: &str| {
        json!({
            "matches": [{"path": {"type": "PathPrefix", "value": path}}],
            "backendRefs": [
                {"group": "", "kind": "Service", "name": format!("{rollout}-stable"), "port": 80, "weight": 100},
                {"group": "", "kind": "Service", "name": format!("{rollout}-canary"), "port": 80, "weight": 0},
            ],
        })
    };
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": HOME},
        "spec": {
            "parentRefs": [{"name": "public"}],
            "rules": [
                ours("/"),
                {
                    "matches": [{"path": {"type": "Exact", "value": "/legacy"}}],
                    "backendRefs": [{"group": "", "kind": "Service", "name": "legacy", "port": 80, "weight": 1}],
                },
                ours("/api"),
            ],
        },
    })
}

/// What is none of a router's business: objects named `bystander`, and a Secret.
pub(crate) fn bystanders() -> Vec<Value> {
    let named = |name: &str| json!({"name": name, "namespace": HOME});
    let template = json!({"metadata": {"labels": {"app": "bystander"}},
                          "spec": {"containers": [{"name": "web", "image": "example.com/web:v1"}]}});
    let spec =
        json!({"replicas": 1, "selector": {"matchLabels": {"app": "bystander"}}, "template": template});
    let mut rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
                             "metadata": named("bystander"), "spec": spec});
    rollout["spec"]["strategy"] = json!({"canary": {"steps": [{"setWeight": 50}]}});
    vec![
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": named("credentials"), "data": {"token": "aGVsbG8="}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named("bystander"), "spec": spec}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": named("bystander"),
               "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
               "metadata": {"name": "bystander"}, "webhooks": [{"name": "policy.example.com", "failurePolicy": "Fail"}]}),
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
               "metadata": {"name": "bystander"}, "spec": {"scope": "Namespaced"}}),
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": named("bystander"),
               "spec": {"gatewayClassName": "public", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}}),
        rollout,
        route("bystander", "bystander"),
    ]
}

/// The objects there are.
pub(crate) struct World(BTreeMap<ObjectRef, Value>);

impl World {
    pub(crate) fn new() -> Self {
        let mut objects = bystanders();
        objects.push(route("web", "web"));
        let text = |object: &Value, at: &str| object.pointer(at).unwrap().as_str().unwrap().to_owned();
        let keyed = objects.into_iter().map(|mut object| {
            let api_version = text(&object, "/apiVersion");
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            let reference = ObjectRef {
                kind: Kind::new(group, text(&object, "/kind")),
                namespace: object.pointer("/metadata/namespace").map(|_| HOME.to_owned()),
                name: text(&object, "/metadata/name"),
            };
            object["metadata"]["uid"] = format!("uid of {reference}").into();
            object["metadata"]["resourceVersion"] = "42".into();
            (reference, object)
        });
        Self(keyed.collect())
    }

    /// What is there; `None` for a selector that is none.
    pub(crate) fn observe(&self, query: &Query) -> Option<Observation> {
        let namespace = query.namespace.as_deref().unwrap_or(HOME);
        let selector = match &query.select {
            Selection::Name(_) => None,
            Selection::Labels(labels) => Some(Selector::parse(labels).ok()?),
        };
        let fits = |reference: &ObjectRef, object: &Value| match &query.select {
            Selection::Name(name) => reference.name == *name,
            Selection::Labels(_) => {
                let labels = object.pointer("/metadata/labels");
                selector.as_ref().is_some_and(|selector| selector.matches(labels))
            }
        };
        let objects = self.0.iter().filter(|(reference, object)| {
            reference.kind == query.kind
                && reference.namespace.as_deref().is_none_or(|own| own == namespace)
                && fits(reference, object)
        });
        let objects = objects.map(|(reference, object)| Object {
            reference: reference.clone(),
            api_version: object["apiVersion"].as_str().unwrap().to_owned(),
            json: object.to_string().into(),
        });
        Some(Observation { query: query.clone(), served: true, objects: objects.collect() })
    }
}

/// What a plugin is asked, having seen this.
pub(crate) fn pass(question: Question, config: &Value, seen: &[Observation]) -> Pass {
    let destination = |name: &str, weight| Destination {
        name: name.into(),
        service: Some(format!("web-{name}")),
        pod_template_hash: None,
        weight,
    };
    let service = |role: &str| Some(format!("web-{role}"));
    Pass {
        target: Target {
            namespace: HOME.into(),
            name: "web".into(),
            uid: "uid of the Rollout".into(),
            config: config.to_string(),
            settings: "{}".into(),
            stable_service: service("stable"),
            canary_service: service("canary"),
        },
        traffic: Traffic {
            max_weight: 100,
            stable: destination("stable", 80),
            canary: destination("canary", 20),
            ..Traffic::default()
        },
        seen: seen.to_vec(),
        purpose: match question {
            Question::Check | Question::Route => Purpose::Route,
            Question::Release => Purpose::Release,
        },
        grant: None,
    }
}

/// What a Rollout says under the key of such a plugin.
pub(crate) fn config(hostile: &Hostile, route: &str) -> Value {
    json!({"httpRoute": route, "misbehave": hostile.name})
}
