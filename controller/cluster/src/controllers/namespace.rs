//! The namespace controller: a namespace that is being deleted is emptied, and goes when it is empty.

use tidegate_api::{Preconditions, object};

use crate::cluster::Cluster;
use crate::metadata;
use crate::store::{Place, TableId};

impl Cluster {
    pub(super) fn sweep(&mut self, place: &Place) {
        let Some(namespace) = self.store.at(place).cloned() else { return };
        if !object::is_deleting(&namespace) {
            return;
        }
        let tables: Vec<TableId> = self.store.kinds().map(|(table, _)| table).collect();
        let mut left = false;
        for table in tables {
            let Some(kind) = self.store.kind(table).cloned() else { continue };
            let inside: Vec<Place> =
                self.store.list(table, Some(&place.name)).map(|(place, _)| place).collect();
            for one in inside {
                let deleting = self.store.at(&one).is_some_and(|object| object::is_deleting(object));
                if !deleting {
                    let any = Preconditions::default();
                    // What is not gone after this has a finalizer or a grace period, and is waited for.
                    let _ = self.delete(table, &kind, &one.namespace, &one.name, &any);
                }
                left |= self.store.at(&one).is_some();
            }
        }
        if !left && metadata::finalizers(&namespace).next().is_none() {
            self.take(place);
        }
    }
}
