//! Istio: the parts of its definitions' schemas, and of what its webhook refuses, that matter where weights are written.
//!
//! Everything else in these objects is kept and accepted. Nobody reports on them, as in a mesh whose operator has
//! not switched that on.

use serde_json::{Value, json};
use tidegate_api::{Cause, Resource};

use super::{Kind, ServeOptions};
use crate::answer::value_invalid;
use crate::json::{items, number};
use crate::schema::Schema;

const GROUP: &str = "networking.istio.io";

pub(super) fn kinds() -> Vec<Kind> {
    let kind = |name: &str, plural: &str, spec: &Value, validate| {
        let schema = json!({
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"spec": spec},
        });
        let options =
            ServeOptions { status: true, scale: None, schema: Schema::from_openapi(&schema).ok(), validate };
        Kind::custom(Resource::namespaced(GROUP, "v1", name, plural), options)
    };
    vec![
        kind("VirtualService", "virtualservices", &virtual_service(), Some(validate_weights)),
        kind("DestinationRule", "destinationrules", &destination_rule(), None),
    ]
}

fn open(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "required": required,
        "properties": properties,
    })
}

fn virtual_service() -> Value {
    let port = open(&json!({"number": {"type": "integer", "minimum": 0}}), &[]);
    let destination =
        open(&json!({"host": {"type": "string"}, "subset": {"type": "string"}, "port": port}), &["host"]);
    let weighted =
        open(&json!({"destination": destination, "weight": {"type": "integer"}}), &["destination"]);
    let destinations = json!({"type": "array", "items": weighted});
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let connections = open(&json!({"port": {"type": "integer", "minimum": 0}, "sniHosts": texts}), &[]);
    let http = open(
        &json!({
            "name": {"type": "string"},
            "match": {"type": "array", "items": open(&json!({}), &[])},
            "route": destinations,
            "mirror": destination,
            "mirrorPercentage": open(&json!({"value": {"type": "number"}}), &[]),
        }),
        &[],
    );
    let stream = open(&json!({"match": {"type": "array", "items": connections}, "route": destinations}), &[]);
    open(
        &json!({
            "hosts": texts,
            "gateways": texts,
            "http": {"type": "array", "items": http},
            "tls": {"type": "array", "items": stream},
            "tcp": {"type": "array", "items": stream},
        }),
        &[],
    )
}

fn destination_rule() -> Value {
    let labels = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let subset = open(&json!({"name": {"type": "string"}, "labels": labels}), &["name"]);
    open(&json!({"host": {"type": "string"}, "subsets": {"type": "array", "items": subset}}), &["host"])
}

/// No weight is negative, and of several destinations one has some.
fn validate_weights(service: &Value, _old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    for protocol in ["http", "tls", "tcp"] {
        for (index, route) in items(service, &["spec", protocol]).iter().enumerate() {
            let weights = items(route, &["route"]).iter().map(|one| number(one, &["weight"]).unwrap_or(0));
            let weights: Vec<i64> = weights.collect();
            let field = format!("spec.{protocol}[{index}].route");
            if let Some(weight) = weights.iter().find(|weight| **weight < 0) {
                causes.push(value_invalid(&field, &(*weight).into(), "weight < 0"));
            }
            if weights.len() > 1 && weights.iter().all(|weight| *weight == 0) {
                causes.push(value_invalid(&field, &0.into(), "total destination weight = 0"));
            }
        }
    }
    causes
}
