//! The traffic of each phase that a canary with routers can be in, as Argo Rollouts divides it: which weight the canary gets,
//! which pods the roles stand for, and whether managed routes exist. One row for each of its phases.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Gate, selected};
use crate::manifests::{HASH, rollout, running};

/// What is desired in a phase.
struct Row {
    /// The phase, for people.
    phase: &'static str,
    cluster: Cluster,
    canary: u32,
    /// The image that the canary Service selects.
    selects: &'static str,
    has_routes: bool,
}

/// Weights with a route between them: 20, a header route, a pause, 60, a pause of 10 s.
fn steps() -> Value {
    let route = json!({"name": "beta", "match": [{"headerName": "X-Beta", "headerValue": {"exact": "1"}}]});
    json!([{"setWeight": 20}, {"setHeaderRoute": route}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "10s"}}])
}

fn idle(steps: Value) -> Cluster {
    let mut rollout = rollout(steps);
    rollout["spec"]["strategy"]["canary"]["trafficRouting"]["managedRoutes"] = json!([{"name": "beta"}]);
    running(rollout)
}

/// A canary at its first pause, with weight 20 and the route.
fn at_20() -> Cluster {
    let mut cluster = idle(steps());
    cluster.deploy("v2");
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Paused", Some(2), Some(20)));
    cluster
}

/// That canary after this happened to it.
fn then(happens: impl FnOnce(&mut Cluster)) -> Cluster {
    let mut cluster = at_20();
    happens(&mut cluster);
    cluster
}

fn rows() -> Vec<Row> {
    let row =
        |phase, cluster, canary, selects, has_routes| Row { phase, cluster, canary, selects, has_routes };
    vec![
        row("fully promoted", idle(steps()), 0, "v1", false),
        row(
            "rolled back to stable",
            then(|cluster| {
                cluster.deploy("v1");
                cluster.settle();
            }),
            0,
            "v1",
            false,
        ),
        row(
            "aborted",
            then(|cluster| {
                cluster.abort();
                cluster.settle();
            }),
            0,
            "v1",
            false,
        ),
        row(
            "canary absent",
            then(|cluster| {
                cluster.deploy("v3");
                cluster.ready.insert("v3".into(), 0);
                cluster.pass();
            }),
            0,
            "v2",
            false,
        ),
        row(
            "canary empty",
            then(|cluster| {
                cluster.ready.insert("v2".into(), 0);
                cluster.settle();
            }),
            0,
            "v2",
            false,
        ),
        row(
            "full promotion requested",
            then(|cluster| {
                cluster.ready.insert("v2".into(), 7);
                cluster.promote_full();
                cluster.settle();
            }),
            20,
            "v2",
            false,
        ),
        row(
            "steps running, pods not there yet",
            then(|cluster| {
                cluster.ready.insert("v2".into(), 5);
                cluster.promote();
                cluster.settle();
            }),
            20,
            "v2",
            true,
        ),
        row("steps running", at_20(), 20, "v2", true),
        row(
            "steps running, at the next weight",
            then(|cluster| {
                cluster.promote();
                cluster.settle();
            }),
            60,
            "v2",
            true,
        ),
        row(
            "all steps done, pods not there yet",
            then(|cluster| {
                cluster.ready.insert("v2".into(), 9);
                cluster.promote();
                cluster.run(11);
                assert_eq!(cluster.index(), Some(5));
            }),
            60,
            "v2",
            true,
        ),
        row(
            "all steps done, not stable yet",
            then(|cluster| {
                cluster.promote();
                cluster.settle();
                cluster.set_gate(Gate::Unverified);
                cluster.run(11);
                assert_eq!(cluster.index(), Some(5));
            }),
            100,
            "v2",
            true,
        ),
        row("without steps, pods not there yet", without_steps(), 0, "v2", false),
    ]
}

fn without_steps() -> Cluster {
    let mut cluster = idle(json!(null));
    cluster.deploy("v2");
    cluster.ready.insert("v2".into(), 9);
    cluster.settle();
    cluster
}

#[test]
fn each_phase_has_its_traffic() {
    for mut row in rows() {
        let traffic = row.cluster.decide().traffic.unwrap();
        let phase = row.phase;
        assert_eq!((traffic.canary.weight, traffic.stable.weight), (row.canary, 100 - row.canary), "{phase}");
        let hash = |image: &str| Some(row.cluster.hash(image).to_owned());
        assert_eq!(traffic.stable.pod_template_hash, hash("v1"), "{phase}: stable");
        assert_eq!(traffic.canary.pod_template_hash, hash(row.selects), "{phase}: canary");
        let service = selected(&row.cluster.services["web-canary"]).map(str::to_owned);
        assert_eq!(service, hash(row.selects), "{phase}: what its Service selects by {HASH}");
        let routes: Vec<bool> = traffic.managed_routes.iter().map(|route| route.rule.is_some()).collect();
        assert_eq!(routes, [row.has_routes], "{phase}: the managed route");
        assert!(traffic.additional.is_empty(), "{phase}");
        assert_eq!(decided_again(&row.cluster), traffic.canary.weight, "{phase}: whatever was asked before");
    }
}

/// The weight for one who has just started and has not asked anybody.
fn decided_again(cluster: &Cluster) -> u32 {
    let world = tidegate_core::World { routing: None, ..cluster.world() };
    tidegate_core::decide(&world, cluster.now).traffic.unwrap().canary.weight
}

#[test]
fn without_steps_the_traffic_goes_over_at_once_when_all_pods_are_there() {
    let mut cluster = without_steps();
    cluster.set_gate(Gate::Unverified);
    cluster.ready.clear();
    cluster.settle();
    assert_eq!(cluster.weight(), Some(100), "Argo Rollouts switches the stable Service under its traffic");
    cluster.set_gate(Gate::Verified);
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.weight()), ("Healthy", Some(0)));
    assert!(cluster.index().is_none());
}

#[test]
fn the_first_revision_asks_routers_for_nothing_until_it_is_stable() {
    let services = ["web-canary", "web-stable"].map(crate::manifests::service);
    let mut cluster = Cluster::new(rollout(crate::manifests::trace()), services);
    assert_eq!(cluster.decide().traffic, None);
    cluster.ready.insert("v1".into(), 0);
    cluster.settle();
    let traffic = cluster.decide().traffic.unwrap();
    assert_eq!((traffic.canary.weight, traffic.stable.weight), (0, 100), "stable at once");
}
