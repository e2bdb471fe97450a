//! The cluster as a whole: what it holds, how it is asked, and how time passes in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidegate_api::{ApiError, Resource, WatchEvent, object};

use crate::controllers::{Parent, Programmed, Task};
use crate::json::mix;
use crate::kinds::{self, Kind, ServeOptions};
use crate::schedule::Schedule;
use crate::schema::SchemaError;
use crate::settings::Settings;
use crate::store::{Change, Place, Store, TableId};

/// What generated names end in: letters and digits that make no words and are not mixed up
/// (`k8s.io/apimachinery/pkg/util/rand`).
const ALPHABET: [char; 27] = [
    'b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'z', '2',
    '4', '5', '6', '7', '8', '9',
];

/// An API server with the controllers, nodes and gateways of a cluster behind it, in virtual time.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) schedule: Schedule<Task>,
    pub(crate) now: Timestamp,
    pub(crate) known: Known,
    /// How many names, uids and addresses have been given out.
    pub(crate) sequence: u64,
    /// What the gateway does with traffic, by route and parent.
    pub(crate) programmed: BTreeMap<(Place, Parent), Programmed>,
    /// How often in a row the `ReplicaSet` controller failed, by `ReplicaSet`.
    pub(crate) failures: BTreeMap<Place, u32>,
    /// Whether a controller writes what it would react to itself.
    pub(crate) acting: bool,
}

/// How a resource is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Whether it comes from a `CustomResourceDefinition`; of those a server answers some things otherwise.
    pub custom: bool,
    /// Whether it has the subresource `status`.
    pub status: bool,
    /// Whether it has the subresource `scale`.
    pub scale: bool,
}

/// The kinds that controllers look at.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) pods: TableId,
    pub(crate) replica_sets: TableId,
    pub(crate) jobs: TableId,
    pub(crate) services: TableId,
    pub(crate) namespaces: TableId,
    pub(crate) gateways: TableId,
    pub(crate) reference_grants: TableId,
    pub(crate) routes: Vec<TableId>,
}

impl Cluster {
    /// An empty cluster (but for the namespaces that every cluster has) that serves the built-in kinds.
    pub fn new(settings: Settings) -> Self {
        let store = Store::new(kinds::built_in(), settings.watch_window);
        let table = |kind: &str| store.find(|served| *served.resource.kind == *kind).unwrap_or(TableId::MAX);
        let routes = ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"];
        let known = Known {
            pods: table("Pod"),
            replica_sets: table("ReplicaSet"),
            jobs: table("Job"),
            services: table("Service"),
            namespaces: table("Namespace"),
            gateways: table("Gateway"),
            reference_grants: table("ReferenceGrant"),
            routes: routes.into_iter().map(table).collect(),
        };
        let mut cluster = Self {
            now: settings.start,
            settings,
            store,
            schedule: Schedule::new(),
            known,
            sequence: 0,
            programmed: BTreeMap::new(),
            failures: BTreeMap::new(),
            acting: false,
        };
        for name in ["default", "kube-system"] {
            let namespace = json!({"metadata": {"name": name}});
            if let Some(kind) = cluster.store.kind(cluster.known.namespaces).cloned() {
                // Nothing can refuse them: the store is empty and the names are valid.
                let _ = cluster.create(cluster.known.namespaces, &kind, "", &namespace);
            }
        }
        cluster
    }

    /// The time in the cluster.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// How it behaves.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes how it behaves from now on.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Serves a further kind, or describes one anew that is served already (whose rules then are only these).
    pub fn serve(&mut self, resource: Resource, options: ServeOptions) {
        self.store.serve(Arc::new(Kind::custom(resource, options)));
    }

    /// Serves what a `CustomResourceDefinition` says, at its storage version. The rules in code of a kind that is
    /// served already stay in force.
    ///
    /// # Errors
    /// When the definition lacks something or its schema cannot be read.
    pub fn serve_definition(&mut self, definition: &Value) -> Result<(), SchemaError> {
        let (resource, mut options) = kinds::read_definition(definition)?;
        let same = |kind: &Kind| kind.resource.group == resource.group && kind.resource.kind == resource.kind;
        let known = self.store.find(same).and_then(|table| self.store.kind(table));
        options.validate = known.and_then(|kind| kind.options.validate);
        self.serve(resource, options);
        Ok(())
    }

    /// The served resource of a kind (discovery).
    pub fn served(&self, group: &str, kind: &str) -> Option<&Resource> {
        let found = |served: &&Resource| *served.group == *group && *served.kind == *kind;
        self.resources().find(found)
    }

    /// All served resources.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.store.kinds().map(|(_, kind)| &kind.resource)
    }

    /// How a resource is served, if it is.
    pub fn served_as(&self, resource: &Resource) -> Option<Served> {
        self.resolve(resource).ok().map(|(_, kind)| Served {
            custom: kind.family == kinds::Family::Custom,
            status: kind.options.status,
            scale: kind.options.scale.is_some(),
        })
    }

    /// One object, without a request.
    pub fn object(&self, resource: &Resource, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        let (table, kind) = self.resolve(resource).ok()?;
        self.store.get(table, if kind.resource.namespaced { namespace } else { "" }, name)
    }

    /// The objects of a resource, in one namespace or in all, by namespace and name, without a request.
    pub fn objects(&self, resource: &Resource, namespace: Option<&str>) -> impl Iterator<Item = &Arc<Value>> {
        let table = self.resolve(resource).ok().map(|(table, _)| table);
        table.into_iter().flat_map(move |table| self.store.list(table, namespace)).map(|(_, object)| object)
    }

    /// The objects of all resources.
    pub fn all_objects(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.store.kinds().flat_map(|(table, _)| self.store.list(table, None)).map(|(_, object)| object)
    }

    /// The resource version of the last change.
    pub fn resource_version(&self) -> u64 {
        self.store.revision()
    }

    /// The changes of a resource after a resource version, as a watch reports them, with the resource version of
    /// each. 0 stands for the oldest there can be.
    ///
    /// # Errors
    /// 410 Expired when changes since then have been forgotten; 404 when the resource is not served.
    pub fn events_since(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        resource_version: u64,
    ) -> Result<impl Iterator<Item = (u64, WatchEvent)>, ApiError> {
        let changes = self.changes_since(resource, namespace, resource_version)?;
        Ok(changes.map(|change| {
            let object = change.object.as_ref().clone();
            let event =
                if change.deleted { WatchEvent::Deleted(object) } else { WatchEvent::Applied(object) };
            (change.resource_version, event)
        }))
    }

    /// As [`Cluster::events_since`], without a copy of each object.
    ///
    /// # Errors
    /// As [`Cluster::events_since`].
    pub fn changes_since(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        resource_version: u64,
    ) -> Result<impl Iterator<Item = &Change>, ApiError> {
        let (table, kind) = self.resolve(resource)?;
        let namespace = namespace.filter(|_| kind.resource.namespaced).map(ToOwned::to_owned);
        let changes = self.store.since(resource_version)?;
        Ok(changes.filter(move |change| {
            change.table == table
                && namespace.as_deref().is_none_or(|namespace| object::namespace(&change.object) == namespace)
        }))
    }

    /// The changes of all resources after a resource version, as far as they are still known.
    pub fn all_changes_since(&self, resource_version: u64) -> impl Iterator<Item = &Change> {
        let from = resource_version.max(self.store.oldest());
        self.store.since(from).into_iter().flatten()
    }

    /// Forgets the changes up to and including a resource version: watches from before it have to list again.
    pub fn compact(&mut self, up_to: u64) {
        self.store.compact(up_to);
    }

    /// When the next thing happens by itself, if anything will: a pod gets ready, a gateway reports, a controller
    /// acts.
    pub fn next_event_at(&self) -> Option<Timestamp> {
        self.schedule.next().map(|at| at.max(self.now))
    }

    /// Lets time pass up to a time, doing all that falls due until then, in order of time. Time never goes back.
    pub fn advance(&mut self, to: Timestamp) {
        while let Some((at, task)) = self.schedule.pop(to) {
            self.now = self.now.max(at);
            self.run(task);
        }
        self.now = self.now.max(to);
    }

    /// Stores an object as new or changed, and lets the controllers see it.
    pub(crate) fn put(&mut self, place: &Place, object: Value) -> Arc<Value> {
        let old = self.store.at(place).cloned();
        let new = self.store.write(place, object);
        self.react(place, old.as_deref(), Some(&new));
        new
    }

    /// Removes an object, and lets the controllers see it.
    pub(crate) fn take(&mut self, place: &Place) -> Option<Arc<Value>> {
        let gone = self.store.remove(place)?;
        self.react(place, Some(&gone), None);
        Some(gone)
    }

    /// Puts a task on the schedule; what lies beyond all time never happens.
    pub(crate) fn after(&mut self, delay: std::time::Duration, task: Task) {
        let at = SignedDuration::try_from(delay).ok().and_then(|delay| self.now.checked_add(delay).ok());
        if let Some(at) = at {
            self.schedule.add(task, at);
        }
    }

    /// A new uid. The number in it makes it unique, the rest makes it look the part.
    pub(crate) fn uid(&self) -> String {
        let mixed = mix(self.settings.seed ^ self.sequence.rotate_left(32));
        format!("{:08x}-{:04x}-4000-8000-{:012x}", mixed >> 32, mixed & 0xffff, self.sequence)
    }

    /// Five characters that make a generated name unique.
    pub(crate) fn suffix(&mut self) -> String {
        self.sequence += 1;
        let mut mixed = mix(self.settings.seed.wrapping_mul(31) ^ self.sequence);
        (0..5)
            .filter_map(|_| {
                let letter = usize::try_from(mixed % 27).ok()?;
                mixed /= 27;
                ALPHABET.get(letter)
            })
            .collect()
    }

    /// The time as objects carry it.
    pub(crate) fn timestamp(&self) -> String {
        seconds(self.now)
    }

    /// Whether a kind is one of the routes of the Gateway API.
    pub(crate) fn is_route(&self, table: TableId) -> bool {
        self.known.routes.contains(&table)
    }
}

/// A time in the form of `metadata` (RFC 3339, whole seconds).
pub(crate) fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
