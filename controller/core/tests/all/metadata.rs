//! Labels, annotations and names that others rely on, on everything that a Rollout has.

use serde_json::{Value, json};
use tidegate_api::object;

use crate::cluster::Cluster;
use crate::manifests::{HASH, paused, rollout, running, service, trace};

const REVISION: &str = "rollout.argoproj.io/revision";

fn annotations(value: &Value) -> &Value {
    &value["metadata"]["annotations"]
}

#[test]
fn of_a_replica_set() {
    let mut manifest = rollout(trace());
    manifest["metadata"]["annotations"] = json!({
        "team": "shop",
        "notifications.argoproj.io/subscribe.on-rollout-aborted.slack": "alerts",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "notified.notifications.argoproj.io": "{}",
        "rollout.argoproj.io/revision-history": "7",
        "rollout.argoproj.io/desired-replicas": "7",
        "tidegate.dev/router-plugins": "{}",
    });
    manifest["spec"]["minReadySeconds"] = json!(5);
    manifest["spec"]["template"]["metadata"]["labels"]["tier"] = json!("front");
    let cluster = running(manifest);
    let set = cluster.set("v1").unwrap();
    let hash = cluster.hash("v1");
    assert_eq!(object::name(set), format!("web-{hash}"));
    let labels = json!({"app": "web", "tier": "front", HASH: hash});
    assert_eq!(set["metadata"]["labels"], labels);
    assert_eq!(set["spec"]["template"]["metadata"]["labels"], labels);
    assert_eq!(set["spec"]["selector"]["matchLabels"], json!({"app": "web", HASH: hash}));
    assert_eq!(set["spec"]["minReadySeconds"], 5);
    assert_eq!(
        annotations(set),
        &json!({
            "team": "shop",
            "notifications.argoproj.io/subscribe.on-rollout-aborted.slack": "alerts",
            REVISION: "1",
            "rollout.argoproj.io/desired-replicas": "10",
        })
    );
    let owner = &set["metadata"]["ownerReferences"][0];
    assert_eq!(
        (&owner["kind"], &owner["name"], &owner["uid"]),
        (&json!("Rollout"), &json!("web"), &json!("u-1"))
    );
    assert_eq!((&owner["controller"], &owner["apiVersion"]), (&json!(true), &json!("argoproj.io/v1alpha1")));
}

#[test]
fn what_changes_beside_the_template_reaches_the_newest_replica_set() {
    let mut cluster = paused();
    cluster.edit(json!({"metadata": {"annotations": {"team": "checkout", "kubectl.kubernetes.io/last-applied-configuration": "x"}}}));
    cluster.edit(json!({"spec": {"minReadySeconds": 3}}));
    cluster.settle();
    let new = cluster.set("v2").unwrap();
    assert_eq!((&annotations(new)["team"], &new["spec"]["minReadySeconds"]), (&json!("checkout"), &json!(3)));
    assert!(annotations(new).get("kubectl.kubernetes.io/last-applied-configuration").is_none());
    let old = cluster.set("v1").unwrap();
    assert!(annotations(old).get("team").is_none(), "its pods are of another time");
    assert_eq!(annotations(new)[REVISION], "2", "and it is no new revision");
    assert_eq!((cluster.index(), cluster.weight()), (Some(1), Some(20)));
}

#[test]
fn of_a_service_and_of_the_rollout() {
    let mut adopted = service("web-canary");
    adopted["metadata"]["annotations"] = json!({"team": "shop"});
    let mut cluster = Cluster::new(rollout(trace()), [adopted, service("web-stable")]);
    cluster.settle();
    for name in ["web-canary", "web-stable"] {
        let service = &cluster.services[name];
        assert_eq!(service["spec"]["selector"], json!({"app": "web", HASH: cluster.hash("v1")}));
        assert_eq!(annotations(service)["argo-rollouts.argoproj.io/managed-by-rollouts"], "web");
    }
    assert_eq!(annotations(&cluster.services["web-canary"])["team"], "shop");
    assert_eq!(annotations(&cluster.rollout), &json!({REVISION: "1"}));
}

#[test]
fn revisions_and_their_history() {
    let mut cluster = paused();
    for image in ["v1", "v2", "v1"] {
        cluster.deploy(image);
        cluster.settle();
    }
    assert_eq!(annotations(&cluster.rollout)[REVISION], "5");
    let history = |image: &str| {
        let annotations = annotations(cluster.set(image).unwrap());
        (annotations[REVISION].clone(), annotations["rollout.argoproj.io/revision-history"].clone())
    };
    assert_eq!(history("v1"), (json!("5"), json!("1,3")));
    assert_eq!(history("v2"), (json!("4"), json!("2")));
}

#[test]
fn the_selector_as_the_scale_subresource_has_it() {
    let mut manifest = rollout(trace());
    manifest["spec"]["selector"] = json!({
        "matchLabels": {"app": "web"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["front", "back"]},
            {"key": "zone", "operator": "NotIn", "values": ["b"]},
            {"key": "extra", "operator": "DoesNotExist"},
            {"key": "any", "operator": "Exists"},
        ],
    });
    manifest["spec"]["template"]["metadata"]["labels"] = json!({"app": "web", "tier": "front", "any": "1"});
    let cluster = running(manifest);
    assert_eq!(cluster.status("/selector"), "!extra,any,app=web,tier in (back,front),zone notin (b)");
    assert_eq!(cluster.status("/HPAReplicas"), 10);
}
