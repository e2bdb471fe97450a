//! Several routers on one Rollout.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::{ApiError, builtin};
use tidegate_contract::FaultReason;
use tidegate_shell::{PluginState, Report, Settings};

use crate::canary::finish;
use crate::manifests;
use crate::rig::{Fate, Rig, is_kind, is_write, minutes, seconds};
use crate::router::Weights;

/// The routers, in the order in which they are called, and the route of each.
const ROUTERS: [(&str, &str); 3] = [("builtin:istio", "zone"), ("a/a", "web"), ("b/b", "edge")];

/// An update of `shop/web`, whose traffic these routers divide, each in a route of its own.
fn updating(count: usize) -> (Rig, Vec<Arc<Weights>>) {
    let mut rig = Rig::empty(Settings::default());
    let mut routers = Vec::new();
    rig.plugins.clear();
    for (name, _) in ROUTERS {
        let router = Arc::new(Weights::new());
        rig.plugins.insert(name.to_owned(), PluginState::ready(router.clone()));
        routers.push(router);
    }
    rig.apply_all(manifests::shop("web"));
    for (_, route) in ROUTERS.iter().filter(|(_, route)| *route != "web") {
        let mut object = manifests::route("web");
        object["metadata"]["name"] = json!(route);
        rig.create(object);
    }
    let mut plugins = json!({manifests::PLUGIN: null});
    let mut routing = json!({});
    // Written in another order than they are called in.
    for (name, route) in ROUTERS.iter().take(count).rev() {
        match name.strip_prefix("builtin:") {
            Some(key) => routing[key] = json!({"route": route}),
            None => plugins[name] = json!({"route": route}),
        }
    }
    routing["plugins"] = plugins;
    rig.patch(
        &builtin::rollouts(),
        "web",
        None,
        json!({"spec": {"strategy": {"canary": {"trafficRouting": routing}}}}),
    );
    rig.start();
    rig.run(minutes(1));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    rig.set_image("web", "web:2");
    (rig, routers)
}

fn weights(rig: &Rig, count: usize) -> Vec<(u64, u64)> {
    ROUTERS.iter().take(count).map(|(_, route)| rig.weights(route)).collect()
}

/// The names of the routers as the last pass reported them.
fn reported(rig: &Rig) -> Vec<String> {
    let routing = rig.reports.iter().rev().find_map(|report| match report {
        Report::Pass { routing, .. } => routing.as_ref(),
        _ => None,
    });
    routing.unwrap().routers.iter().map(|report| report.router.clone()).collect()
}

fn step(rig: &Rig) -> &Value {
    &rig.rollout("web")["status"]["currentStepIndex"]
}

fn message(rig: &Rig) -> &str {
    rig.condition("web", "TrafficRouterReady").unwrap()["message"].as_str().unwrap()
}

#[test]
fn all_get_the_same_traffic_in_a_fixed_order() {
    for count in [2, 3] {
        let (mut rig, _) = updating(count);
        rig.run(minutes(2));
        assert_eq!(weights(&rig, count), vec![(50, 50); count]);
        let expected: Vec<&str> = ROUTERS.iter().take(count).map(|(name, _)| *name).collect();
        assert_eq!(reported(&rig), expected);
        assert_eq!(rig.checks, count);
        finish(&mut rig);
        assert_eq!(weights(&rig, count), vec![(100, 0); count]);
    }
}

#[test]
fn one_that_fails_keeps_the_step_and_not_the_others() {
    for failing in 0..3 {
        let (mut rig, routers) = updating(3);
        *routers[failing].fault.lock().unwrap() = Some(FaultReason::Trap);
        rig.run(minutes(2));
        let mut expected = vec![(80, 20); 3];
        expected[failing] = (100, 0);
        assert_eq!(weights(&rig, 3), expected, "{failing}");
        assert_eq!((step(&rig), rig.routing_reason("web")), (&json!(0), Some("Trap")));
        assert!(message(&rig).starts_with(ROUTERS[failing].0), "{}", message(&rig));
        assert_eq!(rig.rollout("web")["status"]["canary"]["weights"]["canary"]["weight"], 0);

        // On an abort the others give the traffic back.
        let abort = json!({"status": {"abort": true}});
        rig.patch(&builtin::rollouts(), "web", Some("status"), abort);
        rig.run(seconds(30));
        assert_eq!(weights(&rig, 3), [(100, 0); 3]);
    }
}

#[test]
fn all_that_fail_are_named() {
    let (mut rig, routers) = updating(3);
    *routers[0].fault.lock().unwrap() = Some(FaultReason::Trap);
    *routers[2].fault.lock().unwrap() = Some(FaultReason::OutOfFuel);
    rig.run(minutes(2));
    assert_eq!(weights(&rig, 3), [(100, 0), (80, 20), (100, 0)]);
    assert!(
        message(&rig).contains(ROUTERS[0].0) && message(&rig).contains(ROUTERS[2].0),
        "{}",
        message(&rig)
    );
    *routers[0].fault.lock().unwrap() = None;
    *routers[2].fault.lock().unwrap() = None;
    rig.run(minutes(15));
    assert_eq!(weights(&rig, 3), [(50, 50); 3], "{}", rig.phase("web"));
}

#[test]
fn one_whose_write_is_pending_keeps_the_step_and_not_the_others() {
    for (pending, (_, route)) in ROUTERS.iter().enumerate().take(2) {
        let (mut rig, _) = updating(2);
        let route = *route;
        rig.fate = Box::new(move |_, request| {
            let is_it = is_kind(request, "HTTPRoute") && is_write(request) && request.name() == Some(route);
            if is_it { Fate::Refused(ApiError::new(500, "InternalError", "not now")) } else { Fate::Answered }
        });
        rig.run(minutes(1));
        let mut expected = vec![(80, 20); 2];
        expected[pending] = (100, 0);
        assert_eq!((weights(&rig, 2), step(&rig)), (expected, &json!(0)));
        rig.fate = Box::new(|_, _| Fate::Answered);
        rig.run(minutes(3));
        assert_eq!(weights(&rig, 2), [(50, 50); 2], "{}", rig.phase("web"));
    }
}

#[test]
fn a_step_that_only_one_of_them_cannot_do_is_refused_with_its_name() {
    let (mut rig, routers) = updating(3);
    *routers[1].check.lock().unwrap() = Ok(Vec::new());
    rig.restart(0);
    rig.run(minutes(2));
    assert!(rig.phase("web").starts_with("Degraded UnsupportedStep: "), "{}", rig.phase("web"));
    assert!(rig.phase("web").contains("steps[0].setWeight: router a/a "), "{}", rig.phase("web"));
    assert_eq!(weights(&rig, 3), [(100, 0); 3]);
}
