//! Rights in one namespace: for whoever only reads, and what an operator gives the controller besides those of the deployment.

use serde_json::{Value, json};
use tidegate_api::Resource;

use crate::admin::Admin;
use crate::crds::{NAMESPACE, RBAC, SERVICE_ACCOUNT};

/// Gives somebody rights by a Role and its binding, both of this name.
pub(crate) async fn grant(admin: &Admin, namespace: &str, name: &str, rules: Value, subject: Value) {
    let version = format!("{RBAC}/v1");
    let metadata = json!({"name": name, "namespace": namespace});
    let role = json!({"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": rules});
    let binding = json!({
        "apiVersion": version, "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
        "subjects": [subject],
    });
    for (kind, plural, object) in [("Role", "roles", role), ("RoleBinding", "rolebindings", binding)] {
        admin.create(&Resource::namespaced(RBAC, "v1", kind, plural), &object).await.unwrap();
    }
}

/// Lets the controller read one Secret.
///
/// # Panics
/// When the server refuses.
pub async fn let_read(admin: &Admin, namespace: &str, secret: &str) {
    let rules =
        json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get"]}]);
    let subject = json!({"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE});
    grant(admin, namespace, secret, rules, subject).await;
}
