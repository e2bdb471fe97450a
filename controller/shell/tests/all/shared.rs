//! Two Rollouts that share a route.

use serde_json::json;
use tidegate_api::builtin;

use crate::manifests::{self, PLUGIN};
use crate::rig::{Rig, minutes};

/// `web` and `api`, each with a rule of its own in one route.
fn sharing() -> Rig {
    let mut rig = Rig::empty(tidegate_shell::Settings::default());
    rig.apply_all(manifests::shop("web"));
    rig.apply_all(manifests::shop("api"));
    let rules = |name: &str| manifests::route(name)["spec"]["rules"][1].clone();
    let mut both = manifests::route("both");
    both["spec"]["rules"] = json!([rules("api"), rules("web")]);
    rig.create(both);
    for name in ["web", "api"] {
        let plugins = json!({"canary": {"trafficRouting": {"plugins": {PLUGIN: {"route": "both"}}}}});
        rig.patch(&builtin::rollouts(), name, None, json!({"spec": {"strategy": plugins}}));
    }
    rig.start();
    rig.run(minutes(1));
    rig
}

fn weights(rig: &Rig) -> Vec<u64> {
    let route = rig.cluster.object(&rig.routes(), "shop", "both").unwrap();
    let rules = route["spec"]["rules"].as_array().unwrap().iter();
    rules
        .flat_map(|rule| rule["backendRefs"].as_array().unwrap())
        .map(|backend| backend["weight"].as_u64().unwrap())
        .collect()
}

#[test]
fn each_writes_its_own_rule_and_neither_takes_the_other_for_an_intruder() {
    let mut rig = sharing();
    assert_eq!(weights(&rig), [100, 0, 100, 0]);
    rig.set_image("web", "web:2");
    rig.set_image("api", "web:2");
    rig.forget_requests();
    rig.run(minutes(3));
    assert_eq!(weights(&rig), [50, 50, 50, 50]);
    assert!(rig.writes_of("HTTPRoute") <= 6, "{}", rig.writes_of("HTTPRoute"));
    assert_eq!((rig.routing_reason("web"), rig.routing_reason("api")), (None, None));
}

#[test]
fn both_at_the_same_moment_write_one_after_the_other() {
    // The rig asserts that no two writes of one object are under way.
    let mut rig = sharing();
    let routes = rig.routes();
    let at = |rule: usize| format!("/spec/rules/{rule}/backendRefs/1/weight");
    let edit = [0, 1].map(|rule| json!({"op": "replace", "path": at(rule), "value": 7}));
    rig.forget_requests();
    rig.patch(&routes, "both", None, json!(edit));
    rig.run(minutes(1));
    assert_eq!(weights(&rig), [100, 0, 100, 0]);
    assert_eq!(rig.writes_of("HTTPRoute"), 2);
}
