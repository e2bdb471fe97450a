//! Who configures what: precedence, mistakes, places that cannot be read.

use serde_json::json;
use tidegate_artifact::{LoadReason, Stage};
use tidegate_plugins::{Event, Report};
use tidegate_shell::{Unwatchable, WatchKey};

use crate::rig::{At, Rig, built_in, minutes, web};

const URL: &str = "https://example.com/p.wasm";

#[test]
fn resources_come_before_argos_config_and_that_before_flags() {
    let mut rig = Rig::new(vec![built_in("a/b")]);
    for (source, bytes) in [("builtin:x", "inside"), (URL, "one"), ("https://example.com/argo", "argo")] {
        rig.sources.insert(source.to_owned(), At::Plugin(bytes));
    }
    rig.start();
    assert_eq!(rig.serves("a/b"), "inside");
    let digest = crate::rig::digest("argo");
    rig.configure(&format!("- name: a/b\n  location: https://example.com/argo\n  sha256: {digest}\n"));
    assert_eq!(rig.serves("a/b"), "argo");
    rig.apply("older", &web("a/b", URL, "one"));
    assert_eq!(rig.serves("a/b"), "one");
    rig.run(minutes(1));
    rig.apply("younger", &web("a/b", "https://example.com/argo", "argo"));
    assert_eq!(rig.serves("a/b"), "one");
    assert_eq!(rig.condition("younger", "Ready"), ("False", "InvalidConfig"));
    rig.remove("older");
    assert_eq!(rig.serves("a/b"), "argo");
    assert_eq!(rig.condition("younger", "Ready").0, "True");
}

#[test]
fn nothing_is_offered_before_every_place_was_read() {
    let mut rig = Rig::new(vec![built_in("a/b")]);
    rig.sources.insert("builtin:x".to_owned(), At::Plugin("inside"));
    rig.tell(Event::Woken);
    assert_eq!((rig.serves("a/b"), rig.told.complete), ("loading", false));
    rig.read();
    assert_eq!((rig.serves("a/b"), rig.told.complete), ("inside", true));
}

#[test]
fn places_that_cannot_be_read_say_nothing_and_are_told_once() {
    let mut rig = Rig::new(vec![built_in("a/b")]);
    rig.sources.insert("builtin:x".to_owned(), At::Plugin("inside"));
    let resource = tidegate_plugins::router_plugins();
    let resources = WatchKey {
        group: resource.group,
        kind: resource.kind,
        versions: vec![resource.version],
        namespace: None,
        name: None,
    };
    rig.read();
    for _ in 0..5 {
        let why = Unwatchable::Forbidden { message: "no".to_owned() };
        rig.tell(Event::Unwatchable { watch: resources.clone(), why });
    }
    assert_eq!(rig.serves("a/b"), "inside");
    let told = rig.reports.iter().filter(|one| matches!(one, Report::BadConfig { .. })).count();
    assert_eq!(told, 1);
    rig.tell(Event::Unwatchable { watch: resources, why: Unwatchable::NotServed });
    assert_eq!(rig.serves("a/b"), "inside");
}

#[test]
fn a_mistake_in_one_place_does_not_concern_the_others() {
    let mut rig = Rig::new(vec![built_in("a/b")]);
    rig.sources.insert("builtin:x".to_owned(), At::Plugin("inside"));
    rig.sources.insert(URL.to_owned(), At::Plugin("one"));
    rig.start();
    rig.apply("good", &web("c/d", URL, "one"));
    let tellings = rig.tellings;
    rig.apply("bad", &json!({"name": "e/f", "source": {}}));
    rig.configure("trafficRouterPlugins: {}");
    assert_eq!((rig.serves("a/b"), rig.serves("c/d"), rig.serves("e/f")), ("inside", "one", "InvalidConfig"));
    assert_eq!(rig.tellings, tellings + 1, "of e/f");
    assert_eq!(rig.condition("bad", "Ready"), ("False", "InvalidConfig"));
}

/// A process loads its plugins before it has the lease, and often learns first what is wrong with them.
#[test]
fn what_was_learned_before_leading_is_said_as_soon_as_it_leads() {
    let mut rig = Rig::new(Vec::new());
    rig.sources.insert(URL.to_owned(), At::Plugin("one"));
    rig.sources
        .insert("https://example.com/elf".to_owned(), At::Fails(Stage::Recognise, LoadReason::NotWasm));
    rig.apply("good", &web("a/b", URL, "one"));
    rig.apply("native", &web("c/d", "https://example.com/elf", "elf"));
    rig.apply("bad", &json!({"name": "e/f", "source": {}}));
    rig.read();
    assert_eq!(rig.serves("a/b"), "one");
    assert!(rig.events.is_empty());
    rig.lead(true);
    assert_eq!(rig.event_reasons(), ["InvalidConfig", "NotWasm", "PluginReady"]);
    rig.lead(false);
    rig.lead(true);
    rig.run(minutes(10));
    assert_eq!(rig.event_reasons(), ["InvalidConfig", "NotWasm", "PluginReady"], "it has said so");
}
