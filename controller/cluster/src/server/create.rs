//! `create`.

use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{ApiError, object};

use crate::answer;
use crate::cluster::Cluster;
use crate::kinds::{Family, Kind};
use crate::metadata;
use crate::store::{Place, TableId};

use super::{Part, read_body};

/// How often a generated name is tried anew when it is taken.
const NAME_ATTEMPTS: usize = 8;
/// The longest stem of a generated name that is kept (63 for a name, less 5 generated characters).
const LONGEST_STEM: usize = 58;

impl Cluster {
    /// Creates an object, as an API server does.
    pub(crate) fn create(
        &mut self,
        table: TableId,
        kind: &Arc<Kind>,
        namespace: &str,
        object: &Value,
    ) -> Result<Arc<Value>, ApiError> {
        let resource = &kind.resource;
        let mut new = read_body(kind, object)?;
        settle_namespace(kind, &mut new, namespace)?;
        let asked_version = object::resource_version(&new).to_owned();
        kind.admit(&mut new);

        let generated = object::name(&new).is_empty()
            && !crate::json::text(&new, &["metadata", "generateName"]).is_empty();
        self.check_namespace(kind, namespace, object::name(&new))?;
        if generated {
            self.generate_name(table, &mut new, namespace);
            if kind.family == Family::Namespace {
                kind.admit(&mut new);
            }
        }
        for key in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"] {
            metadata::unset(&mut new, key);
        }
        self.sequence += 1;
        metadata::set(&mut new, "uid", self.uid());
        metadata::set(&mut new, "creationTimestamp", self.timestamp());
        kind.prepare_create(&mut new, self.sequence);

        let mut causes = kind.validate(&new, None);
        causes.extend(metadata::validate(resource, kind.name_rule(), &new));
        if !causes.is_empty() {
            return Err(answer::invalid(resource, object::name(&new), causes));
        }
        self.check_webhooks(kind, &new, Part::Main)?;
        if !asked_version.is_empty() {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(ApiError::new(500, "", message));
        }
        let name = object::name(&new).to_owned();
        if let Some(existing) = self.store.get(table, namespace, &name) {
            return Err(answer::already_exists(resource, &name, object::is_deleting(existing)));
        }
        let place = Place { table, namespace: namespace.into(), name: name.into() };
        Ok(self.put(&place, new))
    }

    fn generate_name(&mut self, table: TableId, object: &mut Value, namespace: &str) {
        let stem = crate::json::text(object, &["metadata", "generateName"]);
        let stem: String = stem.chars().take(LONGEST_STEM).collect();
        for _ in 0..NAME_ATTEMPTS {
            let name = format!("{stem}{}", self.suffix());
            let free = self.store.get(table, namespace, &name).is_none();
            metadata::set(object, "name", name);
            if free {
                break;
            }
        }
    }
}

/// Fills in the namespace of the request, or refuses an object that says another.
pub(super) fn settle_namespace(kind: &Kind, object: &mut Value, namespace: &str) -> Result<(), ApiError> {
    let said = object::namespace(object);
    if !kind.resource.namespaced {
        metadata::unset(object, "namespace");
    } else if said.is_empty() {
        metadata::set(object, "namespace", namespace);
    } else if said != namespace {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(answer::bad_request(message));
    }
    Ok(())
}
