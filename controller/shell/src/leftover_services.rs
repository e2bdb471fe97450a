//! Services that no Rollout has any more: their selectors still name the pods of one template, which whatever comes after the
//! Rollout will not have. The hash goes out of the selector, and the annotation that said whose they were (Argo Rollouts does the
//! same).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, ObjectKey, Operation, Request, builtin, object};
use tidegate_model::names::{HASH_LABEL, MANAGED_BY_ANNOTATION};

use crate::caches::{ROLLOUTS, SERVICES};
use crate::effect::Effect;
use crate::event::{Now, RequestId};
use crate::name::Name;
use crate::shell::Shell;

/// A Service that could not be written is tried again after this long.
const RETRY: Duration = Duration::from_mins(1);

/// The Services whose selectors some Rollout has switched.
#[derive(Debug, Default)]
pub(crate) struct LeftoverServices {
    /// By Service: the Rollout that it says it belongs to.
    switched: BTreeMap<Name, Arc<str>>,
    /// Those that may have become nobody's.
    suspects: BTreeSet<Name>,
    under_way: BTreeMap<RequestId, Name>,
    /// When those that could not be written are tried again.
    retry_at: Option<Duration>,
}

impl LeftoverServices {
    /// A Service is there, or has changed.
    pub(crate) fn put(&mut self, service: &Value) {
        let name = Name::of(service);
        let is_switched = service.pointer("/spec/selector").is_some_and(|one| one.get(HASH_LABEL).is_some());
        match object::annotation(service, MANAGED_BY_ANNOTATION).filter(|_| is_switched) {
            Some(owner) if !object::is_deleting(service) => {
                self.suspects.insert(name.clone());
                self.switched.insert(name, owner.into());
            }
            _ => self.remove(&name),
        }
    }

    /// A Service is gone.
    pub(crate) fn remove(&mut self, service: &Name) {
        self.switched.remove(service);
        self.suspects.remove(service);
    }

    /// A Rollout changed or is gone.
    pub(crate) fn rollout_changed(&mut self, rollout: &Name) {
        let same_namespace = self.switched.range(Name::new(&rollout.namespace, "")..);
        let of_rollout = same_namespace
            .take_while(|(service, _)| service.namespace == rollout.namespace)
            .filter(|(_, owner)| **owner == rollout.name);
        self.suspects.extend(of_rollout.map(|(service, _)| service.clone()));
    }

    /// Somebody else may have led in between.
    pub(crate) fn start_over(&mut self) {
        self.under_way.clear();
        self.suspects.extend(self.switched.keys().cloned());
    }

    pub(crate) const fn wake_at(&self) -> Option<Duration> {
        self.retry_at
    }
}

impl Shell {
    /// Cleans the Services that have become nobody's.
    pub(crate) fn clean_services(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.leading || !self.caches.are_ready() {
            return;
        }
        if self.leftover.retry_at.is_some_and(|at| at <= now.monotonic) {
            self.leftover.retry_at = None;
            self.leftover.suspects.extend(self.leftover.switched.keys().cloned());
        }
        for service in std::mem::take(&mut self.leftover.suspects) {
            if self.is_nobodys(&service) {
                self.clean(&service, effects);
            }
        }
    }

    fn is_nobodys(&self, service: &Name) -> bool {
        let Some(owner) = self.leftover.switched.get(service) else { return false };
        let owner = Name { namespace: service.namespace.clone(), name: owner.clone() };
        let is_there = self.caches.cache(ROLLOUTS).is_some_and(|cache| cache.facts(&owner).is_some());
        // One that is there and of another instance may name it in a way that is not known here.
        let may_judge = !is_there || self.index.known(&owner).is_some();
        may_judge && self.index.naming(service).next().is_none()
    }

    fn clean(&mut self, service: &Name, effects: &mut Vec<Effect>) {
        let resource = builtin::services();
        let key = ObjectKey::new(&resource, &service.namespace, &service.name);
        let nobody = Name::nobody(&service.namespace);
        let facts = self.caches.cache(SERVICES).and_then(|cache| cache.facts(service));
        let Some(facts) = facts else { return };
        let metadata =
            json!({"resourceVersion": &*facts.version, "annotations": {MANAGED_BY_ANNOTATION: null}});
        let body = json!({"metadata": metadata, "spec": {"selector": {HASH_LABEL: null}}});
        if self.requests.is_locked(&key, &nobody) {
            // The answer to that write is a step, too.
            self.leftover.suspects.insert(service.clone());
            return;
        }
        let request = Request {
            resource,
            namespace: Some(service.namespace.to_string()),
            operation: Operation::Patch {
                name: service.name.to_string(),
                subresource: None,
                body: Body::Merge(body),
            },
        };
        let id = self.requests.start_write(&nobody, &key);
        self.leftover.under_way.insert(id, service.clone());
        effects.push(Effect::Send { id, request });
    }

    /// A write of a Service that is nobody's was answered; `false`: it was no such write.
    pub(crate) fn cleaned(&mut self, now: Now, id: RequestId, result: &Result<Value, ApiError>) -> bool {
        let Some(service) = self.leftover.under_way.remove(&id) else { return false };
        let key = ObjectKey::new(&builtin::services(), &service.namespace, &service.name);
        match result {
            Ok(object) => self.found(&key, object, now),
            // Its watch says how it is now, or has said so.
            Err(error) if error.code == 409 => drop(self.leftover.suspects.insert(service)),
            Err(error) if error.is_not_found() => self.not_found(&key, now),
            Err(_) => self.leftover.retry_at = Some(now.monotonic.saturating_add(RETRY)),
        }
        if let Some((_, waiting)) = self.requests.finish(id) {
            for waiting in waiting {
                self.due(&waiting, now);
            }
        }
        true
    }
}
