//! A router without a plugin: an idle Rollout has nothing to wait for, one in flight says why it waits.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Gate};
use crate::manifests::{paused, rollout, running, trace};

const OUTAGES: [(Gate, &str); 2] = [(Gate::Loading, "PluginLoading"), (Gate::Unavailable, "DigestMismatch")];

/// Finished, and quiet for long.
fn idle() -> Cluster {
    let mut cluster = running(rollout(trace()));
    cluster.run(3600);
    cluster
}

/// At its first weight, which is not in force yet.
fn moving(gate: Gate) -> Cluster {
    let mut cluster = running(rollout(json!([{"setWeight": 20}, {"pause": {}}])));
    cluster.deploy("v2");
    for _ in 0..20 {
        if cluster.decide().traffic.is_some_and(|traffic| traffic.canary.weight == 20) {
            break;
        }
        cluster.pass();
    }
    cluster.set_gate(gate);
    cluster
}

fn message(cluster: &Cluster) -> &str {
    cluster.status("/message").as_str().unwrap_or_default()
}

#[test]
fn an_idle_rollout_is_healthy_and_tells_of_an_outage_but_not_of_a_loading() {
    let mut cluster = idle();
    let before = cluster.rollout.clone();
    cluster.set_gate(Gate::Loading);
    cluster.run(3600);
    assert_eq!(cluster.rollout, before);

    cluster.set_gate(Gate::Unavailable);
    cluster.run(3600);
    assert_eq!((cluster.phase(), message(&cluster)), ("Healthy", ""));
    assert_eq!(cluster.condition("TrafficRouterReady").as_deref(), Some("False=DigestMismatch"));
    assert_eq!(cluster.condition("TrafficNotVerified"), None);
    let during = cluster.rollout.clone();
    cluster.set_gate(Gate::Loading);
    cluster.run(3600);
    assert_eq!(cluster.rollout, during, "a new try is no news");

    cluster.set_gate(Gate::Verified);
    cluster.run(10);
    assert_eq!(cluster.condition("TrafficRouterReady").as_deref(), Some("True=Ready"));
    assert_eq!(cluster.status("/canary/weights/verified"), &json!(true));
}

#[test]
fn one_in_flight_says_what_it_waits_for_is_late_some_time_and_goes_on() {
    for (gate, reason) in OUTAGES {
        let mut cluster = moving(gate);
        cluster.settle();
        assert_eq!((cluster.phase(), cluster.index()), ("Progressing", Some(0)), "{reason}");
        assert!(message(&cluster).starts_with(&format!("{reason}: r: ")), "{}", message(&cluster));
        cluster.run(601);
        assert_eq!((cluster.phase(), cluster.index()), ("Degraded", Some(0)));
        assert!(message(&cluster).starts_with("ProgressDeadlineExceeded: "), "{}", message(&cluster));
        assert!(message(&cluster).contains(reason), "{}", message(&cluster));
        assert_eq!(cluster.status("/canary/weights/canary/weight"), 0, "nobody has said that more is set");
        cluster.set_gate(Gate::Verified);
        cluster.run(60);
        assert_eq!((cluster.phase(), cluster.index(), cluster.weight()), ("Paused", Some(1), Some(20)));
    }
}

#[test]
fn a_paused_one_stays_paused() {
    for (gate, _) in OUTAGES {
        let mut cluster = paused();
        cluster.set_gate(gate);
        cluster.run(3600);
        assert_eq!((cluster.phase(), cluster.weight()), ("Paused", Some(20)));
    }
}

#[test]
fn an_abort_leaves_the_routes_and_takes_the_canary_service_back() {
    for (gate, _) in OUTAGES {
        let mut cluster = paused();
        cluster.set_gate(gate);
        cluster.abort();
        cluster.run(3600);
        assert_eq!((cluster.phase(), cluster.weight()), ("Degraded", Some(20)));
        assert_eq!(cluster.selected("web-canary").as_deref(), Some("v1"));
        assert!(cluster.replicas("v2") > Some(0), "the routes still lead to the canary role");
        cluster.set_gate(Gate::Verified);
        cluster.run(60);
        assert_eq!(cluster.weight(), Some(0));
    }
}

#[test]
fn what_was_refused_stays_refused_until_somebody_can_be_asked_or_the_spec_changes() {
    for (gate, _) in OUTAGES {
        let mut cluster = idle();
        cluster.features = Some(vec!["header-routes".to_owned()]);
        cluster.settle();
        cluster.deploy("v2");
        cluster.settle();
        let refused = |cluster: &Cluster| cluster.condition("InvalidSpec");
        assert_eq!(refused(&cluster).as_deref(), Some("True=UnsupportedStep"));
        let told: Value = cluster.status("/message").clone();
        cluster.set_gate(gate);
        cluster.run(3600);
        assert_eq!(
            (refused(&cluster).as_deref(), cluster.status("/message")),
            (Some("True=UnsupportedStep"), &told)
        );
        assert_eq!(cluster.set("v2"), None);

        let mut other = cluster.clone();
        other.canary(&json!({"steps": [{"pause": {}}]}));
        other.run(10);
        assert_eq!(refused(&other), None, "about this spec nothing is known");

        cluster.features = Some(vec!["weights".to_owned()]);
        cluster.set_gate(Gate::Verified);
        cluster.run(60);
        assert_eq!((refused(&cluster), cluster.weight()), (None, Some(20)));
    }
}
