//! Fields that a server does not know, where strict validation is asked for.

use serde_json::json;
use tidegate_api::{Operation, builtin};

use super::client::Client;
use super::compare;

#[test]
fn strict() {
    compare("strict", async |client: &mut Client| {
        client.about(builtin::rollouts());
        let rollout = |name: &str, status: serde_json::Value| {
            json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
                "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}}},
                "status": status,
            })
        };
        client.create("an unknown field is left out", rollout("lenient", json!({"nonsense": 1}))).await;
        let object = rollout("refused", json!({"nonsense": 1}));
        client.send("or refused, strictly", Operation::CreateStrictly { object }).await;
        let object = rollout("strict", json!({"replicas": 0}));
        client.send("known ones are taken", Operation::CreateStrictly { object }).await;
        let patch = json!([{"op": "add", "path": "/status", "value": {"nonsense": {"a": 1}}}]);
        client.json("a patch is strict", "strict", None, patch).await;
        let patch = json!([{"op": "replace", "path": "/spec/replicas", "value": 0}]);
        client.json("a patch of what is known", "strict", None, patch).await;
        let patch = json!([{"op": "add", "path": "/status/nonsense", "value": 1}]);
        client.json("that of a subresource is not", "strict", Some("status"), patch).await;
        client.merge("nor is a merge patch", "strict", None, json!({"status": {"nonsense": 1}})).await;
    });
}
