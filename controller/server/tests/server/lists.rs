//! Lists and discovery.

use http::Method;
use serde_json::Value;

use crate::client::{MAPS, ask, get, put, request, send, server, server_with};

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

#[test]
fn pages_are_of_the_state_of_the_first() {
    let mut server = server_with(5);
    let (_, first) = get(&mut server, &format!("{MAPS}?limit=2"));
    assert_eq!(names(&first), ["map-0", "map-1"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    put(&mut server, "map-00", false);
    send(&mut server, Method::DELETE, &format!("{MAPS}/map-3"), &Value::Null);
    let (_, second) = get(&mut server, &format!("{MAPS}?limit=2&continue={token}"));
    assert_eq!(names(&second), ["map-2", "map-3"]);
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let token = second["metadata"]["continue"].as_str().unwrap();
    let (_, third) = get(&mut server, &format!("{MAPS}?limit=2&continue={token}"));
    assert_eq!(names(&third), ["map-4"]);
    assert!(third["metadata"].get("continue").is_none());
}

#[test]
fn a_list_that_took_too_long_expires() {
    let mut server = server_with(3);
    let (_, first) = get(&mut server, &format!("{MAPS}?limit=1"));
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    put(&mut server, "other", false);
    let version = server.cluster.resource_version();
    server.cluster.compact(version);
    let (code, answer) = get(&mut server, &format!("{MAPS}?limit=1&continue={token}"));
    assert_eq!((code, answer["reason"].as_str()), (410, Some("Expired")));
    let (code, _) = get(&mut server, &format!("{MAPS}?limit=1&continue=nonsense"));
    assert_eq!(code, 400);
}

#[test]
fn selectors_choose() {
    let mut server = server_with(4);
    for (query, expected) in [
        ("labelSelector=odd%3Dyes", ["map-1", "map-3"].as_slice()),
        ("labelSelector=!odd", &["map-0", "map-2"]),
        ("fieldSelector=metadata.name%3Dmap-2", &["map-2"]),
        ("labelSelector=odd&fieldSelector=metadata.name%3Dmap-2", &[]),
    ] {
        let (_, list) = get(&mut server, &format!("{MAPS}?{query}"));
        assert_eq!(names(&list), expected, "{query}");
    }
}

#[test]
fn only_metadata_where_that_is_asked_for() {
    let mut server = server_with(1);
    let accept = [("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")];
    let (_, list) = ask(&mut server, &request(Method::GET, MAPS, &accept, ""));
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["kind"], "PartialObjectMetadata");
    assert_eq!(names(&list), ["map-0"]);
}

#[test]
fn items_of_built_in_kinds_do_not_say_what_they_are() {
    let (_, list) = get(&mut server_with(1), MAPS);
    assert_eq!(list["kind"], "ConfigMapList");
    assert!(list["items"][0].get("kind").is_none());
}

#[test]
fn discovery_leads_to_every_kind() {
    let mut server = server();
    let (_, groups) = get(&mut server, "/apis");
    let mut paths = vec!["/api/v1".to_owned()];
    for group in groups["groups"].as_array().unwrap() {
        let (code, alone) = get(&mut server, &format!("/apis/{}", group["name"].as_str().unwrap()));
        assert_eq!((code, &alone["versions"]), (200, &group["versions"]));
        for version in group["versions"].as_array().unwrap() {
            paths.push(format!("/apis/{}", version["groupVersion"].as_str().unwrap()));
        }
    }
    let mut found = 0;
    for path in paths {
        let (code, list) = get(&mut server, &path);
        assert_eq!(code, 200, "{path}");
        for resource in list["resources"].as_array().unwrap() {
            let name = resource["name"].as_str().unwrap();
            if !name.contains('/') {
                assert_eq!(get(&mut server, &format!("{path}/{name}")).0, 200, "{path}/{name}");
                found += 1;
            }
        }
    }
    assert_eq!(found, server.cluster.resources().count());
    assert_eq!(get(&mut server, "/apis/nonsense.io").0, 404);
}
