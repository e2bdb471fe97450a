//! Reading one's own writes: a Rollout is not decided again before the caches show what was last written for
//! it, because a decision on older objects would repeat or undo the write.
//!
//! A fence stays up as long as the object does, since a watch that has to start anew may well start from an
//! older state. What does not come by a watch within a ceiling, and what nobody knows to have been carried
//! out, is read from the API server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_api::{ObjectKey, Resource};

use crate::caches::Sighting;
use crate::version;

/// What must be seen of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Want {
    /// This resource version, or a later one. And whether it was ever seen.
    Version(Arc<str>, bool),
    /// That the object with this uid is gone, or going.
    Gone(Arc<str>),
    /// Anything that was read after now.
    Anything,
}

#[derive(Clone, Debug)]
struct Fence {
    resource: Resource,
    want: Want,
    /// When the object is read from the API server.
    read_at: Duration,
    /// Reads that failed in a row.
    failures: u32,
}

/// The fences of one Rollout.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fences {
    fences: BTreeMap<ObjectKey, Fence>,
}

/// Whether the caches are new enough.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// They are.
    Free,
    /// Not yet; look again then at the latest.
    Wait(Duration),
    /// These objects should be read now.
    Read(Vec<(ObjectKey, Resource)>),
}

impl Fences {
    /// These, and of others those objects that these say nothing about.
    pub(crate) fn or(mut self, others: Self) -> Self {
        for (key, fence) in others.fences {
            self.fences.entry(key).or_insert(fence);
        }
        self
    }

    /// A write was answered with this version of the object.
    pub(crate) fn wrote(&mut self, key: ObjectKey, resource: Resource, version: &str, read_at: Duration) {
        let want = Want::Version(version.into(), false);
        self.fences.insert(key, Fence { resource, want, read_at, failures: 0 });
    }

    /// A deletion was accepted.
    pub(crate) fn deleted(&mut self, key: ObjectKey, resource: Resource, uid: &str, read_at: Duration) {
        self.fences.insert(key, Fence { resource, want: Want::Gone(uid.into()), read_at, failures: 0 });
    }

    /// Nobody knows how an object is now: a write got no answer, or was refused because the cache is behind.
    pub(crate) fn unknown(&mut self, key: ObjectKey, resource: Resource, now: Duration) {
        self.fences.insert(key, Fence { resource, want: Want::Anything, read_at: now, failures: 0 });
    }

    /// The API server was asked, and answered with this version, or that there is no such object.
    pub(crate) fn read(&mut self, key: &ObjectKey, version: Option<&str>) {
        match (self.fences.get_mut(key), version) {
            (Some(fence), Some(version)) => fence.want = Want::Version(version.into(), true),
            (Some(_), None) => {
                self.fences.remove(key);
            }
            (None, _) => {}
        }
    }

    /// The API server was asked in vain; the next time will be later.
    pub(crate) fn read_failed(
        &mut self,
        key: &ObjectKey,
        again_in: impl FnOnce(u32) -> Duration,
        now: Duration,
    ) {
        if let Some(fence) = self.fences.get_mut(key) {
            fence.failures = fence.failures.saturating_add(1);
            fence.read_at = now.saturating_add(again_in(fence.failures));
        }
    }

    /// The object cannot be read at all; the watch alone has to do.
    pub(crate) fn drop(&mut self, key: &ObjectKey) {
        self.fences.remove(key);
    }

    /// Whether this version of the object is what we wrote.
    pub(crate) fn is_own(&self, key: &ObjectKey, version: &str) -> bool {
        let fence = self.fences.get(key);
        fence.is_some_and(|fence| matches!(&fence.want, Want::Version(own, _) if **own == *version))
    }

    /// Looks at what the caches show now.
    pub(crate) fn check<'a>(
        &mut self,
        now: Duration,
        ceiling: Duration,
        seen: impl Fn(&ObjectKey) -> Sighting<'a>,
    ) -> Passage {
        let mut wait: Option<Duration> = None;
        let mut reads = Vec::new();
        self.fences.retain(|key, fence| {
            match (&mut fence.want, seen(key)) {
                (_, Sighting::NotWatched) | (Want::Gone(_), Sighting::Absent) => return false,
                (Want::Version(version, was_seen), Sighting::Here(facts)) => {
                    if version::reaches(&facts.version, version) {
                        *was_seen = true;
                        return true;
                    }
                    if std::mem::take(was_seen) {
                        fence.read_at = now.saturating_add(ceiling);
                    }
                }
                (Want::Version(_, was_seen), Sighting::Absent) => {
                    if *was_seen {
                        return false;
                    }
                }
                (Want::Gone(uid), Sighting::Here(facts)) => {
                    if facts.uid != *uid {
                        return false;
                    }
                }
                (Want::Anything, _) => {}
            }
            if fence.read_at <= now {
                reads.push((key.clone(), fence.resource.clone()));
            } else {
                wait = Some(wait.map_or(fence.read_at, |at| at.min(fence.read_at)));
            }
            true
        });
        match (reads.is_empty(), wait) {
            (false, _) => Passage::Read(reads),
            (true, Some(at)) => Passage::Wait(at),
            (true, None) => Passage::Free,
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_api::builtin;

    use super::*;
    use crate::cache::Facts;

    const CEILING: Duration = Duration::from_secs(10);

    fn key() -> ObjectKey {
        ObjectKey::new(&builtin::services(), "shop", "cart")
    }

    fn facts(uid: &str, version: &str) -> Facts {
        Facts {
            uid: uid.into(),
            version: version.into(),
            generation: None,
            labels: Box::default(),
            owner: None,
            manager: None,
        }
    }

    fn written() -> Fences {
        let mut fences = Fences::default();
        fences.wrote(key(), builtin::services(), "7", CEILING);
        fences
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_for_the_own_write_and_reads_past_the_ceiling() {
        let mut fences = written();
        let old = facts("a", "6");
        assert_eq!(fences.check(seconds(1), CEILING, |_| Sighting::Here(&old)), Passage::Wait(CEILING));
        assert_eq!(fences.check(seconds(1), CEILING, |_| Sighting::Absent), Passage::Wait(CEILING));
        let read = Passage::Read(vec![(key(), builtin::services())]);
        assert_eq!(fences.check(CEILING, CEILING, |_| Sighting::Here(&old)), read);
        fences.read(&key(), Some("7"));
        let new = facts("a", "8");
        assert_eq!(fences.check(CEILING, CEILING, |_| Sighting::Here(&new)), Passage::Free);
    }

    #[test]
    fn a_watch_that_falls_back_raises_the_fence_again() {
        let mut fences = written();
        let (old, new) = (facts("a", "6"), facts("a", "7"));
        assert_eq!(fences.check(seconds(1), CEILING, |_| Sighting::Here(&new)), Passage::Free);
        assert_eq!(fences.check(seconds(50), CEILING, |_| Sighting::Here(&old)), Passage::Wait(seconds(60)));
        assert_eq!(fences.check(seconds(55), CEILING, |_| Sighting::Here(&old)), Passage::Wait(seconds(60)));
        assert_eq!(fences.check(seconds(56), CEILING, |_| Sighting::Here(&new)), Passage::Free);
    }

    #[test]
    fn an_object_that_was_seen_and_is_gone_holds_nothing_up() {
        let mut fences = written();
        let new = facts("a", "7");
        assert_eq!(fences.check(seconds(1), CEILING, |_| Sighting::Here(&new)), Passage::Free);
        assert_eq!(fences.check(seconds(2), CEILING, |_| Sighting::Absent), Passage::Free);
        assert!(!fences.is_own(&key(), "7"));
    }

    #[test]
    fn an_unanswered_write_is_looked_up_at_once_and_then_at_a_slower_pace() {
        let mut fences = Fences::default();
        fences.unknown(key(), builtin::services(), seconds(3));
        let any = facts("a", "6");
        let check = |fences: &mut Fences, now| fences.check(now, CEILING, |_| Sighting::Here(&any));
        assert!(matches!(check(&mut fences, seconds(3)), Passage::Read(_)));
        fences.read_failed(&key(), |failures| seconds(u64::from(failures) * 4), seconds(3));
        assert_eq!(check(&mut fences, seconds(3)), Passage::Wait(seconds(7)));
        fences.read(&key(), Some("6"));
        assert_eq!(check(&mut fences, seconds(4)), Passage::Free);
    }

    #[test]
    fn a_deletion_is_seen_when_the_object_is_gone_or_another() {
        for (sighted, free) in [("a", false), ("b", true)] {
            let mut fences = Fences::default();
            fences.deleted(key(), builtin::services(), "a", CEILING);
            let facts = facts(sighted, "9");
            let passage = fences.check(seconds(1), CEILING, |_| Sighting::Here(&facts));
            assert_eq!(passage == Passage::Free, free);
        }
    }
}
