//! What is tried again, and when not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidegate_artifact::LoadReason;
use tidegate_zoo::{Answer, Server, Step};

use crate::rig::{BODY, Rig};

/// A server that fails so often, each time so, and then has the file.
fn fails(rig: &Rig, times: usize, answer: fn() -> Answer) -> Server {
    let count = Arc::new(AtomicUsize::new(0));
    rig.server(
        move |_| if count.fetch_add(1, Ordering::SeqCst) < times { answer() } else { Answer::file(BODY) },
    )
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let mut rig = Rig::new();
    rig.settings.retries = 2;
    let failures: [fn() -> Answer; 6] = [
        || Answer::new("503 Service Unavailable", &["Retry-After: 0"], b""),
        || Answer::new("502 Bad Gateway", &[], b""),
        || Answer::new("429 Too Many Requests", &["Retry-After: 1"], b""),
        || Answer::new("503 Service Unavailable", &["Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"], b""),
        || {
            Answer::head("200 OK", &["Content-Length: 50"])
                .then(Step::Write(b"half".to_vec()))
                .then(Step::Reset)
        },
        || Answer::default(),
    ];
    for failure in failures {
        let server = fails(&rig, 1, failure);
        assert_eq!(rig.get(&server.url("/")).await.unwrap().bytes(), BODY);
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test]
async fn tries_end() {
    let mut rig = Rig::new();
    rig.settings.retries = 2;
    let server = fails(&rig, 100, || Answer::new("500 Internal Server Error", &[], b""));
    let error = rig.get(&server.url("/")).await.unwrap_err();
    assert_eq!((error.reason, error.status, error.retry_after), (LoadReason::HttpStatus, Some(500), None));
    assert_eq!(server.seen().len(), 3);
    assert!(error.message.contains("3 times"), "{error}");
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    let mut rig = Rig::new();
    rig.settings.retries = 5;
    let failures: [fn() -> Answer; 3] = [
        || Answer::new("404 Not Found", &["Retry-After: 0"], b""),
        || Answer::new("401 Unauthorized", &[], b""),
        || Answer::file(&[0; 1000]),
    ];
    for failure in failures {
        let server = fails(&rig, 1, failure);
        rig.get(&server.url("/")).await.unwrap_err();
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn who_wants_longer_than_there_is_time_for_is_told_to_whoever_asked() {
    let mut rig = Rig::new();
    rig.settings.retries = 5;
    let server = fails(&rig, 1, || Answer::new("429 Too Many Requests", &["Retry-After: 120"], b""));
    let error = rig.get(&server.url("/")).await.unwrap_err();
    assert_eq!(error.retry_after, Some(Duration::from_secs(120)));
    assert_eq!(server.seen().len(), 1);
}
