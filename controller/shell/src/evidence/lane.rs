//! The objects of one kind that are looked at: what is remembered of each, and which are due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::look::Memory;
use crate::event::RequestId;
use crate::name::Name;
use crate::queue::Queue;

/// The objects of one kind.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) queue: Queue,
    memories: BTreeMap<Name, Memory>,
}

impl Lane {
    /// An object is there, or has changed. Answers with the measurements of an earlier one of that name.
    pub(super) fn put(
        &mut self,
        name: &Name,
        uid: Arc<str>,
        owner: Option<Arc<str>>,
        now: Duration,
    ) -> Vec<RequestId> {
        let mut forgotten = Vec::new();
        if self.memories.get(name).is_some_and(|memory| memory.uid != uid) {
            forgotten = self.remove(name);
        }
        let memory = self.memories.entry(name.clone()).or_insert_with(|| Memory::new(uid));
        memory.owner = owner;
        memory.backoff.reset();
        self.due(name, now);
        forgotten
    }

    /// An object is gone. Answers with its measurements that nobody waits for any more.
    pub(super) fn remove(&mut self, name: &Name) -> Vec<RequestId> {
        self.queue.remove(name);
        self.memories.remove(name).map(|memory| memory.measuring.asked().collect()).unwrap_or_default()
    }

    pub(super) fn memory(&mut self, name: &Name) -> Option<&mut Memory> {
        self.memories.get_mut(name)
    }

    /// Takes out what is remembered of an object, for its turn.
    pub(super) fn take(&mut self, name: &Name) -> Option<Memory> {
        self.memories.remove(name)
    }

    /// Puts it back.
    pub(super) fn give(&mut self, name: &Name, memory: Memory) {
        self.memories.insert(name.clone(), memory);
    }

    /// It is to be looked at, as soon as it may.
    pub(super) fn due(&mut self, name: &Name, now: Duration) {
        let Some(memory) = self.memories.get_mut(name) else { return };
        if memory.is_busy() {
            memory.again = true;
        } else {
            let at = memory.backoff.is_waiting(now).unwrap_or(now);
            self.queue.at_latest(name, at);
        }
    }

    pub(super) fn all_due(&mut self, now: Duration) {
        self.all_due_in(None, now);
    }

    /// All in a namespace, or all.
    pub(super) fn all_due_in(&mut self, namespace: Option<&str>, now: Duration) {
        self.due_where(namespace, now, |_| true);
    }

    /// The one with this uid.
    pub(super) fn due_with_uid(&mut self, namespace: &str, uid: &str, now: Duration) {
        self.due_where(Some(namespace), now, |memory| *memory.uid == *uid);
    }

    /// Those that wait for this Service.
    pub(super) fn due_waiting_for(&mut self, service: &Name, now: Duration) {
        self.due_where(Some(&service.namespace), now, |memory| memory.waits_for.contains(&*service.name));
    }

    /// Those that the object with this uid controls.
    pub(super) fn due_of_owner(&mut self, namespace: &str, uid: &str, now: Duration) {
        self.due_where(Some(namespace), now, |memory| memory.owner.as_deref() == Some(uid));
    }

    /// Whether the object with this uid controls any.
    pub(super) fn has_of_owner(&self, namespace: &str, uid: &str) -> bool {
        let all = self.memories.range(Name::nobody(namespace)..);
        let mut all = all.take_while(|(name, _)| *name.namespace == *namespace);
        all.any(|(_, memory)| memory.owner.as_deref() == Some(uid))
    }

    fn due_where(&mut self, namespace: Option<&str>, now: Duration, is_meant: impl Fn(&Memory) -> bool) {
        let from = Name::nobody(namespace.unwrap_or_default());
        let names: Vec<Name> = self
            .memories
            .range(from..)
            .take_while(|(name, _)| namespace.is_none_or(|namespace| *name.namespace == *namespace))
            .filter(|(_, memory)| is_meant(memory))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            self.due(&name, now);
        }
    }

    /// Nothing that was under way is of interest any more. Answers with the measurements that nobody waits for any more.
    pub(super) fn start_over(&mut self) -> Vec<RequestId> {
        let mut forgotten = Vec::new();
        for memory in self.memories.values_mut() {
            forgotten.extend(memory.measuring.asked());
            *memory = Memory { owner: memory.owner.clone(), ..Memory::new(memory.uid.clone()) };
        }
        forgotten
    }
}
