//! `tidegate plan` and `tidegate preflight` against the API server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::assets;
use crate::crds::RBAC;
use crate::fixture::Fixture;
use crate::rights::grant;
use crate::servers::Servers;

/// Somebody who looks at the namespace of a fixture.
pub struct Planner {
    kubeconfig: PathBuf,
    instance_id: String,
}

impl Planner {
    /// One who may do everything.
    pub fn admin(servers: &Servers, fixture: &Fixture) -> Self {
        Self { kubeconfig: servers.admins_kubeconfig(), instance_id: fixture.namespace.clone() }
    }

    /// One who may `get` and `list` everything in the namespace, and nothing else.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn new(servers: &Servers, fixture: &Fixture) -> Self {
        let user = format!("planner-{}", fixture.namespace);
        let rules = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]);
        let subject = json!({"apiGroup": RBAC, "kind": "User", "name": user});
        grant(&fixture.admin, &fixture.namespace, "planner", rules, subject).await;

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
        self.run("plan", |command| {
            command.args(more).args(files);
        })
    }

    /// Asks what a switch from Argo Rollouts would do.
    ///
    /// # Panics
    /// When the program cannot be run.
    pub fn preflight(&self, more: &[&str]) -> Output {
        self.run("preflight", |command| {
            command.args(more);
        })
    }

    fn run(&self, what: &str, arguments: impl Fn(&mut Command)) -> Output {
        let mut command = Command::new(assets::tidegate());
        command
            .args([what, "--output", "json", "--instance-id", &self.instance_id])
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(["--namespace", &self.instance_id]);
        arguments(&mut command);
        command.env_clear().stdin(Stdio::null()).output().expect("running tidegate")
    }
}
