//! The scale subresource.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, Resource, object};

use crate::answer::{self, value_invalid};
use crate::cluster::Cluster;
use crate::json::{as_object, number};
use crate::kinds::{Family, Kind, ScalePaths};
use crate::metadata;
use crate::selector::Selector;
use crate::store::{Place, TableId};

use super::Part;

impl Cluster {
    /// The scale subresource of an object.
    ///
    /// # Errors
    /// 404 when the object is not there, or its kind has no such subresource.
    pub fn scale(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Value, ApiError> {
        let (table, kind) = self.resolve(resource)?;
        if kind.options.scale.is_none() {
            return Err(answer::not_served());
        }
        let object = self.store.get(table, namespace, name);
        object.map(|object| scale_of(&kind, object)).ok_or_else(|| answer::not_found(resource, name))
    }

    pub(super) fn replace_scale(
        &mut self,
        table: TableId,
        kind: &Arc<Kind>,
        namespace: &str,
        name: &str,
        scale: &Value,
    ) -> Result<Arc<Value>, ApiError> {
        let old = self.store.get(table, namespace, name).cloned();
        let old = old.ok_or_else(|| answer::not_found(&kind.resource, name))?;
        self.change_scale(table, kind, namespace, &old, scale)
    }

    pub(super) fn patch_scale(
        &mut self,
        table: TableId,
        kind: &Arc<Kind>,
        namespace: &str,
        name: &str,
        body: &Body,
    ) -> Result<Arc<Value>, ApiError> {
        let old = self.store.get(table, namespace, name).cloned();
        let old = old.ok_or_else(|| answer::not_found(&kind.resource, name))?;
        let mut scale = scale_of(kind, &old);
        crate::patch::apply(&mut scale, body)?;
        self.change_scale(table, kind, namespace, &old, &scale)
    }

    fn change_scale(
        &mut self,
        table: TableId,
        kind: &Arc<Kind>,
        namespace: &str,
        old: &Arc<Value>,
        scale: &Value,
    ) -> Result<Arc<Value>, ApiError> {
        let Some(paths) = &kind.options.scale else { return Err(answer::not_served()) };
        let name = object::name(old);
        let said = object::name(scale);
        if !said.is_empty() && said != name {
            let message =
                format!("the name of the object ({said}) does not match the name on the URL ({name})");
            return Err(answer::bad_request(message));
        }
        let replicas = number(scale, &["spec", "replicas"]).unwrap_or_default();
        if replicas < 0 && kind.family != Family::Custom {
            let problem = "must be greater than or equal to 0";
            let cause = value_invalid("spec.replicas", &replicas.into(), problem);
            return Err(answer::invalid(&kind.resource, name, vec![cause]));
        }
        let mut new = old.as_ref().clone();
        set_at(&mut new, &paths.spec_replicas, replicas.into());
        let version = object::resource_version(scale);
        if !version.is_empty() {
            metadata::set(&mut new, "resourceVersion", version);
        }
        let uid = object::uid(scale);
        // Of a custom resource it is not looked at.
        if kind.family != Family::Custom && !uid.is_empty() && uid != object::uid(old) {
            let detail = format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                object::uid(old)
            );
            return Err(answer::conflict(&kind.resource, name, &detail));
        }
        let place = Place { table, namespace: namespace.into(), name: name.into() };
        let new = self.update(&place, kind, old, new, Part::Scale)?;
        Ok(Arc::new(scale_of(kind, &new)))
    }
}

/// The `autoscaling/v1` Scale of an object.
fn scale_of(kind: &Kind, object: &Value) -> Value {
    let nothing =
        ScalePaths { spec_replicas: String::new(), status_replicas: String::new(), selector: String::new() };
    let paths = kind.options.scale.as_ref().unwrap_or(&nothing);
    let count = |path: &str| object.pointer(path).and_then(Value::as_i64).unwrap_or_default();
    let selector = match object.pointer(&paths.selector) {
        Some(Value::String(text)) => text.clone(),
        Some(object) => {
            Selector::from_object(object).map(|selector| selector.to_string()).unwrap_or_default()
        }
        None => String::new(),
    };
    let mut scale = json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {},
        "spec": {},
        "status": {"replicas": count(&paths.status_replicas)},
    });
    // The typed object leaves out a zero.
    let wanted = count(&paths.spec_replicas);
    if wanted != 0 {
        crate::json::object_at(&mut scale, "spec").insert("replicas".into(), wanted.into());
    }
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        metadata::copy(object, &mut scale, key);
    }
    if !selector.is_empty() {
        crate::json::object_at(&mut scale, "status").insert("selector".into(), selector.into());
    }
    scale
}

/// Sets what a pointer of object keys points to.
fn set_at(object: &mut Value, pointer: &str, value: Value) {
    let mut target = object;
    for key in pointer.split('/').skip(1) {
        target = as_object(target).entry(key).or_insert(Value::Null);
    }
    *target = value;
}
