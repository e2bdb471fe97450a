//! One set of servers for the whole test program: etcd, kube-apiserver, kube-controller-manager, on loopback
//! ports, with the stand-in kubelet and gateway beside them.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::json;
use tidegate_api::Resource;
use tokio::runtime::Runtime;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::admin::Admin;
use crate::pki::{Identity, Pki, write_token_keys};
use crate::reaper::Reaper;
use crate::{assets, crds, gateway, kubelet};

/// The servers, and a user who may do everything.
pub struct Servers {
    runtime: Runtime,
    /// A user who may do everything.
    pub admin: Admin,
    folder: PathBuf,
    kubeconfig: PathBuf,
    old: bool,
    reaper: Mutex<Reaper>,
    /// Held by those who run an Argo, and alone by whoever writes what each of them reads at its start.
    argos: Arc<RwLock<()>>,
}

/// The servers of this test program, started by whoever asks first.
///
/// # Panics
/// When they cannot be had; with what to do.
pub fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Result<Servers, String>> = OnceLock::new();
    match SERVERS.get_or_init(Servers::start) {
        Ok(servers) => servers,
        Err(error) => panic!("{error}"),
    }
}

impl Servers {
    /// Runs a test.
    pub fn run<T>(&self, test: impl Future<Output = T>) -> T {
        self.runtime.block_on(test)
    }

    /// The kubeconfig of the controller's service account.
    pub(crate) fn controllers_kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubeconfig of the user who may do everything.
    pub(crate) fn admins_kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }

    /// Whether they are from before Kubernetes 1.24. Then, among other things, pods are refused until their
    /// service account has a token in a Secret.
    pub fn is_old(&self) -> bool {
        self.old
    }

    /// A place for files of a test; removed with the servers.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// While this is held, nobody changes what Argo's controller reads at its start.
    pub(crate) async fn with_argo(&self) -> OwnedRwLockReadGuard<()> {
        self.argos.clone().read_owned().await
    }

    /// While this is held, no controller of Argo runs: it would read its ConfigMap, fetch the plugins there, and end for a mistake.
    pub async fn without_argo(&self) -> OwnedRwLockWriteGuard<()> {
        self.argos.clone().write_owned().await
    }

    /// Ends a process with this program, if it has not ended before.
    pub(crate) fn end_with_us(&self, child: &Child) {
        self.reaper.lock().unwrap().register(child);
    }

    fn start() -> Result<Self, String> {
        let programs = assets::kube()?;
        // In memory where that is possible: etcd waits for its disk.
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().prefix("tidegate-tests-").tempdir_in(parent).unwrap().keep();
        let mut reaper = Reaper::new(&folder);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let old = are_old(&programs);
        let mut set = Set { programs, old, folder: folder.clone(), children: Vec::new() };

        let pki = Pki::new();
        fs::write(folder.join("ca.crt"), &pki.ca).unwrap();
        pki.server().write(&folder, "server");
        write_token_keys(&folder);
        let admin = pki.user("admin", Some("system:masters"));
        let etcd = set.start_etcd(&mut reaper);
        let api = set.start_api_server(&mut reaper, etcd);
        let kubeconfig = write_kubeconfig(&folder, "admin", &pki, api, &by_certificate(&admin));

        let client = runtime.block_on(async {
            let file = Kubeconfig::read_from(&kubeconfig).map_err(|error| error.to_string())?;
            let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
                .await
                .map_err(|error| error.to_string())?;
            config.default_retry = false;
            Client::try_from(config).map_err(|error| error.to_string())
        })?;
        let admin = Admin::new(client);
        runtime.block_on(set.wait_until_ready("kube-apiserver", || async {
            admin.raw("GET", "/readyz", None).await.map(drop).map_err(|error| error.to_string())
        }))?;
        // The controllers of the controller-manager learn of kinds at their start.
        runtime.block_on(crds::install(&admin));
        let manager = pki.user("system:kube-controller-manager", None);
        let manager = write_kubeconfig(&folder, "manager", &pki, api, &by_certificate(&manager));
        set.start_controller_manager(&mut reaper, &manager);
        runtime.block_on(set.wait_until_ready("kube-controller-manager", || async {
            let accounts = Resource::namespaced("", "v1", "ServiceAccount", "serviceaccounts");
            admin.get(&accounts, "default", "default").await.map(drop).map_err(|error| error.to_string())
        }))?;
        let kubeconfig = runtime.block_on(async {
            kubelet::register_node(&admin).await;
            crds::grant(&admin).await;
            let token = crds::token(&admin).await;
            write_kubeconfig(&folder, "tidegate", &pki, api, &json!({ "token": token }))
        });
        runtime.spawn(kubelet::run(admin.clone()));
        runtime.spawn(gateway::run(admin.clone()));
        Ok(Self {
            runtime,
            admin,
            folder,
            kubeconfig,
            old,
            reaper: Mutex::new(reaper),
            argos: Arc::default(),
        })
    }
}

/// The programs, and those of them that run.
struct Set {
    programs: PathBuf,
    old: bool,
    folder: PathBuf,
    children: Vec<(&'static str, Child)>,
}

impl Set {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn spawn(&mut self, reaper: &mut Reaper, program: &'static str, arguments: &[String]) {
        let log = File::create(self.folder.join(format!("{program}.log"))).unwrap();
        let child = Command::new(self.programs.join(program))
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("starting {program}: {error}"));
        reaper.register(&child);
        self.children.push((program, child));
    }

    fn start_etcd(&mut self, reaper: &mut Reaper) -> u16 {
        let [client, peer] = free_ports();
        let arguments = [
            "--name=test".to_owned(),
            format!("--data-dir={}", self.path("etcd")),
            format!("--listen-client-urls=http://127.0.0.1:{client}"),
            format!("--advertise-client-urls=http://127.0.0.1:{client}"),
            format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
            format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"),
            format!("--initial-cluster=test=http://127.0.0.1:{peer}"),
        ];
        self.spawn(reaper, "etcd", &arguments);
        client
    }

    fn start_api_server(&mut self, reaper: &mut Reaper, etcd: u16) -> u16 {
        let [port] = free_ports();
        let arguments = [
            format!("--etcd-servers=http://127.0.0.1:{etcd}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            "--advertise-address=127.0.0.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            format!("--tls-cert-file={}", self.path("server.crt")),
            format!("--tls-private-key-file={}", self.path("server.key")),
            format!("--client-ca-file={}", self.path("ca.crt")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", self.path("sa.pub")),
            format!("--service-account-signing-key-file={}", self.path("sa.key")),
            "--authorization-mode=RBAC".to_owned(),
            // What the controller's role lacks shows here: owner references that block deletion need it.
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement".to_owned(),
            "--enable-priority-and-fairness=false".to_owned(),
        ];
        self.spawn(reaper, "kube-apiserver", &arguments);
        port
    }

    fn start_controller_manager(&mut self, reaper: &mut Reaper, kubeconfig: &Path) {
        let [port] = free_ports();
        let mut arguments = vec![
            format!("--kubeconfig={}", kubeconfig.display()),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            "--leader-elect=false".to_owned(),
            format!("--root-ca-file={}", self.path("ca.crt")),
            format!("--cert-dir={}", self.path("manager-certs")),
            // Each controller with the rights that it has in a real cluster.
            "--use-service-account-credentials=true".to_owned(),
            format!("--service-account-private-key-file={}", self.path("sa.key")),
        ];
        let mut controllers = vec![
            "replicaset",
            "job",
            "namespace",
            "garbagecollector",
            "serviceaccount",
            "root-ca-cert-publisher",
        ];
        if self.old {
            // Before 1.24 it also listened on an open port, on all addresses, and pods needed tokens in Secrets.
            arguments.push("--port=0".to_owned());
            controllers.push("serviceaccount-token");
        }
        arguments.push(format!("--controllers={}", controllers.join(",")));
        self.spawn(reaper, "kube-controller-manager", &arguments);
    }

    async fn wait_until_ready<F: Future<Output = Result<(), String>>>(
        &mut self,
        program: &str,
        mut look: impl FnMut() -> F,
    ) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            let Err(seen) = look().await else { return Ok(()) };
            let ended = self.children.iter_mut().find_map(|(name, child)| {
                child.try_wait().unwrap().map(|status| format!("{name} ended with {status}"))
            });
            if ended.is_some() || Instant::now() > until {
                let log =
                    self.log(ended.as_deref().and_then(|text| text.split(' ').next()).unwrap_or(program));
                return Err(format!("{program} is not ready: {}\n{log}", ended.unwrap_or(seen)));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn log(&self, program: &str) -> String {
        let text = fs::read_to_string(self.folder.join(format!("{program}.log"))).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(30);
        lines[from..].join("\n")
    }
}

/// Whether these are programs from before 1.24.
fn are_old(programs: &Path) -> bool {
    let output = Command::new(programs.join("kube-apiserver")).arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    minor.is_some_and(|minor| minor < 24)
}

/// Ports that nobody listens on now.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    // Held together, so that they differ.
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn by_certificate(identity: &Identity) -> serde_json::Value {
    json!({
        "client-certificate-data": base64(identity.certificate.as_bytes()),
        "client-key-data": base64(identity.key.as_bytes()),
    })
}

fn write_kubeconfig(folder: &Path, name: &str, pki: &Pki, port: u16, user: &serde_json::Value) -> PathBuf {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "test", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority-data": base64(pki.ca.as_bytes()),
        }}],
        "users": [{ "name": name, "user": user }],
        "contexts": [{ "name": "test", "context": {
            "cluster": "test", "user": name, "namespace": crds::NAMESPACE,
        }}],
        "current-context": "test",
    });
    let path = folder.join(format!("{name}.kubeconfig"));
    fs::write(&path, config.to_string()).unwrap();
    path
}

/// For a kubeconfig, which wants its certificates so, and for `binaryData`.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit =
                if place <= chunk.len() { ALPHABET[(bits >> (18 - 6 * place)) as usize & 63] } else { b'=' };
            text.push(char::from(digit));
        }
    }
    text
}
