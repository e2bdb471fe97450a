//! The two servers, as scripts see them.

use std::path::Path;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Operation, Request, Resource, builtin, object};
use tidegate_cluster::{Cluster, Settings};
use tidegate_tests::{Admin, Servers};

/// Something that answers requests.
pub(super) enum Server {
    /// The real API server, over HTTP as the controller uses it.
    Real(Admin),
    /// The in-memory cluster, serving the same definitions.
    Model(Box<Cluster>),
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
        let mut cluster = Cluster::new(Settings::default());
        for name in ["rollouts.yaml", "httproutes.yaml"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").join(name);
            let text = std::fs::read_to_string(path).unwrap();
            cluster.serve_definition(&serde_yaml_ng::from_str(&text).unwrap()).unwrap();
        }
        Self::Model(Box::new(cluster))
    }

    /// Answers.
    pub(super) async fn send(&mut self, request: &Request) -> Result<Value, ApiError> {
        match self {
            Self::Real(admin) => admin.api.send(request).await,
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
            Self::Model(cluster) => {
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
        }
    }
}
