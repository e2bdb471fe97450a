//! Services: defaults, the addresses that a server gives them, and the little validation that matters here.

use serde_json::{Value, json};
use tidegate_api::Cause;

use crate::answer::{value_invalid, value_required};
use crate::json::{as_object, at, default, items, number, object_at, text};

pub(super) fn default_service(object: &mut Value) {
    let spec = object_at(object, "spec");
    default(spec, "sessionAffinity", || "None".into());
    default(spec, "type", || "ClusterIP".into());
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind != "ExternalName" {
        default(spec, "internalTrafficPolicy", || "Cluster".into());
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        default(spec, "externalTrafficPolicy", || "Cluster".into());
    }
    if kind == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", || true.into());
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let port = as_object(port);
        default(port, "protocol", || "TCP".into());
        if let Some(number) = port.get("port").cloned() {
            default(port, "targetPort", || number);
        }
    }
}

/// Gives a new service its address.
pub(super) fn allocate(service: &mut Value, sequence: u64) {
    if text(service, &["spec", "type"]) == "ExternalName" {
        return;
    }
    let spec = object_at(service, "spec");
    let number = sequence % 65_023 + 256;
    default(spec, "clusterIP", || format!("10.96.{}.{}", number / 256, number % 256).into());
    let address = spec.get("clusterIP").cloned().unwrap_or_default();
    default(spec, "clusterIPs", || json!([address]));
    default(spec, "ipFamilies", || json!(["IPv4"]));
    default(spec, "ipFamilyPolicy", || "SingleStack".into());
}

/// A replacement that leaves out what was allocated does not lose it.
pub(super) fn keep_allocated(new: &mut Value, old: &Value) {
    if text(new, &["spec", "type"]) == "ExternalName" || text(old, &["spec", "type"]) == "ExternalName" {
        return;
    }
    let spec = object_at(new, "spec");
    for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if let Some(value) = at(old, &["spec", key]) {
            default(spec, key, || value.clone());
        }
    }
}

/// What is wrong with a service.
pub(super) fn validate_service(service: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let kind = text(service, &["spec", "type"]);
    if !matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName") {
        let known = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"].map(Value::from);
        causes.push(crate::answer::unsupported("spec.type", &kind.into(), &known));
    }
    let ports = items(service, &["spec", "ports"]);
    let headless = text(service, &["spec", "clusterIP"]) == "None";
    if ports.is_empty() && kind != "ExternalName" && !headless {
        causes.push(value_required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        let number = number(port, &["port"]).unwrap_or_default();
        if !(1..=65_535).contains(&number) {
            let field = format!("spec.ports[{index}].port");
            causes.push(value_invalid(&field, &number.into(), "must be between 1 and 65535, inclusive"));
        }
        let target = port.get("targetPort").and_then(Value::as_i64);
        if let Some(target) = target.filter(|target| !(1..=65_535).contains(target)) {
            let field = format!("spec.ports[{index}].targetPort");
            causes.push(value_invalid(&field, &target.into(), "must be between 1 and 65535, inclusive"));
        }
        if ports.len() > 1 && text(port, &["name"]).is_empty() {
            causes.push(value_required(&format!("spec.ports[{index}].name"), ""));
        }
    }
    causes
}
