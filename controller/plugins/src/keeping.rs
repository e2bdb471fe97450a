//! Keeping the last good bytes in the cluster: what is stored, what is to be, and what is not needed any more. Only the leader
//! does it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate_api::ApiError;
use tidegate_contract::Digest;
use tidegate_shell::Now;

use crate::effect::{Effect, StoreJob};
use crate::event::{StoredEntry, StoredSize};
use crate::loading::Loading;
use crate::managed::{Managed, Which};
use crate::manager::Manager;
use crate::schedule::earlier;
use crate::store::{MOST_OF_ALL, MOST_OF_ONE, superfluous};

/// The reason of an answer that says that bytes are too many to be stored.
pub const TOO_LARGE: &str = "TooLarge";

/// What is stored, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    /// `None`: not listed yet.
    entries: Option<BTreeMap<Digest, StoredEntry>>,
    storing: BTreeMap<Digest, String>,
    leads_since: Option<Duration>,
    /// When listing is tried again, after it failed.
    pub(crate) list_again: Option<Duration>,
    /// Whether the shell has said which versions Rollouts began with.
    pub(crate) in_use_known: bool,
}

impl Keeping {
    /// This process leads from now on; somebody else may have stored in between.
    pub(crate) fn lead(&mut self, now: Duration) {
        self.entries = None;
        self.list_again = None;
        self.storing.clear();
        self.leads_since = Some(now);
    }

    pub(crate) fn listed(&mut self, entries: Vec<StoredEntry>) {
        self.entries = Some(entries.into_iter().map(|entry| (entry.digest, entry)).collect());
    }

    /// What was stored last for a plugin, of what may serve.
    pub(crate) fn newest(&self, plugin: &str, may_serve: impl Fn(Digest) -> bool) -> Option<Digest> {
        let entries = self.entries.iter().flat_map(BTreeMap::values);
        let of_it =
            entries.filter(|entry| entry.plugin == plugin && entry.is_complete && may_serve(entry.digest));
        of_it.max_by_key(|entry| (entry.since, entry.digest)).map(|entry| entry.digest)
    }

    /// Whether a digest is stored; `None`: not known.
    pub(crate) fn has(&self, digest: Digest) -> Option<bool> {
        let entries = self.entries.as_ref()?;
        Some(entries.get(&digest).is_some_and(|entry| entry.is_complete))
    }

    /// Room for one more, in compressed bytes.
    fn room(&self, keep: &BTreeSet<Digest>) -> u64 {
        let kept =
            self.entries.iter().flat_map(BTreeMap::values).filter(|entry| keep.contains(&entry.digest));
        let used = kept.fold(0_u64, |sum, entry| sum.saturating_add(entry.compressed));
        MOST_OF_ALL.saturating_sub(used).min(MOST_OF_ONE)
    }
}

impl Manager {
    /// Stores what is to be kept, and removes what is not.
    pub(crate) fn keep(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.keeping.entries.is_none() {
            return;
        }
        let keep: BTreeSet<Digest> = self.plugins.values().flat_map(Managed::to_keep).collect();
        self.discard(&keep, now, effects);
        for (name, plugin) in &mut self.plugins {
            // One at a time: what they take together is known only afterwards.
            if !self.keeping.storing.is_empty() {
                return;
            }
            let Some(digest) = plugin.current else { continue };
            let is_refused =
                plugin.not_kept.as_ref().is_some_and(|(about, _, _, until)| *about == digest && *until > now);
            let Some(version) = plugin.versions.get_mut(&digest) else { continue };
            if !version.is_far || is_refused || self.keeping.has(digest) != Some(false) {
                if self.keeping.has(digest) == Some(true) {
                    version.artifact = None;
                }
                continue;
            }
            match version.artifact.take() {
                Some(artifact) => {
                    let most = self.keeping.room(&keep);
                    self.keeping.storing.insert(digest, name.clone());
                    effects.push(Effect::Store(StoreJob { plugin: name.clone(), artifact, most }));
                }
                // They were dropped, or came from a copy that is gone since.
                None => fetch_again(plugin, digest, now),
            }
        }
    }

    fn discard(&mut self, keep: &BTreeSet<Digest>, now: Duration, effects: &mut Vec<Effect>) {
        let since = self.keeping.leads_since.unwrap_or(now);
        let is_settled = now.saturating_sub(since) >= self.settings.timing.discard
            && self.keeping.in_use_known
            && self.is_complete();
        let Some(entries) = self.keeping.entries.as_mut().filter(|_| is_settled) else { return };
        let storing: BTreeSet<Digest> = self.keeping.storing.keys().copied().collect();
        let all: Vec<StoredEntry> = entries.values().cloned().collect();
        for digest in superfluous(&all, keep, &storing) {
            entries.remove(&digest);
            effects.push(Effect::Discard(digest));
        }
    }

    /// Bytes were stored, or not.
    pub(crate) fn stored(&mut self, digest: Digest, result: Result<StoredSize, ApiError>, now: Now) {
        let Some(name) = self.keeping.storing.remove(&digest) else { return };
        let Some(plugin) = self.plugins.get_mut(&name) else { return };
        match result {
            Ok(StoredSize { compressed }) => {
                plugin.not_kept = None;
                let entry =
                    StoredEntry { digest, plugin: name, compressed, since: now.wall, is_complete: true };
                self.keeping.entries.get_or_insert_default().insert(digest, entry);
            }
            Err(error) if error.reason == TOO_LARGE => {
                let message = format!(
                    "{}; put the file on a read-only volume and give its path, so that a restart does not need its server",
                    error.message
                );
                plugin.not_kept = Some((digest, TOO_LARGE, message, Duration::MAX));
            }
            Err(error) => {
                let until = now.monotonic.saturating_add(self.settings.timing.store_again);
                let message = format!("the bytes could not be stored: {error}; it is tried again");
                plugin.not_kept = Some((digest, "StoreFailed", message, until));
            }
        }
    }

    /// Lets go of bytes that nobody here is going to store.
    pub(crate) fn drop_bytes(&mut self, now: Duration) {
        if self.leading {
            return;
        }
        let patience = self.settings.timing.bytes;
        for version in self.plugins.values_mut().flat_map(|plugin| plugin.versions.values_mut()) {
            if now.saturating_sub(version.since) >= patience {
                version.artifact = None;
            }
        }
    }

    /// When bytes are to be let go of.
    pub(crate) fn wake_for_bytes(&self) -> Option<Duration> {
        let versions = self.plugins.values().flat_map(|plugin| plugin.versions.values());
        let held = versions.filter(|version| version.artifact.is_some() && !self.leading);
        held.map(|version| version.since.saturating_add(self.settings.timing.bytes)).min()
    }

    /// When storing is to be tried again, or what is not needed to be removed.
    pub(crate) fn wake_for_keeping(&self, now: Duration) -> Option<Duration> {
        let again = self.plugins.values().filter_map(|plugin| plugin.not_kept.as_ref().map(|one| one.3));
        let again = again.filter(|until| *until > now && *until != Duration::MAX).min();
        let discard =
            self.keeping.leads_since.map(|since| since.saturating_add(self.settings.timing.discard));
        earlier(earlier(again, discard.filter(|at| *at > now)), self.keeping.list_again)
    }
}

fn fetch_again(plugin: &mut Managed, digest: Digest, now: Duration) {
    let Some(target) = plugin.loadings.get(&Which::Target) else { return };
    if target.digest() != Some(digest) || plugin.loadings.contains_key(&Which::Bytes) {
        return;
    }
    let mut loading = Loading::of(target.wish.clone(), now);
    loading.skip_copy();
    plugin.loadings.insert(Which::Bytes, loading);
}
