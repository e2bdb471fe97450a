//! Ephemeral metadata: in the templates of ReplicaSets by their role, and remembered there.

use serde_json::{Value, json};
use tidegate_api::object;
use tidegate_core::needs_pods;

use crate::cluster::Cluster;
use crate::manifests::{rollout, running, trace};

const NOTE: &str = "rollout.argoproj.io/ephemeral-metadata";

fn with_metadata() -> Value {
    let mut rollout = rollout(trace());
    let canary = &mut rollout["spec"]["strategy"]["canary"];
    canary["canaryMetadata"] = json!({"labels": {"role": "canary"}, "annotations": {"only": "canary"}});
    canary["stableMetadata"] = json!({"labels": {"role": "stable"}});
    rollout
}

impl Cluster {
    fn note(&self, image: &str) -> Option<&str> {
        object::annotation(self.set(image).unwrap(), NOTE)
    }

    fn label(&self, image: &str) -> &Value {
        &self.set(image).unwrap()["spec"]["template"]["metadata"]["labels"]["role"]
    }
}

#[test]
fn new_replica_sets_are_made_with_that_of_their_role() {
    let mut cluster = running(with_metadata());
    assert_eq!(
        (cluster.label("v1"), cluster.note("v1")),
        (&json!("stable"), Some(r#"{"labels":{"role":"stable"}}"#))
    );
    assert_eq!(cluster.set("v1").unwrap()["metadata"]["labels"].get("role"), None);
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!(cluster.label("v2"), "canary");
    let note = r#"{"labels":{"role":"canary"},"annotations":{"only":"canary"}}"#;
    assert_eq!(cluster.note("v2"), Some(note), "as Argo Rollouts writes it");
    assert!(!needs_pods(&cluster.world(), cluster.now), "its pods are born with it");
    assert_eq!(cluster.sets.len(), 2);
    // The template is the same, whatever was put into that of the ReplicaSet.
    cluster.canary(&json!({"steps": [{"setWeight": 10}, {"pause": {}}]}));
    cluster.settle();
    assert_eq!(cluster.sets.len(), 2);
}

#[test]
fn a_role_that_changes_takes_it_away_and_the_pods_are_remembered_until_they_are_in_line() {
    let mut cluster = running(with_metadata());
    cluster.deploy("v2");
    cluster.settle();
    cluster.promote_full();
    cluster.run(60);
    assert_eq!(cluster.phase(), "Healthy");
    assert_eq!(cluster.label("v2"), "stable");
    let note: Value = serde_json::from_str(cluster.note("v2").unwrap()).unwrap();
    assert_eq!(note["before"]["annotations"]["only"], "canary");
    assert!(needs_pods(&cluster.world(), cluster.now));
    assert_eq!((cluster.label("v1"), cluster.note("v1")), (&Value::Null, None), "no role any more");
}

#[test]
fn what_the_rollout_no_longer_says_goes() {
    let mut cluster = running(with_metadata());
    cluster.canary(&json!({"stableMetadata": null}));
    cluster.settle();
    assert_eq!(cluster.label("v1"), &Value::Null);
    let note: Value = serde_json::from_str(cluster.note("v1").unwrap()).unwrap();
    assert_eq!(note, json!({"before": {"labels": {"role": "stable"}}}));
}
