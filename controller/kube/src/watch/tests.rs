use serde_json::json;
use tokio::sync::mpsc;

use super::*;
use crate::testing::{Prepared, StandIn};

/// Short enough for a test, and long enough to tell the cases apart.
fn timing() -> WatchTiming {
    WatchTiming {
        probe: Duration::from_millis(20),
        silence: Duration::from_secs(30),
        lifetime: Duration::from_secs(60),
        short: Duration::ZERO,
    }
}

fn key() -> WatchKey {
    WatchKey {
        group: "example.com".into(),
        kind: "Thing".into(),
        versions: Vec::new(),
        namespace: None,
        name: None,
    }
}

struct Heard(mpsc::UnboundedSender<Signal>);

impl Listener for Heard {
    async fn tell(&self, signal: Signal) -> bool {
        self.0.send(signal).is_ok()
    }
}

/// A server that serves the kind, and a watch of it.
async fn start(server: &StandIn) -> mpsc::UnboundedReceiver<Signal> {
    start_with(server, timing()).await
}

async fn start_with(server: &StandIn, timing: WatchTiming) -> mpsc::UnboundedReceiver<Signal> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let api = server.start().await;
    let watch = Watch::new(api, Arc::new(key()), Heard(sender), Arc::new(Metrics::new()), timing);
    tokio::spawn(watch.run());
    receiver
}

fn serve(server: &StandIn) {
    let version = json!({ "version": "v1" });
    server.prepare(
        "/apis/example.com/v1/things?watch=true",
        Prepared::Stream { pieces: Vec::new(), cut: false },
    );
    server.prepare("/apis/example.com/v1/things?", Prepared::Json(200, list("10", None, &["a"])));
    server.prepare("/apis/example.com/v1", Prepared::Json(200, resources()));
    server.prepare(
        "/apis/example.com",
        Prepared::Json(200, json!({ "preferredVersion": version, "versions": [version] })),
    );
}

fn resources() -> Value {
    json!({ "resources": [
        { "name": "things", "kind": "Thing", "namespaced": true, "verbs": ["list", "watch"] },
    ]})
}

fn thing(name: &str, version: &str) -> Value {
    json!({
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": { "name": name, "resourceVersion": version },
        "left": { "as": "it is" },
    })
}

fn list(version: &str, token: Option<&str>, names: &[&str]) -> Value {
    let items: Vec<Value> = names.iter().map(|name| thing(name, "1")).collect();
    json!({ "metadata": { "resourceVersion": version, "continue": token }, "items": items })
}

fn event(type_: &str, object: &Value) -> String {
    format!("{}\n", json!({ "type": type_, "object": object }))
}

fn refused(code: u16, reason: &str) -> Prepared {
    let status = json!({ "kind": "Status", "code": code, "reason": reason, "message": "no" });
    Prepared::Json(code, status)
}

async fn next(heard: &mut mpsc::UnboundedReceiver<Signal>) -> Signal {
    tokio::time::timeout(Duration::from_secs(60), heard.recv())
        .await
        .expect("the watch reports something")
        .expect("the watch goes on")
}

async fn expect_list(heard: &mut mpsc::UnboundedReceiver<Signal>, names: &[&str]) {
    assert!(matches!(next(heard).await, Signal::ListBegan(resource) if &*resource.plural == "things"));
    for name in names {
        assert_eq!(next(heard).await, Signal::Changed(thing(name, "1")));
    }
    assert_eq!(next(heard).await, Signal::ListEnded);
}

#[tokio::test]
async fn lists_in_pages_then_watches_from_there() {
    let server = StandIn::default();
    let changed = thing("a", "11");
    let gone = thing("b", "12");
    let text = format!("{}{}", event("MODIFIED", &changed), event("DELETED", &gone));
    let (front, back) = text.split_at(37);
    server.prepare(
        "things?watch=true",
        Prepared::Stream { pieces: vec![front.to_owned(), back.to_owned()], cut: false },
    );
    server.prepare("continue=next", Prepared::Json(200, list("99", None, &["b"])));
    server.prepare("things?limit", Prepared::Json(200, list("10", Some("next"), &["a"])));
    serve(&server);
    let mut heard = start(&server).await;
    expect_list(&mut heard, &["a", "b"]).await;
    assert_eq!(next(&mut heard).await, Signal::Changed(changed));
    assert_eq!(next(&mut heard).await, Signal::Removed(gone));
    let watches: Vec<_> = server.asked().into_iter().filter(|line| line.contains("watch=true")).collect();
    assert_eq!(watches.len(), 1);
    assert!(watches[0].contains("resourceVersion=10&"), "{watches:?}");
}

#[tokio::test]
async fn a_watch_that_is_cut_goes_on_where_it_was() {
    let server = StandIn::default();
    let pieces = vec![
        event("ADDED", &thing("b", "11")),
        event("BOOKMARK", &json!({ "metadata": { "resourceVersion": "15" } })),
        "{\"type\":\"ADD".to_owned(),
    ];
    server.prepare("things?watch=true", Prepared::Stream { pieces, cut: true });
    server.prepare(
        "things?watch=true",
        Prepared::Stream { pieces: vec![event("ADDED", &thing("c", "16"))], cut: false },
    );
    serve(&server);
    let mut heard = start(&server).await;
    expect_list(&mut heard, &["a"]).await;
    assert_eq!(next(&mut heard).await, Signal::Changed(thing("b", "11")));
    assert_eq!(next(&mut heard).await, Signal::Changed(thing("c", "16")));
    let asked = server.asked();
    assert!(asked.iter().any(|line| line.contains("resourceVersion=15&")), "{asked:?}");
    assert_eq!(asked.iter().filter(|line| line.contains("limit=")).count(), 1, "no second list: {asked:?}");
}

#[tokio::test]
async fn a_watch_that_is_too_far_behind_lists_again() {
    let gone = json!({ "kind": "Status", "code": 410, "reason": "Expired", "message": "too old" });
    for late in [
        Prepared::Stream { pieces: vec![event("ERROR", &gone)], cut: false },
        Prepared::Json(410, gone.clone()),
    ] {
        let server = StandIn::default();
        server.prepare("things?watch=true", late);
        server.prepare("things?watch=true", Prepared::Stream { pieces: Vec::new(), cut: false });
        server.prepare("things?limit", Prepared::Json(200, list("10", None, &["a"])));
        server.prepare("things?limit", Prepared::Json(200, list("20", None, &["b"])));
        serve(&server);
        let mut heard = start(&server).await;
        expect_list(&mut heard, &["a"]).await;
        expect_list(&mut heard, &["b"]).await;
    }
}

#[tokio::test]
async fn a_list_whose_continuation_expired_is_read_at_once() {
    let server = StandIn::default();
    server.prepare("continue=next", refused(410, "Expired"));
    server.prepare("things?limit", Prepared::Json(200, list("10", Some("next"), &["a"])));
    server.prepare("things?watch", Prepared::Stream { pieces: Vec::new(), cut: false });
    server.prepare("/v1/things", Prepared::Json(200, list("20", None, &["a", "b"])));
    serve(&server);
    let mut heard = start(&server).await;
    // The first attempt came half way; what counts is the list that is complete.
    assert!(matches!(next(&mut heard).await, Signal::ListBegan(_)));
    assert_eq!(next(&mut heard).await, Signal::Changed(thing("a", "1")));
    expect_list(&mut heard, &["a", "b"]).await;
}

#[tokio::test]
async fn malformed_events_are_left_out_and_the_watch_goes_on() {
    let server = StandIn::default();
    let pieces = vec![
        "no json\n".to_owned(),
        event("ADDED", &json!({ "metadata": { "name": "nameless version" } })),
        event("STRANGE", &thing("x", "11")),
        event("ADDED", &thing("b", "12")),
    ];
    server.prepare("things?watch=true", Prepared::Stream { pieces, cut: false });
    serve(&server);
    let mut heard = start(&server).await;
    expect_list(&mut heard, &["a"]).await;
    assert_eq!(next(&mut heard).await, Signal::Changed(thing("b", "12")));
}

#[tokio::test]
async fn a_kind_that_comes_later_is_noticed() {
    let server = StandIn::default();
    server.prepare("things?watch=true", Prepared::Stream { pieces: Vec::new(), cut: false });
    server.prepare("things?limit", Prepared::Json(200, list("10", None, &["a"])));
    server.prepare("GET /apis/example.com/v1", Prepared::Json(200, json!({ "resources": [] })));
    server.prepare("GET /apis/example.com/v1", Prepared::Json(200, json!({ "resources": [] })));
    server.prepare("GET /apis/example.com/v1", Prepared::Json(200, resources()));
    let version = json!({ "version": "v1" });
    let group = json!({ "preferredVersion": version, "versions": [version] });
    server.prepare("GET /apis/example.com", Prepared::Json(200, group));
    let mut heard = start(&server).await;
    assert_eq!(next(&mut heard).await, Signal::Unwatchable(Unwatchable::NotServed));
    // Said once, however often it was asked.
    expect_list(&mut heard, &["a"]).await;
}

#[tokio::test]
async fn a_kind_that_may_not_be_watched_says_so_until_it_may() {
    let server = StandIn::default();
    server.prepare("things?limit", refused(403, "Forbidden"));
    server.prepare("things?limit", refused(403, "Forbidden"));
    server.prepare("things?limit", Prepared::Json(200, list("10", None, &["a"])));
    serve(&server);
    let mut heard = start(&server).await;
    assert_eq!(next(&mut heard).await, Signal::Unwatchable(Unwatchable::Forbidden { message: "no".into() }));
    expect_list(&mut heard, &["a"]).await;
}

#[tokio::test]
async fn a_silent_connection_is_replaced() {
    let server = StandIn::default();
    server.prepare("things?watch=true", Prepared::Stream { pieces: Vec::new(), cut: false });
    server.prepare(
        "things?watch=true",
        Prepared::Stream { pieces: vec![event("ADDED", &thing("b", "11"))], cut: false },
    );
    serve(&server);
    let mut heard = start_with(&server, WatchTiming { silence: Duration::from_millis(50), ..timing() }).await;
    expect_list(&mut heard, &["a"]).await;
    assert_eq!(next(&mut heard).await, Signal::Changed(thing("b", "11")));
}

#[tokio::test]
async fn a_server_that_fails_is_asked_again() {
    let server = StandIn::default();
    server.prepare("things?limit", refused(500, "InternalError"));
    server.prepare("things?limit", Prepared::Json(200, list("10", None, &["a"])));
    serve(&server);
    let mut heard = start(&server).await;
    expect_list(&mut heard, &["a"]).await;
}
