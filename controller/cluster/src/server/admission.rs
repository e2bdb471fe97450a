//! Admission: the namespace must be there and not on its way out, and no webhook may deny the write.

use serde_json::Value;
use tidegate_api::{ApiError, Resource, object};

use crate::answer;
use crate::cluster::Cluster;
use crate::kinds::{Family, Kind};
use crate::settings::matches;

use super::Part;

impl Cluster {
    /// Whether objects may be created in a namespace (the admission plugin `NamespaceLifecycle`).
    pub(super) fn check_namespace(&self, kind: &Kind, namespace: &str, name: &str) -> Result<(), ApiError> {
        if !kind.resource.namespaced {
            return Ok(());
        }
        match self.store.get(self.known.namespaces, "", namespace) {
            None if self.settings.namespaces_must_exist => {
                let namespaces = Resource::cluster_scoped("", "v1", "Namespace", "namespaces");
                Err(answer::not_found(&namespaces, namespace))
            }
            Some(found) if object::is_deleting(found) => {
                let detail = format!(
                    "unable to create new content in namespace {namespace} because it is being terminated"
                );
                let cause = tidegate_api::Cause {
                    field: "metadata.namespace".into(),
                    message: format!("namespace {namespace} is being terminated"),
                };
                Err(ApiError { causes: vec![cause], ..answer::forbidden(&kind.resource, name, &detail) })
            }
            _ => Ok(()),
        }
    }

    /// Whether a webhook denies a write.
    pub(super) fn check_webhooks(&self, kind: &Kind, object: &Value, part: Part) -> Result<(), ApiError> {
        let (namespace, name) = (object::namespace(object), object::name(object));
        let refusal = self.settings.refusals.iter().find(|refusal| {
            refusal.kind == *kind.resource.kind
                && (part == Part::Main || refusal.subresources)
                && matches(&refusal.namespace, namespace)
                && matches(&refusal.name, name)
        });
        let Some(refusal) = refusal else { return Ok(()) };
        let reason = match refusal.code {
            400 => "BadRequest",
            409 => "Conflict",
            422 => "Invalid",
            429 => "TooManyRequests",
            500..=599 => "InternalError",
            _ => "Forbidden",
        };
        let message =
            format!("admission webhook \"refusal.example\" denied the request: {}", refusal.message);
        Err(ApiError::new(refusal.code, reason, message))
    }

    /// Whether a namespace may be deleted (the admission plugin `NamespaceLifecycle`).
    pub(super) fn check_deletion(kind: &Kind, name: &str) -> Result<(), ApiError> {
        if kind.family == Family::Namespace && matches!(name, "default" | "kube-system" | "kube-public") {
            return Err(answer::forbidden(&kind.resource, name, "this namespace may not be deleted"));
        }
        Ok(())
    }
}
