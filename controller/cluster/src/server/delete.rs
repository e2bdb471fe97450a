//! `delete`, in the background as far as dependents are concerned.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Preconditions, object};

use crate::answer;
use crate::cluster::{Cluster, seconds};
use crate::json::{items, number, text};
use crate::kinds::{Family, Kind};
use crate::metadata::{self, PROPAGATION_FINALIZERS};
use crate::store::{Place, TableId};

impl Cluster {
    /// Deletes a pod unless that is refused for the sake of others like it.
    pub(super) fn evict(
        &mut self,
        table: TableId,
        kind: &Arc<Kind>,
        namespace: &str,
        name: &str,
        preconditions: &Preconditions,
    ) -> Result<Arc<Value>, ApiError> {
        if kind.family != Family::Pod {
            return Err(answer::not_served());
        }
        if self.store.get(table, namespace, name).is_some() && self.settings.pods.refuses_evictions {
            let message = "Cannot evict pod as it would violate the pod's disruption budget.";
            return Err(ApiError::new(429, "TooManyRequests", message));
        }
        self.delete(table, kind, namespace, name, preconditions)?;
        Ok(Arc::new(
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
        ))
    }

    /// Deletes an object: at once, or when its finalizers and its grace period allow.
    pub(crate) fn delete(
        &mut self,
        table: TableId,
        kind: &Arc<Kind>,
        namespace: &str,
        name: &str,
        preconditions: &Preconditions,
    ) -> Result<Arc<Value>, ApiError> {
        let resource = &kind.resource;
        Self::check_deletion(kind, name)?;
        let old = self.store.get(table, namespace, name).cloned();
        let old = old.ok_or_else(|| answer::not_found(resource, name))?;
        let (uid, version) = (object::uid(&old), object::resource_version(&old));
        if let Some(asked) = preconditions.uid.as_deref().filter(|asked| *asked != uid) {
            let detail = format!(
                "the UID in the precondition ({asked}) does not match the UID in record ({uid}). The object might \
                 have been deleted and then recreated"
            );
            return Err(answer::delete_conflict(resource, name, &detail));
        }
        if let Some(asked) = preconditions.resource_version.as_deref().filter(|asked| *asked != version) {
            let detail = format!(
                "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record \
                 ({version}). The object might have been modified"
            );
            return Err(answer::delete_conflict(resource, name, &detail));
        }
        let place = Place { table, namespace: namespace.into(), name: name.into() };
        let grace = grace_period(kind, &old);
        let pending = number(&old, &["metadata", "deletionGracePeriodSeconds"]).unwrap_or_default();
        if object::is_deleting(&old) && pending > 0 {
            return Ok(old);
        }
        // Asking for deletion in the background takes back what was asked before.
        let kept: Vec<Value> = metadata::finalizers(&old)
            .filter(|finalizer| !PROPAGATION_FINALIZERS.contains(finalizer))
            .map(Value::from)
            .collect();
        // A namespace goes when it is empty, which its own finalizer (in the spec) sees to.
        let empties = kind.family == Family::Namespace && !items(&old, &["spec", "finalizers"]).is_empty();
        if kept.is_empty() && grace == 0 && !empties {
            if kind.family == Family::Pod && !object::is_deleting(&old) {
                // What can be deleted gracefully is marked first even when it needs no time.
                self.mark_deleting(&place, kind, &old, 0);
            }
            let gone = self.take(&place).unwrap_or(old);
            return Ok(if kind.returns_deleted() { gone } else { Arc::new(success(kind, &gone)) });
        }
        let mut new = old.as_ref().clone();
        if kept.is_empty() {
            metadata::unset(&mut new, "finalizers");
        } else {
            metadata::set(&mut new, "finalizers", kept);
        }
        if kind.family == Family::Namespace {
            crate::json::object_at(&mut new, "status").insert("phase".into(), "Terminating".into());
        }
        if object::is_deleting(&old) && new == *old {
            return Ok(old);
        }
        Ok(self.mark_deleting(&place, kind, &new, grace))
    }

    /// Stores an object as being deleted, from now on or from then on.
    fn mark_deleting(&mut self, place: &Place, kind: &Kind, object: &Value, grace: i64) -> Arc<Value> {
        let mut new = object.clone();
        if !object::is_deleting(object) {
            let at = self.now.checked_add(jiff::SignedDuration::from_secs(grace)).unwrap_or(self.now);
            metadata::set(&mut new, "deletionTimestamp", seconds(at));
            if kind.family != Family::Namespace {
                metadata::set(&mut new, "deletionGracePeriodSeconds", grace);
            }
            if let Some(generation) = object::generation(object) {
                metadata::set(&mut new, "generation", generation + 1);
            }
        }
        self.put(place, new)
    }
}

/// How long an object may take to go, in seconds: only pods on a node need time.
fn grace_period(kind: &Kind, object: &Value) -> i64 {
    match kind.family {
        Family::Pod => {
            let placed = !text(object, &["spec", "nodeName"]).is_empty();
            let over = matches!(text(object, &["status", "phase"]), "Succeeded" | "Failed");
            if placed && !over {
                number(object, &["spec", "terminationGracePeriodSeconds"]).unwrap_or(30).max(0)
            } else {
                0
            }
        }
        _ => 0,
    }
}

fn success(kind: &Kind, gone: &Value) -> Value {
    let mut details = json!({
        "name": object::name(gone),
        "kind": kind.resource.plural.as_ref(),
        "uid": object::uid(gone),
    });
    if !kind.resource.group.is_empty() {
        crate::json::as_object(&mut details).insert("group".into(), kind.resource.group.as_ref().into());
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
