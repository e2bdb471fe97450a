//! A Rollout that takes its template from a workload.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::object;
use tidegate_core::Workload;

use crate::cluster::{Cluster, Gate};
use crate::manifests::{rollout, service, trace};

const GENERATION: &str = "rollout.argoproj.io/workload-generation";

fn deployment(image: &str, replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": 1, "resourceVersion": "d1"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": format!("web:{image}")}]},
            },
        },
    })
}

/// The Rollout of all tests, but with its template in a Deployment.
fn referring(scale_down: &str) -> Value {
    let mut rollout = rollout(trace());
    let spec = rollout["spec"].as_object_mut().unwrap();
    spec.remove("template");
    spec.remove("selector");
    let reference =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "scaleDown": scale_down});
    spec.insert("workloadRef".into(), reference);
    rollout
}

/// Such a Rollout beside its Deployment of so many pods; nothing has happened yet.
fn beside(scale_down: &str, replicas: i64) -> Cluster {
    let mut cluster = Cluster::new(referring(scale_down), [service("web-canary"), service("web-stable")]);
    cluster.workload = Workload::Found(Arc::new(deployment("v1", replicas)));
    cluster
}

impl Cluster {
    fn edit_workload(&mut self, patch: Value) {
        let mut object = self.workload.object().unwrap().clone();
        json_patch::merge(&mut object, &patch);
        let generation = object::generation(&object).unwrap() + 1;
        object["metadata"]["generation"] = generation.into();
        object["metadata"]["resourceVersion"] = format!("d{generation}").into();
        self.workload = Workload::Found(Arc::new(object));
    }

    fn deploy_workload(&mut self, image: &str) {
        let containers = json!([{"name": "web", "image": format!("web:{image}")}]);
        self.edit_workload(json!({"spec": {"template": {"spec": {"containers": containers}}}}));
    }

    /// A write of the scale subresource.
    pub(crate) fn scale_workload(&mut self, patch: &Value) {
        let workload = self.workload.object().unwrap();
        assert_eq!(object::resource_version(patch), object::resource_version(workload), "as it was seen");
        let (old, new) = (self.size(), patch["spec"]["replicas"].as_i64().unwrap());
        assert_ne!(old, new);
        let available: i64 =
            self.sets.values().filter_map(|set| set["status"]["availableReplicas"].as_i64()).sum();
        let wanted = self.rollout["spec"]["replicas"].as_i64().unwrap_or(1);
        assert!(new > old || new + available >= wanted, "{new} beside {available} of {wanted} is too few");
        self.edit_workload(json!({"spec": {"replicas": new}}));
    }

    fn size(&self) -> i64 {
        self.workload.object().unwrap()["spec"]["replicas"].as_i64().unwrap()
    }
}

#[test]
fn the_template_and_the_selector_are_those_of_the_workload_and_never_written() {
    let mut cluster = beside("never", 4);
    cluster.settle();
    assert_eq!(cluster.phase(), "Healthy", "{:#}", cluster.rollout["status"]);
    assert_eq!(cluster.status("/selector"), "app=web");
    assert_eq!(cluster.status("/workloadObservedGeneration"), "1");
    assert_eq!(object::annotation(&cluster.rollout, GENERATION), Some("1"));
    assert_eq!(cluster.set("v1").unwrap()["spec"]["selector"]["matchLabels"]["app"], "web");

    cluster.deploy_workload("v2");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight()), ("Paused", Some(20)));
    assert_eq!(cluster.status("/workloadObservedGeneration"), "2");
    assert_eq!(object::annotation(&cluster.rollout, GENERATION), Some("2"));
    for field in ["template", "selector"] {
        assert_eq!(cluster.rollout["spec"].get(field), None);
    }
    assert_eq!(cluster.size(), 4);

    cluster.deploy_workload("v1");
    cluster.settle();
    assert_eq!(cluster.phase(), "Healthy", "back to stable needs no steps");
}

#[test]
fn a_pod_template_serves_too() {
    let mut rollout = referring("never");
    rollout["spec"]["workloadRef"] = json!({"apiVersion": "v1", "kind": "PodTemplate", "name": "web"});
    rollout["spec"]["selector"] = json!({"matchLabels": {"app": "web"}});
    let mut cluster = Cluster::new(rollout, [service("web-canary"), service("web-stable")]);
    let template = deployment("v1", 1)["spec"]["template"].clone();
    cluster.workload = Workload::Found(Arc::new(json!({"metadata": {"name": "web"}, "template": template})));
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.replicas("v1")), ("Healthy", Some(10)));
    assert_eq!(object::annotation(&cluster.rollout, GENERATION), Some("0"));
}

#[test]
fn what_cannot_be_resolved_is_said_as_argo_rollouts_does_and_nothing_moves() {
    let unreadable = Workload::Unreadable { message: "may not be watched".into() };
    let reference = |kind: &str| json!({"apiVersion": "apps/v1", "kind": kind, "name": "web"});
    let not_found = "deployments.apps \"shop/web\" not found";
    for (workload, spec, message) in [
        (Workload::Missing, json!({}), not_found),
        (Workload::None, json!({}), not_found),
        (
            Workload::Missing,
            json!({"workloadRef": {"apiVersion": "v1", "kind": "PodTemplate", "name": "web", "scaleDown": null}}),
            "podtemplates \"shop/web\" not found",
        ),
        (unreadable, json!({}), "may not be watched"),
        (
            Workload::None,
            json!({"workloadRef": reference("StatefulSet")}),
            "workload of type apps/StatefulSet is not supported",
        ),
        (
            Workload::Missing,
            json!({"template": {"metadata": {"labels": {"app": "web"}}}}),
            "template must be empty for workload reference rollout",
        ),
    ] {
        let retries = matches!(workload, Workload::Missing | Workload::Unreadable { .. });
        let mut cluster = beside("never", 4);
        cluster.settle();
        cluster.deploy_workload("v2");
        cluster.settle();
        let before = (cluster.sets.clone(), cluster.services.clone(), cluster.weight());
        let counts = cluster.status("/updatedReplicas").clone();
        cluster.workload = workload;
        cluster.edit(json!({"spec": spec}));
        cluster.settle();
        assert_eq!(cluster.phase(), "Degraded");
        let expected = format!("InvalidSpec: The Rollout \"web\" is invalid: {message}");
        assert_eq!(cluster.status("/message"), &expected);
        assert_eq!((cluster.sets.clone(), cluster.services.clone(), cluster.weight()), before);
        assert_eq!(
            cluster.status("/updatedReplicas"),
            &counts,
            "the newest template is the last that was known"
        );
        assert_eq!(cluster.status("/workloadObservedGeneration"), "2");
        let retry = cluster.wake_at.map(|at| at.duration_since(cluster.now).as_secs());
        assert_eq!(retry, retries.then_some(20));
    }
}

#[test]
fn an_abort_works_without_the_workload() {
    let mut cluster = beside("never", 4);
    cluster.settle();
    cluster.deploy_workload("v2");
    cluster.settle();
    cluster.workload = Workload::Missing;
    cluster.abort();
    cluster.settle();
    assert_eq!(cluster.weight(), Some(0));
}

#[test]
fn a_reference_that_is_taken_back_leaves_nothing() {
    let mut cluster = beside("never", 4);
    cluster.settle();
    let own = rollout(trace())["spec"].clone();
    cluster.workload = Workload::None;
    cluster.edit(
        json!({"spec": {"workloadRef": null, "template": own["template"], "selector": own["selector"]}}),
    );
    cluster.settle();
    assert_eq!(cluster.phase(), "Healthy");
    assert_eq!(object::annotation(&cluster.rollout, GENERATION), None);
    assert_eq!(cluster.rollout["status"].get("workloadObservedGeneration"), None);
    assert_eq!(cluster.sets.len(), 1, "the same template, the same ReplicaSet");
}

#[test]
fn on_success_the_deployment_goes_when_the_rollout_is_healthy() {
    for (scale_down, size) in [("never", 10), ("onsuccess", 0), ("progressively", 0)] {
        let mut cluster = beside(scale_down, 10);
        cluster.ready.insert("v1".into(), 9);
        cluster.settle();
        assert_eq!(cluster.size(), if scale_down == "progressively" { 1 } else { 10 }, "{scale_down}");
        cluster.ready.clear();
        cluster.settle();
        assert_eq!((cluster.phase(), cluster.size()), ("Healthy", size), "{scale_down}");
        if size == 0 {
            assert!(
                cluster.notes.iter().any(|note| note.message.contains("Scaled down Deployment web from"))
            );
        }
    }
}

#[test]
fn a_first_revision_that_fails_and_a_second_that_mends_it_hand_over() {
    for scale_down in ["onsuccess", "progressively"] {
        let mut cluster = beside(scale_down, 10);
        cluster.ready.insert("v1".into(), 4);
        cluster.settle();
        cluster.ready.insert("v1".into(), 0);
        cluster.settle();
        assert_eq!(cluster.size(), 10, "{scale_down}: while it fails the Deployment makes up for it");
        cluster.deploy_workload("v2");
        cluster.settle();
        cluster.promote_full();
        cluster.run(60);
        assert_eq!((cluster.phase(), cluster.size()), ("Healthy", 0), "{scale_down}");
    }
}

#[test]
fn after_the_handover_the_deployment_comes_back_only_by_hand_and_not_for_long() {
    let mut cluster = beside("progressively", 10);
    cluster.settle();
    cluster.ready.insert("v1".into(), 3);
    cluster.settle();
    assert_eq!(cluster.size(), 0, "its template is no safe place to go back to");
    cluster.edit_workload(json!({"spec": {"replicas": 5}}));
    cluster.settle();
    assert_eq!(cluster.size(), 5, "not while the Rollout lacks pods");
    cluster.ready.clear();
    cluster.settle();
    assert_eq!(cluster.size(), 0);
}

#[test]
fn a_deployment_that_had_no_pods_gets_none_and_a_rollout_without_pods_takes_none() {
    let mut cluster = beside("progressively", 0);
    cluster.ready.insert("v1".into(), 4);
    cluster.settle();
    assert_eq!(cluster.size(), 0);
    let mut cluster = beside("onsuccess", 10);
    cluster.scale(0);
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.size()), ("Healthy", 10));
    let mut cluster = beside("onsuccess", 10);
    cluster.edit(json!({"spec": {"paused": true}}));
    cluster.set_gate(Gate::Verified);
    cluster.settle();
    assert_eq!(cluster.size(), 10, "a pause holds all sizes");
}
