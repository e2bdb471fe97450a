//! The controller, as a process of its own: the same binary as everywhere, as the service account of `deploy/`.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::servers::{Servers, free_ports};
use crate::{assets, confined, eventually};

/// A running controller. Killed when dropped.
pub struct Controller {
    child: Child,
    log: PathBuf,
    healthz_port: u16,
    metrics_port: u16,
}

/// What a probe answers.
#[derive(Debug)]
pub struct Probe {
    /// The status code.
    pub code: u16,
    /// The text.
    pub body: String,
}

impl Controller {
    /// Starts a controller that looks after the Rollouts with this instance id, and returns at once.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(servers: &Servers, instance_id: &str, more: &[&str]) -> Self {
        Self::spawn(servers, instance_id, more, Command::new(assets::tidegate()), None)
    }

    /// Starts one with a root that is read-only throughout, without a folder that could be written to, as somebody who is
    /// not root, and waits until it is ready. It trusts this authority (a PEM file) besides that of the API server.
    ///
    /// # Panics
    /// When that cannot be had on this system; with what is missing.
    pub async fn start_confined(
        servers: &Servers,
        instance_id: &str,
        more: &[&str],
        authority: &Path,
    ) -> Self {
        let root = servers.file(&format!("root-{instance_id}"));
        fs::create_dir(&root).unwrap();
        let files = [servers.controllers_kubeconfig(), authority];
        let command = confined::command(&root, &assets::tidegate().canonicalize().unwrap(), &files);
        Self::spawn(servers, instance_id, more, command, Some(authority)).ready().await
    }

    fn spawn(
        servers: &Servers,
        instance_id: &str,
        more: &[&str],
        mut command: Command,
        authority: Option<&Path>,
    ) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let [healthz_port, metrics_port] = free_ports();
        let log = servers.file(&format!("controller-{instance_id}-{number}.log"));
        let file = File::create(&log).unwrap();
        let mut child = command
            .arg("controller")
            .arg("--kubeconfig")
            .arg(servers.controllers_kubeconfig())
            .args(["--instance-id", instance_id])
            .args(["--healthzPort", &healthz_port.to_string()])
            .args(["--metricsPort", &metrics_port.to_string()])
            .args(more)
            .env_clear()
            .envs(authority.map(|file| ("SSL_CERT_FILE", file)))
            // For those who start it.
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("POD_NAME", format!("tidegate-{number}"))
            .env("RUST_LOG", "info,tidegate=debug,tidegate_kube=debug")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .expect("starting the controller");
        servers.end_with_us(&child);
        // It must not end at once for a wrong flag; what it says then is of use.
        std::thread::sleep(Duration::from_millis(50));
        if let Some(status) = child.try_wait().unwrap() {
            panic!("the controller ended with {status}:\n{}", fs::read_to_string(&log).unwrap_or_default());
        }
        Self { child, log, healthz_port, metrics_port }
    }

    /// Starts one and waits until it is ready.
    pub async fn start_ready(servers: &Servers, instance_id: &str, more: &[&str]) -> Self {
        Self::start(servers, instance_id, more).ready().await
    }

    async fn ready(self) -> Self {
        eventually("the controller is ready", || async {
            match self.probe("/readyz") {
                Some(Probe { code: 200, .. }) => Ok(()),
                other => Err(format!("{other:?}\n{}", self.log())),
            }
        })
        .await;
        self
    }

    /// What the system says of it: a file of its folder in `/proc`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Its number.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Asks one of the probes on the health port.
    pub fn probe(&self, path: &str) -> Option<Probe> {
        get(self.healthz_port, path)
    }

    /// The metrics.
    pub fn metrics(&self) -> String {
        get(self.metrics_port, "/metrics").map(|probe| probe.body).unwrap_or_default()
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as a crash would.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, as a kubelet does, and waits for it.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub async fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        eventually("the controller ends", || {
            let status = self.child.try_wait().unwrap();
            std::future::ready(status.ok_or_else(|| "still running".to_owned()))
        })
        .await
    }

    /// Waits until it ends by itself; answers with what it said, too.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn wait(mut self) -> (ExitStatus, String) {
        let status = eventually("the controller ends by itself", || {
            let status = self.child.try_wait().unwrap();
            std::future::ready(status.ok_or_else(|| "still running".to_owned()))
        })
        .await;
        let log = self.log();
        (status, log)
    }

    /// Sends a signal by its name.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, name: &str) {
        // The shell's own `kill`: not every machine has one as a program.
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "kill", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success(), "sending SIG{name}");
    }
}

/// Runs a command of the same binary to its end, as the same user.
///
/// # Panics
/// When it cannot be started.
pub fn tidegate(servers: &Servers, arguments: &[&str]) -> std::process::Output {
    Command::new(assets::tidegate())
        .args(arguments)
        .arg("--kubeconfig")
        .arg(servers.controllers_kubeconfig())
        .env_clear()
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("starting the binary")
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(200);
            eprintln!("--- the controller said, last:\n{}", lines[from..].join("\n"));
        }
    }
}

fn get(port: u16, path: &str) -> Option<Probe> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some(Probe { code, body: body.to_owned() })
}
