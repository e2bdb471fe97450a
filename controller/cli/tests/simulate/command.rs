//! Runs the binary.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What a run printed and how it ended.
pub(crate) struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// `tidegate` with these arguments.
pub(crate) fn tidegate(arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).stdin(Stdio::null());
    run(command)
}

/// `tidegate simulate --output json` with these arguments.
pub(crate) fn simulate(arguments: &[&str]) -> Run {
    tidegate(&[&["simulate", "--output", "json"], arguments].concat())
}

pub(crate) fn run(mut command: Command) -> Run {
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "RUST_LOG"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run {
        status: output.status.code().expect("it ended by itself"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

impl Run {
    /// All lines of JSON output but the last.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let mut all = self.json();
        all.pop();
        all
    }

    /// The last line of JSON output.
    pub(crate) fn result(&self) -> Value {
        self.json().pop().unwrap_or_else(|| panic!("no output; {}", self.stderr))
    }

    fn json(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The condition with this type of a Rollout in the result.
    pub(crate) fn condition(&self, rollout: &str, type_: &str) -> Value {
        let result = self.result();
        let rollouts = result["rollouts"].as_array().unwrap_or_else(|| panic!("{result}"));
        let found =
            rollouts.iter().find(|one| one["rollout"] == rollout).unwrap_or_else(|| panic!("{result}"));
        let conditions = found["conditions"].as_array().unwrap();
        conditions.iter().find(|one| one["type"] == type_).unwrap_or_else(|| panic!("{result:#}")).clone()
    }

    /// The different weights of a backend of a route, in order.
    pub(crate) fn weights(&self, route: &str, backend: &str) -> Vec<u64> {
        let mut weights = Vec::new();
        for line in self.lines() {
            for one in line["routes"].as_array().unwrap().iter().filter(|one| one["name"] == route) {
                let backends = one["backends"].as_array().unwrap();
                weights.extend(
                    backends
                        .iter()
                        .filter(|one| one["name"] == backend)
                        .map(|one| one["weight"].as_u64().unwrap()),
                );
            }
        }
        weights.dedup();
        weights
    }
}

/// A path in the repository.
pub(crate) fn repository(path: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).display().to_string()
}

/// Files that a test writes; they are gone with it.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes one, and says where it is.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// An app that uses this plugin, in a file of its own.
    pub(crate) fn app(&self, name: &str, plugin: &str) -> String {
        self.write(&format!("{name}.json"), app(name, plugin).to_string())
    }

    pub(crate) fn directory(&self) -> String {
        self.0.path().display().to_string()
    }
}

/// A Rollout, its Services and its route, as a `List`.
pub(crate) fn app(name: &str, plugin: &str) -> Value {
    let (stable, canary) = (format!("{name}-stable"), format!("{name}-canary"));
    let service = |name: &str, app: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
               "spec": {"selector": {"app": app}, "ports": [{"port": 80}]}})
    };
    json!({"apiVersion": "v1", "kind": "List", "items": [
        service(&stable, name), service(&canary, name),
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name},
         "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [
             {"name": stable, "port": 80, "weight": 100}, {"name": canary, "port": 80, "weight": 0}]}]}},
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
         "spec": {
             "replicas": 2, "selector": {"matchLabels": {"app": name}},
             "template": {"metadata": {"labels": {"app": name}},
                          "spec": {"containers": [{"name": "web", "image": "example.com/web:v1"}]}},
             "strategy": {"canary": {
                 "stableService": stable, "canaryService": canary,
                 "trafficRouting": {"plugins": {plugin: {"httpRoute": name}}},
                 "steps": [{"setWeight": 50}, {"pause": {}}]}}}},
    ]})
}
