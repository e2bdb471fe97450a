//! The state of one candidate, and its single step.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate_api::{ApiError, Operation, Request, builtin};

use crate::config::{Config, ConfigError, JITTER};
use crate::exchange::{LeaseEffect, LeaseEvent, RequestId, Term};
use crate::record::{Record, to_microseconds};

/// Records of ours that may still turn up: more than can be sent before one is confirmed or a term has ended.
const REMEMBERED: usize = 32;

/// One candidate for the leadership.
#[derive(Debug)]
pub struct Elector {
    config: Config,
    random: Random,
    phase: Phase,
    known: Known,
    /// Records that were sent and neither confirmed nor overtaken.
    sent: VecDeque<Sent>,
    /// The renew time of the record that was sent last: each has its own, so that none is taken for another.
    last_renewed: Option<Timestamp>,
    /// When the request was sent that made the Lease ours as it is now; `None`: it is not ours.
    confirmed: Option<Duration>,
    under_way: Option<UnderWay>,
    last_id: u64,
    /// When to try next.
    next: Duration,
    /// Whether to look first.
    look: bool,
    /// Whether the last write met a conflict, so that the next one is not hurried.
    conflicted: bool,
    announced: Option<Term>,
}

#[derive(Debug, PartialEq)]
enum Phase {
    Running,
    Releasing { until: Duration },
    Released,
}

/// What is known of the Lease.
#[derive(Debug)]
enum Known {
    /// It was never looked at.
    Nothing,
    /// There was none the last time; before, one was seen that said this, unchanged since then.
    Absent { before: Option<(Record, Duration)> },
    /// It says this, and was first seen to do so then.
    Present { lease: Value, record: Record, since: Duration },
}

#[derive(Debug)]
struct Sent {
    record: Record,
    at: Duration,
}

#[derive(Debug)]
struct UnderWay {
    id: RequestId,
    kind: Kind,
    sent_at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Look,
    Write,
    GiveBack,
}

impl Elector {
    /// A candidate that has not looked yet. The seed spreads candidates over time: it should differ.
    ///
    /// # Errors
    /// When the times cannot work together, or the identity is empty.
    pub fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            config,
            random: Random(seed),
            phase: Phase::Running,
            known: Known::Nothing,
            sent: VecDeque::new(),
            last_renewed: None,
            confirmed: None,
            under_way: None,
            last_id: 0,
            next: Duration::ZERO,
            look: true,
            conflicted: false,
            announced: None,
        })
    }

    /// Whether this process may start a write at this monotonic time.
    pub fn is_leading(&self, now: Duration) -> bool {
        self.term(now).is_some()
    }

    /// The term at this monotonic time.
    pub fn term(&self, now: Duration) -> Option<Term> {
        let begun = self.confirmed.filter(|_| self.phase == Phase::Running)?;
        let write_until = begun.saturating_add(self.config.renew_deadline);
        (now < write_until)
            .then(|| Term { write_until, expires: begun.saturating_add(self.config.lease_duration) })
    }

    /// Who holds the Lease, as far as is known; for people.
    pub fn holder(&self) -> Option<&str> {
        match &self.known {
            Known::Present { record, .. } => Some(record.holder.as_str()).filter(|holder| !holder.is_empty()),
            _ => None,
        }
    }

    /// Takes note of what happened and says what to do. `now` is monotonic; `wall` is only written down.
    pub fn step(&mut self, now: Duration, wall: Timestamp, event: LeaseEvent) -> Vec<LeaseEffect> {
        let mut effects = Vec::new();
        match event {
            LeaseEvent::Woken => {}
            LeaseEvent::Answered { id, result } => {
                if let Some(under_way) = self.under_way.take_if(|under_way| under_way.id == id) {
                    self.answered(&under_way, result, now, &mut effects);
                }
            }
            LeaseEvent::Release => {
                if self.phase == Phase::Running {
                    self.phase =
                        Phase::Releasing { until: now.saturating_add(self.config.request_timeout()) };
                    self.next = now;
                }
            }
        }
        if let Some(late) = self.under_way.take_if(|under_way| now >= deadline(&self.config, under_way)) {
            let error = ApiError::new(0, "Timeout", "no answer about the Lease in time");
            self.answered(&late, Err(error), now, &mut effects);
        }
        self.announce(now, &mut effects);
        if self.under_way.is_none() && now >= self.next {
            self.attempt(now, wall, &mut effects);
        }
        self.wake(now, &mut effects);
        effects
    }

    fn announce(&mut self, now: Duration, effects: &mut Vec<LeaseEffect>) {
        let term = self.term(now);
        if term != self.announced {
            self.announced = term;
            effects.push(LeaseEffect::Leading(term));
        }
    }

    fn wake(&self, now: Duration, effects: &mut Vec<LeaseEffect>) {
        if self.phase == Phase::Released {
            return;
        }
        let next = self.under_way.as_ref().map_or(self.next, |under_way| deadline(&self.config, under_way));
        let ends = self.term(now).map(|term| term.write_until);
        effects.push(LeaseEffect::WakeAt(ends.map_or(next, |ends| ends.min(next))));
    }

    // ---- What to do next ------------------------------------------------------------------------------------

    fn attempt(&mut self, now: Duration, wall: Timestamp, effects: &mut Vec<LeaseEffect>) {
        match self.phase {
            Phase::Released => {}
            Phase::Releasing { until } => {
                let unsure = self.look && !self.sent.is_empty();
                if now < until && unsure {
                    self.look(now, effects);
                } else if now < until && self.is_ours() {
                    self.give_back(now, wall, effects);
                } else {
                    self.released(effects);
                }
            }
            Phase::Running if self.look => self.look(now, effects),
            Phase::Running if self.is_ours() || self.is_free(now) => self.write(now, wall, effects),
            Phase::Running => self.look(now, effects),
        }
    }

    fn look(&mut self, now: Duration, effects: &mut Vec<LeaseEffect>) {
        let operation = Operation::Get { name: self.config.name.clone() };
        self.send(Kind::Look, operation, now, effects);
    }

    fn write(&mut self, now: Duration, wall: Timestamp, effects: &mut Vec<LeaseEffect>) {
        let renewed = self.renew_time(wall);
        let mut record = Record {
            holder: self.config.identity.clone(),
            duration: self.config.lease_duration,
            acquired: Some(renewed),
            renewed: Some(renewed),
            transitions: 0,
        };
        let operation = match &self.known {
            Known::Present { lease, record: before, .. } => {
                if self.is_ours() {
                    record.acquired = before.acquired;
                    record.transitions = before.transitions;
                } else {
                    record.transitions = before.transitions.saturating_add(1);
                }
                self.replace(record.written_to(lease.clone()))
            }
            Known::Nothing | Known::Absent { .. } => {
                Operation::Create { object: record.new_lease(&self.config) }
            }
        };
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { record, at: now });
        self.send(Kind::Write, operation, now, effects);
    }

    fn give_back(&mut self, now: Duration, wall: Timestamp, effects: &mut Vec<LeaseEffect>) {
        let renewed = self.renew_time(wall);
        let Known::Present { lease, record, .. } = &self.known else { return };
        // As client-go does: nobody's, and expired in a second for whoever does not know what that means.
        let record = Record {
            holder: String::new(),
            duration: Duration::from_secs(1),
            acquired: Some(renewed),
            renewed: Some(renewed),
            transitions: record.transitions,
        };
        let operation = self.replace(record.written_to(lease.clone()));
        self.send(Kind::GiveBack, operation, now, effects);
    }

    fn replace(&self, lease: Value) -> Operation {
        Operation::Replace { name: self.config.name.clone(), subresource: None, object: lease }
    }

    fn send(&mut self, kind: Kind, operation: Operation, now: Duration, effects: &mut Vec<LeaseEffect>) {
        self.last_id += 1;
        let id = RequestId(self.last_id);
        self.under_way = Some(UnderWay { id, kind, sent_at: now });
        let request = Request {
            resource: builtin::leases(),
            namespace: Some(self.config.namespace.clone()),
            operation,
        };
        effects.push(LeaseEffect::Send { id, request, timeout: self.config.request_timeout() });
    }

    fn released(&mut self, effects: &mut Vec<LeaseEffect>) {
        self.phase = Phase::Released;
        self.confirmed = None;
        effects.push(LeaseEffect::Released);
    }

    // ---- What was found out ---------------------------------------------------------------------------------

    fn answered(
        &mut self,
        request: &UnderWay,
        result: Result<Value, ApiError>,
        now: Duration,
        effects: &mut Vec<LeaseEffect>,
    ) {
        if request.kind == Kind::GiveBack {
            if let Err(error) = result {
                effects.push(LeaseEffect::Failed(error));
            }
            self.next = now;
            self.released(effects);
            return;
        }
        let was_ours = self.is_ours();
        if let (Kind::Write, Err(error)) = (request.kind, &result)
            && (400..500).contains(&error.code)
            && error.code != 408
        {
            // Refused: this record will not turn up.
            self.sent.pop_back();
        }
        match result {
            Ok(lease) => {
                self.observe(lease, now);
                self.look = false;
                if request.kind == Kind::Write {
                    self.conflicted = false;
                }
                match request.kind {
                    Kind::Write if self.is_ours() => {
                        self.next = request.sent_at.saturating_add(self.config.retry_period);
                    }
                    Kind::Look if self.is_ours() || self.is_free(now) => self.next = now,
                    _ => self.wait(now),
                }
            }
            Err(error) if error.is_not_found() => {
                self.observe_none();
                self.look = false;
                match request.kind {
                    Kind::Look if self.is_free(now) => self.next = now,
                    _ => self.wait(now),
                }
            }
            Err(error) if error.code == 409 => {
                // Somebody changed it. If it was ours it may still be: only what else is in it changed.
                let hurry = was_ours && !self.conflicted;
                self.conflicted = true;
                self.wait(now);
                if hurry {
                    self.next = now;
                }
            }
            Err(error) => {
                effects.push(LeaseEffect::Failed(error));
                self.wait(now);
                if was_ours {
                    self.next = now.max(request.sent_at.saturating_add(self.config.retry_period));
                }
            }
        }
        if self.phase != Phase::Running {
            // One look is enough to know whether there is anything to give back.
            self.next = now;
            if request.kind == Kind::Look {
                self.look = false;
            }
        }
    }

    /// Looks again after the retry period and something more, or when the record expires, if that is sooner.
    fn wait(&mut self, now: Duration) {
        self.look = true;
        let pause = self.config.retry_period.mul_f64(1.0 + JITTER * self.random.fraction());
        let next = now.saturating_add(pause);
        let expiry = self.expiry().filter(|expiry| *expiry > now);
        self.next = expiry.map_or(next, |expiry| expiry.min(next));
    }

    fn observe(&mut self, lease: Value, now: Duration) {
        let record = Record::of(&lease, self.config.lease_duration);
        let unchanged_since = match &self.known {
            Known::Present { record: before, since, .. } if *before == record => Some(*since),
            Known::Absent { before: Some((before, since)) } if *before == record => Some(*since),
            _ => None,
        };
        if let Some(found) = self.sent.iter().position(|sent| sent.record == record) {
            // Those that were sent before it can no longer be carried out.
            self.confirmed = self.sent.drain(..=found).next_back().map(|sent| sent.at);
        } else if unchanged_since.is_none() {
            self.confirmed = None;
        }
        let since = unchanged_since.unwrap_or(now);
        self.known = Known::Present { lease, record, since };
    }

    fn observe_none(&mut self) {
        let before = match std::mem::replace(&mut self.known, Known::Nothing) {
            Known::Present { record, since, .. } => Some((record, since)),
            Known::Absent { before } => before,
            Known::Nothing => None,
        };
        self.known = Known::Absent { before };
        self.confirmed = None;
    }

    /// Whether the Lease as last seen is one that this process wrote.
    fn is_ours(&self) -> bool {
        self.confirmed.is_some()
    }

    /// Whether it may be taken.
    fn is_free(&self, now: Duration) -> bool {
        self.expiry().is_none_or(|expiry| now >= expiry)
    }

    /// When it may be taken; `None`: at once.
    fn expiry(&self) -> Option<Duration> {
        let (record, since) = match &self.known {
            Known::Present { record, since, .. } | Known::Absent { before: Some((record, since)) } => {
                (record, since)
            }
            Known::Nothing | Known::Absent { before: None } => return None,
        };
        (!record.holder.is_empty()).then(|| since.saturating_add(record.duration))
    }

    fn renew_time(&mut self, wall: Timestamp) -> Timestamp {
        let wall = to_microseconds(wall);
        let after_last =
            self.last_renewed.and_then(|last| last.checked_add(SignedDuration::from_micros(1)).ok());
        let renewed = after_last.map_or(wall, |after_last| after_last.max(wall));
        self.last_renewed = Some(renewed);
        renewed
    }
}

fn deadline(config: &Config, under_way: &UnderWay) -> Duration {
    under_way.sent_at.saturating_add(config.request_timeout())
}

/// Numbers that only have to differ from those of other processes (`SplitMix64`).
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// From 0 to 1, which is not reached.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        f64::from(u32::try_from(mixed >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
    }
}
