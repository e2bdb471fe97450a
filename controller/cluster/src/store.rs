//! The objects, the one revision counter over all of them, and the log of changes that watches read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{ApiError, object};

use crate::answer;
use crate::kinds::Kind;
use crate::metadata;

/// Which served kind, as an index into the store.
pub(crate) type TableId = u16;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) table: TableId,
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

/// One change of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The resource version that the change made.
    pub resource_version: u64,
    /// Whether the object is gone.
    pub deleted: bool,
    /// The object after the change; its last state when it is gone.
    pub object: Arc<Value>,
    /// The object before the change; nothing when the change made it.
    pub before: Option<Arc<Value>>,
    pub(crate) table: TableId,
}

#[derive(Clone, Debug)]
struct Table {
    kind: Arc<Kind>,
    /// By namespace (empty for cluster-scoped kinds), then by name.
    objects: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Arc<Value>>>,
}

/// All objects of all kinds.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    tables: Vec<Table>,
    revision: u64,
    /// Changes of consecutive revisions, the last of which is `revision`.
    log: VecDeque<Change>,
    window: usize,
    /// By uid.
    live: BTreeMap<Arc<str>, Place>,
    /// By uid of the owner.
    dependents: BTreeMap<Arc<str>, BTreeSet<Place>>,
}

impl Store {
    /// An empty store of these kinds that keeps this many changes for watches.
    pub(crate) fn new(kinds: &[Arc<Kind>], window: usize) -> Self {
        let table = |kind: &Arc<Kind>| Table { kind: kind.clone(), objects: BTreeMap::new() };
        Self {
            tables: kinds.iter().map(table).collect(),
            // 0 means "any version" to clients, so the empty store already is at 1.
            revision: 1,
            log: VecDeque::new(),
            window: window.max(1),
            live: BTreeMap::new(),
            dependents: BTreeMap::new(),
        }
    }

    /// Serves a kind; one that is served already under this path is described anew and keeps its objects.
    pub(crate) fn serve(&mut self, kind: Arc<Kind>) -> TableId {
        let known = self.tables.iter().position(|table| {
            let resource = &table.kind.resource;
            resource.plural == kind.resource.plural && resource.group == kind.resource.group
        });
        let index = known.unwrap_or(self.tables.len());
        match self.tables.get_mut(index) {
            Some(table) => table.kind = kind,
            None => self.tables.push(Table { kind, objects: BTreeMap::new() }),
        }
        TableId::try_from(index).unwrap_or(TableId::MAX)
    }

    fn table(&self, id: TableId) -> Option<&Table> {
        self.tables.get(usize::from(id))
    }

    /// What is known of a kind.
    pub(crate) fn kind(&self, id: TableId) -> Option<&Arc<Kind>> {
        self.table(id).map(|table| &table.kind)
    }

    /// All kinds, in the order in which they were served.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (TableId, &Arc<Kind>)> {
        (0..).zip(self.tables.iter().map(|table| &table.kind))
    }

    /// The kind that satisfies a test.
    pub(crate) fn find(&self, test: impl Fn(&Kind) -> bool) -> Option<TableId> {
        self.kinds().find(|(_, kind)| test(kind)).map(|(id, _)| id)
    }

    pub(crate) fn get(&self, table: TableId, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.table(table)?.objects.get(namespace)?.get(name)
    }

    pub(crate) fn at(&self, place: &Place) -> Option<&Arc<Value>> {
        self.get(place.table, &place.namespace, &place.name)
    }

    /// The objects of a kind in a namespace, or in all, by namespace and name.
    pub(crate) fn list<'a>(
        &'a self,
        table: TableId,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = (Place, &'a Arc<Value>)> + use<'a> {
        let objects = self.table(table).map(|table| &table.objects);
        let (one, all) = match namespace {
            Some(namespace) => (objects.and_then(|objects| objects.get_key_value(namespace)), None),
            None => (None, objects),
        };
        one.into_iter().chain(all.into_iter().flatten()).flat_map(move |(namespace, objects)| {
            objects.iter().map(move |(name, object)| {
                (Place { table, namespace: namespace.clone(), name: name.clone() }, object)
            })
        })
    }

    /// The place of a live object, by its uid.
    pub(crate) fn live(&self, uid: &str) -> Option<&Place> {
        self.live.get(uid)
    }

    /// The objects that name this owner.
    pub(crate) fn dependents(&self, uid: &str) -> impl Iterator<Item = &Place> {
        self.dependents.get(uid).into_iter().flatten()
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Stores an object as new or changed, under the next revision.
    pub(crate) fn write(&mut self, place: &Place, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        metadata::set(&mut object, "resourceVersion", self.revision.to_string());
        let object = Arc::new(object);
        let old = self.tables.get_mut(usize::from(place.table)).and_then(|table| {
            let objects = table.objects.entry(place.namespace.clone()).or_default();
            objects.insert(place.name.clone(), object.clone())
        });
        if old.is_none() {
            self.live.insert(object::uid(&object).into(), place.clone());
        }
        self.index_owners(place, old.as_deref(), Some(&object));
        self.record(place.table, false, object.clone(), old);
        object
    }

    /// Stores an object under the version that it has, and forgets all changes until now.
    pub(crate) fn restore(&mut self, place: &Place, object: Value) {
        let version = object::resource_version(&object).parse().unwrap_or(self.revision);
        self.revision = self.revision.max(version);
        self.log.clear();
        let object = Arc::new(object);
        let old = self.tables.get_mut(usize::from(place.table)).and_then(|table| {
            let objects = table.objects.entry(place.namespace.clone()).or_default();
            objects.insert(place.name.clone(), object.clone())
        });
        if let Some(old) = &old {
            self.live.remove(object::uid(old));
        }
        self.live.insert(object::uid(&object).into(), place.clone());
        self.index_owners(place, old.as_deref(), Some(&object));
    }

    /// Removes an object, under the next revision; its last state as watches will see it.
    pub(crate) fn remove(&mut self, place: &Place) -> Option<Arc<Value>> {
        let table = self.tables.get_mut(usize::from(place.table))?;
        let objects = table.objects.get_mut(&place.namespace)?;
        let mut object = objects.remove(&place.name)?;
        if objects.is_empty() {
            table.objects.remove(&place.namespace);
        }
        self.live.remove(object::uid(&object));
        self.index_owners(place, Some(&object), None);
        self.revision += 1;
        let before = object.clone();
        metadata::set(Arc::make_mut(&mut object), "resourceVersion", self.revision.to_string());
        self.record(place.table, true, object.clone(), Some(before));
        Some(object)
    }

    fn index_owners(&mut self, place: &Place, old: Option<&Value>, new: Option<&Value>) {
        let of = |object: Option<&Value>| -> Vec<String> {
            let owners = object.map(metadata::owners).unwrap_or_default();
            owners.iter().map(|owner| crate::json::text(owner, &["uid"]).to_owned()).collect()
        };
        if old.map(metadata::owners) == new.map(metadata::owners) {
            return;
        }
        for uid in of(old) {
            if let Some(places) = self.dependents.get_mut(uid.as_str()) {
                places.remove(place);
                if places.is_empty() {
                    self.dependents.remove(uid.as_str());
                }
            }
        }
        for uid in of(new) {
            self.dependents.entry(uid.into()).or_default().insert(place.clone());
        }
    }

    fn record(&mut self, table: TableId, deleted: bool, object: Arc<Value>, before: Option<Arc<Value>>) {
        self.log.push_back(Change { resource_version: self.revision, deleted, object, before, table });
        while self.log.len() > self.window {
            self.log.pop_front();
        }
    }

    /// The oldest resource version that a watch can start from.
    pub(crate) fn oldest(&self) -> u64 {
        self.revision - self.log.len() as u64
    }

    /// Forgets the changes up to and including this revision.
    pub(crate) fn compact(&mut self, up_to: u64) {
        while self.log.front().is_some_and(|change| change.resource_version <= up_to) {
            self.log.pop_front();
        }
    }

    /// The changes after a revision.
    pub(crate) fn since(&self, revision: u64) -> Result<impl Iterator<Item = &Change>, ApiError> {
        let revision = revision.max(1);
        let oldest = self.oldest();
        if revision < oldest {
            return Err(answer::expired(revision, oldest));
        }
        let skip = usize::try_from(revision - oldest).unwrap_or(usize::MAX);
        Ok(self.log.range(skip.min(self.log.len())..))
    }
}
