//! `antiAffinity`: the canary's ReplicaSet keeps off the nodes of the stable pods, and that is no change of the template.

use serde_json::{Value, json};
use tidegate_model::anti_affinity::injected;

use crate::cluster::Cluster;
use crate::manifests::{rollout, running, trace};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

fn cluster(form: Value) -> Cluster {
    let mut manifest = rollout(trace());
    manifest["spec"]["strategy"]["canary"]["antiAffinity"] = form;
    running(manifest)
}

fn affinity<'a>(cluster: &'a Cluster, image: &str) -> &'a Value {
    cluster.set(image).unwrap().pointer("/spec/template/spec/affinity").unwrap_or(&Value::Null)
}

#[test]
fn a_canary_keeps_off_the_stable_pods_and_the_first_revision_off_nobody() {
    for (form, expected) in [
        (json!({REQUIRED: {}}), json!({"podAntiAffinity": {REQUIRED: [term("v1")]}})),
        (
            json!({PREFERRED: {"weight": 42}}),
            json!({"podAntiAffinity": {PREFERRED: [{"weight": 42, "podAffinityTerm": term("v1")}]}}),
        ),
    ] {
        let mut cluster = cluster(form);
        assert_eq!(affinity(&cluster, "v1"), &Value::Null);
        cluster.deploy("v2");
        cluster.settle();
        let text = expected.to_string().replace("v1", cluster.hash("v1"));
        assert_eq!(affinity(&cluster, "v2"), &serde_json::from_str::<Value>(&text).unwrap());
        assert_eq!((cluster.sets.len(), cluster.phase()), (2, "Paused"));
        cluster.promote();
        cluster.run(60);
        assert_eq!((cluster.sets.len(), cluster.phase()), (2, "Healthy"), "it is still its template's");
        cluster.deploy("v3");
        cluster.settle();
        assert_eq!(injected(affinity(&cluster, "v3")), Some(cluster.hash("v2")));
    }
}

fn term(hash: &str) -> Value {
    json!({
        "labelSelector": {"matchExpressions": [
            {"key": "rollouts-pod-template-hash", "operator": "In", "values": [hash]},
        ]},
        "namespaces": ["shop"],
        "topologyKey": "kubernetes.io/hostname",
    })
}

#[test]
fn one_that_is_used_again_keeps_off_who_is_stable_now() {
    let mut cluster = cluster(json!({REQUIRED: {}}));
    cluster.deploy("v2");
    cluster.settle();
    cluster.promote();
    cluster.run(60);
    cluster.deploy("v1");
    cluster.settle();
    assert_eq!(injected(affinity(&cluster, "v1")), Some(cluster.hash("v2")));
    assert_eq!(cluster.sets.len(), 2);
    // Back to the stable one: it has nothing to keep off.
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.phase(), injected(affinity(&cluster, "v2"))), ("Healthy", Some(cluster.hash("v1"))));
}

#[test]
fn a_replica_set_that_argo_rollouts_made_is_known_again() {
    let mut cluster = cluster(json!({REQUIRED: {}}));
    cluster.deploy("v2");
    cluster.settle();
    // Nothing says whose it is but its template, and its term names a template of another time.
    let stale = json!({"podAntiAffinity": {REQUIRED: [term("long-gone")]}});
    let hash = json!({"rollouts-pod-template-hash": "argo"});
    cluster.edit_set(
        "v2",
        &json!({
            "metadata": {"labels": hash},
            "spec": {"template": {"metadata": {"labels": hash}, "spec": {"affinity": stale}}},
        }),
    );
    cluster.edit(json!({"status": {"currentPodHash": "argo", "canary": {"weights": null}}}));
    for service in cluster.services.values_mut() {
        if service["spec"]["selector"]["rollouts-pod-template-hash"] != cluster.rollout["status"]["stableRS"]
        {
            service["spec"]["selector"]["rollouts-pod-template-hash"] = json!("argo");
        }
    }
    cluster.settle();
    assert_eq!((cluster.sets.len(), cluster.phase(), cluster.index()), (2, "Paused", Some(1)));
    assert_eq!(injected(affinity(&cluster, "v2")), Some(cluster.hash("v1")), "and put right");
}

#[test]
fn nothing_is_written_again_that_somebody_takes_out() {
    let mut cluster = cluster(json!({PREFERRED: {"weight": 1}}));
    cluster.deploy("v2");
    cluster.settle();
    cluster.edit_set("v2", &json!({"spec": {"template": {"spec": {"affinity": null}}}}));
    cluster.settle();
    assert_eq!(affinity(&cluster, "v2"), &Value::Null);
    assert_eq!(cluster.sets.len(), 2);
}

#[test]
fn what_the_user_has_stays_and_undo_brings_no_old_term_back() {
    let own = json!({"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "zone"});
    let mut cluster = cluster(json!({REQUIRED: {}}));
    let stale = json!({"podAntiAffinity": {REQUIRED: [own, term("long-gone")]}});
    cluster.edit(json!({"spec": {"template": {"spec": {"affinity": stale}}}}));
    cluster.settle();
    let sets: Vec<&Value> = cluster.sets.values().collect();
    assert_eq!(sets.len(), 2);
    let stable = cluster.status("/stableRS").as_str().unwrap();
    let new =
        sets.iter().find(|set| set["metadata"]["labels"]["rollouts-pod-template-hash"] != stable).unwrap();
    assert_eq!(
        new.pointer("/spec/template/spec/affinity"),
        Some(&json!({"podAntiAffinity": {REQUIRED: [own, term(stable)]}}))
    );
    // Without the old term it is the same template.
    let clean = json!({"podAntiAffinity": {REQUIRED: [own]}});
    cluster.edit(json!({"spec": {"template": {"spec": {"affinity": clean}}}}));
    cluster.settle();
    assert_eq!((cluster.sets.len(), cluster.index()), (2, Some(1)));
}

#[test]
fn without_the_field_the_replica_set_stays_what_it_is() {
    let mut cluster = cluster(json!({REQUIRED: {}}));
    cluster.deploy("v2");
    cluster.settle();
    let before = cluster.sets.clone();
    cluster.canary(&json!({"antiAffinity": null}));
    cluster.settle();
    assert_eq!(cluster.sets, before);
    assert_eq!((cluster.phase(), cluster.index()), ("Paused", Some(1)));
}
