//! One plugin: the versions of it that are there, those that are being got, and which one serves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tidegate_artifact::{Artifact, Limits, LoadError, LoadReason, Stage};
use tidegate_contract::{Digest, Router};
use tidegate_shell::{Plugin, PluginState, PluginVersion};

use crate::event::Loaded;
use crate::loading::{Loading, State, Wish};
use crate::problem::ConfigProblem;
use crate::review::Review;
use crate::source::Source;
use crate::status::said;
use crate::wanted::{FailurePolicy, Wanted};

/// A version that is there.
pub(crate) struct Version {
    pub(crate) router: Arc<dyn Router>,
    pub(crate) size: u64,
    limits: Limits,
    /// Whether its bytes can get lost.
    pub(crate) is_far: bool,
    /// Its bytes, until they are stored or nobody is going to store them.
    pub(crate) artifact: Option<Artifact>,
    pub(crate) since: Duration,
}

/// Which of a plugin's loadings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Which {
    /// What is configured.
    Target,
    /// What is built in, where what is configured is no component at all.
    StandIn,
    /// What served before this process started.
    Before,
    /// What Rollouts in flight began with.
    Older(Digest),
    /// The bytes of what serves, once more, for storing them.
    Bytes,
}

/// One plugin.
pub(crate) struct Managed {
    /// What is configured now, or what is wrong with that.
    pub(crate) entry: Result<Wanted, ConfigProblem>,
    /// What was configured when it was last right: goes on holding for what serves.
    right: Option<Wanted>,
    pub(crate) versions: BTreeMap<Digest, Version>,
    pub(crate) loadings: BTreeMap<Which, Loading>,
    /// What serves.
    pub(crate) current: Option<Digest>,
    /// What served before that.
    pub(crate) previous: Option<Digest>,
    /// What Rollouts in flight began with.
    pub(crate) in_use: BTreeSet<Digest>,
    /// What must not run, whoever said so.
    revoked: BTreeSet<Digest>,
    /// The failures of what is configured that were told.
    pub(crate) told: BTreeSet<LoadReason>,
    /// What was told to serve.
    pub(crate) told_current: Option<Digest>,
    pub(crate) review: Review,
    /// Why the bytes of what serves are not kept, and when that is tried again.
    pub(crate) not_kept: Option<(Digest, &'static str, String, Duration)>,
}

impl Managed {
    pub(crate) fn new(entry: Result<Wanted, ConfigProblem>, now: Duration) -> Self {
        let mut managed = Self {
            entry: entry.clone(),
            right: None,
            versions: BTreeMap::new(),
            loadings: BTreeMap::new(),
            current: None,
            previous: None,
            in_use: BTreeSet::new(),
            revoked: BTreeSet::new(),
            told: BTreeSet::new(),
            told_current: None,
            review: Review::default(),
            not_kept: None,
        };
        managed.configure(entry, now);
        managed
    }

    /// Something is configured, perhaps something else than before.
    pub(crate) fn configure(&mut self, entry: Result<Wanted, ConfigProblem>, now: Duration) {
        self.entry = entry;
        let Ok(wanted) = &self.entry else {
            self.loadings.remove(&Which::Target);
            return;
        };
        self.right = Some(wanted.clone());
        let wish =
            Wish { source: wanted.source.clone(), sha256: wanted.sha256, limits: wanted.limits.clone() };
        if self.loadings.get(&Which::Target).is_some_and(|target| target.wish == wish) {
            return;
        }
        let is_there =
            |digest: &Digest| self.versions.get(digest).is_some_and(|version| version.limits == wish.limits);
        let loading = match wish.sha256.filter(is_there) {
            Some(digest) => Loading::done(wish, digest),
            None => Loading::of(wish, now),
        };
        self.loadings.insert(Which::Target, loading);
        self.told.clear();
    }

    /// Whether the controller may start without it.
    pub(crate) fn failure_policy(&self) -> FailurePolicy {
        match &self.entry {
            Ok(wanted) => wanted.failure_policy,
            Err(problem) => problem.failure_policy,
        }
    }

    /// Brings everything in line with what is configured and known. Whether another version serves now.
    pub(crate) fn settle(
        &mut self,
        before: Option<Digest>,
        built_in: Option<&Wanted>,
        revoked: &BTreeSet<Digest>,
        now: Duration,
    ) -> bool {
        self.revoked.clone_from(revoked);
        self.versions.retain(|digest, _| !revoked.contains(digest));
        self.refuse_revoked(revoked, now);
        self.need_stand_in(built_in, now);
        self.need_before(before.filter(|digest| !revoked.contains(digest)), now);
        self.need_older(revoked, now);
        let changed = self.choose();
        self.forget_versions();
        changed
    }

    fn refuse_revoked(&mut self, revoked: &BTreeSet<Digest>, now: Duration) {
        let Some(target) = self.loadings.get_mut(&Which::Target) else { return };
        let digest = target.wish.sha256.or(target.digest());
        let is_refused = target.state == State::GaveUp
            && target.error.as_ref().is_some_and(|one| one.reason == LoadReason::Revoked);
        match digest.filter(|digest| revoked.contains(digest)) {
            Some(digest) if !is_refused => target.refuse(LoadError::new(
                Stage::Digest,
                LoadReason::Revoked,
                format!("sha256:{digest} is revoked"),
                "pin another version; or take it out of spec.revoked, if it is good after all",
            )),
            None if is_refused => *target = Loading::of(target.wish.clone(), now),
            _ => {}
        }
    }

    /// What is built in stands in for what is no component at all: for example for what Argo would run.
    fn need_stand_in(&mut self, built_in: Option<&Wanted>, now: Duration) {
        let target = self.loadings.get(&Which::Target);
        let is_needed = target
            .and_then(|target| target.error.as_ref())
            .is_some_and(|one| one.reason == LoadReason::NotWasm);
        match built_in {
            Some(wanted) if is_needed => {
                let wish = Wish {
                    source: wanted.source.clone(),
                    sha256: wanted.sha256,
                    limits: wanted.limits.clone(),
                };
                self.loadings.entry(Which::StandIn).or_insert_with(|| Loading::of(wish, now));
            }
            _ => {
                self.loadings.remove(&Which::StandIn);
            }
        }
    }

    /// What served before this process started serves on while what is pinned cannot be had.
    fn need_before(&mut self, before: Option<Digest>, now: Duration) {
        let has_failed = self.error().is_some();
        let Ok(wanted) = &self.entry else { return };
        let is_far = matches!(wanted.source, Source::Web(_) | Source::ConfigMap(_));
        match before.filter(|digest| has_failed && self.current.is_none() && wanted.sha256 != Some(*digest)) {
            Some(digest) if is_far => {
                let wish = Wish {
                    source: Source::Stored(digest),
                    sha256: Some(digest),
                    limits: wanted.limits.clone(),
                };
                let is_other = self.loadings.get(&Which::Before).is_none_or(|one| one.wish != wish);
                if is_other {
                    self.loadings.insert(Which::Before, Loading::if_there(wish, now));
                }
            }
            _ if self.current.is_some() => {
                self.loadings.remove(&Which::Before);
            }
            _ => {}
        }
    }

    fn need_older(&mut self, revoked: &BTreeSet<Digest>, now: Duration) {
        let (in_use, versions) = (&self.in_use, &self.versions);
        let pinned = self.entry.as_ref().ok().and_then(|wanted| wanted.sha256);
        let is_needed = |digest: &Digest| {
            in_use.contains(digest)
                && !versions.contains_key(digest)
                && !revoked.contains(digest)
                && pinned != Some(*digest)
        };
        self.loadings.retain(|which, _| match which {
            Which::Older(digest) => is_needed(digest),
            _ => true,
        });
        let limits = self.entry.as_ref().map(|wanted| wanted.limits.clone()).unwrap_or_default();
        for digest in in_use.iter().filter(|digest| is_needed(digest)) {
            let wish =
                Wish { source: Source::Stored(*digest), sha256: Some(*digest), limits: limits.clone() };
            self.loadings.entry(Which::Older(*digest)).or_insert_with(|| Loading::if_there(wish, now));
        }
    }

    /// Which version serves. Whether that is another one than before.
    fn choose(&mut self) -> bool {
        let done = |which: Which| {
            let digest = self.loadings.get(&which).and_then(Loading::digest)?;
            self.versions.contains_key(&digest).then_some(digest)
        };
        let kept = self.current.filter(|digest| self.versions.contains_key(digest));
        let next =
            done(Which::Target).or(kept).or_else(|| done(Which::Before)).or_else(|| done(Which::StandIn));
        if next == self.current {
            return false;
        }
        self.previous = self.current.filter(|digest| self.versions.contains_key(digest)).or(self.previous);
        self.current = next;
        true
    }

    fn forget_versions(&mut self) {
        let done: BTreeSet<Digest> = self.loadings.values().filter_map(Loading::digest).collect();
        let (current, previous, in_use) = (self.current, self.previous, &self.in_use);
        self.versions.retain(|digest, _| {
            Some(*digest) == current
                || Some(*digest) == previous
                || in_use.contains(digest)
                || done.contains(digest)
        });
    }

    /// A version came. It is not taken when it must not run.
    pub(crate) fn loaded(&mut self, which: Which, loaded: Loaded, now: Duration) -> Digest {
        let digest = loaded.router.digest();
        let Some(loading) = self.loadings.get_mut(&which) else { return digest };
        if which == Which::Bytes {
            if let Some(version) = self.versions.get_mut(&digest) {
                version.artifact = loaded.artifact;
                version.since = now;
            }
            self.loadings.remove(&which);
            return digest;
        }
        let is_far = loading.wish.is_far() || matches!(loading.wish.source, Source::Stored(_));
        let version = Version {
            router: loaded.router,
            size: loaded.size,
            limits: loading.wish.limits.clone(),
            is_far,
            artifact: loaded.artifact,
            since: now,
        };
        loading.succeeded(digest);
        self.versions.insert(digest, version);
        digest
    }

    /// What is wrong with what is configured, as far as it is known.
    pub(crate) fn error(&self) -> Option<LoadError> {
        match &self.entry {
            Err(problem) => Some(problem.to_error()),
            Ok(_) => self.loadings.get(&Which::Target)?.error.clone(),
        }
    }

    /// Whether what can be had is there, or was tried.
    pub(crate) fn was_tried(&self) -> bool {
        self.current.is_some() || self.entry.is_err() || self.loadings.values().all(Loading::was_tried)
    }

    /// What the shell is to know of it.
    pub(crate) fn offer(&self) -> Plugin {
        let current = match self.current.and_then(|digest| self.versions.get(&digest)) {
            Some(version) => self.ready(version),
            None => self.absent(),
        };
        let older = self.in_use.iter().filter(|digest| self.current != Some(**digest));
        Plugin { current, older: older.map(|digest| (*digest, self.older(*digest))).collect() }
    }

    fn ready(&self, version: &Version) -> PluginState {
        let new = PluginVersion::new(version.router.clone());
        PluginState::Ready(match &self.right {
            Some(right) => {
                PluginVersion { grant: right.grant.clone(), settings: right.settings.clone(), ..new }
            }
            None => new,
        })
    }

    /// Nothing serves: because it is being got, or why not.
    fn absent(&self) -> PluginState {
        let may_come = |which: Which| self.loadings.get(&which).is_some_and(|one| !one.was_tried());
        match self.error() {
            Some(error) if !may_come(Which::Before) && !may_come(Which::StandIn) => {
                PluginState::Unavailable { reason: error.reason.to_string(), message: said(&error) }
            }
            _ => PluginState::Loading,
        }
    }

    fn older(&self, digest: Digest) -> PluginState {
        if let Some(version) = self.versions.get(&digest) {
            return self.ready(version);
        }
        let unavailable = |error: &LoadError| PluginState::Unavailable {
            reason: error.reason.to_string(),
            message: said(error),
        };
        if self.revoked.contains(&digest) {
            let message = format!("sha256:{digest} is revoked");
            return PluginState::Unavailable { reason: LoadReason::Revoked.to_string(), message };
        }
        let pinned = self.entry.as_ref().ok().and_then(|wanted| wanted.sha256);
        let which = if pinned == Some(digest) { Which::Target } else { Which::Older(digest) };
        match self.loadings.get(&which) {
            Some(Loading { state: State::GaveUp, error: Some(error), .. }) => unavailable(error),
            Some(one) if which == Which::Target => {
                one.error.as_ref().map_or(PluginState::Loading, unavailable)
            }
            _ => PluginState::Loading,
        }
    }

    /// Digests whose bytes are to be kept in the cluster.
    pub(crate) fn to_keep(&self) -> BTreeSet<Digest> {
        let pinned = self.entry.as_ref().ok().and_then(|wanted| wanted.sha256);
        self.in_use.iter().copied().chain(self.current).chain(self.previous).chain(pinned).collect()
    }
}
