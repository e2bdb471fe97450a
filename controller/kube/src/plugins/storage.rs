//! Keeps the bytes of plugins in ConfigMaps of the controller's namespace: pieces first, the index last; and the index first
//! when they go.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_api::{ApiError, Operation, Preconditions, Request, object};
use tidegate_artifact::{Artifact, LoadError};
use tidegate_contract::Digest;
use tidegate_plugins::{StoreJob, StoredEntry, StoredSize, TOO_LARGE, store};
use tracing::{debug, warn};

use super::load::PluginJobs;
use super::references::{self, config_maps};
use crate::api::REQUEST_TIMEOUT;
use crate::leadership::Leadership;
use crate::request::ListQuery;

impl PluginJobs {
    /// The bytes that are kept under a digest.
    pub(super) async fn stored(&self, digest: Digest, cap: u64) -> Result<Artifact, LoadError> {
        let name = store::index_name(digest);
        let index = match self.api.send(&self.request(Operation::Get { name: name.clone() })).await {
            Ok(object) => store::index(&object, digest)?,
            Err(error) if error.is_not_found() => return Err(store::missing(digest)),
            Err(error) => return Err(references::explain(&error, &config_maps(), &self.namespace, &name)),
        };
        let mut pieces = Vec::new();
        for piece in 0..index.pieces {
            let name = store::piece_name(digest, piece);
            let object = self.api.send(&self.request(Operation::Get { name: name.clone() })).await;
            pieces.push(
                object
                    .map_err(|error| references::explain(&error, &config_maps(), &self.namespace, &name))?,
            );
        }
        let decoding = tokio::task::spawn_blocking(move || store::decode(digest, &index, &pieces, cap));
        decoding.await.unwrap_or_else(|_| Err(store::missing(digest)))
    }

    /// Keeps bytes.
    pub(super) async fn store(&self, job: StoreJob, leadership: &Leadership) -> Result<StoredSize, ApiError> {
        let StoreJob { plugin, artifact, most } = job;
        let namespace = self.namespace.clone();
        let encoding = tokio::task::spawn_blocking(move || store::encode(&plugin, &namespace, &artifact));
        let stored = encoding.await.map_err(|error| ApiError::new(0, "InternalError", error.to_string()))?;
        let compressed = stored.compressed;
        if compressed > most {
            let message =
                format!("{compressed} compressed bytes are more than the {most} that there is room for");
            return Err(ApiError::new(0, TOO_LARGE, message));
        }
        for object in stored.pieces.into_iter().chain([stored.index]) {
            self.create(object, leadership).await?;
        }
        Ok(StoredSize { compressed })
    }

    async fn create(&self, object: Value, leadership: &Leadership) -> Result<(), ApiError> {
        match self.write(Operation::Create { object }, leadership).await {
            // Named after its digest and immutable: somebody stored the same, or what it is not is found when it is read.
            Err(error) if error.is_already_exists() => Ok(()),
            other => other.map(drop),
        }
    }

    async fn write(&self, operation: Operation, leadership: &Leadership) -> Result<Value, ApiError> {
        match leadership.write_within(REQUEST_TIMEOUT) {
            Some(limit) => self.api.send_within(&self.request(operation), limit).await,
            None => Err(ApiError::new(0, "NotLeading", "not sent, because the lease is not held")),
        }
    }

    fn request(&self, operation: Operation) -> Request {
        Request { resource: config_maps(), namespace: Some(self.namespace.to_string()), operation }
    }

    /// All that is kept.
    pub(super) async fn list_stored(&self) -> Result<Vec<StoredEntry>, ApiError> {
        let listed = self.list().await;
        if let Err(error) = &listed {
            warn!(code = error.code, %error, "could not list the stored bytes of plugins");
        }
        listed
    }

    async fn list(&self) -> Result<Vec<StoredEntry>, ApiError> {
        let labelled = |part: &str| format!("{}={part}", store::LABEL);
        let indexes = self.request(Operation::List { labels: Some(labelled(store::INDEX)) });
        let indexes = self.api.send(&indexes).await?;
        let mut entries: Vec<StoredEntry> = items(&indexes).filter_map(complete).collect();
        let indexed: BTreeSet<Digest> = entries.iter().map(|entry| entry.digest).collect();
        let pieces = ListQuery {
            resource: config_maps(),
            namespace: Some(self.namespace.to_string()),
            labels: Some(labelled(store::PIECE)),
            name: None,
        };
        // Their names only: all pieces together may be 32 MiB.
        let pieces = self.api.list_metadata(&pieces).await?;
        let alone: BTreeSet<Digest> = items(&pieces)
            .filter_map(|piece| store::digest_of(object::name(piece)))
            .filter(|digest| !indexed.contains(digest))
            .collect();
        entries.extend(alone.into_iter().map(|digest| StoredEntry {
            digest,
            plugin: String::new(),
            compressed: 0,
            since: Timestamp::UNIX_EPOCH,
            is_complete: false,
        }));
        Ok(entries)
    }

    /// Removes what is kept under a digest. What cannot be removed now is found again by the next leader.
    pub(super) async fn discard(&self, digest: Digest, leadership: &Leadership) {
        let pieces = (0..store::MAX_PIECES).map(|piece| store::piece_name(digest, piece));
        for name in [store::index_name(digest)].into_iter().chain(pieces) {
            let delete = Operation::Delete { name: name.clone(), preconditions: Preconditions::default() };
            match self.write(delete, leadership).await {
                Ok(_) => debug!(name, "removed stored bytes of a plugin"),
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    debug!(name, %error, "could not remove stored bytes of a plugin");
                    return;
                }
            }
        }
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.get("items").and_then(Value::as_array).into_iter().flatten()
}

fn complete(object: &Value) -> Option<StoredEntry> {
    let digest = store::digest_of(object::name(object))?;
    let index = store::index(object, digest).ok()?;
    let created = object.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
    Some(StoredEntry {
        digest,
        plugin: index.plugin,
        compressed: index.compressed,
        since: created.and_then(|text| text.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH),
        is_complete: true,
    })
}
