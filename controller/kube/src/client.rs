//! Which API server, and as whom.

use std::path::PathBuf;
use std::time::Duration;

use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

/// A connection that takes longer to open than this is not going to be opened. Well below the time limit of
/// one request, so that a request has time for a second try on another address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// Where the way to the API server is described.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// A kubeconfig file. `None`: the pod's service account when this process runs in a pod, else the file that
    /// `KUBECONFIG` names, else the one in the home directory.
    pub kubeconfig: Option<PathBuf>,
    /// The context to use in that file; `None`: its current one.
    pub context: Option<String>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error("cannot use the kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// The pod's service account cannot be used.
    #[error("cannot use the service account of this pod: {0}; is automountServiceAccountToken off?")]
    InCluster(#[from] kube::config::InClusterError),
    /// The TLS or authentication set-up does not work.
    #[error("cannot set up the connection to the API server: {0}")]
    Client(#[source] Box<kube::Error>),
}

/// A client that does nothing on its own: no retries (they would hide from the shell what became of a write),
/// and no time limit on reading (watches stay open; each request brings its own limit).
pub(crate) async fn connect(connection: &Connection) -> Result<Client, ConnectError> {
    let mut config = configuration(connection).await?;
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.headers.push((
        http::header::USER_AGENT,
        http::HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION"))),
    ));
    Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))
}

async fn configuration(connection: &Connection) -> Result<Config, ConnectError> {
    let options = KubeConfigOptions { context: connection.context.clone(), ..Default::default() };
    if let Some(path) = &connection.kubeconfig {
        let kubeconfig = Kubeconfig::read_from(path)?;
        return Ok(Config::from_custom_kubeconfig(kubeconfig, &options).await?);
    }
    let in_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    if in_pod && connection.context.is_none() && std::env::var_os("KUBECONFIG").is_none() {
        return Ok(Config::incluster()?);
    }
    Ok(Config::from_kubeconfig(&options).await?)
}
