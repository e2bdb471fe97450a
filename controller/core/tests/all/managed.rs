//! Managed routes: a function of the steps, the position and what is available.

use serde_json::{Value, json};
use tidegate_contract::{RuleAction, TextMatch};

use tidegate_core::{World, decide, release, released};
use tidegate_model::names::STATE_ANNOTATION;
use tidegate_model::{RoutedTarget, RoutingRecord};

use crate::cluster::{Cluster, Gate};
use crate::manifests::{rollout, running};

fn header(name: &str) -> Value {
    json!({"setHeaderRoute": {"name": name, "match": [{"headerName": "X-User", "headerValue": {"exact": name}}]}})
}

fn mirror(name: &str) -> Value {
    json!({"setMirrorRoute": {"name": name, "percentage": 35, "match": [{"path": {"prefix": "/"}}]}})
}

/// A running Rollout with these steps and the managed routes `users` and `copy`, in this order.
fn managed(steps: Value) -> Cluster {
    let mut rollout = rollout(steps);
    rollout["spec"]["strategy"]["canary"]["trafficRouting"]["managedRoutes"] =
        json!([{"name": "users"}, {"name": "copy"}]);
    running(rollout)
}

/// The managed routes that exist.
fn routes(cluster: &Cluster) -> Vec<&str> {
    let traffic = cluster.written.as_ref().unwrap();
    let names: Vec<&str> = traffic.managed_routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["users", "copy"], "all are named each time, in order");
    let existing = traffic.managed_routes.iter().filter(|route| route.rule.is_some());
    existing.map(|route| route.name.as_str()).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_route_exists_from_its_step_until_one_without_matches() {
    let pause = json!({"pause": {}});
    let mut cluster = managed(json!([
        {"setCanaryScale": {"replicas": 2}}, mirror("copy"), pause, header("users"), pause,
        {"setMirrorRoute": {"name": "copy"}}, pause, {"setWeight": 20}, pause,
        {"setHeaderRoute": {"name": "users", "match": []}}, pause,
    ]));
    assert_eq!(routes(&cluster), NONE);
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.index(), routes(&cluster)), (Some(2), vec!["copy"]));
    let rule = cluster.written.as_ref().unwrap().managed_routes[1].rule.clone().unwrap();
    assert_eq!(rule.action, RuleAction::Mirror(35));
    assert_eq!(rule.matches[0].path, Some(TextMatch::Prefix("/".into())));
    for (index, expected, weight) in [
        (4, vec!["users", "copy"], 0),
        (6, vec!["users"], 0),
        (8, vec!["users"], 20),
        (10, vec![], 20),
        (11, vec![], 0),
    ] {
        cluster.promote();
        cluster.settle();
        assert_eq!((cluster.index(), cluster.weight()), (Some(index), Some(weight)));
        assert_eq!(routes(&cluster), expected, "at {index}");
    }
    assert_eq!(cluster.phase(), "Healthy");
    let told: Vec<&str> = cluster.notes.iter().map(|note| note.message.as_str()).collect();
    assert!(told.contains(&"Rollout step 4/11 completed (setHeaderRoute: users)"), "{told:?}");
}

#[test]
fn the_step_waits_until_the_routers_have_the_route() {
    let steps = json!([{"setCanaryScale": {"replicas": 1}}, header("users"), {"pause": {}}]);
    for gate in [Gate::Unverified, Gate::Pending, Gate::Failed] {
        let mut cluster = managed(steps.clone());
        cluster.deploy("v2");
        while cluster.index() != Some(1) {
            cluster.pass();
        }
        cluster.set_gate(gate);
        cluster.settle();
        assert_eq!(cluster.index(), Some(1), "{gate:?}");
        cluster.set_gate(Gate::Verified);
        cluster.settle();
        assert_eq!((cluster.index(), routes(&cluster)), (Some(2), vec!["users"]));
    }
}

#[test]
fn a_route_is_suspended_while_the_canary_has_no_pods_and_comes_back_with_them() {
    let mut cluster = managed(json!([{"setWeight": 20}, header("users"), mirror("copy"), {"pause": {}}]));
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((routes(&cluster), cluster.weight()), (vec!["users", "copy"], Some(20)));
    cluster.ready.insert("v2".into(), 0);
    cluster.follow_all();
    cluster.settle();
    assert_eq!((routes(&cluster), cluster.weight(), cluster.index()), (vec![], Some(0), Some(3)));
    cluster.ready.clear();
    cluster.follow_all();
    cluster.settle();
    assert_eq!(
        (routes(&cluster), cluster.weight(), cluster.index()),
        (vec!["users", "copy"], Some(20), Some(3))
    );
}

#[test]
fn a_route_for_a_canary_without_pods_waits_for_the_step_that_gives_it_some() {
    let mut cluster = managed(json!([header("users"), {"pause": {}}, {"setWeight": 10}, {"pause": {}}]));
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.index(), routes(&cluster)), (Some(1), vec![]));
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.index(), routes(&cluster), cluster.weight()), (Some(3), vec!["users"], Some(10)));
    // Scaled to nothing, there is nothing to reach.
    cluster.scale(0);
    cluster.settle();
    assert_eq!(routes(&cluster), NONE);
}

#[test]
fn the_canary_keeps_its_pods_and_its_service_while_a_route_leads_to_it() {
    let mut cluster = managed(json!([{"setCanaryScale": {"replicas": 2}}, header("users"), {"pause": {}}]));
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((routes(&cluster), cluster.weight()), (vec!["users"], Some(0)));
    // Superseded: the canary Service stays until the route is verified gone, whatever the weight.
    cluster.set_gate(Gate::Unverified);
    cluster.deploy("v3");
    cluster.settle();
    assert_eq!((routes(&cluster), cluster.selected("web-canary").as_deref()), (vec![], Some("v2")));
    assert_eq!(cluster.replicas("v2"), Some(2));
    cluster.set_gate(Gate::Verified);
    cluster.settle();
    assert_eq!((routes(&cluster), cluster.selected("web-canary").as_deref()), (vec!["users"], Some("v3")));
}

#[test]
fn an_abort_and_a_full_promotion_remove_all_routes() {
    let steps = json!([{"setWeight": 20}, header("users"), mirror("copy"), {"pause": {}}, {"setWeight": 40}, {"pause": {}}]);
    let mut cluster = managed(steps.clone());
    cluster.deploy("v2");
    cluster.settle();
    cluster.abort();
    cluster.settle();
    assert_eq!((cluster.phase(), routes(&cluster), cluster.weight()), ("Degraded", vec![], Some(0)));
    cluster.retry();
    cluster.settle();
    assert_eq!((cluster.index(), routes(&cluster)), (Some(3), vec!["users", "copy"]));

    let mut cluster = managed(steps);
    cluster.deploy("v2");
    cluster.settle();
    cluster.set_gate(Gate::Unverified);
    cluster.promote_full();
    cluster.settle();
    assert_eq!(routes(&cluster), NONE);
    cluster.set_gate(Gate::Verified);
    cluster.settle();
    assert_eq!((cluster.phase(), routes(&cluster)), ("Healthy", vec![]));
}

#[test]
fn the_first_revision_has_no_routes() {
    let steps = json!([{"setWeight": 20}, header("users"), {"pause": {}}]);
    let cluster = managed(steps);
    assert_eq!((cluster.phase(), cluster.index(), routes(&cluster)), ("Healthy", Some(3), vec![]));
}

#[test]
fn a_later_step_of_the_same_name_replaces_the_route() {
    let mut cluster = managed(json!([{"setWeight": 20}, header("users"), mirror("users"), {"pause": {}}]));
    cluster.deploy("v2");
    cluster.settle();
    let rule = cluster.written.as_ref().unwrap().managed_routes[0].rule.clone().unwrap();
    assert_eq!((cluster.index(), rule.action), (Some(3), RuleAction::Mirror(35)));
}

#[test]
fn a_route_that_the_spec_names_no_more_is_removed() {
    let named = |cluster: &Cluster| -> Vec<(String, bool)> {
        let traffic = cluster.written.as_ref().unwrap();
        traffic.managed_routes.iter().map(|route| (route.name.clone(), route.rule.is_some())).collect()
    };
    let mut cluster = managed(json!([{"setWeight": 20}, header("users"), {"pause": {}}]));
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!(routes(&cluster), ["users"]);
    cluster.set_gate(Gate::Unverified);
    cluster.canary(&json!({"steps": [{"setWeight": 20}, {"pause": {}}]}));
    cluster.canary(&json!({"trafficRouting": {"managedRoutes": [{"name": "copy"}]}}));
    cluster.written_is_known();
    cluster.settle();
    assert_eq!(named(&cluster), [("copy".to_owned(), false), ("users".to_owned(), false)]);
    cluster.set_gate(Gate::Verified);
    cluster.written_is_known();
    cluster.settle();
    assert_eq!(named(&cluster), [("copy".to_owned(), false)]);
}

#[test]
fn routing_without_routers_only_sizes_the_canary() {
    let mut rollout = rollout(json!([{"setWeight": 20}, {"pause": {}}]));
    rollout["spec"]["strategy"]["canary"]["trafficRouting"] = json!({});
    let mut cluster = running(rollout);
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Paused", Some(1), None));
    assert_eq!((cluster.replicas("v1"), cluster.replicas("v2")), (Some(10), Some(2)));
    assert_eq!(cluster.status("/canary/weights"), &Value::Null);
    cluster.promote();
    cluster.run(100);
    assert_eq!(
        (cluster.phase(), cluster.replicas("v1"), cluster.replicas("v2")),
        ("Healthy", Some(0), Some(10))
    );
    assert_eq!(cluster.selected("web-stable").as_deref(), Some("v2"));
}

#[test]
fn a_route_that_the_record_has_and_the_spec_no_longer_names_is_wanted_gone() {
    let mut cluster = managed(json!([{"setWeight": 20}, {"pause": {}}]));
    cluster.deploy("v2");
    cluster.settle();
    let mut target = RoutedTarget::new("a/a".to_owned(), json!({}), [None, None]);
    target.managed_routes.extend(["users".to_owned(), "former".to_owned()]);
    cluster.rollout["metadata"]["annotations"][STATE_ANNOTATION] = json!(RoutingRecord::text(&[target]));
    // As a process sees it that has just begun.
    let world = World { routing: None, ..cluster.world() };
    let traffic = decide(&world, cluster.now).traffic.unwrap();
    let names: Vec<&str> = traffic.managed_routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["users", "copy", "former"]);
    assert!(traffic.managed_routes.iter().all(|route| route.rule.is_none()));
}

#[test]
fn giving_back_wants_everything_for_stable_and_no_route() {
    let mut cluster = managed(json!([{"setWeight": 20}, header("users"), {"pause": {}}]));
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.weight(), routes(&cluster)), (Some(20), vec!["users"]));
    let world = cluster.world();
    let traffic = released(&world, cluster.now);
    assert_eq!((traffic.stable.weight, traffic.canary.weight), (traffic.max_weight, 0));
    assert!(traffic.managed_routes.iter().all(|route| route.rule.is_none()));
    let decision = release(&world, cluster.now);
    assert_eq!((decision.traffic.as_ref(), decision.writes.len()), (Some(&traffic), 0));
    for field in ["phase", "currentStepIndex", "stableRS"] {
        assert_eq!(decision.status[field], cluster.rollout["status"][field]);
    }
}
