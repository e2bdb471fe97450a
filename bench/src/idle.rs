//! The memory of a controller that has nothing to do: the binary itself, against an API server without objects.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::machine::resident;
use crate::server;

/// How long a controller may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a controller that is ready is left alone before it is looked at.
const REST: Duration = Duration::from_secs(3);

/// Resident memory in kibibytes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Idle {
    /// With the first built-in plugin.
    pub(crate) with_one: u64,
    /// With all of them.
    pub(crate) with_all: u64,
    /// How many these are.
    pub(crate) plugins: u64,
    /// For each one after the first.
    pub(crate) each_further: Option<u64>,
}

/// Runs the controller with one plugin, then with all.
pub(crate) fn measure(tidegate: &Path, plugins: &[&str]) -> Result<Idle> {
    let server = server::start()?;
    let first = plugins.get(..1).context("no plugin is built in")?;
    let with_one = resting(tidegate, first, server)?;
    let with_all = if plugins.len() > 1 { resting(tidegate, plugins, server)? } else { with_one };
    let plugins = plugins.len() as u64;
    let each_further = with_all.saturating_sub(with_one).checked_div(plugins - 1);
    Ok(Idle { with_one, with_all, plugins, each_further })
}

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The memory of a controller with these plugins, once it rests.
fn resting(tidegate: &Path, plugins: &[&str], server: u16) -> Result<u64> {
    let kubeconfig = std::env::temp_dir().join(format!("tidegate-bench-{}.yaml", std::process::id()));
    std::fs::write(&kubeconfig, server::kubeconfig(server)).context("writing a kubeconfig")?;
    let (healthz, metrics) = (free_port()?, free_port()?);
    let mut command = Command::new(tidegate);
    command
        .args(["controller", "--leader-elect=false", "--loglevel=warn", "--bind-address=127.0.0.1"])
        .arg(format!("--healthzPort={healthz}"))
        .arg(format!("--metricsPort={metrics}"))
        .arg("--kubeconfig")
        .arg(&kubeconfig);
    for plugin in plugins {
        command.arg(format!("--router-plugin=bench/{plugin}=builtin:{plugin}"));
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut running = Running(child.with_context(|| format!("starting {}", tidegate.display()))?);
    let deadline = Instant::now() + PATIENCE;
    while server::status(healthz, "/readyz") != Some(200) {
        if let Some(status) = running.0.try_wait()? {
            bail!("the controller ended before it was ready ({status})");
        }
        if Instant::now() > deadline {
            bail!("the controller was not ready after {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(REST);
    let kib =
        resident(running.0.id()).context("the system does not say how much memory the controller has")?;
    let _ = std::fs::remove_file(&kubeconfig);
    Ok(kib)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
