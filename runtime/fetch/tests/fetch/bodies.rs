//! What comes, how much of it, and how fast.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue};
use sha2::{Digest as _, Sha256};
use tidegate_artifact::LoadReason;
use tidegate_contract::Digest;
use tidegate_zoo::{Answer, Server, Step};

use crate::rig::{BODY, CAP, Rig, SECRET};

#[tokio::test]
async fn bytes_come_as_they_are() {
    let rig = Rig::new();
    let server = rig.server(|_| Answer::file(BODY));
    let artifact = rig.get(&server.url(&format!("/p.wasm?sig={SECRET}"))).await.unwrap();
    assert_eq!((artifact.bytes(), artifact.is_pinned()), (BODY, false));
    assert!(artifact.origin().contains("/p.wasm"), "{}", artifact.origin());

    let asked = &server.seen()[0];
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/p.wasm?sig=hunter2"));
    assert_eq!(asked.header("accept-encoding"), Some("identity"));
    assert!(asked.header("user-agent").unwrap().starts_with("tidegate/"));
    assert_eq!(asked.header("cookie"), None);
}

#[tokio::test]
async fn the_pin_is_compared() {
    let rig = Rig::new();
    let server = rig.server(|_| Answer::new("200 OK", &["Content-Type: text/html; charset=utf-8"], BODY));
    let mut request = rig.request(&server.url("/p.wasm"));
    request.sha256 = Some(Digest(Sha256::digest(BODY).into()));
    assert!(rig.fetch(&request).await.unwrap().is_pinned());
    request.sha256 = Some(Digest(Sha256::digest(b"something else").into()));
    let error = rig.fetch(&request).await.unwrap_err();
    assert_eq!(error.reason, LoadReason::DigestMismatch);
    assert!(error.message.contains("text/html"), "{error}");
}

#[tokio::test]
async fn headers_of_the_request_are_sent() {
    let rig = Rig::new();
    let server = rig.server(|_| Answer::new("404 Not Found", &[], b""));
    let mut request = rig.request(&server.url("/p.wasm"));
    request.headers = vec![
        (AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {SECRET}")).unwrap()),
        (ACCEPT, HeaderValue::from_static("application/octet-stream")),
    ];
    let error = rig.fetch(&request).await.unwrap_err();
    assert_eq!((error.reason, error.status), (LoadReason::HttpStatus, Some(404)));
    let asked = &server.seen()[0];
    assert_eq!(asked.header("authorization"), Some("Bearer hunter2"));
    assert_eq!(asked.headers.iter().filter(|(name, _)| name == "accept").count(), 1);
    assert_eq!(asked.header("accept"), Some("application/octet-stream"));

    request.headers = vec![(HOST, HeaderValue::from_static(SECRET))];
    assert_eq!(rig.fetch(&request).await.unwrap_err().reason, LoadReason::InvalidConfig);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn no_more_than_allowed_is_read() {
    let rig = Rig::new();
    let cap = usize::try_from(CAP).unwrap();
    let server = rig.server(move |request| match request.target.as_str() {
        "/just-fits" => Answer::file(&vec![0; cap]),
        // It is not waited for what is not read anyway.
        "/said" => Answer::head("200 OK", &["Content-Length: 101"]).then(Step::Hang),
        "/not-said" => Answer::head("200 OK", &[]).then(Step::Write(vec![0; cap + 1])).then(Step::Hang),
        _ => Answer::head("200 OK", &[]).then(Step::WriteForEver(vec![0; 1 << 16])),
    });
    assert_eq!(rig.get(&server.url("/just-fits")).await.unwrap().bytes().len(), cap);
    for target in ["/said", "/not-said", "/endless"] {
        assert_eq!(rig.get(&server.url(target)).await.unwrap_err().reason, LoadReason::TooLarge, "{target}");
    }
}

#[tokio::test]
async fn what_breaks_off_says_after_how_much() {
    let rig = Rig::new();
    let server = rig.server(|request| {
        let head = Answer::head("200 OK", &["Content-Length: 50"]).then(Step::Write(BODY.to_vec()));
        if request.target == "/reset" { head.then(Step::Reset) } else { head }
    });
    for target in ["/reset", "/closed"] {
        let error = rig.get(&server.url(target)).await.unwrap_err();
        assert_eq!(error.reason, LoadReason::Unreachable);
        assert!(error.message.contains("10 of 50 bytes"), "{error}");
    }
}

#[tokio::test]
async fn silence_ends_before_the_deadline_and_slowness_with_it() {
    let mut rig = Rig::new();
    let server = rig.server(|request| {
        let head = Answer::head("200 OK", &["Content-Length: 50"]);
        match request.target.as_str() {
            "/no-answer" => Answer::default().then(Step::Hang),
            "/no-body" => head.then(Step::Hang),
            "/slow-head" => {
                Answer::default().then(Step::Drip(vec![b'H'; 1 << 20], Duration::from_millis(20)))
            }
            _ => head.then(Step::Drip(vec![0; 50], Duration::from_millis(100))),
        }
    });
    rig.settings.idle = Duration::from_millis(300);
    rig.settings.connect = Duration::from_secs(3);
    for (target, told) in [("/no-answer", "does not answer"), ("/no-body", "nothing more after 0 bytes")] {
        let error = rig.get(&server.url(target)).await.unwrap_err();
        assert_eq!(error.reason, LoadReason::Unreachable);
        assert!(error.message.contains(told) && !error.message.contains("all the time"), "{error}");
    }
    rig.settings.deadline = Duration::from_millis(1500);
    rig.settings.idle = Duration::from_secs(60);
    for target in ["/slow-body", "/slow-head"] {
        let error = rig.get(&server.url(target)).await.unwrap_err();
        assert_eq!(error.reason, LoadReason::Unreachable);
        assert!(error.message.contains("all the time"), "{error}");
    }
}

#[tokio::test]
async fn what_comes_encoded_is_refused_and_not_decoded() {
    let rig = Rig::new();
    let server = rig.server(|request| {
        Answer::new("200 OK", &[&format!("Content-Encoding: {}", &request.target[1..])], BODY)
    });
    for encoding in ["gzip", "br", "zstd"] {
        let error = rig.get(&server.url(&format!("/{encoding}"))).await.unwrap_err();
        assert_eq!(error.reason, LoadReason::NotWasm);
        assert!(error.message.contains(encoding), "{error}");
    }
    assert_eq!(rig.get(&server.url("/identity")).await.unwrap().bytes(), BODY);
}

#[tokio::test]
async fn plain_http_has_to_be_allowed() {
    let rig = Rig::new();
    let server = Server::start(None, |_| Answer::file(BODY));
    let mut request = rig.request(&server.url("/p.wasm"));
    assert_eq!(rig.fetch(&request).await.unwrap_err().reason, LoadReason::InvalidConfig);
    assert_eq!(server.seen().len(), 0);
    request.allow_http = true;
    assert_eq!(rig.fetch(&request).await.unwrap().bytes(), BODY);
}
