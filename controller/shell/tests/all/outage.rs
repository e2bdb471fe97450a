//! A plugin that is not there: what the Rollouts that use it say and do meanwhile, and that they go on by themselves.

use serde_json::{Value, json};
use tidegate_api::builtin;
use tidegate_shell::PluginState;

use crate::canary::{finish, paused, updating};
use crate::manifests::{self, PLUGIN};
use crate::rig::{Rig, minutes, seconds};
use crate::store::unavailable;

fn set(rig: &mut Rig, state: PluginState) {
    rig.plugins.insert(PLUGIN.to_owned(), state);
    // Nothing of it is left anywhere.
    rig.store.versions.clear();
    rig.tell_plugins();
}

fn recover(rig: &mut Rig) {
    let router = rig.router.clone();
    set(rig, PluginState::ready(router));
}

fn idle() -> Rig {
    let mut rig = Rig::new();
    rig.run(minutes(5));
    rig.forget_requests();
    rig
}

fn status(rig: &Rig) -> Value {
    rig.rollout("web")["status"].clone()
}

#[test]
fn an_idle_rollout_stays_healthy_and_says_what_is_wrong() {
    for reason in ["DigestMismatch", "Unreachable"] {
        let mut rig = idle();
        set(&mut rig, unavailable(reason));
        rig.run(minutes(60));
        assert_eq!((rig.phase("web").as_str(), rig.routing_reason("web")), ("Healthy", Some(reason)));
        let message = &rig.condition("web", "TrafficRouterReady").unwrap()["message"];
        assert!(message.as_str().unwrap().contains("it cannot be had."), "{message}");
        assert!(rig.condition("web", "TrafficNotVerified").is_none(), "nobody can act on that");
        assert_eq!(rig.writes_of("Rollout"), 1);
        rig.restart(0);
        rig.run(minutes(5));
        assert_eq!((rig.phase("web").as_str(), rig.writes_of("Rollout")), ("Healthy", 1));
        recover(&mut rig);
        rig.run(minutes(1));
        assert_eq!((rig.routing_reason("web"), rig.writes_of("Rollout")), (None, 2));
        assert_eq!(rig.weights("web"), (100, 0));
    }
}

#[test]
fn while_plugins_are_being_loaded_nothing_is_said_about_an_idle_rollout() {
    for (before, is_complete) in [(None, true), (None, false), (Some("DigestMismatch"), true)] {
        let mut rig = idle();
        if let Some(reason) = before {
            set(&mut rig, unavailable(reason));
            rig.run(minutes(1));
        }
        let said = status(&rig);
        rig.forget_requests();
        let last = rig.plugins[PLUGIN].clone();
        if is_complete {
            set(&mut rig, PluginState::Loading);
        } else {
            rig.plugins.clear();
            rig.store.is_complete = false;
        }
        rig.restart(0);
        rig.run(minutes(30));
        assert_eq!(rig.requests, [], "{before:?} {is_complete}");
        assert_eq!(rig.events, []);
        assert_eq!(status(&rig), said);
        rig.store.is_complete = true;
        set(&mut rig, last);
        rig.run(minutes(1));
        assert_eq!(rig.requests, [], "{before:?} {is_complete}");
        assert_eq!(status(&rig), said);
    }
}

#[test]
fn a_rollout_whose_spec_is_refused_stays_so_while_nobody_can_be_asked() {
    for state in [PluginState::Loading, unavailable("Unreachable")] {
        let mut rig = idle();
        let step = json!({"setHeaderRoute": {"name": "new", "match": [{"headerName": "x", "headerValue": {"exact": "y"}}]}});
        let canary = json!({"steps": [step], "trafficRouting": {"managedRoutes": [{"name": "new"}]}});
        rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"strategy": {"canary": canary}}}));
        rig.set_image("web", "web:2");
        rig.run(minutes(1));
        assert!(rig.phase("web").starts_with("Degraded UnsupportedStep: "), "{}", rig.phase("web"));
        let phase = rig.phase("web");
        set(&mut rig, state);
        rig.restart(0);
        rig.forget_requests();
        rig.run(minutes(5));
        assert_eq!((rig.phase("web"), rig.writes_of("ReplicaSet")), (phase, 0));
        recover(&mut rig);
        let canary = json!({"steps": [{"setWeight": 30}, {"pause": {}}]});
        rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"strategy": {"canary": canary}}}));
        rig.run(minutes(1));
        assert_eq!(rig.weights("web"), (70, 30), "{}", rig.phase("web"));
    }
}

#[test]
fn one_in_flight_waits_says_why_and_goes_on_by_itself() {
    for (state, reason) in
        [(unavailable("DigestMismatch"), "DigestMismatch"), (PluginState::Loading, "PluginLoading")]
    {
        let mut rig = updating();
        rig.run(seconds(15));
        assert_eq!(rig.weights("web"), (80, 20));
        set(&mut rig, state);
        rig.run(minutes(2));
        let phase = rig.phase("web");
        assert!(phase.starts_with(&format!("Progressing {reason}: {PLUGIN}: ")), "{phase}");
        assert_eq!((rig.weights("web"), &status(&rig)["currentStepIndex"]), ((80, 20), &json!(2)));

        rig.run(minutes(12));
        let phase = rig.phase("web");
        assert!(phase.starts_with("Degraded ProgressDeadlineExceeded: "), "{phase}");
        assert!(phase.contains(reason), "{phase}");
        assert_eq!(rig.weights("web"), (80, 20));

        rig.forget_requests();
        rig.run(minutes(60));
        assert_eq!(rig.requests, [], "there is nothing more to say");
        recover(&mut rig);
        rig.run(minutes(2));
        assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
        assert!(rig.phase("web").starts_with("Paused"), "{}", rig.phase("web"));
        finish(&mut rig);
    }
}

#[test]
fn an_update_that_begins_without_the_plugin_waits_for_it() {
    let mut rig = idle();
    set(&mut rig, unavailable("Unreachable"));
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    assert!(rig.phase("web").starts_with("Progressing Unreachable: "), "{}", rig.phase("web"));
    assert_eq!(rig.weights("web"), (100, 0));
    recover(&mut rig);
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
    finish(&mut rig);
}

#[test]
fn a_paused_one_stays_paused_and_an_abort_takes_the_canary_service_back() {
    let mut rig = paused();
    set(&mut rig, unavailable("Revoked"));
    rig.run(minutes(60));
    assert_eq!(rig.phase("web"), "Paused CanaryPauseStep");
    assert_eq!(rig.routing_reason("web"), Some("Revoked"));
    rig.abort("web");
    rig.run(minutes(5));
    assert!(rig.phase("web").starts_with("Degraded RolloutAborted"), "{}", rig.phase("web"));
    let selected = |rig: &Rig, name: &str| {
        let service = rig.cluster.object(&builtin::services(), "shop", name).unwrap();
        service["spec"]["selector"]["rollouts-pod-template-hash"].clone()
    };
    assert_eq!(rig.weights("web"), (50, 50));
    assert_eq!(selected(&rig, "web-canary"), selected(&rig, "web-stable"));
    recover(&mut rig);
    rig.run(minutes(5));
    assert_eq!(rig.weights("web"), (100, 0));
}

#[test]
fn a_finished_update_whose_traffic_is_not_back_yet_is_healthy_and_brings_it_back() {
    let mut rig = paused();
    rig.promote("web");
    for _ in 0..240 {
        rig.run(seconds(1));
        let status = status(&rig);
        if status["stableRS"] == status["currentPodHash"] {
            break;
        }
    }
    set(&mut rig, unavailable("Unreachable"));
    rig.run(minutes(20));
    assert_eq!(rig.phase("web"), "Healthy");
    recover(&mut rig);
    rig.run(minutes(2));
    assert_eq!((rig.weights("web"), rig.routing_reason("web")), ((100, 0), None));
}

#[test]
fn others_with_other_plugins_notice_nothing() {
    let mut rig = idle();
    let router = rig.router.clone();
    rig.plugins.insert("example/other".to_owned(), PluginState::ready(router));
    rig.apply_all(manifests::shop("api"));
    let plugins = json!({PLUGIN: null, "example/other": {"route": "api"}});
    let patch = json!({"spec": {"strategy": {"canary": {"trafficRouting": {"plugins": plugins}}}}});
    rig.patch(&builtin::rollouts(), "api", None, patch);
    rig.tell_plugins();
    rig.run(minutes(1));
    for state in [unavailable("TooLarge"), PluginState::Loading] {
        set(&mut rig, state);
        rig.set_image("web", "web:2");
        rig.set_image("api", "web:2");
        rig.run(minutes(2));
        assert_eq!((rig.weights("web"), rig.weights("api")), ((100, 0), (50, 50)));
        rig.set_image("web", "web:1");
        rig.set_image("api", "web:1");
        rig.run(minutes(5));
        assert_eq!((rig.weights("api"), rig.phase("api")), ((100, 0), "Healthy".to_owned()));
    }
}
