//! Which version serves: changes, failures, going back, revoking, Rollouts in flight.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tidegate_artifact::{LoadReason, Stage};
use tidegate_plugins::{Event, Report};

use crate::rig::{At, Rig, built_in, digest, minutes, seconds, web};

const URL: &str = "https://example.com/p.wasm";
const NEWER: &str = "https://example.com/q.wasm";

fn serving() -> Rig {
    let mut rig = Rig::new(Vec::new());
    rig.sources.insert(URL.to_owned(), At::Plugin("one"));
    rig.sources.insert(NEWER.to_owned(), At::Plugin("two"));
    rig.start();
    rig.apply("p", &web("a/b", URL, "one"));
    assert_eq!(rig.serves("a/b"), "one");
    rig
}

fn in_use(rig: &mut Rig, bytes: &[&str]) {
    let digests: BTreeSet<_> = bytes.iter().map(|one| digest(one)).collect();
    rig.tell(Event::InUse(BTreeMap::from([("a/b".to_owned(), digests)])));
}

#[test]
fn a_new_version_takes_over_when_it_is_ready_and_going_back_loads_nothing() {
    let mut rig = serving();
    rig.sources.insert(NEWER.to_owned(), At::Hangs);
    rig.apply("p", &web("a/b", NEWER, "two"));
    assert_eq!(rig.serves("a/b"), "one", "until the new one is there");
    assert_eq!(rig.condition("p", "Ready"), ("True", "PreviousVersion"));
    rig.sources.insert(NEWER.to_owned(), At::Plugin("two"));
    rig.answer();
    rig.tell(Event::Woken);
    assert_eq!(rig.serves("a/b"), "two");
    assert_eq!(rig.condition("p", "Ready"), ("True", "Ready"));
    let loads = rig.loads.len();
    rig.apply("p", &web("a/b", URL, "one"));
    assert_eq!((rig.serves("a/b"), rig.loads.len()), ("one", loads));
}

#[test]
fn a_new_version_that_fails_leaves_the_old_one_serving() {
    let mut rig = serving();
    rig.apply("p", &web("a/b", NEWER, "three"));
    assert_eq!(rig.serves("a/b"), "one");
    assert_eq!(rig.condition("p", "Verified"), ("False", "DigestMismatch"));
    assert_eq!(rig.condition("p", "Ready"), ("True", "PreviousVersion"));
    assert_eq!(rig.resources["p"]["status"]["digest"], digest("one").to_string());
    // The source is put right: found out by itself.
    rig.sources.insert(NEWER.to_owned(), At::Plugin("three"));
    rig.run(minutes(16));
    assert_eq!(rig.serves("a/b"), "three");
}

#[test]
fn what_answers_late_for_an_old_wish_does_not_serve() {
    let mut rig = serving();
    rig.sources.insert(NEWER.to_owned(), At::Hangs);
    rig.apply("p", &web("a/b", NEWER, "two"));
    let held = rig.held.len();
    rig.apply("p", &web("a/b", URL, "one"));
    rig.apply("p", &web("a/b", NEWER, "two"));
    assert_eq!(rig.held.len(), held, "what is under way is waited for");
    rig.apply("p", &web("a/b", URL, "one"));
    rig.sources.insert(NEWER.to_owned(), At::Plugin("two"));
    rig.answer();
    rig.tell(Event::Woken);
    assert_eq!(rig.serves("a/b"), "one");
}

#[test]
fn a_revoked_digest_stops_serving_at_once_and_comes_back_when_it_is_not() {
    let mut rig = serving();
    in_use(&mut rig, &["one"]);
    let mut spec = web("a/b", URL, "one");
    spec["revoked"] = json!([digest("one").to_string()]);
    rig.apply("p", &spec);
    assert_eq!(rig.serves("a/b"), "Revoked");
    assert_eq!(rig.older("a/b", "one"), "Revoked");
    let loads = rig.loads.len();
    rig.run(minutes(60));
    assert_eq!(rig.loads.len(), loads, "it is not even fetched");
    rig.apply("p", &web("a/b", URL, "one"));
    assert_eq!(rig.serves("a/b"), "one");
    // Said by another resource, it holds as well.
    rig.apply("other", &json!({"name": "x/y", "revoked": [digest("one").to_string()]}));
    assert_eq!(rig.serves("a/b"), "Revoked");
}

#[test]
fn rollouts_in_flight_keep_what_they_began_with_also_after_a_restart_without_the_source() {
    let mut rig = serving();
    in_use(&mut rig, &["one"]);
    rig.apply("p", &web("a/b", NEWER, "two"));
    assert_eq!((rig.serves("a/b"), rig.older("a/b", "one")), ("two", "one"));
    rig.sources.clear();
    let mut next = rig.restarted(Vec::new());
    next.start();
    in_use(&mut next, &["one"]);
    assert_eq!((next.serves("a/b"), next.older("a/b", "one")), ("two", "one"));
    assert_eq!(next.fetched(), 0);
    in_use(&mut next, &[]);
    assert!(next.told.by_name["a/b"].older.is_empty());
    in_use(&mut next, &["never stored"]);
    assert_eq!(next.older("a/b", "never stored"), "Unreachable");
}

#[test]
fn after_a_restart_what_served_serves_on_while_the_new_pin_cannot_be_had() {
    let mut rig = serving();
    rig.apply("p", &web("a/b", NEWER, "three"));
    rig.sources.clear();
    let mut next = rig.restarted(Vec::new());
    next.start();
    assert_eq!(next.serves("a/b"), "one");
    assert_eq!(next.condition("p", "Fetched"), ("False", "Unreachable"));
}

#[test]
fn settings_and_grants_change_without_loading_and_limits_with_it() {
    let mut rig = serving();
    let loads = rig.loads.len();
    let mut spec = web("a/b", URL, "one");
    spec["config"] = json!({"class": "x"});
    spec["permissions"] = json!([]);
    rig.apply("p", &spec);
    let version = rig.told.by_name["a/b"].current.version().unwrap();
    assert_eq!((&*version.settings, version.grant.is_some()), (r#"{"class":"x"}"#, true));
    assert_eq!(rig.loads.len(), loads);
    spec["limits"] = json!({"memory": "32Mi"});
    rig.apply("p", &spec);
    assert!(rig.loads.len() > loads);
    assert_eq!(rig.loads.last().unwrap().limits.memory_bytes, 32 << 20);
    // A mistake takes nothing away.
    spec["limits"] = json!({"memory": "much"});
    spec["permissions"] = json!([{"kind": "Service"}]);
    rig.apply("p", &spec);
    let version = rig.told.by_name["a/b"].current.version().unwrap();
    assert_eq!(&*version.settings, r#"{"class":"x"}"#);
    assert_eq!(rig.condition("p", "Ready").0, "True");
}

#[test]
fn what_is_not_pinned_never_serves_even_if_the_driver_says_so() {
    let mut rig = Rig::new(Vec::new());
    rig.sources.insert(URL.to_owned(), At::Plugin("one"));
    rig.start();
    rig.apply("p", &json!({"name": "a/b", "source": {"https": {"url": URL}}}));
    assert_eq!(rig.serves("a/b"), "DigestMissing");
    assert_eq!(rig.condition("p", "Verified"), ("False", "DigestMissing"));
    let said = &rig.resources["p"]["status"]["conditions"][1]["message"];
    assert!(said.as_str().unwrap().contains(&digest("one").to_string()), "{said}");
}

#[test]
fn a_native_binary_in_argos_config_leaves_what_is_built_in_serving() {
    let mut rig = Rig::new(vec![built_in("argoproj-labs/gatewayAPI")]);
    rig.sources.insert("builtin:x".to_owned(), At::Plugin("inside"));
    rig.sources.insert(URL.to_owned(), At::Fails(Stage::Recognise, LoadReason::NotWasm));
    rig.start();
    assert_eq!(rig.serves("argoproj-labs/gatewayAPI"), "inside");
    let entry = format!("- name: argoproj-labs/gatewayAPI\n  location: {URL}\n");
    rig.configure(&entry);
    assert_eq!(rig.serves("argoproj-labs/gatewayAPI"), "inside");
    assert_eq!(rig.events.iter().filter(|event| event.reason == "NotWasm").count(), 1);
    rig.run(minutes(120));
    assert_eq!(rig.events.iter().filter(|event| event.reason == "NotWasm").count(), 1, "said once");
    rig.sources.insert(URL.to_owned(), At::Plugin("one"));
    rig.configure(&format!("{entry}  sha256: {}\n", digest("one")));
    assert_eq!(rig.serves("argoproj-labs/gatewayAPI"), "one");
    // Also for a process that starts with such an entry.
    rig.sources.insert(URL.to_owned(), At::Fails(Stage::Recognise, LoadReason::NotWasm));
    rig.configure(&entry);
    let mut next = rig.restarted(vec![built_in("argoproj-labs/gatewayAPI")]);
    next.copies.clear();
    next.start();
    assert_eq!(next.serves("argoproj-labs/gatewayAPI"), "inside");
}

#[test]
fn a_slow_server_does_not_hold_up_other_plugins() {
    let mut rig = Rig::new(Vec::new());
    rig.start();
    for name in ["a", "b", "c", "d"] {
        let url = format!("https://example.com/{name}");
        rig.sources.insert(url.clone(), At::Hangs);
        rig.apply(name, &web(&format!("{name}/x"), &url, name));
    }
    rig.sources.insert(URL.to_owned(), At::Plugin("one"));
    rig.apply("z", &web("z/z", URL, "one"));
    assert_eq!(rig.serves("z/z"), "one");
}

#[test]
fn failures_are_retried_with_pauses_and_a_changed_wish_at_once() {
    let mut rig = Rig::new(Vec::new());
    rig.start();
    rig.apply("p", &web("a/b", URL, "one"));
    assert_eq!(rig.serves("a/b"), "Unreachable");
    rig.run(minutes(60));
    let tries = rig.fetched();
    assert!((10..40).contains(&tries), "{tries}");
    let failed = rig.reports.iter().filter(|one| matches!(one, Report::Failed { .. })).count();
    assert_eq!(failed, tries, "each try is told once, whether there was a copy or not");
    rig.sources.insert(NEWER.to_owned(), At::Plugin("two"));
    rig.apply("p", &web("a/b", NEWER, "two"));
    assert_eq!(rig.serves("a/b"), "two");
    let tellings = rig.tellings;
    rig.run(minutes(600));
    assert_eq!(rig.tellings, tellings);
    rig.remove("p");
    assert_eq!(rig.serves("a/b"), "unknown");
    rig.run(seconds(1));
}
