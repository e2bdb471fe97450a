//! Ephemeral metadata on live pods.

use serde_json::{Value, json};
use tidegate_api::builtin;
use tidegate_shell::Settings;

use crate::canary::finish;
use crate::manifests;
use crate::rig::{Rig, minutes, seconds};

fn running() -> Rig {
    let mut rig = Rig::empty(Settings::default());
    let mut objects = manifests::shop("web");
    let canary = &mut objects.last_mut().unwrap()["spec"]["strategy"]["canary"];
    canary["canaryMetadata"] = json!({"labels": {"role": "canary"}, "annotations": {"only": "canary"}});
    canary["stableMetadata"] = json!({"labels": {"role": "stable"}});
    objects.last_mut().unwrap()["spec"]["replicas"] = 20.into();
    rig.apply_all(objects);
    rig.start();
    rig.run(minutes(1));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    rig
}

/// The roles of the pods of an image, and how many have the canary's annotation.
fn roles(rig: &Rig, image: &str) -> (Vec<String>, usize) {
    let kind = builtin::pods();
    let pods: Vec<&Value> = rig
        .cluster
        .objects(&kind, Some("shop"))
        .map(AsRef::as_ref)
        .filter(|pod| pod["spec"]["containers"][0]["image"] == image)
        .collect();
    let mut roles: Vec<String> = pods
        .iter()
        .map(|pod| pod["metadata"]["labels"]["role"].as_str().unwrap_or_default().to_owned())
        .collect();
    roles.dedup();
    (roles, pods.iter().filter(|pod| pod["metadata"]["annotations"]["only"] == "canary").count())
}

#[test]
fn pods_have_the_metadata_of_their_role_and_nothing_is_written_once_they_do() {
    let mut rig = running();
    assert_eq!(roles(&rig, "web:1"), (vec!["stable".to_owned()], 0));
    assert_eq!(rig.writes_of("Pod"), 0, "they are born with it");
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    assert_eq!(roles(&rig, "web:2"), (vec!["canary".to_owned()], 10), "{}", rig.phase("web"));
    assert_eq!(rig.watched.get("Pod").copied().unwrap_or_default(), 0);
    finish(&mut rig);
    rig.run(minutes(3));
    assert_eq!(roles(&rig, "web:2"), (vec!["stable".to_owned()], 0));
    assert_eq!(rig.writes_of("Pod"), 20, "each once");
    assert_eq!(rig.watched.get("Pod").copied().unwrap_or_default(), 0);
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.is_empty(), "{:?}", rig.requests);
}

#[test]
fn a_change_of_the_metadata_reaches_pods_whatever_is_cut_off() {
    let mut rig = running();
    let metadata = json!({"stableMetadata": {"labels": {"role": "main"}}});
    rig.patch(&builtin::rollouts(), "web", None, json!({"spec": {"strategy": {"canary": metadata}}}));
    for _ in 0..10 {
        rig.run(seconds(1));
        rig.restart(0);
    }
    rig.run(minutes(1));
    assert_eq!(roles(&rig, "web:1"), (vec!["main".to_owned()], 0));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    let kind = builtin::replica_sets();
    assert_eq!(rig.cluster.objects(&kind, Some("shop")).count(), 1, "no other template");
}
