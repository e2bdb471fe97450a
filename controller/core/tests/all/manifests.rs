//! The Rollout, Services and user actions that the tests are about.

use serde_json::{Value, json};
use tidegate_api::{Operation, Request, object};

use crate::cluster::Cluster;

/// The label that names a revision.
pub(crate) const HASH: &str = "rollouts-pod-template-hash";

/// The steps of the worked trace: a weight, a pause until promoted, a weight, a pause of 10 s.
pub(crate) fn trace() -> Value {
    json!([{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "10s"}}])
}

/// A Rollout of 10 pods of the image `v1`, with a stable and a canary Service and one router.
pub(crate) fn rollout(steps: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u-1", "generation": 1},
        "spec": {
            "replicas": 10,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:v1"}]},
            },
            "strategy": {"canary": {
                "canaryService": "web-canary",
                "stableService": "web-stable",
                "trafficRouting": {"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "web", "namespace": "shop"}}},
                "steps": steps,
            }},
        },
    })
}

/// The same two Services for ping-pong.
pub(crate) fn ping_pong() -> Value {
    json!({
        "canaryService": null, "stableService": null,
        "pingPong": {"pingService": "web-canary", "pongService": "web-stable"},
    })
}

/// The same two Services with roles of their own.
pub(crate) fn fixed_roles() -> Value {
    json!({"canaryService": "web-canary", "stableService": "web-stable", "pingPong": null})
}

pub(crate) fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", "uid": name},
        "spec": {"selector": {"app": "web"}},
    })
}

/// A cluster in which `v1` runs, settled.
pub(crate) fn running(rollout: Value) -> Cluster {
    let mut cluster = Cluster::new(rollout, [service("web-canary"), service("web-stable")]);
    cluster.settle();
    assert_eq!(cluster.phase(), "Healthy", "{:#}", cluster.rollout["status"]);
    cluster.notes.clear();
    cluster
}

/// One in which a canary of `v2` is at its first pause.
pub(crate) fn paused() -> Cluster {
    let mut cluster = running(rollout(trace()));
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight(), cluster.index()), ("Paused", Some(20), Some(1)));
    cluster
}

/// What users do.
impl Cluster {
    pub(crate) fn deploy(&mut self, image: &str) {
        let containers = json!([{"name": "web", "image": format!("web:{image}")}]);
        self.edit(json!({"spec": {"template": {"spec": {"containers": containers}}}}));
    }

    /// Changes `spec.strategy.canary`.
    pub(crate) fn canary(&mut self, patch: &Value) {
        self.edit(json!({"spec": {"strategy": {"canary": patch}}}));
    }

    pub(crate) fn scale(&mut self, replicas: i64) {
        self.was_empty |= replicas == 0;
        self.edit(json!({"spec": {"replicas": replicas}}));
    }

    pub(crate) fn abort(&mut self) {
        self.edit(json!({"status": {"abort": true}}));
    }

    pub(crate) fn retry(&mut self) {
        self.edit(json!({"status": {"abort": false}}));
    }

    /// As the CLI does: resumes what is paused, else skips a step.
    pub(crate) fn promote(&mut self) {
        let is_paused = self.rollout["spec"]["paused"] == true || self.status("/pauseConditions").is_array();
        if is_paused {
            self.edit(json!({"spec": {"paused": false}, "status": {"pauseConditions": null}}));
        } else if let Some(index) = self.index() {
            self.edit(json!({"status": {"currentStepIndex": index + 1}}));
        }
    }

    pub(crate) fn promote_full(&mut self) {
        self.was_forced = true;
        self.edit(
            json!({"spec": {"paused": false}, "status": {"promoteFull": true, "pauseConditions": null}}),
        );
    }
}

/// Which object a write is about.
pub(crate) fn name_of_kind(request: &Request) -> (String, String) {
    let name = match &request.operation {
        Operation::Create { object } => object::name(object),
        _ => request.name().unwrap_or_default(),
    };
    (request.resource.kind.to_string(), name.to_owned())
}
