//! A stand-in kubelet: binds pods to the one node, reports them running and ready, and lets them go.
//!
//! How a pod fares is written in the tag of its first image: `never` starts and never becomes ready, `slow-N`
//! becomes ready after N milliseconds, `exit-N` ends with the code N, anything else is ready at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_api::{Body, Resource, builtin, object};

use crate::admin::Admin;

const NODE: &str = "test-node";
const PERIOD: Duration = Duration::from_millis(150);

/// Makes the node.
pub(crate) async fn register_node(admin: &Admin) {
    let nodes = Resource::cluster_scoped("", "v1", "Node", "nodes");
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": NODE } });
    admin.create(&nodes, &node).await.expect("creating the node");
    let ready = json!({ "type": "Ready", "status": "True", "reason": "StandIn", "message": "" });
    admin
        .merge_status(&nodes, "", NODE, json!({ "conditions": [ready] }))
        .await
        .expect("reporting the node as ready");
}

/// Looks after all pods, for ever.
pub(crate) async fn run(admin: Admin) {
    let mut seen: HashMap<String, Instant> = HashMap::new();
    let mut addresses: u16 = 0;
    loop {
        // Anything that fails is tried again with the next look.
        for pod in admin.list(&builtin::pods(), "").await.unwrap_or_default() {
            let started = *seen.entry(object::uid(&pod).to_owned()).or_insert_with(Instant::now);
            addresses = addresses.wrapping_add(1);
            look_after(&admin, &pod, started, addresses).await;
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn look_after(admin: &Admin, pod: &Value, started: Instant, address: u16) {
    let (namespace, name) = (object::namespace(pod), object::name(pod));
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
    let bound = pod["spec"]["nodeName"].is_string();
    if object::is_deleting(pod) {
        let options = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0 });
        let _ = admin.raw("DELETE", &path, Some(&options)).await;
    } else if !bound {
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": { "name": name },
            "target": { "apiVersion": "v1", "kind": "Node", "name": NODE },
        });
        let _ = admin.raw("POST", &format!("{path}/binding"), Some(&binding)).await;
    } else if let Some(code) = exit_code(pod) {
        if !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
            let status = json!({ "status": ended(pod, code) });
            let _ = admin.patch(&builtin::pods(), namespace, name, Some("status"), Body::Merge(status)).await;
        }
    } else {
        let ready = is_ready_by_now(pod, started);
        if condition(pod, "Ready") == Some(ready) {
            return;
        }
        let status = json!({ "status": status(pod, ready, address) });
        let _ = admin.patch(&builtin::pods(), namespace, name, Some("status"), Body::Merge(status)).await;
    }
}

fn tag(pod: &Value) -> Option<&str> {
    let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    image.rsplit_once(':').map(|(_, tag)| tag)
}

/// The code with which a pod ends by itself.
fn exit_code(pod: &Value) -> Option<i32> {
    tag(pod)?.strip_prefix("exit-")?.parse().ok()
}

fn ended(pod: &Value, code: i32) -> Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten().map(|container| {
        let terminated =
            json!({ "exitCode": code, "reason": "StandIn", "startedAt": now, "finishedAt": now });
        json!({
            "name": container["name"], "image": container["image"], "imageID": "", "ready": false,
            "restartCount": 0, "state": { "terminated": terminated },
        })
    });
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    json!({ "phase": phase, "startTime": now, "containerStatuses": containers.collect::<Vec<_>>() })
}

fn is_ready_by_now(pod: &Value, started: Instant) -> bool {
    match tag(pod) {
        Some("never") => false,
        Some(tag) => match tag.strip_prefix("slow-").and_then(|delay| delay.parse().ok()) {
            Some(delay) => started.elapsed() >= Duration::from_millis(delay),
            None => true,
        },
        None => true,
    }
}

fn condition(pod: &Value, type_: &str) -> Option<bool> {
    let conditions = pod["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == type_)?;
    Some(found["status"] == "True")
}

fn status(pod: &Value, ready: bool, address: u16) -> Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let truth = if ready { "True" } else { "False" };
    let conditions: Vec<Value> = [("Initialized", "True"), ("Ready", truth), ("ContainersReady", truth)]
        .iter()
        .map(|(type_, status)| json!({ "type": type_, "status": status, "lastTransitionTime": now }))
        .collect();
    let containers: Vec<Value> = pod["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|container| {
            json!({
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": ready,
                "started": true,
                "restartCount": 0,
                "state": { "running": { "startedAt": now } },
            })
        })
        .collect();
    let [high, low] = address.to_be_bytes();
    let ip = pod["status"]["podIP"].as_str().map_or_else(|| format!("10.1.{high}.{low}"), str::to_owned);
    json!({
        "phase": "Running",
        "startTime": now,
        "podIP": ip,
        "podIPs": [{ "ip": ip }],
        "conditions": conditions,
        "containerStatuses": containers,
    })
}
