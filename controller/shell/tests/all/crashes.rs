//! Processes that end, two at a time, and answers that never come.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::json;
use tidegate_api::{ApiError, builtin};
use tidegate_shell::{Event, Settings};

use crate::canary::finish;
use crate::manifests::{self, PLUGIN};
use crate::rig::{Fate, Rig, is_write, minutes, seconds};

/// A whole update, during which the write of this number has a fate. Returns whether there was one.
fn run_with(number: usize, fate: impl Fn() -> Fate + 'static) -> bool {
    let mut rig = Rig::new();
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    rig.fate = Box::new(move |_, request| {
        if !is_write(request) {
            return Fate::Answered;
        }
        counted.set(counted.get() + 1);
        if counted.get() == number { fate() } else { Fate::Answered }
    });
    rig.run(minutes(2));
    assert!(rig.is_healthy("web"), "first revision, write {number}: {}", rig.phase("web"));
    rig.set_image("web", "web:2");
    rig.run(minutes(1));
    finish(&mut rig);
    assert_eq!(rig.weights("web"), (100, 0), "write {number}");
    rig.run(minutes(20));
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.is_empty(), "write {number}: {:?}", rig.requests);
    count.get() >= number
}

fn at_every_write(fate: impl Fn() -> Fate + Clone + 'static) {
    let mut number = 1;
    while run_with(number, fate.clone()) {
        number += 1;
    }
    assert!(number > 10, "an update has more writes than {number}");
}

#[test]
fn a_crash_after_any_write_changes_nothing_in_the_end() {
    at_every_write(|| Fate::Crash);
}

#[test]
fn a_crash_before_any_write_changes_nothing_in_the_end() {
    at_every_write(|| Fate::CrashBefore);
}

#[test]
fn an_answer_that_is_lost_changes_nothing_in_the_end() {
    at_every_write(|| Fate::Lost);
}

#[test]
fn any_error_of_the_api_server_is_got_over() {
    let errors = [
        (0, "Timeout"),
        (409, "Conflict"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
    ];
    // Another error at each write; which meets which is different in each round.
    for round in 0..2 {
        let mut number = 1;
        while run_with(number, move || {
            let (code, reason) = errors[(number + round) % errors.len()];
            Fate::Refused(ApiError::new(code, reason, "no"))
        }) {
            number += 1;
        }
    }
}

#[test]
fn an_outage_of_the_api_server_is_got_over() {
    let mut rig = crate::canary::updating();
    rig.fate = Box::new(|_, _| Fate::Refused(ApiError::new(503, "ServiceUnavailable", "no")));
    rig.forget_requests();
    rig.run(minutes(10));
    let tries = rig.requests.len();
    assert!((5..60).contains(&tries), "it keeps trying, but not all the time: {tries}");
    rig.fate = Box::new(|_, _| Fate::Answered);
    rig.run(minutes(3));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
    finish(&mut rig);
}

#[test]
fn two_controllers_in_turn_finish_what_the_other_began() {
    let mut rig = Rig::new();
    rig.start_standby();
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    let mut leader = 0;
    for _ in 0..60 {
        rig.run(seconds(3));
        rig.tell(leader, Event::Leading(false));
        leader = 1 - leader;
        rig.tell(leader, Event::Leading(true));
    }
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
    finish(&mut rig);
}

#[test]
fn two_controllers_that_both_lead_do_no_harm() {
    let mut rig = Rig::new();
    rig.start();
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig.run(minutes(3));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
    finish(&mut rig);
    rig.run(minutes(30));
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.is_empty(), "{:?}", rig.requests);
}

#[test]
fn a_restart_in_the_middle_repeats_no_event() {
    let mut rig = crate::canary::paused();
    for _ in 0..5 {
        rig.restart(0);
        rig.run(seconds(30));
    }
    assert!(rig.events.is_empty(), "{:?}", rig.events);
    assert_eq!(rig.requests, [], "a new process finds everything as it should be");
}

#[test]
fn one_that_loses_its_lease_in_the_middle_of_a_write_sends_nothing_more() {
    for number in 1..100 {
        let mut rig = Rig::empty(Settings::default());
        rig.apply_all(manifests::shop("web"));
        // Two routes, so that there is a second one to be written after the first.
        let mut second = manifests::route("web");
        second["metadata"]["name"] = json!("second");
        rig.create(second);
        let plugins = json!({PLUGIN: {"route": null, "labels": "app=web"}});
        let patch = json!({"spec": {"strategy": {"canary": {"trafficRouting": {"plugins": plugins}}}}});
        rig.patch(&builtin::rollouts(), "web", None, patch);
        rig.start();
        rig.depose_at_write = Some(number);
        rig.run(minutes(1));
        rig.set_image("web", "web:2");
        rig.run(minutes(2));
        rig.promote("web");
        rig.run(minutes(5));
        let is_over = rig.is_healthy("web");
        rig.forget_requests();
        rig.run(minutes(60));
        assert!(rig.requests.is_empty(), "{number}: {:?}", rig.requests);
        rig.tell(0, Event::Leading(true));
        rig.run(minutes(1));
        finish(&mut rig);
        if is_over && number > 20 {
            return;
        }
    }
    panic!("an update has fewer writes");
}
