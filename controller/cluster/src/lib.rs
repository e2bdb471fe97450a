//! An in-memory Kubernetes cluster: API server, `ReplicaSet` and Job controllers, pods and a gateway, in virtual time.
//!
//! Plain functions over plain data: no threads, no clocks, no sockets. The same requests at the same times give the
//! same answers, names and uids, always. `tidegate simulate`, the demo and the deterministic simulation stand on it; a
//! conformance suite sends the same requests to it and to a real kube-apiserver and compares.
//!
//! ```
//! use serde_json::json;
//! use tidegate_api::{Operation, Request, builtin};
//! use tidegate_cluster::{Cluster, Settings};
//!
//! let mut cluster = Cluster::new(Settings::default());
//! let set = json!({
//!     "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"},
//!     "spec": {
//!         "replicas": 2,
//!         "selector": {"matchLabels": {"app": "web"}},
//!         "template": {
//!             "metadata": {"labels": {"app": "web"}},
//!             "spec": {"containers": [{"name": "web", "image": "web:1"}]},
//!         },
//!     },
//! });
//! let operation = Operation::Create { object: set };
//! let request = Request { resource: builtin::replica_sets(), namespace: Some("default".into()), operation };
//! cluster.handle(&request)?;
//! while let Some(next) = cluster.next_event_at() {
//!     cluster.advance(next);
//! }
//! let set = cluster.object(&builtin::replica_sets(), "default", "web").unwrap();
//! assert_eq!(set["status"]["availableReplicas"], 2);
//! # Ok::<(), tidegate_api::ApiError>(())
//! ```
//!
//! # What is as in a real API server
//!
//! The model is Kubernetes 1.36; messages are its messages where they carry something to act on.
//!
//! * One resource version over all objects; uid, creation time, generated names. Metadata pass through the typed
//!   `ObjectMeta`: unknown and empty members do not survive, wrong types are refused.
//! * The generation is 1 at first and moves when something outside metadata and status changes (for a `Deployment` also
//!   its annotations, for a kind without status subresource also its status), and when deletion begins.
//! * Writes of the object keep the status, writes of the status keep the rest (for custom resources all of it, for
//!   built-in kinds all but labels and annotations). A write that changes nothing makes no version and no event.
//! * 409 for a stale `resourceVersion`, another `uid` in a replacement and failed preconditions of a deletion; 422 for
//!   another `uid` in a patch, as the server does it; 422 for a replacement of a custom resource without a version.
//! * Merge patches; JSON patches with the leniencies of the server's library, 422 when they do not apply, 400 when they
//!   are malformed. The scale subresource.
//! * Names, labels, annotations, owner references and finalizers are validated; structural schemas prune, default and
//!   validate ([`Schema`]); selectors of `ReplicaSet`s are immutable and match their template; the built-in kinds
//!   get the defaults of the server.
//! * Finalizers, graceful deletion of pods, background garbage collection, deletion of namespaces with their content.
//! * Lists with label selectors; watches from a resource version, 410 when it is too old.
//!
//! # What is not modelled
//!
//! Server-side apply, strategic merge patches and `managedFields`; authentication and authorization; several versions of one
//! kind; foreground deletion and orphaning;
//! mutating webhooks (validating ones: [`Settings::refusals`]); CEL, patterns and formats in schemas; validation of the
//! rest of built-in kinds, whose unknown fields are kept; the `Deployment` controller; indexed Jobs and what a Job's policies and its time to live say; `EndpointSlice`s; expiry of Events;
//! dry runs; disruption budgets (evictions are refused as [`PodBehaviour`] says). Items of lists of built-in kinds carry their `apiVersion` and `kind`, which a real server leaves out. Chunked lists,
//! bookmarks, field selectors and watches with selectors are matters of its HTTP face, the crate `tidegate-server`.
//!
//! # What goes on by itself
//!
//! [`Settings`] say what takes how long. [`Cluster::next_event_at`] tells when something happens next, and
//! [`Cluster::advance`] lets it happen: the `ReplicaSet` controller keeps pods and counts them, so does the Job controller until enough have succeeded, pods get ready (or do
//! not, or crash), or end, gateways take routes and report on them, garbage is collected. [`Cluster::traffic`] tells where traffic
//! really goes.
#![forbid(unsafe_code)]

mod answer;
mod cluster;
mod controllers;
mod json;
mod kinds;
mod metadata;
mod names;
mod patch;
mod restore;
mod schedule;
mod schema;
mod selector;
mod server;
mod settings;
mod store;
mod traffic;

pub use cluster::{Cluster, Served};
pub use kinds::{ScalePaths, ServeOptions, Validate};
pub use schema::{Schema, SchemaError};
pub use selector::{Selector, SelectorError};
pub use server::FieldValidation;
pub use settings::{
    GatewayBehaviour, ParentRule, PodBehaviour, PodOutcome, PodRule, Refusal, Rejection, Settings,
};
pub use store::Change;
pub use traffic::{BackendTraffic, POD_TEMPLATE_HASH, ParentTraffic, RuleTraffic};
