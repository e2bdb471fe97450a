//! What a Job's status says: how many pods have ended how, and how the Job itself ends.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::json::{at, items, text};

type Status = Map<String, Value>;

/// What became of a Job's pods.
pub(super) struct Counts {
    pub(super) succeeded: i64,
    pub(super) failed: i64,
}

impl Counts {
    /// What the status says, with the pods that it only names.
    pub(super) fn read(status: &Status, uncounted: &Uncounted) -> Self {
        let count = |field: &str, more: &BTreeSet<String>| {
            let counted = status.get(field).and_then(Value::as_i64).unwrap_or(0);
            counted.saturating_add(i64::try_from(more.len()).unwrap_or(i64::MAX))
        };
        Self {
            succeeded: count("succeeded", &uncounted.succeeded),
            failed: count("failed", &uncounted.failed),
        }
    }
}

/// The uids of pods that have ended and are not counted yet, because they may still carry their finalizer.
#[derive(Default)]
pub(super) struct Uncounted {
    pub(super) succeeded: BTreeSet<String>,
    pub(super) failed: BTreeSet<String>,
}

impl Uncounted {
    pub(super) fn read(status: &Status) -> Self {
        let uids = |field: &str| {
            let uids = status.get("uncountedTerminatedPods").map_or(&[][..], |all| items(all, &[field]));
            uids.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self { succeeded: uids("succeeded"), failed: uids("failed") }
    }

    pub(super) fn has(&self, uid: &str) -> bool {
        self.succeeded.contains(uid) || self.failed.contains(uid)
    }

    pub(super) fn write(&self, status: &mut Status) {
        let mut all = Map::new();
        for (field, uids) in [("succeeded", &self.succeeded), ("failed", &self.failed)] {
            if !uids.is_empty() {
                all.insert(field.to_owned(), json!(uids));
            }
        }
        status.insert("uncountedTerminatedPods".to_owned(), Value::Object(all));
    }

    /// Counts them all: their finalizers are gone.
    pub(super) fn count(self, status: &mut Status) {
        let Counts { succeeded, failed } = Counts::read(status, &self);
        set_count(status, "succeeded", usize::try_from(succeeded).unwrap_or_default());
        set_count(status, "failed", usize::try_from(failed).unwrap_or_default());
        Self::default().write(status);
    }
}

/// How a Job ends.
pub(super) struct Ending {
    /// The condition that says so at once.
    announced: &'static str,
    /// The condition that says so when no pod runs any more.
    ended: &'static str,
    reason: Cow<'static, str>,
    message: Cow<'static, str>,
}

/// The condition that announces an end, and the one that says it.
const GOOD: (&str, &str) = ("SuccessCriteriaMet", "Complete");
const BAD: (&str, &str) = ("FailureTarget", "Failed");

impl Ending {
    const fn new(
        (announced, ended): (&'static str, &'static str),
        reason: &'static str,
        message: &'static str,
    ) -> Self {
        Self { announced, ended, reason: Cow::Borrowed(reason), message: Cow::Borrowed(message) }
    }

    pub(super) const fn completed() -> Self {
        Self::new(GOOD, "CompletionsReached", "Reached expected number of succeeded pods")
    }

    pub(super) const fn too_late() -> Self {
        Self::new(BAD, "DeadlineExceeded", "Job was active longer than specified deadline")
    }

    pub(super) const fn too_many_failures() -> Self {
        Self::new(BAD, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    }

    /// What was announced, which stays so.
    pub(super) fn announced(status: &Status) -> Option<Self> {
        [GOOD, BAD].into_iter().find_map(|(announced, ended)| {
            let one = condition(status, announced).filter(|one| text(one, &["status"]) == "True")?;
            let field = |name| Cow::Owned(text(one, &[name]).to_owned());
            Some(Self { announced, ended, reason: field("reason"), message: field("message") })
        })
    }

    pub(super) fn is_failure(&self) -> bool {
        self.announced == BAD.0
    }

    /// Says that nothing goes on any more.
    pub(super) fn finish(&self, status: &mut Status, now: &str) {
        if !self.is_failure() {
            status.insert("completionTime".to_owned(), now.into());
        }
        set_condition(status, self.ended, true, (&self.reason, &self.message), now);
    }

    /// Says that it will end so.
    pub(super) fn announce(&self, status: &mut Status, now: &str) {
        set_condition(status, self.announced, true, (&self.reason, &self.message), now);
    }
}

/// Whether a Job has ended.
pub(super) fn is_over(job: &Value) -> bool {
    items(job, &["status", "conditions"])
        .iter()
        .any(|one| matches!(text(one, &["type"]), "Complete" | "Failed") && text(one, &["status"]) == "True")
}

/// Sets a number of pods; the typed object leaves out zeros.
pub(super) fn set_count(status: &mut Status, field: &str, count: usize) {
    if count == 0 {
        status.shift_remove(field);
    } else {
        status.insert(field.to_owned(), count.into());
    }
}

/// A condition in a status, whether it holds or not.
pub(super) fn condition<'a>(status: &'a Status, kind: &str) -> Option<&'a Value> {
    let all = status.get("conditions").and_then(Value::as_array)?;
    all.iter().find(|one| text(one, &["type"]) == kind)
}

/// Says whether a condition holds, unless that is said already.
pub(super) fn set_condition(
    status: &mut Status,
    kind: &str,
    holds: bool,
    (reason, message): (&str, &str),
    now: &str,
) {
    let new = json!({
        "type": kind, "status": if holds { "True" } else { "False" },
        "lastProbeTime": now, "lastTransitionTime": now, "reason": reason, "message": message,
    });
    let slot = status.entry("conditions").or_insert_with(|| json!([]));
    if !slot.is_array() {
        *slot = json!([]);
    }
    let Value::Array(all) = slot else { return };
    let said = |one: &Value| ["status", "reason", "message"].map(|field| at(one, &[field]).cloned());
    match all.iter_mut().find(|one| text(one, &["type"]) == text(&new, &["type"])) {
        Some(old) if said(old) == said(&new) => {}
        Some(old) => *old = new,
        None => all.push(new),
    }
}
