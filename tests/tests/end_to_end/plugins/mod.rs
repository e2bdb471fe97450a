//! Plugins as a cluster has them: `RouterPlugin`s and Argo's ConfigMap, with a real API server. Resources belong to the whole
//! cluster, so each test has names of its own, and all controllers of the run see them.

mod argo;
mod permissions;
mod starting;
mod temporary;
mod versions;
mod web;

use serde_json::{Value, json};
use tidegate_api::{Body, Resource};
use tidegate_contract::Digest;
use tidegate_tests::{Fixture, eventually};

use self::temporary::Temporary;

/// The controller's own namespace.
const OWN: &str = "argo-rollouts";

fn router_plugins() -> Resource {
    Resource::cluster_scoped("tidegate.dev", "v1alpha1", "RouterPlugin", "routerplugins")
}

fn config_maps() -> Resource {
    Resource::namespaced("", "v1", "ConfigMap", "configmaps")
}

/// The name under which a fixture's Rollouts use its plugin.
fn key(fixture: &Fixture) -> String {
    format!("example.com/{}", fixture.namespace)
}

/// The built-in Gateway API router twice, each with a section more that has no meaning: bytes that no other test has, whose
/// copy in the cluster would be found by their digest.
fn components(fixture: &Fixture) -> [Vec<u8>; 2] {
    let component = tidegate_bundle::builtin("gateway-api").unwrap();
    let name = fixture.namespace.as_bytes();
    let length = u8::try_from(name.len()).unwrap();
    [1, 2].map(|number| {
        // A custom section: its length, the name's length, the name, one byte. Lengths below 128 are one byte.
        assert!(length < 100);
        [component, &[0, length + 2, length], name, &[number]].concat()
    })
}

fn digest(bytes: &[u8]) -> Digest {
    tidegate_runtime::Artifact::from_bytes(bytes.to_vec(), "test", None, u64::MAX).unwrap().digest()
}

/// Makes the fixture's `RouterPlugin`, or changes it.
async fn apply(fixture: &Fixture, mut spec: Value) {
    spec["name"] = key(fixture).into();
    let name = &fixture.namespace;
    if fixture.admin.get(&router_plugins(), "", name).await.is_ok() {
        let body = json!([{"op": "replace", "path": "/spec", "value": spec}]);
        fixture.admin.patch(&router_plugins(), "", name, None, Body::Json(body)).await.unwrap();
        return;
    }
    let object = json!({
        "apiVersion": "tidegate.dev/v1alpha1", "kind": "RouterPlugin",
        "metadata": {"name": name}, "spec": spec,
    });
    fixture.admin.create(&router_plugins(), &object).await.unwrap();
}

/// Waits until a condition of the fixture's `RouterPlugin` is so, about the spec as it is now; answers its message.
async fn expect_condition(fixture: &Fixture, kind: &str, status: &str, reason: &str) -> String {
    eventually(&format!("{kind}={status} with the reason {reason}"), || async {
        let plugin = fixture.admin.get(&router_plugins(), "", &fixture.namespace).await;
        let plugin = plugin.map_err(|error| error.to_string())?;
        let conditions = plugin["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.iter().find(|one| {
            one["type"] == kind
                && one["status"] == status
                && one["reason"] == reason
                && one["observedGeneration"] == plugin["metadata"]["generation"]
        });
        let message = found.map(|one| one["message"].as_str().unwrap_or_default().to_owned());
        message.ok_or_else(|| plugin["status"].to_string())
    })
    .await
}

/// Removes the fixture's `RouterPlugin`: others load it, too.
async fn remove(fixture: &Fixture) {
    fixture.admin.delete(&router_plugins(), "", &fixture.namespace).await.unwrap();
}

/// The fixture's `RouterPlugin`, which goes with the test.
fn temporary(fixture: &Fixture) -> Temporary {
    Temporary::new(&fixture.admin, router_plugins(), "", &fixture.namespace)
}

/// A Rollout whose router is the fixture's plugin.
fn with_plugin(fixture: &Fixture) -> impl FnOnce(&mut Value) {
    let key = key(fixture);
    move |rollout| {
        let plugins = &mut rollout["spec"]["strategy"]["canary"]["trafficRouting"]["plugins"];
        let config = plugins.as_object().and_then(|plugins| plugins.values().next()).cloned();
        *plugins = json!({key: config});
    }
}
