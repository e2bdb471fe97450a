//! The garbage collector: an object all of whose owners are gone goes too, and references to owners that are gone
//! are dropped from objects that have others.
//!
//! An owner is known by its uid, and counts only in the namespace of its dependent or when it has none. Owners of a
//! kind that is not served are taken to exist, as a real collector does that cannot ask for them.

use serde_json::Value;
use tidegate_api::{Preconditions, object};

use crate::cluster::Cluster;
use crate::json::text;
use crate::metadata;
use crate::store::Place;

impl Cluster {
    pub(super) fn collect(&mut self, place: &Place) {
        let Some(object) = self.store.at(place).cloned() else { return };
        if object::is_deleting(&object) {
            return;
        }
        let owners = metadata::owners(&object);
        let there: Vec<Value> =
            owners.iter().filter(|owner| self.owner_exists(owner, place)).cloned().collect();
        if owners.is_empty() || there.len() == owners.len() {
            return;
        }
        if there.is_empty() {
            let Some(kind) = self.store.kind(place.table).cloned() else { return };
            let same = Preconditions { uid: Some(object::uid(&object).to_owned()), resource_version: None };
            // The only way to fail is that it is gone, which is as good.
            let _ = self.delete(place.table, &kind, &place.namespace, &place.name, &same);
        } else {
            let mut new = object.as_ref().clone();
            metadata::set(&mut new, "ownerReferences", there);
            self.put(place, new);
        }
    }

    fn owner_exists(&self, owner: &Value, dependent: &Place) -> bool {
        if let Some(place) = self.store.live(text(owner, &["uid"])) {
            return place.namespace.is_empty() || place.namespace == dependent.namespace;
        }
        let version = text(owner, &["apiVersion"]);
        let group = version.split_once('/').map_or("", |(group, _)| group);
        match self.served(group, text(owner, &["kind"])) {
            None => true,
            // Nothing in a namespace can own what belongs to the whole cluster: the collector leaves it alone.
            Some(resource) => dependent.namespace.is_empty() && resource.namespaced,
        }
    }
}
