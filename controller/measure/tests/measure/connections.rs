//! Connections that end before there is an answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tidegate_zoo::{Answer, Server, Step};

use crate::rig::{observe, prometheus, server, web};

/// Ends so many connections without an answer, then answers with a value of Prometheus.
fn unsteady(ended: usize) -> Server {
    let asked = AtomicUsize::new(0);
    let scalar =
        json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "3"]}}).to_string();
    server(move |_| {
        if asked.fetch_add(1, Ordering::Relaxed) < ended {
            Answer(vec![Step::Reset])
        } else {
            Answer::new("200 OK", &[], scalar.as_bytes())
        }
    })
}

#[tokio::test]
async fn what_changes_nothing_is_asked_once_more() {
    let once = unsteady(1);
    assert!(observe(&web(&once.url("/"), json!({}))).await.is_ok());
    let once = unsteady(1);
    assert_eq!(observe(&prometheus(&once.url(""), json!({}))).await.unwrap().text, "3");
    let twice = unsteady(2);
    assert_eq!(observe(&web(&twice.url("/"), json!({}))).await.unwrap_err().reason(), "NoAnswer");
    assert_eq!(twice.seen().len(), 2);
}

#[tokio::test]
async fn what_may_change_something_is_asked_once() {
    let once = unsteady(1);
    let post = web(&once.url("/"), json!({"method": "POST", "body": "x"}));
    assert_eq!(observe(&post).await.unwrap_err().reason(), "NoAnswer");
    assert_eq!(once.seen().len(), 1);
}
