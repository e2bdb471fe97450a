//! The gate of a start.

use serde_json::{Value, json};

use crate::rig::{At, Rig, minutes, seconds, web};

const URL: &str = "https://example.com/p.wasm";

fn strict(mut spec: Value) -> Value {
    spec["failurePolicy"] = json!("Strict");
    spec
}

#[test]
fn lenient_plugins_are_waited_for_until_they_were_tried_once() {
    let mut rig = Rig::new(Vec::new());
    rig.apply("p", &web("a/b", URL, "one"));
    rig.read();
    assert!(rig.is_open(), "it failed, and that is enough");
    let mut rig = Rig::new(Vec::new());
    rig.sources.insert(URL.to_owned(), At::Hangs);
    rig.apply("p", &web("a/b", URL, "one"));
    rig.read();
    rig.run(seconds(9));
    assert!(!rig.is_open());
    rig.run(seconds(2));
    assert!(rig.is_open(), "not for ever");
}

#[test]
fn strict_plugins_keep_the_gate_closed_until_a_version_is_there() {
    let mut rig = Rig::new(Vec::new());
    rig.apply("p", &strict(web("a/b", URL, "one")));
    rig.read();
    rig.run(minutes(10));
    let gate = rig.gate.clone().unwrap();
    assert!(gate.is_strict && gate.waits_for[0].contains("Unreachable"), "{gate:?}");
    rig.sources.insert(URL.to_owned(), At::Plugin("one"));
    rig.run(minutes(10));
    assert!(rig.is_open());
    // Once open it stays open, whatever comes: the rig makes sure of it.
    rig.apply("q", &strict(web("c/d", "https://example.com/nothing", "x")));
    rig.run(minutes(10));
    assert!(rig.is_open());
}

#[test]
fn a_last_good_version_is_enough_for_a_strict_plugin() {
    let mut rig = Rig::new(Vec::new());
    rig.sources.insert(URL.to_owned(), At::Plugin("one"));
    rig.start();
    rig.apply("p", &strict(web("a/b", URL, "one")));
    rig.apply("p", &strict(web("a/b", "https://example.com/nothing", "two")));
    let mut next = rig.restarted(Vec::new());
    next.read();
    assert!(next.is_open());
    assert_eq!(next.serves("a/b"), "one");
}

#[test]
fn a_strict_plugin_with_a_mistake_keeps_the_gate_closed_too() {
    let mut rig = Rig::new(Vec::new());
    rig.apply("p", &strict(json!({"name": "a/b", "source": {"https": {"url": "nowhere"}}})));
    rig.read();
    rig.run(minutes(10));
    assert!(!rig.is_open());
    assert!(rig.gate.unwrap().is_strict);
}
