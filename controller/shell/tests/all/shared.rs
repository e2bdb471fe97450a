//! Two Rollouts that share a route, and two that claim the same.

use serde_json::{Value, json};
use tidegate_api::{ApiError, builtin, object};

use crate::manifests::{self, PLUGIN};
use crate::rig::{Fate, Rig, is_kind, is_write, minutes, seconds};

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

#[test]
fn races_for_one_route_lose_nothing() {
    for lag in [seconds(0), seconds(2)] {
        let mut rig = sharing();
        rig.lag = lag;
        rig.set_image("web", "web:2");
        rig.set_image("api", "web:2");
        // Every third write of the route is said to have come too late.
        let mut writes = 0;
        rig.fate = Box::new(move |_, request| {
            writes += usize::from(is_write(request) && is_kind(request, "HTTPRoute"));
            if is_write(request) && is_kind(request, "HTTPRoute") && writes % 3 == 0 {
                return Fate::Refused(ApiError::new(409, "Conflict", "the object has been modified"));
            }
            Fate::Answered
        });
        rig.run(minutes(5));
        assert_eq!(weights(&rig), [50, 50, 50, 50], "{lag:?}");
        assert_eq!((rig.routing_reason("web"), rig.routing_reason("api")), (None, None));
    }
}

/// `first`, and two seconds later `second`, whose strategy is as given.
fn one_after_the_other(first: &str, second: &str, strategy: &Value) -> Rig {
    let mut rig = Rig::empty(tidegate_shell::Settings::default());
    rig.apply_all(manifests::shop(first));
    rig.start();
    rig.run(seconds(2));
    rig.apply_all(manifests::shop(second));
    for name in [first, second] {
        rig.patch(&builtin::rollouts(), name, None, json!({"spec": {"strategy": {"canary": strategy}}}));
    }
    rig.run(minutes(1));
    rig
}

fn conflicts(rig: &Rig, name: &str) -> Option<String> {
    let rollout = rig.cluster.object(&builtin::rollouts(), "shop", name)?;
    let conditions = rollout["status"]["conditions"].as_array()?;
    let ready = conditions.iter().find(|condition| condition["type"] == "TrafficRouterReady")?;
    (ready["status"] == "False" && ready["reason"] == "RouteConflict")
        .then(|| ready["message"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn of_two_that_claim_a_service_the_older_keeps_it() {
    // By name the younger one would be first.
    let strategy = json!({"stableService": "web-stable", "canaryService": "web-canary", "trafficRouting": {"plugins": {PLUGIN: {"route": "web"}}}});
    let mut rig = one_after_the_other("web", "api", &strategy);
    assert_eq!(conflicts(&rig, "web"), None);
    let message = conflicts(&rig, "api").expect("the younger one says so");
    assert!(message.contains("shop/web") && message.contains("web-"), "{message}");
    let service = rig.cluster.object(&builtin::services(), "shop", "web-stable").unwrap();
    assert_eq!(object::annotation(service, "argo-rollouts.argoproj.io/managed-by-rollouts"), Some("web"));
    // The older one goes on.
    rig.forget_requests();
    rig.set_image("web", "web:2");
    rig.set_image("api", "web:2");
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50));
    assert_eq!(conflicts(&rig, "web"), None);
    assert!(conflicts(&rig, "api").is_some());
    // And the younger one, once the older one is gone.
    rig.delete(&builtin::rollouts(), "web");
    rig.run(minutes(3));
    assert_eq!((conflicts(&rig, "api"), rig.routing_reason("api")), (None, None));
    let service = rig.cluster.object(&builtin::services(), "shop", "web-stable").unwrap();
    assert_eq!(object::annotation(service, "argo-rollouts.argoproj.io/managed-by-rollouts"), Some("api"));
}

#[test]
fn the_younger_goes_on_when_the_older_names_another_service() {
    let strategy =
        json!({"stableService": "web-stable", "trafficRouting": {"plugins": {PLUGIN: {"route": "web"}}}});
    let mut rig = one_after_the_other("web", "api", &strategy);
    assert!(conflicts(&rig, "api").is_some());
    let own = json!({"spec": {"strategy": {"canary": {"stableService": "api-stable", "trafficRouting": {"plugins": {PLUGIN: {"route": "api"}}}}}}});
    rig.patch(&builtin::rollouts(), "api", None, own);
    rig.run(minutes(1));
    assert_eq!((conflicts(&rig, "api"), rig.routing_reason("api")), (None, None));
}

#[test]
fn of_two_with_the_same_managed_route_in_one_object_the_older_keeps_it() {
    let strategy = |route: &str, managed: &str| json!({"trafficRouting": {"managedRoutes": [{"name": managed}], "plugins": {PLUGIN: {"route": route}}}});
    for restart in [false, true] {
        let mut rig = sharing();
        rig.run(seconds(2));
        // The names differ, or the objects do.
        for (web, api) in [(("both", "x"), ("both", "y")), (("web", "x"), ("both", "x"))] {
            for (name, (route, managed)) in [("web", web), ("api", api)] {
                let patch = json!({"spec": {"strategy": {"canary": strategy(route, managed)}}});
                rig.patch(&builtin::rollouts(), name, None, patch);
            }
            rig.run(minutes(1));
            assert_eq!((conflicts(&rig, "web"), conflicts(&rig, "api")), (None, None));
        }
        // Created in the same second, `api` comes first by its name.
        let patch = json!({"spec": {"strategy": {"canary": strategy("both", "x")}}});
        rig.patch(&builtin::rollouts(), "web", None, patch);
        if restart {
            rig.restart(0);
        }
        rig.forget_requests();
        rig.set_image("web", "web:2");
        rig.set_image("api", "web:2");
        rig.run(minutes(3));
        assert_eq!(conflicts(&rig, "api"), None);
        let message = conflicts(&rig, "web").expect("the younger one says so");
        assert!(
            message.contains("shop/api") && message.contains('x') && message.contains("both"),
            "{message}"
        );
        assert_eq!(weights(&rig), [50, 50, 100, 0]);
        rig.delete(&builtin::rollouts(), "api");
        rig.run(minutes(3));
        assert_eq!((conflicts(&rig, "web"), rig.routing_reason("web")), (None, None));
        assert_eq!(weights(&rig)[2..], [50, 50]);
    }
}
