//! The canary of the quick start (`examples/quick-start`), in a namespace of its own.

use std::path::Path;

use serde_json::{Value, json};
use tidegate_api::{Body, builtin};

use crate::crds::documents;
use crate::fixture::{Fixture, WEIGHTS, http_routes};
use crate::wait::eventually;

/// The name of the Rollout and of its route.
const NAME: &str = "rollouts-demo";

/// The objects of the quick start, as they are but for their namespace, the instance id, and the length of pauses.
pub struct QuickStart<'a> {
    fixture: &'a Fixture,
}

impl<'a> QuickStart<'a> {
    /// Creates the objects in the namespace of the fixture, whose name is also the instance id. The Rollout uses
    /// `plugin` with the configuration that it has for the Gateway API.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn create(fixture: &'a Fixture, plugin: &str) -> Self {
        for name in ["services", "httproute", "rollout"] {
            let path = Path::new("examples/quick-start").join(name).with_extension("yaml");
            for mut object in documents(path.to_str().unwrap()) {
                let resource = match object["kind"].as_str() {
                    Some("Service") => builtin::services(),
                    Some("HTTPRoute") => http_routes(),
                    Some("Rollout") => {
                        adapt(&mut object, &fixture.namespace, plugin);
                        builtin::rollouts()
                    }
                    other => panic!("the quick start has a {other:?}"),
                };
                fixture.create(&resource, object).await;
            }
        }
        Self { fixture }
    }

    /// Does what the quick start says: a new image, a promotion at the pause without an end; looks at the weights on the
    /// way.
    ///
    /// # Panics
    /// When it does not come to its end.
    pub async fn go_through(&self) {
        self.expect("it is healthy", |status| status["phase"] == "Healthy").await;
        let container = "/spec/template/spec/containers/0/image";
        let image = json!([{ "op": "replace", "path": container, "value": "argoproj/rollouts-demo:yellow" }]);
        let (admin, namespace) = (&self.fixture.admin, &self.fixture.namespace);
        admin.patch(&builtin::rollouts(), namespace, NAME, None, Body::Json(image)).await.unwrap();
        self.expect("it pauses at its first weight", |status| {
            status["phase"] == "Paused" && status["currentStepIndex"] == 1
        })
        .await;
        assert_eq!(self.weights().await.unwrap(), [80, 20]);
        let promotion = json!({ "pauseConditions": null });
        admin.merge_status(&builtin::rollouts(), namespace, NAME, promotion).await.unwrap();
        self.expect("it ends with the new revision as the stable one", |status| {
            status["phase"] == "Healthy" && status["stableRS"] == status["currentPodHash"]
        })
        .await;
        eventually("all traffic is with the stable Service", || async {
            let weights = self.weights().await?;
            if weights == [100, 0] { Ok(()) } else { Err(format!("{weights:?}")) }
        })
        .await;
    }

    async fn expect(&self, what: &str, test: impl Fn(&Value) -> bool) {
        eventually(what, || async {
            let rollout = self.fixture.get(&builtin::rollouts(), NAME).await?;
            let status = &rollout["status"];
            let is_current =
                status["observedGeneration"] == rollout["metadata"]["generation"].to_string().as_str();
            if is_current && test(status) { Ok(()) } else { Err(status.to_string()) }
        })
        .await;
    }

    async fn weights(&self) -> Result<[i64; 2], String> {
        let route = self.fixture.get(&http_routes(), NAME).await?;
        // The API server fills in 1 where none was written.
        Ok(WEIGHTS.map(|pointer| route.pointer(pointer).and_then(Value::as_i64).unwrap_or(1)))
    }
}

fn adapt(rollout: &mut Value, namespace: &str, plugin: &str) {
    rollout["metadata"]["labels"] = json!({ "argo-rollouts.argoproj.io/controller-instance-id": namespace });
    let canary = &mut rollout["spec"]["strategy"]["canary"];
    let plugins = canary["trafficRouting"]["plugins"].as_object_mut().expect("plugins");
    let mut configuration =
        plugins.remove("argoproj-labs/gatewayAPI").expect("the plugin of the quick start");
    configuration["namespace"] = namespace.into();
    plugins.insert(plugin.to_owned(), configuration);
    for step in canary["steps"].as_array_mut().expect("steps") {
        if step["pause"]["duration"].is_string() {
            step["pause"]["duration"] = "1s".into();
        }
    }
}
