//! Whether another controller is at work on our Rollouts, so that this one must not write.
//!
//! The lease makes sure of that where both compete for the same one. It does not where the other runs without leader
//! election, or with its lease in another namespace. Then what it writes gives it away. One write of the controller of
//! Argo Rollouts is enough; of an unknown manager it takes two within a minute, because tools that restore objects write
//! everything once.
//!
//! Who stands by goes on when the other has been silent for long enough. A controller that has nothing to do writes
//! nothing, so silence proves little: each time that it deceived, twice as much is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::holder::Holder;
use crate::marks::{Mark, Marks, Weight};

/// How much is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// At the beginning of our lease a write that is not older than this is one of somebody who is still there, unless
    /// the one before us in the lease explains it. As long as a lease holds.
    pub fresh: Duration,
    /// A write that is seen so shortly after the lease came from an Argo controller may have been on its way.
    pub late: Duration,
    /// So long must the other have been silent the first time.
    pub silence: Duration,
    /// The most that is ever asked for. Longer than Argo's resync of 15 min, in which it looks at every Rollout.
    pub longest_silence: Duration,
    /// After so long without any such write what happened before is forgotten.
    pub forgiveness: Duration,
    /// Two writes of an unknown manager within this time are those of a controller.
    pub suspicion: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(15),
            late: Duration::from_secs(5),
            silence: Duration::from_mins(2),
            longest_silence: Duration::from_mins(32),
            forgiveness: Duration::from_hours(2),
            suspicion: Duration::from_mins(1),
        }
    }
}

/// Who has the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// This process, or there is no election.
    Ours,
    /// Another one.
    Theirs {
        /// `holderIdentity`.
        holder: String,
    },
    /// Nobody, or it is not known.
    Nobodys,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stance {
    /// Nothing is known against writing, if the lease allows it.
    Free,
    /// Do not write.
    StandBy(Why),
}

/// Why to stand by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// An Argo controller holds the lease.
    Lease {
        /// Its identity.
        holder: String,
    },
    /// Another controller writes to our Rollouts.
    Writes {
        /// The name under which it writes.
        manager: String,
        /// The namespace and the name of the Rollout that it wrote to last.
        rollout: (String, String),
        /// How long it must have been silent.
        silence: Duration,
    },
}

impl Why {
    /// All reasons.
    pub const REASONS: [&str; 2] = ["ForeignLease", "ForeignWrites"];

    /// A stable word for it.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Lease { .. } => "ForeignLease",
            Self::Writes { .. } => "ForeignWrites",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease { holder } => {
                write!(f, "standing by: the Argo Rollouts controller {holder} holds the lease")
            }
            Self::Writes { manager, rollout: (namespace, name), silence } => write!(
                f,
                "standing by: another controller is at work, which wrote to Rollout {namespace}/{name} as {manager}. \
                 Stop it, or have it use the same lease; this one goes on when it has been silent for {} s",
                silence.as_secs()
            ),
        }
    }
}

/// What is known about others.
#[derive(Debug)]
pub struct Judge {
    patience: Patience,
    lease: Lease,
    /// Since when the lease is ours.
    ours_since: Option<Duration>,
    /// Who had it before was an Argo controller.
    argo_before: bool,
    /// The fingerprints of the writes that were seen last on each Rollout; also of those that nobody else wrote to, since
    /// a first write is news only where it is known that there was none before.
    seen: BTreeMap<(String, String), Vec<u64>>,
    /// Those that a list under way has named so far.
    listed: Option<BTreeSet<(String, String)>>,
    /// The newest certain write, counted or not.
    newest: Option<(Timestamp, String, (String, String))>,
    /// When an unknown manager was seen to write.
    suspects: BTreeMap<String, Duration>,
    foreign: Option<Foreign>,
    /// So often was another one noticed, and when it was last heard.
    alarms: u32,
    last_heard: Option<Duration>,
}

#[derive(Debug)]
struct Foreign {
    manager: String,
    rollout: (String, String),
    silence: Duration,
    until: Duration,
}

impl Judge {
    /// A judge who knows nothing yet.
    pub const fn new(patience: Patience) -> Self {
        Self {
            patience,
            lease: Lease::Nobodys,
            ours_since: None,
            argo_before: false,
            seen: BTreeMap::new(),
            listed: None,
            newest: None,
            suspects: BTreeMap::new(),
            foreign: None,
            alarms: 0,
            last_heard: None,
        }
    }

    /// The lease changed hands, or was looked at again.
    pub fn lease(&mut self, now: Duration, wall: Timestamp, lease: Lease) {
        if let Lease::Theirs { holder } = &lease {
            self.argo_before = Holder::of(holder) == Holder::Argo;
        }
        let is_new = lease == Lease::Ours && self.lease != Lease::Ours;
        self.ours_since = match lease {
            Lease::Ours => self.ours_since.or(Some(now)),
            _ => None,
        };
        self.lease = lease;
        if is_new
            && !self.argo_before
            && let Some((at, manager, rollout)) = self.newest.clone()
            && is_fresh(at, wall, self.patience.fresh)
        {
            self.alarm(now, manager, rollout);
        }
    }

    /// A Rollout of ours, as it is now.
    pub fn saw(&mut self, now: Duration, wall: Timestamp, (namespace, name): (&str, &str), marks: &Marks) {
        let key = (namespace.to_owned(), name.to_owned());
        let now_seen: Vec<u64> = marks.0.iter().map(|mark| mark.fingerprint).collect();
        if let Some(listed) = &mut self.listed {
            listed.insert(key.clone());
        }
        let before = self.seen.insert(key.clone(), now_seen);
        for mark in &marks.0 {
            let is_first_sight = before.is_none();
            let is_new = before.as_ref().is_none_or(|before| !before.contains(&mark.fingerprint));
            if is_new {
                self.weigh(now, wall, mark, &key, is_first_sight);
            }
        }
    }

    /// A Rollout is gone, or not ours any more.
    pub fn gone(&mut self, (namespace, name): (&str, &str)) {
        self.seen.remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// All Rollouts come now.
    pub fn list_began(&mut self) {
        self.listed = Some(BTreeSet::new());
    }

    /// All have come; the others are gone.
    pub fn list_ended(&mut self) {
        if let Some(listed) = self.listed.take() {
            self.seen.retain(|rollout, _| listed.contains(rollout));
        }
    }

    /// What to do at this time.
    pub fn stance(&mut self, now: Duration) -> Stance {
        if self.foreign.as_ref().is_some_and(|foreign| now >= foreign.until) {
            self.foreign = None;
        }
        match (&self.foreign, &self.lease) {
            (Some(Foreign { manager, rollout, silence, .. }), _) => Stance::StandBy(Why::Writes {
                manager: manager.clone(),
                rollout: rollout.clone(),
                silence: *silence,
            }),
            (None, Lease::Theirs { holder }) if Holder::of(holder) == Holder::Argo => {
                Stance::StandBy(Why::Lease { holder: holder.clone() })
            }
            (None, _) => Stance::Free,
        }
    }

    fn weigh(
        &mut self,
        now: Duration,
        wall: Timestamp,
        mark: &Mark,
        rollout: &(String, String),
        is_first_sight: bool,
    ) {
        let at = mark.at.unwrap_or(wall);
        if mark.weight == Weight::Certain && self.newest.as_ref().is_none_or(|(newest, ..)| *newest <= at) {
            self.newest = Some((at, mark.manager.clone(), rollout.clone()));
        }
        let Some(since) = self.ours_since else { return };
        // What was there before us in the lease explains what is there at the beginning.
        let may_be_late = self.argo_before && now < since.saturating_add(self.patience.late);
        let is_old = is_first_sight && (self.argo_before || !is_fresh(at, wall, self.patience.fresh));
        if may_be_late || is_old {
            return;
        }
        if mark.weight == Weight::Suspect && self.foreign.is_none() {
            let window = self.patience.suspicion;
            self.suspects.retain(|_, seen| now < seen.saturating_add(window));
            if self.suspects.insert(mark.manager.clone(), now).is_none() {
                return;
            }
        }
        self.alarm(now, mark.manager.clone(), rollout.clone());
    }

    fn alarm(&mut self, now: Duration, manager: String, rollout: (String, String)) {
        let forgiven =
            self.last_heard.is_none_or(|last| now >= last.saturating_add(self.patience.forgiveness));
        if self.foreign.as_ref().is_none_or(|foreign| now >= foreign.until) {
            self.alarms = if forgiven { 0 } else { self.alarms.saturating_add(1) };
        }
        self.last_heard = Some(now);
        let factor = 2_u32.saturating_pow(self.alarms);
        let silence = self.patience.silence.saturating_mul(factor);
        let silence = silence.min(self.patience.longest_silence).max(self.patience.silence);
        self.foreign = Some(Foreign { manager, rollout, silence, until: now.saturating_add(silence) });
    }
}

/// Whether something is not older than this. What is in the future by our clock is.
fn is_fresh(at: Timestamp, wall: Timestamp, limit: Duration) -> bool {
    let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
    wall.duration_since(at) <= limit
}
