//! Watches: what they report, from when, and until when.

use serde_json::json;
use tidegate_api::{Operation, Request, WatchEvent, builtin, object};
use tidegate_cluster::{Cluster, Settings};

use crate::support::*;

fn told(cluster: &Cluster, since: u64) -> Vec<(u64, String)> {
    cluster
        .events_since(&config_maps(), Some(NAMESPACE), since)
        .unwrap()
        .map(|(version, event)| match event {
            WatchEvent::Applied(object) => (version, format!("+{}", object::name(&object))),
            WatchEvent::Deleted(object) => {
                assert_eq!(object::resource_version(&object), version.to_string());
                (version, format!("-{}", object::name(&object)))
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn every_change_is_told_once_in_order() {
    let mut cluster = cluster();
    let start = cluster.resource_version();
    create(&mut cluster, &config_maps(), config_map("a")).unwrap();
    create(&mut cluster, &builtin::rollouts(), rollout("web")).unwrap();
    create(&mut cluster, &config_maps(), config_map("b")).unwrap();
    merge(&mut cluster, &config_maps(), "a", None, json!({"data": {"x": "y"}})).unwrap();
    merge(&mut cluster, &config_maps(), "a", None, json!({"data": {"x": "y"}})).unwrap();
    delete(&mut cluster, &config_maps(), "b").unwrap();
    let all = [(start + 1, "+a"), (start + 3, "+b"), (start + 4, "+a"), (start + 5, "-b")];
    let all: Vec<(u64, String)> = all.map(|(version, text)| (version, text.to_owned())).to_vec();
    assert_eq!(told(&cluster, start), all);
    assert_eq!(told(&cluster, start + 3), all[2..]);
    assert_eq!(told(&cluster, 0), all);
    assert!(told(&cluster, cluster.resource_version()).is_empty());
    assert!(told(&cluster, cluster.resource_version() + 5).is_empty());
}

#[test]
fn a_watch_sees_its_namespace_or_all() {
    let mut cluster = cluster();
    let start = cluster.resource_version();
    for namespace in ["default", "shop"] {
        let operation = Operation::Create { object: config_map("a") };
        cluster
            .handle(&Request { resource: config_maps(), namespace: Some(namespace.into()), operation })
            .unwrap();
    }
    let count = |namespace| cluster.events_since(&config_maps(), namespace, start).unwrap().count();
    assert_eq!((count(Some("shop")), count(None), count(Some("none"))), (1, 2, 0));
}

#[test]
fn too_old_a_version_has_to_list_again() {
    let mut cluster = cluster();
    let start = cluster.resource_version();
    for name in ["a", "b", "c"] {
        create(&mut cluster, &config_maps(), config_map(name)).unwrap();
    }
    cluster.compact(start + 2);
    let error = cluster.events_since(&config_maps(), None, start + 1).map(Iterator::count).unwrap_err();
    assert!(error.is_expired());
    assert_eq!(error.reason, "Expired");
    assert_eq!(told(&cluster, start + 2), [(start + 3, "+c".to_owned())]);
    cluster.compact(u64::MAX);
    assert!(told(&cluster, start + 3).is_empty());
    create(&mut cluster, &config_maps(), config_map("d")).unwrap();
    assert_eq!(told(&cluster, start + 3), [(start + 4, "+d".to_owned())]);
}

#[test]
fn the_window_is_bounded() {
    let mut cluster = Cluster::new(Settings { watch_window: 3, ..Settings::default() });
    let start = cluster.resource_version();
    for name in ["a", "b", "c", "d"] {
        create(&mut cluster, &config_maps(), config_map(name)).unwrap();
    }
    assert!(cluster.events_since(&config_maps(), None, start).is_err());
    assert_eq!(told(&cluster, start + 1).len(), 3);
}
