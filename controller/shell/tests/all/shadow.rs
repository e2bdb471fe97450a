//! A shell that writes nothing tells what a leading one would write.

use serde_json::Value;
use tidegate_shell::{Intention, Report};

use crate::canary::paused;
use crate::rig::{Rig, is_write, minutes};

/// A canary at its pause, and nobody but a shadow to look after it.
fn shadowed() -> Rig {
    let mut rig = paused();
    rig.controllers.clear();
    rig.settings.shadow = true;
    rig.start();
    rig.run(minutes(1));
    rig
}

fn last(rig: &Rig) -> &Intention {
    let mut intentions = rig.reports.iter().filter_map(|report| match report {
        Report::Intends(intention) => Some(intention.as_ref()),
        _ => None,
    });
    intentions.next_back().unwrap()
}

fn expect_silence(rig: &Rig) {
    assert!(!rig.requests.iter().any(is_write), "{:?}", rig.requests);
    assert!(rig.events.is_empty(), "{:?}", rig.events);
}

fn step(status: &Value) -> Option<u64> {
    status.get("currentStepIndex").and_then(Value::as_u64)
}

#[test]
fn on_what_is_as_it_should_be_it_has_no_intentions() {
    let rig = shadowed();
    expect_silence(&rig);
    let intention = last(&rig);
    assert!(intention.writes.is_empty(), "{:?}", intention.writes);
    assert_eq!(step(&intention.status), Some(3));
}

#[test]
fn it_tells_what_it_would_do_and_does_not_do_it() {
    let mut rig = shadowed();
    rig.edit_weights("web", 60, 40);
    rig.run(minutes(1));
    let intention = last(&rig);
    assert_eq!(intention.writes.len(), 1, "{:?}", intention.writes);
    assert!(intention.writes[0].router.is_some() && intention.writes[0].before.is_some());
    assert_eq!(rig.weights("web"), (60, 40));

    rig.edit_weights("web", 50, 50);
    rig.promote("web");
    rig.run(minutes(40));
    assert_eq!(step(&last(&rig).status), Some(4), "the pause is over");
    assert_eq!(step(&rig.rollout("web")["status"]), Some(3));
    expect_silence(&rig);
}
