//! The rules, one by one.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_api::{ApiError, Operation, Request};
use tidegate_lease::{Config, Elector, LeaseEffect, LeaseEvent, RequestId, Term};

use crate::store::Store;

const WALL: &str = "2026-11-22T03:00:00.5Z";

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// One candidate, driven by hand.
struct Candidate {
    elector: Elector,
    wall: Timestamp,
    effects: Vec<LeaseEffect>,
}

impl Candidate {
    fn new(identity: &str) -> Self {
        let elector = Elector::new(Config::new("tidegate", "lock", identity), 7).unwrap();
        Self { elector, wall: WALL.parse().unwrap(), effects: Vec::new() }
    }

    fn step(&mut self, at: f64, event: LeaseEvent) {
        self.effects = self.elector.step(seconds(at), self.wall, event);
    }

    fn wake(&mut self, at: f64) {
        self.step(at, LeaseEvent::Woken);
    }

    fn request(&self) -> Option<(RequestId, Request)> {
        self.effects.iter().find_map(|effect| match effect {
            LeaseEffect::Send { id, request, .. } => Some((*id, request.clone())),
            _ => None,
        })
    }

    fn answer(&mut self, at: f64, id: RequestId, result: Result<Value, ApiError>) {
        self.step(at, LeaseEvent::Answered { id, result });
    }

    /// Lets the store answer until nothing more is asked at this time.
    fn settle(&mut self, at: f64, store: &mut Store) -> usize {
        let mut requests = 0;
        while let Some((id, request)) = self.request() {
            requests += 1;
            let result = store.answer(&request);
            self.answer(at, id, result);
        }
        requests
    }

    fn wake_and_settle(&mut self, at: f64, store: &mut Store) -> usize {
        self.wake(at);
        self.settle(at, store)
    }

    fn leads(&self, at: f64) -> bool {
        self.elector.is_leading(seconds(at))
    }

    fn wakes_at(&self) -> f64 {
        let wake = self.effects.iter().find_map(|effect| match effect {
            LeaseEffect::WakeAt(at) => Some(at.as_secs_f64()),
            _ => None,
        });
        wake.unwrap()
    }
}

fn lost() -> ApiError {
    ApiError::new(0, "", "connection reset")
}

#[test]
fn the_first_one_makes_the_lease_and_renews_it_every_two_seconds() {
    let mut store = Store::default();
    let mut a = Candidate::new("a");
    assert_eq!(a.wake_and_settle(0.0, &mut store), 2);
    let lease = store.lease.clone().unwrap();
    assert_eq!(
        lease["spec"],
        json!({
            "holderIdentity": "a", "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "acquireTime": "2026-11-22T03:00:00.500000Z", "renewTime": "2026-11-22T03:00:00.500000Z",
        })
    );
    assert_eq!(lease["kind"], "Lease");
    assert_eq!(
        a.elector.term(seconds(0.0)),
        Some(Term { write_until: seconds(10.0), expires: seconds(15.0) })
    );
    assert!(a.leads(9.999) && !a.leads(10.0));
    for round in 1..10 {
        let at = 2.0 * f64::from(round);
        assert!((a.wakes_at() - at).abs() < 1e-9);
        a.wall = WALL.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(2 * i64::from(round));
        // One request each: a write that carries the version of the last one.
        assert_eq!(a.wake_and_settle(at, &mut store), 1);
        assert!(a.effects.contains(&LeaseEffect::Leading(a.elector.term(seconds(at)))));
    }
    let lease = store.lease.clone().unwrap();
    assert_eq!(lease["spec"]["renewTime"], "2026-11-22T03:00:18.500000Z");
    assert_eq!(lease["spec"]["acquireTime"], "2026-11-22T03:00:00.500000Z");
}

#[test]
fn waking_too_early_or_too_often_does_nothing() {
    let mut store = Store::default();
    let mut a = Candidate::new("a");
    a.wake_and_settle(0.0, &mut store);
    for _ in 0..5 {
        a.wake(1.0);
        assert_eq!(a.request(), None);
    }
    a.answer(1.0, RequestId(99), Ok(json!({})));
    assert!(a.leads(1.0));
}

#[test]
fn others_wait_until_they_have_seen_nothing_for_the_lease_duration() {
    let mut store = Store::default();
    let (mut a, mut b) = (Candidate::new("a"), Candidate::new("b"));
    a.wake_and_settle(0.0, &mut store);
    // Whatever the holder's clock said: it counts from when b saw the record first.
    store.edit(|lease| lease["spec"]["renewTime"] = json!("1999-01-01T00:00:00.000000Z"));
    b.wall = "2040-01-01T00:00:00Z".parse().unwrap();
    b.wake_and_settle(100.0, &mut store);
    let mut looks = 0;
    let mut at = 100.0;
    while at < 114.999 {
        assert!(!b.leads(at));
        at = b.wakes_at();
        looks += b.wake_and_settle(at, &mut store);
    }
    assert!((3..=9).contains(&looks), "{looks}");
    assert!((at - 115.0).abs() < 1e-9 && b.leads(at), "took over at {at}");
    let spec = store.lease.clone().unwrap()["spec"].clone();
    assert_eq!((&spec["holderIdentity"], &spec["leaseTransitions"]), (&json!("b"), &json!(1)));
    assert_eq!(spec["acquireTime"], "2040-01-01T00:00:00.000000Z");
    // The first one finds out by its next try, having stopped long before.
    assert!(!a.leads(115.0));
    a.wake_and_settle(115.0, &mut store);
    assert!(!a.leads(115.0));
    assert_eq!(a.elector.holder(), Some("b"));
}

#[test]
fn each_renewal_is_waited_for_anew() {
    let mut store = Store::default();
    let (mut a, mut b) = (Candidate::new("a"), Candidate::new("b"));
    a.wake_and_settle(0.0, &mut store);
    let mut at = 0.0;
    b.wake_and_settle(at, &mut store);
    while at < 60.0 {
        let next_a = a.wakes_at();
        let next_b = b.wakes_at();
        at = next_a.min(next_b);
        if next_a <= next_b {
            a.wake_and_settle(at, &mut store);
        } else {
            b.wake_and_settle(at, &mut store);
        }
        assert!(a.leads(at) && !b.leads(at));
    }
}

#[test]
fn a_longer_promise_of_another_holder_is_kept() {
    let mut store = Store::default();
    Candidate::new("a").wake_and_settle(0.0, &mut store);
    store.edit(|lease| lease["spec"]["leaseDurationSeconds"] = json!(60));
    let mut b = Candidate::new("b");
    b.wake_and_settle(0.0, &mut store);
    b.wake_and_settle(59.9, &mut store);
    assert!(!b.leads(59.9));
    b.wake_and_settle(60.0, &mut store);
    assert!(b.leads(60.0));
}

#[test]
fn without_an_answer_the_term_ends_by_itself() {
    let mut store = Store::default();
    let mut a = Candidate::new("a");
    a.wake_and_settle(0.0, &mut store);
    a.wake(2.0);
    let (id, _) = a.request().unwrap();
    // It waits for the answer, then looks; nothing comes back.
    assert!((a.wakes_at() - 7.0).abs() < 1e-9);
    a.wake(7.0);
    assert!(matches!(a.request().unwrap().1.operation, Operation::Get { .. }));
    assert!(a.effects.iter().any(|effect| matches!(effect, LeaseEffect::Failed(_))));
    assert!((a.wakes_at() - 10.0).abs() < 1e-9);
    assert!(a.leads(9.9));
    a.wake(10.0);
    assert!(a.effects.contains(&LeaseEffect::Leading(None)));
    assert!(!a.leads(10.0));
    // An answer that comes after all is not taken: it was given up.
    a.answer(10.1, id, Ok(store.lease.clone().unwrap()));
    assert!(!a.leads(10.1));
}

#[test]
fn a_stopped_process_does_not_lead_when_it_goes_on() {
    let mut store = Store::default();
    let mut a = Candidate::new("a");
    a.wake_and_settle(0.0, &mut store);
    assert!(!a.leads(3600.0));
    // Nobody took over: it may go on, with a new term.
    a.wake_and_settle(3600.0, &mut store);
    assert!(a.leads(3600.0));
    assert_eq!(store.lease.clone().unwrap()["spec"]["leaseTransitions"], 0);
}

#[test]
fn a_write_whose_answer_was_lost_counts_from_when_it_was_sent() {
    let mut store = Store::default();
    let mut a = Candidate::new("a");
    a.wake_and_settle(0.0, &mut store);
    a.wake(2.0);
    let (id, request) = a.request().unwrap();
    store.answer(&request).unwrap();
    a.answer(4.0, id, Err(lost()));
    assert_eq!(a.elector.term(seconds(4.0)).unwrap().write_until, seconds(10.0));
    // It looks, finds its own record, and so knows that it was renewed at 2.
    let (id, request) = a.request().unwrap();
    assert!(matches!(request.operation, Operation::Get { .. }));
    a.answer(4.5, id, store.answer(&request));
    assert_eq!(a.elector.term(seconds(4.5)).unwrap().write_until, seconds(12.0));
    a.settle(4.5, &mut store);
    assert_eq!(a.elector.term(seconds(4.5)).unwrap().write_until, seconds(14.5));
}

#[test]
fn a_lost_takeover_is_found_too() {
    for committed in [true, false] {
        let mut store = Store::default();
        let mut a = Candidate::new("a");
        a.wake(0.0);
        let (id, request) = a.request().unwrap();
        a.answer(0.0, id, store.answer(&request));
        let (id, request) = a.request().unwrap();
        assert!(matches!(request.operation, Operation::Create { .. }));
        if committed {
            store.answer(&request).unwrap();
        }
        a.answer(0.1, id, Err(lost()));
        assert!(!a.leads(0.1));
        let at = a.wakes_at();
        a.wake_and_settle(at, &mut store);
        assert!(a.leads(at));
    }
}

#[test]
fn of_two_that_take_over_at_once_one_leads() {
    let mut store = Store::default();
    let (mut a, mut b) = (Candidate::new("a"), Candidate::new("b"));
    for candidate in [&mut a, &mut b] {
        candidate.wake(0.0);
        let (id, request) = candidate.request().unwrap();
        candidate.answer(0.0, id, store.answer(&request));
    }
    a.settle(0.0, &mut store);
    b.settle(0.0, &mut store);
    assert!(a.leads(0.0) && !b.leads(0.0));
    // And the same with a record that has expired for both.
    let (mut c, mut d) = (Candidate::new("c"), Candidate::new("d"));
    c.wake_and_settle(1.0, &mut store);
    d.wake_and_settle(1.0, &mut store);
    for candidate in [&mut c, &mut d] {
        candidate.wake(20.0);
        let (id, request) = candidate.request().unwrap();
        candidate.answer(20.0, id, store.answer(&request));
    }
    d.settle(20.0, &mut store);
    c.settle(20.0, &mut store);
    assert!(d.leads(20.0) && !c.leads(20.0) && !a.leads(20.0));
}

#[test]
fn the_own_name_alone_proves_nothing() {
    let mut store = Store::default();
    let (mut first, mut second) = (Candidate::new("same"), Candidate::new("same"));
    first.wake_and_settle(0.0, &mut store);
    second.wall += jiff::SignedDuration::from_secs(1);
    second.wake_and_settle(0.0, &mut store);
    assert!(first.leads(0.0) && !second.leads(0.0));
    second.wake_and_settle(15.0, &mut store);
    assert!(second.leads(15.0) && !first.leads(15.0));
    first.wake_and_settle(15.0, &mut store);
    assert!(!first.leads(15.0));
}

#[test]
fn somebody_elses_record_ends_the_term_at_once() {
    let mut store = Store::default();
    let mut a = Candidate::new("a");
    a.wake_and_settle(0.0, &mut store);
    store.edit(|lease| lease["spec"]["holderIdentity"] = json!("b"));
    a.wake(2.0);
    let (id, request) = a.request().unwrap();
    a.answer(2.0, id, store.answer(&request));
    assert!(a.leads(2.0), "a conflict alone does not say that");
    a.settle(2.0, &mut store);
    assert!(!a.leads(2.0));
    assert!(a.effects.contains(&LeaseEffect::Leading(None)));
}

#[test]
fn a_change_of_something_else_in_the_lease_is_no_loss() {
    let mut store = Store::default();
    let mut a = Candidate::new("a");
    a.wake_and_settle(0.0, &mut store);
    store.edit(|lease| lease["metadata"]["labels"] = json!({"touched": "yes"}));
    a.wake(2.0);
    assert_eq!(a.settle(2.0, &mut store), 3);
    assert_eq!(a.elector.term(seconds(2.0)).unwrap().write_until, seconds(12.0));
    assert_eq!(store.lease.clone().unwrap()["metadata"]["labels"], json!({"touched": "yes"}));
}

#[test]
fn a_deleted_lease_ends_the_term_and_is_not_taken_by_who_saw_it() {
    let mut store = Store::default();
    let (mut a, mut b) = (Candidate::new("a"), Candidate::new("b"));
    a.wake_and_settle(0.0, &mut store);
    b.wake_and_settle(0.5, &mut store);
    store.lease = None;
    b.wake_and_settle(5.0, &mut store);
    assert!(a.leads(5.0) && !b.leads(5.0));
    a.wake_and_settle(5.5, &mut store);
    assert!(!a.leads(5.5));
    b.wake_and_settle(15.5, &mut store);
    assert!(b.leads(15.5));
}

#[test]
fn it_is_given_back_at_the_end() {
    let mut store = Store::default();
    let (mut a, mut b) = (Candidate::new("a"), Candidate::new("b"));
    a.wake_and_settle(0.0, &mut store);
    b.wake_and_settle(0.0, &mut store);
    a.step(3.0, LeaseEvent::Release);
    assert_eq!(a.effects.first(), Some(&LeaseEffect::Leading(None)));
    assert!(!a.leads(3.0));
    a.settle(3.0, &mut store);
    assert_eq!(a.effects, [LeaseEffect::Released]);
    let spec = store.lease.clone().unwrap()["spec"].clone();
    assert_eq!((&spec["holderIdentity"], &spec["leaseDurationSeconds"]), (&json!(""), &json!(1)));
    b.wake_and_settle(4.5, &mut store);
    assert!(b.leads(4.5));
    assert_eq!(store.lease.clone().unwrap()["spec"]["leaseTransitions"], 1);
    a.wake(60.0);
    assert!(a.effects.is_empty());
}

#[test]
fn whoever_does_not_hold_it_ends_at_once() {
    let mut store = Store::default();
    let (mut a, mut b) = (Candidate::new("a"), Candidate::new("b"));
    a.wake_and_settle(0.0, &mut store);
    b.wake_and_settle(0.0, &mut store);
    b.step(1.0, LeaseEvent::Release);
    assert_eq!(b.effects, [LeaseEffect::Released]);
    let mut never_started = Candidate::new("c");
    never_started.step(0.0, LeaseEvent::Release);
    assert_eq!(never_started.effects, [LeaseEffect::Released]);
}

#[test]
fn giving_back_waits_for_what_is_under_way_but_not_for_ever() {
    // The renewal under way was carried out, and its answer lost.
    let mut store = Store::default();
    let mut a = Candidate::new("a");
    a.wake_and_settle(0.0, &mut store);
    a.wake(2.0);
    let (id, request) = a.request().unwrap();
    a.step(2.1, LeaseEvent::Release);
    assert_eq!(a.request(), None);
    store.answer(&request).unwrap();
    a.answer(2.2, id, Err(lost()));
    a.settle(2.2, &mut store);
    assert_eq!(a.effects, [LeaseEffect::Released]);
    assert_eq!(store.lease.clone().unwrap()["spec"]["holderIdentity"], "");
    // Nothing is answered any more.
    let mut a = Candidate::new("a");
    let mut store = Store::default();
    a.wake_and_settle(0.0, &mut store);
    a.step(1.0, LeaseEvent::Release);
    let mut at = 1.0;
    while !a.effects.contains(&LeaseEffect::Released) {
        at = a.wakes_at();
        a.wake(at);
    }
    assert!(at <= 11.0, "{at}");
}

#[test]
fn refusals_are_reported_and_tried_again_at_a_slow_pace() {
    let mut a = Candidate::new("a");
    a.wake(0.0);
    let mut at = 0.0;
    for _ in 0..20 {
        let (id, _) = a.request().unwrap();
        let forbidden = ApiError::new(403, "Forbidden", "leases is forbidden");
        a.answer(at, id, Err(forbidden.clone()));
        assert!(a.effects.contains(&LeaseEffect::Failed(forbidden)));
        let next = a.wakes_at();
        assert!((2.0..4.4).contains(&(next - at)), "{}", next - at);
        at = next;
        a.wake(at);
    }
}
