//! What the manager is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_api::ApiError;
use tidegate_artifact::{Artifact, LoadError, Stage};
use tidegate_contract::{Digest, Kind, Router};
use tidegate_shell::{RequestId, Unwatchable, WatchKey};

/// Names one loading among those under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoadId(pub u64);

/// Something happened.
pub enum Event {
    /// Whether this process may write from now on.
    Leading(bool),
    /// All objects of a watch: at its start, and again whenever it had to start anew.
    Listed {
        /// Of this watch.
        watch: WatchKey,
        /// All objects.
        objects: Vec<Value>,
    },
    /// An object appeared or changed.
    Changed {
        /// Of this watch.
        watch: WatchKey,
        /// Its state now.
        object: Value,
    },
    /// An object is gone.
    Removed {
        /// Of this watch.
        watch: WatchKey,
        /// Its last state.
        object: Value,
    },
    /// A watch cannot be had; the driver keeps trying at a slow pace.
    Unwatchable {
        /// This watch.
        watch: WatchKey,
        /// Why.
        why: Unwatchable,
    },
    /// A loading ended.
    Loaded {
        /// This one.
        id: LoadId,
        /// The plugin, or why there is none.
        result: Result<Loaded, LoadError>,
    },
    /// A request was answered.
    Answered {
        /// This one.
        id: RequestId,
        /// The object as it is now, or why not.
        result: Result<Value, ApiError>,
    },
    /// What the API server lets this process do with the kinds of a plugin.
    Reviewed {
        /// The plugin.
        plugin: String,
        /// Of this digest.
        digest: Digest,
        /// Kind by kind; `None`: it could not be found out.
        kinds: Option<Vec<KindAccess>>,
    },
    /// Bytes were stored, or why not.
    Stored {
        /// Their digest.
        digest: Digest,
        /// How large they are, or why they are not stored.
        result: Result<StoredSize, ApiError>,
    },
    /// All that is stored, or why that is not known.
    StoreListed(Result<Vec<StoredEntry>, ApiError>),
    /// Which versions Rollouts that are in flight began with, by the name of the plugin; replaces what was said before.
    InUse(BTreeMap<String, BTreeSet<Digest>>),
    /// Time has passed.
    Woken,
}

/// A plugin that was loaded.
pub struct Loaded {
    /// The plugin.
    pub router: Arc<dyn Router>,
    /// Bytes of its component.
    pub size: u64,
    /// How long each stage took.
    pub stages: Vec<(Stage, Duration)>,
    /// Its bytes, if the job asked for them back.
    pub artifact: Option<Artifact>,
}

/// What the API server lets this process do with one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindAccess {
    /// The kind.
    pub kind: Kind,
    /// What it lets it do.
    pub access: Access,
}

/// What the API server lets this process do with a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The API server does not serve the kind.
    NotServed,
    /// All that was asked.
    Allowed,
    /// Not all.
    Forbidden {
        /// The resource as rules name it: `httproutes`.
        plural: String,
        /// The verbs that are missing, as rules name them: `patch`.
        verbs: Vec<String>,
    },
}

/// How large stored bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSize {
    /// Bytes as they are stored, compressed.
    pub compressed: u64,
}

/// Bytes that are stored, as their index says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Their digest.
    pub digest: Digest,
    /// The name of the plugin that they were stored for.
    pub plugin: String,
    /// Bytes as they are stored, compressed.
    pub compressed: u64,
    /// When they were stored.
    pub since: jiff::Timestamp,
    /// Whether the index is there; without it, pieces are left of a storing that did not end.
    pub is_complete: bool,
}
