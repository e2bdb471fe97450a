//! On a socket: what watches tell as it happens, and what goes wrong.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;
use tidegate_api::{ApiError, Operation, Request, Resource, builtin};
use tidegate_cluster::{Cluster, Settings};
use tidegate_server::{Fate, Handle, serve};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::client::MAPS;

async fn start() -> (Handle, u16) {
    let handle = Handle::new(Cluster::new(Settings::default()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(serve(listener, handle.clone()));
    (handle, port)
}

async fn open(port: u16, path: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    BufReader::new(stream)
}

/// The whole answer, up to where the connection ends.
async fn answer(port: u16, path: &str) -> String {
    let mut text = Vec::new();
    // A connection that breaks off is what some tests are about.
    let _ = open(port, path).await.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

fn make(handle: &Handle, name: &str) {
    let operation = Operation::Create { object: json!({"metadata": {"name": name}}) };
    let resource = Resource::namespaced("", "v1", "ConfigMap", "configmaps");
    let request = Request { resource, namespace: Some("shop".into()), operation };
    handle.with(|cluster| cluster.handle(&request).map(drop)).unwrap();
}

async fn line_with(reader: &mut BufReader<TcpStream>, part: &str) -> bool {
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        if line.contains(part) {
            return true;
        }
    }
}

#[tokio::test]
async fn watches_tell_what_happens_as_it_happens() {
    let (handle, port) = start().await;
    let mut watch = open(port, &format!("{MAPS}?watch=true")).await;
    assert!(line_with(&mut watch, "200 OK").await);
    make(&handle, "first");
    assert!(line_with(&mut watch, "\"name\":\"first\"").await);
    handle.hold_watches(true);
    make(&handle, "second");
    make(&handle, "third");
    handle.hold_watches(false);
    assert!(line_with(&mut watch, "\"name\":\"second\"").await);
    assert!(line_with(&mut watch, "\"name\":\"third\"").await);
    handle.cut_watches();
    assert!(!line_with(&mut watch, "name").await);
}

#[tokio::test]
async fn requests_meet_their_fate() {
    let (handle, port) = start().await;
    make(&handle, "web");
    assert!(answer(port, MAPS).await.contains("\"name\":\"web\""));
    let busy = ApiError { retry_after: Some(3), ..ApiError::new(429, "TooManyRequests", "later") };
    handle.decide_fates(move |_| Fate::Refused(busy.clone()));
    let text = answer(port, MAPS).await.to_lowercase();
    assert!(text.starts_with("http/1.1 429") && text.contains("retry-after: 3"), "{text}");
    for fate in [Fate::Lost, Fate::Unanswered] {
        handle.decide_fates(move |_| fate.clone());
        assert!(!answer(port, MAPS).await.contains("web"));
    }
    handle.decide_fates(|_| Fate::Late(Duration::from_millis(1)));
    assert!(answer(port, MAPS).await.contains("web"));
}

#[tokio::test]
async fn time_passes_as_in_the_runtime() {
    let (handle, _) = start().await;
    let begun = handle.with(|cluster| cluster.now());
    let ready_after = Duration::from_millis(30);
    handle.with(|cluster| cluster.settings_mut().pods.ready_after = ready_after);
    tokio::spawn(handle.clone().follow_the_clock());
    let pod = json!({
        "metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    });
    let operation = Operation::Create { object: pod };
    let request = Request { resource: builtin::pods(), namespace: Some("shop".into()), operation };
    handle.with(|cluster| cluster.handle(&request).map(drop)).unwrap();
    let is_ready = |cluster: &mut Cluster| {
        let pod = cluster.object(&builtin::pods(), "shop", "web").unwrap();
        pod["status"]["phase"] == "Running"
    };
    while !handle.with(is_ready) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(handle.with(|cluster| cluster.now()).duration_since(begun).unsigned_abs() >= ready_after);
}
