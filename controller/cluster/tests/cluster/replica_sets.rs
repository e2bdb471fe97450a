//! The `ReplicaSet` controller.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{builtin, object};
use tidegate_cluster::{Cluster, PodOutcome, PodRule, Refusal};

use crate::support::*;

fn status(cluster: &Cluster, name: &str) -> Value {
    cluster.object(&builtin::replica_sets(), NAMESPACE, name).unwrap()["status"].clone()
}

fn scale(cluster: &mut Cluster, name: &str, replicas: u64) {
    let body = json!({"spec": {"replicas": replicas}});
    merge(cluster, &builtin::replica_sets(), name, None, body).unwrap();
}

#[test]
fn it_makes_pods_and_counts_them_as_they_come() {
    let mut cluster = cluster();
    let set = create(&mut cluster, &builtin::replica_sets(), replica_set("web", 2)).unwrap();
    assert_eq!(status(&cluster, "web"), json!({"replicas": 0}));
    pass(&mut cluster, 10);
    assert_eq!(pods(&cluster).len(), 2);
    assert_eq!(
        status(&cluster, "web"),
        json!({"replicas": 0, "terminatingReplicas": 0, "observedGeneration": 1})
    );
    pass(&mut cluster, 10);
    assert_eq!(
        status(&cluster, "web"),
        json!({"replicas": 2, "fullyLabeledReplicas": 2, "terminatingReplicas": 0, "observedGeneration": 1})
    );
    pass(&mut cluster, 4000);
    let expected = json!({
        "replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
        "terminatingReplicas": 0, "observedGeneration": 1,
    });
    assert_eq!(status(&cluster, "web"), expected);
    for pod in pods(&cluster) {
        assert_eq!(object::controller_uid(&pod), Some(object::uid(&set)));
        assert!(object::name(&pod).starts_with("web-") && object::name(&pod).len() == 9);
        assert_eq!(object::label(&pod, "rollouts-pod-template-hash"), Some("web"));
        assert_eq!(pod["spec"]["containers"][0]["image"], "web:web");
    }
    let before = cluster.resource_version();
    settle(&mut cluster);
    pass(&mut cluster, 1_000_000);
    assert_eq!(cluster.resource_version(), before, "nothing is written while nothing changes");
}

#[test]
fn the_least_useful_pods_go_first() {
    let mut cluster = cluster();
    create(&mut cluster, &builtin::replica_sets(), replica_set("web", 2)).unwrap();
    settle(&mut cluster);
    let first: Vec<String> = pods(&cluster).iter().map(|pod| object::name(pod).to_owned()).collect();
    scale(&mut cluster, "web", 4);
    settle(&mut cluster);
    // Among ready ones, those that have not been so for long.
    scale(&mut cluster, "web", 2);
    settle(&mut cluster);
    let left: Vec<String> = pods(&cluster).iter().map(|pod| object::name(pod).to_owned()).collect();
    assert_eq!(left, first);
    // One that is not ready before all others, however old it is.
    let unready = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    merge(&mut cluster, &builtin::pods(), &first[0], Some("status"), unready).unwrap();
    scale(&mut cluster, "web", 1);
    settle(&mut cluster);
    assert_eq!(object::name(&pods(&cluster)[0]), first[1]);
    scale(&mut cluster, "web", 0);
    pass(&mut cluster, 15);
    assert_eq!(pods(&cluster).len(), 1, "a pod takes its time to go");
    assert!(object::is_deleting(&pods(&cluster)[0]));
    pass(&mut cluster, 15);
    assert_eq!(status(&cluster, "web")["replicas"], 0, "and does not count meanwhile");
    assert_eq!(status(&cluster, "web")["terminatingReplicas"], 1);
    settle(&mut cluster);
    assert_eq!(status(&cluster, "web")["terminatingReplicas"], 0);
    assert!(pods(&cluster).is_empty());
}

#[test]
fn available_is_ready_for_long_enough() {
    let mut cluster = cluster();
    let mut manifest = replica_set("web", 1);
    manifest["spec"]["minReadySeconds"] = json!(30);
    create(&mut cluster, &builtin::replica_sets(), manifest).unwrap();
    pass(&mut cluster, 20_000);
    let ready = status(&cluster, "web");
    assert_eq!((ready.get("readyReplicas"), ready.get("availableReplicas")), (Some(&json!(1)), None));
    pass(&mut cluster, 15_000);
    assert_eq!(status(&cluster, "web")["availableReplicas"], 1);
}

#[test]
fn what_goes_is_replaced_and_what_is_deleted_goes_with_its_pods() {
    let mut cluster = cluster();
    create(&mut cluster, &builtin::replica_sets(), replica_set("web", 3)).unwrap();
    settle(&mut cluster);
    let victim = object::name(&pods(&cluster)[1]).to_owned();
    delete(&mut cluster, &builtin::pods(), &victim).unwrap();
    settle(&mut cluster);
    assert_eq!(pods(&cluster).len(), 3);
    assert!(pods(&cluster).iter().all(|pod| object::name(pod) != victim));
    assert_eq!(status(&cluster, "web")["availableReplicas"], 3);
    delete(&mut cluster, &builtin::replica_sets(), "web").unwrap();
    settle(&mut cluster);
    assert!(pods(&cluster).is_empty());
}

#[test]
fn pods_that_may_not_be_made_are_tried_again() {
    let mut cluster = cluster();
    cluster.settings_mut().refusals.push(Refusal::denied("Pod", "*", "*", "quota exceeded"));
    create(&mut cluster, &builtin::replica_sets(), replica_set("web", 2)).unwrap();
    pass(&mut cluster, 10_000);
    let condition = status(&cluster, "web")["conditions"][0].clone();
    assert_eq!(
        (&condition["type"], &condition["reason"]),
        (&json!("ReplicaFailure"), &json!("FailedCreate"))
    );
    assert!(condition["message"].as_str().unwrap().contains("quota exceeded"));
    cluster.settings_mut().refusals.clear();
    settle(&mut cluster);
    assert_eq!(status(&cluster, "web")["availableReplicas"], 2);
    assert_eq!(status(&cluster, "web").get("conditions"), None);
}

#[test]
fn two_sets_do_not_mix_up_their_pods() {
    let mut cluster = cluster();
    let slow = PodRule {
        image: Some("web:new".into()),
        labels: BTreeMap::new(),
        outcome: PodOutcome::ReadyAfter(Duration::from_mins(1)),
    };
    cluster.settings_mut().pods.rules.push(slow);
    create(&mut cluster, &builtin::replica_sets(), replica_set("old", 3)).unwrap();
    create(&mut cluster, &builtin::replica_sets(), replica_set("new", 2)).unwrap();
    pass(&mut cluster, 30_000);
    assert_eq!(status(&cluster, "old")["availableReplicas"], 3);
    assert_eq!(status(&cluster, "new").get("availableReplicas"), None);
    pass(&mut cluster, 40_000);
    assert_eq!(status(&cluster, "new")["availableReplicas"], 2);
}
