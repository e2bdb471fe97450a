//! The conditions of a Rollout: what holds now, kept as long as it does.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_model::{Condition, Status};

use crate::time;

/// The conditions, in the order in which they first appeared.
pub(crate) struct Conditions {
    now: Timestamp,
    items: Vec<(Condition, Value)>,
}

impl Conditions {
    /// Those that the status has.
    pub(crate) fn of(rollout: &Value, status: &Status, now: Timestamp) -> Self {
        let raw = rollout.pointer("/status/conditions").and_then(Value::as_array);
        let items = status.conditions.iter().cloned().zip(raw.into_iter().flatten().cloned()).collect();
        Self { now: time::whole(now), items }
    }

    /// The condition of a type.
    pub(crate) fn get(&self, kind: &str) -> Option<&Condition> {
        self.items.iter().map(|(condition, _)| condition).find(|condition| condition.kind == kind)
    }

    /// All conditions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Condition> {
        self.items.iter().map(|(condition, _)| condition)
    }

    /// Sets a condition. One with the same status, reason and message stays as it is, so that nothing is written for it.
    pub(crate) fn set(&mut self, kind: &str, status: &str, reason: &str, message: impl Into<String>) {
        let message = message.into();
        let old = self.get(kind).cloned();
        if old
            .as_ref()
            .is_some_and(|old| old.status == status && old.reason == reason && old.message == message)
        {
            return;
        }
        let transition = match &old {
            Some(old) if old.status == status => old.last_transition_time.unwrap_or(self.now),
            _ => self.now,
        };
        self.put(kind, status, reason, message, transition);
    }

    /// Sets a condition unless it has this status and reason, whatever its message (as Argo Rollouts does where
    /// the message may name something that changes all the time).
    pub(crate) fn set_reason(&mut self, kind: &str, status: &str, reason: &str, message: impl Into<String>) {
        if self.get(kind).is_none_or(|old| old.status != status || old.reason != reason) {
            self.set(kind, status, reason, message);
        }
    }

    /// Says that a condition was confirmed just now.
    pub(crate) fn refresh(&mut self, kind: &str) {
        if let Some(old) = self.get(kind).cloned() {
            let transition = old.last_transition_time.unwrap_or(self.now);
            self.put(kind, &old.status, &old.reason, old.message, transition);
        }
    }

    /// Removes a condition.
    pub(crate) fn remove(&mut self, kind: &str) {
        self.items.retain(|(condition, _)| condition.kind != kind);
    }

    /// As they stand in the status; those that did not change, unchanged to the letter.
    pub(crate) fn into_value(self) -> Value {
        self.items.into_iter().map(|(_, raw)| raw).collect()
    }

    fn put(&mut self, kind: &str, status: &str, reason: &str, message: String, transition: Timestamp) {
        let raw = json!({
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": time::text(transition),
            "lastUpdateTime": time::text(self.now),
        });
        let condition = Condition {
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message,
            last_transition_time: Some(transition),
            last_update_time: Some(self.now),
        };
        match self.items.iter_mut().find(|(old, _)| old.kind == kind) {
            Some(item) => *item = (condition, raw),
            None => self.items.push((condition, raw)),
        }
    }
}
