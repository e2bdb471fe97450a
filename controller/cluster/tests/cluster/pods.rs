//! Nodes: how pods live and die.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{builtin, object};
use tidegate_cluster::{Cluster, PodOutcome, PodRule};

use crate::support::*;

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "web", "image": format!("registry.example/{name}:1")}]},
    })
}

fn with_rule(rule: PodRule) -> Cluster {
    let mut cluster = cluster();
    cluster.settings_mut().pods.rules.push(rule);
    create(&mut cluster, &builtin::pods(), pod("web")).unwrap();
    create(&mut cluster, &builtin::pods(), pod("other")).unwrap();
    cluster
}

fn state(cluster: &Cluster, name: &str) -> (String, bool) {
    let pod = cluster.object(&builtin::pods(), NAMESPACE, name).unwrap();
    let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
    (pod["status"]["phase"].as_str().unwrap().to_owned(), ready)
}

fn by_image(outcome: PodOutcome) -> PodRule {
    PodRule { image: Some("*/web:*".into()), labels: BTreeMap::new(), outcome }
}

#[test]
fn a_pod_starts_and_gets_ready() {
    let mut cluster = with_rule(PodRule::default());
    assert_eq!(state(&cluster, "web"), ("Pending".into(), false));
    pass(&mut cluster, 2_900);
    assert_eq!(state(&cluster, "web"), ("Pending".into(), false));
    let bound = get(&mut cluster, &builtin::pods(), "web").unwrap();
    assert_eq!(bound["spec"]["nodeName"], "node-1");
    pass(&mut cluster, 200);
    assert_eq!(state(&cluster, "web"), ("Running".into(), true));
    let addresses: Vec<Value> = pods(&cluster).iter().map(|pod| pod["status"]["podIP"].clone()).collect();
    assert!(addresses[0].is_string() && addresses[0] != addresses[1], "{addresses:?}");
}

#[test]
fn rules_choose_by_image_and_by_label() {
    let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
    for rule in
        [by_image(PodOutcome::NeverReady), PodRule { image: None, labels, outcome: PodOutcome::NeverReady }]
    {
        let mut cluster = with_rule(rule);
        settle(&mut cluster);
        assert_eq!(state(&cluster, "web"), ("Running".into(), false));
        assert_eq!(state(&cluster, "other"), ("Running".into(), true));
    }
}

#[test]
fn some_never_start() {
    let mut cluster = with_rule(by_image(PodOutcome::NeverStarts { reason: "ImagePullBackOff".into() }));
    settle(&mut cluster);
    assert_eq!(state(&cluster, "web"), ("Pending".into(), false));
    let stuck = get(&mut cluster, &builtin::pods(), "web").unwrap();
    assert_eq!(stuck["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "ImagePullBackOff");
}

#[test]
fn some_crash_again_and_again_with_growing_pauses() {
    let mut cluster = with_rule(by_image(PodOutcome::Crashes { after: Duration::from_secs(5) }));
    let mut changes = Vec::new();
    let mut last = false;
    for second in 0..200 {
        let now = state(&cluster, "web").1;
        if now != last {
            changes.push(second);
            last = now;
        }
        pass(&mut cluster, 1000);
    }
    // Ready after 3 s, crashed 5 s later, restarted after 10, 20, 40, ... s, ready again 3 s after that.
    assert_eq!(changes, [3, 8, 21, 26, 49, 54, 97, 102, 185, 190]);
    let crashed = get(&mut cluster, &builtin::pods(), "web").unwrap();
    assert_eq!(crashed["status"]["containerStatuses"][0]["restartCount"], 4);
    assert_eq!(state(&cluster, "other"), ("Running".into(), true));
}

#[test]
fn a_pod_takes_time_to_stop() {
    let mut cluster = with_rule(PodRule::default());
    settle(&mut cluster);
    let going = delete(&mut cluster, &builtin::pods(), "web").unwrap();
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 30);
    assert!(object::is_deleting(&going));
    pass(&mut cluster, 900);
    assert!(get(&mut cluster, &builtin::pods(), "web").is_ok());
    pass(&mut cluster, 200);
    refused(get(&mut cluster, &builtin::pods(), "web"), 404, "NotFound");
}

#[test]
fn a_pod_that_was_never_placed_goes_at_once() {
    let mut cluster = with_rule(PodRule::default());
    delete(&mut cluster, &builtin::pods(), "web").unwrap();
    refused(get(&mut cluster, &builtin::pods(), "web"), 404, "NotFound");
}

#[test]
fn a_finalizer_holds_a_stopped_pod() {
    let mut cluster = cluster();
    let mut manifest = pod("web");
    manifest["metadata"]["finalizers"] = json!(["example.com/a"]);
    create(&mut cluster, &builtin::pods(), manifest).unwrap();
    settle(&mut cluster);
    delete(&mut cluster, &builtin::pods(), "web").unwrap();
    settle(&mut cluster);
    let held = get(&mut cluster, &builtin::pods(), "web").unwrap();
    assert_eq!(held["metadata"]["deletionGracePeriodSeconds"], 0);
    merge(&mut cluster, &builtin::pods(), "web", None, json!({"metadata": {"finalizers": null}})).unwrap();
    refused(get(&mut cluster, &builtin::pods(), "web"), 404, "NotFound");
}

#[test]
fn little_of_a_pod_may_change() {
    let mut cluster = with_rule(PodRule::default());
    let image = json!([{"op": "replace", "path": "/spec/containers/0/image", "value": "web:2"}]);
    let patched = json_patch(&mut cluster, &builtin::pods(), "web", image).unwrap();
    assert_eq!(object::generation(&patched), Some(2));
    let name = json!([{"op": "replace", "path": "/spec/containers/0/name", "value": "b"}]);
    refused(json_patch(&mut cluster, &builtin::pods(), "web", name), 422, "Invalid");
}
