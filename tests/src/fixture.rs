//! A namespace with one Rollout, its Services and its route, and how tests look at them.

use serde_json::{Value, json};
use tidegate_api::{Body, Resource, builtin, object};

use crate::admin::Admin;
use crate::servers::Servers;
use crate::wait::eventually;

/// Where the weights are in the fixture's route: of the rule with both Services, in the order stable, canary.
pub const WEIGHTS: [&str; 2] = ["/spec/rules/1/backendRefs/0/weight", "/spec/rules/1/backendRefs/1/weight"];

/// The route that the plugin is configured with.
pub(crate) fn http_routes() -> Resource {
    Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
}

/// All kinds of routes.
pub(crate) fn route_kinds() -> [Resource; 4] {
    let kind =
        |kind: &str, plural: &str| Resource::namespaced("gateway.networking.k8s.io", "v1", kind, plural);
    [
        http_routes(),
        kind("GRPCRoute", "grpcroutes"),
        kind("TCPRoute", "tcproutes"),
        kind("TLSRoute", "tlsroutes"),
    ]
}

/// A Rollout in a namespace of its own, whose name is also its instance id.
pub struct Fixture {
    /// The namespace and the instance id.
    pub namespace: String,
    /// A user who may do everything.
    pub admin: Admin,
}

impl Fixture {
    /// A namespace with a route and two Services; without a Rollout.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn new(servers: &Servers, name: &str) -> Self {
        let namespace = format!("{name}-{}", fastrand::u32(..));
        let admin = servers.admin.clone();
        let namespaces = Resource::cluster_scoped("", "v1", "Namespace", "namespaces");
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        admin.create(&namespaces, &object).await.unwrap();
        let accounts = Resource::namespaced("", "v1", "ServiceAccount", "serviceaccounts");
        // Pods are refused until it is there, and refused pods are tried again ever more seldom.
        eventually("the namespace has a service account", || async {
            let account =
                admin.get(&accounts, &namespace, "default").await.map_err(|error| error.to_string())?;
            let has_secret = account["secrets"].as_array().is_some_and(|secrets| !secrets.is_empty());
            if has_secret || !servers.is_old() { Ok(()) } else { Err(account.to_string()) }
        })
        .await;
        let fixture = Self { namespace, admin };
        for role in ["stable", "canary"] {
            fixture.create(&builtin::services(), service(&format!("web-{role}"))).await;
        }
        fixture.create(&http_routes(), route()).await;
        fixture
    }

    /// Makes an object in the namespace.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn create(&self, resource: &Resource, mut object: Value) -> Value {
        object["metadata"]["namespace"] = self.namespace.clone().into();
        self.admin.create(resource, &object).await.unwrap_or_else(|error| panic!("{error}\n{object}"))
    }

    /// Makes the Rollout `web` with these steps, after `change` has had its way with it.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn create_rollout(&self, steps: Value, change: impl FnOnce(&mut Value)) {
        let mut rollout = rollout(&self.namespace, steps);
        change(&mut rollout);
        self.create(&builtin::rollouts(), rollout).await;
    }

    /// Makes another Rollout, of this name, with Services of its own and these router plugins.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn create_neighbour(&self, name: &str, plugins: Value) {
        let services = [format!("{name}-stable"), format!("{name}-canary")];
        for service_name in &services {
            let mut service = service(service_name);
            service["spec"]["selector"]["app"] = name.into();
            self.create(&builtin::services(), service).await;
        }
        let mut rollout = rollout(&self.namespace, json!([{ "setWeight": 20 }, { "pause": {} }]));
        rollout["metadata"]["name"] = name.into();
        let spec = &mut rollout["spec"];
        spec["selector"]["matchLabels"]["app"] = name.into();
        spec["template"]["metadata"]["labels"]["app"] = name.into();
        let canary = &mut spec["strategy"]["canary"];
        let [stable, other] = services;
        canary["stableService"] = stable.into();
        canary["canaryService"] = other.into();
        canary["trafficRouting"]["plugins"] = plugins;
        self.create(&builtin::rollouts(), rollout).await;
    }

    /// Waits until that Rollout has a condition of this type with this reason; answers its message.
    pub async fn expect_neighbours_condition(&self, name: &str, type_: &str, reason: &str) -> String {
        eventually(&format!("{name} has a condition {type_} with the reason {reason}"), || async {
            let rollout = self.get(&builtin::rollouts(), name).await?;
            condition(&rollout, type_, reason).ok_or_else(|| rollout["status"].to_string())
        })
        .await
    }

    /// The Rollout as it is.
    ///
    /// # Errors
    /// What the server says.
    pub async fn rollout(&self) -> Result<Value, String> {
        self.get(&builtin::rollouts(), "web").await
    }

    /// The route as it is.
    ///
    /// # Errors
    /// What the server says.
    pub async fn route(&self) -> Result<Value, String> {
        self.get(&http_routes(), "web").await
    }

    /// An object of the namespace.
    ///
    /// # Errors
    /// What the server says.
    pub async fn get(&self, resource: &Resource, name: &str) -> Result<Value, String> {
        self.admin.get(resource, &self.namespace, name).await.map_err(|error| error.to_string())
    }

    /// The weights of the route: stable, canary.
    ///
    /// # Errors
    /// What the server says.
    pub async fn weights(&self) -> Result<[i64; 2], String> {
        let route = self.route().await?;
        // The API server fills in 1 where none was written.
        Ok(WEIGHTS.map(|pointer| route.pointer(pointer).and_then(Value::as_i64).unwrap_or(1)))
    }

    /// Waits until the route has these weights: stable, canary.
    pub async fn expect_weights(&self, expected: [i64; 2]) {
        eventually(&format!("the weights are {expected:?}"), || async {
            let weights = self.weights().await?;
            if weights == expected { Ok(()) } else { Err(format!("{weights:?}; {}", self.summary().await)) }
        })
        .await;
    }

    /// Waits until the Rollout satisfies this.
    pub async fn expect_rollout(&self, what: &str, test: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || async {
            let rollout = self.rollout().await?;
            if test(&rollout) { Ok(rollout) } else { Err(self.summary().await) }
        })
        .await
    }

    /// Waits until the Rollout is healthy at its current generation.
    pub async fn expect_healthy(&self) -> Value {
        self.expect_rollout("the Rollout is healthy", |rollout| {
            let generation = object::generation(rollout).map(|generation| generation.to_string());
            rollout["status"]["phase"] == "Healthy"
                && rollout["status"]["observedGeneration"].as_str() == generation.as_deref()
        })
        .await
    }

    /// Waits until the Rollout is paused at this step.
    pub async fn expect_paused_at(&self, step: i64) {
        self.expect_rollout(&format!("the Rollout pauses at step {step}"), |rollout| {
            rollout["status"]["phase"] == "Paused" && rollout["status"]["currentStepIndex"] == step
        })
        .await;
    }

    /// Waits until the update is aborted, by whatever.
    pub async fn expect_aborted(&self) -> Value {
        self.expect_rollout("it is aborted", |rollout| {
            rollout["status"]["phase"] == "Degraded" && rollout["status"]["abort"] == true
        })
        .await
    }

    /// Waits until the Rollout has a condition of this type with this reason; answers its message.
    pub async fn expect_condition(&self, type_: &str, reason: &str) -> String {
        let what = format!("there is a condition {type_} with the reason {reason}");
        let rollout = self.expect_rollout(&what, |rollout| condition(rollout, type_, reason).is_some()).await;
        condition(&rollout, type_, reason).unwrap_or_default()
    }

    /// Starts an update to this image.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn set_image(&self, image: &str) {
        let change =
            json!([{ "op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image }]);
        self.admin
            .patch(&builtin::rollouts(), &self.namespace, "web", None, Body::Json(change))
            .await
            .unwrap();
    }

    /// Ends a pause, as `kubectl argo rollouts promote` does.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn promote(&self) {
        self.set_status(json!({ "pauseConditions": null })).await;
    }

    /// Writes intents of a user into the status, as `kubectl argo rollouts` does.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn set_status(&self, status: Value) {
        self.admin.merge_status(&builtin::rollouts(), &self.namespace, "web", status).await.unwrap();
    }

    /// The replicas of the ReplicaSets, by image.
    ///
    /// # Errors
    /// What the server says.
    pub async fn replicas(&self) -> Result<Vec<(String, i64, i64)>, String> {
        let sets = self
            .admin
            .list(&builtin::replica_sets(), &self.namespace)
            .await
            .map_err(|error| error.to_string())?;
        let mut replicas: Vec<_> = sets
            .iter()
            .map(|set| {
                let image = set.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
                let number = |pointer: &str| set.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
                (
                    image.unwrap_or_default().to_owned(),
                    number("/spec/replicas"),
                    number("/status/availableReplicas"),
                )
            })
            .collect();
        replicas.sort();
        Ok(replicas)
    }

    /// The resource versions of everything that the controller could write.
    ///
    /// # Errors
    /// What the server says.
    pub async fn versions(&self) -> Result<Vec<(String, String)>, String> {
        let mut versions = Vec::new();
        for resource in [builtin::rollouts(), builtin::replica_sets(), builtin::services(), http_routes()] {
            let objects =
                self.admin.list(&resource, &self.namespace).await.map_err(|error| error.to_string())?;
            for object in objects {
                let version = object::resource_version(&object).to_owned();
                versions.push((format!("{} {}", resource.kind, object::name(&object)), version));
            }
        }
        Ok(versions)
    }

    /// What one would look at first.
    pub async fn summary(&self) -> String {
        let status = self.rollout().await.map(|rollout| rollout["status"].clone());
        format!(
            "weights {:?}, replicas {:?}, status {}",
            self.weights().await,
            self.replicas().await,
            status.map_or_else(|error| error, |status| status.to_string())
        )
    }
}

/// The message of a condition of this type with this reason, if there is one.
fn condition(rollout: &Value, type_: &str, reason: &str) -> Option<String> {
    let conditions = rollout["status"]["conditions"].as_array()?;
    let found =
        conditions.iter().find(|condition| condition["type"] == type_ && condition["reason"] == reason)?;
    Some(found["message"].as_str().unwrap_or_default().to_owned())
}

fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name },
        "spec": { "selector": { "app": "web" }, "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }] },
    })
}

/// A route with a rule of somebody else before the Rollout's.
fn route() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": { "name": "web" },
        "spec": {
            "parentRefs": [{ "name": "public" }],
            "hostnames": ["web.example.com"],
            "rules": [
                {
                    "name": "legacy",
                    "matches": [{ "path": { "type": "PathPrefix", "value": "/legacy" } }],
                    "filters": [{
                        "type": "RequestHeaderModifier",
                        "requestHeaderModifier": { "set": [{ "name": "x-legacy", "value": "1" }] },
                    }],
                    "backendRefs": [{ "name": "legacy", "port": 8080, "weight": 7 }],
                },
                {
                    "name": "web",
                    "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
                    "backendRefs": [
                        { "name": "web-stable", "port": 80 },
                        { "name": "web-canary", "port": 80, "weight": 0 },
                    ],
                },
            ],
        },
    })
}

fn rollout(instance_id: &str, steps: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {
            "name": "web",
            "labels": { "argo-rollouts.argoproj.io/controller-instance-id": instance_id },
        },
        "spec": {
            "replicas": 4,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": "example.com/web:v1" }] },
            },
            "strategy": { "canary": {
                "stableService": "web-stable",
                "canaryService": "web-canary",
                "scaleDownDelaySeconds": 1,
                "trafficRouting": { "plugins": { "argoproj-labs/gatewayAPI": { "httpRoute": "web" } } },
                "steps": steps,
            }},
        },
    })
}
