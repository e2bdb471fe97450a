//! Argo Rollouts itself: its controller as a process, and its CLI.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OwnedRwLockReadGuard;

use crate::assets;
use crate::servers::{Servers, free_ports};

/// A running controller of Argo Rollouts, which may do everything. Killed when dropped.
pub struct Argo {
    child: Child,
    log: PathBuf,
    _argos: OwnedRwLockReadGuard<()>,
}

impl Argo {
    /// Starts one that looks after the Rollouts of this namespace with the namespace's name as their instance id, and
    /// returns at once; but not while somebody holds [`Servers::without_argo`].
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn start(servers: &Servers, namespace: &str, more: &[&str]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let [healthz_port, metrics_port] = free_ports();
        let log = servers.file(&format!("argo-{namespace}-{number}.log"));
        let file = File::create(&log).unwrap();
        let argos = servers.with_argo().await;
        let child = Command::new(assets::argo("rollouts-controller"))
            // Where it would put plugins.
            .current_dir(servers.file(""))
            .arg("--kubeconfig")
            .arg(servers.admins_kubeconfig())
            .args(["--namespaced", "--namespace", namespace, "--instance-id", namespace])
            // The one of the versions that it knows which `tests/crds` serves.
            .args(["--istio-api-version", "v1"])
            .args(["--healthzPort", &healthz_port.to_string(), "--metricsPort", &metrics_port.to_string()])
            .args(more)
            .env_clear()
            // Where its lease and its own ConfigMap are.
            .env("POD_NAMESPACE", "argo-rollouts")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .expect("starting Argo Rollouts");
        servers.end_with_us(&child);
        Self { child, log, _argos: argos }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as a crash would.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Argo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(60);
            eprintln!("--- Argo Rollouts said, last:\n{}", lines[from..].join("\n"));
        }
    }
}

/// Runs `kubectl argo rollouts` with these arguments, as somebody who may do everything.
///
/// # Panics
/// When it cannot be run.
pub fn argo_cli(servers: &Servers, namespace: &str, arguments: &[&str]) -> Output {
    Command::new(assets::argo("kubectl-argo-rollouts"))
        .arg("--kubeconfig")
        .arg(servers.admins_kubeconfig())
        .args(["--namespace", namespace])
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("running the CLI of Argo Rollouts")
}
