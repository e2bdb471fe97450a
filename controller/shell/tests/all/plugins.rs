//! Plugins that are not there, or fail.

use std::collections::BTreeMap;

use tidegate_contract::FaultReason;
use tidegate_shell::{PluginState, Settings};

use crate::canary::{paused, updating};
use crate::manifests::{self, PLUGIN};
use crate::rig::{Rig, minutes, seconds};

fn set_fault(rig: &Rig, fault: Option<FaultReason>) {
    *rig.router.fault.lock().unwrap() = fault;
}

fn message(rig: &Rig) -> String {
    rig.condition("web", "TrafficRouterReady").unwrap()["message"].as_str().unwrap().to_owned()
}

#[test]
fn an_unknown_plugin_is_said_with_those_that_are_known() {
    let mut rig = Rig::new();
    rig.run(minutes(1));
    let others = BTreeMap::from([("example/other".to_owned(), PluginState::ready(rig.router.clone()))]);
    let plugins = std::mem::replace(&mut rig.plugins, others);
    rig.tell_plugins();
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    assert_eq!(rig.routing_reason("web"), Some("UnknownPlugin"));
    assert!(message(&rig).contains("example/other"), "{}", message(&rig));
    assert_eq!(rig.weights("web"), (100, 0));

    rig.plugins = plugins;
    rig.tell_plugins();
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
}

#[test]
fn a_plugin_that_is_not_loaded_says_why() {
    let mut rig = Rig::new();
    rig.run(minutes(1));
    let state = PluginState::Unavailable {
        reason: "DigestMismatch".to_owned(),
        message: "its bytes are not the pinned ones".to_owned(),
    };
    rig.plugins.insert(PLUGIN.to_owned(), state);
    rig.tell_plugins();
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    assert_eq!(rig.routing_reason("web"), Some("DigestMismatch"));
    assert!(message(&rig).contains("not the pinned ones"));
}

#[test]
fn a_plugin_that_is_lost_during_the_first_question_goes_on_once_it_is_back() {
    let mut rig = Rig::empty(Settings::default());
    rig.apply_all(manifests::shop("web"));
    rig.lost_while_asked = true;
    rig.start();
    rig.run(minutes(1));
    assert!(!rig.lost_while_asked && rig.routing_reason("web") == Some("Unreachable"));
    rig.plugins.insert(PLUGIN.to_owned(), PluginState::ready(rig.router.clone()));
    rig.tell_plugins();
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
}

#[test]
fn a_plugin_that_traps_is_asked_again_only_when_something_changes_or_after_long() {
    let mut rig = updating();
    set_fault(&rig, Some(FaultReason::Trap));
    rig.run(minutes(1));
    assert_eq!(rig.routing_reason("web"), Some("Trap"));
    assert!(message(&rig).contains("goodbye"), "{}", message(&rig));
    rig.forget_requests();
    rig.run(minutes(9));
    assert_eq!(rig.questions, 0);
    rig.run(minutes(60));
    assert!((1..=8).contains(&rig.questions), "{}", rig.questions);
    assert_eq!(rig.writes_of("HTTPRoute"), 0, "the traffic stays where it is");

    set_fault(&rig, None);
    rig.edit_weights("web", 99, 1);
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
}

#[test]
fn a_host_without_room_is_asked_again_soon() {
    let mut rig = updating();
    set_fault(&rig, Some(FaultReason::HostBusy));
    rig.run(seconds(40));
    set_fault(&rig, None);
    rig.run(minutes(3));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
}

#[test]
fn a_failing_plugin_does_not_concern_others() {
    let mut rig = Rig::new();
    rig.apply_all(manifests::shop("api"));
    rig.run(minutes(1));
    let broken = crate::router::Weights::new();
    *broken.fault.lock().unwrap() = Some(FaultReason::OutOfFuel);
    rig.plugins.insert("example/broken".to_owned(), PluginState::ready(std::sync::Arc::new(broken)));
    rig.tell_plugins();
    let plugins = serde_json::json!({PLUGIN: null, "example/broken": {"route": "api"}});
    let patch =
        serde_json::json!({"spec": {"strategy": {"canary": {"trafficRouting": {"plugins": plugins}}}}});
    rig.patch(&tidegate_api::builtin::rollouts(), "api", None, patch);
    rig.set_image("api", "web:2");
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    assert_eq!(rig.routing_reason("api"), Some("OutOfFuel"));
    assert_eq!(rig.weights("api"), (100, 0));
    assert_eq!(rig.weights("web"), (50, 50));
}

#[test]
fn an_abort_with_a_dead_plugin_takes_the_canary_service_back() {
    let mut rig = paused();
    set_fault(&rig, Some(FaultReason::Trap));
    let abort = serde_json::json!({"status": {"abort": true}});
    rig.patch(&tidegate_api::builtin::rollouts(), "web", Some("status"), abort);
    rig.run(minutes(2));
    let selected = |rig: &Rig, name: &str| {
        let service = rig.cluster.object(&tidegate_api::builtin::services(), "shop", name).unwrap();
        service["spec"]["selector"]["rollouts-pod-template-hash"].clone()
    };
    assert_eq!(rig.weights("web"), (50, 50));
    assert_eq!(selected(&rig, "web-canary"), selected(&rig, "web-stable"));
}
