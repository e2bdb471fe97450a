//! What an API server fills into the pod template of a ReplicaSet, so that a template before and after storing can be
//! compared.
//!
//! The values are those of the core/v1 defaults of Kubernetes 1.36 for pod templates. Older servers fill in the same
//! with two exceptions, which are covered because both sides get them: `image` volumes had no default pull policy,
//! and before 1.28 host ports were filled in here rather than in pods.
//!
//! It works on the canonical form, in which empty fields are absent.

use serde_json::{Map, Value, json};

/// Fills the defaults into a pod template; what is not an object is left alone.
pub(crate) fn fill_in(template: &mut Value) {
    if template.is_null() {
        *template = Value::Object(Map::new());
    }
    let Some(template) = template.as_object_mut() else { return };
    let Some(spec) = template.entry("spec").or_insert_with(|| json!({})).as_object_mut() else { return };
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "restartPolicy", "Always");
    default(spec, "securityContext", json!({}));
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "schedulerName", "default-scheduler");
    // An alias: the server copies it to the current name, and reports both.
    if let Some(alias) = spec.shift_remove("serviceAccount") {
        default(spec, "serviceAccountName", alias);
    }
    let host_network = spec.get("hostNetwork").and_then(Value::as_bool) == Some(true);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in objects(spec.get_mut(list)) {
            fill_in_container(container, host_network && list != "ephemeralContainers");
        }
    }
    for volume in objects(spec.get_mut("volumes")) {
        fill_in_volume(volume);
    }
}

/// Sets a field that is absent.
fn default(object: &mut Map<String, Value>, field: &str, value: impl Into<Value>) {
    if object.get(field).is_none_or(Value::is_null) {
        object.insert(field.to_owned(), value.into());
    }
}

/// The objects of a list.
fn objects(list: Option<&mut Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    list.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

/// An object in a field.
fn object<'a>(parent: &'a mut Map<String, Value>, field: &str) -> Option<&'a mut Map<String, Value>> {
    parent.get_mut(field)?.as_object_mut()
}

/// One container of any of the three kinds.
fn fill_in_container(container: &mut Map<String, Value>, host_network: bool) {
    let pull_policy = pull_policy(container.get("image").and_then(Value::as_str).unwrap_or_default());
    default(container, "imagePullPolicy", pull_policy);
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    for port in objects(container.get_mut("ports")) {
        default(port, "protocol", "TCP");
        if host_network && let Some(number) = port.get("containerPort").cloned() {
            default(port, "hostPort", number);
        }
    }
    for variable in objects(container.get_mut("env")) {
        let Some(source) = object(variable, "valueFrom") else { continue };
        fill_in_field_reference(source);
        if let Some(file) = object(source, "fileKeyRef") {
            default(file, "optional", false);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = object(container, name) else { continue };
        default(probe, "timeoutSeconds", 1);
        default(probe, "periodSeconds", 10);
        default(probe, "successThreshold", 1);
        default(probe, "failureThreshold", 3);
        fill_in_http_get(probe);
        if let Some(grpc) = object(probe, "grpc") {
            default(grpc, "service", "");
        }
    }
    let Some(lifecycle) = object(container, "lifecycle") else { return };
    for name in ["postStart", "preStop"] {
        if let Some(handler) = object(lifecycle, name) {
            fill_in_http_get(handler);
        }
    }
}

/// `httpGet` of a probe or a lifecycle handler.
fn fill_in_http_get(handler: &mut Map<String, Value>) {
    if let Some(http_get) = object(handler, "httpGet") {
        default(http_get, "path", "/");
        default(http_get, "scheme", "HTTP");
    }
}

/// `fieldRef` of an environment variable or of a file of a downward API volume.
fn fill_in_field_reference(source: &mut Map<String, Value>) {
    if let Some(reference) = object(source, "fieldRef") {
        default(reference, "apiVersion", "v1");
    }
}

/// One volume.
fn fill_in_volume(volume: &mut Map<String, Value>) {
    if volume.keys().all(|key| key == "name") {
        default(volume, "emptyDir", json!({}));
    }
    for (kind, field, value) in [
        ("hostPath", "type", json!("")),
        ("secret", "defaultMode", json!(0o644)),
        ("configMap", "defaultMode", json!(0o644)),
        ("downwardAPI", "defaultMode", json!(0o644)),
        ("projected", "defaultMode", json!(0o644)),
        ("iscsi", "iscsiInterface", json!("default")),
        ("rbd", "pool", json!("rbd")),
        ("rbd", "user", json!("admin")),
        ("rbd", "keyring", json!("/etc/ceph/keyring")),
        ("azureDisk", "cachingMode", json!("ReadWrite")),
        ("azureDisk", "fsType", json!("ext4")),
        ("azureDisk", "readOnly", json!(false)),
        ("azureDisk", "kind", json!("Shared")),
        ("scaleIO", "storageMode", json!("ThinProvisioned")),
        ("scaleIO", "fsType", json!("xfs")),
    ] {
        if let Some(source) = object(volume, kind) {
            default(source, field, value);
        }
    }
    if let Some(image) = object(volume, "image") {
        let pull_policy = pull_policy(image.get("reference").and_then(Value::as_str).unwrap_or_default());
        default(image, "pullPolicy", pull_policy);
    }
    if let Some(downward) = object(volume, "downwardAPI") {
        for file in objects(downward.get_mut("items")) {
            fill_in_field_reference(file);
        }
    }
    if let Some(projected) = object(volume, "projected") {
        for source in objects(projected.get_mut("sources")) {
            if let Some(downward) = object(source, "downwardAPI") {
                for file in objects(downward.get_mut("items")) {
                    fill_in_field_reference(file);
                }
            }
            if let Some(token) = object(source, "serviceAccountToken") {
                default(token, "expirationSeconds", 3600);
            }
        }
    }
    let claim = object(volume, "ephemeral").and_then(|ephemeral| object(ephemeral, "volumeClaimTemplate"));
    if let Some(claim) = claim {
        let spec = claim.entry("spec").or_insert_with(|| json!({}));
        if let Some(spec) = spec.as_object_mut() {
            default(spec, "volumeMode", "Filesystem");
        }
    }
}

/// `Always` for the tag `latest`, also where it is only implied; `IfNotPresent` for other tags, for digests, and for
/// what is no image name.
fn pull_policy(image: &str) -> &'static str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let last_part = name.rsplit_once('/').map_or(name, |(_, last)| last);
    let tag = last_part.split_once(':').map(|(_, tag)| tag);
    match tag {
        Some("latest") => "Always",
        None if name == image && !image.is_empty() => "Always",
        _ => "IfNotPresent",
    }
}
