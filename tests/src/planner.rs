//! `tidegate plan` against the API server, as somebody who may read one namespace and nothing else.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tidegate_api::Resource;

use crate::assets;
use crate::fixture::Fixture;
use crate::servers::Servers;

/// Somebody who may read the namespace of a fixture.
pub struct Planner {
    kubeconfig: PathBuf,
    instance_id: String,
}

impl Planner {
    /// Grants the rights: `get` and `list` of everything in the namespace.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn new(servers: &Servers, fixture: &Fixture) -> Self {
        let user = format!("planner-{}", fixture.namespace);
        let kind =
            |kind: &str, plural: &str| Resource::namespaced("rbac.authorization.k8s.io", "v1", kind, plural);
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "planner"},
            "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}],
        });
        fixture.create(&kind("Role", "roles"), role).await;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "planner"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "planner"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        fixture.create(&kind("RoleBinding", "rolebindings"), binding).await;

        let text = std::fs::read_to_string(servers.admins_kubeconfig()).unwrap();
        let mut kubeconfig: Value = serde_yaml_ng::from_str(&text).unwrap();
        kubeconfig["users"][0]["user"]["as"] = json!(user);
        let path = servers.file(&format!("{user}.kubeconfig"));
        std::fs::write(&path, kubeconfig.to_string()).unwrap();
        Self { kubeconfig: path, instance_id: fixture.namespace.clone() }
    }

    /// Plans with these files as the new versions.
    ///
    /// # Panics
    /// When the program cannot be run.
    pub fn plan(&self, files: &[&Path], more: &[&str]) -> Output {
        Command::new(assets::tidegate())
            .args(["plan", "--output", "json", "--instance-id", &self.instance_id])
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(["--namespace", &self.instance_id])
            .args(more)
            .args(files)
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .expect("running tidegate plan")
    }
}
