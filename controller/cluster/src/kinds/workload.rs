//! Pods, and what makes them: defaults of pod templates and the rules for `ReplicaSet`s and `Deployment`s.
//!
//! The defaults matter: a controller that compares a template it wrote with the one it reads back must see what a
//! real server would have added (`pkg/apis/core/v1/defaults.go`, `pkg/apis/apps/v1/defaults.go`). Left out are the
//! defaults of rarer volumes, of ephemeral containers, and what admission plugins add to pods.

use serde_json::{Map, Value, json};
use tidegate_api::Cause;

use super::{immutable, unchangeable};
use crate::answer::{value_invalid, value_required};
use crate::json::{as_object, at, default, items, number, object_at, text};
use crate::selector::Selector;

pub(super) fn default_replica_set(object: &mut Value) {
    let spec = object_at(object, "spec");
    default(spec, "replicas", || 1.into());
    default_template(spec);
}

pub(super) fn default_deployment(object: &mut Value) {
    let spec = object_at(object, "spec");
    default(spec, "replicas", || 1.into());
    default(spec, "revisionHistoryLimit", || 10.into());
    default(spec, "progressDeadlineSeconds", || 600.into());
    let strategy = as_object(spec.entry("strategy").or_insert(Value::Null));
    default(strategy, "type", || "RollingUpdate".into());
    if strategy.get("type").and_then(Value::as_str) == Some("RollingUpdate") {
        let rolling = as_object(strategy.entry("rollingUpdate").or_insert(Value::Null));
        default(rolling, "maxSurge", || "25%".into());
        default(rolling, "maxUnavailable", || "25%".into());
    }
    default_template(spec);
}

/// Its template stands beside the metadata: there is no spec.
pub(super) fn default_pod_template(object: &mut Value) {
    default_template(as_object(object));
}

pub(super) fn default_template(spec: &mut Map<String, Value>) {
    let template = spec.entry("template").or_insert(Value::Null);
    // An embedded ObjectMeta is typed: what is empty is not kept.
    let metadata = object_at(template, "metadata");
    metadata.retain(|_, value| !value.is_null());
    default_pod_spec(object_at(template, "spec"));
}

pub(super) fn default_pod(object: &mut Value) {
    let spec = object_at(object, "spec");
    default_pod_spec(spec);
    default(spec, "enableServiceLinks", || true.into());
}

fn default_pod_spec(spec: &mut Map<String, Value>) {
    default(spec, "dnsPolicy", || "ClusterFirst".into());
    default(spec, "restartPolicy", || "Always".into());
    default(spec, "schedulerName", || "default-scheduler".into());
    default(spec, "securityContext", || json!({}));
    default(spec, "terminationGracePeriodSeconds", || 30.into());
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        default(spec, "serviceAccount", || account);
    }
    for key in ["initContainers", "containers"] {
        for container in spec.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            default_container(as_object(container));
        }
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        for source in ["secret", "configMap", "downwardAPI", "projected"] {
            if let Some(Value::Object(source)) = volume.get_mut(source) {
                default(source, "defaultMode", || 420.into());
            }
        }
    }
}

fn default_container(container: &mut Map<String, Value>) {
    default(container, "resources", || json!({}));
    default(container, "terminationMessagePath", || "/dev/termination-log".into());
    default(container, "terminationMessagePolicy", || "File".into());
    let latest = {
        let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
        is_latest(image)
    };
    default(container, "imagePullPolicy", || if latest { "Always" } else { "IfNotPresent" }.into());
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        default(as_object(port), "protocol", || "TCP".into());
    }
    for variable in container.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(Value::Object(reference)) =
            variable.get_mut("valueFrom").and_then(|source| source.get_mut("fieldRef"))
        {
            default(reference, "apiVersion", || "v1".into());
        }
    }
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(Value::Object(probe)) = container.get_mut(key) else { continue };
        default(probe, "timeoutSeconds", || 1.into());
        default(probe, "periodSeconds", || 10.into());
        default(probe, "successThreshold", || 1.into());
        default(probe, "failureThreshold", || 3.into());
        if let Some(Value::Object(http)) = probe.get_mut("httpGet") {
            default(http, "scheme", || "HTTP".into());
            default(http, "path", || "/".into());
        }
    }
}

/// Whether an image is named without a tag or digest, or with the tag `latest`.
fn is_latest(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

/// What admission adds to a new pod: the default priority, and tolerations for a node that is away for a while.
pub(super) fn admit_pod(pod: &mut Value) {
    let spec = object_at(pod, "spec");
    default(spec, "priority", || 0.into());
    default(spec, "preemptionPolicy", || "PreemptLowerPriority".into());
    let tolerations = spec.entry("tolerations").or_insert_with(|| json!([]));
    let Some(tolerations) = tolerations.as_array_mut() else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        if !tolerations.iter().any(|one| text(one, &["key"]) == key) {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            }));
        }
    }
}

/// The quality-of-service class of a pod, by the requests and limits of its containers.
pub(super) fn quality_of_service(pod: &Value) -> &'static str {
    let mut any = false;
    let mut all = true;
    for container in items(pod, &["spec", "containers"]) {
        let of = |kind: &str, resource: &str| at(container, &["resources", kind, resource]);
        any |= ["requests", "limits"]
            .iter()
            .any(|kind| ["cpu", "memory"].iter().any(|one| of(kind, one).is_some()));
        all &= ["cpu", "memory"].iter().all(|resource| {
            let limit = of("limits", resource);
            limit.is_some() && of("requests", resource).is_none_or(|request| Some(request) == limit)
        });
    }
    match (any, all) {
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
        (false, _) => "BestEffort",
    }
}

/// What is wrong with a `ReplicaSet` or `Deployment`.
pub(super) fn validate(new: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    for key in ["replicas", "minReadySeconds"] {
        if let Some(count) = number(new, &["spec", key]).filter(|count| *count < 0) {
            let field = format!("spec.{key}");
            causes.push(value_invalid(&field, &count.into(), "must be greater than or equal to 0"));
        }
    }
    validate_selector(new, &mut causes);
    validate_pod_spec("spec.template.spec", at(new, &["spec", "template", "spec"]), &mut causes);
    let policy = text(new, &["spec", "template", "spec", "restartPolicy"]);
    if policy != "Always" {
        let field = "spec.template.spec.restartPolicy";
        causes.push(crate::answer::unsupported(field, &policy.into(), &["Always".into()]));
    }
    causes.extend(old.and_then(|old| immutable("spec.selector", new, old, &["spec", "selector"])));
    causes
}

fn validate_selector(new: &Value, causes: &mut Vec<Cause>) {
    let Some(object) = at(new, &["spec", "selector"]).filter(|selector| !selector.is_null()) else {
        causes.push(value_required("spec.selector", ""));
        causes.push(mismatch(new));
        return;
    };
    let Ok(selector) = Selector::from_object(object) else {
        for (index, expression) in items(object, &["matchExpressions"]).iter().enumerate() {
            let operator = text(expression, &["operator"]);
            if !matches!(operator, "In" | "NotIn" | "Exists" | "DoesNotExist") {
                let field = format!("spec.selector.matchExpressions[{index}].operator");
                causes.push(value_invalid(&field, &operator.into(), "not a valid selector operator"));
            }
        }
        causes.push(value_invalid("spec.selector", object, "invalid label selector"));
        return;
    };
    if selector.is_empty() {
        causes.push(value_invalid("spec.selector", object, "empty selector is invalid for deployment"));
        return;
    }
    if !selector.matches(at(new, &["spec", "template", "metadata", "labels"])) {
        causes.push(mismatch(new));
    }
}

fn mismatch(new: &Value) -> Cause {
    let labels = at(new, &["spec", "template", "metadata", "labels"]).cloned().unwrap_or_default();
    let detail = "`selector` does not match template `labels`";
    value_invalid("spec.template.metadata.labels", &labels, detail)
}

/// What is wrong with the counts of a `ReplicaSet`'s status.
pub(super) fn validate_status(new: &Value) -> Vec<Cause> {
    let count = |key: &str| number(new, &["status", key]).unwrap_or_default();
    let mut causes = Vec::new();
    for key in
        ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"]
    {
        if count(key) < 0 {
            let problem = "must be greater than or equal to 0";
            causes.push(value_invalid(&format!("status.{key}"), &count(key).into(), problem));
        }
    }
    let (replicas, ready) = (count("replicas"), count("readyReplicas"));
    for (key, most, other) in [
        ("fullyLabeledReplicas", replicas, "status.replicas"),
        ("readyReplicas", replicas, "status.replicas"),
        ("availableReplicas", replicas, "status.replicas"),
        ("availableReplicas", ready, "readyReplicas"),
    ] {
        if count(key) > most {
            let problem = format!("cannot be greater than {other}");
            causes.push(value_invalid(&format!("status.{key}"), &count(key).into(), &problem));
        }
    }
    causes
}

/// The typed status leaves out zeros.
pub(super) fn normalise_status(object: &mut Value) {
    let status = object_at(object, "status");
    for key in ["fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"] {
        if status.get(key).is_some_and(|count| count.is_null() || count.as_i64() == Some(0)) {
            status.shift_remove(key);
        }
    }
    if !status.get("replicas").is_some_and(Value::is_i64) {
        status.insert("replicas".into(), 0.into());
    }
}

/// The first field that a typed object cannot hold.
pub(super) fn mistyped(object: &Value) -> Option<String> {
    for key in ["replicas", "minReadySeconds"] {
        if at(object, &["spec", key]).is_some_and(|value| !(value.is_null() || value.is_i64())) {
            return Some(format!("spec.{key} of type int32"));
        }
    }
    for path in [&["spec"][..], &["spec", "selector"], &["spec", "template"], &["status"]] {
        if at(object, path).is_some_and(|value| !(value.is_null() || value.is_object())) {
            return Some(format!("{} of type struct", path.join(".")));
        }
    }
    None
}

/// What is wrong with a pod: fields that may never be absent, and the few that may change.
pub(super) fn validate_pod(new: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    validate_pod_spec("spec", new.get("spec"), &mut causes);
    if let Some(old) = old {
        let frozen = |pod: &Value| {
            let mut spec = pod.get("spec").cloned().unwrap_or_default();
            for key in ["initContainers", "containers"] {
                for container in spec.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
                    as_object(container).shift_remove("image");
                }
            }
            let spec = as_object(&mut spec);
            for key in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName"] {
                spec.shift_remove(key);
            }
            std::mem::take(spec)
        };
        if new.get("spec") != old.get("spec") && frozen(new) != frozen(old) {
            let detail = "pod updates may not change fields other than `spec.containers[*].image`,\
                          `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only \
                          additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be \
                          set to 1 if it was previously negative)";
            causes.push(unchangeable("spec", detail));
        }
    }
    causes
}

pub(super) fn validate_pod_spec(field: &str, spec: Option<&Value>, causes: &mut Vec<Cause>) {
    let containers = spec.map(|spec| items(spec, &["containers"])).unwrap_or_default();
    if containers.is_empty() {
        causes.push(value_required(&format!("{field}.containers"), ""));
    }
    for (index, container) in containers.iter().enumerate() {
        for key in ["name", "image"] {
            if text(container, &[key]).is_empty() {
                causes.push(value_required(&format!("{field}.containers[{index}].{key}"), ""));
            }
        }
    }
    let names = containers.iter().map(|container| text(container, &["name"]));
    causes.extend(crate::metadata::duplicate_names(&format!("{field}.containers"), names));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_policy_follows_the_tag() {
        for (image, latest) in [
            ("nginx", true),
            ("nginx:latest", true),
            ("nginx:1.27", false),
            ("registry.example:5000/nginx", true),
            ("registry.example:5000/nginx:1", false),
            ("nginx@sha256:00", false),
        ] {
            assert_eq!(is_latest(image), latest, "{image}");
        }
    }

    #[test]
    fn quality_of_service_classes() {
        let pod = |resources: Value| json!({"spec": {"containers": [{"name": "a", "resources": resources}]}});
        for (resources, class) in [
            (json!({}), "BestEffort"),
            (json!({"requests": {"cpu": "1"}}), "Burstable"),
            (json!({"limits": {"cpu": "1", "memory": "1Gi"}}), "Guaranteed"),
            (json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1"}}), "Guaranteed"),
            (json!({"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}}), "Burstable"),
        ] {
            assert_eq!(quality_of_service(&pod(resources.clone())), class, "{resources}");
        }
    }
}
