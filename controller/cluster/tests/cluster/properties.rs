//! What holds whatever is asked of the cluster, in whatever order.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_api::{ObjectKey, WatchEvent, builtin, object};
use tidegate_cluster::Cluster;

use crate::support::*;

/// One thing that a user or time does.
#[derive(Clone, Debug)]
enum Act {
    MakeMap { name: u8, owner: Option<u8>, held: bool },
    MakeSet { name: u8, replicas: u64 },
    MakeRoute { name: u8 },
    Label { kind: u8, name: u8, value: u8 },
    Change { kind: u8, name: u8, value: u8 },
    Status { kind: u8, name: u8, value: u8 },
    Release { name: u8 },
    Delete { kind: u8, name: u8 },
    KillPod { index: u8 },
    Pass { milliseconds: i64 },
}

fn act() -> impl Strategy<Value = Act> {
    let name = || 0..4_u8;
    let kind = || 0..3_u8;
    prop_oneof![
        (name(), proptest::option::of(name()), any::<bool>()).prop_map(|(name, owner, held)| Act::MakeMap {
            name,
            owner,
            held
        }),
        (name(), 0..4_u64).prop_map(|(name, replicas)| Act::MakeSet { name, replicas }),
        name().prop_map(|name| Act::MakeRoute { name }),
        (kind(), name(), 0..3_u8).prop_map(|(kind, name, value)| Act::Label { kind, name, value }),
        (kind(), name(), 0..3_u8).prop_map(|(kind, name, value)| Act::Change { kind, name, value }),
        (kind(), name(), 0..3_u8).prop_map(|(kind, name, value)| Act::Status { kind, name, value }),
        name().prop_map(|name| Act::Release { name }),
        (kind(), name()).prop_map(|(kind, name)| Act::Delete { kind, name }),
        any::<u8>().prop_map(|index| Act::KillPod { index }),
        (0..5000_i64).prop_map(|milliseconds| Act::Pass { milliseconds }),
    ]
}

fn kind_of(kind: u8) -> tidegate_api::Resource {
    match kind {
        0 => config_maps(),
        1 => builtin::replica_sets(),
        _ => routes(),
    }
}

/// Does one thing; an answer, if one was asked for.
fn perform(cluster: &mut Cluster, act: &Act) -> Option<Answer> {
    let called = |name: u8| format!("n{name}");
    Some(match act {
        Act::MakeMap { name, owner, held } => {
            let mut manifest = config_map(&called(*name));
            if let Some(owner) = owner {
                let uid = cluster
                    .object(&config_maps(), NAMESPACE, &called(*owner))
                    .map_or_else(|| "gone".to_owned(), |owner| object::uid(owner).to_owned());
                manifest["metadata"]["ownerReferences"] =
                    json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": called(*owner), "uid": uid}]);
            }
            if *held {
                manifest["metadata"]["finalizers"] = json!(["example.com/held"]);
            }
            create(cluster, &config_maps(), manifest)
        }
        Act::MakeSet { name, replicas } => {
            create(cluster, &builtin::replica_sets(), replica_set(&called(*name), *replicas))
        }
        Act::MakeRoute { name } => create(cluster, &routes(), route(&called(*name), &[("a", 1), ("b", 0)])),
        Act::Label { kind, name, value } => {
            let labels = json!({"metadata": {"labels": {"value": value.to_string()}}});
            merge(cluster, &kind_of(*kind), &called(*name), None, labels)
        }
        Act::Change { kind, name, value } => {
            let change = match kind {
                0 => json!({"data": {"value": value.to_string()}}),
                1 => json!({"spec": {"replicas": value}}),
                _ => {
                    json!({"spec": {"rules": [{"backendRefs": [{"name": "a", "port": 80, "weight": value}]}]}})
                }
            };
            merge(cluster, &kind_of(*kind), &called(*name), None, change)
        }
        Act::Status { kind, name, value } => {
            let status = json!({"status": {"extra": value}, "spec": {"replicas": 99}});
            merge(cluster, &kind_of(*kind), &called(*name), Some("status"), status)
        }
        Act::Release { name } => {
            let none = json!({"metadata": {"finalizers": null}});
            merge(cluster, &config_maps(), &called(*name), None, none)
        }
        Act::Delete { kind, name } => delete(cluster, &kind_of(*kind), &called(*name)),
        Act::KillPod { index } => {
            let pods = pods(cluster);
            let victim = pods.get(usize::from(*index) % pods.len().max(1))?;
            delete(cluster, &builtin::pods(), object::name(victim))
        }
        Act::Pass { milliseconds } => {
            pass(cluster, *milliseconds);
            return None;
        }
    })
}

/// Everything there is, by kind, namespace and name.
fn everything(cluster: &Cluster) -> BTreeMap<ObjectKey, Arc<Value>> {
    let mut all = BTreeMap::new();
    for resource in cluster.resources() {
        for found in cluster.objects(resource, None) {
            all.insert(object::key(resource, found), found.clone());
        }
    }
    all
}

fn replay(
    cluster: &Cluster,
    since: u64,
    state: &BTreeMap<ObjectKey, Arc<Value>>,
) -> BTreeMap<ObjectKey, Arc<Value>> {
    let mut state = state.clone();
    for resource in cluster.resources() {
        for (_, event) in cluster.events_since(resource, None, since).unwrap() {
            match event {
                WatchEvent::Applied(object) => {
                    state.insert(object::key(resource, &object), Arc::new(object));
                }
                WatchEvent::Deleted(object) => {
                    state.remove(&object::key(resource, &object));
                }
                WatchEvent::Bookmark(_) | WatchEvent::Failed(_) => {}
            }
        }
    }
    state
}

fn without(object: &Value, metadata: bool) -> Value {
    let mut object = object.clone();
    let fields = object.as_object_mut().unwrap();
    fields.shift_remove("status");
    if metadata {
        fields.shift_remove("metadata");
    }
    object
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn versions_watches_and_generations(acts in proptest::collection::vec(act(), 1..40)) {
        let mut cluster = cluster();
        let mut past = vec![(cluster.resource_version(), everything(&cluster))];
        for act in &acts {
            let before = everything(&cluster);
            let version = cluster.resource_version();
            let answer = perform(&mut cluster, act);
            let after = everything(&cluster);
            let changed = before != after;
            prop_assert_eq!(changed, cluster.resource_version() > version, "{:?}", act);
            if let Some(Err(_)) = answer {
                prop_assert!(!changed, "a refused request changes nothing: {:?}", act);
            }
            for (key, new) in &after {
                prop_assert!(object::resource_version(new).parse::<u64>().unwrap() <= cluster.resource_version());
                let Some(old) = before.get(key).filter(|old| object::uid(old) == object::uid(new)) else { continue };
                let (was, is) = (object::generation(old).unwrap_or(0), object::generation(new).unwrap_or(0));
                prop_assert!(is >= was, "{}", key);
                let respecified = without(old, true) != without(new, true);
                let deletion = object::is_deleting(old) != object::is_deleting(new);
                if was > 0 && !respecified && !deletion {
                    prop_assert_eq!(is, was, "{}", key);
                }
                if was > 0 && respecified {
                    prop_assert!(is > was || &*key.kind == "Pod", "{}", key);
                }
            }
            past.push((cluster.resource_version(), after));
        }
        for (version, state) in &past {
            prop_assert_eq!(&replay(&cluster, *version, state), &everything(&cluster), "from {}", version);
        }
    }

    #[test]
    fn it_comes_to_rest_with_nothing_left_over(acts in proptest::collection::vec(act(), 1..40)) {
        let mut cluster = cluster();
        for act in &acts {
            perform(&mut cluster, act);
        }
        settle(&mut cluster);
        let all = everything(&cluster);
        let live: std::collections::BTreeSet<&str> = all.values().map(|object| object::uid(object)).collect();
        for (key, found) in &all {
            let owners = found["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
            let orphaned = owners.iter().any(|owner| !live.contains(owner["uid"].as_str().unwrap()));
            prop_assert!(!orphaned || object::is_deleting(found), "{} has lost an owner", key);
            if &*key.kind == "ReplicaSet" {
                let pods = all.iter().filter(|(_, pod)| object::controller_uid(pod) == Some(object::uid(found)));
                prop_assert_eq!(pods.count() as u64, found["spec"]["replicas"].as_u64().unwrap(), "{}", key);
                let available = found["status"].get("availableReplicas").and_then(Value::as_u64).unwrap_or(0);
                prop_assert_eq!(available, found["spec"]["replicas"].as_u64().unwrap(), "{}", key);
                prop_assert_eq!(&found["status"]["observedGeneration"], &found["metadata"]["generation"]);
            }
            if &*key.kind == "HTTPRoute" {
                let accepted = &found["status"]["parents"][0]["conditions"][0];
                prop_assert_eq!(&accepted["observedGeneration"], &found["metadata"]["generation"], "{}", key);
            }
        }
        let version = cluster.resource_version();
        pass(&mut cluster, 3_600_000);
        prop_assert_eq!(cluster.resource_version(), version, "at rest nothing is written");
    }

    #[test]
    fn the_same_happens_every_time(acts in proptest::collection::vec(act(), 1..40)) {
        let run = || {
            let mut cluster = cluster();
            let answers: Vec<Option<Answer>> = acts.iter().map(|act| perform(&mut cluster, act)).collect();
            (answers, everything(&cluster), cluster.next_event_at())
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn how_time_is_cut_does_not_matter(acts in proptest::collection::vec(act(), 1..30), cut in 1..700_i64) {
        let run = |cut: Option<i64>| {
            let mut cluster = cluster();
            for act in &acts {
                match (act, cut) {
                    (Act::Pass { milliseconds }, Some(cut)) => {
                        let mut left = *milliseconds;
                        while left > 0 {
                            pass(&mut cluster, left.min(cut));
                            left -= cut;
                        }
                    }
                    _ => drop(perform(&mut cluster, act)),
                }
            }
            everything(&cluster)
        };
        prop_assert_eq!(run(None), run(Some(cut)));
    }
}
