//! What is under way, and which objects are being written. No object is written by two requests at a time,
//! whoever wants it.

use std::collections::BTreeMap;

use tidegate_api::{ObjectKey, Operation, Request, object};

use crate::event::RequestId;
use crate::name::Name;
use crate::queue::Blocked;

/// Requests and questions that are not answered yet.
#[derive(Debug)]
pub(crate) struct Requests {
    next: u64,
    outstanding: BTreeMap<RequestId, (Name, Option<ObjectKey>)>,
    locks: BTreeMap<ObjectKey, RequestId>,
    blocked: Blocked<ObjectKey>,
}

impl Requests {
    pub(crate) const fn new() -> Self {
        Self { next: 0, outstanding: BTreeMap::new(), locks: BTreeMap::new(), blocked: Blocked::new() }
    }

    /// A number for something that takes as long as it takes, and does not count as a request.
    pub(crate) fn number(&mut self) -> RequestId {
        let id = RequestId(self.next);
        self.next = self.next.wrapping_add(1);
        id
    }

    /// A number for something that writes nothing.
    pub(crate) fn start(&mut self, rollout: &Name) -> RequestId {
        let id = self.number();
        self.outstanding.insert(id, (rollout.clone(), None));
        id
    }

    /// A number for a write of an object, which is locked until the answer.
    pub(crate) fn start_write(&mut self, rollout: &Name, key: &ObjectKey) -> RequestId {
        let id = self.start(rollout);
        self.outstanding.insert(id, (rollout.clone(), Some(key.clone())));
        self.locks.insert(key.clone(), id);
        id
    }

    /// Whether an object is locked; then the Rollout will be looked at again when it no longer is.
    pub(crate) fn is_locked(&mut self, key: &ObjectKey, rollout: &Name) -> bool {
        let is_locked = self.locks.contains_key(key);
        if is_locked {
            self.blocked.wait(key.clone(), rollout);
        }
        is_locked
    }

    /// It was answered: whose it was, and who waited for its object. `None`: it is of no interest any more.
    pub(crate) fn finish(&mut self, id: RequestId) -> Option<(Name, Vec<Name>)> {
        let (rollout, key) = self.outstanding.remove(&id)?;
        let waiting = match key {
            Some(key) => {
                self.locks.remove(&key);
                self.blocked.release(&key).into_iter().collect()
            }
            None => Vec::new(),
        };
        Some((rollout, waiting))
    }

    /// Answers for this Rollout are of no interest any more. What it writes stays locked until its answer all the same: it may
    /// still arrive.
    pub(crate) fn forget(&mut self, rollout: &Name) {
        self.outstanding.retain(|_, (whose, key)| whose != rollout || key.is_some());
        for (whose, _) in self.outstanding.values_mut().filter(|(whose, _)| whose == rollout) {
            *whose = Name::nobody(&rollout.namespace);
        }
    }

    /// What begins from now on has this number or a later one.
    pub(crate) const fn next(&self) -> RequestId {
        RequestId(self.next)
    }

    /// What has begun since then was never sent. Answers with those that waited for its objects.
    pub(crate) fn cancel_since(&mut self, first: RequestId) -> Vec<Name> {
        let mut waiting = Vec::new();
        for (_, (_, key)) in self.outstanding.extract_if(first.., |_, _| true) {
            if let Some(key) = key {
                self.locks.remove(&key);
                waiting.extend(self.blocked.release(&key));
            }
        }
        waiting
    }

    /// Nothing that is under way is of interest any more.
    pub(crate) fn forget_all(&mut self) {
        self.outstanding.clear();
        self.locks.clear();
        self.blocked.clear();
    }

    /// How much is under way.
    pub(crate) fn len(&self) -> usize {
        self.outstanding.len()
    }
}

/// The object that a write is about.
pub(crate) fn key_of(request: &Request) -> ObjectKey {
    let name = match &request.operation {
        Operation::Create { object } | Operation::CreateStrictly { object } => object::name(object),
        _ => request.name().unwrap_or_default(),
    };
    ObjectKey::new(&request.resource, request.namespace.as_deref().unwrap_or_default(), name)
}

#[cfg(test)]
mod tests {
    use tidegate_api::builtin;

    use super::*;

    #[test]
    fn an_object_is_locked_until_the_answer_and_who_waited_is_told() {
        let mut requests = Requests::new();
        let key = ObjectKey::new(&builtin::services(), "shop", "web");
        let (one, other) = (Name::new("shop", "one"), Name::new("shop", "other"));
        let id = requests.start_write(&one, &key);
        assert!(requests.is_locked(&key, &other));
        let read = requests.start(&one);
        assert_eq!(requests.finish(read), Some((one.clone(), Vec::new())));
        assert_eq!(requests.finish(id), Some((one, vec![other.clone()])));
        assert!(!requests.is_locked(&key, &other));
        assert_eq!(requests.finish(id), None, "once");
    }

    #[test]
    fn what_was_never_sent_holds_nothing_up() {
        let mut requests = Requests::new();
        let keys = ["a", "b"].map(|name| ObjectKey::new(&builtin::services(), "shop", name));
        let (one, other) = (Name::new("shop", "one"), Name::new("shop", "other"));
        let sent = requests.start_write(&one, &keys[0]);
        let first = requests.next();
        let unsent = requests.start_write(&one, &keys[1]);
        assert!(requests.is_locked(&keys[1], &other));
        assert_eq!(requests.cancel_since(first), vec![other.clone()]);
        assert!(!requests.is_locked(&keys[1], &other) && requests.is_locked(&keys[0], &other));
        assert_eq!(requests.finish(unsent), None);
        assert_eq!(requests.finish(sent), Some((one, vec![other])));
    }

    #[test]
    fn what_is_forgotten_is_locked_until_it_is_answered_and_nobody_hears_of_it() {
        let mut requests = Requests::new();
        let key = ObjectKey::new(&builtin::services(), "shop", "web");
        let (one, other) = (Name::new("shop", "one"), Name::new("shop", "other"));
        let write = requests.start_write(&one, &key);
        let read = requests.start(&one);
        requests.forget(&one);
        assert_eq!(requests.finish(read), None);
        assert!(requests.is_locked(&key, &other));
        assert_eq!(requests.finish(write), Some((Name::nobody("shop"), vec![other.clone()])));
        assert!(!requests.is_locked(&key, &other));
    }
}
