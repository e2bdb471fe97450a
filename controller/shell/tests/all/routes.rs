//! Routes that somebody edits, refuses, or does not report on.

use serde_json::json;
use tidegate_api::{ApiError, Cause, builtin};
use tidegate_cluster::GatewayBehaviour;
use tidegate_shell::{Report, Settings};

use crate::canary::{finish, paused, updating};
use crate::rig::{Fate, Rig, is_kind, is_write, minutes, seconds};

#[test]
fn a_hand_edit_is_put_right_at_once_by_one_write() {
    let mut rig = paused();
    rig.edit_weights("web", 90, 10);
    rig.run(seconds(1));
    assert_eq!(rig.weights("web"), (50, 50));
    assert_eq!(rig.writes_of("HTTPRoute"), 1);
}

#[test]
fn an_edit_of_something_else_is_left_alone() {
    let mut rig = paused();
    let routes = rig.routes();
    rig.patch(
        &routes,
        "web",
        None,
        json!({"metadata": {"labels": {"team": "shop"}}, "spec": {"hostnames": ["a.example"]}}),
    );
    rig.run(minutes(1));
    assert_eq!(rig.writes_of("HTTPRoute"), 0);
}

#[test]
fn the_plugin_is_asked_only_when_something_that_it_is_told_has_changed() {
    let mut rig = paused();
    rig.run(minutes(1));
    rig.forget_requests();
    let told = rig.reports.len();
    let team = json!({"metadata": {"labels": {"team": "shop"}}});
    rig.patch(&builtin::rollouts(), "web", None, team.clone());
    rig.run(seconds(10));
    let passes = rig.reports.iter().skip(told).filter(|report| matches!(report, Report::Pass { .. })).count();
    assert!(passes > 0, "the Rollout is looked at");
    assert_eq!(rig.questions, 0, "labels of the Rollout are nothing that a plugin is told");

    let routes = rig.routes();
    rig.patch(&routes, "web", None, team);
    rig.run(seconds(10));
    assert!(rig.questions > 0, "the route is");
}

#[test]
fn somebody_who_insists_is_named_and_given_a_rest() {
    let mut rig = paused();
    for _ in 0..3 {
        rig.edit_weights("web", 90, 10);
        rig.run(seconds(20));
        assert_eq!(rig.weights("web"), (50, 50));
    }
    rig.edit_weights("web", 90, 10);
    rig.run(seconds(20));
    assert_eq!(rig.weights("web"), (90, 10), "a fourth time within ten minutes is a quarrel");
    assert_eq!(rig.routing_reason("web"), Some("RouteContested"));
    assert_eq!(rig.writes_of("HTTPRoute"), 3);

    // One try every ten minutes.
    rig.run(minutes(10));
    assert_eq!(rig.writes_of("HTTPRoute"), 4);
    assert_eq!(rig.weights("web"), (50, 50));
}

#[test]
fn a_contested_route_is_written_all_the_same_when_something_else_is_desired() {
    let mut rig = paused();
    for _ in 0..4 {
        rig.edit_weights("web", 10, 90);
        rig.run(seconds(20));
    }
    assert_eq!(rig.routing_reason("web"), Some("RouteContested"));
    rig.patch(&builtin::rollouts(), "web", Some("status"), json!({"status": {"abort": true}}));
    rig.run(seconds(10));
    assert_eq!(rig.weights("web"), (100, 0));
}

#[test]
fn a_write_that_is_refused_is_repeated_when_something_changes_and_now_and_then() {
    let mut rig = updating();
    rig.forget_requests();
    rig.fate = Box::new(|_, request| {
        if is_kind(request, "HTTPRoute") && is_write(request) {
            let mut error = ApiError::new(422, "Invalid", "admission webhook says no");
            error.causes.push(Cause { field: "spec.rules".to_owned(), message: "not on fridays".to_owned() });
            return Fate::Refused(error);
        }
        Fate::Answered
    });
    rig.run(minutes(5));
    assert_eq!(rig.routing_reason("web"), Some("WriteRejected"));
    let message = rig.condition("web", "TrafficRouterReady").unwrap()["message"].to_string();
    assert!(message.contains("admission webhook says no") && message.contains("not on fridays"), "{message}");
    assert_eq!(rig.writes_of("HTTPRoute"), 1);
    let reads =
        rig.requests.iter().filter(|request| is_kind(request, "HTTPRoute") && !is_write(request)).count();
    assert_eq!(reads, 1);

    // Its state is reported anew, which changes nothing.
    let routes = rig.routes();
    let parents = json!({"status": {"parents": []}});
    rig.patch(&routes, "web", Some("status"), parents);
    rig.run(minutes(4));
    assert_eq!(rig.writes_of("HTTPRoute"), 1);
    // Whoever refuses may change its mind, which nothing tells.
    rig.run(minutes(120));
    assert_eq!(rig.writes_of("HTTPRoute"), 13, "every ten minutes");

    rig.patch(&routes, "web", None, json!({"spec": {"hostnames": ["a.example"]}}));
    rig.run(seconds(10));
    assert_eq!(rig.writes_of("HTTPRoute"), 14, "the object changed");

    rig.fate = Box::new(|_, _| Fate::Answered);
    rig.patch(&routes, "web", None, json!({"spec": {"hostnames": ["b.example"]}}));
    rig.run(minutes(2));
    finish(&mut rig);
}

#[test]
fn a_lost_race_for_a_route_is_run_again() {
    let mut rig = updating();
    rig.forget_requests();
    let mut races = 0;
    rig.fate = Box::new(move |cluster, request| {
        if is_kind(request, "HTTPRoute") && is_write(request) && races < 5 {
            races += 1;
            let mut other = request.clone();
            let at = "/spec/rules/1/backendRefs/1/weight";
            other.operation = tidegate_api::Operation::Patch {
                name: "web".to_owned(),
                subresource: None,
                body: tidegate_api::Body::Json(json!([{"op": "add", "path": at, "value": races}])),
            };
            cluster.handle(&other).unwrap();
        }
        Fate::Answered
    });
    rig.run(seconds(15));
    assert_eq!(rig.weights("web"), (80, 20), "{}", rig.phase("web"));
    assert_eq!(rig.routing_reason("web"), None);
    rig.run(minutes(2));
    finish(&mut rig);
}

#[test]
fn a_forbidden_write_says_which_rule_is_missing_and_is_tried_now_and_then() {
    let mut rig = updating();
    rig.forget_requests();
    rig.fate = Box::new(|_, request| {
        if is_kind(request, "HTTPRoute") && is_write(request) {
            Fate::Refused(ApiError::new(403, "Forbidden", "httproutes is forbidden: User \"x\" cannot patch"))
        } else {
            Fate::Answered
        }
    });
    rig.run(minutes(10));
    assert_eq!(rig.routing_reason("web"), Some("Forbidden"));
    let message = rig.condition("web", "TrafficRouterReady").unwrap()["message"].to_string();
    assert!(message.contains("httproutes") && message.contains("patch"), "{message}");
    assert!((2..=15).contains(&rig.writes_of("HTTPRoute")), "{}", rig.writes_of("HTTPRoute"));
    rig.fate = Box::new(|_, _| Fate::Answered);
    rig.run(minutes(4));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
}

#[test]
fn a_webhook_that_says_no_is_a_refused_write_that_is_not_repeated() {
    let mut rig = updating();
    rig.forget_requests();
    rig.fate = Box::new(|_, request| {
        if is_kind(request, "HTTPRoute") && is_write(request) {
            let denial = "admission webhook \"guard.example.com\" denied the request: weights are frozen";
            Fate::Refused(ApiError::new(403, "Forbidden", denial))
        } else {
            Fate::Answered
        }
    });
    rig.run(minutes(10));
    assert_eq!(rig.routing_reason("web"), Some("WriteRejected"));
    let message = rig.condition("web", "TrafficRouterReady").unwrap()["message"].to_string();
    assert!(message.contains("weights are frozen"), "{message}");
    assert_eq!(rig.writes_of("HTTPRoute"), 1);
}

#[test]
fn a_webhook_that_times_out_is_shown_and_tried_again() {
    let mut rig = updating();
    rig.forget_requests();
    rig.fate = Box::new(|_, request| {
        if is_kind(request, "HTTPRoute") && is_write(request) {
            Fate::Refused(ApiError::new(500, "InternalError", "failed calling webhook"))
        } else {
            Fate::Answered
        }
    });
    rig.run(minutes(10));
    assert_eq!(rig.weights("web"), (100, 0));
    assert!((5..=25).contains(&rig.writes_of("HTTPRoute")), "{}", rig.writes_of("HTTPRoute"));
    rig.fate = Box::new(|_, _| Fate::Answered);
    rig.run(minutes(4));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
}

fn with_gateway(gateway: GatewayBehaviour) -> Rig {
    let mut rig = Rig::empty(Settings::default());
    rig.cluster.settings_mut().gateway = gateway;
    rig.apply_all(crate::manifests::shop("web"));
    rig.start();
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig
}

fn step(rig: &Rig) -> u64 {
    rig.rollout("web")["status"]["currentStepIndex"].as_u64().unwrap()
}

#[test]
fn a_route_on_which_nobody_reports_is_waited_for_ten_seconds() {
    let mut rig = with_gateway(GatewayBehaviour { reports_after: None, ..GatewayBehaviour::default() });
    while rig.weights("web") != (80, 20) {
        rig.run(seconds(1));
    }
    rig.run(seconds(8));
    assert_eq!(step(&rig), 0);
    rig.run(seconds(4));
    assert_eq!(step(&rig), 1);
    let message = rig.condition("web", "TrafficRouterReady").unwrap()["message"].to_string();
    assert!(message.contains("no gateway has reported"), "{message}");
    finish(&mut rig);
}

#[test]
fn a_slow_gateway_is_waited_for() {
    let slow = GatewayBehaviour { reports_after: Some(minutes(2)), ..GatewayBehaviour::default() };
    let mut rig = Rig::new();
    rig.run(minutes(1));
    rig.cluster.settings_mut().gateway = slow;
    rig.set_image("web", "web:2");
    while rig.weights("web") != (80, 20) {
        rig.run(seconds(1));
    }
    rig.run(seconds(110));
    assert_eq!(step(&rig), 0);
    rig.run(seconds(15));
    assert_eq!(step(&rig), 1);
}

#[test]
fn a_route_that_is_gone_is_missed_and_found_again() {
    let mut rig = paused();
    let routes = rig.routes();
    rig.delete(&routes, "web");
    rig.run(seconds(5));
    assert_eq!(rig.routing_reason("web"), Some("MissingObject"));
    rig.create(crate::manifests::route("web"));
    rig.run(seconds(5));
    assert_eq!(rig.weights("web"), (50, 50));
    assert_eq!(rig.routing_reason("web"), None);
}
