//! Rights that an operator gives the controller besides those of the deployment.

use serde_json::{Value, json};
use tidegate_api::Resource;
use tidegate_tests::Fixture;

/// The controller's namespace and service account.
const CONTROLLER: [&str; 2] = ["argo-rollouts", "tidegate"];

/// Lets the controller read one Secret.
pub(crate) async fn let_read(fixture: &Fixture, namespace: &str, secret: &str) {
    let rbac =
        |kind: &str, plural: &str| Resource::namespaced("rbac.authorization.k8s.io", "v1", kind, plural);
    let [own, account] = CONTROLLER;
    let role = json!({
        "metadata": {"name": secret, "namespace": namespace},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get"]}],
    });
    let binding = json!({
        "metadata": {"name": secret, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": secret},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": own}],
    });
    let with = |mut object: Value, kind: &str| {
        object["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
        object["kind"] = json!(kind);
        object
    };
    fixture.admin.create(&rbac("Role", "roles"), &with(role, "Role")).await.unwrap();
    fixture.admin.create(&rbac("RoleBinding", "rolebindings"), &with(binding, "RoleBinding")).await.unwrap();
}
