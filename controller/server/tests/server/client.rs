//! A server with some objects, and how tests ask it.

use axum::body::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use tidegate_cluster::{Cluster, Settings};
use tidegate_server::{ApiServer, Reply, Watch};

pub(crate) const MAPS: &str = "/api/v1/namespaces/shop/configmaps";

pub(crate) fn server() -> ApiServer {
    ApiServer::new(Cluster::new(Settings::default()))
}

/// With this many `ConfigMap`s, the odd ones of which are labelled so.
pub(crate) fn server_with(count: usize) -> ApiServer {
    let mut server = server();
    for number in 0..count {
        put(&mut server, &format!("map-{number}"), number % 2 == 1);
    }
    server
}

pub(crate) fn put(server: &mut ApiServer, name: &str, odd: bool) -> Value {
    let labels = if odd { json!({"odd": "yes"}) } else { json!({}) };
    let (code, answer) =
        send(server, Method::POST, MAPS, &json!({"metadata": {"name": name, "labels": labels}}));
    assert_eq!(code, 201, "{answer}");
    answer
}

pub(crate) fn request(method: Method, uri: &str, headers: &[(&str, &str)], body: &str) -> Request<Bytes> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::from(body.to_owned())).unwrap()
}

/// What is answered, as JSON where it is JSON.
pub(crate) fn ask(server: &mut ApiServer, request: &Request<Bytes>) -> (u16, Value) {
    let Reply::Answer(answer) = server.respond(request) else { panic!("that is a watch") };
    let text = String::from_utf8(answer.body().to_vec()).unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub(crate) fn get(server: &mut ApiServer, uri: &str) -> (u16, Value) {
    ask(server, &request(Method::GET, uri, &[], ""))
}

pub(crate) fn send(server: &mut ApiServer, method: Method, uri: &str, body: &Value) -> (u16, Value) {
    let content_type =
        if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    ask(server, &request(method, uri, &[("content-type", content_type)], &body.to_string()))
}

pub(crate) fn watch(server: &mut ApiServer, uri: &str) -> Watch {
    let Reply::Watch(watch) = server.respond(&request(Method::GET, uri, &[], "")) else { panic!("no watch") };
    *watch
}

/// What a watch tells now: the types of its events with the names of the objects, and whether it has ended.
pub(crate) fn told(server: &ApiServer, watch: &mut Watch) -> (Vec<String>, bool) {
    let progress = watch.read(&server.cluster);
    let text = String::from_utf8(progress.text).unwrap();
    let events = text.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        let of = if event["type"] == "ERROR" {
            &event["object"]["code"]
        } else {
            &event["object"]["metadata"]["name"]
        };
        format!("{} {}", event["type"].as_str().unwrap(), of.to_string().trim_matches('"'))
    });
    (events.collect(), progress.ended)
}
