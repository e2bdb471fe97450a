//! The Gateway API: the parts of the definitions' schemas that matter where weights are written.
//!
//! From the standard channel of v1.7: defaults of references, weights, matches and path types; how many rules,
//! backends, matches, filters and parents there may be; the range of weights and ports; and of the CEL rules those
//! that routers can break: a port for each Service, a mirror's part said once, names of rules unique, and how many
//! matches all rules may have. Everything else in a route is kept and accepted.

use serde_json::{Value, json};
use tidegate_api::{Cause, Resource};

use super::{Kind, ServeOptions};
use crate::json::{at, items, text};
use crate::schema::Schema;

/// The group of the Gateway API.
pub(crate) const GROUP: &str = "gateway.networking.k8s.io";

/// The largest weight of a backend.
const MOST_WEIGHT: i64 = 1_000_000;

/// How many matches all rules of a route may have together.
const MOST_MATCHES: usize = 128;

pub(super) fn kinds() -> Vec<Kind> {
    let route = |version: &str, kind: &str, plural: &str, rules: &Value| {
        let options = ServeOptions {
            status: true,
            scale: None,
            schema: Schema::from_openapi(&route(rules)).ok(),
            validate: Some(validate_route),
        };
        Kind::custom(Resource::namespaced(GROUP, version, kind, plural), options)
    };
    let with_status = || ServeOptions { status: true, ..ServeOptions::default() };
    vec![
        route("v1", "HTTPRoute", "httproutes", &http_rules()),
        route("v1", "GRPCRoute", "grpcroutes", &grpc_rules()),
        route("v1", "TCPRoute", "tcproutes", &stream_rules()),
        route("v1", "TLSRoute", "tlsroutes", &stream_rules()),
        Kind::custom(Resource::namespaced(GROUP, "v1", "Gateway", "gateways"), with_status()),
        Kind::custom(Resource::cluster_scoped(GROUP, "v1", "GatewayClass", "gatewayclasses"), with_status()),
        Kind::custom(
            Resource::namespaced(GROUP, "v1beta1", "ReferenceGrant", "referencegrants"),
            ServeOptions::default(),
        ),
    ]
}

fn route(rules: &Value) -> Value {
    json!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "properties": {
                    "hostnames": {
                        "type": "array", "maxItems": 16,
                        "items": {"type": "string", "minLength": 1, "maxLength": 253},
                    },
                    "parentRefs": {"type": "array", "maxItems": 32, "items": parent()},
                    "rules": rules,
                },
            },
            "status": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "required": ["parents"],
                "properties": {"parents": {
                    "type": "array", "maxItems": 32,
                    "items": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                        "required": ["conditions", "controllerName", "parentRef"],
                        "properties": {
                            "controllerName": {"type": "string", "minLength": 1, "maxLength": 253},
                            "parentRef": parent(),
                            "conditions": conditions(),
                        },
                    },
                }},
            },
        },
    })
}

fn conditions() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": 8,
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
                "message": {"type": "string", "maxLength": 32768},
            },
        },
    })
}

fn parent() -> Value {
    json!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "required": ["name"],
        "properties": {
            "group": {"type": "string", "maxLength": 253, "default": GROUP},
            "kind": {"type": "string", "minLength": 1, "maxLength": 63, "default": "Gateway"},
            "name": {"type": "string", "minLength": 1, "maxLength": 253},
            "namespace": {"type": "string", "minLength": 1, "maxLength": 63},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        },
    })
}

fn backend(filters: Option<Value>) -> Value {
    let mut backend = json!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "required": ["name"],
        "properties": {
            "group": {"type": "string", "maxLength": 253, "default": ""},
            "kind": {"type": "string", "minLength": 1, "maxLength": 63, "default": "Service"},
            "name": {"type": "string", "minLength": 1, "maxLength": 253},
            "namespace": {"type": "string", "minLength": 1, "maxLength": 63},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
            "weight": {"type": "integer", "minimum": 0, "maximum": MOST_WEIGHT, "default": 1},
        },
    });
    if let (Some(filters), Some(Value::Object(properties))) = (filters, backend.get_mut("properties")) {
        properties.insert("filters".into(), filters);
    }
    backend
}

fn filters() -> Value {
    let mut mirrored = backend(None);
    if let Some(Value::Object(properties)) = mirrored.get_mut("properties") {
        properties.shift_remove("weight");
    }
    json!({
        "type": "array", "maxItems": 16,
        "items": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "required": ["type"],
            "properties": {
                "requestMirror": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": true,
                    "required": ["backendRef"],
                    "properties": {
                        "backendRef": mirrored,
                        "percent": {"type": "integer", "minimum": 0, "maximum": 100},
                        "fraction": {
                            "type": "object",
                            "required": ["numerator"],
                            "properties": {
                                "numerator": {"type": "integer", "minimum": 0},
                                "denominator": {"type": "integer", "minimum": 1, "default": 100},
                            },
                        },
                    },
                },
                "requestRedirect": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {"statusCode": {"type": "integer", "enum": [301, 302, 303, 307, 308], "default": 302}},
                },
            },
        },
    })
}

fn named_matches(most: u64) -> Value {
    json!({
        "type": "array", "maxItems": most,
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "required": ["name", "value"],
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 256},
                "type": {"type": "string", "enum": ["Exact", "RegularExpression"], "default": "Exact"},
                "value": {"type": "string", "minLength": 1, "maxLength": 4096},
            },
        },
    })
}

fn http_rules() -> Value {
    let path = json!({"type": "PathPrefix", "value": "/"});
    json!({
        "type": "array", "minItems": 1, "maxItems": 16,
        "default": [{"matches": [{"path": path}]}],
        "items": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 253},
                "backendRefs": {"type": "array", "maxItems": 16, "items": backend(Some(filters()))},
                "filters": filters(),
                "matches": {
                    "type": "array", "maxItems": 64,
                    "default": [{"path": path}],
                    "items": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {
                            "path": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": true,
                                "default": path,
                                "properties": {
                                    "type": {
                                        "type": "string",
                                        "enum": ["Exact", "PathPrefix", "RegularExpression"],
                                        "default": "PathPrefix",
                                    },
                                    "value": {"type": "string", "maxLength": 1024, "default": "/"},
                                },
                            },
                            "headers": named_matches(16),
                            "queryParams": named_matches(16),
                        },
                    },
                },
            },
        },
    })
}

fn grpc_rules() -> Value {
    json!({
        "type": "array", "maxItems": 16,
        "items": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 253},
                "backendRefs": {"type": "array", "maxItems": 16, "items": backend(Some(filters()))},
                "filters": filters(),
                "matches": {
                    "type": "array", "maxItems": 64,
                    "items": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {
                            "headers": named_matches(16),
                            "method": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": true,
                                "properties": {"type": {
                                    "type": "string", "enum": ["Exact", "RegularExpression"], "default": "Exact",
                                }},
                            },
                        },
                    },
                },
            },
        },
    })
}

fn stream_rules() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": 1,
        "items": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 253},
                "backendRefs": {"type": "array", "minItems": 1, "maxItems": 16, "items": backend(None)},
            },
        },
    })
}

/// What the CEL rules of the definitions say. As servers do, what did not change since it was accepted is let pass.
fn validate_route(new: &Value, old: Option<&Value>) -> Vec<Cause> {
    let path = ["spec", "rules"];
    if old.is_some_and(|old| at(old, &path) == at(new, &path)) {
        return Vec::new();
    }
    let rules = items(new, &path);
    let mut causes = Vec::new();
    let mut refuse = |field: String, message: &str| {
        causes.push(Cause { field, message: format!("Invalid value: {message}") });
    };
    for (index, rule) in rules.iter().enumerate() {
        let field = format!("spec.rules[{index}]");
        for (inner, backend) in items(rule, &["backendRefs"]).iter().enumerate() {
            if lacks_port(backend) {
                refuse(format!("{field}.backendRefs[{inner}]"), "Must have port for Service reference");
            }
        }
        for (inner, filter) in items(rule, &["filters"]).iter().enumerate() {
            let Some(mirror) = filter.get("requestMirror") else { continue };
            let field = format!("{field}.filters[{inner}].requestMirror");
            if mirror.get("percent").is_some() && mirror.get("fraction").is_some() {
                refuse(field.clone(), "Only one of percent or fraction may be specified");
            }
            if mirror.get("backendRef").is_some_and(lacks_port) {
                refuse(format!("{field}.backendRef"), "Must have port for Service reference");
            }
        }
    }
    let names: Vec<_> = rules.iter().filter_map(|rule| rule.get("name")).collect();
    if names.iter().any(|name| names.iter().filter(|other| other == &name).count() > 1) {
        refuse("spec.rules".into(), "Rule name must be unique within the route");
    }
    if rules.iter().map(|rule| items(rule, &["matches"]).len()).sum::<usize>() > MOST_MATCHES {
        refuse(
            "spec.rules".into(),
            "While 16 rules and 64 matches per rule are allowed, the total number of matches across all rules in a \
             route must be less than 128",
        );
    }
    causes
}

fn lacks_port(reference: &Value) -> bool {
    let service = text(reference, &["group"]).is_empty() && text(reference, &["kind"]) == "Service";
    service && reference.get("port").is_none()
}
