//! What a watch tells, and when it ends.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidegate_api::{ApiError, Resource};
use tidegate_cluster::{Change, Cluster};

use crate::form::{Form, append};
use crate::query::Query;
use crate::selection::Selection;

/// How often a watch that wants bookmarks is sent one (`k8s.io/apiserver/pkg/storage/cacher`).
const BOOKMARKS: SignedDuration = SignedDuration::from_secs(60);
/// How long a watch stays open that names no time; servers take between this and twice as long.
const LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// A watch gives at most about so many bytes at once, so that a slow reader holds up no memory.
const ENOUGH: usize = 256 * 1024;

/// A watch of a resource, at some place in the history.
#[derive(Clone, Debug)]
pub struct Watch {
    resource: Resource,
    namespace: Option<String>,
    selection: Selection,
    form: Form,
    /// All changes up to this version have been told.
    at: u64,
    /// What there was at the beginning, where the client asked for that.
    initial: VecDeque<Arc<Value>>,
    /// Whether a bookmark tells the end of that.
    marks_initial: bool,
    /// When the next bookmark is due, where the client wants any.
    bookmark_at: Option<Timestamp>,
    ends_at: Timestamp,
    has_ended: bool,
}

/// What a watch tells next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Lines of JSON.
    pub text: Vec<u8>,
    /// Whether there is more to be read at once.
    pub more: bool,
    /// Whether the watch is over.
    pub ended: bool,
}

impl Watch {
    pub(crate) fn open(
        cluster: &Cluster,
        resource: Resource,
        namespace: Option<String>,
        query: &Query,
        form: Form,
    ) -> Result<Self, ApiError> {
        let selection = Selection::read(&resource, query)?;
        let from = match query.resource_version.as_deref() {
            None | Some("0") => None,
            Some(text) => {
                // As a server does; it is no code that one would choose.
                let unreadable =
                    |_| ApiError::new(500, "InternalError", format!("invalid resource version {text:?}"));
                Some(text.parse::<u64>().map_err(unreadable)?)
            }
        };
        let now = cluster.now();
        // Without a place to go on from, a watch begins with all there is.
        let is_from_the_start = from.is_none() || query.sends_initial_events;
        let mut initial = VecDeque::new();
        if is_from_the_start {
            let objects = cluster.objects(&resource, namespace.as_deref());
            initial.extend(objects.filter(|object| selection.fits(object)).cloned());
        }
        let lifetime =
            query.timeout_seconds.map_or(LIFETIME, |seconds| SignedDuration::from_secs(seconds.into()));
        Ok(Self {
            at: from.filter(|_| !is_from_the_start).unwrap_or_else(|| cluster.resource_version()),
            resource,
            namespace,
            selection,
            form,
            initial,
            marks_initial: query.sends_initial_events && query.bookmarks,
            bookmark_at: query.bookmarks.then(|| after(now, BOOKMARKS)),
            ends_at: after(now, lifetime),
            has_ended: false,
        })
    }

    /// The kind that it watches.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// When it has something to tell although nothing changes, in the cluster's time.
    pub fn due_at(&self) -> Timestamp {
        self.bookmark_at.map_or(self.ends_at, |at| at.min(self.ends_at))
    }

    /// What has happened since it was read last.
    pub fn read(&mut self, cluster: &Cluster) -> Progress {
        let mut progress = Progress::default();
        if !self.has_ended {
            self.tell(cluster, &mut progress);
        }
        progress.ended = self.has_ended;
        progress
    }

    fn tell(&mut self, cluster: &Cluster, progress: &mut Progress) {
        while let Some(object) = self.initial.pop_front() {
            self.event("ADDED", &object, &mut progress.text);
            if progress.text.len() >= ENOUGH {
                progress.more = true;
                return;
            }
        }
        if std::mem::take(&mut self.marks_initial) {
            let end = json!({"k8s.io/initial-events-end": "true"});
            self.bookmark(self.at, Some(&end), &mut progress.text);
        }
        match cluster.changes_since(&self.resource, self.namespace.as_deref(), self.at) {
            Ok(changes) => {
                for change in changes {
                    self.at = change.resource_version;
                    self.change(change, &mut progress.text);
                    if progress.text.len() >= ENOUGH {
                        progress.more = true;
                        return;
                    }
                }
                self.at = self.at.max(cluster.resource_version());
            }
            Err(error) => {
                line("ERROR", &mut progress.text, |text| append(&error.to_status(), text));
                self.has_ended = true;
                return;
            }
        }
        let now = cluster.now();
        if let Some(at) = self.bookmark_at.as_mut().filter(|at| **at <= now) {
            *at = after(now, BOOKMARKS);
            self.bookmark(self.at, None, &mut progress.text);
        }
        self.has_ended = now >= self.ends_at;
    }

    /// What the change is to those who see only what is selected.
    fn change(&self, change: &Change, text: &mut Vec<u8>) {
        let was = change.before.as_deref().is_some_and(|before| self.selection.fits(before));
        let is = !change.deleted && self.selection.fits(&change.object);
        match (was, is) {
            (false, true) => self.event("ADDED", &change.object, text),
            (true, true) => self.event("MODIFIED", &change.object, text),
            (true, false) => self.event("DELETED", &change.object, text),
            (false, false) => {}
        }
    }

    fn event(&self, type_: &str, object: &Value, text: &mut Vec<u8>) {
        line(type_, text, |text| self.form.write(object, true, text));
    }

    fn bookmark(&self, version: u64, annotations: Option<&Value>, text: &mut Vec<u8>) {
        let mut bookmark = json!({
            "kind": self.resource.kind.as_ref(),
            "apiVersion": self.resource.api_version(),
            "metadata": {"resourceVersion": version.to_string(), "creationTimestamp": null},
        });
        if let (Some(annotations), Some(metadata)) =
            (annotations, bookmark.get_mut("metadata").and_then(Value::as_object_mut))
        {
            metadata.insert("annotations".into(), annotations.clone());
        }
        self.event("BOOKMARK", &bookmark, text);
    }
}

fn line(type_: &str, text: &mut Vec<u8>, object: impl FnOnce(&mut Vec<u8>)) {
    text.extend_from_slice(b"{\"type\":\"");
    text.extend_from_slice(type_.as_bytes());
    text.extend_from_slice(b"\",\"object\":");
    object(text);
    text.extend_from_slice(b"}\n");
}

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}
