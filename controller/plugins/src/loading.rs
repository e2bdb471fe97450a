//! Getting one version of a plugin: from one source after the other, again and again.

use std::collections::VecDeque;
use std::time::Duration;

use tidegate_artifact::{Limits, LoadError};
use tidegate_contract::Digest;

use crate::effect::LoadJob;
use crate::event::LoadId;
use crate::schedule::{Failures, Jitter};
use crate::settings::ManagerTiming;
use crate::source::Source;

/// What identifies a version before it is there: another one of these is another loading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) source: Source,
    pub(crate) sha256: Option<Digest>,
    pub(crate) limits: Limits,
}

/// How far a loading is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// To be tried at this time.
    Due(Duration),
    /// Being tried.
    UnderWay(LoadId),
    /// The version is there.
    Done(Digest),
    /// It is not tried any more.
    GaveUp,
}

/// What becomes of a loading after a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// It is tried from another source at once.
    NextSource,
    /// It is tried again after so much time.
    Again(Duration),
    /// It is not tried any more.
    GaveUp,
}

/// Getting one version.
#[derive(Clone, Debug)]
pub(crate) struct Loading {
    pub(crate) wish: Wish,
    pub(crate) state: State,
    /// Sources of this round that were not tried yet.
    rest: VecDeque<Source>,
    /// Whether it is tried again after its last source.
    is_persistent: bool,
    failures: Failures,
    /// What went wrong last; stays until it is there.
    pub(crate) error: Option<LoadError>,
}

impl Wish {
    /// Whether its bytes can get lost, and so are to be kept in the cluster.
    pub(crate) const fn is_far(&self) -> bool {
        matches!(self.source, Source::Web(_) | Source::ConfigMap(_))
    }

    /// The copy in the cluster first, where there may be one.
    fn sources(&self) -> VecDeque<Source> {
        let copy = self.sha256.filter(|_| self.is_far()).map(Source::Stored);
        copy.into_iter().chain([self.source.clone()]).collect()
    }
}

impl Loading {
    /// What is configured: tried until it is there.
    pub(crate) fn of(wish: Wish, now: Duration) -> Self {
        Self {
            rest: wish.sources(),
            wish,
            state: State::Due(now),
            is_persistent: true,
            failures: Failures::default(),
            error: None,
        }
    }

    /// Something that may be there: given up where it is not.
    pub(crate) fn if_there(wish: Wish, now: Duration) -> Self {
        Self { is_persistent: false, ..Self::of(wish, now) }
    }

    /// A version that is there already.
    pub(crate) fn done(wish: Wish, digest: Digest) -> Self {
        Self { state: State::Done(digest), ..Self::of(wish, Duration::ZERO) }
    }

    /// Whether it has ended, for now or for good, at least once.
    pub(crate) const fn was_tried(&self) -> bool {
        matches!(self.state, State::Done(_) | State::GaveUp) || self.error.is_some()
    }

    /// When it is to be tried.
    pub(crate) const fn due(&self) -> Option<Duration> {
        match self.state {
            State::Due(at) => Some(at),
            _ => None,
        }
    }

    /// What is there.
    pub(crate) const fn digest(&self) -> Option<Digest> {
        match self.state {
            State::Done(digest) => Some(digest),
            _ => None,
        }
    }

    /// Tries the source itself, not the copy in the cluster.
    pub(crate) fn skip_copy(&mut self) {
        self.rest = VecDeque::from([self.wish.source.clone()]);
    }

    /// Begins the next try.
    pub(crate) fn start(&mut self, plugin: &str, id: LoadId) -> LoadJob {
        if self.rest.is_empty() {
            self.rest = self.wish.sources();
        }
        let source = self.rest.pop_front().unwrap_or_else(|| self.wish.source.clone());
        self.state = State::UnderWay(id);
        LoadJob {
            plugin: plugin.to_owned(),
            keep_bytes: self.wish.is_far() && !matches!(source, Source::Stored(_)),
            source,
            sha256: self.wish.sha256,
            limits: self.wish.limits.clone(),
        }
    }

    /// The try failed.
    pub(crate) fn failed(
        &mut self,
        error: LoadError,
        now: Duration,
        timing: &ManagerTiming,
        jitter: &mut Jitter,
    ) -> Failed {
        if !self.rest.is_empty() {
            // That there is no copy is no failure as long as there is a source.
            self.state = State::Due(now);
            return Failed::NextSource;
        }
        // What the API server could not say now, it may say later; what is not there is not there.
        let again = self.is_persistent
            || (error.is_transient() && error.reason != tidegate_artifact::LoadReason::Unreachable);
        if !again {
            self.state = State::GaveUp;
            self.error = Some(error);
            return Failed::GaveUp;
        }
        let wait = self.failures.failed(&error, timing, jitter);
        self.error = Some(error);
        self.state = State::Due(now.saturating_add(wait));
        Failed::Again(wait)
    }

    /// It is there.
    pub(crate) fn succeeded(&mut self, digest: Digest) {
        self.state = State::Done(digest);
        self.error = None;
        self.failures = Failures::default();
    }

    /// It must not run.
    pub(crate) fn refuse(&mut self, error: LoadError) {
        self.state = State::GaveUp;
        self.error = Some(error);
    }
}
