//! Watches, in virtual time.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tidegate_server::ApiServer;

use crate::client::{MAPS, get, put, send, server, server_with, told, watch};

fn version(server: &ApiServer) -> u64 {
    server.cluster.resource_version()
}

fn pass(server: &mut ApiServer, seconds: i64) {
    let to = server.cluster.now().checked_add(SignedDuration::from_secs(seconds)).unwrap();
    server.cluster.advance(to);
}

#[test]
fn a_watch_goes_on_from_where_a_list_was() {
    let mut server = server_with(1);
    let from = version(&server);
    let mut watch = watch(&mut server, &format!("{MAPS}?watch=true&resourceVersion={from}"));
    assert_eq!(told(&server, &mut watch), (vec![], false));
    put(&mut server, "web", false);
    send(&mut server, Method::PATCH, &format!("{MAPS}/web"), &json!({"data": {"a": "1"}}));
    send(&mut server, Method::DELETE, &format!("{MAPS}/map-0"), &Value::Null);
    let events = ["ADDED web", "MODIFIED web", "DELETED map-0"].map(str::to_owned);
    assert_eq!(told(&server, &mut watch), (events.to_vec(), false));
    assert_eq!(told(&server, &mut watch), (vec![], false));
}

#[test]
fn without_a_place_it_begins_with_all_there_is() {
    let mut server = server_with(2);
    for query in ["watch=true", "watch=1&resourceVersion=0"] {
        let mut watch = watch(&mut server, &format!("{MAPS}?{query}"));
        assert_eq!(told(&server, &mut watch).0, ["ADDED map-0", "ADDED map-1"], "{query}");
    }
    let query =
        "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";
    let mut watch = watch(&mut server, &format!("{MAPS}?{query}"));
    assert_eq!(told(&server, &mut watch).0, ["ADDED map-0", "ADDED map-1", "BOOKMARK null"]);
}

#[test]
fn what_is_selected_comes_and_goes() {
    let mut server = server_with(2);
    let from = version(&server);
    let query = format!("watch=true&labelSelector=odd&resourceVersion={from}");
    let mut watch = watch(&mut server, &format!("{MAPS}?{query}"));
    let label = |server: &mut ApiServer, name: &str, value: Value| {
        send(
            server,
            Method::PATCH,
            &format!("{MAPS}/{name}"),
            &json!({"metadata": {"labels": {"odd": value}}}),
        );
    };
    label(&mut server, "map-0", json!("yes"));
    label(&mut server, "map-1", Value::Null);
    label(&mut server, "map-1", json!("again"));
    assert_eq!(told(&server, &mut watch).0, ["ADDED map-0", "DELETED map-1", "ADDED map-1"]);
}

#[test]
fn a_watch_that_is_too_far_behind_is_told_so() {
    let mut server = server_with(3);
    let now = version(&server);
    server.cluster.compact(now);
    let mut watch = watch(&mut server, &format!("{MAPS}?watch=true&resourceVersion=2"));
    assert_eq!(told(&server, &mut watch), (vec!["ERROR 410".to_owned()], true));
    assert_eq!(told(&server, &mut watch), (vec![], true));
}

#[test]
fn bookmarks_come_and_the_end_does() {
    let mut server = server();
    let from = version(&server);
    let query = format!("watch=true&allowWatchBookmarks=true&timeoutSeconds=90&resourceVersion={from}");
    let mut watch = watch(&mut server, &format!("{MAPS}?{query}"));
    pass(&mut server, 59);
    assert_eq!(told(&server, &mut watch), (vec![], false));
    pass(&mut server, 1);
    assert_eq!(told(&server, &mut watch).0, ["BOOKMARK null"]);
    pass(&mut server, 29);
    assert_eq!(told(&server, &mut watch), (vec![], false));
    pass(&mut server, 1);
    assert_eq!(told(&server, &mut watch), (vec![], true));
}

#[test]
fn a_watch_is_of_its_kind_and_namespace() {
    let mut server = server();
    let from = version(&server);
    let mut here = watch(&mut server, &format!("{MAPS}?watch=true&resourceVersion={from}"));
    let mut everywhere = watch(&mut server, &format!("/api/v1/configmaps?watch=true&resourceVersion={from}"));
    let elsewhere = "/api/v1/namespaces/other/configmaps";
    send(&mut server, Method::POST, elsewhere, &json!({"metadata": {"name": "there"}}));
    send(
        &mut server,
        Method::POST,
        "/api/v1/namespaces/shop/secrets",
        &json!({"metadata": {"name": "secret"}}),
    );
    put(&mut server, "here", false);
    assert_eq!(told(&server, &mut here).0, ["ADDED here"]);
    assert_eq!(told(&server, &mut everywhere).0, ["ADDED there", "ADDED here"]);
    assert_eq!(get(&mut server, &format!("{MAPS}?watch=true&resourceVersion=x")).0, 500);
}
