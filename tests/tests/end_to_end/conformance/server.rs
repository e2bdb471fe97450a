//! The two servers, as scripts see them.

use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Operation, Request, Resource, builtin, object};
use tidegate_cluster::{Cluster, Settings};
use tidegate_server::{Handle, serve};
use tidegate_tests::{Admin, Servers};
use tokio::net::TcpListener;

/// Something that answers requests.
pub(super) enum Server {
    /// The real API server, over HTTP as the controller uses it.
    Real(Admin),
    /// The in-memory cluster, serving the same definitions.
    Model(Box<Cluster>),
    /// The same over HTTP, asked by the same client as the real one.
    Http(Handle, Admin),
}

impl Server {
    /// The real one, with a namespace.
    pub(super) async fn real(servers: &Servers, namespace: &str) -> Self {
        let admin = servers.admin.clone();
        let namespaces = Resource::cluster_scoped("", "v1", "Namespace", "namespaces");
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        admin.create(&namespaces, &object).await.unwrap();
        Self::Real(admin)
    }

    /// The in-memory one, where any namespace will do.
    pub(super) fn model() -> Self {
        Self::Model(Box::new(cluster()))
    }

    /// The in-memory one, over HTTP; with a clock, or in a time that stands still but when it settles.
    pub(super) async fn http(has_clock: bool) -> Self {
        let handle = Handle::new(cluster());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, handle.clone()));
        if has_clock {
            tokio::spawn(handle.clone().follow_the_clock());
        }
        Self::Http(handle, Admin::at(&format!("http://{address}")))
    }

    /// The client of a server that understands HTTP.
    pub(super) fn admin(&self) -> Option<&Admin> {
        match self {
            Self::Real(admin) | Self::Http(_, admin) => Some(admin),
            Self::Model(_) => None,
        }
    }

    /// Answers.
    pub(super) async fn send(&mut self, request: &Request) -> Result<Value, ApiError> {
        match self {
            Self::Real(admin) | Self::Http(_, admin) => admin.api.send(request).await,
            Self::Model(cluster) => cluster.handle(request).map(|object| object.as_ref().clone()),
        }
    }

    /// Lets the ReplicaSet controller see a ReplicaSet, so that it does not write between two requests.
    pub(super) async fn settle(&mut self, namespace: &str, replica_set: &str) {
        let is_observed = |set: &Value| {
            set.pointer("/status/observedGeneration").and_then(Value::as_i64) == object::generation(set)
        };
        match self {
            Self::Real(admin) => {
                tidegate_tests::eventually("the ReplicaSet is observed", || async {
                    let set = admin.get(&builtin::replica_sets(), namespace, replica_set).await.unwrap();
                    if is_observed(&set) { Ok(()) } else { Err(set["status"].to_string()) }
                })
                .await;
            }
            Self::Model(cluster) => let_observe(cluster, namespace, replica_set, is_observed),
            Self::Http(handle, _) => {
                handle.with(|cluster| let_observe(cluster, namespace, replica_set, is_observed));
            }
        }
    }
}

/// The in-memory cluster with the definitions that the real server has.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new(Settings::default());
    for name in ["rollouts.yaml", "httproutes.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        cluster.serve_definition(&serde_yaml_ng::from_str(&text).unwrap()).unwrap();
    }
    cluster
}

fn let_observe(
    cluster: &mut Cluster,
    namespace: &str,
    replica_set: &str,
    is_observed: impl Fn(&Value) -> bool,
) {
    let get = Request {
        resource: builtin::replica_sets(),
        namespace: Some(namespace.to_owned()),
        operation: Operation::Get { name: replica_set.to_owned() },
    };
    while !is_observed(&cluster.handle(&get).unwrap()) {
        let next = cluster.next_event_at().expect("the controller has something to do");
        cluster.advance(next);
    }
}
