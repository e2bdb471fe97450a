//! Copies in the cluster, statuses, reviews: what only the leader does.

use tidegate_api::ApiError;
use tidegate_plugins::{Event, TOO_LARGE};

use crate::rig::{At, Rig, digest, minutes, seconds, web};

const URL: &str = "https://example.com/p.wasm";
const NEWER: &str = "https://example.com/q.wasm";

fn rig() -> Rig {
    let mut rig = Rig::new(Vec::new());
    rig.sources.insert(URL.to_owned(), At::Plugin("one"));
    rig.sources.insert(NEWER.to_owned(), At::Plugin("two"));
    rig
}

#[test]
fn a_leader_stores_once_and_writes_once() {
    let mut rig = rig();
    rig.start();
    rig.apply("p", &web("a/b", URL, "one"));
    assert!(rig.copies.contains_key(&digest("one")));
    assert_eq!(rig.condition("p", "LastGoodStored"), ("True", "Stored"));
    let (writes, stores, steps) = (rig.writes, rig.stores, rig.steps);
    rig.run(minutes(24 * 60));
    assert_eq!((rig.writes, rig.stores), (writes, stores));
    assert!(rig.steps - steps < 20, "{}", rig.steps - steps);
}

#[test]
fn a_follower_loads_and_writes_nothing_and_a_new_leader_gets_the_bytes_again() {
    let mut rig = rig();
    rig.apply("p", &web("a/b", URL, "one"));
    rig.read();
    rig.run(minutes(30));
    assert_eq!(rig.serves("a/b"), "one");
    assert_eq!((rig.writes, rig.stores, rig.fetched()), (0, 0, 1));
    rig.lead(true);
    assert_eq!((rig.stores, rig.fetched()), (1, 2));
    assert_eq!(rig.condition("p", "Ready"), ("True", "Ready"));
}

#[test]
fn what_is_too_large_is_said_and_not_tried_for_ever() {
    let mut rig = rig();
    rig.store_fails = Some(ApiError::new(0, TOO_LARGE, "too many bytes"));
    rig.start();
    rig.apply("p", &web("a/b", URL, "one"));
    rig.run(minutes(60));
    assert_eq!(rig.stores, 1);
    assert_eq!(rig.condition("p", "LastGoodStored"), ("False", TOO_LARGE));
    assert_eq!(rig.condition("p", "Ready"), ("True", "Ready"));
}

#[test]
fn storing_that_failed_is_tried_again() {
    let mut rig = rig();
    rig.store_fails = Some(ApiError::new(500, "InternalError", "no"));
    rig.start();
    rig.apply("p", &web("a/b", URL, "one"));
    assert_eq!(rig.condition("p", "LastGoodStored"), ("False", "StoreFailed"));
    rig.store_fails = None;
    rig.run(minutes(10));
    assert_eq!(rig.condition("p", "LastGoodStored"), ("True", "Stored"));
}

#[test]
fn copies_go_when_nobody_needs_them_and_not_before_that_is_known() {
    let mut rig = rig();
    rig.start();
    rig.apply("p", &web("a/b", URL, "one"));
    rig.apply("p", &web("a/b", NEWER, "two"));
    rig.sources.insert("https://example.com/r.wasm".to_owned(), At::Plugin("three"));
    rig.apply("p", &web("a/b", "https://example.com/r.wasm", "three"));
    rig.run(minutes(60));
    assert_eq!(rig.copies.len(), 3, "it is not known what Rollouts use");
    rig.tell(Event::InUse([("a/b".to_owned(), [digest("one")].into())].into()));
    rig.run(minutes(60));
    assert_eq!(rig.copies.len(), 3, "current, previous, in use");
    rig.tell(Event::InUse(std::collections::BTreeMap::new()));
    rig.run(minutes(60));
    assert_eq!(rig.discards, [digest("one")].into());
    rig.remove("p");
    rig.run(minutes(60));
    assert!(rig.copies.is_empty());
}

#[test]
fn rights_are_asked_once_and_again_while_they_are_not_enough() {
    let mut rig = rig();
    rig.start();
    rig.apply("p", &web("a/b", URL, "one"));
    rig.run(minutes(60));
    assert_eq!(rig.reviews, 1);
    assert_eq!(rig.condition("p", "Permitted").0, "True");
    rig.run(seconds(1));
}

#[test]
fn controllers_that_see_it_otherwise_do_not_quarrel() {
    let mut rig = rig();
    rig.start();
    rig.apply("p", &web("a/b", URL, "one"));
    let writes = rig.writes;
    for other in 0..5 {
        let mut object = rig.resources["p"].clone();
        object["status"]["digest"] = other.into();
        rig.resources.insert("p".to_owned(), object.clone());
        rig.tell(Event::Changed { watch: watch(), object });
        rig.run(minutes(10));
    }
    assert_eq!(rig.writes, writes);
    rig.apply("p", &web("a/b", NEWER, "two"));
    assert_eq!(rig.resources["p"]["status"]["digest"], digest("two").to_string());
}

#[test]
fn an_edit_that_came_before_the_answer_to_a_write_is_not_lost() {
    let mut rig = rig();
    rig.start();
    rig.apply("p", &web("a/b", URL, "one"));
    // The API server's answer has the spec of before, the watch has told the newer one already.
    rig.old_spec = Some(rig.resources["p"]["spec"].clone());
    let writes = rig.writes;
    rig.apply("p", &web("a/b", NEWER, "two"));
    assert!(rig.writes > writes && rig.serves("a/b") == "two");
    rig.apply("other", &web("c/d", URL, "one"));
    assert_eq!(rig.serves("a/b"), "two");
}

fn watch() -> tidegate_shell::WatchKey {
    let resource = tidegate_plugins::router_plugins();
    let versions = vec![resource.version];
    tidegate_shell::WatchKey {
        group: resource.group,
        kind: resource.kind,
        versions,
        namespace: None,
        name: None,
    }
}
