//! The stand-in gateway: what it reports, and where traffic goes.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{Operation, Request, Resource, builtin, object};
use tidegate_cluster::{Cluster, GatewayBehaviour, ParentRule, Rejection};

use crate::support::*;

/// Two revisions with a service each, and a route over both.
fn canary(weights: &[(&str, i64)]) -> Cluster {
    let mut cluster = cluster();
    for (name, replicas) in [("stable", 3), ("canary", 1)] {
        create(&mut cluster, &builtin::replica_sets(), replica_set(name, replicas)).unwrap();
        let selector = json!({"app": "web", "rollouts-pod-template-hash": name});
        create(&mut cluster, &builtin::services(), service(name, selector)).unwrap();
    }
    create(&mut cluster, &routes(), route("web", weights)).unwrap();
    cluster
}

/// Status, reason and observed generation of a condition.
type Condition = (String, String, i64);

fn condition(cluster: &Cluster, kind: &str) -> Option<Condition> {
    let route = cluster.object(&routes(), NAMESPACE, "web")?;
    let conditions = route["status"]["parents"][0]["conditions"].as_array()?;
    let found = conditions.iter().find(|one| one["type"] == kind)?;
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    Some((text("status"), text("reason"), found["observedGeneration"].as_i64().unwrap()))
}

fn is(status: &str, reason: &str, generation: i64) -> Condition {
    (status.into(), reason.into(), generation)
}

fn shares(cluster: &Cluster) -> Vec<(String, f64)> {
    let traffic = cluster.traffic(&routes(), NAMESPACE, "web").unwrap();
    traffic[0].rules.iter().flat_map(tidegate_cluster::RuleTraffic::shares).collect()
}

fn set_weights(cluster: &mut Cluster, weights: &[(&str, i64)]) {
    let spec = route("web", weights)["spec"].clone();
    merge(cluster, &routes(), "web", None, json!({"spec": spec})).unwrap();
}

#[test]
fn it_reports_a_little_later_which_generation_it_serves() {
    let mut cluster = canary(&[("stable", 100), ("canary", 0)]);
    assert_eq!(condition(&cluster, "Accepted"), None);
    pass(&mut cluster, 1500);
    assert_eq!(condition(&cluster, "Accepted"), Some(is("True", "Accepted", 1)));
    assert_eq!(condition(&cluster, "ResolvedRefs"), Some(is("True", "ResolvedRefs", 1)));
    let route = get(&mut cluster, &routes(), "web").unwrap();
    let parent = &route["status"]["parents"][0];
    assert_eq!(parent["parentRef"]["name"], "edge");
    assert_eq!(parent["parentRef"]["kind"], "Gateway");
    assert_eq!(parent["controllerName"], cluster.settings().gateway.controller_name);
    set_weights(&mut cluster, &[("stable", 80), ("canary", 20)]);
    assert_eq!(condition(&cluster, "Accepted"), Some(is("True", "Accepted", 1)), "of the generation before");
    let since = route["status"]["parents"][0]["conditions"][0]["lastTransitionTime"].clone();
    settle(&mut cluster);
    assert_eq!(condition(&cluster, "Accepted"), Some(is("True", "Accepted", 2)));
    let route = get(&mut cluster, &routes(), "web").unwrap();
    assert_eq!(route["status"]["parents"][0]["conditions"][0]["lastTransitionTime"], since);
}

#[test]
fn traffic_follows_what_the_gateway_has_taken() {
    let mut cluster = canary(&[("stable", 100), ("canary", 0)]);
    assert_eq!(cluster.traffic(&routes(), NAMESPACE, "web").unwrap()[0].generation, None);
    settle(&mut cluster);
    assert_eq!(cluster.ready_pods_behind(NAMESPACE, "stable"), 3);
    assert_eq!(cluster.ready_pods_behind(NAMESPACE, "nowhere"), 0);
    assert_eq!(shares(&cluster), [("canary".into(), 0.0), ("stable".into(), 1.0)]);
    set_weights(&mut cluster, &[("stable", 60), ("canary", 40)]);
    assert_eq!(shares(&cluster), [("canary".into(), 0.0), ("stable".into(), 1.0)]);
    pass(&mut cluster, 1000);
    assert_eq!(shares(&cluster), [("canary".into(), 0.4), ("stable".into(), 0.6)]);
    // A service over both revisions divides by pods.
    let selector = json!({"spec": {"selector": {"rollouts-pod-template-hash": null}}});
    merge(&mut cluster, &builtin::services(), "stable", None, selector).unwrap();
    assert_eq!(shares(&cluster), [("canary".into(), 0.4 + 0.6 * 0.25), ("stable".into(), 0.6 * 0.75)]);
}

#[test]
fn weight_without_ready_pods_is_lost() {
    let mut cluster = canary(&[("stable", 50), ("canary", 50)]);
    settle(&mut cluster);
    let body = json!({"spec": {"replicas": 0}});
    merge(&mut cluster, &builtin::replica_sets(), "canary", None, body).unwrap();
    settle(&mut cluster);
    let traffic = cluster.traffic(&routes(), NAMESPACE, "web").unwrap();
    assert!((traffic[0].rules[0].lost() - 0.5).abs() < 1e-9);
    assert_eq!(cluster.traffic(&routes(), NAMESPACE, "none"), None);
}

#[test]
fn references_that_lead_nowhere() {
    let mut cluster = canary(&[("stable", 100), ("missing", 0)]);
    settle(&mut cluster);
    assert_eq!(condition(&cluster, "ResolvedRefs"), Some(is("False", "BackendNotFound", 1)));
    assert_eq!(condition(&cluster, "Accepted"), Some(is("True", "Accepted", 1)));
    create(&mut cluster, &builtin::services(), service("missing", json!({"app": "x"}))).unwrap();
    settle(&mut cluster);
    assert_eq!(condition(&cluster, "ResolvedRefs"), Some(is("True", "ResolvedRefs", 1)));
    delete(&mut cluster, &builtin::services(), "missing").unwrap();
    settle(&mut cluster);
    assert_eq!(condition(&cluster, "ResolvedRefs"), Some(is("False", "BackendNotFound", 1)));
    let backend = json!([{"op": "replace", "path": "/spec/rules/0/backendRefs/1/kind", "value": "Bucket"}]);
    json_patch(&mut cluster, &routes(), "web", backend).unwrap();
    settle(&mut cluster);
    assert_eq!(condition(&cluster, "ResolvedRefs"), Some(is("False", "InvalidKind", 2)));
}

#[test]
fn another_namespace_has_to_grant_it() {
    let mut cluster = canary(&[("stable", 1)]);
    let shop = |resource: Resource, object: Value| Request {
        resource,
        namespace: Some("shop".into()),
        operation: Operation::Create { object },
    };
    cluster.handle(&shop(builtin::services(), service("api", json!({"app": "api"})))).unwrap();
    let backend =
        json!({"spec": {"rules": [{"backendRefs": [{"name": "api", "namespace": "shop", "port": 80}]}]}});
    merge(&mut cluster, &routes(), "web", None, backend).unwrap();
    settle(&mut cluster);
    assert_eq!(condition(&cluster, "ResolvedRefs"), Some(is("False", "RefNotPermitted", 2)));
    let grants =
        Resource::namespaced("gateway.networking.k8s.io", "v1beta1", "ReferenceGrant", "referencegrants");
    let grant = json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": {"name": "all"},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": NAMESPACE}],
            "to": [{"group": "", "kind": "Service"}],
        },
    });
    cluster.handle(&shop(grants, grant)).unwrap();
    settle(&mut cluster);
    assert_eq!(condition(&cluster, "ResolvedRefs"), Some(is("True", "ResolvedRefs", 2)));
}

#[test]
fn a_rejected_route_moves_no_traffic() {
    let mut cluster = canary(&[("stable", 100), ("canary", 0)]);
    settle(&mut cluster);
    cluster.settings_mut().gateway.rejects =
        Some(Rejection { reason: "UnsupportedValue".into(), message: "no".into() });
    set_weights(&mut cluster, &[("stable", 0), ("canary", 100)]);
    settle(&mut cluster);
    assert_eq!(condition(&cluster, "Accepted"), Some(is("False", "UnsupportedValue", 2)));
    assert_eq!(shares(&cluster), [("canary".into(), 0.0), ("stable".into(), 1.0)]);
    cluster.settings_mut().gateway.rejects = None;
    set_weights(&mut cluster, &[("stable", 1), ("canary", 99)]);
    settle(&mut cluster);
    assert_eq!(condition(&cluster, "Accepted"), Some(is("True", "Accepted", 3)));
    assert_eq!(shares(&cluster)[0], ("canary".into(), 0.99));
}

#[test]
fn a_silent_gateway_moves_traffic_all_the_same() {
    let mut cluster = canary(&[("stable", 100), ("canary", 0)]);
    cluster.settings_mut().gateway.reports_after = None;
    set_weights(&mut cluster, &[("stable", 50), ("canary", 50)]);
    let route = get(&mut cluster, &routes(), "web").unwrap();
    settle(&mut cluster);
    assert_eq!(route["metadata"]["generation"], 2);
    assert_eq!(shares(&cluster)[0], ("canary".into(), 0.5));
}

#[test]
fn what_is_reported_is_in_force() {
    let mut cluster = canary(&[("stable", 100), ("canary", 0)]);
    settle(&mut cluster);
    // Something else about the route changes first, so that the gateway is about to look at it anyway.
    merge(&mut cluster, &routes(), "web", None, json!({"metadata": {"labels": {"team": "shop"}}})).unwrap();
    pass(&mut cluster, 900);
    set_weights(&mut cluster, &[("stable", 50), ("canary", 50)]);
    while condition(&cluster, "Accepted") != Some(is("True", "Accepted", 2)) {
        pass(&mut cluster, 50);
    }
    assert_eq!(shares(&cluster)[0], ("canary".into(), 0.5));
}

#[test]
fn a_gateway_that_starts_anew_takes_what_it_has_missed() {
    let mut cluster = canary(&[("stable", 100), ("canary", 0)]);
    settle(&mut cluster);
    (cluster.settings_mut().gateway.programs_after, cluster.settings_mut().gateway.reports_after) =
        (None, None);
    set_weights(&mut cluster, &[("stable", 50), ("canary", 50)]);
    settle(&mut cluster);
    assert_eq!(shares(&cluster)[0], ("canary".into(), 0.0));
    cluster.settings_mut().gateway = GatewayBehaviour::default();
    cluster.restart_gateway();
    settle(&mut cluster);
    assert_eq!(shares(&cluster)[0], ("canary".into(), 0.5));
    assert_eq!(condition(&cluster, "Accepted"), Some(is("True", "Accepted", 2)));
    let taken: Vec<_> =
        cluster.taken(&routes(), NAMESPACE, "web").map(|route| object::generation(route)).collect();
    assert_eq!(taken, [Some(2)]);
}

#[test]
fn parents_may_differ() {
    let mut cluster = cluster();
    cluster.settings_mut().gateway.rules = vec![ParentRule {
        parent: "slow".into(),
        route: "*".into(),
        programs_after: Some(Duration::from_secs(20)),
        reports_after: Some(Duration::from_secs(30)),
        rejects: None,
    }];
    let mut manifest = route("web", &[("stable", 1)]);
    manifest["spec"]["parentRefs"] = json!([{"name": "edge"}, {"name": "slow"}]);
    create(&mut cluster, &routes(), manifest).unwrap();
    let reported = |cluster: &Cluster| {
        let route = cluster.object(&routes(), NAMESPACE, "web").unwrap();
        route["status"]["parents"].as_array().map_or(0, Vec::len)
    };
    pass(&mut cluster, 25_000);
    assert_eq!(reported(&cluster), 1);
    let taken: Vec<_> = cluster.traffic(&routes(), NAMESPACE, "web").unwrap();
    assert!(taken.iter().all(|parent| parent.generation == Some(1)));
    pass(&mut cluster, 10_000);
    assert_eq!(reported(&cluster), 2);
    // A parent that is no longer named is let go.
    merge(&mut cluster, &routes(), "web", None, json!({"spec": {"parentRefs": [{"name": "slow"}]}})).unwrap();
    settle(&mut cluster);
    assert_eq!(reported(&cluster), 1);
    assert_eq!(cluster.traffic(&routes(), NAMESPACE, "web").unwrap().len(), 1);
}

#[test]
fn parents_may_have_to_exist() {
    let mut cluster = cluster();
    cluster.settings_mut().gateway.parents_must_exist = true;
    create(&mut cluster, &routes(), route("web", &[("stable", 1)])).unwrap();
    settle(&mut cluster);
    assert_eq!(condition(&cluster, "Accepted"), None);
    let gateways = Resource::namespaced("gateway.networking.k8s.io", "v1", "Gateway", "gateways");
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "edge"},
        "spec": {"gatewayClassName": "any", "listeners": []},
    });
    create(&mut cluster, &gateways, gateway).unwrap();
    settle(&mut cluster);
    assert_eq!(condition(&cluster, "Accepted"), Some(is("True", "Accepted", 1)));
    assert_eq!(cluster.traffic(&routes(), NAMESPACE, "web").unwrap()[0].generation, Some(1));
    let gateway = get(&mut cluster, &gateways, "edge").unwrap();
    assert_eq!(gateway["status"]["conditions"][1]["type"], "Programmed");
}

#[test]
fn what_others_report_is_left_alone() {
    let mut cluster = canary(&[("stable", 1)]);
    let foreign = json!({"parentRef": {"name": "edge"}, "controllerName": "example.net/other", "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": "2025-01-01T00:00:00Z"}]});
    let status = json!({"status": {"parents": [foreign]}});
    merge(&mut cluster, &routes(), "web", Some("status"), status).unwrap();
    settle(&mut cluster);
    let route = get(&mut cluster, &routes(), "web").unwrap();
    let parents = route["status"]["parents"].as_array().unwrap();
    assert_eq!(parents.len(), 2);
    assert_eq!(parents[0]["controllerName"], "example.net/other");
    assert_eq!(object::generation(&route), Some(1));
}
