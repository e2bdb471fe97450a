//! What the plugin changes besides the weights.

use serde_json::{Value, json};
use tidegate_router_sdk::{Change, Edit, Kind, ObjectRef, Outcome, Query, Target};

use crate::{Config, honest};

/// How the plugin answers with a change that it may not make.
enum Tampering {
    /// By further operations on the route.
    Operations(Value),
    /// By another patch of the route.
    Patch(String),
    /// By another text of the route.
    Text(String),
    /// By changes besides that of the route.
    Changes(Vec<Change>),
}

/// An object that the plugin asks to see, and that is not its to have: its kind, its name, and how it would change it.
fn coveted_object(how: &str) -> Option<(Kind, &'static str, Edit)> {
    let patch = |op: &str, path: &str, value: Value| {
        Edit::JsonPatch(json!([{"op": op, "path": path, "value": value}]).to_string())
    };
    let (group, kind, name, edit) = match how {
        "deployment" => ("apps", "Deployment", "bystander", patch("replace", "/spec/replicas", json!(0))),
        "rollout" => ("argoproj.io", "Rollout", "bystander", patch("replace", "/spec/replicas", json!(0))),
        "role" => {
            let edit = patch("add", "/rules/0/verbs/-", json!("*"));
            ("rbac.authorization.k8s.io", "Role", "bystander", edit)
        }
        "webhook" => {
            let edit = patch("replace", "/webhooks/0/failurePolicy", json!("Ignore"));
            ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "bystander", edit)
        }
        "definition" => {
            let edit = patch("replace", "/spec/scope", json!("Cluster"));
            ("apiextensions.k8s.io", "CustomResourceDefinition", "bystander", edit)
        }
        "another-rollouts-route" => {
            let edit = patch("replace", "/spec/rules/0/backendRefs/0/weight", json!(0));
            ("gateway.networking.k8s.io", "HTTPRoute", "bystander", edit)
        }
        "take-over" => {
            let edit = Edit::Replace(new("gateway.networking.k8s.io/v1", "Gateway", "bystander"));
            ("gateway.networking.k8s.io", "Gateway", "bystander", edit)
        }
        "adopt" => {
            let owners = json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "controller": true}]);
            let edit = patch("add", "/metadata/ownerReferences", owners);
            ("gateway.networking.k8s.io", "Gateway", "bystander", edit)
        }
        "remove-gateway" => ("gateway.networking.k8s.io", "Gateway", "bystander", Edit::Remove),
        "owned-by-a-node" => {
            let made = json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
                "metadata": {"name": "mine", "ownerReferences": [{"kind": "Node", "name": "x"}]},
            });
            ("gateway.networking.k8s.io", "Gateway", "mine", Edit::Replace(made.to_string()))
        }
        "another-name" => {
            let edit = Edit::Replace(new("gateway.networking.k8s.io/v1", "Gateway", "bystander"));
            ("gateway.networking.k8s.io", "Gateway", "mine", edit)
        }
        _ => return None,
    };
    Some((Kind::new(group, kind), name, edit))
}

/// The query for that object.
pub(crate) fn coveted(how: &str) -> Option<Query> {
    coveted_object(how).map(|(kind, name, _)| Query::named(kind, name))
}

pub(crate) fn tamper(config: &Config, target: &Target, outcome: &mut Outcome) {
    let route =
        ObjectRef::namespaced(honest::http_route(), target.namespace.as_str(), config.http_route.as_str());
    let Some(tampering) = tampering(&config.misbehave, target, &route) else { return };
    let mut patch = match outcome.changes.pop() {
        Some(Change { edit: Edit::JsonPatch(text), .. }) => {
            serde_json::from_str::<Vec<Value>>(&text).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let edit = match tampering {
        Tampering::Operations(more) => {
            patch.extend(more.as_array().cloned().unwrap_or_default());
            Edit::JsonPatch(Value::Array(patch).to_string())
        }
        Tampering::Patch(text) => Edit::JsonPatch(text),
        Tampering::Text(text) => Edit::Replace(text),
        Tampering::Changes(changes) => {
            outcome.changes.extend(changes);
            if patch.is_empty() {
                return;
            }
            Edit::JsonPatch(Value::Array(patch).to_string())
        }
    };
    outcome.changes.push(Change { ref_: route, edit });
}

fn tampering(how: &str, target: &Target, route: &ObjectRef) -> Option<Tampering> {
    let operation = |op: &str, path: &str, value: Value| {
        Tampering::Operations(json!([{"op": op, "path": path, "value": value}]))
    };
    let other = |kind: Kind, namespace: &str, name: &str, edit: Edit| {
        Tampering::Changes(vec![Change { ref_: ObjectRef::namespaced(kind, namespace, name), edit }])
    };
    let home = target.namespace.as_str();
    let no_weight = || {
        Edit::JsonPatch(r#"[{"op":"replace","path":"/spec/rules/0/backendRefs/0/weight","value":0}]"#.into())
    };
    if let Some((kind, name, edit)) = coveted_object(how) {
        let is_of_the_cluster = matches!(how, "webhook" | "definition");
        let namespace = (!is_of_the_cluster).then(|| home.to_owned());
        let ref_ = ObjectRef { kind, namespace, name: name.to_owned() };
        return Some(Tampering::Changes(vec![Change { ref_, edit }]));
    }
    let stable = || json!({"name": target.stable_service, "port": 80});
    Some(match how {
        // What an object is, and what says who may do what with it.
        "finalizer" => operation("add", "/metadata/finalizers", json!(["example.com/mine"])),
        "owner" => operation("add", "/metadata/ownerReferences", json!([{"kind": "Node", "name": "x"}])),
        "rename" => operation("replace", "/metadata/name", json!("other")),
        "other-version" => operation("replace", "/apiVersion", json!("gateway.networking.k8s.io/v9")),
        "status" => operation("add", "/status", json!({"parents": [{"conditions": []}]})),
        // Fields that it did not ask for.
        "hostnames" => operation("add", "/spec/hostnames", json!(["evil.example.com"])),
        "parents" => operation("replace", "/spec/parentRefs/0/name", json!("evil")),
        "label" => operation("add", "/metadata/labels", json!({"team": "mine"})),
        "mirror" => operation(
            "add",
            "/spec/rules/0/filters",
            json!([{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "evil"}}}]),
        ),
        "port" => operation("replace", "/spec/rules/1/backendRefs/0/port", json!(22)),
        "retarget" => operation("replace", "/spec/rules/0/backendRefs/0/name", json!("evil")),
        // What is somebody else's.
        "foreign-weight" => operation("replace", "/spec/rules/1/backendRefs/0/weight", json!(0)),
        "foreign-backend" => operation("replace", "/spec/rules/1/backendRefs/0/name", json!("evil")),
        "drop-rule" => Tampering::Operations(json!([{"op": "remove", "path": "/spec/rules/1"}])),
        "drop-all-rules" => operation("replace", "/spec/rules", json!([])),
        "swap-rules" => {
            Tampering::Operations(json!([{"op": "move", "from": "/spec/rules/1", "path": "/spec/rules/0"}]))
        }
        "catch-all-rule" => {
            operation("add", "/spec/rules/0", json!({"backendRefs": [{"name": "evil", "port": 80}]}))
        }
        "add-backend" => {
            operation("add", "/spec/rules/0/backendRefs/-", json!({"name": "evil", "port": 80, "weight": 1}))
        }
        "double-backend" => operation("add", "/spec/rules/1/backendRefs/-", stable()),
        "rule-in-disguise" => operation(
            "add",
            "/spec/rules/0",
            json!({"name": target.canary_service, "backendRefs": [{"name": "evil", "port": 80}]}),
        ),
        "backend-in-disguise" => operation(
            "add",
            "/spec/rules/0/backendRefs/-",
            json!({"name": target.canary_service, "namespace": "kube-system", "port": 80, "weight": 1}),
        ),
        // Objects that it did not see, makes, or removes.
        "create-unasked" => other(
            honest::gateway(),
            home,
            "mine",
            Edit::Replace(new("gateway.networking.k8s.io/v1", "Gateway", "mine")),
        ),
        "unseen-route" => other(honest::http_route(), home, "bystander", no_weight()),
        "unseen-namespace" => other(honest::http_route(), "kube-system", "web", no_weight()),
        "create-secret" => {
            other(Kind::new("", "Secret"), home, "mine", Edit::Replace(new("v1", "Secret", "mine")))
        }
        "create-role" => other(
            Kind::new("rbac.authorization.k8s.io", "Role"),
            home,
            "mine",
            Edit::Replace(new("rbac.authorization.k8s.io/v1", "Role", "mine")),
        ),
        "create-elsewhere" => other(
            Kind::new("gateway.networking.k8s.io", "Gateway"),
            "kube-system",
            "mine",
            Edit::Replace(new("gateway.networking.k8s.io/v1", "Gateway", "mine")),
        ),
        "remove-route" => other(honest::http_route(), home, &route.name, Edit::Remove),
        "remove-unseen" => other(honest::http_route(), home, "bystander", Edit::Remove),
        // Edits that are none.
        "no-json" => Tampering::Text("{\"spec\": ".to_owned()),
        "no-object" => Tampering::Text("[]".to_owned()),
        "no-patch" => Tampering::Patch(r#"[{"op": "explode"}]"#.to_owned()),
        "no-such-place" => operation("replace", "/spec/rules/99/backendRefs/0/weight", json!(1)),
        "nested-text" => {
            Tampering::Text(["{\"spec\":", &"[".repeat(500_000), &"]".repeat(500_000), "}"].concat())
        }
        "nested-patch" => Tampering::Operations(
            (0..300)
                .flat_map(|_| {
                    [
                        json!({"op": "move", "from": "/spec", "path": "/deeper"}),
                        json!({"op": "add", "path": "/spec", "value": {}}),
                        json!({"op": "move", "from": "/deeper", "path": "/spec/spec"}),
                    ]
                })
                .collect(),
        ),
        "billion-laughs" => Tampering::Operations(
            (0..64).map(|_| json!({"op": "copy", "from": "/spec/rules", "path": "/spec/rules/-"})).collect(),
        ),
        "thousands-of-operations" => {
            let operation = r#"{"op":"test","path":"/kind","value":"HTTPRoute"}"#;
            Tampering::Patch(["[", &[operation, ","].concat().repeat(4_999), operation, "]"].concat())
        }
        "two-megabytes" => {
            let head = r#"[{"op":"add","path":"/metadata/labels","value":{"team":""#;
            Tampering::Patch([head, &"m".repeat(2 << 20), "\"}}]"].concat())
        }
        "twice" => {
            let change = Change { ref_: route.clone(), edit: Edit::JsonPatch("[]".to_owned()) };
            Tampering::Changes(vec![change.clone(), change])
        }
        _ => return None,
    })
}

fn new(api_version: &str, kind: &str, name: &str) -> String {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}).to_string()
}
