//! The process that is measured, and what the system knows of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::manifests::PLUGIN;

/// A controller; it ends with this value.
pub(crate) struct Controller {
    child: Child,
    kubeconfig: PathBuf,
    healthz: u16,
    metrics: u16,
}

impl Controller {
    /// Starts one that talks to this address.
    pub(crate) fn start(tidegate: &Path, server: SocketAddr, loglevel: &str) -> Result<Self> {
        let kubeconfig =
            std::env::temp_dir().join(format!("tidegate-bench-scale-{}.yaml", std::process::id()));
        std::fs::write(&kubeconfig, tidegate_server::kubeconfig(server)).context("writing a kubeconfig")?;
        let (healthz, metrics) = (free_port()?, free_port()?);
        let child = Command::new(tidegate)
            .args(["controller", "--bind-address=127.0.0.1"])
            .arg(format!("--loglevel={loglevel}"))
            .arg(format!("--healthzPort={healthz}"))
            .arg(format!("--metricsPort={metrics}"))
            .arg(format!("--router-plugin={PLUGIN}=builtin:gateway-api"))
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", tidegate.display()))?;
        Ok(Self { child, kubeconfig, healthz, metrics })
    }

    /// Fails when it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the controller ended ({status})"),
            None => Ok(()),
        }
    }

    /// Whether it says that it is ready.
    pub(crate) fn is_ready(&self) -> bool {
        get(self.healthz, "/readyz").is_some_and(|line| line.contains(" 200 "))
    }

    /// Reads its metrics, as somebody who scrapes them does.
    pub(crate) fn scrape(&self) {
        get(self.metrics, "/metrics");
    }

    /// Resident memory now, and at most so far, in kibibytes.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = self.proc("status")?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let found = field("VmRSS:").zip(field("VmHWM:"));
        let (resident, peak) = found.context("the system does not say how much memory the controller has")?;
        Ok(Memory { resident, peak })
    }

    /// Processor time so far, of all its threads.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let stat = self.proc("stat")?;
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        // In ticks, of which there are a hundred in a second on every Linux that we run on.
        let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(10 * ticks))
    }

    fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}

/// Resident memory in kibibytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) peak: u64,
}

/// The first line of an answer, once all of it was read.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    lines.for_each(drop);
    Some(first)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
