//! Asks what the API server lets this process do with the kinds of a plugin.

use serde_json::json;
use tidegate_api::{ApiError, Resource};
use tidegate_plugins::{Access, AccessQuestion, KindAccess};
use tidegate_shell::WatchKey;
use tracing::debug;

use super::load::PluginJobs;
use crate::access_review;
use crate::discovery::{Discovery, discover};

impl PluginJobs {
    /// Kind by kind; `None`: it could not be found out.
    pub(super) async fn review(&self, question: &AccessQuestion) -> Option<Vec<KindAccess>> {
        match self.ask(question).await {
            Ok(kinds) => Some(kinds),
            Err(error) => {
                debug!(plugin = question.plugin, %error, "could not find out what is allowed");
                None
            }
        }
    }

    async fn ask(&self, question: &AccessQuestion) -> Result<Vec<KindAccess>, ApiError> {
        let mut kinds = Vec::new();
        for (kind, verbs) in &question.kinds {
            let key = WatchKey {
                group: kind.group.as_str().into(),
                kind: kind.kind.as_str().into(),
                versions: Vec::new(),
                namespace: None,
                name: None,
            };
            let access = match discover(&self.api, &key).await? {
                Discovery::Served(resource) => self.access(&resource, verbs).await?,
                Discovery::Unwatchable(_) => Access::NotServed,
            };
            kinds.push(KindAccess { kind: kind.clone(), access });
        }
        Ok(kinds)
    }

    async fn access(&self, resource: &Resource, verbs: &[String]) -> Result<Access, ApiError> {
        let mut missing = Vec::new();
        for verb in verbs {
            let mut attributes =
                json!({"group": &*resource.group, "resource": &*resource.plural, "verb": verb});
            if let (Some(namespace), Some(fields)) = (&self.watched_namespace, attributes.as_object_mut()) {
                fields.insert("namespace".to_owned(), json!(&**namespace));
            }
            if !access_review::is_allowed(&self.api, attributes).await? {
                missing.push(verb.clone());
            }
        }
        if missing.is_empty() {
            return Ok(Access::Allowed);
        }
        Ok(Access::Forbidden { plural: resource.plural.to_string(), verbs: missing })
    }
}
