//! Restarts of pods, as `kubectl argo rollouts restart` asks for them.

use serde_json::json;
use tidegate_api::{Operation, builtin, object};
use tidegate_shell::Settings;

use crate::manifests;
use crate::rig::{Rig, minutes, seconds};

fn running(replicas: i64) -> Rig {
    let mut rig = Rig::empty(Settings::default());
    let mut objects = manifests::shop("web");
    objects.last_mut().unwrap()["spec"]["replicas"] = replicas.into();
    rig.apply_all(objects);
    rig.start();
    rig.run(minutes(1));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    rig.forget_requests();
    rig
}

fn pods(rig: &Rig) -> Vec<String> {
    let kind = builtin::pods();
    let pods = rig.cluster.objects(&kind, Some("shop"));
    pods.map(|pod| object::name(pod).to_owned()).collect()
}

fn restart(rig: &mut Rig) -> String {
    let at = rig.cluster.now().to_string();
    rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"restartAt": at}}));
    at
}

fn evictions(rig: &Rig) -> usize {
    rig.requests.iter().filter(|request| matches!(request.operation, Operation::Evict { .. })).count()
}

fn watched(rig: &Rig) -> i32 {
    rig.watched.get("Pod").copied().unwrap_or_default()
}

#[test]
fn all_pods_are_replaced_and_some_are_always_there() {
    let mut rig = running(5);
    let before = pods(&rig);
    assert_eq!(watched(&rig), 0, "nobody reads pods");
    let at = restart(&mut rig);
    let mut fewest = i64::MAX;
    for _ in 0..600 {
        rig.run(seconds(1));
        let kind = builtin::replica_sets();
        let set = rig.cluster.objects(&kind, Some("shop")).next().unwrap();
        fewest = fewest.min(set["status"]["availableReplicas"].as_i64().unwrap_or_default());
        if rig.is_healthy("web") {
            break;
        }
        // The last ones are on their way once none is left that is old.
        let is_over = rig.rollout("web")["status"]["restartedAt"] == at.as_str();
        let message =
            if is_over { "updated replicas are still becoming available" } else { "rollout is restarting" };
        assert_eq!(rig.phase("web"), format!("Progressing {message}"));
        assert_eq!(watched(&rig), i32::from(!is_over));
    }
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    assert_eq!(fewest, 4, "a quarter of five may be unavailable: one");
    assert!(pods(&rig).iter().all(|pod| !before.contains(pod)));
    assert_eq!(evictions(&rig), 5, "each once");
    assert_eq!(rig.rollout("web")["status"]["restartedAt"], at);
    assert_eq!(watched(&rig), 0);
    rig.run(minutes(1));
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.is_empty(), "{:?}", rig.requests);
}

#[test]
fn a_refusal_by_a_budget_is_waited_for_and_holds_nothing_else_up() {
    let mut rig = running(2);
    rig.cluster.settings_mut().pods.refuses_evictions = true;
    restart(&mut rig);
    rig.run(minutes(5));
    assert_eq!(rig.phase("web"), "Progressing rollout is restarting");
    assert!((5..=11).contains(&evictions(&rig)), "every 30 seconds: {}", evictions(&rig));
    assert_eq!(rig.condition("web", "WriteFailed"), None);
    rig.cluster.settings_mut().pods.refuses_evictions = false;
    rig.run(minutes(3));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));

    // An update goes on.
    rig.cluster.settings_mut().pods.refuses_evictions = true;
    rig.set_image("web", "web:2");
    rig.run(seconds(5));
    restart(&mut rig);
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
}

#[test]
fn a_restart_goes_on_after_a_crash_and_a_change_of_the_leader() {
    let mut rig = running(4);
    let before = pods(&rig);
    let at = restart(&mut rig);
    for _ in 0..30 {
        rig.run(seconds(2));
        rig.restart(0);
    }
    rig.run(minutes(3));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    assert_eq!(rig.rollout("web")["status"]["restartedAt"], at);
    assert!(pods(&rig).iter().all(|pod| !before.contains(pod)));
}

#[test]
fn pods_that_may_not_be_watched_are_said_with_what_to_allow() {
    let mut rig = running(2);
    rig.forbidden.push("Pod".to_owned());
    restart(&mut rig);
    rig.run(minutes(1));
    let phase = rig.phase("web");
    assert!(phase.starts_with("Progressing rollout is restarting: cannot watch Pod"), "{phase}");
    assert!(phase.contains("resources: [\"pods\"]"), "{phase}");
}
