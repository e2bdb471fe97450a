//! Versions of a plugin: a Rollout in flight keeps the one it began with, and when it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{Operation, builtin};
use tidegate_contract::{Digest, FaultReason};
use tidegate_model::names::ROUTER_PLUGINS_ANNOTATION;
use tidegate_route::{Grant, Permission};
use tidegate_shell::{Event, PluginState, PluginVersion};

use crate::canary::{finish, paused, updating};
use crate::manifests::{self, PLUGIN};
use crate::rig::{Fate, Rig, is_kind, is_write, minutes, seconds};
use crate::router::Weights;
use crate::store::unavailable;

const FIRST: Digest = Digest([7; 32]);
const SECOND: Digest = Digest([8; 32]);
const THIRD: Digest = Digest([9; 32]);

/// A new version is current from now on, and the last one is kept.
fn swap(rig: &mut Rig, digest: Digest) -> Arc<Weights> {
    let version = Arc::new(Weights::of(digest));
    if let Some(last) = rig.plugins[PLUGIN].version().map(|last| last.router.digest()) {
        let kept = if last == FIRST { rig.router.clone() } else { Arc::new(Weights::of(last)) };
        rig.store.versions.insert(last, kept);
    }
    rig.plugins.insert(PLUGIN.to_owned(), PluginState::ready(version.clone()));
    rig.tell_plugins();
    version
}

fn annotation(rig: &Rig, name: &str) -> Option<String> {
    let annotations = &rig.rollout(name)["metadata"]["annotations"];
    annotations[ROUTER_PLUGINS_ANNOTATION].as_str().map(str::to_owned)
}

/// The version that a Rollout has recorded.
fn recorded(rig: &Rig, name: &str) -> Option<Digest> {
    let record: Value = serde_json::from_str(&annotation(rig, name)?).unwrap();
    Some(record[PLUGIN].as_str().unwrap().parse().unwrap())
}

fn annotate(rig: &mut Rig, text: Option<&str>) {
    let annotations = json!({ROUTER_PLUGINS_ANNOTATION: text});
    rig.patch(&builtin::rollouts(), "web", None, json!({"metadata": {"annotations": annotations}}));
}

/// The version that was asked last about a Rollout.
fn asked(rig: &Rig, name: &str) -> Digest {
    rig.controllers[0].knows.asked(name)
}

fn events(rig: &Rig, reason: &str) -> Vec<String> {
    rig.events.iter().filter(|event| event.reason == reason).map(|event| event.message.clone()).collect()
}

fn in_use(rig: &Rig) -> BTreeSet<Digest> {
    rig.controllers[0].knows.in_use.get(PLUGIN).cloned().unwrap_or_default()
}

#[test]
fn an_update_records_its_version_and_takes_the_record_away_at_its_end() {
    let mut rig = Rig::new();
    rig.run(minutes(2));
    assert_eq!((annotation(&rig, "web"), in_use(&rig)), (None, BTreeSet::new()));
    rig.forget_requests();
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    assert_eq!((recorded(&rig, "web"), in_use(&rig)), (Some(FIRST), BTreeSet::from([FIRST])));
    finish(&mut rig);
    rig.run(minutes(5));
    assert_eq!((annotation(&rig, "web"), in_use(&rig)), (None, BTreeSet::new()));
    // With the revision at the beginning, before the first weight, and once more at the end.
    let is_metadata = |request: &&tidegate_api::Request| {
        is_kind(request, "Rollout") && matches!(request.operation, Operation::Patch { subresource: None, .. })
    };
    assert_eq!(rig.requests.iter().filter(is_metadata).count(), 3, "{:?}", rig.requests);
    rig.forget_requests();
    rig.run(minutes(90));
    assert_eq!(rig.requests, []);
}

#[test]
fn the_record_is_there_before_anything_is_routed() {
    let mut rig = updating();
    // Somebody else's weights must be put right at the very start.
    rig.edit_weights("web", 60, 40);
    rig.forget_requests();
    rig.run(minutes(1));
    let position =
        |what: &dyn Fn(&tidegate_api::Request) -> bool| rig.requests.iter().position(what).unwrap();
    let route = position(&|request| is_write(request) && is_kind(request, "HTTPRoute"));
    let record = position(&|request| format!("{request:?}").contains(ROUTER_PLUGINS_ANNOTATION));
    assert!(record < route, "{:?}", rig.requests);
}

#[test]
fn a_swap_in_the_middle_concerns_the_next_update() {
    let mut rig = updating();
    rig.apply_all(manifests::shop("api"));
    rig.run(seconds(20));
    assert_eq!(recorded(&rig, "web"), Some(FIRST));
    swap(&mut rig, SECOND);
    rig.set_image("api", "web:2");
    rig.run(minutes(2));
    assert_eq!((asked(&rig, "web"), asked(&rig, "api")), (FIRST, SECOND));
    assert_eq!((rig.weights("web"), rig.weights("api")), ((50, 50), (50, 50)));
    assert_eq!(in_use(&rig), BTreeSet::from([FIRST, SECOND]));
    finish(&mut rig);
    rig.run(minutes(2));
    assert_eq!((annotation(&rig, "web"), asked(&rig, "web")), (None, SECOND));
    rig.set_image("web", "web:3");
    rig.run(minutes(2));
    assert_eq!(
        (recorded(&rig, "web"), asked(&rig, "web"), rig.weights("web")),
        (Some(SECOND), SECOND, (50, 50))
    );
    assert!(events(&rig, "RouterPluginChanged").is_empty());
}

#[test]
fn a_template_that_supersedes_one_in_flight_keeps_its_version() {
    let mut rig = paused();
    swap(&mut rig, SECOND);
    rig.set_image("web", "web:3");
    rig.run(minutes(3));
    assert_eq!(
        (recorded(&rig, "web"), asked(&rig, "web"), rig.weights("web")),
        (Some(FIRST), FIRST, (50, 50))
    );
    rig.set_image("web", "web:1");
    rig.run(minutes(3));
    assert_eq!((annotation(&rig, "web"), asked(&rig, "web"), rig.weights("web")), (None, SECOND, (100, 0)));
}

#[test]
fn a_new_process_waits_for_the_recorded_version() {
    let mut rig = updating();
    rig.run(seconds(20));
    let before = rig.weights("web");
    swap(&mut rig, SECOND);
    rig.store.is_loading = true;
    rig.restart(0);
    rig.forget_requests();
    rig.run(minutes(2));
    assert_eq!((rig.weights("web"), rig.questions), (before, 0));
    assert!(rig.phase("web").starts_with("Progressing PluginLoading: "), "{}", rig.phase("web"));
    assert_eq!(in_use(&rig), BTreeSet::from([FIRST]));
    rig.store.is_loading = false;
    rig.tell_plugins();
    rig.run(minutes(2));
    assert_eq!((rig.weights("web"), asked(&rig, "web")), ((50, 50), FIRST));
    finish(&mut rig);
}

#[test]
fn a_version_that_is_there_in_a_moment_is_not_worth_a_word() {
    let mut rig = paused();
    swap(&mut rig, SECOND);
    rig.store.is_loading = true;
    rig.restart(0);
    rig.run(std::time::Duration::from_millis(300));
    rig.store.is_loading = false;
    rig.tell_plugins();
    rig.run(minutes(1));
    assert_eq!((rig.requests.as_slice(), rig.events.len()), ([].as_slice(), 0));
    assert_eq!(asked(&rig, "web"), FIRST);
}

#[test]
fn the_next_leader_uses_the_recorded_version() {
    let mut rig = Rig::new();
    rig.start_standby();
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig.run(seconds(20));
    swap(&mut rig, SECOND);
    rig.run(seconds(5));
    assert_eq!(rig.controllers[1].knows.in_use[PLUGIN], BTreeSet::from([FIRST]), "it prepares");
    rig.tell(0, Event::Leading(false));
    rig.tell(1, Event::Leading(true));
    rig.run(minutes(2));
    assert_eq!((rig.weights("web"), rig.controllers[1].knows.asked("web")), ((50, 50), FIRST));
    finish(&mut rig);
}

#[test]
fn a_revoked_version_is_given_up_and_said() {
    let mut rig = updating();
    rig.run(seconds(20));
    swap(&mut rig, SECOND);
    rig.run(seconds(1));
    rig.store.revoked.insert(FIRST);
    rig.tell_plugins();
    rig.run(minutes(2));
    assert_eq!(
        (recorded(&rig, "web"), asked(&rig, "web"), rig.weights("web")),
        (Some(SECOND), SECOND, (50, 50))
    );
    let said = events(&rig, "RouterPluginChanged");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("Revoked") && said[0].contains(&SECOND.to_string()), "{said:?}");
}

#[test]
fn a_revoked_version_with_nothing_else_waits() {
    let mut rig = paused();
    rig.plugins.insert(PLUGIN.to_owned(), unavailable("CompileFailed"));
    rig.store.revoked.insert(FIRST);
    rig.tell_plugins();
    rig.promote("web");
    rig.run(minutes(2));
    assert_eq!((recorded(&rig, "web"), rig.weights("web")), (Some(FIRST), (50, 50)));
    assert_eq!(rig.routing_reason("web"), Some("CompileFailed"));
    let message = rig.condition("web", "TrafficRouterReady").unwrap()["message"].to_string();
    assert!(message.contains("Revoked"), "{message}");
    swap(&mut rig, SECOND);
    finish(&mut rig);
    assert_eq!(rig.weights("web"), (100, 0));
}

#[test]
fn what_a_revoked_version_still_wanted_to_write_is_not_written() {
    let mut rig = Rig::empty(tidegate_shell::Settings::default());
    rig.apply_all(manifests::shop("web"));
    let mut second = manifests::route("web");
    second["metadata"]["name"] = json!("second");
    rig.create(second);
    let plugins = json!({PLUGIN: {"route": null, "labels": "app=web"}});
    let patch = json!({"spec": {"strategy": {"canary": {"trafficRouting": {"plugins": plugins}}}}});
    rig.patch(&builtin::rollouts(), "web", None, patch);
    rig.start();
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    // At the first write of a weight the version is revoked, before the answer arrives.
    let revoked = std::rc::Rc::new(std::cell::Cell::new(false));
    let flag = revoked.clone();
    rig.fate = Box::new(move |_, request| {
        flag.set(flag.get() || is_write(request) && is_kind(request, "HTTPRoute"));
        Fate::Answered
    });
    rig.revoke_when = Some(revoked);
    rig.run(minutes(2));
    let weights = [rig.weights("web"), rig.weights("second")];
    assert!(weights.contains(&(80, 20)) && weights.contains(&(100, 0)), "{weights:?}");
    assert_eq!(rig.routing_reason("web"), Some("Revoked"));
}

#[test]
fn a_version_that_keeps_failing_gives_way_to_a_newer_one() {
    let mut rig = updating();
    rig.run(seconds(20));
    *rig.router.fault.lock().unwrap() = Some(FaultReason::Trap);
    rig.run(seconds(30));
    assert_eq!(rig.routing_reason("web"), Some("Trap"));
    rig.forget_requests();
    swap(&mut rig, SECOND);
    rig.run(seconds(30));
    assert_eq!((recorded(&rig, "web"), asked(&rig, "web")), (Some(SECOND), SECOND));
    let said = events(&rig, "RouterPluginChanged");
    assert!(said.len() == 1 && said[0].contains("3 times") && said[0].contains("Trap"), "{said:?}");
    rig.run(minutes(1));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
    finish(&mut rig);
}

#[test]
fn failures_that_are_not_the_plugins_or_not_in_a_row_change_nothing() {
    let mut rig = updating();
    rig.run(seconds(20));
    swap(&mut rig, SECOND);
    *rig.router.fault.lock().unwrap() = Some(FaultReason::HostBusy);
    rig.run(minutes(5));
    for _ in 0..3 {
        *rig.router.fault.lock().unwrap() = Some(FaultReason::Trap);
        rig.edit_weights("web", 90, 10);
        rig.run(seconds(0));
        assert_eq!(rig.routing_reason("web"), Some("Trap"));
        *rig.router.fault.lock().unwrap() = None;
        rig.run(minutes(2));
    }
    assert_eq!((recorded(&rig, "web"), asked(&rig, "web")), (Some(FIRST), FIRST));
    assert!(events(&rig, "RouterPluginChanged").is_empty());
}

#[test]
fn a_version_that_fails_with_none_newer_stays() {
    let mut rig = updating();
    rig.run(seconds(20));
    *rig.router.fault.lock().unwrap() = Some(FaultReason::Trap);
    rig.run(minutes(60));
    assert_eq!((recorded(&rig, "web"), rig.routing_reason("web")), (Some(FIRST), Some("Trap")));
    assert!(events(&rig, "RouterPluginChanged").is_empty());
}

#[test]
fn taking_the_record_away_goes_on_with_the_current_version() {
    let mut rig = paused();
    swap(&mut rig, SECOND);
    rig.run(seconds(10));
    assert_eq!(recorded(&rig, "web"), Some(FIRST));
    annotate(&mut rig, None);
    rig.run(seconds(10));
    assert_eq!((recorded(&rig, "web"), asked(&rig, "web")), (Some(SECOND), SECOND));
    finish(&mut rig);
}

#[test]
fn editing_the_record_goes_on_with_the_version_that_it_names() {
    let mut rig = paused();
    swap(&mut rig, SECOND);
    swap(&mut rig, THIRD);
    rig.run(seconds(10));
    annotate(&mut rig, Some(&format!("{{ \"{PLUGIN}\": \"sha256:{SECOND}\" }}")));
    rig.forget_requests();
    rig.run(seconds(10));
    assert_eq!((recorded(&rig, "web"), asked(&rig, "web")), (Some(SECOND), SECOND));
    let is_of_it = |one: &&tidegate_api::Request| format!("{one:?}").contains(ROUTER_PLUGINS_ANNOTATION);
    assert_eq!(rig.requests.iter().find(is_of_it), None, "it says what is meant, in other letters");

    annotate(&mut rig, Some(&json!({PLUGIN: "01".repeat(32)}).to_string()));
    rig.run(seconds(10));
    assert_eq!((recorded(&rig, "web"), asked(&rig, "web")), (Some(THIRD), THIRD));
    let said = events(&rig, "RouterPluginChanged");
    assert!(said.len() == 1 && said[0].contains("NotStored"), "{said:?}");
}

#[test]
fn a_record_that_cannot_be_meant_is_ignored_and_said_once() {
    let good = json!({PLUGIN: FIRST.to_string()}).to_string();
    let table = [
        ("no JSON", SECOND),
        ("[1, 2]", SECOND),
        ("{\"example/weights\": 7}", SECOND),
        ("{\"example/weights\": \"0707\"}", SECOND),
        (&format!("{}, \"example/other\": \"{FIRST}\"}}", good.trim_end_matches('}')), FIRST),
    ];
    for (text, expected) in table {
        let mut rig = paused();
        swap(&mut rig, SECOND);
        rig.run(seconds(10));
        annotate(&mut rig, Some(text));
        rig.run(minutes(5));
        assert_eq!((recorded(&rig, "web"), asked(&rig, "web")), (Some(expected), expected), "{text}");
        assert_eq!(events(&rig, "RouterPluginsIgnored").len(), 1, "{text}: {:?}", rig.events);
        finish(&mut rig);
    }
}

#[test]
fn a_record_of_an_idle_rollout_is_taken_away() {
    let mut rig = Rig::new();
    rig.run(minutes(1));
    for text in ["garbage", &json!({PLUGIN: SECOND.to_string()}).to_string()] {
        annotate(&mut rig, Some(text));
        rig.run(minutes(1));
        assert_eq!((annotation(&rig, "web"), in_use(&rig)), (None, BTreeSet::new()));
    }
    assert!(rig.is_healthy("web"));
}

#[test]
fn what_is_in_use_is_told_before_anything_is_asked_and_only_when_it_changes() {
    let mut rig = paused();
    rig.restart(0);
    rig.controllers[0].knows.told = 0;
    rig.run(minutes(1));
    assert_eq!((rig.controllers[0].knows.told, in_use(&rig)), (1, BTreeSet::from([FIRST])));
    assert!(!rig.controllers[0].knows.asked_before_told);
    rig.run(minutes(60));
    rig.relist(0);
    rig.run(minutes(1));
    assert_eq!(rig.controllers[0].knows.told, 1);
    rig.delete(&builtin::rollouts(), "web");
    rig.run(minutes(1));
    assert_eq!((rig.controllers[0].knows.told, in_use(&rig)), (2, BTreeSet::new()));
}

#[test]
fn other_settings_or_another_grant_are_another_question() {
    let mut rig = paused();
    let version = PluginVersion::new(rig.router.clone());
    let settings = PluginVersion { settings: "{\"a\":1}".into(), ..version.clone() };
    let nothing =
        Grant::new(vec![Permission { kind: "ConfigMap".to_owned(), ..Permission::default() }]).unwrap();
    let grant = PluginVersion { grant: Some(Arc::new(nothing)), ..version.clone() };
    for (version, may_work) in [(settings, true), (version.clone(), true), (grant, false), (version, true)] {
        rig.forget_requests();
        rig.plugins.insert(PLUGIN.to_owned(), PluginState::Ready(version));
        rig.tell_plugins();
        rig.run(seconds(10));
        assert!(rig.questions > 0);
        assert_eq!(rig.routing_reason("web").is_none(), may_work, "{:?}", rig.routing_reason("web"));
        rig.forget_requests();
        rig.tell(0, Event::Plugins(rig.controllers[0].knows.plugins.clone()));
        rig.run(seconds(10));
        assert_eq!(rig.questions, 0, "the same again is nothing new");
    }
}

#[test]
fn of_two_routers_the_one_with_a_version_goes_on() {
    let mut rig = Rig::empty(tidegate_shell::Settings::default());
    rig.plugins = BTreeMap::from([
        ("a/a".to_owned(), PluginState::ready(Arc::new(Weights::of(SECOND)))),
        (PLUGIN.to_owned(), PluginState::ready(rig.router.clone())),
    ]);
    rig.apply_all(manifests::shop("web"));
    let mut second = manifests::route("web");
    second["metadata"]["name"] = json!("second");
    rig.create(second);
    let plugins = json!({"a/a": {"route": "second"}});
    let patch = json!({"spec": {"strategy": {"canary": {"trafficRouting": {"plugins": plugins}}}}});
    rig.patch(&builtin::rollouts(), "web", None, patch);
    rig.start();
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig.run(seconds(15));
    assert_eq!((rig.weights("web"), rig.weights("second")), ((80, 20), (80, 20)));
    let ready = rig.plugins.insert("a/a".to_owned(), unavailable("DigestMismatch")).unwrap();
    rig.tell_plugins();
    rig.run(minutes(2));
    assert_eq!((rig.weights("web"), rig.weights("second")), ((50, 50), (80, 20)));
    assert_eq!(rig.routing_reason("web"), Some("DigestMismatch"));
    rig.plugins.insert("a/a".to_owned(), ready);
    rig.tell_plugins();
    rig.run(minutes(2));
    assert_eq!((rig.weights("web"), rig.weights("second")), ((50, 50), (50, 50)));
    let record: Value = serde_json::from_str(&annotation(&rig, "web").unwrap()).unwrap();
    assert_eq!(record, json!({"a/a": SECOND.to_string(), PLUGIN: FIRST.to_string()}));
    finish(&mut rig);
    assert_eq!((rig.weights("web"), rig.weights("second")), ((100, 0), (100, 0)));
}

/// Says of the canary's weight whether it is as it should be.
type Holds = fn(&Value) -> bool;

#[test]
fn an_update_that_begins_right_after_another_uses_the_current_version() {
    let is_away = |weight: &Value| weight.as_u64().is_some_and(|weight| weight > 0);
    let is_back = |weight: &Value| weight == 0;
    // The traffic is yet to come back, or is back, and no gateway has said so yet.
    for (name, holds) in [("away", is_away as Holds), ("back", is_back as Holds)] {
        let mut rig = paused();
        swap(&mut rig, SECOND);
        rig.run(seconds(10));
        assert_eq!(asked(&rig, "web"), FIRST);
        rig.lag = Duration::from_millis(100);
        rig.promote("web");
        let is_so = |rig: &Rig| {
            rig.is_healthy("web")
                && holds(&rig.rollout("web")["status"]["canary"]["weights"]["canary"]["weight"])
        };
        for _ in 0..60_000 {
            rig.run(Duration::from_millis(1));
            if is_so(&rig) {
                break;
            }
        }
        assert!(is_so(&rig), "{name}: {}", rig.phase("web"));
        assert_eq!(recorded(&rig, "web"), Some(FIRST), "{name}");
        rig.set_image("web", "web:3");
        rig.run(minutes(1));
        assert_eq!((recorded(&rig, "web"), asked(&rig, "web")), (Some(SECOND), SECOND), "{name}");
    }
}
