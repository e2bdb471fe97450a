//! What a router cannot do is found before any traffic moves.

use serde_json::{Value, json};
use tidegate_core::{RouterState, decide};

use crate::cluster::{ALL_FEATURES, Cluster};
use crate::manifests::{paused, rollout, running, trace};

/// A running Rollout with these steps and a managed route, and a router that can do everything but this.
fn lacking(feature: &str, steps: Value) -> Cluster {
    let mut rollout = rollout(steps);
    rollout["spec"]["strategy"]["canary"]["trafficRouting"]["managedRoutes"] = json!([{"name": "users"}]);
    let mut cluster = Cluster::new(
        rollout,
        [crate::manifests::service("web-canary"), crate::manifests::service("web-stable")],
    );
    cluster.features =
        Some(ALL_FEATURES.into_iter().filter(|one| *one != feature).map(str::to_owned).collect());
    cluster.settle();
    cluster
}

fn message(cluster: &Cluster) -> String {
    let conditions = cluster.status("/conditions").as_array().unwrap();
    let invalid = conditions.iter().find(|one| one["type"] == "InvalidSpec").unwrap();
    invalid["message"].as_str().unwrap().to_owned()
}

#[test]
fn each_step_that_the_router_cannot_do_is_named_with_the_router() {
    let matches = json!([{"headerName": "x", "headerValue": {"exact": "y"}}]);
    let mirror = json!([{"path": {"exact": "/"}}]);
    for (feature, step, place) in [
        ("weights", json!({"setWeight": 5}), "steps[1].setWeight"),
        (
            "header-routes",
            json!({"setHeaderRoute": {"name": "users", "match": matches}}),
            "steps[1].setHeaderRoute",
        ),
        (
            "mirror-routes",
            json!({"setMirrorRoute": {"name": "users", "match": mirror}}),
            "steps[1].setMirrorRoute",
        ),
    ] {
        let steps = json!([{"setCanaryScale": {"replicas": 1}}, step.clone(), {"pause": {}}, step]);
        let cluster = lacking(feature, steps.clone());
        assert_eq!(cluster.phase(), "Degraded", "also without an update");
        assert_eq!(cluster.condition("InvalidSpec").as_deref(), Some("True=UnsupportedStep"));
        let message = message(&cluster);
        assert!(
            message.contains(place) && message.contains("router r ") && message.contains(feature),
            "{message}"
        );
        assert_eq!(lacking("verify", steps).phase(), "Healthy");
    }
}

#[test]
fn what_no_step_needs_may_be_lacking() {
    for feature in ["header-routes", "mirror-routes", "additional-destinations", "max-weight", "verify"] {
        assert_eq!(lacking(feature, trace()).phase(), "Healthy", "{feature}");
    }
    // To remove what cannot be there needs nothing.
    let steps = json!([{"setWeight": 5}, {"setHeaderRoute": {"name": "users"}}]);
    assert_eq!(lacking("header-routes", steps).phase(), "Healthy");
    // In the end all traffic goes to the canary, steps or not.
    assert_eq!(
        lacking("weights", json!([])).condition("InvalidSpec").as_deref(),
        Some("True=UnsupportedStep")
    );
}

#[test]
fn another_maximum_is_a_feature() {
    let mut cluster = running(rollout(trace()));
    cluster.features = Some(vec!["weights".to_owned()]);
    cluster.canary(&json!({"trafficRouting": {"maxTrafficWeight": 1000}}));
    cluster.settle();
    assert_eq!(cluster.condition("InvalidSpec").as_deref(), Some("True=UnsupportedMaxWeight"));
    cluster.canary(&json!({"trafficRouting": {"maxTrafficWeight": 100}}));
    cluster.settle();
    assert_eq!(cluster.phase(), "Healthy");
}

#[test]
fn an_update_waits_with_its_traffic_untouched_and_can_be_aborted() {
    let steps = json!([
        {"setWeight": 20}, {"pause": {}}, {"setHeaderRoute": {"name": "users", "match": [
            {"headerName": "x", "headerValue": {"exact": "y"}},
        ]}}, {"pause": {}},
    ]);
    // From the start.
    let mut cluster = lacking("header-routes", steps);
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.set("v2"), cluster.weight()), ("Degraded", None, None));
    // Half-way: the router says so after its configuration changed.
    let mut cluster = paused();
    cluster.features = Some(vec!["header-routes".to_owned()]);
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight(), cluster.index()), ("Degraded", Some(20), Some(1)));
    assert_eq!((cluster.replicas("v2"), cluster.selected("web-canary").as_deref()), (Some(2), Some("v2")));
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.weight(), cluster.index()), (Some(20), Some(1)));
    cluster.abort();
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight()), ("Degraded", Some(0)));
    assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
}

#[test]
fn nothing_is_refused_before_the_router_has_said_what_it_can() {
    let mut cluster = paused();
    cluster.features = None;
    let mut world = cluster.world();
    let decision = decide(&world, cluster.now);
    assert_eq!(decision.traffic.as_ref().map(|traffic| traffic.canary.weight), Some(20));
    // Whatever it says, what is asked for next is what the decision with its answer says.
    let routing = world.routing.as_mut().unwrap();
    routing.routers[0].features = Some(Vec::new());
    routing.routers[0].state = RouterState::Waiting { reason: "WritePending".into(), message: "…".into() };
    assert_eq!(decide(&world, cluster.now).traffic, None);
}
