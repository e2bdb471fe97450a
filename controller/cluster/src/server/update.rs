//! `update` and `patch`, of the object and of its status.

use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{ApiError, Body, object};

use crate::answer;
use crate::cluster::Cluster;
use crate::json::{at, items, number};
use crate::kinds::{Family, Kind};
use crate::metadata;
use crate::store::{Place, TableId};

use super::create::settle_namespace;
use super::{FieldValidation, Part, read_body, read_patched, unknown_fields};

/// What of which object a patch is about.
pub(super) struct Target<'a> {
    pub(super) table: TableId,
    pub(super) kind: &'a Kind,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) part: Part,
}

impl Cluster {
    /// Puts a whole object in place of the old one.
    pub(super) fn replace(
        &mut self,
        table: TableId,
        kind: &Arc<Kind>,
        namespace: &str,
        name: &str,
        part: Part,
        object: &Value,
    ) -> Result<Arc<Value>, ApiError> {
        let mut new = read_body(kind, object)?;
        settle_namespace(kind, &mut new, namespace)?;
        check_name(&new, name)?;
        let Some(old) = self.store.get(table, namespace, name).cloned() else {
            if part == Part::Main && kind.created_by_replacement() {
                metadata::unset(&mut new, "resourceVersion");
                return self.create(table, kind, namespace, &new);
            }
            return Err(answer::not_found(&kind.resource, name));
        };
        let uid = object::uid(&new);
        if !uid.is_empty() && uid != object::uid(&old) {
            let detail = format!(
                "StorageError: invalid object, Code: 4, Key: {name}, ResourceVersion: 0, AdditionalErrorMsg: \
                 Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                object::uid(&old)
            );
            return Err(answer::conflict(&kind.resource, name, &detail));
        }
        let place = Place { table, namespace: namespace.into(), name: name.into() };
        self.update(&place, kind, &old, new, part)
    }

    /// Changes parts of an object.
    pub(super) fn patch(
        &mut self,
        target: &Target<'_>,
        body: &Body,
        fields: FieldValidation,
    ) -> Result<Arc<Value>, ApiError> {
        let Target { table, kind, namespace, name, part } = *target;
        let old = self.store.get(table, namespace, name).cloned();
        let old = old.ok_or_else(|| answer::not_found(&kind.resource, name))?;
        let mut new = old.as_ref().clone();
        crate::patch::apply(&mut new, body)?;
        read_patched(kind, &mut new)?;
        if fields == FieldValidation::Strict
            && let Some(wrong) = unknown_fields(kind, &new)
        {
            return Err(answer::patch_result_refused(&new, &wrong));
        }
        settle_namespace(kind, &mut new, namespace)?;
        check_name(&new, name)?;
        let place = Place { table, namespace: namespace.into(), name: name.into() };
        self.update(&place, kind, &old, new, part)
    }

    /// Carries an update out whose result was computed from the request: checks the version, keeps what may not be
    /// changed, validates, and stores it if it differs.
    pub(super) fn update(
        &mut self,
        place: &Place,
        kind: &Kind,
        old: &Arc<Value>,
        mut new: Value,
        part: Part,
    ) -> Result<Arc<Value>, ApiError> {
        let resource = &kind.resource;
        let name = object::name(old).to_owned();
        kind.admit(&mut new);
        let version = object::resource_version(&new);
        if version.is_empty() {
            if !kind.replaced_unconditionally() {
                return Err(answer::version_required(resource, &name));
            }
            metadata::copy(old, &mut new, "resourceVersion");
        } else if version != object::resource_version(old) {
            let detail =
                "the object has been modified; please apply your changes to the latest version and try again";
            return Err(answer::conflict(resource, &name, detail));
        }
        kind.prepare_update(&mut new, old, part == Part::Status);
        keep_system_fields(&mut new, old);

        let mut causes = metadata::validate(resource, kind.name_rule(), &new);
        causes.extend(metadata::validate_update(&new, old));
        causes.extend(kind.validate(&new, Some(old)));
        if !causes.is_empty() {
            return Err(answer::invalid(resource, &name, causes));
        }
        self.check_webhooks(kind, &new, part)?;

        let finalized = object::is_deleting(old)
            && metadata::finalizers(&new).next().is_none()
            && number(old, &["metadata", "deletionGracePeriodSeconds"]).unwrap_or_default() == 0
            && (kind.family != Family::Namespace || items(&new, &["spec", "finalizers"]).is_empty());
        if finalized {
            self.take(place);
            return Ok(Arc::new(new));
        }
        if new == **old {
            return Ok(old.clone());
        }
        Ok(self.put(place, new))
    }
}

/// What a client can neither set nor clear.
fn keep_system_fields(new: &mut Value, old: &Value) {
    if object::uid(new).is_empty() {
        metadata::copy(old, new, "uid");
    }
    metadata::copy(old, new, "creationTimestamp");
    if object::is_deleting(old) {
        metadata::copy(old, new, "deletionTimestamp");
        if at(new, &["metadata", "deletionGracePeriodSeconds"]).is_none() {
            metadata::copy(old, new, "deletionGracePeriodSeconds");
        }
    }
}

fn check_name(object: &Value, name: &str) -> Result<(), ApiError> {
    let said = object::name(object);
    if said.is_empty() {
        return Err(answer::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )));
    }
    if said != name {
        return Err(answer::bad_request(format!(
            "the name of the object ({said}) does not match the name on the URL ({name})"
        )));
    }
    Ok(())
}
