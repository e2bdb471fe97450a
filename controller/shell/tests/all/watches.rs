//! Watches that are late, repeat themselves, start anew, or cannot be had.

use serde_json::json;
use tidegate_api::builtin;

use crate::canary::{finish, paused, updating};
use crate::manifests::{self, PLUGIN};
use crate::rig::{Rig, minutes, seconds};

#[test]
fn repeated_and_late_events_do_no_harm() {
    let mut rig = Rig::empty(tidegate_shell::Settings::default());
    rig.copies = 3;
    rig.apply_all(manifests::shop("web"));
    rig.start();
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    finish(&mut rig);
    assert!(rig.requests.len() < 60, "{}", rig.requests.len());
}

#[test]
fn no_write_is_repeated_while_its_echo_is_on_its_way() {
    let count = |lag| {
        let mut rig = Rig::new();
        rig.lag = lag;
        rig.run(minutes(2));
        rig.set_image("web", "web:2");
        rig.run(minutes(3));
        finish(&mut rig);
        rig.run(minutes(5));
        (rig.writes_of("ReplicaSet"), rig.writes_of("Service"), rig.writes_of("HTTPRoute"))
    };
    let prompt = count(seconds(0));
    assert_eq!(count(seconds(3)), prompt);
    assert_eq!(count(seconds(15)), prompt, "past the ceiling, the API server is asked");
}

#[test]
fn lists_that_start_anew_change_nothing() {
    let mut rig = paused();
    for pages in [false, true] {
        rig.pages = pages;
        rig.relist(0);
        rig.run(minutes(1));
    }
    assert!(rig.requests.is_empty(), "{:?}", rig.requests);
    finish(&mut rig);
}

#[test]
fn lists_that_come_in_pieces_are_lists() {
    let mut rig = Rig::empty(tidegate_shell::Settings::default());
    rig.pages = true;
    rig.apply_all(manifests::shop("web"));
    rig.apply_all(manifests::shop("api"));
    rig.start();
    rig.run(minutes(1));
    assert!(rig.is_healthy("web") && rig.is_healthy("api"));
}

#[test]
fn what_a_new_list_does_not_name_is_gone() {
    let mut rig = paused();
    // The deletion itself is never reported.
    rig.lag = minutes(1000);
    let routes = rig.routes();
    rig.delete(&routes, "web");
    rig.run(seconds(1));
    rig.lag = seconds(0);
    assert_eq!(rig.routing_reason("web"), None);
    rig.relist(0);
    rig.run(seconds(5));
    assert_eq!(rig.routing_reason("web"), Some("MissingObject"));
}

#[test]
fn objects_kept_as_text_are_as_good() {
    let mut settings = tidegate_shell::Settings::default();
    settings.timing.parsed_objects = 1;
    let mut rig = Rig::with(settings);
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
    finish(&mut rig);
}

#[test]
fn kinds_are_watched_while_a_rollout_needs_them() {
    let mut rig = Rig::new();
    rig.apply_all(manifests::shop("api"));
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig.set_image("api", "web:2");
    rig.run(minutes(1));
    assert_eq!(rig.watched["HTTPRoute"], 1, "one watch for both");
    rig.delete(&builtin::rollouts(), "web");
    rig.run(minutes(1));
    assert_eq!(rig.watched["HTTPRoute"], 1);
    rig.delete(&builtin::rollouts(), "api");
    rig.run(minutes(1));
    assert_eq!(rig.watched["HTTPRoute"], 0);
}

#[test]
fn a_kind_that_may_not_be_watched_is_said_with_the_rule_that_is_missing() {
    let mut rig = Rig::new();
    rig.forbidden.push("HTTPRoute".to_owned());
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig.run(minutes(1));
    assert_eq!(rig.routing_reason("web"), Some("Forbidden"));
    let message = rig.condition("web", "TrafficRouterReady").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("resources: [\"httproutes\"]"), "{message}");
    assert_eq!(rig.weights("web"), (1, 0), "the route is as it was");
    rig.run(minutes(20));
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.is_empty());

    // The role is put right.
    rig.forbidden.clear();
    let watch = tidegate_shell::WatchKey {
        group: "gateway.networking.k8s.io".into(),
        kind: "HTTPRoute".into(),
        versions: vec!["v1".into()],
        namespace: None,
        name: None,
    };
    let routes = rig.routes();
    rig.list(0, watch, routes);
    rig.run(minutes(1));
    assert_eq!(rig.routing_reason("web"), None);
}

#[test]
fn a_kind_that_is_not_served_matters_only_when_it_is_needed() {
    for (optional, reason) in [(true, None), (false, Some("MissingKind"))] {
        let mut rig = Rig::empty(tidegate_shell::Settings::default());
        rig.apply_all(manifests::shop("web"));
        let plugin = json!({"route": "web", "also": "Nothing", "optional": optional});
        let plugins = json!({"canary": {"trafficRouting": {"plugins": {PLUGIN: plugin}}}});
        rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"strategy": plugins}}));
        rig.start();
        rig.run(minutes(1));
        rig.set_image("web", "web:2");
        rig.run(minutes(1));
        assert_eq!(rig.routing_reason("web").is_some(), reason.is_some(), "{:?}", rig.routing_reason("web"));
    }
}

#[test]
fn an_object_further_on_is_watched_too() {
    let mut rig = updating();
    let plugins =
        json!({"canary": {"trafficRouting": {"plugins": {PLUGIN: {"route": "web", "also": "Gateway"}}}}});
    rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"strategy": plugins}}));
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
    assert_eq!(rig.watched["Gateway"], 1);
    let plugins = json!({"canary": {"trafficRouting": {"plugins": {PLUGIN: {"also": null}}}}});
    rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"strategy": plugins}}));
    rig.run(minutes(1));
    assert_eq!(rig.watched["Gateway"], 0);
}

#[test]
fn routes_found_by_label_are_all_written() {
    let mut rig = updating();
    let config = json!({"route": null, "labels": "app=web"});
    let plugins = json!({"canary": {"trafficRouting": {"plugins": {PLUGIN: config}}}});
    rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"strategy": plugins}}));
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
    // A second route with that label appears.
    let mut second = manifests::route("web");
    second["metadata"]["name"] = json!("second");
    rig.create(second);
    rig.run(seconds(5));
    assert_eq!(rig.weights("second"), (50, 50));
}
