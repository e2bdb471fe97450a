//! Redirects: where they lead, and what goes along.

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use tidegate_artifact::LoadReason;
use tidegate_zoo::{Answer, Server};

use crate::rig::{BODY, Rig, SECRET};

#[tokio::test]
async fn headers_go_along_on_one_server_only() {
    let rig = Rig::new();
    let storage = rig.server(|_| Answer::file(BODY));
    let to = storage.url(&format!("/asset?signature={SECRET}"));
    let api = rig.server(move |request| match request.target.as_str() {
        "/latest" => Answer::redirect("/asset"),
        _ => Answer::redirect(&to),
    });
    let mut request = rig.request(&api.url("/latest"));
    request.headers = vec![
        (AUTHORIZATION, HeaderValue::from_static(SECRET)),
        (HeaderName::from_static("private-token"), HeaderValue::from_static(SECRET)),
    ];
    assert_eq!(rig.fetch(&request).await.unwrap().bytes(), BODY);
    for asked in api.seen() {
        assert_eq!(
            (asked.header("authorization"), asked.header("private-token")),
            (Some(SECRET), Some(SECRET)),
            "{asked:?}"
        );
    }
    assert_eq!(api.seen().len(), 2);
    let asked = &storage.seen()[0];
    assert!(asked.headers.iter().all(|(_, value)| !value.contains(SECRET)), "{asked:?}");
    assert!(asked.header("referer").is_none());
}

#[tokio::test]
async fn https_is_never_left_unless_that_is_allowed() {
    let rig = Rig::new();
    let plain = Server::start(None, |_| Answer::file(BODY));
    let to = plain.url("/p.wasm");
    let server = rig.server(move |_| Answer::redirect(&to));
    let mut request = rig.request(&server.url("/p.wasm"));
    let error = rig.fetch(&request).await.unwrap_err();
    assert_eq!((error.reason, error.status), (LoadReason::HttpStatus, Some(302)));
    assert_eq!(plain.seen(), []);
    request.allow_http = true;
    assert_eq!(rig.fetch(&request).await.unwrap().bytes(), BODY);
}

#[tokio::test]
async fn circles_end() {
    let mut rig = Rig::new();
    // Not tried again: it would be the same circle.
    rig.settings.retries = 3;
    let server = rig.server(|request| match request.target.as_str() {
        "/a" => Answer::redirect("/b"),
        "/b" => Answer::redirect("/a"),
        other => Answer::redirect(&format!("{other}1")),
    });
    let error = rig.get(&server.url("/a")).await.unwrap_err();
    assert_eq!(error.reason, LoadReason::HttpStatus);
    assert_eq!(server.seen().len(), 2);
    assert_eq!(rig.get(&server.url("/1")).await.unwrap_err().reason, LoadReason::HttpStatus);
    assert_eq!(server.seen().len(), 2 + 11);
}

#[tokio::test]
async fn other_answers_of_the_three_hundreds_are_no_redirects() {
    let rig = Rig::new();
    let server = rig.server(|request| {
        let status = &request.target[1..];
        if status == "302" {
            Answer::new("302 Found", &[], b"")
        } else {
            Answer::new(status, &["Location: /302"], b"")
        }
    });
    for status in [300, 302, 304, 305] {
        let error = rig.get(&server.url(&format!("/{status}"))).await.unwrap_err();
        assert_eq!((error.reason, error.status), (LoadReason::HttpStatus, Some(status)));
    }
}
