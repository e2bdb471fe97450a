//! Ingresses: their form. Nobody reports on them.

use serde_json::{Value, json};
use tidegate_api::{Cause, Resource};

use super::{Kind, ServeOptions};
use crate::answer::value_invalid;
use crate::json::{items, text};
use crate::schema::Schema;

pub(super) fn kind() -> Kind {
    let options = ServeOptions {
        status: true,
        scale: None,
        schema: Schema::from_openapi(&schema()).ok(),
        validate: Some(validate_paths),
    };
    Kind::custom(Resource::namespaced("networking.k8s.io", "v1", "Ingress", "ingresses"), options)
}

fn schema() -> Value {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let port = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}, "number": {"type": "integer", "minimum": 1, "maximum": 65535}},
    });
    let service = json!({
        "type": "object", "required": ["name"],
        "properties": {"name": {"type": "string", "minLength": 1}, "port": port},
    });
    let resource = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let backend = json!({"type": "object", "properties": {"service": service, "resource": resource}});
    let path = json!({
        "type": "object", "required": ["pathType", "backend"],
        "properties": {
            "path": {"type": "string"},
            "pathType": {"type": "string", "enum": ["Exact", "ImplementationSpecific", "Prefix"]},
            "backend": backend,
        },
    });
    let http = json!({
        "type": "object", "required": ["paths"],
        "properties": {"paths": {"type": "array", "items": path, "minItems": 1}},
    });
    let rule = json!({"type": "object", "properties": {"host": {"type": "string"}, "http": http}});
    let tls = json!({
        "type": "object",
        "properties": {"hosts": texts, "secretName": {"type": "string"}},
    });
    json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "ingressClassName": {"type": "string"},
                    "defaultBackend": backend,
                    "rules": {"type": "array", "items": rule},
                    "tls": {"type": "array", "items": tls},
                },
            },
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        },
    })
}

/// Paths begin with a slash, but where the controller decides what they mean.
fn validate_paths(ingress: &Value, _old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (rule_index, rule) in items(ingress, &["spec", "rules"]).iter().enumerate() {
        for (index, path) in items(rule, &["http", "paths"]).iter().enumerate() {
            let value = text(path, &["path"]);
            if text(path, &["pathType"]) != "ImplementationSpecific" && !value.starts_with('/') {
                let field = format!("spec.rules[{rule_index}].http.paths[{index}].path");
                causes.push(value_invalid(&field, &value.into(), "must be an absolute path"));
            }
        }
    }
    causes
}
